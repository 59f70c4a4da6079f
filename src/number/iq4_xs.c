/* SPDX-License-Identifier: MIT */
/* iq4_xs: 256 nibbles of iq4_nl's table in groups of 32, whose scales are 6-bit steps, 32 less, of the block's d. Block:
 * d [2], upper two bits of steps [2], lower four [4] (two groups a byte, the first low), nibbles [128]: 16 bytes a group,
 * low ones are its elements 0..15. */
#include "number/fit.h"
#include "number/formats.h"
#include "number/half.h"
#include "number/nibbles.h"

enum { ELEMS = 256, BYTES = 136, GROUP = 32, GROUPS = ELEMS / GROUP, LOWER = 4, NIBBLES = 8, LEAST_STEP = -32 };

static void unpack(const void *block, uint8_t *ret_codes, float *ret_scale, float *ret_min)
{
    const uint8_t *bytes = block;
    uint32_t upper = bytes[2] | (uint32_t)bytes[3] << 8;
    float d = tl_half_load(bytes);
    (void)ret_min;
    for (uint32_t g = 0; g < GROUPS; g++) {
        uint32_t step = (bytes[LOWER + g / 2] >> (g % 2 * 4) & 15) | (upper >> 2 * g & 3) << 4;
        ret_scale[g] = d * (float)((int32_t)step + LEAST_STEP);
        tl_nibbles_look_up(bytes + NIBBLES + 16 * g, 16, tl_iq4_codes, ret_codes + GROUP * g);
    }
}

static void encode_block(const float *values, uint8_t *block)
{
    float x[ELEMS], scales[GROUPS];
    uint8_t nibbles[GROUP];
    uint32_t upper = 0;
    for (uint32_t i = 0; i < ELEMS; i++)
        x[i] = tl_fit_flush(values[i]);
    for (uint32_t g = 0; g < GROUPS; g++)
        scales[g] = tl_iq4_scale(x + GROUP * g, GROUP);
    float d = tl_half_store(block, tl_fit_largest(scales, GROUPS) / LEAST_STEP), inverse = tl_fit_inverse(d);
    memset(block + LOWER, 0, GROUPS / 2);
    for (uint32_t g = 0; g < GROUPS; g++) {
        int32_t step = tl_fit_round(scales[g] * inverse, LEAST_STEP, -LEAST_STEP - 1);
        float per_scale = tl_fit_inverse(d * (float)step);
        uint32_t bits = (uint32_t)(step - LEAST_STEP);
        upper |= bits >> 4 << 2 * g;
        block[LOWER + g / 2] |= (uint8_t)((bits & 15) << (g % 2 * 4));
        for (uint32_t i = 0; i < GROUP; i++)
            nibbles[i] = tl_iq4_nearest(x[GROUP * g + i] * per_scale);
        tl_nibbles_put(nibbles, 16, block + NIBBLES + 16 * g);
    }
    block[2] = (uint8_t)upper;
    block[3] = (uint8_t)(upper >> 8);
}

static void encode(const float *values, size_t n_elems, void *ret_bytes)
{
    uint8_t *block = ret_bytes;
    for (size_t at = 0; at < n_elems; at += ELEMS, block += BYTES)
        encode_block(values + at, block);
}

const struct tl_number tl_number_iq4_xs = {
    .id = TL_NUMBER_IQ4_XS, .name = "iq4_xs", .gguf_type = 23,
    .block_elems = ELEMS, .block_bytes = BYTES, .group = GROUP, .offset = TL_IQ4_OFFSET, .panel_elems = ELEMS,
    .fields = {{4, 2}, {4, 1}, {128, 4}},
    .unpack = unpack, .encode = encode,
};
