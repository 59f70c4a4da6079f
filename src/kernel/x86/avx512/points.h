/* SPDX-License-Identifier: MIT */
/* Points of grids (grid_lanes.h) by permutations of their whole table, two or three bits a coordinate; then coordinates and signs
 * become codes by permutations of sixteen bytes. */
#ifndef TL_KERNEL_AVX512_POINTS_H
#define TL_KERNEL_AVX512_POINTS_H

#include "kernel/grid_lanes.h"

/* Values of a coordinate with its bit clear and set, less the format's offset. Two coordinates of two bits are looked up in one
 * nibble, the other of them zero. */
#define CODES_OF_2_BITS(a, b, c) {a, b, c, 0, b, 0, 0, 0, c}
static const uint8_t iq1_codes[2][16] = {CODES_OF_2_BITS(2, 10, 18), CODES_OF_2_BITS(0, 8, 16)};
static const uint8_t iq2_codes[2][16] = {CODES_OF_2_BITS(51, 68, 86), CODES_OF_2_BITS(35, 18, 0)};
static const uint8_t iq3_s_codes[2][16] = {{16, 18, 20, 22, 24, 26, 28, 30}, {14, 12, 10, 8, 6, 4, 2, 0}};
static const uint8_t iq3_xxs_codes[2][16] = {{66, 74, 82, 90, 98, 106, 114, 124}, {58, 50, 42, 34, 26, 18, 10, 0}};
#undef CODES_OF_2_BITS

/* Of runs of eight columns: two coordinates a nibble, of which `minus` chooses. */
INLINE void codes_of_eights(const uint16_t *points, uint32_t count, const uint8_t codes[2][16], struct runs runs, struct ints *ret_codes)
{
    ints_pick(points, count, runs.at);
    UNROLL
    for (uint32_t p = 0; p < 2; p++) {                   /* nibbles 0 2 1 3: two runs of two bytes each */
        struct ints at = runs.at[p];
        at = with(with(every((int32_t)0xf00ff00f, at), at, 4, 0, 0x00f000f0), at, 0, 4, 0x0f000f00);
        UNROLL
        for (uint32_t h = 0; h < 2; h++) {
            uint32_t run = 2 * h + p;
            struct ints twos = ints_shuffle(at, 2 * h, 2 * h, 2 * h + 1, 2 * h + 1), minus = ints_shuffle(runs.minus, run, run, run, run);
            ret_codes[2 * run] = ints_look_up_either(codes, every(0x0c030c03, twos), minus, 0x08040201);
            ret_codes[2 * run + 1] = ints_look_up_either(codes, every(0x0c030c03, ints_down(twos, 4)), minus, (int32_t)0x80402010);
        }
    }
}

/* Of runs of four columns. */
INLINE void codes_of_fours(const uint16_t *points, uint32_t count, const uint8_t codes[2][16], struct runs runs, struct ints *ret_codes)
{
    ints_pick(points, count, runs.at);
    ints_pick(points, count, runs.at + 2);
    UNROLL
    for (uint32_t run = 0; run < PART_CODES; run++) {
        struct ints at = runs.at[run / 4 * 2 + run % 2], minus = ints_shuffle(runs.minus, run / 2, run / 2, run / 2, run / 2);
        at = run % 4 < 2 ? every(0xfff, at) : ints_down(at, 16);
        at = every(0x003f003f, ints_or(at, ints_up(at, 10)));
        at = every(0x07070707, ints_or(at, ints_up(at, 5)));
        ret_codes[run] = ints_look_up_either(codes, at, minus, run % 2 ? (int32_t)0x80402010 : 0x08040201);
    }
}

enum { PARTS_AHEAD = 1 };
struct grid_part { struct ints codes[PART_CODES]; };

/* Of part j, which need not be a constant. */
INLINE void grid_part(enum tl_number_id id, const uint8_t *block, uint32_t j, struct grid_part *ret_part)
{
    struct runs runs = grid_runs(id, block, j);
    struct ints *codes = ret_part->codes;
    switch (id) {
    case TL_NUMBER_IQ3_S: codes_of_fours(tl_grid_iq3_s, 512, iq3_s_codes, runs, codes); break;
    case TL_NUMBER_IQ3_XXS: codes_of_fours(tl_grid_iq3_xxs, 256, iq3_xxs_codes, runs, codes); break;
    case TL_NUMBER_IQ2_S: codes_of_eights(tl_grid_iq2_s, 1024, iq2_codes, runs, codes); break;
    case TL_NUMBER_IQ2_XS: codes_of_eights(tl_grid_iq2_xs, 512, iq2_codes, runs, codes); break;
    case TL_NUMBER_IQ2_XXS: codes_of_eights(tl_grid_iq2_xxs, 256, iq2_codes, runs, codes); break;
    default: codes_of_eights(tl_grid_iq1, 2048, iq1_codes, runs, codes);             /* IQ1_M, IQ1_S */
    }
}

/* Codes of a run of eight columns, four columns a vector; signs are in the codes. */
struct grid_run { struct ints codes[2]; };

INLINE struct grid_run grid_run(enum tl_number_id id, const struct grid_part *part, uint32_t run)
{
    (void)id;
    return (struct grid_run){{part->codes[2 * run], part->codes[2 * run + 1]}};
}

INLINE bool grid_turns(enum tl_number_id id)
{
    (void)id;
    return false;
}
INLINE struct ints grid_turned(struct ints x, const struct grid_run *run, uint32_t i)
{
    (void)run;
    (void)i;
    return x;
}
INLINE struct ints grid_codes(enum tl_number_id id, const struct grid_run *run, uint32_t i, uint32_t offset)
{
    (void)id;
    (void)offset;
    return run->codes[i];
}

#endif
