/* SPDX-License-Identifier: MIT */
/* Numeric kernels: a table of functions for each instruction-set level, all equal bit for bit.
 *
 * The scalar functions of kernel/ref are the truth: they fix the order of every floating-point operation, in a shape
 * that vectors like (see README.md of this room). A level overwrites only the pointers that it improves.
 * Kernels allocate nothing, start no threads, report no errors: pointers and sizes in, numbers out. f32 arrays need no
 * alignment; acts, panels, tiles and scratch are aligned to 64 bytes. FTZ and DAZ are set by the caller's thread. */
#ifndef TL_KERNEL_KERNEL_H
#define TL_KERNEL_KERNEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "number/number.h"

/* --- activations of a chunk in the form that a product wants ------------------------------------------------------ */

enum tl_acts_form {
    TL_ACTS_F32,             /* as they are: for f32 and f16 weights, and for every format under --activations f32 */
    TL_ACTS_BF16,            /* rounded to nearest even, subnormals to zero: for bf16 and fp8 weights */
    TL_ACTS_Q8,              /* int8 per 16: for block formats */
    TL_ACTS_FORMS
};

/* Q8, for each row and half block of 16 columns (a last partial one is padded with zeros; halves come in blocks of 32):
 *   amax = max |x|;  scale = amax / 127;  2^-100 <= amax < inf: code = rint(x * (127 / amax)) (to even), else code = 0;
 *   the sum of the codes, exact. What is not finite in x shows in the scale and so in the product. */
struct tl_acts {
    enum tl_acts_form form;
    uint32_t cols;
    uint32_t max_tokens;
    void *data;              /* tl_acts_bytes; its inner layout is this room's own business */
};

enum tl_acts_form tl_acts_form_of(const struct tl_number *number, bool exact);       /* exact: --activations f32 */
uint64_t tl_acts_bytes(enum tl_acts_form form, uint32_t max_tokens, uint32_t cols);

/* --- products ----------------------------------------------------------------------------------------------------- */

/* out[t * out_stride + r] = sum over k of w[r][k] * x[t][k], for tokens token_from..token_to-1 and the rows of the panels
 * given to the call. One f32 accumulator an output, starting at 0 (add: at what `out` holds), columns in order:
 *   F32 acts:  acc = fma(w, x, acc) for each k            (block formats under F32 acts: w is the decoded value)
 *   BF16 acts: for each pair of columns: acc = fma(w[odd], x[odd], acc), then acc = fma(w[even], x[even], acc)
 *              fp8_b128: the same with values less their scale, for each 128 columns into s, from 0; acc = fma(s, scale, acc)
 *   Q8 acts:   for each 16 columns: s = exact integer sum of (code_w - offset) * code_x;
 *              acc = fma((float)s, scale_w * scale_x, acc);
 *              with min, behind each group: acc = fma(min_w, scale_x * (float)(sum of code_x), acc) for groups of 16, and
 *              for groups of 32 the second factor is the rounded sum of the two halves' rounded products
 * Where the columns end inside a block the codes of the rest are absent from both sums. */
struct tl_product {
    const struct tl_number *number;
    const uint8_t *panels;               /* panel 0 of the matrix */
    uint32_t rows, cols;
    const struct tl_acts *acts;
    uint32_t token_from, token_to;
    float *out;                          /* [tokens][out_stride]; rows beyond `rows` are not written */
    size_t out_stride;
    bool add;                            /* F32 acts, and BF16 acts with bf16 weights, alone */
    void *scratch;                       /* tl_product_scratch_bytes(), one a thread */
};

uint64_t tl_product_scratch_bytes(void);

/* --- keys and values ---------------------------------------------------------------------------------------------- */

/* A page holds TL_PAGE_TOKENS positions of one KV head in one layer: first the keys in tiles of 16 positions, each
 * [head_dim][16] (q8_0: [head_dim / 32][16] f16 scales, then [head_dim][16] codes, all tiles alike), then the values
 * [position][v_dim] (q8_0: stored blocks). Formats: f32, f16, bf16, q8_0; stored with tl_number's encode. v_dim 0: keys
 * alone, for latent attention, where the leading dimensions of a key are the value. */
