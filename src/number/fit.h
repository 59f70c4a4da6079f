/* SPDX-License-Identifier: MIT */
/* Private to this room: what the encoders share. Values may be anything, NaN and infinities included: codes always
 * come out within their range. Fits minimise the sum of weight * error^2, weights >= 0. */
#ifndef TL_NUMBER_FIT_H
#define TL_NUMBER_FIT_H

#include <float.h>
#include <stddef.h>
#include <stdint.h>

/* Nearest integer, halves away from zero, held within [low, high]; NaN: low. */
static inline int32_t tl_fit_round(float value, int32_t low, int32_t high)
{
    if (!(value > (float)low))
        return low;
    if (value >= (float)high)
        return high;
    int32_t whole = (int32_t)value;
    float rest = value - (float)whole;
    return whole + (rest >= 0.5f) - (rest <= -0.5f);
}

/* Towards zero, held within [0, high]; NaN: 0. */
static inline uint8_t tl_fit_truncate(float value, int32_t high)
{
    if (!(value > 0))
        return 0;
    return (uint8_t)(value >= (float)high ? high : (int32_t)value);
}

/* Values so small that no f16 scale can come of them count as +0. Squares of all others are normal numbers, which
 * keeps every result the same whether or not a thread flushes subnormals. */
static inline float tl_fit_flush(float value)
{
    return __builtin_fabsf(value) < 0x1p-60f ? 0 : value;
}

static inline void tl_fit_flush_all(const float *values, uint32_t n, float *ret_values)
{
    for (uint32_t i = 0; i < n; i++)
        ret_values[i] = tl_fit_flush(values[i]);
}

/* 1 / scale, or 0 where a scale is not finite or far below what an f16 can hold. */
static inline float tl_fit_inverse(float scale)
{
    float size = __builtin_fabsf(scale);
    return size >= 0x1p-100f && size <= FLT_MAX ? 1 / scale : 0;
}

/* Of a block of 256 at most. */
extern const float tl_fit_ones[256];
static inline const float *tl_fit_weights(const float *weights, size_t at) { return weights ? weights + at : tl_fit_ones; }

float tl_fit_largest(const float *values, uint32_t n);               /* the first value of greatest magnitude, with its sign */
float tl_fit_magnitude(const float *values, uint32_t n);             /* the greatest magnitude */
void tl_fit_range(const float *values, uint32_t n, float *ret_low, float *ret_high);

/* Scale s for values ~ s * code, codes in [low, -low - 1]. */
float tl_fit_scale(const float *values, const float *weights, uint32_t n, int32_t low);
/* Scale s >= 0 and minimum m for values ~ s * code - m, codes in [0, high]; m >= 0 unless `any`. */
float tl_fit_scale_min(const float *values, const float *weights, uint32_t n, int32_t high, int any, float *ret_min);
/* The nearest codes for a scale (and minimum), less `low`. */
void tl_fit_codes(const float *values, uint32_t n, float scale, int32_t low, uint8_t *ret_codes);
void tl_fit_codes_min(const float *values, uint32_t n, float scale, float min, int32_t high, uint8_t *ret_codes);

/* The two levels of the K formats, over 256 values in groups of `group`. Scales are steps of one f16 d, stored at
 * `d`; minima are steps of one f16 stored at `dmin`. Codes come out with their offset added. */
void tl_fit_super(const float *values, const float *weights, uint32_t group, int32_t low, int32_t low_step, uint8_t *d, int8_t *ret_steps,
                  uint8_t *ret_codes);
void tl_fit_super_min(const float *values, const float *weights, uint32_t group, int32_t high, int32_t high_step, uint8_t *d,
                      uint8_t *dmin, uint8_t *ret_steps, uint8_t *ret_min_steps, uint8_t *ret_codes);

#endif
