/* SPDX-License-Identifier: MIT */
/* The formats of grids (number/grid.h) into vectors, once for all levels: codes of a part of 32 columns, and its scales. In all
 * of them a part has points, a table's entries of two or three bits a coordinate, and bits that choose between two values
 * of each coordinate: signs, and in iq1 whether the eighth is added. */
#ifndef TL_KERNEL_GRID_LANES_H
#define TL_KERNEL_GRID_LANES_H

#include "kernel/field_lanes.h"
#include "number/grid.h"

/* Numbers of points, runs p and p + 2 in the halves of at[p] (of runs of four columns: p + 4 and p + 6 in those of at[2 + p]);
 * in byte q of `minus` a bit for each of the columns 8q.. of the part. */
struct runs { struct ints at[4], minus; };

/* Values of a coordinate with its bit clear and set, less the format's offset. Two coordinates of two bits are looked up in one
 * nibble, the other of them zero. */
#define CODES_OF_2_BITS(a, b, c) {a, b, c, 0, b, 0, 0, 0, c}
static const uint8_t iq1_codes[2][16] = {CODES_OF_2_BITS(2, 10, 18), CODES_OF_2_BITS(0, 8, 16)};
static const uint8_t iq2_codes[2][16] = {CODES_OF_2_BITS(51, 68, 86), CODES_OF_2_BITS(35, 18, 0)};
static const uint8_t iq3_s_codes[2][16] = {{16, 18, 20, 22, 24, 26, 28, 30}, {14, 12, 10, 8, 6, 4, 2, 0}};
static const uint8_t iq3_xxs_codes[2][16] = {{66, 74, 82, 90, 98, 106, 114, 124}, {58, 50, 42, 34, 26, 18, 10, 0}};
#undef CODES_OF_2_BITS

INLINE struct ints every(int32_t value, struct ints x) { return ints_and(x, ints_set(value)); }

/* x | (y moved as `move` does & mask) */
INLINE struct ints with(struct ints x, struct ints y, uint32_t from, uint32_t to, int32_t mask)
{
    return ints_or_and(x, move(y, from, to), ints_set(mask));
}

/* --- what the parts of each format hold ----------------------------------------------------------------------------------- */

/* Numbers of four points from the bytes of `low`. */
INLINE void points_of_bytes(struct ints low, struct ints *ret_at)
{
    ret_at[0] = every(0x00ff00ff, low);
    ret_at[1] = every(0x00ff00ff, ints_down(low, 8));
}

/* Sevens of bits as bytes, from 28 bits. */
INLINE struct ints sevens(struct ints word)
{
    struct ints two = with(every(0x7f, word), word, 0, 1, 0x7f00);
    return with(with(two, word, 0, 2, 0x7f0000), word, 0, 3, 0x7f000000);
}

/* With the eighth bits, which make the number of set ones even. */
INLINE struct ints even(struct ints seven)
{
    static const uint8_t odd[16] = {0, 128, 128, 0, 128, 0, 0, 128, 128, 0, 0, 128, 0, 128, 128, 0};
    return ints_or(seven, ints_look_up(odd, ints_and(ints_xor(seven, ints_down(seven, 4)), ints_bytes(15))));
}

INLINE struct runs runs_iq2_xs(const uint8_t *block, uint32_t j)
{
    struct ints a = field4(block, 2 + 8 * j, 0), b = field4(block, 2 + 8 * j, 1);
    struct ints signs = with(every(0x7f, ints_down(a, 9)), a, 17, 0, 0x7f00);
    signs = with(with(signs, b, 0, 7, 0x7f0000), b, 1, 0, 0x7f000000);
    return (struct runs){{with(every(0x1ff, a), b, 0, 16, 0x1ff0000), with(every(0x1ff, ints_down(a, 16)), b, 0, 0, 0x1ff0000)},
                         even(signs)};
}

INLINE struct runs runs_iq2_s(const uint8_t *block, uint32_t j)
{
    struct ints upper = ints_down(field4(block, 66 + 4 * (j / 4), 0), j % 4 * 8);
    struct runs runs = {.minus = field4(block, 34 + 4 * j, 0)};
    points_of_bytes(field4(block, 2 + 4 * j, 0), runs.at);
    runs.at[0] = with(with(runs.at[0], upper, 0, 8, 0x300), upper, 0, 20, 0x3000000);
    runs.at[1] = with(with(runs.at[1], upper, 0, 6, 0x300), upper, 0, 18, 0x3000000);
    return runs;
}

INLINE struct runs runs_iq3_s(const uint8_t *block, uint32_t j)
{
    struct ints ninth = ints_down(field4(block, 66 + 4 * (j / 4), 0), j % 4 * 8);
    struct runs runs = {.minus = field4(block, 74 + 4 * j, 0)};
    UNROLL
    for (uint32_t g = 0; g < 2; g++) {
        points_of_bytes(field4(block, 2 + 8 * j, g), runs.at + 2 * g);
        UNROLL
        for (uint32_t p = 0; p < 2; p++)
            runs.at[2 * g + p] = with(with(runs.at[2 * g + p], ninth, 4 * g + p, 8, 0x100), ninth, 4 * g + p + 2, 24, 0x1000000);
    }
    return runs;
}

INLINE struct runs runs_iq3_xxs(const uint8_t *block, uint32_t j)
{
    struct runs runs = {.minus = even(sevens(field4(block, 66 + 4 * j, 0)))};
    points_of_bytes(field4(block, 2 + 8 * j, 0), runs.at);
    points_of_bytes(field4(block, 2 + 8 * j, 1), runs.at + 2);
    return runs;
}

