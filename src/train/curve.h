/* SPDX-License-Identifier: MIT */
/* Losses over the steps in bounded room: means of `every` steps, which doubles when the room is full. Plain data: it lies in
 * checkpoints as it is. */
#ifndef TL_TRAIN_CURVE_H
#define TL_TRAIN_CURVE_H

#include <stdint.h>

enum { TL_CURVE_POINTS = 256 };          /* even */

struct tl_curve {
    uint64_t every, n, n_held;           /* every: a power of two; point i has steps i * every + 1 .. (i + 1) * every */
    double sum;                          /* of the steps behind the last point */
    uint64_t n_sum;
    double loss[TL_CURVE_POINTS];
    struct { uint64_t step; double nll, se; } held[TL_CURVE_POINTS];     /* step: done when they were looked at */
};

void tl_curve_add(struct tl_curve *curve, double loss);               /* of the next step; a curve of zeros is empty */
void tl_curve_add_held(struct tl_curve *curve, uint64_t step, double nll, double se);

#endif
