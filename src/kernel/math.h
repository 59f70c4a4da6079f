/* SPDX-License-Identifier: MIT */
/* exp, tanh, silu and gelu, each written once as a sequence of float operations on `struct lanes`.
 *
 * A file includes the lanes.h of its level first (one lane in ref, sixteen elsewhere) and this file after it, so every
 * level runs the same operations in the same order and gives the same bits. lanes.h must provide struct lanes, struct
 * lanes_mask and lanes_set, _add, _sub, _mul, _div, _fma (a * b + c, one rounding), _abs, _copysign, _greater,
 * _less, _unordered (x is NaN), _select (mask ? yes : no) and _raise: bits(value) + (bits(count) << 23).
 * exp: x = n * ln2 + r, |r| <= ln2 / 2, e^r = 1 + r + r^2 * P(r), P a minimax polynomial of degree 4 in f32
 * coefficients (relative error 3.3e-9); 2^n enters through the exponent bits. */
#ifndef TL_KERNEL_MATH_H
#define TL_KERNEL_MATH_H

/* Before a loop whose count is constant (after inlining) and small: its arrays then live in registers. */
#if defined(__clang__)
#define TL_UNROLL _Pragma("clang loop unroll(full)")
#else
#define TL_UNROLL _Pragma("GCC unroll 8")
#endif

/* 1.5 * 2^23: adding it leaves the nearest integer in the low bits of the sum. */
#define TL_MATH_MAGIC 0x1.8p23f
#define TL_MATH_EXP_MIN (-0x1.5d589ep6f)        /* -87.33654: exp of it is the smallest normal number */
#define TL_MATH_EXP_MAX 0x1.62e42ep6f           /* 88.72283: the last whose exp is finite */

/* Splits x = n * ln2 + r: returns r; *ret_count holds n in its low bits. */
static inline struct lanes lanes_reduce(struct lanes x, struct lanes *ret_count)
{
    struct lanes count = lanes_fma(x, lanes_set(0x1.715476p0f), lanes_set(TL_MATH_MAGIC));
    struct lanes n = lanes_sub(count, lanes_set(TL_MATH_MAGIC));
    struct lanes r = lanes_fma(n, lanes_set(-0x1.62e43p-1f), x);
    *ret_count = count;
    return lanes_fma(n, lanes_set(0x1.05c61p-29f), r);
}

/* (e^r - 1 - r) / r^2 */
static inline struct lanes lanes_exp_tail(struct lanes r)
{
    struct lanes p = lanes_fma(lanes_set(0x1.6ad19p-10f), r, lanes_set(0x1.123f32p-7f));
    p = lanes_fma(p, r, lanes_set(0x1.55584ep-5f));
    p = lanes_fma(p, r, lanes_set(0x1.55548ap-3f));
    return lanes_fma(p, r, lanes_set(0x1.fffffcp-2f));
}

/* Replaces x[0..n-1] by their exp; the chains of several run side by side. */
static inline __attribute__((always_inline)) void lanes_exp_several(struct lanes *x, const int n)
{
    struct lanes one = lanes_set(1.0f), count[4], y[4];
    TL_UNROLL
    for (int i = 0; i < n; i++) {
        struct lanes r = lanes_reduce(x[i], &count[i]);
        y[i] = lanes_fma(lanes_fma(lanes_exp_tail(r), r, one), r, one);
    }
    TL_UNROLL
    for (int i = 0; i < n; i++) {
        struct lanes high = lanes_set(__builtin_inff()), low = lanes_set(0.0f);
        y[i] = lanes_raise(y[i], count[i]);
        y[i] = lanes_select(lanes_greater(x[i], lanes_set(TL_MATH_EXP_MAX)), high, y[i]);
        y[i] = lanes_select(lanes_less(x[i], lanes_set(TL_MATH_EXP_MIN)), low, y[i]);
        x[i] = lanes_select(lanes_unordered(x[i]), x[i], y[i]);
    }
}

static inline struct lanes lanes_exp(struct lanes x)
{
    lanes_exp_several(&x, 1);
    return x;
}

