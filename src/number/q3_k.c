/* SPDX-License-Identifier: MIT */
/* q3_k: 256 codes of 3 bits, offset 4, in groups of 16; a group's scale is a signed 6-bit step of the block's d.
 * Block: third bits [32] (eight runs of 32), lower bits [64] (as q2_k), steps [12] (offset 32: low nibbles of steps
 * i and 8 + i in byte i, upper two bits of steps i, 4 + i, 8 + i, 12 + i in byte 8 + i), d [2]. */
#include "number/bits.h"
#include "number/fit.h"
#include "number/formats.h"
#include "number/half.h"

enum { ELEMS = 256, BYTES = 110, GROUP = 16, GROUPS = ELEMS / GROUP, CODES = 32, STEPS = 96, D = 108 };

static void unpack(const void *block, uint8_t *ret_codes, float *ret_scale, float *ret_min)
{
    const uint8_t *bytes = block;
    uint8_t steps[GROUPS];
    float d = tl_half_load(bytes + D);
    (void)ret_min;
    tl_bits_get(bytes + STEPS, 8, 4, 2, steps);
    tl_bits_get_above(bytes + STEPS + 8, 4, 2, 4, 4, steps);
    for (uint32_t g = 0; g < GROUPS; g++)
        ret_scale[g] = d * (float)(steps[g] - 32);
    for (uint32_t half = 0; half < 2; half++)
        tl_bits_get(bytes + CODES + 32 * half, 32, 2, 4, ret_codes + 128 * half);
    tl_bits_get_above(bytes, 32, 1, 8, 2, ret_codes);
}

static void fit(const float *values, const float *weights, size_t n_elems, void *ret_bytes)
{
    uint8_t *block = ret_bytes, codes[ELEMS], biased[GROUPS];
    int8_t steps[GROUPS];
    for (size_t at = 0; at < n_elems; at += ELEMS, block += BYTES) {
        memset(block, 0, BYTES);
        tl_fit_super(values + at, tl_fit_weights(weights, at), GROUP, -4, -32, block + D, steps, codes);
        for (uint32_t g = 0; g < GROUPS; g++)
            biased[g] = (uint8_t)(steps[g] + 32);
        tl_bits_put(biased, 8, 4, 2, 0, block + STEPS);
        tl_bits_put(biased, 4, 2, 4, 4, block + STEPS + 8);
        for (uint32_t half = 0; half < 2; half++)
            tl_bits_put(codes + 128 * half, 32, 2, 4, 0, block + CODES + 32 * half);
        tl_bits_put(codes, 32, 1, 8, 2, block);
    }
}

static void encode(const float *values, size_t n_elems, void *ret_bytes) { fit(values, NULL, n_elems, ret_bytes); }

const struct tl_number tl_number_q3_k = {
    .id = TL_NUMBER_Q3_K, .name = "q3_k", .gguf_type = 11,
    .block_elems = ELEMS, .block_bytes = BYTES, .group = GROUP, .offset = 4, .panel_elems = ELEMS,
    .fields = {{32, 4}, {64, 4}, {12, 1}, {2, 2}},
    .unpack = unpack, .encode = encode, .fit = fit,
};
