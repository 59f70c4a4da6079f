/* SPDX-License-Identifier: MIT */
/* int4_g32: 32 codes of 4 bits, offset 8, one bf16 scale; q4_0 but for the scale. Block: scale [2], codes [16] (low nibbles
 * are elements 0..15). No file holds such blocks: compressed-tensors' "pack-quantized" keeps scales apart and codes in
 * words, the lowest nibble first. Encoding: scale = amax / 7. Restated as q4_0 where f16 holds the scales. */
#include "number/bits.h"
#include "number/fit.h"
#include "number/formats.h"
#include "number/half.h"
#include "number/nibbles.h"

enum { ELEMS = 32, BYTES = 18 };

static float scale_of(const uint8_t *bytes)
{
    return tl_half_float((uint32_t)bytes[0] << 16 | (uint32_t)bytes[1] << 24);
}

static void unpack(const void *block, uint8_t *ret_codes, float *ret_scale, float *ret_min)
{
    const uint8_t *bytes = block;
    (void)ret_min;
    ret_scale[0] = scale_of(bytes);
    tl_bits_get(bytes + 2, 16, 4, 2, ret_codes);
}

static void encode(const float *values, size_t n_elems, void *ret_bytes)
{
    uint8_t *block = ret_bytes, codes[ELEMS];
    for (size_t at = 0; at < n_elems; at += ELEMS, block += BYTES) {
        uint16_t half = tl_half_narrow_bf16(tl_fit_flush(tl_fit_magnitude(values + at, ELEMS)) / 7);
        memset(block, 0, BYTES);
        memcpy(block, &half, 2);
        float inverse = tl_fit_inverse(scale_of(block));
        for (uint32_t i = 0; i < ELEMS; i++)
            codes[i] = (uint8_t)(tl_fit_round(tl_fit_flush(values[at + i]) * inverse, -8, 7) + 8);
        tl_bits_put(codes, 16, 4, 2, 0, block + 2);
    }
}

static void fit(const float *values, const float *weights, size_t n_elems, void *ret_bytes)
{
    uint8_t *block = ret_bytes, codes[ELEMS];
    float x[ELEMS];
    for (size_t at = 0; at < n_elems; at += ELEMS, block += BYTES) {
        tl_fit_flush_all(values + at, ELEMS, x);
        uint16_t half = tl_half_narrow_bf16(tl_fit_scale(x, tl_fit_weights(weights, at), ELEMS, -8));
        memset(block, 0, BYTES);
        memcpy(block, &half, 2);
        tl_fit_codes(x, ELEMS, scale_of(block), -8, codes);
        tl_bits_put(codes, 16, 4, 2, 0, block + 2);
    }
}

static void join(const void *codes, const void *scales, size_t n_elems, void *ret_blocks)
{
    const uint8_t *from = codes, *scale = scales;
    uint8_t *block = ret_blocks;
    for (size_t at = 0; at < n_elems; at += ELEMS, from += 16, scale += 2, block += BYTES) {
        memcpy(block, scale, 2);
        tl_nibbles_part(from, block + 2);
    }
}

static const struct tl_number_apart apart = {
    .code_bits = 4, .rows = 1, .cols = ELEMS, .scale_bytes = 2, .scale = TL_NUMBER_BF16, .join = join,
};

/* f16 holds every bf16 from 2^-17 up to 65280. Of 32 zeros the scale may be any: its sign alone is in them. */
static bool restate_block(const uint8_t *block, uint8_t *ret_block)
{
    static const uint8_t zeros[16] = {0x88, 0x88, 0x88, 0x88, 0x88, 0x88, 0x88, 0x88, 0x88, 0x88, 0x88, 0x88, 0x88, 0x88, 0x88, 0x88};
    uint32_t scale = tl_half_bits(scale_of(block));
    uint16_t half = tl_half_narrow(scale_of(block));
    bool exact = tl_half_bits(tl_half_widen(half)) == scale, finite = (scale & 0x7f800000u) != 0x7f800000u;
    if (!exact && finite && memcmp(block + 2, zeros, sizeof(zeros)) == 0) {
        half = (uint16_t)(scale >> 16 & 0x8000u);
        exact = true;
    }
    memcpy(ret_block, &half, 2);
    memcpy(ret_block + 2, block + 2, 16);
    return exact;
}

static size_t restate(const void *blocks, size_t n_elems, void *ret_blocks)
{
    const uint8_t *from = blocks;
    uint8_t *to = ret_blocks;
    size_t at = 0;
    while (at < n_elems && restate_block(from + at / ELEMS * BYTES, to + at / ELEMS * BYTES))
        at += ELEMS;
    return at;
}

static size_t holds(const float *scales, size_t n)
{
    size_t at = 0;
    while (at < n && (scales[at] == 0 || (__builtin_fabsf(scales[at]) >= 0x1p-17f && __builtin_fabsf(scales[at]) <= 65280)))
        at++;
    return at;
}

static const struct tl_number_restated restated = {.as = TL_NUMBER_Q4_0, .holds = holds, .restate = restate};

const struct tl_number tl_number_int4_g32 = {
    .id = TL_NUMBER_INT4_G32, .name = "int4_g32", .gguf_type = -1,
    .block_elems = ELEMS, .block_bytes = BYTES, .group = 32, .offset = 8, .panel_elems = ELEMS,
    .fields = {{2, 2}, {16, 4}},
    .unpack = unpack, .encode = encode, .fit = fit, .apart = &apart, .restated = &restated,
};
