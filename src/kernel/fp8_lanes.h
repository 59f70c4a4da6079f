/* SPDX-License-Identifier: MIT */
/* Products of bf16 activations with fp8_b128, once for all levels: for every 128 columns the sum over values without their
 * scale, in the order of bf16, then one fma with the scale. Values become bf16 pairs or f32 in registers: of few tokens at
 * once, of many by way of scratch, a block of columns at a time for all panels. */
#ifndef TL_KERNEL_FP8_LANES_H
#define TL_KERNEL_FP8_LANES_H

#include "kernel/acts.h"
#include "kernel/values_lanes.h"
#include "kernel/walk.h"

enum { FP8_COLS = 128, FP8_GRANULES = FP8_COLS / 4, FP8_BLOCK_BYTES = TL_PANEL_ROWS * (FP8_COLS + 4), FP8_AHEAD = 6 * 1024 };

/* Four columns of 16 rows: as two vectors of bf16 pairs, or as four of f32. */
struct fp8_four { struct ints pairs[2]; struct lanes values[4]; };

/* E4M3 in byte c of each lane -> f32, exactly: e = 0 are multiples of 2^-9, all ones are NaN. */
INLINE struct lanes fp8_value(struct ints codes, uint32_t c)
{
    struct ints size = ints_and(ints_down(codes, 8 * c), ints_set(127));
    struct lanes count = ints_to_lanes(size), normal = ints_as_lanes(ints_add(ints_up(size, 20), ints_set(120 << 23)));
    struct lanes value = lanes_select(lanes_less(count, lanes_set(8)), lanes_mul(count, lanes_set(0x1p-9f)), normal);
    value = lanes_select(lanes_greater(count, lanes_set(126.5f)), lanes_set(__builtin_nanf("")), value);
    return lanes_copysign(value, ints_as_lanes(ints_up(codes, 24 - 8 * c)));
}

INLINE struct fp8_four fp8_convert(const bool pairs, struct ints codes)
{
    struct fp8_four four;
#ifdef LANES_HAVE_PAIRS
    if (pairs) {
        four.pairs[0] = ints_fp8_pairs(codes, 0);
        four.pairs[1] = ints_fp8_pairs(codes, 1);
        return four;
    }
#endif
    (void)pairs;
    UNROLL
    for (uint32_t c = 0; c < 4; c++)
        four.values[c] = fp8_value(codes, c);
    return four;
}

/* Columns 2i and 2i + 1 of four, and the pair of activations that belongs to them. */
INLINE struct lanes fp8_step(const bool pairs, struct lanes sum, const struct fp8_four *four, uint32_t i, const uint8_t *x)
{
    struct ints both = ints_every4(x + 4 * i);
#ifdef LANES_HAVE_PAIRS
    if (pairs)
        return lanes_add_pairs(sum, four->pairs[i], both);
#endif
    (void)pairs;
    sum = lanes_fma(four->values[2 * i + 1], ints_as_lanes(ints_and(both, ints_set((int32_t)0xffff0000))), sum);
    return lanes_fma(four->values[2 * i], ints_as_lanes(ints_up(both, 16)), sum);
}

/* A block of columns of some panels against some tokens. */
struct fp8_span {
    const struct tl_product *product;
    const uint8_t *block[TILE_PANELS];
    struct fp8_four (*converted)[FP8_GRANULES];          /* of each panel; NULL: not yet */
    uint32_t panel, n_panels, first_col, n_cols;
    uint32_t token;
};

/* Four columns of each panel from their codes, which `kept` masks, or as converted before. */
INLINE void fp8_fours(const bool pairs, const bool direct, const uint32_t panels, const struct fp8_span *span, uint32_t i, int32_t kept,
                      struct fp8_four ret_fours[TILE_PANELS])
{
    UNROLL
    for (uint32_t p = 0; p < panels; p++) {
        const uint8_t *at = span->block[p] + TL_PANEL_ROWS * 4 + 64 * i;
        struct ints codes = ints_load(at);
        if (direct)
            __builtin_prefetch(at + FP8_AHEAD);
        ret_fours[p] = direct ? fp8_convert(pairs, kept == -1 ? codes : ints_and(codes, ints_set(kept))) : span->converted[p][i];
    }
}

