/* SPDX-License-Identifier: MIT */
/* Encoders of q4_0, q4_1, q5_0 and q5_1. */
#include "number/fit_block.h"

#include <string.h>

#include "number/fit.h"
#include "number/half.h"

enum { ELEMS = 32 };

void tl_fit_block_encode(const struct tl_fit_block *format, const float *values, size_t n_elems, void *ret_bytes)
{
    uint8_t *block = ret_bytes, codes[ELEMS];
    float offset = (float)((format->high + 1) / 2);
    for (size_t at = 0; at < n_elems; at += ELEMS, block += format->bytes) {
        const float *x = values + at;
        float scale = tl_fit_largest(x, ELEMS) / -offset, inverse = tl_fit_inverse(scale);
        for (uint32_t i = 0; i < ELEMS; i++)
            codes[i] = tl_fit_truncate(x[i] * inverse + (offset + 0.5f), format->high);
        memset(block, 0, format->bytes);
        tl_half_store(block, scale);
        format->put(codes, block);
    }
}

void tl_fit_block_encode_min(const struct tl_fit_block *format, const float *values, size_t n_elems, void *ret_bytes)
{
    uint8_t *block = ret_bytes, codes[ELEMS];
    for (size_t at = 0; at < n_elems; at += ELEMS, block += format->bytes) {
        const float *x = values + at;
        float low, high;
        tl_fit_range(x, ELEMS, &low, &high);
        float scale = (high - low) / (float)format->high, inverse = tl_fit_inverse(scale);
        for (uint32_t i = 0; i < ELEMS; i++)
            codes[i] = tl_fit_truncate((x[i] - low) * inverse + 0.5f, format->high);
        memset(block, 0, format->bytes);
        tl_half_store(block, scale);
        tl_half_store(block + 2, low);
        format->put(codes, block);
    }
}

void tl_fit_block_fit(const struct tl_fit_block *format, const float *values, const float *weights, size_t n_elems, void *ret_bytes)
{
    uint8_t *block = ret_bytes, codes[ELEMS];
    int32_t low = -((format->high + 1) / 2);
    float x[ELEMS];
    for (size_t at = 0; at < n_elems; at += ELEMS, block += format->bytes) {
        tl_fit_flush_all(values + at, ELEMS, x);
        memset(block, 0, format->bytes);
        tl_fit_codes(x, ELEMS, tl_half_store(block, tl_fit_scale(x, tl_fit_weights(weights, at), ELEMS, low)), low, codes);
        format->put(codes, block);
    }
}

void tl_fit_block_fit_min(const struct tl_fit_block *format, const float *values, const float *weights, size_t n_elems, void *ret_bytes)
{
    uint8_t *block = ret_bytes, codes[ELEMS];
    float x[ELEMS], min;
    for (size_t at = 0; at < n_elems; at += ELEMS, block += format->bytes) {
        tl_fit_flush_all(values + at, ELEMS, x);
        memset(block, 0, format->bytes);
        float scale = tl_half_store(block, tl_fit_scale_min(x, tl_fit_weights(weights, at), ELEMS, format->high, 1, &min));
        min = -tl_half_store(block + 2, -min);
        tl_fit_codes_min(x, ELEMS, scale, min, format->high, codes);
        format->put(codes, block);
    }
}
