/* SPDX-License-Identifier: MIT */
/* A training under way, as the loop, its held-out losses and its checkpoints share it. Private to this room. */
#ifndef TL_TRAIN_TRAIN_IMPL_H
#define TL_TRAIN_TRAIN_IMPL_H

#include "train/train.h"

/* Plain data: what a checkpoint keeps beside values and moments. Everything that is to come follows from it. */
struct tl_train_state {
    uint64_t step, steps;                /* done; in all, 0: not known yet */
    uint64_t at;                         /* the next window */
    uint64_t adamw_steps;
    double seconds, first_held, first_held_se, last_held, last_held_se, loss, nll;
    struct tl_curve curve;
};

struct tl_training {
    struct tl_weights *weights;
    const struct tl_corpus *corpus;
    struct tl_train_how how;             /* with the usual where nothing was said */
    struct tl_train_plan plan;
    struct tl_train_state state;
    struct tl_arena arena;
    struct tl_pool *pool;
    const struct tl_kernel *kernel;
    struct tl_graph *graph;
    struct tl_adamw adamw;
    struct tl_schedule schedule;
    uint32_t held_windows;
    /* a batch: [batch][window] */
    int32_t *ids, *next;
    uint32_t *first;
    uint64_t *where;
    struct tl_draws *draws;
    /* of this run */
    uint64_t began_ns, resumed_steps, steps_ns;          /* steps_ns: in steps alone */
    uint64_t paced_ns, paced_step;       /* from where the pace is measured: behind the first step */
    double seconds_before, norm, rate;
    uint8_t work[3][TL_SHA256_BYTES];    /* digests of corpus, recipe and start */
    uint64_t written_ns, cost_ns;        /* of the last checkpoint */
};

/* train_plan.c */
void tl_train_usual(struct tl_train_how *how);                        /* fills in what was left unsaid */
uint64_t tl_train_steps(const struct tl_train_how *how);              /* 0: by seconds */
uint64_t tl_train_warmup(const struct tl_train_how *how, uint64_t steps);
/* train_base.c: fills plan->base and base_bytes of a frozen model, with pass_bytes of `room` taken. */
int tl_train_plan_base(struct tl_weights *weights, uint32_t threads, uint64_t pass_bytes, uint64_t room, struct tl_train_plan *plan);
int tl_train_lay_out(struct tl_training *training, struct tl_arena *arena);          /* optimiser, batch, pass */

/* train_checkpoint.c */
int tl_train_identify(struct tl_training *training);                  /* before anything is learnt */
int tl_train_resume(struct tl_training *training);                    /* 1: taken up; 0: there is none */
bool tl_train_is_due(const struct tl_training *training);
int tl_train_keep(struct tl_training *training);

#endif
