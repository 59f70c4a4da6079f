/* SPDX-License-Identifier: MIT */
/* Models compared: how likely texts are to them, how far they are from a reference, how many tasks they solve, how their answers
 * drift, and what all of it costs. Each model is opened by itself, under one budget: once to score (sweeps, so that it may be
 * larger than memory), once to answer in lockstep. The reference is swept once and stored (reference.h).
 *
 *     struct tl_eval_order order = { .models = paths, .n_models = 2, .reference = teacher, .text = "held-out/" };
 *     struct tl_eval eval;
 *     if ((r = tl_eval(&order, progress, &eval)) >= 0)
 *         tl_eval_write(&eval, &json);                    docs/eval.md
 *     tl_eval_done(&eval);                                whatever came back
 *
 * Standard errors are of the mean over items (tokens, tasks, prompts). A mean of nothing has n = 0. */
#ifndef TL_COMPRESS_EVAL_H
#define TL_COMPRESS_EVAL_H

#include "base/buffer.h"
#include "base/progress.h"
#include "engine/engine.h"

struct tl_eval_mean { double mean, se; uint64_t n; };

struct tl_eval_cost { double joules, money, seconds; bool known, measured; };        /* measured: the joules */

/* Who opens models, so that their costs are kept. NULL where an order has none: tl_engine_open, and no costs. */
struct tl_eval_host {
    int (*open)(void *context, const char *path, const struct tl_engine_options *options, struct tl_engine **ret_engine);
    void (*cost)(void *context, struct tl_engine *engine, struct tl_eval_cost *ret_cost);    /* since it was opened, with that */
    void (*close)(void *context, struct tl_engine *engine, int status);                      /* status: how its work ended */
    void *context;
};

struct tl_eval_order {
    const char *const *models;           /* paths */
    uint32_t n_models;
    const char *reference;               /* NULL: none */
    const char *text;                    /* a file or a folder; NULL: none */
    const char *const *tasks, *const *prompts;           /* JSONL files (docs/eval.md) */
    uint32_t n_tasks, n_prompts;
    uint32_t window, stride;             /* of texts, tokens; 0: 2048 or the model's context, the window */
    uint32_t max_tokens;                 /* of an answer, where a line does not say; 0: 256 */
    bool chat;                           /* prompts are asked as a user's message, in the model's template */
    const char *verify;                  /* command of the lines that say "verify": true; NULL: there may be none */
    bool trust;                          /* commands in the lines themselves are run */
    double verify_seconds;               /* 0: 10 */
    const char *store;                   /* folder of references and unfinished answers, made where it is not there; needed for a
                                          * reference on text, and for answers */
    double checkpoint_seconds;           /* between checkpoints of a reference's sweep, at least; 0: 120, < 0: all that can be */
    const char *answers;                 /* JSONL: every answer with its verdict; NULL: nowhere */
    struct tl_engine_options engine;     /* means; what is scored and how many sessions is said here */
    const struct tl_eval_host *host;
};

/* By what tasks are judged. */
enum tl_eval_kind {
#define EVAL_KIND(id, name, meaning) TL_EVAL_##id,
#include "compress/eval_kinds.def"
#undef EVAL_KIND
    TL_EVAL_KINDS
};

/* Answers to prompts; of all, or of those with one tag. */
struct tl_eval_group {
    char *tag;                           /* NULL: all */
    struct tl_eval_mean loops, refusals, changed, gained, lost;      /* the last three against the reference */
};

struct tl_eval_model {
    char *path, *name;                   /* name: for people */
    uint64_t weight_bytes, parameters, active_parameters;
    /* on the text */
    struct tl_eval_mean nll;             /* natural logarithms, a token */
    double perplexity, perplexity_se, bits_per_byte;
    struct tl_eval_mean kl, agreement;   /* against the reference: KL(reference || model), the same best token */
    /* on tasks */
    struct tl_eval_mean solved;          /* all kinds; multiple choice by bytes */
    struct tl_eval_mean kind[TL_EVAL_KINDS];
    struct tl_eval_mean choice_raw;      /* multiple choice without the division by bytes */
    /* on prompts: [0] of all, then a group a tag */
    struct tl_eval_group *group;
    uint32_t n_groups;
    /* cost */
    double prompt_tokens_per_s, answer_tokens_per_s;     /* 0: not measured */
    uint64_t scored_tokens, answer_tokens;
    struct tl_eval_cost text_cost, task_cost, prompt_cost, cost;     /* without loading, but for the last: of all */
    double cost_per_solved;              /* money; < 0: unknown */
    double quality, price;               /* as drawn (docs/eval.md), more is better and worse; NaN: unknown */
    bool frontier;                       /* no other is better and cheaper */
};

/* Two models on the same items; positive: b is better. */
struct tl_eval_pair {
    uint32_t a, b;
    const char *measure;                 /* "text", "kl", "agreement", "tasks" */
    struct tl_eval_mean difference;
    double p;                            /* of no difference: sign flips, or McNemar's exact test for tasks */
    int better;                          /* 0: none beyond two standard errors; else -1: a, 1: b */
};

struct tl_eval_reference { char *path, *name, *file; bool stored; double perplexity, perplexity_se; uint64_t tokens, records_bytes; };

struct tl_eval {
    struct tl_eval_model *model;
    struct tl_eval_pair *pair;
    struct tl_eval_reference reference;  /* path NULL: none */
    uint32_t n_models, n_pairs;
    uint64_t texts, tokens, tasks[TL_EVAL_KINDS], prompts;       /* tokens: scored, of the first model's */
    uint32_t window, stride;
    bool same_vocabulary;                /* of all models: likelihoods of tokens can be compared */
    const char *quality, *price;         /* what these are of each model; NULL: nothing was looked at */
};

int tl_eval(const struct tl_eval_order *order, struct tl_progress *progress, struct tl_eval *ret_eval);
void tl_eval_done(struct tl_eval *eval);
void tl_eval_write(const struct tl_eval *eval, struct tl_buffer *json);

#endif