/* The first one or both of the two steps that four columns take. */
INLINE void fp8_steps(const bool pairs, const uint32_t panels, const uint32_t tokens, const uint32_t steps, const struct fp8_four fours[TILE_PANELS],
                      const uint8_t *x, uint64_t x_stride, struct lanes sum[VALUE_TOKENS][TILE_PANELS])
{
    UNROLL
    for (uint32_t t = 0; t < tokens; t++)
        UNROLL
        for (uint32_t half = 0; half < steps; half++)
            UNROLL
            for (uint32_t p = 0; p < panels; p++)
                sum[t][p] = fp8_step(pairs, sum[t][p], &fours[p], half, x + t * x_stride);
}

/* Columns that the matrix lacks take no part; the odd one of a last pair is 0. */
INLINE void fp8_block(const bool pairs, const bool direct, const uint32_t panels, const uint32_t tokens, const struct fp8_span *span)
{
    const struct tl_product *product = span->product;
    uint64_t x_stride = tl_acts_row_bytes(product->acts->form, product->cols);
    const uint8_t *x = (const uint8_t *)tl_acts_row(product->acts, span->token) + (uint64_t)span->first_col * 2;
    float *out = product->out + span->token * product->out_stride + span->panel * TL_PANEL_ROWS;
    uint32_t whole = span->n_cols / 4, left = span->n_cols % 4;
    struct lanes sum[VALUE_TOKENS][TILE_PANELS];
    struct fp8_four fours[TILE_PANELS];
    UNROLL
    for (uint32_t t = 0; t < tokens; t++)
        UNROLL
        for (uint32_t p = 0; p < panels; p++)
            sum[t][p] = lanes_set(0);
    for (uint32_t i = 0; i < whole; i++, x += 8) {
        fp8_fours(pairs, direct, panels, span, i, -1, fours);
        fp8_steps(pairs, panels, tokens, 2, fours, x, x_stride, sum);
    }
    if (left) {
        fp8_fours(pairs, true, panels, span, whole, (int32_t)((1u << 8 * left) - 1), fours);
        if (left == 3)
            fp8_steps(pairs, panels, tokens, 2, fours, x, x_stride, sum);
        else
            fp8_steps(pairs, panels, tokens, 1, fours, x, x_stride, sum);
    }
    UNROLL
    for (uint32_t p = 0; p < panels; p++) {
        struct lanes scale = lanes_load((const float *)span->block[p]);
        uint32_t rows = tl_walk_rows(product, span->panel + p);
        UNROLL
        for (uint32_t t = 0; t < tokens; t++) {
            float *to = out + t * product->out_stride + p * TL_PANEL_ROWS;
            struct lanes acc = span->first_col ? lanes_load_first(to, rows) : lanes_set(0);
            lanes_store_first(to, rows, lanes_fma(sum[t][p], scale, acc));
        }
    }
}

INLINE void fp8_span_of(const bool pairs, const bool direct, const struct fp8_span *span, uint32_t tokens)
{
    switch (tokens * 2 + span->n_panels - 1) {
#define CASE(panels, n) \
    case (n) * 2 + (panels) - 1: \
        if ((panels) <= TILE_PANELS && (n) <= VALUE_TOKENS) \
            fp8_block(pairs, direct, panels, n, span); \
        break;
    CASE(1, 1) CASE(1, 2) CASE(1, 3) CASE(1, 4) CASE(1, 5) CASE(1, 6)
    CASE(2, 1) CASE(2, 2) CASE(2, 3) CASE(2, 4) CASE(2, 5) CASE(2, 6)
#undef CASE
    }
}

