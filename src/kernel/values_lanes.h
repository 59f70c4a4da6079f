/* SPDX-License-Identifier: MIT */
/* Products of values at every level: f32 activations with any format, bf16 activations with bf16. Weights are vectors
 * of 16 rows a column (a pair of columns for bf16), straight from the panel where they lie so, else from scratch, where
 * column chunks are decoded once for all tokens. Between chunks the accumulators wait in `out`. */
#ifndef TL_KERNEL_VALUES_LANES_H
#define TL_KERNEL_VALUES_LANES_H

#include "kernel/acts.h"
#include "kernel/tile_lanes.h"

enum { CHUNK_STEPS = 256, VALUES_AHEAD = 4096 };

/* What lies in a vector of weights, and so what is done with it and 4 bytes of activations. */
enum values_kind { VALUES_F32, VALUES_F16, VALUES_PAIRS, VALUES_PAIRS_BY_FMA, VALUES_KINDS };

/* n_steps vectors of each panel, and the activations that belong to them. */
struct span {
    const struct tl_product *product;
    const uint8_t *w[TILE_PANELS];
    const uint8_t *x;                    /* of token 0, at the first step */
    uint64_t x_stride;
    uint32_t n_steps, panel, n_panels, token;
    bool first;                          /* accumulators start at 0 */
};

INLINE uint32_t step_bytes(const enum values_kind kind) { return kind == VALUES_F16 ? 32 : 64; }

/* Columns 2i and 2i + 1 of a vector of bf16 pairs. */
INLINE struct lanes even_of(struct ints pairs) { return ints_as_lanes(ints_up(pairs, 16)); }
INLINE struct lanes odd_of(struct ints pairs) { return ints_as_lanes(ints_and(pairs, ints_set((int32_t)0xffff0000))); }

INLINE struct lanes values_step(const enum values_kind kind, struct lanes acc, const uint8_t *w, struct ints x)
{
    if (kind == VALUES_F32)
        return lanes_fma(lanes_load(w), ints_as_lanes(x), acc);
    if (kind == VALUES_F16)
        return lanes_fma(lanes_load_f16(w), ints_as_lanes(x), acc);
#ifdef LANES_HAVE_PAIRS
    if (kind == VALUES_PAIRS)
        return lanes_add_pairs(acc, ints_load(w), x);
#endif
    acc = lanes_fma(odd_of(ints_load(w)), odd_of(x), acc);
    return lanes_fma(even_of(ints_load(w)), even_of(x), acc);
}

INLINE void span_block(const enum values_kind kind, const uint32_t panels, const uint32_t tokens, const struct span *span)
{
    const struct tl_product *product = span->product;
    float *out = product->out + span->token * product->out_stride + span->panel * TL_PANEL_ROWS;
    const uint8_t *x = span->x + span->token * span->x_stride;
    struct lanes acc[VALUE_TOKENS][TILE_PANELS];
    uint32_t rows[TILE_PANELS];
    UNROLL
    for (uint32_t p = 0; p < panels; p++)
        rows[p] = tl_walk_rows(product, span->panel + p);
    UNROLL
    for (uint32_t t = 0; t < tokens; t++)
        UNROLL
        for (uint32_t p = 0; p < panels; p++)
            acc[t][p] = span->first ? lanes_set(0) : lanes_load_first(out + t * product->out_stride + p * TL_PANEL_ROWS, rows[p]);
    for (uint64_t k = 0; k < span->n_steps; k++, x += 4) {
        const uint8_t *w[TILE_PANELS];
        UNROLL
        for (uint32_t p = 0; p < panels; p++) {
            w[p] = span->w[p] + k * step_bytes(kind);
            if (tokens <= 2)
                __builtin_prefetch(w[p] + VALUES_AHEAD);
        }
        UNROLL
        for (uint32_t t = 0; t < tokens; t++) {
            struct ints every = ints_every4(x + t * span->x_stride);
            UNROLL
            for (uint32_t p = 0; p < panels; p++)
                acc[t][p] = values_step(kind, acc[t][p], w[p], every);
        }
    }
    UNROLL
    for (uint32_t t = 0; t < tokens; t++)
        UNROLL
        for (uint32_t p = 0; p < panels; p++)
            lanes_store_first(out + t * product->out_stride + p * TL_PANEL_ROWS, rows[p], acc[t][p]);
}

