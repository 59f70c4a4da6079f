/* SPDX-License-Identifier: MIT */
/* Private to this room: the 12 bytes in which q4_k and q5_k keep eight 6-bit scales and eight 6-bit minima.
 * Bytes 0..3 hold scales 0..3 and bytes 4..7 minima 0..3 in their lower six bits; byte 8 + i holds the low nibbles of
 * scale 4 + i and minimum 4 + i, whose upper two bits top bytes i and 4 + i. */
#ifndef TL_NUMBER_KSCALES_H
#define TL_NUMBER_KSCALES_H

#include <stdint.h>

static inline void tl_kscales_get(const uint8_t *bytes, uint8_t *ret_scales, uint8_t *ret_mins)
{
    for (uint32_t i = 0; i < 4; i++) {
        ret_scales[i] = bytes[i] & 63;
        ret_mins[i] = bytes[4 + i] & 63;
        ret_scales[4 + i] = (uint8_t)((bytes[8 + i] & 15) | (bytes[i] >> 6) << 4);
        ret_mins[4 + i] = (uint8_t)(bytes[8 + i] >> 4 | (bytes[4 + i] >> 6) << 4);
    }
}

static inline void tl_kscales_put(const uint8_t *scales, const uint8_t *mins, uint8_t *ret_bytes)
{
    for (uint32_t i = 0; i < 4; i++) {
        ret_bytes[i] = (uint8_t)(scales[i] | (scales[4 + i] >> 4) << 6);
        ret_bytes[4 + i] = (uint8_t)(mins[i] | (mins[4 + i] >> 4) << 6);
        ret_bytes[8 + i] = (uint8_t)((scales[4 + i] & 15) | (mins[4 + i] & 15) << 4);
    }
}

#endif
