/* SPDX-License-Identifier: MIT */
/* Means of steps; when the room is full two neighbours become one. */
#include "train/curve.h"

static void halve(struct tl_curve *curve)
{
    for (uint64_t i = 0; i < curve->n / 2; i++)
        curve->loss[i] = 0.5 * (curve->loss[2 * i] + curve->loss[2 * i + 1]);
    curve->n /= 2;
    curve->every *= 2;
}

void tl_curve_add(struct tl_curve *curve, double loss)
{
    curve->every += !curve->every;
    curve->sum += loss;
    if (++curve->n_sum < curve->every)
        return;
    curve->loss[curve->n++] = curve->sum / (double)curve->every;
    curve->sum = 0;
    curve->n_sum = 0;
    if (curve->n == TL_CURVE_POINTS)
        halve(curve);
}

/* The first and the last stay. */
void tl_curve_add_held(struct tl_curve *curve, uint64_t step, double nll, double se)
{
    if (curve->n_held == TL_CURVE_POINTS) {
        for (uint64_t i = 0; i < TL_CURVE_POINTS / 2; i++)
            curve->held[i] = curve->held[2 * i];
        curve->n_held = TL_CURVE_POINTS / 2;
    }
    curve->held[curve->n_held].step = step;
    curve->held[curve->n_held].nll = nll;
    curve->held[curve->n_held++].se = se;
}
