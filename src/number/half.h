/* SPDX-License-Identifier: MIT */
/* Private to this room: half-precision conversions as inline code, and unaligned little-endian access for the format
 * files. Integer arithmetic throughout, so that the bits depend neither on the rounding mode nor on FTZ and DAZ. */
#ifndef TL_NUMBER_HALF_H
#define TL_NUMBER_HALF_H

#include <stdint.h>
#include <string.h>

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "formats are stored little-endian and read in place");

static inline uint32_t tl_half_bits(float value)
{
    uint32_t bits;
    memcpy(&bits, &value, 4);
    return bits;
}

static inline float tl_half_float(uint32_t bits)
{
    float value;
    memcpy(&value, &bits, 4);
    return value;
}

/* The three cases are computed side by side and selected by masks, a form that compilers turn into vectors. */
static inline float tl_half_widen(uint16_t half)
{
    uint32_t magnitude = half & 0x7fffu;
    uint32_t normal = (magnitude << 13) + (112u << 23);
    uint32_t tiny = tl_half_bits((float)(int32_t)magnitude * 0x1p-24f);
    uint32_t special = 0x7f800000u | (magnitude & 0x3ffu) << 13;
    special |= special > 0x7f800000u ? 0x400000u : 0;
    uint32_t bits = magnitude < 0x400u ? tiny : normal;
    bits = magnitude >= 0x7c00u ? special : bits;
    return tl_half_float(bits | (uint32_t)(half & 0x8000u) << 16);
}

static inline uint16_t tl_half_narrow(float value)
{
    uint32_t bits = tl_half_bits(value);
    uint32_t sign = bits >> 16 & 0x8000u, magnitude = bits & 0x7fffffffu;
    if (magnitude > 0x7f800000u)
        return (uint16_t)(sign | 0x7e00u | (magnitude >> 13 & 0x1ffu));
    if (magnitude >= 0x477ff000u)
        return (uint16_t)(sign | 0x7c00u);
    if (magnitude >= 0x38800000u)
        return (uint16_t)(sign | (magnitude - (112u << 23) + 0xfffu + (magnitude >> 13 & 1)) >> 13);
    if (magnitude <= 0x33000000u)
        return (uint16_t)sign;
    uint32_t mantissa = (magnitude & 0x7fffffu) | 0x800000u, shift = 126u - (magnitude >> 23);
    uint32_t down = mantissa >> shift, rest = mantissa & ((1u << shift) - 1), middle = 1u << (shift - 1);
    return (uint16_t)(sign | (down + (rest > middle || (rest == middle && (down & 1)))));
}

static inline uint16_t tl_half_narrow_bf16(float value)
{
    uint32_t bits = tl_half_bits(value);
    uint32_t rounded = bits + 0x7fffu + (bits >> 16 & 1);
    return (uint16_t)(((bits & 0x7fffffffu) > 0x7f800000u ? bits | 0x400000u : rounded) >> 16);
}

static inline float tl_half_load(const uint8_t *bytes)
{
    uint16_t half;
    memcpy(&half, bytes, 2);
    return tl_half_widen(half);
}

/* Stores `value` as f16 and returns what was stored. */
static inline float tl_half_store(uint8_t *bytes, float value)
{
    uint16_t half = tl_half_narrow(value);
    memcpy(bytes, &half, 2);
    return tl_half_widen(half);
}

#endif