enum { TL_PAGE_TOKENS = 64, TL_TILE_TOKENS = 16 };

uint64_t tl_page_bytes(const struct tl_number *format, uint32_t head_dim, uint32_t v_dim);     /* multiple of 64 */
void tl_page_put(const struct tl_number *format, uint32_t head_dim, uint32_t v_dim, void *page, uint32_t slot,
                 const float *key, const float *value);        /* slot: position mod TL_PAGE_TOKENS; v_dim 0: no value is read */

/* Attention of n_rows query vectors that share one KV head (tokens x heads of the group). Row i sees positions
 * first[i] .. last[i] inclusive. For each row:
 *   score[p] = (fma over d = 0..head_dim-1 from 0 of q[d] * k[p][d]) * scale;  softcap > 0: softcap * tanh(score / softcap)
 *   m = exact maximum (with sink: of it too);  e[p] = exp(score[p] - m)
 *   sum: 16 partial sums, position p adds to partial p mod 16 in order of p, folded by the fixed tree of tl_tree16;
 *        with sink: then + exp(sink - m)
 *   out[d] = (fma over p in order from 0 of e[p] * v[p][d]) / sum */
struct tl_attend {
    const struct tl_number *format;
    uint32_t head_dim, v_dim, n_rows;
    bool latent;                         /* pages hold keys alone; v[p] is the leading v_dim <= head_dim dimensions of k[p] */
    const void *const *pages;            /* pages[position / TL_PAGE_TOKENS], of this layer and KV head; only those seen are read */
    uint64_t page_offset;                /* added to every page pointer */
    const float *const *q;               /* [n_rows] -> [head_dim] */
    float *const *out;                   /* [n_rows] -> [v_dim] */
    const uint32_t *first, *last;        /* [n_rows] */
    const float *sinks;                  /* [n_rows], or NULL */
    float scale, softcap;
    void *scratch;                       /* tl_attend_scratch_bytes(n_rows, span), one a thread */
};

uint64_t tl_attend_scratch_bytes(uint32_t n_rows, uint32_t n_positions);   /* n_positions: last - first + 1 at most, tile borders added inside */

/* --- the gated delta rule ----------------------------------------------------------------------------------------- */

/* Some columns of the state S [key_dim][n_cols] of one head, over n_tokens that follow each other (Yang et al. 2024,
 * arXiv 2412.06464, equation 10). For each token, with its a = decay and b = beta, and for each column j:
 *   m = sum over i of S[i][j] * k[i];  d = fma(-a, m, v[j]) * b;  S[i][j] = fma(k[i], d, a * S[i][j])
 *   out[j] = sum over i of S[i][j] * q[i], of the new S
 * A sum over i: 4 partial sums from 0, i adds to partial i mod 4 by fma in order of i; (0 + 2) + (1 + 3).
 * S lies in tiles of 16 columns, [tile][key_dim][16]; columns of the last tile beyond n_cols run along with v = 0. */
struct tl_delta {
    uint32_t key_dim, n_cols, n_tokens;
    const float *from;                   /* S before the first token */
    float *to;                           /* S behind the last one; may be `from` */
    const float *q, *k, *v;              /* of the first token; those of the next lie `stride` floats behind them */
    const float *beta, *decay;           /* [n_tokens], gate_stride apart */
    float *out;                          /* [n_tokens][n_cols], rows out_stride apart */
    size_t stride, gate_stride, out_stride;
};

/* --- the table ---------------------------------------------------------------------------------------------------- */

struct tl_kernel {
    const char *name;
    /* Fills acts rows token_from..token_to-1 from x[t * x_stride + k]. One function a form. */
    void (*acts_fill[TL_ACTS_FORMS])(const float *x, size_t x_stride, uint32_t token_from, uint32_t token_to,
                                     struct tl_acts *acts);
    /* Panels panel_from..panel_to-1. Any number of tokens: few (decode) and many (prefill) take different paths inside,
     * with the same bits. */
    void (*product[TL_ACTS_FORMS])(const struct tl_product *product, uint32_t panel_from, uint32_t panel_to);
    void (*attend)(const struct tl_attend *attend);
    void (*delta)(const struct tl_delta *delta);

