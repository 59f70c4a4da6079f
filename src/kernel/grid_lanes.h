/* SPDX-License-Identifier: MIT */
/* What the formats of grids (number/grid.h) store, once for all levels: of a part of 32 columns the numbers of its points, the
 * bits that choose between two values of each coordinate (signs, and in iq1 whether the eighth is added), and its scales.
 * points_lanes.h makes codes of them, by loads; x86/avx512/points.h by permutations. */
#ifndef TL_KERNEL_GRID_LANES_H
#define TL_KERNEL_GRID_LANES_H

#include "kernel/field_lanes.h"
#include "number/grid.h"

INLINE bool is_grid(enum tl_number_id id) { return id >= TL_NUMBER_IQ3_S && id <= TL_NUMBER_IQ1_S; }

/* Numbers of points, runs p and p + 2 in the halves of at[p] (of runs of four columns: p + 4 and p + 6 in those of at[2 + p]);
 * in byte q of `minus` a bit for each of the columns 8q.. of the part. */
struct runs { struct ints at[4], minus; };

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
    struct ints two = with(every(0x3fff, word), word, 0, 2, 0x3fff0000);
    return with(every(0x007f007f, two), two, 0, 1, 0x7f007f00);
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

/* Of part j. */
INLINE struct runs grid_runs(enum tl_number_id id, const uint8_t *block, uint32_t j)
{
    switch (id) {
    case TL_NUMBER_IQ3_S: return runs_iq3_s(block, j);
    case TL_NUMBER_IQ3_XXS: return runs_iq3_xxs(block, j);
    case TL_NUMBER_IQ2_S: return runs_iq2_s(block, j);
    case TL_NUMBER_IQ2_XS: return runs_iq2_xs(block, j);
    case TL_NUMBER_IQ2_XXS: return runs_iq2_xxs(block, j);
    case TL_NUMBER_IQ1_M: return runs_iq1_m(block, j);
    default: return runs_iq1_s(block, j);
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
