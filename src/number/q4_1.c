/* SPDX-License-Identifier: MIT */
/* q4_1: 32 codes of 4 bits, f16 scale and minimum. Block: d [2], m [2], codes [16] (low nibbles are elements 0..15).
 * Encoding is ggml's: the range of the block in 15 steps. */
#include "number/bits.h"
#include "number/fit_block.h"
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

static const struct tl_fit_block format = {.bytes = BYTES, .high = 15, .put = put};

static void encode(const float *values, size_t n_elems, void *ret_bytes)
{
    tl_fit_block_encode_min(&format, values, n_elems, ret_bytes);
}

static void fit(const float *values, const float *weights, size_t n_elems, void *ret_bytes)
{
    tl_fit_block_fit_min(&format, values, weights, n_elems, ret_bytes);
}

const struct tl_number tl_number_q4_1 = {
    .id = TL_NUMBER_Q4_1, .name = "q4_1", .gguf_type = 3,
    .block_elems = ELEMS, .block_bytes = BYTES, .group = 32, .has_min = true, .panel_elems = ELEMS,
    .fields = {{4, 2}, {16, 4}},
    .unpack = unpack, .encode = encode, .fit = fit,
};
