/* SPDX-License-Identifier: MIT */
/* Products of codes for many tokens, once for all levels: TILE_PANELS panels by MANY_TOKENS tokens with integer and f32
 * accumulators in registers and weights from tiles in the first cache. Between column chunks the f32 accumulators wait
 * in `out`, which changes no bits. */
#ifndef TL_KERNEL_MANY_LANES_H
#define TL_KERNEL_MANY_LANES_H

#include "kernel/acts.h"
#include "kernel/tile_lanes.h"

/* A chunk of columns of n_panels panels, for all tokens of the product. */
struct many {
    const struct tl_product *product;
    const struct tile *tiles;
    uint32_t part_from, n_parts;
    uint32_t panel, n_panels;
    struct ints offset[2];               /* for each half of a part: see many_offset */
};

/* Some of these tokens. */
struct many_tokens {
    const struct many *many;
    uint32_t token;
    const uint8_t *x;                    /* records of the first token, at the chunk's first column */
    uint64_t x_stride;
};

/* How groups look; constants wherever it is used. */
struct many_groups {
    uint32_t bits, count;                /* of codes; groups in 32 columns: 1 or 2 */
    bool has_offset, has_min;
};

INLINE const struct tl_acts_block *many_x(const uint8_t *x, uint64_t x_stride, uint32_t t)
{
    return (const struct tl_acts_block *)(x + t * x_stride);
}

/* -offset * (sum of codes of activations), in every lane: `offset` has -offset in the halves whose sums count. */
INLINE struct ints many_offset(const struct tl_acts_block *x, struct ints offset)
{
    return ints_multiply_halves(ints_every4(x->sums), offset);
}

/* scale * (float)(sum of codes of activations) over the group that ends with half g, in every lane. */
INLINE struct lanes many_scaled_sum(const struct many_groups groups, const struct tl_acts_block *x, uint32_t g)
{
    if (groups.count == 1)
        return lanes_set(x->scale_sum);
    struct ints sums = ints_every4(x->sums);
    return lanes_mul(lanes_set(x->scale[g]), ints_to_lanes(ints_down_signed(g == 0 ? ints_up(sums, 16) : sums, 16)));
}

/* The g-th half of 32 columns: panels x tokens integer sums, each used at once. Offsets are added behind the products,
 * not before: that keeps the multipliers busy. */
INLINE void many_half(const struct many_groups groups, const uint32_t panels, const uint32_t tokens, const struct tile *tile,
                       const uint8_t *x, uint64_t x_stride, uint32_t g, struct ints offset,
                       struct lanes acc[MANY_TOKENS][TILE_PANELS])
{
    const uint32_t n = PART_CODES / 2, group = groups.count == 1 ? 0 : g;
    struct sums sums[MANY_TOKENS][TILE_PANELS];
    UNROLL
    for (uint32_t t = 0; t < tokens; t++)
        UNROLL
        for (uint32_t p = 0; p < panels; p++)
            sums[t][p] = sums_zero();
    UNROLL
    for (uint32_t i = 0; i < n; i++)
        UNROLL
        for (uint32_t t = 0; t < tokens; t++) {
            struct ints codes = ints_every4(many_x(x, x_stride, t)->codes + 4 * (g * n + i));
            UNROLL
            for (uint32_t p = 0; p < panels; p++)
                sums[t][p] = sums_step(groups.bits, i, sums[t][p], tile->codes[g * n + i][p], codes);
        }
    UNROLL
    for (uint32_t t = 0; t < tokens; t++) {
        const struct tl_acts_block *block = many_x(x, x_stride, t);
        struct lanes scale = lanes_set(block->scale[g]);
        UNROLL
        for (uint32_t p = 0; p < panels; p++) {
            struct ints total = sums_total(groups.bits, n, sums[t][p]);
            if (groups.has_offset)
                total = ints_add(total, many_offset(block, offset));
            acc[t][p] = lanes_fma(ints_to_lanes(total), lanes_mul(tile->scale[group][p], scale), acc[t][p]);
            if (groups.has_min && (groups.count == 2 || g == 1))
                acc[t][p] = lanes_fma(tile->min[group][p], many_scaled_sum(groups, block, g), acc[t][p]);
        }
    }
}

