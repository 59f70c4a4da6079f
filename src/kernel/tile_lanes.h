/* SPDX-License-Identifier: MIT */
/* Columns of panels unpacked into tiles, once for many tokens, at all levels. Formats with a row in unpack_lanes.h go
 * through vectors, all others row by row through their own scalar unpack: a new format works before it is fast. */
#ifndef TL_KERNEL_TILE_LANES_H
#define TL_KERNEL_TILE_LANES_H

#include "kernel/unpack_lanes.h"
#include "kernel/walk.h"

/* 32 columns of TILE_PANELS panels: codes, and the scales and minima of one group of 32 or two of 16. */
struct tile {
    struct ints codes[PART_CODES][TILE_PANELS];
    struct lanes scale[2][TILE_PANELS], min[2][TILE_PANELS];
};

/* Of the codes of a format; 8 where it has no row. */
static uint32_t code_bits(const struct tl_number *number)
{
    static const uint8_t bits[TL_NUMBERS] = {
#define ROW(ID, elems, bytes, period, group, bits, ...) [TL_NUMBER_##ID] = bits,
        UNPACK_FORMATS(ROW)
#undef ROW
    };
    return number->id < TL_NUMBERS && bits[number->id] ? bits[number->id] : 8;
}

/* What is to be subtracted from the codes in tiles: where codes of 8 bits are signed, these have 128 less. */
static int32_t tile_offset(const struct tl_number *number)
{
    return (int32_t)number->offset - (CODES_8_SIGNED && code_bits(number) == 8 ? 128 : 0);
}

INLINE void tile_grid(enum tl_number_id id, uint32_t offset, const uint8_t *block, uint32_t j, uint32_t side, struct tile *ret_tile)
{
    struct grid_part part;
    grid_part(id, block, j, &part);
    UNROLL
    for (uint32_t i = 0; i < PART_CODES; i += 2) {
        struct grid_run run = grid_run(id, &part, i / 2);
        UNROLL
        for (uint32_t k = 0; k < 2; k++)
            ret_tile->codes[i + k][side] = grid_codes(id, &run, k, offset);
    }
}

INLINE void tile_codes(enum tl_number_id id, const uint8_t *block, uint32_t h, uint32_t q, uint32_t side, struct tile *ret_tile)
{
    UNROLL
    for (uint32_t i = 0; i < PART_CODES; i++)
        ret_tile->codes[i][side] = unpack_codes(id, block, h, q, i);
}

INLINE void tile_scales(enum tl_number_id id, const uint8_t *block, uint32_t j, uint32_t groups, uint32_t side, struct tile *ret_tile)
{
    UNROLL
    for (uint32_t g = 0; g < groups; g++) {
        struct scales scales = unpack_scales(id, block, j, g);
        ret_tile->scale[g][side] = scales.scale;
        ret_tile->min[g][side] = scales.min;
    }
}

#define TILE(ID, elems, bytes, period, group, bits, offset, ...) \
    static void tile_##ID(const uint8_t *block, const uint8_t *next, uint32_t n_parts, uint32_t side, struct tile *ret_tiles) \
    { \
        const uint32_t parts = (elems) / PART_COLS, block_bytes = TL_PANEL_ROWS * (bytes); \
        for (; n_parts > 0; n_parts -= parts, ret_tiles += parts, block += block_bytes, next += block_bytes) { \
            UNROLL \
            for (uint32_t j = 0; j < parts; j++) \
                tile_scales(TL_NUMBER_##ID, block, j, PART_COLS / (group), side, &ret_tiles[j]); \
            for (uint32_t h = 0; h < parts / (period); h++) \
                UNROLL \
                for (uint32_t q = 0; q < (period); q++) { \
                    prefetch(next + (h * (period) + q) * (block_bytes / parts), block_bytes / parts); \
                    if (is_grid(TL_NUMBER_##ID)) \
                        tile_grid(TL_NUMBER_##ID, offset, block, h, side, &ret_tiles[h]); \
                    else \
                        tile_codes(TL_NUMBER_##ID, block, h, q, side, &ret_tiles[h * (period) + q]); \
                } \
        } \
    }
UNPACK_FORMATS(TILE)

typedef void tile_function(const uint8_t *block, const uint8_t *next, uint32_t n_parts, uint32_t side, struct tile *ret_tiles);

static tile_function *const tiles_of[TL_NUMBERS] = {
#define ROW(ID, ...) [TL_NUMBER_##ID] = tile_##ID,
    UNPACK_FORMATS(ROW)
#undef ROW
};

/* One row of one panel block of a format unknown here. */
static void tile_row(const struct tl_number *number, const uint8_t *block, uint32_t row, uint32_t side, struct tile *ret_tiles)
{
    uint8_t codes[TL_NUMBER_MAX_BLOCK];
    float scale[TL_WALK_GROUPS], min[TL_WALK_GROUPS] = {0};
    uint32_t groups = PART_COLS / number->group;
    tl_walk_unpack(number, block, row, codes, scale, min);
    for (uint32_t i = 0; CODES_8_SIGNED && i < number->block_elems; i++)
        codes[i] ^= 0x80;
    for (uint32_t part = 0; part < number->block_elems / PART_COLS; part++) {
        struct tile *to = &ret_tiles[part];
        for (uint32_t i = 0; i < PART_CODES; i++)
            memcpy((uint8_t *)&to->codes[i][side] + 4 * row, codes + part * PART_COLS + 4 * i, 4);
        for (uint32_t g = 0; g < groups; g++) {
            memcpy((uint8_t *)&to->scale[g][side] + 4 * row, &scale[part * groups + g], 4);
            memcpy((uint8_t *)&to->min[g][side] + 4 * row, &min[part * groups + g], 4);
        }
    }
}

/* Where parts from part_from on lie; a multiple of the parts of a block. */
static const uint8_t *tile_place(const struct tl_number *number, const uint8_t *panel, uint32_t part_from)
{
    return panel + part_from / (number->block_elems / PART_COLS) * TL_PANEL_ROWS * tl_walk_row_block_bytes(number);
}

/* n_parts parts of one panel, whole blocks, into side `side` of as many tiles. `next`: what will be unpacked next time,
 * fetched meanwhile. */
static void tile_panel(const struct tl_number *number, const uint8_t *block, const uint8_t *next, uint32_t n_parts,
                       uint32_t side, struct tile *ret_tiles)
{
    uint32_t parts = number->block_elems / PART_COLS;
    if (number->id < TL_NUMBERS && tiles_of[number->id]) {
        tiles_of[number->id](block, next, n_parts, side, ret_tiles);
        return;
    }
    for (uint32_t at = 0; at < n_parts; at += parts, block += TL_PANEL_ROWS * tl_walk_row_block_bytes(number))
        for (uint32_t row = 0; row < TL_PANEL_ROWS; row++)
            tile_row(number, block, row, side, ret_tiles + at);
}

#endif
