/* SPDX-License-Identifier: MIT */
/* iq4_nl: 32 nibbles that stand for values of a table, one f16 scale. Block: d [2], nibbles [16] (low ones are elements
 * 0..15). Codes are the table's values and 128 more. */
#include "number/fit.h"
#include "number/formats.h"
#include "number/half.h"
#include "number/nibbles.h"

enum { ELEMS = 32, BYTES = 18 };

static void unpack(const void *block, uint8_t *ret_codes, float *ret_scale, float *ret_min)
{
    const uint8_t *bytes = block;
    (void)ret_min;
    ret_scale[0] = tl_half_load(bytes);
    tl_nibbles_look_up(bytes + 2, 16, tl_iq4_codes, ret_codes);
}

static void fit(const float *values, const float *weights, size_t n_elems, void *ret_bytes)
{
    uint8_t *block = ret_bytes, nibbles[ELEMS];
    float x[ELEMS];
    for (size_t at = 0; at < n_elems; at += ELEMS, block += BYTES) {
        tl_fit_flush_all(values + at, ELEMS, x);
        tl_iq4_nibbles(x, ELEMS, tl_half_store(block, tl_iq4_scale(x, tl_fit_weights(weights, at), ELEMS)), nibbles);
        tl_nibbles_put(nibbles, 16, block + 2);
    }
}

static void encode(const float *values, size_t n_elems, void *ret_bytes) { fit(values, NULL, n_elems, ret_bytes); }

const struct tl_number tl_number_iq4_nl = {
    .id = TL_NUMBER_IQ4_NL, .name = "iq4_nl", .gguf_type = 20,
    .block_elems = ELEMS, .block_bytes = BYTES, .group = 32, .offset = TL_IQ4_OFFSET, .panel_elems = ELEMS,
    .fields = {{2, 2}, {16, 4}},
    .unpack = unpack, .encode = encode, .fit = fit,
};
