/* SPDX-License-Identifier: MIT */
/* fp8_b128: 128 values of E4M3 with one f32 scale. Block: scale [4], values [128]. No file holds such blocks: vendors keep
 * one scale for 128 rows by 128 columns in a tensor of its own; here each row has its own copy (1/32 more bytes), so that
 * any choice of rows makes a matrix. A last block may be short: what is missing is 0. Encoding: scale = amax / 448. */
#include "number/e4m3.h"
#include "number/fit.h"
#include "number/formats.h"

enum { ELEMS = 128, BYTES = 132, SCALE = 4 };

static void part(const void *block, float *ret_values, float *ret_scale)
{
    const uint8_t *bytes = block;
    memcpy(ret_scale, bytes, SCALE);
    for (uint32_t i = 0; i < ELEMS; i++)
        ret_values[i] = tl_e4m3_widen(bytes[SCALE + i]);
}

static void widen(const void *from, size_t n_elems, float *ret_values)
{
    const uint8_t *block = from;
    float scale;
    for (size_t at = 0; at < n_elems; at += ELEMS, block += BYTES) {
        part(block, ret_values + at, &scale);
        for (uint32_t i = 0; i < ELEMS; i++)
            ret_values[at + i] *= scale;
    }
}

static void encode(const float *values, size_t n_elems, void *ret_bytes)
{
    uint8_t *block = ret_bytes;
    for (size_t at = 0; at < n_elems; at += ELEMS, block += BYTES) {
        float scale = tl_fit_flush(tl_fit_magnitude(values + at, ELEMS)) / 448, inverse = tl_fit_inverse(scale);
        memcpy(block, &scale, SCALE);
        for (uint32_t i = 0; i < ELEMS; i++)
            block[SCALE + i] = tl_e4m3_nearest(tl_fit_flush(values[at + i]) * inverse);
    }
}

static void join(const void *codes, const void *scales, size_t n_elems, void *ret_blocks)
{
    const uint8_t *from = codes, *scale = scales;
    uint8_t *block = ret_blocks;
    for (size_t n; n_elems > 0; n_elems -= n, from += n, scale += SCALE, block += BYTES) {
        n = n_elems < ELEMS ? n_elems : ELEMS;
        memcpy(block, scale, SCALE);
        memcpy(block + SCALE, from, n);
        memset(block + SCALE + n, 0, ELEMS - n);
    }
}

static const struct tl_number_apart apart = {
    .code_bits = 8, .rows = ELEMS, .cols = ELEMS, .scale_bytes = SCALE, .scale = TL_NUMBER_F32, .join = join,
};

/* bf16 has eight significant bits, a value four: the scale may have as many, or be 17 (times 15: 255) of some power of two. No product
 * is subnormal or infinite. */
static bool holds_one(float scale)
{
    uint32_t bits = tl_half_bits(scale) & 0x7fffffff, mantissa = (bits & 0x7fffff) | 0x800000;
    return bits == 0 || (bits >= tl_half_bits(0x1p-117f) && bits <= tl_half_bits(0x1p118f) && (mantissa & -mantissa) * 17 >= mantissa);
}

static size_t holds(const float *scales, size_t n)
{
    size_t at = 0;
    while (at < n && holds_one(scales[at]))
        at++;
    return at;
}

static const struct tl_number_restated restated = {.as = TL_NUMBER_BF16, .partly = true, .holds = holds};

const struct tl_number tl_number_fp8_b128 = {
    .id = TL_NUMBER_FP8_B128, .name = "fp8_b128", .gguf_type = -1,
    .block_elems = ELEMS, .block_bytes = BYTES, .panel_elems = ELEMS,
    .fields = {{4, 4}, {128, 4}},
    .widen = widen, .part = part, .encode = encode, .apart = &apart, .restated = &restated,
};
