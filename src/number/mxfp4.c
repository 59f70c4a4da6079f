/* SPDX-License-Identifier: MIT */
/* mxfp4 (OCP Microscaling Formats 1.0): 32 values of E2M1 with one E8M0 scale. Block: scale [1], nibbles [16] (low ones are
 * elements 0..15). Codes are doubled values and 12 more, the scale is halved: 2^(s - 128), in bits, so that the least two
 * are subnormal. Vendors keep scales apart and nibbles in pairs of neighbours. Encoding is gguf-py's. */
#include <string.h>

#include "number/fit.h"
#include "number/formats.h"
#include "number/half.h"
#include "number/nibbles.h"

enum { ELEMS = 32, BYTES = 17 };

static float scale_of(uint8_t stored)
{
    return tl_half_float(stored < 2 ? 0x00200000u << stored : (uint32_t)(stored - 1) << 23);
}

static void unpack(const void *block, uint8_t *ret_codes, float *ret_scale, float *ret_min)
{
    const uint8_t *bytes = block;
    (void)ret_min;
    ret_scale[0] = scale_of(bytes[0]);
    tl_nibbles_look_up(bytes + 1, 16, tl_e2m1_codes, ret_codes);
}

/* The power of two that brings the greatest magnitude into 4..8; blocks of nothing larger than 2^-100 become zeros. */
static uint8_t stored_scale(float largest)
{
    uint32_t exponent = tl_half_bits(largest) >> 23;
    return (uint8_t)(exponent < 27 ? 0 : exponent == 255 ? 252 : exponent - 2);
}

static void encode(const float *values, size_t n_elems, void *ret_bytes)
{
    uint8_t *block = ret_bytes, nibbles[ELEMS];
    for (size_t at = 0; at < n_elems; at += ELEMS, block += BYTES) {
        block[0] = stored_scale(tl_fit_magnitude(values + at, ELEMS));
        float inverse = block[0] ? 1 / scale_of(block[0]) : 0;
        for (uint32_t i = 0; i < ELEMS; i++)
            nibbles[i] = tl_e2m1_nearest(values[at + i] * inverse);
        tl_nibbles_put(nibbles, 16, block + 1);
    }
}

/* The scale and those next to it: which costs least. */
static void fit(const float *values, const float *weights, size_t n_elems, void *ret_bytes)
{
    uint8_t *block = ret_bytes, nibbles[ELEMS];
    float x[ELEMS];
    for (size_t at = 0; at < n_elems; at += ELEMS, block += BYTES) {
        const float *w = tl_fit_weights(weights, at);
        tl_fit_flush_all(values + at, ELEMS, x);
        uint8_t middle = stored_scale(tl_fit_magnitude(x, ELEMS)), best = middle;
        float least = tl_e2m1_cost(x, w, ELEMS, middle ? scale_of(middle) : 0);
        for (uint32_t stored = middle - 1u; middle > 27 && stored <= middle + 1u; stored += 2) {
            float cost = tl_e2m1_cost(x, w, ELEMS, scale_of((uint8_t)stored));
            best = cost < least ? (uint8_t)stored : best;
            least = cost < least ? cost : least;
        }
        tl_e2m1_nibbles(x, ELEMS, best ? scale_of(best) : 0, nibbles);
        block[0] = best;
        tl_nibbles_put(nibbles, 16, block + 1);
    }
}

static void join(const void *codes, const void *scales, size_t n_elems, void *ret_blocks)
{
    const uint8_t *from = codes, *scale = scales;
    uint8_t *block = ret_blocks;
    for (size_t at = 0; at < n_elems; at += ELEMS, from += 16, block += BYTES) {
        block[0] = *scale++;
        tl_nibbles_part(from, block + 1);
    }
}

static void split(const void *blocks, size_t n_elems, void *ret_codes, void *ret_scales)
{
    const uint8_t *block = blocks;
    uint8_t *codes = ret_codes, *scale = ret_scales;
    for (size_t at = 0; at < n_elems; at += ELEMS, block += BYTES, codes += 16) {
        *scale++ = block[0];
        for (int i = 0; i < 8; i++) {
            const uint8_t *pair = block + 1 + 2 * i;
            codes[i] = (uint8_t)((pair[0] & 15) | (pair[1] & 15) << 4);
            codes[8 + i] = (uint8_t)(pair[0] >> 4 | (pair[1] & 0xF0));
        }
    }
}

static const struct tl_number_apart apart = {
    .code_bits = 4, .rows = 1, .cols = ELEMS, .scale_bytes = 1, .scale = TL_NUMBERS, .join = join, .split = split,
};

const struct tl_number tl_number_mxfp4 = {
    .id = TL_NUMBER_MXFP4, .name = "mxfp4", .gguf_type = 39,
    .block_elems = ELEMS, .block_bytes = BYTES, .group = 32, .offset = TL_E2M1_OFFSET, .panel_elems = ELEMS,
    .fields = {{1, 1}, {16, 4}},
    .unpack = unpack, .encode = encode, .fit = fit, .apart = &apart,
};