/* tanh |x| = t / (t + 2) with t = e^2|x| - 1, which keeps its relative precision near 0; from 10 on it is 1. */
static inline struct lanes lanes_tanh(struct lanes x)
{
    struct lanes one = lanes_set(1.0f), ten = lanes_set(10.0f), count;
    struct lanes a = lanes_abs(x);
    a = lanes_select(lanes_greater(a, ten), ten, a);
    struct lanes r = lanes_reduce(lanes_add(a, a), &count);
    struct lanes q = lanes_fma(lanes_exp_tail(r), lanes_mul(r, r), r);              /* e^r - 1 */
    struct lanes power = lanes_raise(one, count);
    struct lanes t = lanes_fma(power, q, lanes_sub(power, one));
    struct lanes y = lanes_copysign(lanes_div(t, lanes_add(t, lanes_set(2.0f))), x);
    return lanes_select(lanes_unordered(x), x, y);
}

/* g / (1 + exp(-g)) */
static inline struct lanes lanes_silu(struct lanes g)
{
    return lanes_div(g, lanes_add(lanes_set(1.0f), lanes_exp(lanes_sub(lanes_set(0.0f), g))));
}

/* 0.5 * g * (1 + tanh(u)), u = sqrt(2 / pi) * (g + 0.044715 * g^3) (Hendrycks and Gimpel, arXiv 1606.08415), in the
 * equal form g / (1 + exp(-2u)), which does not cancel where g < 0. */
static inline struct lanes lanes_gelu(struct lanes g)
{
    struct lanes w = lanes_fma(lanes_mul(g, g), lanes_set(-0x1.2444f2p-4f), lanes_set(-0x1.988454p0f));
    return lanes_div(g, lanes_add(lanes_set(1.0f), lanes_exp(lanes_mul(g, w))));
}

/* The unit of gpt-oss (its reference code): (u + 1) * g * sigmoid(1.702 g), g clamped above, u on both sides. */
static inline struct lanes lanes_clamped(struct lanes g, struct lanes u)
{
    struct lanes limit = lanes_set(7.0f), one = lanes_set(1.0f);
    g = lanes_select(lanes_greater(g, limit), limit, g);
    u = lanes_select(lanes_greater(u, limit), limit, u);
    u = lanes_select(lanes_less(u, lanes_set(-7.0f)), lanes_set(-7.0f), u);
    struct lanes gate = lanes_div(g, lanes_add(one, lanes_exp(lanes_mul(g, lanes_set(-1.702f)))));
    return lanes_mul(lanes_add(u, one), gate);
}

/* log(1 + t) for 0 <= t <= 1: 2 atanh(s), s = t / (2 + t) <= 1/3; seven terms of the series leave 1e-9. */
static inline struct lanes lanes_log_of_more(struct lanes t)
{
    struct lanes s = lanes_div(t, lanes_add(lanes_set(2.0f), t)), z = lanes_mul(s, s), twice = lanes_add(s, s);
    struct lanes p = lanes_fma(lanes_set(1.0f / 15), z, lanes_set(1.0f / 13));
    p = lanes_fma(p, z, lanes_set(1.0f / 11));
    p = lanes_fma(p, z, lanes_set(1.0f / 9));
    p = lanes_fma(p, z, lanes_set(1.0f / 7));
    p = lanes_fma(p, z, lanes_set(1.0f / 5));
    p = lanes_fma(p, z, lanes_set(1.0f / 3));
    return lanes_fma(lanes_mul(twice, z), p, twice);
}

/* log(1 + exp(x)) = max(x, 0) + log(1 + exp(-|x|)) */
static inline struct lanes lanes_softplus(struct lanes x)
{
    struct lanes zero = lanes_set(0.0f), tail = lanes_log_of_more(lanes_exp(lanes_sub(zero, lanes_abs(x))));
    return lanes_add(lanes_select(lanes_greater(x, zero), x, zero), tail);
}

/* The decay of a gated delta net: exp(rate * softplus(x)) */
static inline struct lanes lanes_decay(struct lanes x, struct lanes rate)
{
    return lanes_exp(lanes_mul(rate, lanes_softplus(x)));
}

/* u / (1 + exp(-g)) */
static inline struct lanes lanes_sigmoid_mul(struct lanes g, struct lanes u)
{
    return lanes_div(u, lanes_add(lanes_set(1.0f), lanes_exp(lanes_sub(lanes_set(0.0f), g))));
}

/* cap * tanh(x / cap) */
static inline struct lanes lanes_softcap(struct lanes x, struct lanes cap)
{
    return lanes_mul(cap, lanes_tanh(lanes_div(x, cap)));
}

#endif
