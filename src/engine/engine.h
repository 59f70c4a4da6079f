/* SPDX-License-Identifier: MIT */
/* A model opened under a budget, and the sessions that run on it.
 *
 * One scheduler (scheduler.h) joins the requests of all sessions into forward steps. Caches and states are touched only by the leader, or while no step runs (tl_engine_enter). */
#ifndef TL_ENGINE_ENGINE_H
#define TL_ENGINE_ENGINE_H

#include <pthread.h>
#include <stdatomic.h>

#include "base/buffer.h"
#include "base/meter.h"
#include "base/pool.h"
#include "engine/draft.h"
#include "engine/draft_model.h"
#include "kernel/kernel.h"
#include "model/model.h"
#include "modelfile/modelfile.h"
#include "plan/fit.h"
#include "text/sampler.h"
#include "text/template.h"
#include "text/tokenizer.h"

struct tl_engine_adapter { const char *path; float scale; };

struct tl_engine_options {
    uint32_t threads, context, sessions, chunk;      /* 0: the default */
    uint32_t better_chunk;               /* measured to be better than the default; 0: not known */
    uint64_t ram_bytes;                  /* 0: what is available less a margin */
    const char *cpu, *kv;                /* NULL or "auto": the default */
    const char *io, *policy, *lookahead; /* of experts that are streamed; NULL or "auto": the default */
    uint32_t frames;                     /* streams routed experts through so many frames; 0: as the budget wants */
    uint32_t block;                      /* tokens that pass between two expert stages together; 0: the default */
    uint64_t trunk_bytes;                /* streams the other weights too, with so much memory for them; 0: as the budget wants */
    /* Laid out for scoring so many tokens (at least), or those of a file or folder of texts, in sweeps and not for sessions;
     * 0 and NULL: for sessions. context: of a window. */
    uint64_t score_tokens;
    const char *score_text;
    unsigned score_taps;                 /* TL_TAP_...: what is gathered on the way (score.h) */
    bool exact, vocabulary_only;
    bool plan_only;                      /* headers, vocabulary and plan: nothing is placed, nothing can be computed */
    uint64_t process_bytes;              /* that the process takes besides the model; 0: what it takes now */
    const struct tl_machine *machine;    /* whose facts decide; NULL: this one, as it usually is */
    bool fewer_sessions, shorter_context;        /* what is said of them is a wish: as much of it as fits */
    const char *prefix_folder;           /* of states for other runs (prefix_folder.h), and its bytes at most; NULL: none, 0: the usual */
    uint64_t prefix_bytes;
    const struct tl_engine_adapter *adapters;    /* added to its linear operations, each `scale` times what its file says */
    uint32_t n_adapters;
    const char *drafts, *draft_model;    /* kinds (draft.h), NULL: the usual ones; a smaller model of the same vocabulary, or NULL */
    void (*log)(void *context, int level, const char *text);
    void (*progress)(void *context, uint64_t done_bytes, uint64_t total_bytes);
    void *context_pointer;
    const volatile int *cancel;
};

struct tl_request;

/* Rows of one request among those that a step gives out together. */
struct tl_row_piece { struct tl_request *request; uint32_t first, n; };

struct tl_engine {
    struct tl_modelfile *file;
    struct tl_tokenizer *tokenizer;
    struct tl_template *template;        /* NULL: the model brings none */
    bool tells_system, tells_tools;      /* the template writes what the system says; what tools there are */
    struct tl_languages *languages;      /* that answers may be bound to (language.h) */
    struct tl_model *model;              /* NULL: vocabulary only */
    struct tl_adapter **adapters;        /* open files, [n_adapters] */
    uint32_t n_adapters;
    struct tl_pool *pool;
    const struct tl_kernel *kernel;
    struct tl_meters meters;
    struct tl_fit fit;                   /* what the budget holds */
    uint64_t score_tokens;
    unsigned score_taps;
    double load_seconds;
    bool exact;

    pthread_mutex_t lock;
    pthread_cond_t changed;              /* there is something for whoever leads or wants to enter */
    bool busy;                           /* a step runs, or somebody has entered */
    uint32_t n_entering;                 /* who want to */
    pthread_t thread;                    /* leads, where there is room for several sessions */
    bool has_thread, closing;
    uint64_t n_turns;                    /* in which it led, or found nothing to do */
    struct tl_request *waiting;          /* whose turn is next first */
    uint64_t n_asked;
    uint32_t n_sessions, max_sessions;
    struct tl_session *sessions;         /* that are open */
    struct tl_prefix *prefix;            /* what they may share */
    /* the leader's, sized for a chunk */
    int32_t *step_ids;
    uint8_t *step_wanted;
    struct tl_span *step_spans;
    struct tl_request **step_requests;
    struct tl_row_piece *step_rows;
    struct tl_draft_choice draft_choice;
    struct tl_drafts drafts;
    struct tl_draft_side *draft_side;    /* the smaller model; NULL: none */
    double decode_ns, prompt_token_ns;   /* of steps of late: one that only decodes; a prompt's token */
    uint32_t n_decoded, n_mixed;         /* requests of the former; steps with prompts since */
};

int tl_engine_open(const char *path, const struct tl_engine_options *options, struct tl_engine **ret_engine);
void tl_engine_close(struct tl_engine *engine);

/* plan.c: fits a model into the budget of these options (those of models and sessions count), whether or not it has a file
 * (plan/outlined.h). TL_E_BUDGET names the smallest that works. */
int tl_engine_fit(struct tl_model *model, const struct tl_engine_options *options, struct tl_fit *ret_fit);

/* scheduler.c */
int tl_scheduler_new(struct tl_engine *engine, uint32_t chunk);
void tl_scheduler_free(struct tl_engine *engine);
/* Waits until no step runs and keeps others out until leave: for changes of states. */
void tl_engine_enter(struct tl_engine *engine);
void tl_engine_leave(struct tl_engine *engine);
/* Leaves, and waits until those who wait for steps have had one: for whoever enters again and again. */
void tl_engine_give_way(struct tl_engine *engine);

#endif
