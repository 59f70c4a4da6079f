/* SPDX-License-Identifier: MIT */
/* q5_k: 256 codes of 5 bits in groups of 32; a group's scale and minimum are 6-bit steps of the block's d and dmin.
 * Block: d [2], dmin [2], steps [12] (kscales.h), fifth bits [32] (eight runs of 32), low nibbles [128] as q4_k. */
#include "number/bits.h"
#include "number/fit.h"
#include "number/formats.h"
#include "number/half.h"
#include "number/kscales.h"

enum { ELEMS = 256, BYTES = 176, GROUP = 32, GROUPS = ELEMS / GROUP, STEPS = 4, FIFTH = 16, CODES = 48 };

static void unpack(const void *block, uint8_t *ret_codes, float *ret_scale, float *ret_min)
{
    const uint8_t *bytes = block;
    uint8_t scales[GROUPS], mins[GROUPS];
    float d = tl_half_load(bytes), dmin = tl_half_load(bytes + 2);
    tl_kscales_get(bytes + STEPS, scales, mins);
    for (uint32_t g = 0; g < GROUPS; g++) {
        ret_scale[g] = d * (float)scales[g];
        ret_min[g] = -(dmin * (float)mins[g]);
    }
    for (uint32_t run = 0; run < 4; run++)
        tl_bits_get(bytes + CODES + 32 * run, 32, 4, 2, ret_codes + 64 * run);
    tl_bits_get_above(bytes + FIFTH, 32, 1, 8, 4, ret_codes);
}

static void fit(const float *values, const float *weights, size_t n_elems, void *ret_bytes)
{
    uint8_t *block = ret_bytes, codes[ELEMS], scales[GROUPS], mins[GROUPS];
    for (size_t at = 0; at < n_elems; at += ELEMS, block += BYTES) {
        memset(block, 0, BYTES);
        tl_fit_super_min(values + at, tl_fit_weights(weights, at), GROUP, 31, 63, block, block + 2, scales, mins, codes);
        tl_kscales_put(scales, mins, block + STEPS);
        tl_bits_put(codes, 32, 1, 8, 4, block + FIFTH);
        for (uint32_t run = 0; run < 4; run++)
            tl_bits_put(codes + 64 * run, 32, 4, 2, 0, block + CODES + 32 * run);
    }
}

static void encode(const float *values, size_t n_elems, void *ret_bytes) { fit(values, NULL, n_elems, ret_bytes); }

const struct tl_number tl_number_q5_k = {
    .id = TL_NUMBER_Q5_K, .name = "q5_k", .gguf_type = 13,
    .block_elems = ELEMS, .block_bytes = BYTES, .group = GROUP, .has_min = true, .panel_elems = ELEMS,
    .fields = {{4, 2}, {12, 1}, {32, 4}, {128, 4}},
    .unpack = unpack, .encode = encode, .fit = fit,
};
