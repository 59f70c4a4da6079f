/* SPDX-License-Identifier: MIT */
/* Finds the settings with which a model is fastest here. The values of a setting are tried in turns, each time from a
 * fresh opening, so that what drifts hits all alike; a value that was slower each time than another was at its worst is
 * tried no more. The usual value stays unless another is clearly better. No setting changes what is answered. */
#ifndef TL_ENGINE_TUNE_H
#define TL_ENGINE_TUNE_H

#include "base/progress.h"
#include "engine/engine.h"

enum tl_tune_setting {
#define TUNE(name, where, work, help) TL_TUNE_##name,
#include "engine/tune.def"
#undef TUNE
    TL_TUNE_SETTINGS
};

enum tl_tune_work { TL_TUNE_PROMPT, TL_TUNE_ANSWER, TL_TUNE_BOTH };
enum { TL_TUNE_VALUES = 5, TL_TUNE_ROUNDS = 7, TL_TUNE_TEXT = 16 };

/* "4", "512", "pread"; empty: as the engine does by itself. */
struct tl_tune_values { char text[TL_TUNE_SETTINGS][TL_TUNE_TEXT]; };

/* What a model is like, and a run's work on it. */
struct tl_tune_facts {
    uint32_t threads;                    /* that it has by itself */
    uint32_t prompt_tokens, answer_tokens;       /* of a run */
    bool streamed, experts;              /* weights are streamed; routed experts among them */
};

/* Seconds of one run's work from a fresh opening with these values. */
typedef int (*tl_tune_measure)(void *context, const struct tl_tune_values *values, enum tl_tune_work work, double *ret_seconds);

struct tl_tune_value { char text[TL_TUNE_TEXT]; double samples[TL_TUNE_ROUNDS], median; uint32_t n_samples; bool out; };

struct tl_tune_trial {
    uint32_t n_values, chosen;           /* n_values 0: not tried */
    struct tl_tune_value values[TL_TUNE_VALUES];         /* the first is the usual one */
    double gain;                         /* share of the usual time that the chosen value saves */
    const char *why;                     /* a phrase */
};

struct tl_tune {
    struct tl_tune_facts facts;
    struct tl_tune_values values;        /* the winners; empty where the usual one stays */
    struct tl_tune_trial trials[TL_TUNE_SETTINGS];
    double seconds;
};

const char *tl_tune_name(enum tl_tune_setting setting);
const char *tl_tune_help(enum tl_tune_setting setting);

/* Tries all settings that matter for these facts, for at most so many seconds, give or take a run. */
int tl_tune_decide(const struct tl_tune_facts *facts, tl_tune_measure measure, void *context, double most_seconds, struct tl_progress *progress,
                   struct tl_tune *ret_tune);

/* tune_measure.c: the same for a model, which is opened anew for each run; options: as of tl_engine_open, what they name is not tried.
 * run_seconds: that a run's prompt and its answer each take, about. */
int tl_tune_model(const char *path, const struct tl_engine_options *options, double run_seconds, double most_seconds, struct tl_progress *progress,
                  struct tl_tune *ret_tune);
/* Writes the values into options, where these say nothing. Texts are borrowed from values. */
int tl_tune_apply(const struct tl_tune_values *values, struct tl_engine_options *options);

#endif
