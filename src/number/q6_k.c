/* SPDX-License-Identifier: MIT */
/* q6_k: 256 codes of 6 bits, offset 32, in groups of 16; a group's scale is a signed 8-bit step of the block's d.
 * Block: low nibbles [128], upper bits [64], steps [16], d [2]. Two halves of 128 elements: 64 bytes of nibbles hold
 * two runs of 64, 32 bytes of upper bits four runs of 32. */
#include "number/bits.h"
#include "number/fit.h"
#include "number/formats.h"
#include "number/half.h"

enum { ELEMS = 256, BYTES = 210, GROUP = 16, GROUPS = ELEMS / GROUP, UPPER = 128, STEPS = 192, D = 208 };

static void unpack(const void *block, uint8_t *ret_codes, float *ret_scale, float *ret_min)
{
    const uint8_t *bytes = block;
    float d = tl_half_load(bytes + D);
    (void)ret_min;
    for (uint32_t g = 0; g < GROUPS; g++)
        ret_scale[g] = d * (float)(int8_t)bytes[STEPS + g];
    for (uint32_t half = 0; half < 2; half++) {
        tl_bits_get(bytes + 64 * half, 64, 4, 2, ret_codes + 128 * half);
        tl_bits_get_above(bytes + UPPER + 32 * half, 32, 2, 4, 4, ret_codes + 128 * half);
    }
}

static void fit(const float *values, const float *weights, size_t n_elems, void *ret_bytes)
{
    uint8_t *block = ret_bytes, codes[ELEMS];
    int8_t steps[GROUPS];
    for (size_t at = 0; at < n_elems; at += ELEMS, block += BYTES) {
        memset(block, 0, BYTES);
        tl_fit_super(values + at, tl_fit_weights(weights, at), GROUP, -32, -128, block + D, steps, codes);
        memcpy(block + STEPS, steps, GROUPS);
        for (uint32_t half = 0; half < 2; half++) {
            tl_bits_put(codes + 128 * half, 64, 4, 2, 0, block + 64 * half);
            tl_bits_put(codes + 128 * half, 32, 2, 4, 4, block + UPPER + 32 * half);
        }
    }
}

static void encode(const float *values, size_t n_elems, void *ret_bytes) { fit(values, NULL, n_elems, ret_bytes); }

const struct tl_number tl_number_q6_k = {
    .id = TL_NUMBER_Q6_K, .name = "q6_k", .gguf_type = 14,
    .block_elems = ELEMS, .block_bytes = BYTES, .group = GROUP, .offset = 32, .panel_elems = ELEMS,
    .fields = {{128, 4}, {64, 4}, {16, 1}, {2, 2}},
    .unpack = unpack, .encode = encode, .fit = fit,
};
