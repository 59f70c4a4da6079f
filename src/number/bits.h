/* SPDX-License-Identifier: MIT */
/* Private to this room: codes of a few bits in bytes. `n` bytes hold one bit field for each of several runs of n
 * codes: run r lies `width * r` bits up. get overwrites or adds, put adds to bytes that were cleared. */
#ifndef TL_NUMBER_BITS_H
#define TL_NUMBER_BITS_H

#include <stdint.h>

/* codes[r * n + i] = bits [width * r, width * (r + 1)) of bytes[i], for `runs` runs. */
static inline void tl_bits_get(const uint8_t *bytes, uint32_t n, uint32_t width, uint32_t runs, uint8_t *ret_codes)
{
    uint8_t mask = (uint8_t)((1u << width) - 1);
    for (uint32_t r = 0; r < runs; r++)
        for (uint32_t i = 0; i < n; i++)
            ret_codes[r * n + i] = (uint8_t)(bytes[i] >> (width * r) & mask);
}

/* The same bits added to codes that hold their lower `up` bits. */
static inline void tl_bits_get_above(const uint8_t *bytes, uint32_t n, uint32_t width, uint32_t runs, uint32_t up,
                                     uint8_t *codes)
{
    uint8_t mask = (uint8_t)((1u << width) - 1);
    for (uint32_t r = 0; r < runs; r++)
        for (uint32_t i = 0; i < n; i++)
            codes[r * n + i] |= (uint8_t)((bytes[i] >> (width * r) & mask) << up);
}

/* Inverse of both: bits [from, from + width) of the codes into cleared bytes. */
static inline void tl_bits_put(const uint8_t *codes, uint32_t n, uint32_t width, uint32_t runs, uint32_t from, uint8_t *bytes)
{
    uint8_t mask = (uint8_t)((1u << width) - 1);
    for (uint32_t r = 0; r < runs; r++)
        for (uint32_t i = 0; i < n; i++)
            bytes[i] |= (uint8_t)((codes[r * n + i] >> from & mask) << (width * r));
}

/* The fifth bits of q5_0 and q5_1: bit i of a little-endian word of 32 belongs to code i. */
static inline void tl_bits_get_word(const uint8_t *bytes, uint8_t *codes)
{
    for (uint32_t i = 0; i < 32; i++)
        codes[i] |= (uint8_t)((bytes[i / 8] >> (i % 8) & 1) << 4);
}

static inline void tl_bits_put_word(const uint8_t *codes, uint8_t *bytes)
{
    for (uint32_t i = 0; i < 32; i++)
        bytes[i / 8] |= (uint8_t)((codes[i] >> 4 & 1) << (i % 8));
}

#endif
