/* SPDX-License-Identifier: MIT */
/* Where things lie in a KV page (kernel.h gives the layout). Key blocks of q8_0 are counted up: a head of 80 has three,
 * the last one half used. Shared by page.c and the attention of every level. */
#ifndef TL_KERNEL_PAGE_H
#define TL_KERNEL_PAGE_H

#include "kernel/kernel.h"

enum { TL_PAGE_TILES = TL_PAGE_TOKENS / TL_TILE_TOKENS, TL_PAGE_Q8_BLOCK = 32, TL_PAGE_Q8_BYTES = 34 };

/* Bytes of one element of a plain format; q8_0: of one code. */
static inline size_t page_elem_bytes(enum tl_number_id id)
{
    return id == TL_NUMBER_F32 ? 4 : id == TL_NUMBER_Q8_0 ? 1 : 2;
}

static inline size_t page_blocks(size_t elems)
{
    return (elems + TL_PAGE_Q8_BLOCK - 1) / TL_PAGE_Q8_BLOCK;
}

/* Bytes of the scales before the codes of a tile. */
static inline size_t page_scale_bytes(enum tl_number_id id, size_t head_dim)
{
    return id == TL_NUMBER_Q8_0 ? page_blocks(head_dim) * TL_TILE_TOKENS * 2 : 0;
}

static inline size_t page_tile_bytes(enum tl_number_id id, size_t head_dim)
{
    return page_scale_bytes(id, head_dim) + head_dim * TL_TILE_TOKENS * page_elem_bytes(id);
}

/* Bytes of the values of one position. */
static inline size_t page_value_bytes(enum tl_number_id id, size_t v_dim)
{
    return id == TL_NUMBER_Q8_0 ? page_blocks(v_dim) * TL_PAGE_Q8_BYTES : v_dim * page_elem_bytes(id);
}

static inline size_t page_values_offset(enum tl_number_id id, size_t head_dim)
{
    return TL_PAGE_TILES * page_tile_bytes(id, head_dim);
}

/* The scores of row i lie in its stretch of the scratch: this many tiles, an odd number so that rows do not share
 * cache sets; the first one is the row's own (its sum), the scores follow from the tile that holds first[i]. */
static inline size_t page_row_tiles(uint32_t n_positions)
{
    return (((size_t)n_positions + 2 * TL_TILE_TOKENS - 2) / TL_TILE_TOKENS + 1) | 1;
}

#endif
