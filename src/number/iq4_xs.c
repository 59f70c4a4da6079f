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

static int32_t fit_step(const float *values, const float *weights, float d, float scale)
{
    int32_t middle = tl_fit_round(scale * tl_fit_inverse(d), LEAST_STEP + 1, -LEAST_STEP - 2), best = middle;
    float least = FLT_MAX;
    for (int32_t step = middle - 1; step <= middle + 1; step++) {
        float cost = tl_iq4_cost(values, weights, GROUP, d * (float)step);
        best = cost < least ? step : best;
        least = cost < least ? cost : least;
    }
    return best;
}

static void fit_block(const float *values, const float *weights, uint8_t *block)
{
    float x[ELEMS], scales[GROUPS];
    uint8_t nibbles[GROUP];
    uint32_t upper = 0;
    tl_fit_flush_all(values, ELEMS, x);
    for (uint32_t g = 0; g < GROUPS; g++)
        scales[g] = tl_iq4_scale(x + GROUP * g, weights + GROUP * g, GROUP);
    float d = tl_half_store(block, tl_fit_largest(scales, GROUPS) / LEAST_STEP);
    memset(block + LOWER, 0, GROUPS / 2);
    for (uint32_t g = 0; g < GROUPS; g++) {
        int32_t step = fit_step(x + GROUP * g, weights + GROUP * g, d, scales[g]);
        uint32_t bits = (uint32_t)(step - LEAST_STEP);
        upper |= bits >> 4 << 2 * g;
        block[LOWER + g / 2] |= (uint8_t)((bits & 15) << (g % 2 * 4));
        tl_iq4_nibbles(x + GROUP * g, GROUP, d * (float)step, nibbles);
        tl_nibbles_put(nibbles, 16, block + NIBBLES + 16 * g);
    }
    block[2] = (uint8_t)upper;
    block[3] = (uint8_t)(upper >> 8);
}

static void fit(const float *values, const float *weights, size_t n_elems, void *ret_bytes)
{
    uint8_t *block = ret_bytes;
    for (size_t at = 0; at < n_elems; at += ELEMS, block += BYTES)
        fit_block(values + at, tl_fit_weights(weights, at), block);
}

static void encode(const float *values, size_t n_elems, void *ret_bytes) { fit(values, NULL, n_elems, ret_bytes); }

const struct tl_number tl_number_iq4_xs = {
    .id = TL_NUMBER_IQ4_XS, .name = "iq4_xs", .gguf_type = 23,
    .block_elems = ELEMS, .block_bytes = BYTES, .group = GROUP, .offset = TL_IQ4_OFFSET, .panel_elems = ELEMS,
    .fields = {{4, 2}, {4, 1}, {128, 4}},
    .unpack = unpack, .encode = encode, .fit = fit,
};
