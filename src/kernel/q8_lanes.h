/* SPDX-License-Identifier: MIT */
/* Products of codes at every level: few tokens are done straight from the panels, many over column chunks that are
 * unpacked once. A level includes its ints.h, then this file, and puts product_q8 into the table. */
#ifndef TL_KERNEL_Q8_LANES_H
#define TL_KERNEL_Q8_LANES_H

#include "kernel/few_lanes.h"
#include "kernel/many_lanes.h"

enum {
    CHUNK_PARTS = 16,                    /* with the activations of a few tokens they fit the first cache */
    ACTS_STAY_BYTES = 256 * 1024
};

_Static_assert(CHUNK_PARTS * sizeof(struct tile) <= TL_PRODUCT_SCRATCH, "tiles fit the scratch");

/* Chunks of about equal length, each ending with a block. */
static uint32_t chunk_parts(const struct tl_number *number, uint32_t parts)
{
    uint32_t step = number->block_elems / PART_COLS, chunks = (parts + CHUNK_PARTS - 1) / CHUNK_PARTS;
    uint32_t each = (parts + chunks - 1) / chunks;
    return (each + step - 1) / step * step;
}

/* One chunk of columns of one pair of panels (or what a level takes together); next: the chunk that follows. */
struct piece { uint32_t panel, part; };

static void many_piece(const struct tl_product *product, uint32_t panel_to, uint32_t n_parts, struct piece piece, struct piece next)
{
    const struct tl_number *number = product->number;
    struct many many = {
        .product = product, .tiles = product->scratch, .part_from = piece.part, .n_parts = n_parts, .panel = piece.panel,
        .n_panels = panel_to - piece.panel < TILE_PANELS ? panel_to - piece.panel : TILE_PANELS,
    };
    for (uint32_t side = 0; side < many.n_panels; side++)
        tile_panel(number, tile_place(number, tl_walk_panel(product, piece.panel + side), piece.part),
                   tile_place(number, tl_walk_panel(product, next.panel + side), next.part), n_parts, side, product->scratch);
    many_product(&many);
}

/* Few enough activations stay in the second cache: whole panels one behind the other, as they lie in memory. Else each
 * chunk of activations is used for all panels before the next. */
static void many_tokens(const struct tl_product *product, uint32_t panel_from, uint32_t panel_to)
{
    uint32_t parts = tl_walk_blocks(product->number, product->cols) * (product->number->block_elems / PART_COLS);
    uint32_t each = chunk_parts(product->number, parts);
    uint64_t acts_bytes = (product->token_to - product->token_from) * tl_acts_row_bytes(TL_ACTS_Q8, product->cols);
    bool by_panel = acts_bytes <= ACTS_STAY_BYTES;
    struct piece piece = {panel_from, 0};
    while (piece.panel < panel_to && piece.part < parts) {
        struct piece next = {piece.panel + TILE_PANELS, piece.part};
        if (by_panel && piece.part + each < parts)
            next = (struct piece){piece.panel, piece.part + each};
        else if (by_panel)
            next.part = 0;
        else if (next.panel >= panel_to)
            next = (struct piece){panel_from, piece.part + each};
        many_piece(product, panel_to, parts - piece.part < each ? parts - piece.part : each, piece, next);
        piece = next;
    }
}

/* Each panel for a few tokens at a time: it comes from memory once, and from the second cache after that. */
static void few_tokens(const struct tl_product *product, uint32_t panel_from, uint32_t panel_to)
{
    uint32_t n = product->token_to - product->token_from, turns = (n + FEW_TOKENS - 1) / FEW_TOKENS;
    for (uint32_t p = panel_from; p < panel_to; p++)
        for (uint32_t t = product->token_from, left = turns, some; left > 0; left--, t += some) {
            some = (product->token_to - t + left - 1) / left;
            fews[product->number->id](product, p, t, some);
        }
}

static void product_q8(const struct tl_product *product, uint32_t panel_from, uint32_t panel_to)
{
    /* Looking points up takes longer than the products of a few tokens: grids are unpacked once. */
    uint32_t limit = is_grid(product->number->id) ? FEW_TOKENS : FEW_LIMIT;
    if (product->token_to - product->token_from <= limit && few_knows(product->number))
        few_tokens(product, panel_from, panel_to);
    else
        many_tokens(product, panel_from, panel_to);
}

#endif
