/* SPDX-License-Identifier: MIT */
/* q2_k: 256 codes of 2 bits in groups of 16; a group's scale and minimum are 4-bit steps of the block's d and dmin.
 * Block: steps [16] (low nibble scale, high nibble minimum), codes [64], d [2], dmin [2]. Codes: two halves of 128
 * elements, each in 32 bytes that hold four runs of 32. */
#include "number/bits.h"
#include "number/fit.h"
#include "number/formats.h"
#include "number/half.h"

enum { ELEMS = 256, BYTES = 84, GROUP = 16, GROUPS = ELEMS / GROUP, CODES = 16, D = 80, DMIN = 82 };

static void unpack(const void *block, uint8_t *ret_codes, float *ret_scale, float *ret_min)
{
    const uint8_t *bytes = block;
    float d = tl_half_load(bytes + D), dmin = tl_half_load(bytes + DMIN);
    for (uint32_t g = 0; g < GROUPS; g++) {
        ret_scale[g] = d * (float)(bytes[g] & 15);
        ret_min[g] = -(dmin * (float)(bytes[g] >> 4));
    }
    for (uint32_t half = 0; half < 2; half++)
        tl_bits_get(bytes + CODES + 32 * half, 32, 2, 4, ret_codes + 128 * half);
}

static void fit(const float *values, const float *weights, size_t n_elems, void *ret_bytes)
{
    uint8_t *block = ret_bytes, codes[ELEMS], scales[GROUPS], mins[GROUPS];
    for (size_t at = 0; at < n_elems; at += ELEMS, block += BYTES) {
        memset(block, 0, BYTES);
        tl_fit_super_min(values + at, tl_fit_weights(weights, at), GROUP, 3, 15, block + D, block + DMIN, scales, mins, codes);
        for (uint32_t g = 0; g < GROUPS; g++)
            block[g] = (uint8_t)(scales[g] | mins[g] << 4);
        for (uint32_t half = 0; half < 2; half++)
            tl_bits_put(codes + 128 * half, 32, 2, 4, 0, block + CODES + 32 * half);
    }
}

static void encode(const float *values, size_t n_elems, void *ret_bytes) { fit(values, NULL, n_elems, ret_bytes); }

const struct tl_number tl_number_q2_k = {
    .id = TL_NUMBER_Q2_K, .name = "q2_k", .gguf_type = 10,
    .block_elems = ELEMS, .block_bytes = BYTES, .group = GROUP, .has_min = true, .panel_elems = ELEMS,
    .fields = {{16, 1}, {64, 4}, {4, 2}},
    .unpack = unpack, .encode = encode, .fit = fit,
};
