/* SPDX-License-Identifier: MIT */
/* Scales for groups of values. Each fit tries a few step sizes around the one that spans the group, rounds the values
 * to codes at each, solves for the best scale (and minimum) of those codes by least squares, and keeps the best. */
#include "number/fit.h"

#include <math.h>

#include "number/half.h"
#include "number/number.h"

enum { SUPER = TL_NUMBER_MAX_BLOCK, MAX_GROUPS = SUPER / 16 };

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

float tl_fit_magnitude(const float *values, uint32_t n)
{
    float magnitude = 0;
    for (uint32_t i = 0; i < n; i++) {
        float size = fabsf(values[i]);
        magnitude = size > magnitude ? size : magnitude;
    }
    return tl_fit_flush(magnitude);
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

/* Nearest integer within [low, high], halves to even, for |low| and |high| far below 2^22; NaN: low. One straight line,
 * which compilers turn into vectors. */
static inline float nearest(float value, float low, float high)
{
    const float shift = 12582912.0f;
    value = value > low ? value : low;
    value = value < high ? value : high;
    return (value + shift) - shift;
}

/* Sums run in 16 lanes and are folded at the end: the order does not depend on the width of vectors. */
enum { LANES = 16 };

static inline float fold(float lanes[LANES])
{
    for (int width = LANES / 2; width >= 1; width /= 2)
        for (int i = 0; i < width; i++)
            lanes[i] += lanes[i + width];
    return lanes[0];
}

float tl_fit_scale(const float *values, uint32_t n, int32_t low)
{
    float unit = tl_fit_inverse(tl_fit_largest(values, n)), best_gain = 0, best_scale = 0;
    for (int32_t step = -10; step <= 10; step++) {
        float inverse = ((float)low + 0.1f * (float)step) * unit;
        float with_codes[LANES] = {0}, of_codes[LANES] = {0};
        for (uint32_t at = 0; at < n; at += LANES)
            for (int i = 0; i < LANES; i++) {
                float code = nearest(values[at + i] * inverse, (float)low, (float)(-low - 1));
                with_codes[i] += values[at + i] * code;
                of_codes[i] += code * code;
            }
        float with = fold(with_codes), of = fold(of_codes);
        if (of > 0 && with * with > best_gain * of) {
            best_scale = with / of;
            best_gain = best_scale * with;
        }
    }
    return best_scale;
}

/* The squared error of s * code - m over a group, from sums alone:
 * sum x^2 + s^2 sum c^2 + n m^2 - 2 s sum cx + 2 m sum x - 2 s m sum c. The constant sum x^2 is left out. */
struct sums { float n, x, c, cc, cx; };

static float error_of(const struct sums *s, float scale, float min)
{
    return scale * (scale * s->cc - 2 * s->cx - 2 * min * s->c) + min * (s->n * min + 2 * s->x);
}

static void solve(const struct sums *s, float *ret_scale, float *ret_min)
{
    float determinant = s->n * s->cc - s->c * s->c;
    float scale = 0, min = 0;
    if (determinant > 0) {
        scale = (s->n * s->cx - s->c * s->x) / determinant;
        min = (s->c * s->cx - s->cc * s->x) / determinant;
    }
    if (!(min > 0)) {
        min = 0;
        scale = s->cc > 0 ? s->cx / s->cc : 0;
    }
    *ret_scale = scale > 0 ? scale : 0;
    *ret_min = min;
}

/* The sums of the codes that a step size gives. */
static struct sums sums_at(const float *values, uint32_t n, float low, float inverse, float high)
{
    float sum_c[LANES] = {0}, sum_cc[LANES] = {0}, sum_cx[LANES] = {0}, sum_x[LANES] = {0};
    for (uint32_t at = 0; at < n; at += LANES)
        for (int i = 0; i < LANES; i++) {
            float x = values[at + i], code = nearest((x - low) * inverse, 0, high);
            sum_x[i] += x;
            sum_c[i] += code;
            sum_cc[i] += code * code;
            sum_cx[i] += code * x;
        }
    return (struct sums){.n = (float)n, .x = fold(sum_x), .c = fold(sum_c), .cc = fold(sum_cc), .cx = fold(sum_cx)};
}

float tl_fit_scale_min(const float *values, uint32_t n, int32_t high, float *ret_min)
{
    float low, top, best_scale = 0, best_error = FLT_MAX;
    tl_fit_range(values, n, &low, &top);
    low = low < 0 ? low : 0;
    float best_min = -low, unit = tl_fit_inverse(top - low);
    for (int32_t step = -10; step <= 10 && unit > 0; step++) {
        struct sums s = sums_at(values, n, low, ((float)high + 0.1f * (float)step) * unit, (float)high);
        float scale, min;
        solve(&s, &scale, &min);
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

static void flush_all(const float *from, float *ret_values)
{
    for (uint32_t i = 0; i < SUPER; i++)
        ret_values[i] = tl_fit_flush(from[i]);
}

void tl_fit_super(const float *from, uint32_t group, int32_t low, int32_t low_step, uint8_t *d, int8_t *ret_steps,
                  uint8_t *ret_codes)
{
    float values[SUPER], scales[MAX_GROUPS] = {0};
    uint32_t groups = SUPER / group;
    flush_all(from, values);
    for (uint32_t g = 0; g < groups; g++)
        scales[g] = tl_fit_scale(values + g * group, group, low);
    float unit = tl_half_store(d, tl_fit_largest(scales, groups) / (float)low_step), inverse = tl_fit_inverse(unit);
    for (uint32_t g = 0; g < groups; g++) {
        ret_steps[g] = (int8_t)tl_fit_round(scales[g] * inverse, low_step, -low_step - 1);
        float per_scale = tl_fit_inverse(unit * (float)ret_steps[g]);
        for (uint32_t i = g * group; i < (g + 1) * group; i++)
            ret_codes[i] = (uint8_t)(tl_fit_round(values[i] * per_scale, low, -low - 1) - low);
    }
}

/* Steps of [0, high_step] for n values >= 0; stores and returns their unit. */
static float fit_steps(const float *values, uint32_t n, int32_t high_step, uint8_t *unit_bytes, uint8_t *ret_steps)
{
    float unit = tl_half_store(unit_bytes, tl_fit_magnitude(values, n) / (float)high_step), inverse = tl_fit_inverse(unit);
    for (uint32_t i = 0; i < n; i++)
        ret_steps[i] = (uint8_t)tl_fit_round(values[i] * inverse, 0, high_step);
    return unit;
}

void tl_fit_super_min(const float *from, uint32_t group, int32_t high, int32_t high_step, uint8_t *d, uint8_t *dmin,
                      uint8_t *ret_steps, uint8_t *ret_min_steps, uint8_t *ret_codes)
{
    float values[SUPER], scales[MAX_GROUPS] = {0}, mins[MAX_GROUPS] = {0};
    uint32_t groups = SUPER / group;
    flush_all(from, values);
    for (uint32_t g = 0; g < groups; g++)
        scales[g] = tl_fit_scale_min(values + g * group, group, high, &mins[g]);
    float unit = fit_steps(scales, groups, high_step, d, ret_steps);
    float min_unit = fit_steps(mins, groups, high_step, dmin, ret_min_steps);
    for (uint32_t g = 0; g < groups; g++) {
        float per_scale = tl_fit_inverse(unit * ret_steps[g]), min = min_unit * ret_min_steps[g];
        for (uint32_t i = g * group; i < (g + 1) * group; i++)
            ret_codes[i] = (uint8_t)tl_fit_round((values[i] + min) * per_scale, 0, high);
    }
}
