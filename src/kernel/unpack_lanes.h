/* SPDX-License-Identifier: MIT */
/* Block formats into vectors, once for all levels: lane r of a vector of codes holds the codes of columns 4i..4i+3 of
 * row r of a panel, scales and minima have one row a lane. Layouts are those written at the head of each file of number/;
 * those of grids are unpacked in grid_lanes.h. Formats without a row here are unpacked by their own scalar function (tile).
 * `id`, `j`, `q` and `i` are constants wherever these are used. */
#ifndef TL_KERNEL_UNPACK_LANES_H
#define TL_KERNEL_UNPACK_LANES_H

#include "kernel/grid_lanes.h"

/* FORMAT(ID, elements, bytes of a row's block, parts of 32 columns that differ in more than their place, group, bits of a
 * code, offset, has_min) */
#define UNPACK_FORMATS(FORMAT) \
    FORMAT(Q8_0, 32, 34, 1, 32, 8, 128, false) \
    FORMAT(Q4_0, 32, 18, 1, 32, 4, 8, false) \
    FORMAT(Q4_1, 32, 20, 1, 32, 4, 0, true) \
    FORMAT(Q5_0, 32, 22, 1, 32, 5, 16, false) \
    FORMAT(Q5_1, 32, 24, 1, 32, 5, 0, true) \
    FORMAT(Q2_K, 256, 84, 4, 16, 2, 0, true) \
    FORMAT(Q3_K, 256, 110, 4, 16, 3, 4, false) \
    FORMAT(Q4_K, 256, 144, 2, 32, 4, 0, true) \
    FORMAT(Q5_K, 256, 176, 4, 32, 5, 0, true) \
    FORMAT(Q6_K, 256, 210, 4, 16, 6, 32, false) \
    FORMAT(IQ4_NL, 32, 18, 1, 32, 8, 128, false) \
    FORMAT(IQ4_XS, 256, 136, 1, 32, 8, 128, false) \
    FORMAT(MXFP4, 32, 17, 1, 32, 5, 12, false) \
    FORMAT(NVFP4, 64, 36, 1, 16, 5, 12, false) \
    FORMAT(INT4_G32, 32, 18, 1, 32, 4, 8, false) \
    FORMAT(IQ3_S, 256, 110, 1, 32, 5, 15, false) \
    FORMAT(IQ3_XXS, 256, 98, 1, 32, 7, 62, false) \
    FORMAT(IQ2_S, 256, 82, 1, 16, 7, 43, false) \
    FORMAT(IQ2_XS, 256, 74, 1, 16, 7, 43, false) \
    FORMAT(IQ2_XXS, 256, 66, 1, 32, 7, 43, false) \
    FORMAT(IQ1_M, 256, 56, 1, 16, 5, 9, false) \
    FORMAT(IQ1_S, 256, 50, 1, 32, 5, 9, false)

/* --- codes -------------------------------------------------------------------------------------------------------------- */

/* Two halves of 128 elements, each in 32 bytes that hold four runs of 32. */
INLINE struct ints codes_of_2_bits(const uint8_t *block, uint32_t at, uint32_t half, uint32_t run, uint32_t i)
{
    return bits_of(field4(block, at + 32 * half, i), 2 * run, 3);
}

/* `low` with bit 4 * half + run of the i-th granule at `at` as bit `to`. */
INLINE struct ints with_bit(struct ints low, const uint8_t *block, uint32_t at, uint32_t half, uint32_t run, uint32_t i, uint32_t to)
{
    return with_bits(low, ints_down(field4(block, at, i), 4 * half), run, to, 1 << to);
}

INLINE struct ints codes_q6_k(const uint8_t *block, uint32_t half, uint32_t run, uint32_t i)
{
    struct ints low = bits_of(field4(block, 64 * half + 32 * (run % 2), i), run / 2 * 4, 15);
    return with_bits(low, field4(block, 128 + 32 * half, i), 2 * run, 4, 48);
}

/* 32 bytes of nibbles as q4_0 has them: low ones are columns 0..15. */
INLINE struct ints nibbles(const uint8_t *block, uint32_t at, uint32_t i)
{
    return bits_of(field4(block, at, i % 4), i / 4 * 4, 15);
}

/* Nibbles -> values of iq4_nl's table, 128 more where codes are unsigned; values of E2M1, doubled and 12 more. */
INLINE struct ints look_up_iq4(struct ints nibble)
{
    static const uint8_t codes[16] = {1, 24, 45, 63, 79, 93, 106, 118, 129, 141, 153, 166, 181, 197, 217, 241};
    struct ints code = ints_look_up(codes, nibble);
    return CODES_8_SIGNED ? ints_xor(code, ints_bytes(0x80)) : code;
}
INLINE struct ints look_up_e2m1(struct ints nibble)
{
    static const uint8_t codes[16] = {12, 13, 14, 15, 16, 18, 20, 24, 12, 11, 10, 9, 8, 6, 4, 0};
    return ints_look_up(codes, nibble);
}

