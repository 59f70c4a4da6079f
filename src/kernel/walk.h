/* SPDX-License-Identifier: MIT */
/* Private to this room: where things lie in a panel, from the facts of its format alone, and the slow way to take them
 * out, for the reference and for formats that a level has no unpacking of its own for. */
#ifndef TL_KERNEL_WALK_H
#define TL_KERNEL_WALK_H

#include "kernel/kernel.h"
#include "number/panel.h"

enum { TL_PRODUCT_SCRATCH = 64 * 1024 };  /* bytes a thread: the unpacked columns of every level */
enum { TL_WALK_GROUPS = TL_NUMBER_MAX_BLOCK / 16 };

/* Bytes that a row gives to one panel block. */
static inline uint64_t tl_walk_row_block_bytes(const struct tl_number *number)
{
    return number->panel_elems / number->block_elems * number->block_bytes;
}

static inline uint32_t tl_walk_blocks(const struct tl_number *number, uint32_t cols)
{
    return cols / number->panel_elems + (cols % number->panel_elems != 0);
}

static inline const uint8_t *tl_walk_panel(const struct tl_product *product, uint32_t panel)
{
    return product->panels + panel * tl_panel_bytes(product->number, product->cols);
}

static inline uint32_t tl_walk_rows(const struct tl_product *product, uint32_t panel)
{
    uint32_t left = product->rows - panel * TL_PANEL_ROWS;
    return left < TL_PANEL_ROWS ? left : TL_PANEL_ROWS;
}

/* Codes, scales and minima of one row of a panel block of a block format. */
static inline void tl_walk_unpack(const struct tl_number *number, const uint8_t *panel_block, uint32_t row,
                                  uint8_t *ret_codes, float *ret_scale, float *ret_min)
{
    uint8_t block[TL_NUMBER_MAX_BLOCK_BYTES];
    tl_panel_row(number, panel_block, row, number->block_elems, block);
    number->unpack(block, ret_codes, ret_scale, ret_min);
}

#endif
