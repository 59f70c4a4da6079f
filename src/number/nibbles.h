/* SPDX-License-Identifier: MIT */
/* Private to this room: what the formats of 4 bits share that are not plain integers: tables of values, E2M1 among them,
 * and nibbles that lie in pairs of neighbours, as vendors keep them, moved to where ggml keeps them. */
#ifndef TL_NUMBER_NIBBLES_H
#define TL_NUMBER_NIBBLES_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* E2M1 (OCP Microscaling Formats 1.0), doubled and 12 more, so that codes are unsigned: 0, 1, 2, 3, 4, 6, 8, 12 and
 * their negatives. Negative zero is zero. */
enum { TL_E2M1_OFFSET = 12 };
extern const uint8_t tl_e2m1_codes[16];

/* The nibble whose value is nearest to `value` in halves; ties go to the smaller magnitude; NaN is 0. */
static inline uint8_t tl_e2m1_nearest(float value)
{
    float size = __builtin_fabsf(value);
    uint8_t nibble = (uint8_t)((size > 0.5f) + (size > 1.5f) + (size > 2.5f) + (size > 3.5f) + (size > 5) + (size > 7) + (size > 10));
    return nibble && value < 0 ? (uint8_t)(nibble | 8) : nibble;
}

/* Of n values ~ s * (code - offset), a multiple of 16, at a scale: their nibbles, their weighted squared error. */
void tl_e2m1_nibbles(const float *values, uint32_t n, float scale, uint8_t *ret_nibbles);
float tl_e2m1_cost(const float *values, const float *weights, uint32_t n, float scale);

/* The values of iq4_nl and iq4_xs with 128 more; ascending. */
enum { TL_IQ4_OFFSET = 128 };
extern const uint8_t tl_iq4_codes[16];
/* The same, and the best scale. */
void tl_iq4_nibbles(const float *values, uint32_t n, float scale, uint8_t *ret_nibbles);
float tl_iq4_cost(const float *values, const float *weights, uint32_t n, float scale);
float tl_iq4_scale(const float *values, const float *weights, uint32_t n);

/* n bytes hold nibbles of two runs: codes[i] and codes[n + i] are looked up by the low and the high nibble of byte i. */
static inline void tl_nibbles_look_up(const uint8_t *bytes, uint32_t n, const uint8_t table[16], uint8_t *ret_codes)
{
    for (uint32_t i = 0; i < n; i++) {
        ret_codes[i] = table[bytes[i] & 15];
        ret_codes[n + i] = table[bytes[i] >> 4];
    }
}

static inline void tl_nibbles_put(const uint8_t *nibbles, uint32_t n, uint8_t *ret_bytes)
{
    for (uint32_t i = 0; i < n; i++)
        ret_bytes[i] = (uint8_t)(nibbles[i] | nibbles[n + i] << 4);
}

/* 16 bytes whose nibbles are elements 2i and 2i + 1, low first -> 16 bytes whose nibbles are elements i and 16 + i. */
static inline void tl_nibbles_part(const uint8_t *pairs, uint8_t *ret_bytes)
{
    typedef uint8_t bytes8 __attribute__((vector_size(8)));
    typedef uint16_t words8 __attribute__((vector_size(16)));
    bytes8 half[2];
    memcpy(half, pairs, sizeof(half));
    words8 first = __builtin_convertvector(half[0], words8), second = __builtin_convertvector(half[1], words8);
    words8 parted = (first & 0x0f) | (first & 0xf0) << 4 | (second & 0x0f) << 4 | (second & 0xf0) << 8;
    memcpy(ret_bytes, &parted, sizeof(parted));
}

#endif
