/* SPDX-License-Identifier: MIT */
/* q5_0: 32 codes of 5 bits, offset 16, one f16 scale. Block: d [2], fifth bits [4], low nibbles [16].
 * Encoding is ggml's: the value of greatest magnitude becomes code 0, that is -16. */
#include "number/bits.h"
#include "number/fit_block.h"
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

static const struct tl_fit_block format = {.bytes = BYTES, .high = 31, .put = put};

static void encode(const float *values, size_t n_elems, void *ret_bytes)
{
    tl_fit_block_encode(&format, values, n_elems, ret_bytes);
}

static void fit(const float *values, const float *weights, size_t n_elems, void *ret_bytes)
{
    tl_fit_block_fit(&format, values, weights, n_elems, ret_bytes);
}

const struct tl_number tl_number_q5_0 = {
    .id = TL_NUMBER_Q5_0, .name = "q5_0", .gguf_type = 6,
    .block_elems = ELEMS, .block_bytes = BYTES, .group = 32, .offset = 16, .panel_elems = ELEMS,
    .fields = {{2, 2}, {4, 4}, {16, 4}},
    .unpack = unpack, .encode = encode, .fit = fit,
};
