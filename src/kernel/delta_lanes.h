/* SPDX-License-Identifier: MIT */
/* The gated delta rule over sixteen lanes, once for all levels that have vectors: lanes are the columns of a tile. A
 * level's delta.c includes its lanes.h and this. All tokens pass over a strip of tiles that stays in the first cache; two
 * passes over a tile a token: what the state says to the key, then the correction and what it says to the query. */
#ifndef TL_KERNEL_DELTA_LANES_H
#define TL_KERNEL_DELTA_LANES_H

#include "kernel/fill.h"
#include "kernel/inline.h"

enum { DELTA_LANES = 16, DELTA_PARTS = 4 };

INLINE struct lanes delta_fold(const struct lanes part[DELTA_PARTS])
{
    return lanes_add(lanes_add(part[0], part[2]), lanes_add(part[1], part[3]));
}

/* Rows row .. row + n - 1 (n <= 4, row a multiple of 4) of the sum of S * k. */
INLINE void delta_ask(const float *state, const float *k, uint32_t row, const uint32_t n, struct lanes part[DELTA_PARTS])
{
    UNROLL
    for (uint32_t i = 0; i < n; i++)
        part[i] = lanes_fma(lanes_load(state + (row + i) * DELTA_LANES), lanes_set(k[row + i]), part[i]);
}

struct delta_token { const float *q, *k; struct lanes decay, change; };

/* The same rows of the new S, and of the sum of it times q. */
INLINE void delta_change(const float *from, float *to, const struct delta_token *token, uint32_t row, const uint32_t n,
                         struct lanes part[DELTA_PARTS])
{
    UNROLL
    for (uint32_t i = 0; i < n; i++) {
        struct lanes kept = lanes_mul(token->decay, lanes_load(from + (row + i) * DELTA_LANES));
        struct lanes now = lanes_fma(lanes_set(token->k[row + i]), token->change, kept);
        lanes_store(to + (row + i) * DELTA_LANES, now);
        part[i] = lanes_fma(now, lanes_set(token->q[row + i]), part[i]);
    }
}

INLINE void delta_clear(struct lanes part[DELTA_PARTS])
{
    UNROLL
    for (uint32_t i = 0; i < DELTA_PARTS; i++)
        part[i] = lanes_set(0.0f);
}

/* One token over one tile. */
INLINE struct lanes delta_tile(uint32_t key_dim, const float *from, float *to, const float *q, const float *k, float decay, float beta,
                               struct lanes v)
{
    struct lanes part[DELTA_PARTS];
    uint32_t whole = key_dim / DELTA_PARTS * DELTA_PARTS;
    delta_clear(part);
    for (uint32_t row = 0; row < whole; row += DELTA_PARTS)
        delta_ask(from, k, row, DELTA_PARTS, part);
    for (uint32_t row = whole; row < key_dim; row++)
        part[row - whole] = lanes_fma(lanes_load(from + row * DELTA_LANES), lanes_set(k[row]), part[row - whole]);
    struct lanes change = lanes_mul(lanes_fma(lanes_set(-decay), delta_fold(part), v), lanes_set(beta));
    struct delta_token token = { q, k, lanes_set(decay), change };
    delta_clear(part);
    for (uint32_t row = 0; row < whole; row += DELTA_PARTS)
        delta_change(from, to, &token, row, DELTA_PARTS, part);
    for (uint32_t row = whole; row < key_dim; row++)
        delta_change(from, to, &token, row, 1, part + (row - whole));
    return delta_fold(part);
}

static void delta_all(const struct tl_delta *d)
{
    for (uint32_t t = 0; t < d->n_tokens; t++) {
        const float *state = t ? d->to : d->from, *v = d->v + t * d->stride;
        float *out = d->out + t * d->out_stride;
        for (uint32_t col = 0; col < d->n_cols; col += DELTA_LANES) {
            size_t count = d->n_cols - col < DELTA_LANES ? d->n_cols - col : DELTA_LANES, tile = (size_t)col * d->key_dim;
            struct lanes said = delta_tile(d->key_dim, state + tile, d->to + tile, d->q + t * d->stride, d->k + t * d->stride,
                                           d->decay[t * d->gate_stride], d->beta[t * d->gate_stride], lanes_load_first(v + col, count));
            lanes_store_first(out + col, count, said);
        }
    }
}

#endif
