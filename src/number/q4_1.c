/* SPDX-License-Identifier: MIT */
/* q4_1: 32 codes of 4 bits, f16 scale and minimum. Block: d [2], m [2], codes [16] (low nibbles are elements 0..15).
 * Encoding is ggml's: the range of the block in 15 steps. */
#include "number/bits.h"
#include "number/fit.h"
#include "number/formats.h"
#include "number/half.h"

enum { ELEMS = 32, BYTES = 20 };

static void unpack(const void *block, uint8_t *ret_codes, float *ret_scale, float *ret_min)
{
    const uint8_t *bytes = block;
    ret_scale[0] = tl_half_load(bytes);
    ret_min[0] = tl_half_load(bytes + 2);
    tl_bits_get(bytes + 4, 16, 4, 2, ret_codes);
}

static void put(const uint8_t *codes, uint8_t *block)
{
    tl_bits_put(codes, 16, 4, 2, 0, block + 4);
}

static void encode(const float *values, size_t n_elems, void *ret_bytes)
{
    uint8_t *block = ret_bytes, codes[ELEMS];
    for (size_t at = 0; at < n_elems; at += ELEMS, block += BYTES) {
        const float *x = values + at;
        float low, high;
        tl_fit_range(x, ELEMS, &low, &high);
        float scale = (high - low) / 15, inverse = tl_fit_inverse(scale);
        for (uint32_t i = 0; i < ELEMS; i++)
            codes[i] = tl_fit_truncate((x[i] - low) * inverse + 0.5f, 15);
        memset(block, 0, BYTES);
        tl_half_store(block, scale);
        tl_half_store(block + 2, low);
        put(codes, block);
    }
}

static void fit(const float *values, const float *weights, size_t n_elems, void *ret_bytes)
{
    uint8_t *block = ret_bytes, codes[ELEMS];
    float x[ELEMS], min;
    for (size_t at = 0; at < n_elems; at += ELEMS, block += BYTES) {
        tl_fit_flush_all(values + at, ELEMS, x);
        memset(block, 0, BYTES);
        float scale = tl_half_store(block, tl_fit_scale_min(x, tl_fit_weights(weights, at), ELEMS, 15, 1, &min));
        min = -tl_half_store(block + 2, -min);
        tl_fit_codes_min(x, ELEMS, scale, min, 15, codes);
        put(codes, block);
    }
}

const struct tl_number tl_number_q4_1 = {
    .id = TL_NUMBER_Q4_1, .name = "q4_1", .gguf_type = 3,
    .block_elems = ELEMS, .block_bytes = BYTES, .group = 32, .has_min = true, .panel_elems = ELEMS,
    .fields = {{4, 2}, {16, 4}},
    .unpack = unpack, .encode = encode, .fit = fit,
};
