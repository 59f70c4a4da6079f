/* SPDX-License-Identifier: MIT */
/* q4_0: 32 codes of 4 bits, offset 8, one f16 scale. Block: d [2], codes [16] (low nibbles are elements 0..15).
 * Encoding is ggml's: the value of greatest magnitude becomes code 0, that is -8. */
#include "number/bits.h"
#include "number/fit.h"
#include "number/formats.h"
#include "number/half.h"

enum { ELEMS = 32, BYTES = 18 };

static void unpack(const void *block, uint8_t *ret_codes, float *ret_scale, float *ret_min)
{
    const uint8_t *bytes = block;
    (void)ret_min;
    ret_scale[0] = tl_half_load(bytes);
    tl_bits_get(bytes + 2, 16, 4, 2, ret_codes);
}

static void put(const uint8_t *codes, uint8_t *block)
{
    tl_bits_put(codes, 16, 4, 2, 0, block + 2);
}

static void encode(const float *values, size_t n_elems, void *ret_bytes)
{
    uint8_t *block = ret_bytes, codes[ELEMS];
    for (size_t at = 0; at < n_elems; at += ELEMS, block += BYTES) {
        const float *x = values + at;
        float scale = tl_fit_largest(x, ELEMS) / -8, inverse = tl_fit_inverse(scale);
        for (uint32_t i = 0; i < ELEMS; i++)
            codes[i] = tl_fit_truncate(x[i] * inverse + 8.5f, 15);
        memset(block, 0, BYTES);
        tl_half_store(block, scale);
        put(codes, block);
    }
}

static void fit(const float *values, const float *weights, size_t n_elems, void *ret_bytes)
{
    uint8_t *block = ret_bytes, codes[ELEMS];
    float x[ELEMS];
    for (size_t at = 0; at < n_elems; at += ELEMS, block += BYTES) {
        tl_fit_flush_all(values + at, ELEMS, x);
        memset(block, 0, BYTES);
        tl_fit_codes(x, ELEMS, tl_half_store(block, tl_fit_scale(x, tl_fit_weights(weights, at), ELEMS, -8)), -8, codes);
        put(codes, block);
    }
}

const struct tl_number tl_number_q4_0 = {
    .id = TL_NUMBER_Q4_0, .name = "q4_0", .gguf_type = 2,
    .block_elems = ELEMS, .block_bytes = BYTES, .group = 32, .offset = 8, .panel_elems = ELEMS,
    .fields = {{2, 2}, {16, 4}},
    .unpack = unpack, .encode = encode, .fit = fit,
};
