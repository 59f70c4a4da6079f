/* SPDX-License-Identifier: MIT */
/* Training: steps over windows of a corpus until the tokens or the time are spent, with losses told, checkpoints that
 * resume bit for bit, and held-out losses on the way. */
#ifndef TL_TRAIN_TRAIN_H
#define TL_TRAIN_TRAIN_H

#include "base/progress.h"
#include "train/adamw.h"
#include "train/data.h"
#include "train/graph.h"

/* A teacher's draws beside the windows of a corpus: fills draws [n tokens] by the places of the tokens. */
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
    uint32_t batch;                      /* windows of a step of the optimiser; passes are as large as memory allows */
    uint32_t window;
    uint64_t tokens;                     /* to be spent; 0: by seconds */
    double seconds;
    uint64_t seed, ram_bytes;
    uint32_t threads;                    /* 0: one per CPU */
    bool bf16;
    struct tl_schedule schedule;         /* steps 0: from tokens or seconds */
    struct tl_adamw adamw;               /* its facts; 0: the usual ones */
    const struct tl_teaching *teaching;  /* NULL: text alone */
    const char *checkpoint;              /* file; NULL: none. One that is there and of this work is taken up */
    double checkpoint_seconds;
    uint64_t held_every;                 /* steps between held-out losses; 0: at the end alone */
    struct tl_progress *progress;
    void (*told)(void *context, const struct tl_train_step *step);   /* after each step; may be NULL */
    void (*warn)(void *context, const char *text);
    void *context;
};

struct tl_trained { struct tl_train_step last; double first_held, held, held_se; uint64_t resumed_steps, peak_bytes, recomputed_layers; };

/* A loss or a gradient that is not finite ends it (TL_E_FAIL) with the weights of the last good step. */
int tl_train(struct tl_weights *weights, const struct tl_corpus *corpus, const struct tl_train_how *how, struct tl_trained *ret_trained);

#endif