INLINE void many_block(const struct many_groups groups, const uint32_t panels, const uint32_t tokens,
                       const struct many_tokens *some)
{
    const struct many *many = some->many;
    const struct tl_product *product = many->product;
    const struct ints offset[2] = {many->offset[0], many->offset[1]};
    const uint8_t *x = some->x;
    float *out = product->out + some->token * product->out_stride + many->panel * TL_PANEL_ROWS;
    uint32_t rows[TILE_PANELS];
    struct lanes acc[MANY_TOKENS][TILE_PANELS];
    UNROLL
    for (uint32_t p = 0; p < panels; p++)
        rows[p] = tl_walk_rows(product, many->panel + p);
    UNROLL
    for (uint32_t t = 0; t < tokens; t++)
        UNROLL
        for (uint32_t p = 0; p < panels; p++)
            acc[t][p] = many->part_from == 0 ? lanes_set(0)
                                             : lanes_load_first(out + t * product->out_stride + p * TL_PANEL_ROWS, rows[p]);
    for (uint32_t k = 0; k < many->n_parts; k++, x += sizeof(struct tl_acts_block))
        UNROLL
        for (uint32_t g = 0; g < 2; g++)
            many_half(groups, panels, tokens, &many->tiles[k], x, some->x_stride, g, offset[g], acc);
    UNROLL
    for (uint32_t t = 0; t < tokens; t++)
        UNROLL
        for (uint32_t p = 0; p < panels; p++)
            lanes_store_first(out + t * product->out_stride + p * TL_PANEL_ROWS, rows[p], acc[t][p]);
}

/* --- one function for each kind of groups ---------------------------------------------------------------------------- */

INLINE void many_of(const struct many_groups groups, const struct many_tokens *some, uint32_t tokens)
{
    switch (tokens * 2 + some->many->n_panels - 1) {
#define CASE(panels, n) \
    case (n) * 2 + (panels) - 1: \
        if ((panels) <= TILE_PANELS && (n) <= MANY_TOKENS) \
            many_block(groups, panels, n, some); \
        break;
    CASE(1, 1) CASE(1, 2) CASE(1, 3) CASE(1, 4) CASE(1, 5) CASE(2, 1) CASE(2, 2) CASE(2, 3) CASE(2, 4) CASE(2, 5)
#undef CASE
    }
}

/* MANY(class, kind, groups in 32 columns, has_offset, has_min); neither goes as an offset of 0. */
#define MANY_KINDS(MANY, class) \
    MANY(class, offset32, 1, true, false) MANY(class, min32, 1, false, true) MANY(class, both32, 1, true, true) \
    MANY(class, offset16, 2, true, false) MANY(class, min16, 2, false, true) MANY(class, both16, 2, true, true)

#define MANY(class, kind, ...) \
    static void many_##class##_##kind(const struct many_tokens *some, uint32_t tokens) \
    { \
        many_of((struct many_groups){class, __VA_ARGS__}, some, tokens); \
    }
#define CLASS(class) MANY_KINDS(MANY, class)
CODE_CLASSES(CLASS)
#undef CLASS
#undef MANY

typedef void many_function(const struct many_tokens *some, uint32_t tokens);

/* [bits of a code, rounded up to a class][groups in 32 columns - 1][has_offset][has_min] */
static many_function *const manys[9][2][2][2] = {
#define MANY(class, kind, count, has_offset, has_min) [class][(count) - 1][has_offset][has_min] = many_##class##_##kind,
#define CLASS(class) MANY_KINDS(MANY, class)
    CODE_CLASSES(CLASS)
#undef CLASS
#undef MANY
};

static many_function *many_choose(const struct tl_number *number, int32_t offset)
{
    uint32_t bits = code_bits(number), count = PART_COLS / number->group;
    bool has_offset = offset != 0 || !number->has_min;
    while (!manys[bits][count - 1][has_offset][number->has_min])
        bits++;
    return manys[bits][count - 1][has_offset][number->has_min];
}

static void many_product(struct many *many)
{
    const struct tl_product *product = many->product;
    int32_t offset = tile_offset(product->number), high = -offset * 0x10000, low = -offset & 0xffff;
    many_function *make = many_choose(product->number, offset);
    struct many_tokens some = {.many = many, .x_stride = tl_acts_row_bytes(product->acts->form, product->acts->cols)};
    many->offset[0] = ints_set(low);
    many->offset[1] = ints_set(high);
    for (uint32_t t = product->token_from, n; t < product->token_to; t += n) {
        n = product->token_to - t < MANY_TOKENS ? product->token_to - t : MANY_TOKENS;
        some.token = t;
        some.x = (const uint8_t *)((const struct tl_acts_block *)tl_acts_row(product->acts, t) + many->part_from);
        make(&some, n);
    }
}

#endif
