/* SPDX-License-Identifier: MIT */
/* Products of codes at every level: few tokens are done straight from the panels, many over column chunks that are
 * unpacked once. A level includes its ints.h, then this file, and puts product_q8 into the table. */
#ifndef TL_KERNEL_Q8_LANES_H
#define TL_KERNEL_Q8_LANES_H

#include "kernel/few_lanes.h"
#include "kernel/many_lanes.h"

enum { CHUNK_PARTS = 16 };               /* with the activations of a few tokens they fit the first cache */

_Static_assert(CHUNK_PARTS * sizeof(struct tile) <= TL_PRODUCT_SCRATCH, "tiles fit the scratch");

/* Chunks of about equal length, each ending with a block. */
static uint32_t chunk_parts(const struct tl_number *number, uint32_t parts)
{
    uint32_t step = number->block_elems / PART_COLS, chunks = (parts + CHUNK_PARTS - 1) / CHUNK_PARTS;
    uint32_t each = (parts + chunks - 1) / chunks;
    return (each + step - 1) / step * step;
}

static void many_tokens(const struct tl_product *product, uint32_t panel_from, uint32_t panel_to)
{
    const struct tl_number *number = product->number;
    struct tile *tiles = product->scratch;
    uint32_t parts = tl_walk_blocks(number, product->cols) * (number->block_elems / PART_COLS);
    uint32_t each = chunk_parts(number, parts);
    for (uint32_t from = 0; from < parts; from += each)
        for (uint32_t p = panel_from; p < panel_to; p += TILE_PANELS) {
            struct many many = {
                .product = product, .tiles = tiles, .part_from = from, .panel = p,
                .n_parts = parts - from < each ? parts - from : each,
                .n_panels = panel_to - p < TILE_PANELS ? panel_to - p : TILE_PANELS,
            };
            for (uint32_t side = 0; side < many.n_panels; side++)
                tile_panel(number, tl_walk_panel(product, p + side), from, many.n_parts, side, tiles);
            many_product(&many);
        }
}

static void product_q8(const struct tl_product *product, uint32_t panel_from, uint32_t panel_to)
{
    uint32_t n = product->token_to - product->token_from;
    if (n > FEW_TOKENS || !few_knows(product->number))
        many_tokens(product, panel_from, panel_to);
    else if (n > 0)
        for (uint32_t p = panel_from; p < panel_to; p++)
            fews[product->number->id](product, p, product->token_from, n);
}

#endif
