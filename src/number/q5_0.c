/* SPDX-License-Identifier: MIT */
/* q5_0: 32 codes of 5 bits, offset 16, one f16 scale. Block: d [2], fifth bits [4], low nibbles [16].
 * Encoding is ggml's: the value of greatest magnitude becomes code 0, that is -16. */
#include "number/bits.h"
#include "number/fit.h"
#include "number/formats.h"
#include "number/half.h"

enum { ELEMS = 32, BYTES = 22 };

static void unpack(const void *block, uint8_t *ret_codes, float *ret_scale, float *ret_min)
{
    const uint8_t *bytes = block;
    (void)ret_min;
    ret_scale[0] = tl_half_load(bytes);
    tl_bits_get(bytes + 6, 16, 4, 2, ret_codes);
    tl_bits_get_word(bytes + 2, ret_codes);
}

static void put(const uint8_t *codes, uint8_t *block)
{
    tl_bits_put_word(codes, block + 2);
    tl_bits_put(codes, 16, 4, 2, 0, block + 6);
}

static void encode(const float *values, size_t n_elems, void *ret_bytes)
{
    uint8_t *block = ret_bytes, codes[ELEMS];
    for (size_t at = 0; at < n_elems; at += ELEMS, block += BYTES) {
        const float *x = values + at;
        float scale = tl_fit_largest(x, ELEMS) / -16, inverse = tl_fit_inverse(scale);
        for (uint32_t i = 0; i < ELEMS; i++)
            codes[i] = tl_fit_truncate(x[i] * inverse + 16.5f, 31);
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
        tl_fit_codes(x, ELEMS, tl_half_store(block, tl_fit_scale(x, tl_fit_weights(weights, at), ELEMS, -16)), -16, codes);
        put(codes, block);
    }
}

const struct tl_number tl_number_q5_0 = {
    .id = TL_NUMBER_Q5_0, .name = "q5_0", .gguf_type = 6,
    .block_elems = ELEMS, .block_bytes = BYTES, .group = 32, .offset = 16, .panel_elems = ELEMS,
    .fields = {{2, 2}, {4, 4}, {16, 4}},
    .unpack = unpack, .encode = encode, .fit = fit,
};
