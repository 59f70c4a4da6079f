/* SPDX-License-Identifier: MIT */
/* Sums along vectors: 16 strided partial sums and the fixed tree, as the kernels have them. Private to this room. */
#ifndef TL_TRAIN_SUMS_H
#define TL_TRAIN_SUMS_H

#include "kernel/kernel.h"

static inline float tl_dot(const float *x, const float *y, uint64_t n)
{
    float partial[16] = { 0 };
    uint64_t i = 0;
    for (; i + 16 <= n; i += 16)
        for (int k = 0; k < 16; k++)
            partial[k] += x[i + k] * y[i + k];
    for (; i < n; i++)
        partial[i % 16] += x[i] * y[i];
    return tl_tree16(partial);
}

/* of x * y * z */
static inline float tl_dot3(const float *x, const float *y, const float *z, uint64_t n)
{
    float partial[16] = { 0 };
    uint64_t i = 0;
    for (; i + 16 <= n; i += 16)
        for (int k = 0; k < 16; k++)
            partial[k] += x[i + k] * y[i + k] * z[i + k];
    for (; i < n; i++)
        partial[i % 16] += x[i] * y[i] * z[i];
    return tl_tree16(partial);
}

#endif