INLINE struct runs runs_iq1_m(const uint8_t *block, uint32_t j)
{
    static const uint8_t all[16] = {[8] = 255};
    struct ints nibbles = ints_down(field4(block, 32 + 4 * (j / 2), 0), j % 2 * 16);
    struct ints flags = with(every(0x8, nibbles), nibbles, 0, 4, 0x800);
    struct runs runs = {.minus = ints_look_up(all, with(with(flags, nibbles, 0, 8, 0x80000), nibbles, 0, 12, 0x8000000))};
    points_of_bytes(field4(block, 4 * j, 0), runs.at);
    runs.at[0] = with(with(runs.at[0], nibbles, 0, 8, 0x700), nibbles, 0, 16, 0x7000000);
    runs.at[1] = with(with(runs.at[1], nibbles, 0, 4, 0x700), nibbles, 0, 12, 0x7000000);
    return runs;
}

INLINE struct runs runs_iq1_s(const uint8_t *block, uint32_t j)
{
    struct ints word = ints_from_u16(block + 16 * (34 + 2 * j));
    struct runs runs = {.minus = ints_down_signed(ints_up(word, 16), 31)};
    points_of_bytes(field4(block, 2 + 4 * j, 0), runs.at);
    runs.at[0] = with(with(runs.at[0], word, 0, 8, 0x700), word, 0, 18, 0x7000000);
    runs.at[1] = with(with(runs.at[1], word, 0, 5, 0x700), word, 0, 15, 0x7000000);
    return runs;
}

INLINE struct runs runs_iq2_xxs(const uint8_t *block, uint32_t j)
{
    struct runs runs = {.minus = even(sevens(field4(block, 2 + 8 * j, 1)))};
    points_of_bytes(field4(block, 2 + 8 * j, 0), runs.at);
    return runs;
}

/* --- codes ------------------------------------------------------------------------------------------------------------------ */

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

/* Codes of part j, four columns a vector. j need not be a constant. */
INLINE void grid_codes(enum tl_number_id id, const uint8_t *block, uint32_t j, struct ints ret_codes[PART_CODES])
{
    switch (id) {
    case TL_NUMBER_IQ3_S:
        codes_of_fours(tl_grid_iq3_s, 512, iq3_s_codes, runs_iq3_s(block, j), ret_codes);
        break;
    case TL_NUMBER_IQ3_XXS:
        codes_of_fours(tl_grid_iq3_xxs, 256, iq3_xxs_codes, runs_iq3_xxs(block, j), ret_codes);
        break;
    case TL_NUMBER_IQ2_S:
        codes_of_eights(tl_grid_iq2_s, 1024, iq2_codes, runs_iq2_s(block, j), ret_codes);
        break;
    case TL_NUMBER_IQ2_XS:
        codes_of_eights(tl_grid_iq2_xs, 512, iq2_codes, runs_iq2_xs(block, j), ret_codes);
        break;
    case TL_NUMBER_IQ2_XXS:
        codes_of_eights(tl_grid_iq2_xxs, 256, iq2_codes, runs_iq2_xxs(block, j), ret_codes);
        break;
    case TL_NUMBER_IQ1_M:
        codes_of_eights(tl_grid_iq1, 2048, iq1_codes, runs_iq1_m(block, j), ret_codes);
        break;
    default:                                             /* IQ1_S */
        codes_of_eights(tl_grid_iq1, 2048, iq1_codes, runs_iq1_s(block, j), ret_codes);
    }
}

/* --- scales ----------------------------------------------------------------------------------------------------------------- */

/* A quarter of d in the upper nibble of each of four words, the lowest first; three bits a step in their lower twelve. */
INLINE struct lanes scale_iq1_m(const uint8_t *block, uint32_t group)
{
    struct ints a = field4(block, 48, 0), b = field4(block, 48, 1), words = group < 8 ? a : b;
    struct ints half = with(with(every(0xf, ints_down(a, 12)), a, 24, 0, 0xf0), b, 4, 0, 0xf00);
    struct ints step = every(14, move(words, group / 4 % 2 * 16 + group % 4 * 3, 1));
    return lanes_mul(steps(ints_as_f16(with(half, b, 16, 0, 0xf000)), ints_or(step, ints_set(1))), lanes_set(0.125f));
}

/* unit * d * (2 step + 1), the step in the four bits of `word` from bit `from` on. */
INLINE struct lanes odd_steps(const uint8_t *block, float unit, struct ints word, uint32_t from, int32_t mask)
{
    struct ints twice = every(2 * mask, move(word, from, 1));
    return lanes_mul(steps(field2(block, 0), ints_or(twice, ints_set(1))), lanes_set(unit));
}

/* Of the g-th group of part j. All products are exact. */
INLINE struct lanes grid_scale(enum tl_number_id id, const uint8_t *block, uint32_t j, uint32_t g)
{
    switch (id) {
    case TL_NUMBER_IQ3_S:
        return odd_steps(block, 1, field4(block, 106, 0), 4 * j, 15);
    case TL_NUMBER_IQ3_XXS:
        return odd_steps(block, 0.25f, field4(block, 66 + 4 * j, 0), 28, 15);
    case TL_NUMBER_IQ2_S:
        return odd_steps(block, 0.125f, field4(block, 74, j / 4), j % 4 * 8 + 4 * g, 15);
    case TL_NUMBER_IQ2_XS:
        return odd_steps(block, 0.125f, field4(block, 66, j / 4), j % 4 * 8 + 4 * g, 15);
    case TL_NUMBER_IQ2_XXS:
        return odd_steps(block, 0.125f, field4(block, 2 + 8 * j, 1), 28, 15);
    case TL_NUMBER_IQ1_M:
        return scale_iq1_m(block, 2 * j + g);
    default:                                             /* IQ1_S */
        return odd_steps(block, 0.125f, ints_from_u16(block + 16 * (34 + 2 * j)), 12, 7);
    }
}

#endif
