/* SPDX-License-Identifier: MIT */
/* The gated delta rule, the scalar truth: token by token, column by column (kernel.h gives the formula). */
#include "kernel/fill.h"

#include <math.h>

enum { TILE = 16, PARTS = 4 };

static float sum_rows(const float *column, const float *x, uint32_t n)
{
    float part[PARTS] = { 0 };
    for (uint32_t i = 0; i < n; i++)
        part[i % PARTS] = fmaf(column[i * TILE], x[i], part[i % PARTS]);
    return (part[0] + part[2]) + (part[1] + part[3]);
}

static float run_column(const struct tl_delta *d, uint32_t t, const float *from, float *to, float v)
{
    const float *k = d->k + t * d->stride, *q = d->q + t * d->stride;
    float decay = d->decay[t * d->gate_stride], beta = d->beta[t * d->gate_stride];
    float change = fmaf(-decay, sum_rows(from, k, d->key_dim), v) * beta;
    for (uint32_t i = 0; i < d->key_dim; i++)
        to[i * TILE] = fmaf(k[i], change, decay * from[i * TILE]);
    return sum_rows(to, q, d->key_dim);
}

void tl_delta_ref(const struct tl_delta *d)
{
    uint32_t n_padded = (d->n_cols + TILE - 1) / TILE * TILE;
    for (uint32_t t = 0; t < d->n_tokens; t++)
        for (uint32_t col = 0; col < n_padded; col++) {
            size_t at = (size_t)(col / TILE) * d->key_dim * TILE + col % TILE;
            float v = col < d->n_cols ? d->v[t * d->stride + col] : 0.0f;
            float said = run_column(d, t, (t ? d->to : d->from) + at, d->to + at, v);
            if (col < d->n_cols)
                d->out[t * d->out_stride + col] = said;
        }
}
