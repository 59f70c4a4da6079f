/* SPDX-License-Identifier: MIT */
/* Training: steps over windows of a corpus until the tokens or the time are spent, with losses told, checkpoints that
 * resume bit for bit, and held-out losses on the way. */
#ifndef TL_TRAIN_TRAIN_H
#define TL_TRAIN_TRAIN_H

#include "base/progress.h"
#include "train/adamw.h"
#include "train/curve.h"
#include "train/data.h"
#include "train/graph.h"
#include "train/schedule.h"

/* A teacher's draws beside the windows of a corpus: fills draws [n tokens] by the places of the tokens (tl_corpus_windows_at). */
struct tl_teaching {
    void *context;
    int (*draws)(void *context, const uint64_t *where, uint64_t n, struct tl_draws *ret_draws);
    float weight;
    uint8_t digest[TL_SHA256_BYTES];     /* of all that it depends on, for checkpoints */
};

struct tl_train_step {
    uint64_t step, steps, tokens;        /* done, in all, spent */
    double loss, nll, held_nll, rate, norm, seconds, tokens_per_s;   /* held_nll < 0: not looked at */
};

struct tl_train_how {
    uint32_t batch;                      /* windows of a step of the optimiser; they pass some at a time (tl_train_plan.windows) */
    uint32_t window;
    uint64_t tokens;                     /* to be spent; 0: by seconds */
    double seconds;
    uint64_t seed, ram_bytes;            /* ram_bytes: for all that the process takes; 0: what is free less a margin */
    uint32_t threads;                    /* 0: one per CPU */
    bool bf16;
    struct tl_schedule schedule;         /* steps 0: from tokens or seconds; warmup 0: the usual */
    struct tl_adamw adamw;               /* its facts; 0: the usual ones, < 0: none (decay, clip) */
    const struct tl_teaching *teaching;  /* NULL: text alone */
    const char *checkpoint;              /* file; NULL: none. One that is there and of this work is taken up */
    double checkpoint_seconds;           /* between two, at least; 0: after every step */
    bool anew;                           /* a checkpoint of other work, or a damaged one, is replaced */
    uint64_t held_every;                 /* steps between held-out losses; 0: at the begin and the end alone */
    uint32_t held_windows;               /* that are looked at, the first ones; 0: the usual; UINT32_MAX: all */
    const struct tl_train_plan *plan;    /* made before the weights were laid out; NULL: made here */
    struct tl_progress *progress;
    void (*told)(void *context, const struct tl_train_step *step);   /* after each step; may be NULL */
    void (*warn)(void *context, const char *text);
    void *context;
};

/* Where the memory goes, all of it counted on the layouts themselves. */
struct tl_train_plan {
    uint64_t weights_bytes, optimiser_bytes, pass_bytes, others_bytes, process_bytes, total_bytes, budget_bytes;
    uint64_t tape_bytes;                 /* of pass_bytes */
    struct tl_store_limits base;         /* of a frozen model: for tl_model_place_weights, before tl_train; base_bytes: what it then takes */
    uint64_t base_bytes;
    uint32_t windows, threads, recomputed_layers;        /* windows: of a pass, which the bits depend on, and which no budget changes */
};

/* Before tl_weights_layout. TL_E_BUDGET names the smallest budget that works. */
int tl_train_plan(struct tl_weights *weights, const struct tl_train_how *how, struct tl_train_plan *ret_plan);

/* held, held_se: of the end, nats a token, < 0 where nothing is held out; se: over windows. seconds: of all runs. */
struct tl_trained {
    struct tl_train_step last;
    double first_held, first_held_se, held, held_se, seconds, operations;       /* operations: of the steps of this run */
    uint64_t resumed_steps, peak_bytes, recomputed_layers, run_tokens;          /* run_tokens: of this run */
    double run_seconds;                  /* in its steps */
    struct tl_curve curve;
};

/* A loss or a gradient that is not finite ends it (TL_E_FAIL) with the weights of the last good step; so does a wish to stop
 * (TL_E_CANCEL). ret_trained is filled then too. What is in the checkpoint is what the weights are. A good run leaves the checkpoint to
 * the caller, who removes it once what was learnt is written (tl_train_forget). */
int tl_train(struct tl_weights *weights, const struct tl_corpus *corpus, const struct tl_train_how *how, struct tl_trained *ret_trained);
void tl_train_forget(const struct tl_train_how *how);

#endif
