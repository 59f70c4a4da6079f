/* SPDX-License-Identifier: MIT */
/* AdamW (Loshchilov and Hutter 2019) over all weights, with clipping by the norm of the whole gradient, and the schedules of
 * its rate. Sums run in pieces of fixed size, so the bits do not depend on threads. */
#ifndef TL_TRAIN_ADAMW_H
#define TL_TRAIN_ADAMW_H

#include "base/pool.h"
#include "train/weights.h"

struct tl_adamw {
    float beta1, beta2, epsilon, decay;  /* usual: 0.9, 0.95, 1e-8, 0.1 */
    float clip;                          /* norm of the gradient at most; 0: never clipped */
    float *first, *second;               /* moments, [n_values] */
    uint64_t steps;                      /* done */
};

int tl_adamw_layout(struct tl_adamw *adamw, const struct tl_weights *weights, struct tl_arena *arena);
/* One step with this rate; gradients are zero behind it. ret_norm: of the gradient before clipping; not finite: nothing was
 * changed but the gradients. */
void tl_adamw_step(struct tl_adamw *adamw, struct tl_weights *weights, struct tl_pool *pool, float rate, double *ret_norm);

/* Warm-up, then: cosine falls to `least` of the peak over all that is left; wsd (warm-up, stable, decay: Hu et al. 2024) stays
 * and falls linearly to it over the last `decay_share` of the steps; constant stays. */
enum tl_schedule_kind { TL_SCHEDULE_COSINE, TL_SCHEDULE_WSD, TL_SCHEDULE_CONSTANT, TL_SCHEDULES };
struct tl_schedule { enum tl_schedule_kind kind; double peak, least, decay_share; uint64_t warmup, steps; };
double tl_schedule_rate(const struct tl_schedule *schedule, uint64_t step);          /* of step 0 .. steps - 1 */
const char *tl_schedule_name(enum tl_schedule_kind kind);             /* "cosine", "wsd", "constant" */

#endif