/* Codes of columns 4i..4i+3 of part h * (parts that differ) + q. h need not be a constant. */
INLINE struct ints unpack_codes(enum tl_number_id id, const uint8_t *block, uint32_t h, uint32_t q, uint32_t i)
{
    switch (id) {
    case TL_NUMBER_Q8_0:
        return CODES_8_SIGNED ? field4(block, 2, i) : ints_xor(field4(block, 2, i), ints_bytes(0x80));
    case TL_NUMBER_Q4_0:
    case TL_NUMBER_INT4_G32:
        return nibbles(block, 2, i);
    case TL_NUMBER_Q4_1:
        return nibbles(block, 4, i);
    case TL_NUMBER_Q5_0:
        return ints_or(nibbles(block, 6, i), ints_fifth_bits(field4(block, 2, 0), i));
    case TL_NUMBER_Q5_1:
        return ints_or(nibbles(block, 8, i), ints_fifth_bits(field4(block, 4, 0), i));
    case TL_NUMBER_Q2_K:
        return codes_of_2_bits(block, 16, h, q, i);
    case TL_NUMBER_Q3_K:
        return with_bit(codes_of_2_bits(block, 32, h, q, i), block, 0, h, q, i, 2);
    case TL_NUMBER_Q4_K:
        return bits_of(field4(block, 16 + 32 * h, i), q * 4, 15);
    case TL_NUMBER_Q5_K:
        return with_bit(bits_of(field4(block, 48 + 64 * h + 32 * (q / 2), i), q % 2 * 4, 15), block, 16, h, q, i, 4);
    case TL_NUMBER_Q6_K:
        return codes_q6_k(block, h, q, i);
    case TL_NUMBER_IQ4_NL:
        return look_up_iq4(nibbles(block, 2, i));
    case TL_NUMBER_IQ4_XS:
        return look_up_iq4(nibbles(block, 8 + 16 * h, i));
    case TL_NUMBER_MXFP4:
        return look_up_e2m1(nibbles(block, 1, i));
    default:                                             /* NVFP4: runs of 8 elements, 8 bytes a group of 16 */
        return look_up_e2m1(bits_of(field4(block, 4 + 16 * h + 8 * (i / 4), i % 2), i % 4 / 2 * 4, 15));
    }
}

/* --- scales and minima --------------------------------------------------------------------------------------------------- */

struct scales { struct lanes scale, min; };

/* Eight 6-bit scales and minima in 12 bytes at byte 4, after d and dmin (number/kscales.h). */
INLINE struct scales scales_k45(const uint8_t *block, uint32_t j)
{
    const struct ints six = ints_set(63), low = ints_set(15), high = ints_set(48);
    struct ints scale, min;
    if (j < 4) {
        scale = ints_and(field1(block, 4 + j), six);
        min = ints_and(field1(block, 8 + j), six);
    } else {
        struct ints both = field1(block, 8 + j);
        scale = ints_or_and(ints_and(both, low), ints_down(field1(block, j), 2), high);
        min = ints_or_and(ints_down(both, 4), ints_down(field1(block, 4 + j), 2), high);
    }
    return (struct scales){steps(field2(block, 0), scale), steps(lanes_negate(field2(block, 2)), min)};
}

INLINE struct scales scales_q3_k(const uint8_t *block, uint32_t group)
{
    struct ints low = ints_and(ints_down(field1(block, 96 + group % 8), group / 8 * 4), ints_set(15));
    struct ints step = ints_or_and(low, move(field1(block, 104 + group % 4), group / 4 * 2, 4), ints_set(48));
    return (struct scales){.scale = steps(field2(block, 108), ints_add(step, ints_set(-32)))};
}

INLINE struct scales scales_q2_k(const uint8_t *block, uint32_t group)
{
    struct ints both = field1(block, group);
    return (struct scales){steps(field2(block, 80), ints_and(both, ints_set(15))),
                           steps(lanes_negate(field2(block, 82)), ints_down(both, 4))};
}

INLINE struct scales scales_iq4_xs(const uint8_t *block, uint32_t j)
{
    struct ints low = ints_and(ints_down(field1(block, 4 + j / 2), j % 2 * 4), ints_set(15));
    struct ints step = ints_or_and(low, move(ints_from_u16(block + 16 * 2), 2 * j, 4), ints_set(48));
    return (struct scales){.scale = steps(field2(block, 0), ints_add(step, ints_set(-32)))};
}

/* A power of two in 8 bits: 2^(s - 128), zero where that is subnormal. */
INLINE struct lanes scale_e8m0(struct ints s)
{
    return ints_as_lanes(ints_up(ints_max(ints_add(s, ints_set(-1)), ints_set(0)), 23));
}

/* Of the g-th group of part j. */
INLINE struct scales unpack_scales(enum tl_number_id id, const uint8_t *block, uint32_t j, uint32_t g)
{
    if (is_grid(id))
        return (struct scales){.scale = grid_scale(id, block, j, g)};
    switch (id) {
    case TL_NUMBER_Q4_1:
    case TL_NUMBER_Q5_1:
        return (struct scales){field2(block, 0), field2(block, 2)};
    case TL_NUMBER_Q2_K:
        return scales_q2_k(block, 2 * j + g);
    case TL_NUMBER_Q3_K:
        return scales_q3_k(block, 2 * j + g);
    case TL_NUMBER_Q4_K:
    case TL_NUMBER_Q5_K:
        return scales_k45(block, j);
    case TL_NUMBER_Q6_K:
        return (struct scales){.scale = steps(field2(block, 208), ints_from_i8(block + 16 * (192 + 2 * j + g)))};
    case TL_NUMBER_IQ4_XS:
        return scales_iq4_xs(block, j);
    case TL_NUMBER_MXFP4:
        return (struct scales){.scale = scale_e8m0(field1(block, 0))};
    case TL_NUMBER_NVFP4:
        return (struct scales){.scale = lanes_from_e4m3(block + 16 * (2 * j + g))};
    case TL_NUMBER_INT4_G32:
        return (struct scales){.scale = lanes_load_bf16(block)};
    default:                                             /* Q8_0, Q4_0, Q5_0, IQ4_NL */
        return (struct scales){.scale = field2(block, 0)};
    }
}

#endif
