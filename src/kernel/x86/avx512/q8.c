/* SPDX-License-Identifier: MIT */
/* Products of codes: few tokens are done straight from the panels, many over column chunks that are unpacked once. */
#include "kernel/x86/avx512/q8.h"

/* Chunks of about equal length, each ending with a block. */
static uint32_t chunk_parts(const struct tl_number *number, uint32_t parts)
{
    uint32_t step = number->block_elems / TL_ACTS_BLOCK, chunks = (parts + CHUNK_PARTS - 1) / CHUNK_PARTS;
    uint32_t each = (parts + chunks - 1) / chunks;
    return (each + step - 1) / step * step;
}

static void many_tokens(const struct tl_product *product, uint32_t panel_from, uint32_t panel_to)
{
    const struct tl_number *number = product->number;
    struct tile *tiles = product->scratch;
    uint32_t parts = tl_walk_blocks(number, product->cols) * (number->block_elems / TL_ACTS_BLOCK);
    uint32_t each = chunk_parts(number, parts);
    for (uint32_t from = 0; from < parts; from += each)
        for (uint32_t p = panel_from; p < panel_to; p += TILE_PANELS) {
            struct many many = {
                .product = product, .tiles = tiles, .part_from = from, .panel = p,
                .n_parts = parts - from < each ? parts - from : each,
                .n_panels = panel_to - p < TILE_PANELS ? panel_to - p : TILE_PANELS,
            };
            for (uint32_t side = 0; side < many.n_panels; side++)
                tl_tile_avx512(number, tl_walk_panel(product, p + side), from, many.n_parts, side, tiles);
            tl_many_avx512(&many);
        }
}

void tl_product_q8_avx512(const struct tl_product *product, uint32_t panel_from, uint32_t panel_to)
{
    uint32_t n = product->token_to - product->token_from;
    if (n == 0)
        return;
    if (n > FEW_TOKENS || !tl_few_avx512(product, panel_from, panel_to, product->token_from, n))
        many_tokens(product, panel_from, panel_to);
}
