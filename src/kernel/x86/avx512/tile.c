/* SPDX-License-Identifier: MIT */
/* Unpacks columns of a panel into tiles, once for many tokens. Formats with a row in unpack.h go through vectors, all
 * others through their own scalar unpack, row by row: a new format works here before it is fast. */
#include <string.h>

#include "kernel/x86/avx512/q8.h"

INLINE void put(const struct part *part, bool has_min, uint32_t groups, uint32_t side, struct tile *ret_tile)
{
    UNROLL
    for (uint32_t i = 0; i < PARTS; i++)
        ret_tile->codes[i][side] = part->codes[i];
    UNROLL
    for (uint32_t g = 0; g < groups; g++) {
        ret_tile->scale[g][side] = part->scale[g];
        if (has_min)
            ret_tile->min[g][side] = part->min[g];
    }
}

#define TILE(ID, elems, bytes, group, offset_bits, has_min) \
    static void tile_##ID(const uint8_t *block, uint32_t n_parts, uint32_t side, struct tile *ret_tiles) \
    { \
        for (; n_parts > 0; block += TL_PANEL_ROWS * (bytes)) \
            UNROLL \
            for (uint32_t j = 0; j < (elems) / TL_ACTS_BLOCK; j++, n_parts--) { \
                struct part part; \
                unpack(TL_NUMBER_##ID, block, j, &part); \
                put(&part, has_min, TL_ACTS_BLOCK / (group), side, ret_tiles++); \
            } \
    }
AVX512_FORMATS(TILE)

static void (*const tile[TL_NUMBERS])(const uint8_t *block, uint32_t n_parts, uint32_t side, struct tile *ret_tiles) = {
#define ROW(ID, ...) [TL_NUMBER_##ID] = tile_##ID,
    AVX512_FORMATS(ROW)
#undef ROW
};

/* One row of one panel block. */
static void put_row(const struct tl_number *number, const uint8_t *block, uint32_t row, uint32_t side, struct tile *ret_tiles)
{
    uint8_t codes[TL_NUMBER_MAX_BLOCK];
    float scale[TL_WALK_GROUPS], min[TL_WALK_GROUPS] = {0};
    uint32_t groups = TL_ACTS_BLOCK / number->group;
    tl_walk_unpack(number, block, row, codes, scale, min);
    for (uint32_t part = 0; part < number->block_elems / TL_ACTS_BLOCK; part++) {
        struct tile *to = &ret_tiles[part];
        for (uint32_t i = 0; i < PARTS; i++)
            memcpy((uint8_t *)&to->codes[i][side] + 4 * row, codes + part * TL_ACTS_BLOCK + 4 * i, 4);
        for (uint32_t g = 0; g < groups; g++) {
            ((float *)&to->scale[g][side])[row] = scale[part * groups + g];
            ((float *)&to->min[g][side])[row] = min[part * groups + g];
        }
    }
}

void tl_tile_avx512(const struct tl_number *number, const uint8_t *panel, uint32_t part_from, uint32_t n_parts, uint32_t side,
                    struct tile *ret_tiles)
{
    uint32_t parts = number->block_elems / TL_ACTS_BLOCK;
    uint64_t block_bytes = TL_PANEL_ROWS * tl_walk_row_block_bytes(number);
    const uint8_t *block = panel + part_from / parts * block_bytes;
    if (number->id < TL_NUMBERS && tile[number->id]) {
        tile[number->id](block, n_parts, side, ret_tiles);
        return;
    }
    for (uint32_t at = 0; at < n_parts; at += parts, block += block_bytes)
        for (uint32_t row = 0; row < TL_PANEL_ROWS; row++)
            put_row(number, block, row, side, ret_tiles + at);
}
