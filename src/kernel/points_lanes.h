/* SPDX-License-Identifier: MIT */
/* Points of grids by loads, for levels that cannot look up in a whole table by permutations. Tables lie unpacked, a byte a
 * coordinate: one load brings a run of eight columns (iq3: of four) of a row. Magnitudes and signs stay apart where the level
 * can turn activations instead (SIGNS_APART). A level includes this after its ints.h, and fills the tables. */
#ifndef TL_KERNEL_POINTS_LANES_H
#define TL_KERNEL_POINTS_LANES_H

#include "kernel/grid_lanes.h"
#include "number/panel.h"

static struct {
    _Alignas(64) uint64_t iq1[2048], iq2_s[1024], iq2_xs[512], iq2_xxs[256];
    uint32_t iq3_s[512], iq3_xxs[256];
} points;

static void points_unpack(const uint16_t *from, uint32_t count, uint32_t dims, const uint8_t *levels, void *ret_points)
{
    uint32_t bits = dims == 8 ? 2 : 3;
    uint8_t *to = ret_points;
    for (uint32_t p = 0; p < count; p++)
        for (uint32_t i = 0; i < dims; i++)
            *to++ = levels[from[p] >> bits * i & ((1u << bits) - 1)];
}

static void points_fill(void)
{
    static const uint8_t iq1[4] = {0, 8, 16}, iq2[4] = {8, 25, 43}, iq3_s[8] = {1, 3, 5, 7, 9, 11, 13, 15}, iq3_xxs[8] = {4, 12, 20, 28, 36, 44, 52, 62};
    points_unpack(tl_grid_iq1, 2048, 8, iq1, points.iq1);
    points_unpack(tl_grid_iq2_s, 1024, 8, iq2, points.iq2_s);
    points_unpack(tl_grid_iq2_xs, 512, 8, iq2, points.iq2_xs);
    points_unpack(tl_grid_iq2_xxs, 256, 8, iq2, points.iq2_xxs);
    points_unpack(tl_grid_iq3_s, 512, 4, iq3_s, points.iq3_s);
    points_unpack(tl_grid_iq3_xxs, 256, 4, iq3_xxs, points.iq3_xxs);
}

enum { PARTS_AHEAD = TL_NUMBER_MAX_BLOCK / PART_COLS };

/* A part on its way: of run p + 2h of row r the point's number is numbers[p][2r + h], as in struct runs. */
struct grid_part { uint16_t numbers[4][2 * TL_PANEL_ROWS]; uint8_t minus[4 * TL_PANEL_ROWS]; };

/* Codes of a run of eight columns, four columns a vector; turn: -1 where they are to be negated, else 1. */
struct grid_run { struct ints codes[2], turn[2]; };

INLINE bool is_of_fours(enum tl_number_id id) { return id == TL_NUMBER_IQ3_S || id == TL_NUMBER_IQ3_XXS; }
INLINE bool is_iq1(enum tl_number_id id) { return id == TL_NUMBER_IQ1_S || id == TL_NUMBER_IQ1_M; }

/* What bits `minus` choose: in iq1 whether 2 are added. */
INLINE void grid_part(enum tl_number_id id, const uint8_t *block, uint32_t j, struct grid_part *ret_part)
{
    struct runs runs = grid_runs(id, block, j);
    const uint32_t vectors = is_of_fours(id) ? 4 : 2;
    UNROLL
    for (uint32_t p = 0; p < vectors; p++)
        ints_store(ret_part->numbers[p], runs.at[p]);
    __asm__("" : "+m"(ret_part->numbers));               /* they are taken from memory: out of vectors takes longer */
    ints_store(ret_part->minus, is_iq1(id) ? ints_and(ints_xor(runs.minus, ints_bytes(255)), ints_bytes(2)) : runs.minus);
}

INLINE void points_of_run(enum tl_number_id id, const struct grid_part *part, uint32_t run, struct ints ret_codes[2])
{
    const uint16_t *eights = part->numbers[run % 2] + run / 2, *fours = part->numbers[run / 2 * 2] + run % 2;
    const uint32_t row = 2 * TL_PANEL_ROWS;
    switch (id) {
    case TL_NUMBER_IQ3_S:
        ret_codes[0] = ints_pick_fours(points.iq3_s, fours);
        ret_codes[1] = ints_pick_fours(points.iq3_s, fours + row);
        break;
    case TL_NUMBER_IQ3_XXS:
        ret_codes[0] = ints_pick_fours(points.iq3_xxs, fours);
        ret_codes[1] = ints_pick_fours(points.iq3_xxs, fours + row);
        break;
    case TL_NUMBER_IQ2_S:
        ints_pick_eights(points.iq2_s, eights, ret_codes);
        break;
    case TL_NUMBER_IQ2_XS:
        ints_pick_eights(points.iq2_xs, eights, ret_codes);
        break;
    case TL_NUMBER_IQ2_XXS:
        ints_pick_eights(points.iq2_xxs, eights, ret_codes);
        break;
    default:                                             /* IQ1_M, IQ1_S */
        ints_pick_eights(points.iq1, eights, ret_codes);
    }
}

INLINE struct grid_run grid_run(enum tl_number_id id, const struct grid_part *part, uint32_t run)
{
    struct grid_run found;
    struct ints minus = ints_load(part->minus);
    if (id != TL_NUMBER_IQ1_S)
        minus = ints_shuffle(minus, run, run, run, run);
    points_of_run(id, part, run, found.codes);
    found.turn[0] = ints_turn(minus, 0x08040201);
    found.turn[1] = ints_turn(minus, (int32_t)0x80402010);
    if (is_iq1(id)) {
        found.codes[0] = ints_or(found.codes[0], minus);
        found.codes[1] = ints_or(found.codes[1], minus);
    }
    return found;
}

/* Are signs left to the product? Then it has the activations for the i-th vector of a run turned. */
INLINE bool grid_turns(enum tl_number_id id) { return SIGNS_APART && is_grid(id) && !is_iq1(id); }
INLINE struct ints grid_turned(struct ints x, const struct grid_run *run, uint32_t i) { return ints_turned(x, run->turn[i]); }

/* The i-th vector of codes with their signs and the format's offset. */
INLINE struct ints grid_codes(enum tl_number_id id, const struct grid_run *run, uint32_t i, uint32_t offset)
{
    return is_iq1(id) ? run->codes[i] : ints_add_bytes(ints_turned(run->codes[i], run->turn[i]), ints_bytes((int)offset));
}

#endif