static void fp8_span_fma(const struct fp8_span *span, uint32_t tokens, bool direct)
{
    if (direct)
        fp8_span_of(false, true, span, tokens);
    else
        fp8_span_of(false, false, span, tokens);
}

#ifdef LANES_HAVE_PAIRS
static void fp8_span_pairs(const struct fp8_span *span, uint32_t tokens, bool direct)
{
    if (direct)
        fp8_span_of(true, true, span, tokens);
    else
        fp8_span_of(true, false, span, tokens);
}
#endif

static void fp8_span_any(bool pairs, const struct fp8_span *span, uint32_t tokens, bool direct)
{
#ifdef LANES_HAVE_PAIRS
    if (pairs) {
        fp8_span_pairs(span, tokens, direct);
        return;
    }
#endif
    (void)pairs;
    fp8_span_fma(span, tokens, direct);
}

_Static_assert(TILE_PANELS * FP8_GRANULES * sizeof(struct fp8_four) <= TL_PRODUCT_SCRATCH, "blocks fit the scratch");

/* Panels from `panel` on, as many as a span takes. */
static struct fp8_span fp8_at(const struct tl_product *product, uint32_t panel, uint32_t panel_to, uint32_t block)
{
    uint32_t first = block * FP8_COLS, left = product->cols - first, n_panels = panel_to - panel < TILE_PANELS ? panel_to - panel : TILE_PANELS;
    struct fp8_span span = {
        .product = product, .panel = panel, .n_panels = n_panels, .first_col = first, .n_cols = left < FP8_COLS ? left : FP8_COLS,
        .token = product->token_from,
    };
    for (uint32_t p = 0; p < n_panels; p++)
        span.block[p] = tl_walk_panel(product, panel + p) + (uint64_t)block * FP8_BLOCK_BYTES;
    return span;
}

/* All tokens of a span, converted once. */
static void fp8_tokens(bool pairs, struct fp8_span *span)
{
    span->converted = span->product->scratch;
    for (uint32_t p = 0; p < span->n_panels; p++)
        for (uint32_t i = 0; i < span->n_cols / 4; i++) {
            struct ints codes = ints_load(span->block[p] + TL_PANEL_ROWS * 4 + 64 * i);
            span->converted[p][i] = pairs ? fp8_convert(true, codes) : fp8_convert(false, codes);
        }
    for (uint32_t n; span->token < span->product->token_to; span->token += n) {
        n = span->product->token_to - span->token < VALUE_TOKENS ? span->product->token_to - span->token : VALUE_TOKENS;
        fp8_span_any(pairs, span, n, false);
    }
}

static void product_fp8(const struct tl_product *product, uint32_t panel_from, uint32_t panel_to, bool pairs)
{
    uint32_t n = product->token_to - product->token_from, blocks = tl_walk_blocks(product->number, product->cols);
    if (n == 0)
        return;
    if (n <= VALUE_TOKENS) {
        for (uint32_t p = panel_from; p < panel_to; p += TILE_PANELS)
            for (uint32_t b = 0; b < blocks; b++) {
                struct fp8_span span = fp8_at(product, p, panel_to, b);
                fp8_span_any(pairs, &span, n, true);
            }
        return;
    }
    for (uint32_t b = 0; b < blocks; b++)
        for (uint32_t p = panel_from; p < panel_to; p += TILE_PANELS) {
            struct fp8_span span = fp8_at(product, p, panel_to, b);
            fp8_tokens(pairs, &span);
        }
}

/* Any weights that bf16 activations go with. */
static void product_bf16_or_fp8(const struct tl_product *product, uint32_t panel_from, uint32_t panel_to)
{
    if (product->number->id == TL_NUMBER_FP8_B128)
        product_fp8(product, panel_from, panel_to, false);
    else
        product_bf16_by_fma(product, panel_from, panel_to);
}

#endif
