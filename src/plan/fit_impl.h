/* SPDX-License-Identifier: MIT */
/* What fitting for sessions and for sweeps share. Private to this room.
 *
 * A way of holding the weights begins at its least limits; then rungs raise one of them at a time, each as far as the
 * budget allows, and the next only where the last one reached its goal. The rungs are the same whatever the budget, so a
 * larger one comes at least as far. */
#ifndef TL_PLAN_FIT_IMPL_H
#define TL_PLAN_FIT_IMPL_H

#include "plan/fit.h"

struct tl_fitting {
    struct tl_model *model;
    const struct tl_store *store;
    const struct tl_geometry *geometry;
    const struct tl_fit_wish *wish;
    const struct tl_machine *machine;
    uint64_t budget_bytes;
    bool experts, passes;                /* may routed experts, may some of the trunk be elsewhere than in memory? */
    struct tl_fit *fit;
};

/* One of the limits. */
enum tl_fit_quantity { TL_QUANTITY_CONTEXT, TL_QUANTITY_SESSIONS, TL_QUANTITY_CHUNK, TL_QUANTITY_FRAMES, TL_QUANTITY_TRUNK };


/* All that the process takes with these limits; UINT64_MAX: more than there can be. Fills the parts in ret_fit, which may be NULL. */
int tl_fit_cost(struct tl_fitting *f, const struct tl_model_limits *limits, struct tl_fit *ret_fit, uint64_t *ret_bytes);
int tl_fit_fits(struct tl_fitting *f, const struct tl_model_limits *limits, uint64_t most_bytes);     /* 1, 0, < 0 */

/* Raises it to `goal`, or as far as most_bytes allow, in steps. 1: to the goal; 0: not so far. */
int tl_fit_raise(struct tl_fitting *f, struct tl_model_limits *limits, enum tl_fit_quantity quantity, uint64_t goal, uint64_t step,
                 uint64_t most_bytes);

/* What the budget leaves becomes frames, or memory for the trunk, as far as nobody demanded a number of them. */
int tl_fit_widen(struct tl_fitting *f, struct tl_model_limits *limits, uint64_t most_bytes);

int tl_fit_refuse(struct tl_fitting *f, const struct tl_model_limits *limits);        /* the least there is does not fit */

/* fit_sweep.c */
int tl_fit_sweep(struct tl_fitting *f, struct tl_model_limits *ret_limits);

static inline uint32_t tl_fit_least(uint64_t a, uint64_t b) { return (uint32_t)(a < b ? a : b); }
static inline uint32_t tl_fit_easy_frames(const struct tl_fitting *f)
{
    return tl_fit_least(tl_store_experts(f->store) - 1, tl_store_easy_frames(f->store, f->geometry->n_used));
}

#endif
