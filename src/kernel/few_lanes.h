/* SPDX-License-Identifier: MIT */
/* Products of codes for few tokens, once for all levels: each panel block is unpacked in registers and used at once, so
 * that decoding runs at the speed of memory. One function a format and number of tokens, by constant arguments. */
#ifndef TL_KERNEL_FEW_LANES_H
#define TL_KERNEL_FEW_LANES_H

#include "kernel/acts.h"
#include "kernel/unpack_lanes.h"
#include "kernel/walk.h"

enum {
    FEW_TOKENS = 4,
    FEW_AHEAD = 7 * 1024                 /* measured: memory stays busy, the first cache keeps the activations */
};

/* What a format looks like; constants wherever it is used. */
struct few_shape {
    enum tl_number_id id;
    uint32_t elems, bytes, period, group, bits, offset;
    bool has_min;
};

/* The g-th half of a part (see unpack_codes; of a grid's the rest is in `part`) for all tokens: acc[t] goes on. */
INLINE void few_half(const struct few_shape shape, const uint8_t *block, uint32_t h, uint32_t q, uint32_t g,
                     const struct grid_part *part, const struct scales scales, const uint32_t n_tokens,
                     const struct tl_acts_block *const x[FEW_TOKENS], struct lanes acc[FEW_TOKENS])
{
    const uint32_t n = PART_CODES / 2;
    const bool turns = grid_turns(shape.id);
    const uint32_t bits = shape.bits - turns;
    const int32_t offset = turns ? 0 : (int32_t)shape.offset - (CODES_8_SIGNED && shape.bits == 8 ? 128 : 0);
    struct sums sums[FEW_TOKENS];
    struct grid_run run;
    UNROLL
    for (uint32_t t = 0; t < n_tokens; t++)
        sums[t] = sums_zero();
    UNROLL
    for (uint32_t i = 0; i < n; i++) {
        if (is_grid(shape.id) && i % 2 == 0)
            run = grid_run(shape.id, part, (g * n + i) / 2);
        struct ints codes = turns               ? run.codes[i % 2]
                            : is_grid(shape.id) ? grid_codes(shape.id, &run, i % 2, shape.offset)
                                                : unpack_codes(shape.id, block, h, q, g * n + i);
        UNROLL
        for (uint32_t t = 0; t < n_tokens; t++) {
            struct ints activations = ints_every4(x[t]->codes + 4 * (g * n + i));
            sums[t] = sums_step(bits, i, sums[t], codes, turns ? grid_turned(activations, &run, i % 2) : activations);
        }
    }
    UNROLL
    for (uint32_t t = 0; t < n_tokens; t++) {
        struct ints total = sums_total(bits, n, sums[t]);
        if (offset)
            total = ints_add(total, ints_set(-x[t]->sums[g] * offset));
        acc[t] = lanes_fma(ints_to_lanes(total), lanes_mul(scales.scale, lanes_set(x[t]->scale[g])), acc[t]);
        if (shape.has_min && shape.group == 16)
            acc[t] = lanes_fma(scales.min, lanes_set(x[t]->scale[g] * (float)x[t]->sums[g]), acc[t]);
        if (shape.has_min && shape.group == 32 && g == 1)
            acc[t] = lanes_fma(scales.min, lanes_set(x[t]->scale_sum), acc[t]);
    }
}

/* A panel block; the records at x go on. */
INLINE void few_block(const struct few_shape shape, const uint8_t *block, const uint32_t n_tokens,
                      const struct tl_acts_block *x[FEW_TOKENS], struct lanes acc[FEW_TOKENS])
{
    const uint32_t parts = shape.elems / PART_COLS, groups = PART_COLS / shape.group;
    const uint32_t part_bytes = TL_PANEL_ROWS * shape.bytes / parts;
    _Alignas(64) float scale[TL_WALK_GROUPS][TL_PANEL_ROWS], min[TL_WALK_GROUPS][TL_PANEL_ROWS];
    UNROLL
    for (uint32_t j = 0; j < parts; j++)
        UNROLL
        for (uint32_t g = 0; g < groups; g++) {
            struct scales scales = unpack_scales(shape.id, block, j, g);
            lanes_store(scale[j * groups + g], scales.scale);
            if (shape.has_min)
                lanes_store(min[j * groups + g], scales.min);
        }
    struct grid_part part[PARTS_AHEAD];
    for (uint32_t j = 0; is_grid(shape.id) && PARTS_AHEAD > 1 && j < parts; j++)
        grid_part(shape.id, block, j, &part[j]);
    for (uint32_t h = 0; h < parts / shape.period; h++)
        UNROLL
        for (uint32_t q = 0; q < shape.period; q++) {
            uint32_t j = h * shape.period + q;
            prefetch(block + FEW_AHEAD + j * part_bytes, part_bytes);
            if (is_grid(shape.id) && PARTS_AHEAD == 1)
                grid_part(shape.id, block, j, &part[0]);
            UNROLL
            for (uint32_t g = 0; g < 2; g++) {
                struct scales scales = {.scale = lanes_load(scale[j * groups + g % groups])};
                if (shape.has_min)
                    scales.min = lanes_load(min[j * groups + g % groups]);
                few_half(shape, block, h, q, g, &part[j % PARTS_AHEAD], scales, n_tokens, x, acc);
            }
            UNROLL
            for (uint32_t t = 0; t < n_tokens; t++)
                x[t]++;
        }
}

INLINE void few_panel(const struct few_shape shape, const struct tl_product *product, uint32_t panel, uint32_t token,
                      const uint32_t n_tokens)
{
    const uint8_t *block = tl_walk_panel(product, panel);
    uint32_t blocks = product->cols / shape.elems + (product->cols % shape.elems != 0);
    const struct tl_acts_block *x[FEW_TOKENS];
    struct lanes acc[FEW_TOKENS];
    UNROLL
    for (uint32_t t = 0; t < n_tokens; t++) {
        x[t] = tl_acts_row(product->acts, token + t);
        acc[t] = lanes_set(0);
    }
    for (uint32_t b = 0; b < blocks; b++, block += TL_PANEL_ROWS * shape.bytes)
        few_block(shape, block, n_tokens, x, acc);
    UNROLL
    for (uint32_t t = 0; t < n_tokens; t++)
        lanes_store_first(product->out + (token + t) * product->out_stride + panel * TL_PANEL_ROWS,
                          tl_walk_rows(product, panel), acc[t]);
}

#define FEW(ID, ...) \
    static void few_##ID(const struct tl_product *product, uint32_t panel, uint32_t token, uint32_t n_tokens) \
    { \
        const struct few_shape shape = {TL_NUMBER_##ID, __VA_ARGS__}; \
        switch (n_tokens) { \
        case 1: few_panel(shape, product, panel, token, 1); break; \
        case 2: few_panel(shape, product, panel, token, 2); break; \
        case 3: few_panel(shape, product, panel, token, 3); break; \
        case 4: few_panel(shape, product, panel, token, 4); break; \
        } \
    }
UNPACK_FORMATS(FEW)
#undef FEW

static void (*const fews[TL_NUMBERS])(const struct tl_product *product, uint32_t panel, uint32_t token, uint32_t n_tokens) = {
#define FEW(ID, ...) [TL_NUMBER_##ID] = few_##ID,
    UNPACK_FORMATS(FEW)
#undef FEW
};

static bool few_knows(const struct tl_number *number)
{
    return number->id < TL_NUMBERS && fews[number->id];
}

#endif
