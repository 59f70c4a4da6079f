/* SPDX-License-Identifier: MIT */
/* Private to this room: E4M3 without infinities (Micikevicius et al. 2022, "FP8 formats for deep learning"): a sign, four
 * bits of exponent with bias 7, three of mantissa; all ones are NaN, the largest number is 448. */
#ifndef TL_NUMBER_E4M3_H
#define TL_NUMBER_E4M3_H

#include "number/half.h"

/* Of seven bits, all of them numbers (the last is 480); exact, and no subnormals occur. */
static inline float tl_e4m3_size(uint8_t magnitude)
{
    uint32_t normal = ((uint32_t)magnitude << 20) + (120u << 23);
    return magnitude < 8 ? (float)magnitude * 0x1p-9f : tl_half_float(normal);
}

static inline float tl_e4m3_widen(uint8_t stored)
{
    uint32_t size = (stored & 0x7f) == 0x7f ? 0x7fc00000 : tl_half_bits(tl_e4m3_size(stored & 0x7f));
    return tl_half_float(size | (uint32_t)(stored & 0x80) << 24);
}

/* Round to nearest even; beyond 448 that; NaN stays. */
static inline uint8_t tl_e4m3_nearest(float value)
{
    uint32_t bits = tl_half_bits(value), sign = bits >> 24 & 0x80, size = bits & 0x7fffffff;
    if (size > 0x7f800000)
        return (uint8_t)(sign | 0x7f);
    if (size >= 0x43e00000)                              /* 448 */
        return (uint8_t)(sign | 0x7e);
    if (size >= 0x3c800000)                              /* 2^-6: normal */
        return (uint8_t)(sign | (size - (120u << 23) + 0x7ffff + (size >> 20 & 1)) >> 20);
    if (size < 0x3a800000)                               /* 2^-10, half of the least */
        return (uint8_t)sign;
    uint32_t mantissa = (size & 0x7fffff) | 0x800000, shift = 141 - (size >> 23);        /* to steps of 2^-9 */
    uint32_t down = mantissa >> shift, rest = mantissa & ((1u << shift) - 1), middle = 1u << (shift - 1);
    return (uint8_t)(sign | (down + (rest > middle || (rest == middle && (down & 1)))));
}

#endif
