/* SPDX-License-Identifier: MIT */
/* exp and log in double precision, the same bits on every machine: no libm, no fused operations. */
#ifndef TL_TEXT_SAMPLER_MATH_H
#define TL_TEXT_SAMPLER_MATH_H

#include <stddef.h>

double tl_sampler_exp(double x);         /* x <= 700; relative error below 1e-15; 0 below -708 */
double tl_sampler_log(double x);         /* x normal and positive; error below 1e-15 of the larger of |log x| and 1 */

/* The sum of exp((logit - largest) / temperature), in four strided parts; a logit that is no number counts nothing, and
 * an infinite `largest` counts those equal to it. */
double tl_sampler_weights(const float *logits, size_t n, float largest, double temperature);

#endif
