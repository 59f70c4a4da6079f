/* SPDX-License-Identifier: MIT */
/* Vector operations over sixteen lanes, once for all levels that have vectors: a level's vector.c includes its lanes.h,
 * then this file, and fills the table with these functions. Sums and maxima keep the 16 strided partials of ref in the
 * 16 lanes; in a tail the absent lanes are left as they are, so every bit equals ref. */
#ifndef TL_KERNEL_VECTOR_LANES_H
#define TL_KERNEL_VECTOR_LANES_H

#include "kernel/fill.h"
#include "kernel/math.h"

#include <math.h>

enum { LANES = 16 };

static inline float fold_sum(struct lanes partials)
{
    float partial[LANES];
    lanes_store(partial, partials);
    return tl_tree16(partial);
}

static inline float larger(float a, float b) { return a > b ? a : b; }

static inline float fold_max(struct lanes partials)
{
    float partial[LANES];
    lanes_store(partial, partials);
    for (int width = LANES / 2; width >= 1; width /= 2)
        for (int i = 0; i < width; i++)
            partial[i] = larger(partial[i + width], partial[i]);
    return partial[0] + 0.0f;                                /* +0 for every zero, see ref */
}

static float vector_sum(const float *x, size_t n)
{
    struct lanes partial = lanes_set(0.0f);
    size_t i = 0;
    for (; i + LANES <= n; i += LANES)
        partial = lanes_add(partial, lanes_load(x + i));
    if (i < n)
        partial = lanes_select(lanes_first(n - i), lanes_add(partial, lanes_load_first(x + i, n - i)), partial);
    return fold_sum(partial);
}

static float vector_max(const float *x, size_t n)
{
    struct lanes partial = lanes_set(-__builtin_inff());
    size_t i = 0;
    for (; i + LANES <= n; i += LANES)
        partial = lanes_larger(lanes_load(x + i), partial);
    if (i < n)
        partial = lanes_select(lanes_first(n - i), lanes_larger(lanes_load_first(x + i, n - i), partial), partial);
    return fold_max(partial);
}

static float sum_of_squares(const float *x, size_t n)
{
    struct lanes partial = lanes_set(0.0f);
    size_t i = 0;
    for (; i + LANES <= n; i += LANES) {
        struct lanes here = lanes_load(x + i);
        partial = lanes_fma(here, here, partial);
    }
    if (i < n) {
        struct lanes here = lanes_load_first(x + i, n - i);
        partial = lanes_select(lanes_first(n - i), lanes_fma(here, here, partial), partial);
    }
    return fold_sum(partial);
}

/* Runs `expression` over the vectors of out: `here` is where a vector begins, `count` how many lanes count. */
#define EACH_VECTOR(n, out, expression) \
    do { \
        size_t here = 0; \
        for (; here + LANES <= (n); here += LANES) { \
            const size_t count = LANES; \
            lanes_store((out) + here, (expression)); \
        } \
        if (here < (n)) { \
            size_t count = (n) - here; \
            lanes_store_first((out) + here, count, (expression)); \
        } \
    } while (0)
#define AT(x) (count == LANES ? lanes_load((x) + here) : lanes_load_first((x) + here, count))

static void vector_rms_norm(const float *x, const float *weight, size_t n, float epsilon, float *out)
{
    struct lanes r = lanes_set(1.0f / sqrtf(sum_of_squares(x, n) / (float)n + epsilon));
    if (weight)
        EACH_VECTOR(n, out, lanes_mul(lanes_mul(AT(x), r), AT(weight)));
    else
        EACH_VECTOR(n, out, lanes_mul(AT(x), r));
}

static void vector_add(const float *x, const float *y, size_t n, float *out)
{
    EACH_VECTOR(n, out, lanes_add(AT(x), AT(y)));
}

static void vector_scale(const float *x, float s, size_t n, float *out)
{
    EACH_VECTOR(n, out, lanes_mul(AT(x), lanes_set(s)));
}

static void vector_exp(const float *x, float minus, size_t n, float *out)
{
    EACH_VECTOR(n, out, lanes_exp(lanes_sub(AT(x), lanes_set(minus))));
}

static void vector_silu_mul(const float *gate, const float *up, size_t n, float *out)
{
    EACH_VECTOR(n, out, lanes_mul(lanes_silu(AT(gate)), AT(up)));
}

