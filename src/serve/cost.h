/* SPDX-License-Identifier: MIT */
/* What the open model has used of late: figures sampled about once a second, and what a second of its steps costs. */
#ifndef TL_SERVE_COST_H
#define TL_SERVE_COST_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "trill.h"

enum { TL_COST_SAMPLES = 8 };

struct tl_cost_sample {
    uint64_t at_ns;
    struct trill_model_figures figures;
};

struct tl_cost {
    pthread_mutex_t lock;
    struct tl_cost_sample sample[TL_COST_SAMPLES];   /* a ring */
    uint64_t n_samples;
    bool priced;
    double watts, money_per_s;           /* while it computes */
    double joules, money;                /* since it was opened */
    double drive_bytes_per_s, memory_bytes_per_s;    /* that the machine can do, as plans count; 0: unknown */
    bool measured;                       /* joules are those of meters */
    atomic_bool sampling;                /* an errand is under way */
    uint64_t asked_ns;
};

struct tl_server;

void tl_cost_init(struct tl_cost *cost);
void tl_cost_done(struct tl_cost *cost);
void tl_cost_begin(struct tl_cost *cost);            /* another model */
void tl_cost_tick(struct tl_server *server);         /* asks the desk for a sample where it is time */
/* The share of an answer; < 0: unknown. */
void tl_cost_of(struct tl_cost *cost, const struct trill_answered *sums, double *ret_joules, double *ret_money);
/* The newest sample and one of some seconds before; false: there are not two. */
bool tl_cost_span(struct tl_cost *cost, struct tl_cost_sample *ret_before, struct tl_cost_sample *ret_now);

#endif
