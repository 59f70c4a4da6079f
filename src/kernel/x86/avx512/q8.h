/* SPDX-License-Identifier: MIT */
/* Private to this folder: products of codes, between q8.c (dispatch), few.c (few tokens: panel blocks are unpacked in
 * registers), tile.c (unpacking to scratch) and many.c (many tokens over what was unpacked). */
#ifndef TL_KERNEL_AVX512_Q8_H
#define TL_KERNEL_AVX512_Q8_H

#include "kernel/acts.h"
#include "kernel/walk.h"
#include "kernel/x86/avx512/unpack.h"

enum { TILE_PANELS = 2, FEW_TOKENS = 4, MANY_TOKENS = 5, CHUNK_PARTS = 16 };

/* 32 columns of two panels, unpacked. */
struct tile {
    __m512i codes[PARTS][TILE_PANELS];
    __m512 scale[2][TILE_PANELS], min[2][TILE_PANELS];   /* [group][panel] */
};

/* Panels panel_from..panel_to-1 for n_tokens (1..FEW_TOKENS) tokens from `token` on; false: not a format of this level. */
bool tl_few_avx512(const struct tl_product *product, uint32_t panel_from, uint32_t panel_to, uint32_t token, uint32_t n_tokens);

/* Parts part_from..part_from+n_parts-1 of one panel into side `side` of as many tiles. part_from is a multiple of the
 * parts of a block, and so is n_parts. */
void tl_tile_avx512(const struct tl_number *number, const uint8_t *panel, uint32_t part_from, uint32_t n_parts, uint32_t side,
                    struct tile *ret_tiles);

/* The accumulators of one column chunk for two panels (or one) and all tokens of the product. */
struct many {
    const struct tl_product *product;
    const struct tile *tiles;
    uint32_t part_from, n_parts;
    uint32_t panel, n_panels;
};

void tl_many_avx512(const struct many *many);
void tl_product_q8_avx512(const struct tl_product *product, uint32_t panel_from, uint32_t panel_to);

/* acts.c */
void tl_acts_fill_q8_avx512(const float *x, size_t x_stride, uint32_t token_from, uint32_t token_to, struct tl_acts *acts);
void tl_acts_fill_bf16_avx512(const float *x, size_t x_stride, uint32_t token_from, uint32_t token_to, struct tl_acts *acts);

/* Rows of a panel that exist. */
INLINE __mmask16 row_mask(const struct tl_product *product, uint32_t panel)
{
    return (__mmask16)(0xffffu >> (TL_PANEL_ROWS - tl_walk_rows(product, panel)));
}

#endif