static void vector_gelu_mul(const float *gate, const float *up, size_t n, float *out)
{
    EACH_VECTOR(n, out, lanes_mul(lanes_gelu(AT(gate)), AT(up)));
}

static void vector_clamped_mul(const float *gate, const float *up, size_t n, float *out)
{
    EACH_VECTOR(n, out, lanes_clamped(AT(gate), AT(up)));
}

static void vector_sigmoid_mul(const float *gate, const float *up, size_t n, float *out)
{
    EACH_VECTOR(n, out, lanes_sigmoid_mul(AT(gate), AT(up)));
}

static inline struct lanes conv_at(const float *const *taps, const float *weight, uint32_t n_taps, size_t n, size_t here, size_t count)
{
    struct lanes sum = lanes_set(0.0f);
    for (uint32_t t = 0; t < n_taps; t++)
        sum = lanes_fma(AT(weight + t * n), AT(taps[t]), sum);
    return lanes_silu(sum);
}

static void vector_conv_silu(const float *const *taps, const float *weight, uint32_t n_taps, size_t n, float *out)
{
    EACH_VECTOR(n, out, conv_at(taps, weight, n_taps, n, here, count));
}

static void vector_decay(const float *x, const float *bias, const float *rate, bool logarithm, size_t n, float *out)
{
    struct lanes zero = lanes_set(0.0f);
    if (logarithm)
        EACH_VECTOR(n, out, lanes_decay(lanes_add(AT(x), AT(bias)), lanes_sub(zero, lanes_exp(AT(rate)))));
    else
        EACH_VECTOR(n, out, lanes_decay(lanes_add(AT(x), AT(bias)), AT(rate)));
}

static void vector_add_scaled(const float *x, float s, size_t n, float *out)
{
    EACH_VECTOR(n, out, lanes_fma(AT(x), lanes_set(s), AT(out)));
}

static void vector_softcap(const float *x, float cap, size_t n, float *out)
{
    EACH_VECTOR(n, out, lanes_softcap(AT(x), lanes_set(cap)));
}

/* Pairs (i, i + pairs): `count` of them, the partners and the table in their own vectors. */
static inline void turn_halves(float *first, float *second, const float *table, size_t count)
{
    struct lanes cosine, sine, a = lanes_load_first(first, count), b = lanes_load_first(second, count);
    size_t low = 2 * count < LANES ? 2 * count : LANES;
    lanes_unzip(lanes_load_first(table, low), lanes_load_first(table + low, 2 * count - low), &cosine, &sine);
    lanes_store_first(first, count, lanes_fma(a, cosine, lanes_negate(lanes_mul(b, sine))));
    lanes_store_first(second, count, lanes_fma(b, cosine, lanes_mul(a, sine)));
}

/* Pairs of neighbours: even lanes become fma(a, cos, -(b * sin)), odd ones fma(b, cos, a * sin). */
static inline void turn_neighbours(float *head, const float *table, size_t count)
{
    struct lanes x = lanes_load_first(head, count), turn = lanes_load_first(table, count);
    struct lanes across = lanes_negate_evens(lanes_mul(lanes_swap(x), lanes_odds(turn)));
    lanes_store_first(head, count, lanes_fma(x, lanes_evens(turn), across));
}

static void vector_rope(float *head, uint32_t n_rot, const float *table, bool halves)
{
    size_t pairs = n_rot / 2, total = halves ? pairs : 2 * pairs;
    for (size_t i = 0; i < total; i += LANES) {
        size_t count = total - i < LANES ? total - i : LANES;
        if (halves)
            turn_halves(head + i, head + pairs + i, table + 2 * i, count);
        else
            turn_neighbours(head + i, table + i, count);
    }
}

static inline void fill_vector(struct tl_kernel *kernel)
{
    kernel->sum = vector_sum;
    kernel->max = vector_max;
    kernel->rms_norm = vector_rms_norm;
    kernel->add = vector_add;
    kernel->scale = vector_scale;
    kernel->add_scaled = vector_add_scaled;
    kernel->exp = vector_exp;
    kernel->silu_mul = vector_silu_mul;
    kernel->gelu_mul = vector_gelu_mul;
    kernel->clamped_mul = vector_clamped_mul;
    kernel->sigmoid_mul = vector_sigmoid_mul;
    kernel->conv_silu = vector_conv_silu;
    kernel->decay = vector_decay;
    kernel->softcap = vector_softcap;
    kernel->rope = vector_rope;
}

#endif