    /* Vectors of n. Sums and maxima: 16 strided partials, tl_tree16. In-place use (out == an input) is fine. */
    float (*sum)(const float *x, size_t n);
    float (*max)(const float *x, size_t n);                                   /* n >= 1; NaN is passed over; a zero is +0 */
    void (*rms_norm)(const float *x, const float *weight, size_t n, float epsilon, float *out);
    /*   r = 1 / sqrt((sum of x*x: partial = fma(x, x, partial)) / n + epsilon);  out = (x * r) * weight   (weight NULL: x * r) */
    void (*add)(const float *x, const float *y, size_t n, float *out);        /* x + y */
    void (*scale)(const float *x, float s, size_t n, float *out);             /* x * s */
    void (*add_scaled)(const float *x, float s, size_t n, float *out);        /* fma(x, s, out): out is added to */
    void (*exp)(const float *x, float minus, size_t n, float *out);           /* exp(x - minus) */
    void (*silu_mul)(const float *gate, const float *up, size_t n, float *out);      /* (g / (1 + exp(-g))) * u */
    void (*gelu_mul)(const float *gate, const float *up, size_t n, float *out);      /* tanh form; see math.h; (gelu(g)) * u */
    void (*clamped_mul)(const float *gate, const float *up, size_t n, float *out);
    /*   gpt-oss: g at most 7, u within -7..7; (u + 1) * (g / (1 + exp(-1.702 g))); NaN: unspecified but equal at all levels */
    void (*sigmoid_mul)(const float *gate, const float *up, size_t n, float *out);   /* u / (1 + exp(-g)) */
    /* A causal convolution's row: silu(fma over t = 0..n_taps-1 from 0 of weight[t * n + i] * taps[t][i]) */
    void (*conv_silu)(const float *const *taps, const float *weight, uint32_t n_taps, size_t n, float *out);
    /* exp(r * softplus(x + bias)): r = rate, or -exp(rate) where it is kept as a logarithm */
    void (*decay)(const float *x, const float *bias, const float *rate, bool logarithm, size_t n, float *out);
    void (*softcap)(const float *x, float cap, size_t n, float *out);         /* cap * tanh(x / cap) */
    /* One head in place; `n_rot` leading dimensions turn, the rest stays. table: n_rot / 2 pairs (cos, sin).
     * halves: pairs are (i, i + n_rot/2), else (2i, 2i+1).  a' = fma(a, cos, -(b * sin));  b' = fma(b, cos, a * sin) */
    void (*rope)(float *head, uint32_t n_rot, const float *table, bool halves);
};

/* Levels in the order of isa.def. NULL: not built for this architecture, or this CPU lacks it. */
const struct tl_kernel *tl_kernel_level(const char *name);
const struct tl_kernel *tl_kernel_best(void);
const char *tl_kernel_names(void);                                    /* "ref avx2 avx512": what this CPU can run */

/* The fixed tree: for w = 8, 4, 2, 1: partial[i] += partial[i + w] for i < w. */
static inline float tl_tree16(float partial[16])
{
    for (int width = 8; width >= 1; width /= 2)
        for (int i = 0; i < width; i++)
            partial[i] += partial[i + width];
    return partial[0];
}

/* --- scalar mathematics, the definition for all levels ------------------------------------------------------------ */

float tl_exp(float x);                       /* within 1 ulp or so; 0 below -87.3, +inf above 88.7; NaN stays */
float tl_tanh(float x);
float tl_log(float x);                       /* natural; x > 0 */
void tl_sin_cos(float angle, float *ret_sin, float *ret_cos);         /* correctly rounded nearly always: double inside, ours, |angle| up to 2^24 */
double tl_pow(double base, double exponent); /* base > 0; ours: does not depend on the C library */

#endif