INLINE void span_of(const enum values_kind kind, const struct span *span, uint32_t tokens)
{
    switch (tokens * 2 + span->n_panels - 1) {
#define CASE(panels, n) \
    case (n) * 2 + (panels) - 1: \
        if ((panels) <= TILE_PANELS && (n) <= VALUE_TOKENS) \
            span_block(kind, panels, n, span); \
        break;
    CASE(1, 1) CASE(1, 2) CASE(1, 3) CASE(1, 4) CASE(1, 5) CASE(1, 6)
    CASE(2, 1) CASE(2, 2) CASE(2, 3) CASE(2, 4) CASE(2, 5) CASE(2, 6)
#undef CASE
    }
}

static void span_f32(const struct span *span, uint32_t tokens) { span_of(VALUES_F32, span, tokens); }
static void span_f16(const struct span *span, uint32_t tokens) { span_of(VALUES_F16, span, tokens); }
static void span_pairs_by_fma(const struct span *span, uint32_t tokens) { span_of(VALUES_PAIRS_BY_FMA, span, tokens); }
#ifdef LANES_HAVE_PAIRS
static void span_pairs(const struct span *span, uint32_t tokens) { span_of(VALUES_PAIRS, span, tokens); }
#endif

static void (*const spans[VALUES_KINDS])(const struct span *span, uint32_t tokens) = {
    [VALUES_F32] = span_f32, [VALUES_F16] = span_f16, [VALUES_PAIRS_BY_FMA] = span_pairs_by_fma,
#ifdef LANES_HAVE_PAIRS
    [VALUES_PAIRS] = span_pairs,
#endif
};

/* --- decoding into scratch ------------------------------------------------------------------------------------------ */

/* What is laid out in scratch: f32 vectors of a chunk for each panel, and tiles on the way there. */
struct values_chunk {
    struct lanes values[TILE_PANELS][CHUNK_STEPS];
    struct tile tiles[CHUNK_STEPS / PART_COLS];
};

_Static_assert(sizeof(struct values_chunk) <= TL_PRODUCT_SCRATCH, "a chunk fits the scratch");

static void values_of_tile(const struct tl_number *number, const struct tile *tile, uint32_t side, struct lanes *ret_values)
{
    const struct ints minus_offset = ints_set(-tile_offset(number));
    const bool is_signed = CODES_8_SIGNED && code_bits(number) == 8;
    for (uint32_t k = 0; k < PART_COLS; k++) {
        uint32_t group = k / number->group;
        struct ints code = ints_up(tile->codes[k / 4][side], 24 - k % 4 * 8);
        code = is_signed ? ints_down_signed(code, 24) : ints_down(code, 24);
        struct lanes value = lanes_mul(tile->scale[group][side], ints_to_lanes(ints_add(code, minus_offset)));
        ret_values[k] = number->has_min ? lanes_add(value, tile->min[group][side]) : value;
    }
}

/* Plain formats without a case of their own, row by row. */
static void values_of_rows(const struct tl_number *number, const uint8_t *at, uint32_t n, struct lanes *ret_values)
{
    float decoded[CHUNK_STEPS];
    for (uint32_t row = 0; row < TL_PANEL_ROWS; row++) {
        tl_panel_row_decode(number, at, row, n, decoded);
        for (uint32_t k = 0; k < n; k++)
            memcpy((uint8_t *)&ret_values[k] + 4 * row, &decoded[k], 4);
    }
}

