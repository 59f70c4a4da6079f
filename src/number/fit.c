/* SPDX-License-Identifier: MIT */
/* Scales for groups of values. Each fit tries a few step sizes around the one that spans the group, rounds the values
 * to codes at each, solves for the best scale (and minimum) of those codes by least squares, and keeps the best. */
#include "number/fit.h"

#include <math.h>

#include "number/lanes.h"

#define ONES_4 1, 1, 1, 1
#define ONES_16 ONES_4, ONES_4, ONES_4, ONES_4
#define ONES_64 ONES_16, ONES_16, ONES_16, ONES_16
const float tl_fit_ones[256] = {ONES_64, ONES_64, ONES_64, ONES_64};

float tl_fit_largest(const float *values, uint32_t n)
{
    float largest = 0;
    for (uint32_t i = 0; i < n; i++)
        if (fabsf(values[i]) > fabsf(largest))
            largest = values[i];
    return tl_fit_flush(largest);
}

TL_WIDE float tl_fit_magnitude(const float *values, uint32_t n)
{
    tl_lanes most = {0};
    float magnitude = 0;
    uint32_t at = 0;
    for (; at + TL_LANES <= n; at += TL_LANES) {
        tl_lanes size = tl_lanes_size(tl_lanes_load(values + at));
        most = tl_lanes_select(size > most, size, most);
    }
    for (; at < n; at++)
        magnitude = fabsf(values[at]) > magnitude ? fabsf(values[at]) : magnitude;
    float lanes = -tl_lanes_least(-most);
    return tl_fit_flush(lanes > magnitude ? lanes : magnitude);
}

void tl_fit_range(const float *values, uint32_t n, float *ret_low, float *ret_high)
{
    float low = FLT_MAX, high = -FLT_MAX;
    for (uint32_t i = 0; i < n; i++) {
        low = values[i] < low ? values[i] : low;
        high = values[i] > high ? values[i] : high;
    }
    *ret_low = tl_fit_flush(low);
    *ret_high = tl_fit_flush(high);
}

TL_WIDE float tl_fit_scale(const float *values, const float *weights, uint32_t n, int32_t low)
{
    const tl_lanes lowest = tl_lanes_of((float)low), highest = tl_lanes_of((float)(-low - 1));
    float unit = tl_fit_inverse(tl_fit_largest(values, n)), best_gain = 0, best_scale = 0;
    for (int32_t step = -10; step <= 10; step++) {
        float inverse = ((float)low + 0.1f * (float)step) * unit;
        tl_lanes with_codes = {0}, of_codes = {0};
        for (uint32_t at = 0; at < n; at += TL_LANES) {
            tl_lanes x = tl_lanes_load(values + at), code = tl_lanes_nearest(x * inverse, lowest, highest);
            tl_lanes weighed = tl_lanes_load(weights + at) * code;
            with_codes += x * weighed;
            of_codes += code * weighed;
        }
        float with = tl_lanes_fold(with_codes), of = tl_lanes_fold(of_codes);
        if (of > 0 && with * with > best_gain * of) {
            best_scale = with / of;
            best_gain = best_scale * with;
        }
    }
    return best_scale;
}

/* The weighted squared error of s * code - m over a group, from sums alone:
 * sum w x^2 + s^2 sum w c^2 + m^2 sum w - 2 s sum w c x + 2 m sum w x - 2 s m sum w c. The first, constant, is left out. */
struct sums { float n, x, c, cc, cx; };

static inline float error_of(const struct sums *s, float scale, float min)
{
    return scale * (scale * s->cc - 2 * s->cx - 2 * min * s->c) + min * (s->n * min + 2 * s->x);
}

static inline void solve(const struct sums *s, int any, float *ret_scale, float *ret_min)
{
    float determinant = s->n * s->cc - s->c * s->c;
    float scale = 0, min = 0;
    if (determinant > 0) {
        scale = (s->n * s->cx - s->c * s->x) / determinant;
        min = (s->c * s->cx - s->cc * s->x) / determinant;
    }
    if (!any && !(min > 0)) {
        min = 0;
        scale = s->cc > 0 ? s->cx / s->cc : 0;
    }
    *ret_scale = scale > 0 ? scale : 0;
    *ret_min = min;
}

TL_WIDE float tl_fit_scale_min(const float *values, const float *weights, uint32_t n, int32_t high, int any, float *ret_min)
{
    const tl_lanes zero = {0}, highest = tl_lanes_of((float)high);
    float low, top, best_scale = 0, best_error = FLT_MAX;
    tl_fit_range(values, n, &low, &top);
    low = any || low < 0 ? low : 0;
    float best_min = -low, unit = tl_fit_inverse(top - low);
    tl_lanes sum_w = {0}, sum_x = {0};
    for (uint32_t at = 0; at < n; at += TL_LANES) {
        sum_w += tl_lanes_load(weights + at);
        sum_x += tl_lanes_load(weights + at) * tl_lanes_load(values + at);
    }
    struct sums s = {.n = tl_lanes_fold(sum_w), .x = tl_lanes_fold(sum_x)};
    for (int32_t step = -10; step <= 10 && unit > 0; step++) {
        float inverse = ((float)high + 0.1f * (float)step) * unit, scale, min;
        tl_lanes sum_c = {0}, sum_cc = {0}, sum_cx = {0};
        for (uint32_t at = 0; at < n; at += TL_LANES) {
            tl_lanes x = tl_lanes_load(values + at), code = tl_lanes_nearest((x - low) * inverse, zero, highest);
            tl_lanes weighed = tl_lanes_load(weights + at) * code;
            sum_c += weighed;
            sum_cc += weighed * code;
            sum_cx += weighed * x;
        }
        s.c = tl_lanes_fold(sum_c);
        s.cc = tl_lanes_fold(sum_cc);
        s.cx = tl_lanes_fold(sum_cx);
        solve(&s, any, &scale, &min);
        float error = error_of(&s, scale, min);
        if (error < best_error) {
            best_error = error;
            best_scale = scale;
            best_min = min;
        }
    }
    *ret_min = best_min;
    return best_scale;
}

TL_WIDE void tl_fit_codes(const float *values, uint32_t n, float scale, int32_t low, uint8_t *ret_codes)
{
    const tl_lanes lowest = tl_lanes_of((float)low), highest = tl_lanes_of((float)(-low - 1));
    float inverse = tl_fit_inverse(scale);
    for (uint32_t at = 0; at < n; at += TL_LANES)
        tl_lanes_store_codes(tl_lanes_nearest(tl_lanes_load(values + at) * inverse, lowest, highest) - (float)low, ret_codes + at);
}

TL_WIDE void tl_fit_codes_min(const float *values, uint32_t n, float scale, float min, int32_t high, uint8_t *ret_codes)
{
    const tl_lanes zero = {0}, highest = tl_lanes_of((float)high);
    float inverse = tl_fit_inverse(scale);
    for (uint32_t at = 0; at < n; at += TL_LANES)
        tl_lanes_store_codes(tl_lanes_nearest((tl_lanes_load(values + at) + min) * inverse, zero, highest), ret_codes + at);
}
