/* SPDX-License-Identifier: MIT */
/* AdamW (Loshchilov and Hutter 2019) over all weights, with clipping by the norm of the whole gradient. Sums
 * run in pieces of fixed size, so the bits do not depend on threads. */
#ifndef TL_TRAIN_ADAMW_H
#define TL_TRAIN_ADAMW_H

#include "base/pool.h"
#include "train/weights.h"

struct tl_adamw {
    float beta1, beta2, epsilon, decay;  /* usual: 0.9, 0.95, 1e-8, 0.1 */
    float clip;                          /* norm of the gradient at most; 0: never clipped */
    float *first, *second;               /* moments, [n_values] */
    uint64_t steps;                      /* done */
    /* private: pieces of each parameter that is trained [n + 1], their number, sums of squares of each */
    uint32_t *pieces, n_pieces;
    double *squares;
};

int tl_adamw_layout(struct tl_adamw *adamw, const struct tl_weights *weights, struct tl_arena *arena);
/* One step with this rate; gradients are zero behind it. ret_norm: of the gradient before clipping; not finite: nothing was
 * changed but the gradients. */
void tl_adamw_step(struct tl_adamw *adamw, struct tl_weights *weights, struct tl_pool *pool, float rate, double *ret_norm);


#endif
