/* SPDX-License-Identifier: MIT */
/* q8_0: 32 signed bytes with one f16 scale. Block: d [2], codes [32]. Encoding is ggml's: d = amax / 127, codes
 * rounded with halves away from zero at the unrounded d. */
#include "number/fit.h"
#include "number/formats.h"
#include "number/half.h"
#include "number/lanes.h"

enum { ELEMS = 32, BYTES = 34 };

static void unpack(const void *block, uint8_t *ret_codes, float *ret_scale, float *ret_min)
{
    const uint8_t *bytes = block;
    (void)ret_min;
    ret_scale[0] = tl_half_load(bytes);
    for (uint32_t i = 0; i < ELEMS; i++)
        ret_codes[i] = bytes[2 + i] ^ 0x80;
}

TL_WIDE static void encode(const float *values, size_t n_elems, void *ret_bytes)
{
    uint8_t *block = ret_bytes;
    for (size_t at = 0; at < n_elems; at += ELEMS, block += BYTES) {
        const float *x = values + at;
        float scale = tl_fit_magnitude(x, ELEMS) / 127, inverse = tl_fit_inverse(scale);
        tl_half_store(block, scale);
        for (uint32_t i = 0; i < ELEMS; i++)
            block[2 + i] = (uint8_t)tl_fit_round(x[i] * inverse, -127, 127);
    }
}

const struct tl_number tl_number_q8_0 = {
    .id = TL_NUMBER_Q8_0, .name = "q8_0", .gguf_type = 8,
    .block_elems = ELEMS, .block_bytes = BYTES, .group = 32, .offset = 128, .panel_elems = ELEMS,
    .fields = {{2, 2}, {32, 4}},
    .unpack = unpack, .encode = encode,
};