/* Columns `from`.. of one panel, n of them, rounded up to what the format decodes at once. */
static void values_decode(const struct tl_number *number, const uint8_t *panel, uint32_t from, uint32_t n, uint32_t side,
                          struct values_chunk *ret_chunk)
{
    struct lanes *values = ret_chunk->values[side];
    const uint8_t *at = panel + (uint64_t)from / number->panel_elems * TL_PANEL_ROWS * tl_walk_row_block_bytes(number);
    if (number->group) {
        uint32_t parts = number->block_elems / PART_COLS;
        uint32_t n_parts = (n + number->block_elems - 1) / number->block_elems * parts;
        tile_panel(number, at, at, n_parts, side, ret_chunk->tiles);
        for (uint32_t part = 0; part < n_parts; part++)
            values_of_tile(number, &ret_chunk->tiles[part], side, values + part * PART_COLS);
    } else if (number->id == TL_NUMBER_F16) {
        for (uint32_t k = 0; k < n; k++, at += 32)
            values[k] = lanes_load_f16(at);
    } else if (number->id == TL_NUMBER_BF16) {
        for (uint32_t k = 0; k < n; k += 2, at += 64) {
            values[k] = even_of(ints_load(at));
            values[k + 1] = odd_of(ints_load(at));
        }
    } else {
        values_of_rows(number, at, n, values);
    }
}

/* --- all chunks, all panels, all tokens ------------------------------------------------------------------------------ */

static void values_tokens(struct span *span, enum values_kind kind)
{
    uint32_t to = span->product->token_to;
    for (uint32_t t = span->product->token_from, n; t < to; t += n) {
        n = to - t < VALUE_TOKENS ? to - t : VALUE_TOKENS;
        span->token = t;
        spans[kind](span, n);
    }
}

/* One pass over the panels: nothing is gained by column chunks, and an f16 is widened only once anyway. */
static bool values_are_few(const struct tl_product *product)
{
    return product->token_to - product->token_from <= VALUE_TOKENS;
}

/* direct: from the panels, without decoding. */
static void values_product(const struct tl_product *product, uint32_t panel_from, uint32_t panel_to, enum values_kind kind,
                           bool direct)
{
    struct values_chunk *chunk = product->scratch;
    uint32_t n_steps = product->acts->form == TL_ACTS_BF16 ? product->cols / 2 + product->cols % 2 : product->cols;
    uint32_t each = direct && values_are_few(product) ? n_steps : CHUNK_STEPS;
    struct span span = {.product = product, .x_stride = tl_acts_row_bytes(product->acts->form, product->cols)};
    for (uint32_t from = 0; from < n_steps; from += each)
        for (uint32_t p = panel_from; p < panel_to; p += TILE_PANELS) {
            span.panel = p;
            span.n_panels = panel_to - p < TILE_PANELS ? panel_to - p : TILE_PANELS;
            span.n_steps = n_steps - from < each ? n_steps - from : each;
            span.first = from == 0 && !product->add;
            span.x = (const uint8_t *)product->acts->data + (uint64_t)from * 4;
            for (uint32_t side = 0; side < span.n_panels; side++) {
                const uint8_t *panel = tl_walk_panel(product, p + side);
                if (!direct)
                    values_decode(product->number, panel, from, span.n_steps, side, chunk);
                span.w[side] = direct ? panel + (uint64_t)from * step_bytes(kind) : (const uint8_t *)chunk->values[side];
            }
            values_tokens(&span, kind);
        }
}

static void product_f32(const struct tl_product *product, uint32_t panel_from, uint32_t panel_to)
{
    if (product->number->id == TL_NUMBER_F16 && values_are_few(product))
        values_product(product, panel_from, panel_to, VALUES_F16, true);
    else
        values_product(product, panel_from, panel_to, VALUES_F32, product->number->id == TL_NUMBER_F32);
}

static void product_bf16_by_fma(const struct tl_product *product, uint32_t panel_from, uint32_t panel_to)
{
    values_product(product, panel_from, panel_to, VALUES_PAIRS_BY_FMA, true);
}

#endif
