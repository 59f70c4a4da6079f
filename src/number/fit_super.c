/* SPDX-License-Identifier: MIT */
/* The two levels of the K formats: each group's own best scale (and minimum) first, from these the units of the block, then
 * for each group the steps next to its own that cost least. */
#include <math.h>

#include "number/fit.h"
#include "number/half.h"
#include "number/lanes.h"
#include "number/number.h"

enum { SUPER = TL_NUMBER_MAX_BLOCK, MAX_GROUPS = SUPER / 16 };

/* A group's weighted error where value ~ scale * code - min, codes in [low, high]. */
TL_WIDE static float cost_of(const float *values, const float *weights, uint32_t n, float scale, float min, float low, float high)
{
    const tl_lanes lowest = tl_lanes_of(low), highest = tl_lanes_of(high);
    float inverse = tl_fit_inverse(scale);
    tl_lanes sum = {0};
    for (uint32_t at = 0; at < n; at += TL_LANES) {
        tl_lanes x = tl_lanes_load(values + at) + min, off = x - scale * tl_lanes_nearest(x * inverse, lowest, highest);
        sum += tl_lanes_load(weights + at) * off * off;
    }
    return tl_lanes_fold(sum);
}

static int32_t held(int32_t step, int32_t low, int32_t high) { return step < low ? low : step > high ? high : step; }

void tl_fit_super(const float *from, const float *weights, uint32_t group, int32_t low, int32_t low_step, uint8_t *d, int8_t *ret_steps,
                  uint8_t *ret_codes)
{
    float values[SUPER], scales[MAX_GROUPS] = {0};
    uint32_t groups = SUPER / group;
    tl_fit_flush_all(from, SUPER, values);
    for (uint32_t g = 0; g < groups; g++)
        scales[g] = tl_fit_scale(values + g * group, weights + g * group, group, low);
    float unit = tl_half_store(d, tl_fit_largest(scales, groups) / (float)low_step), inverse = tl_fit_inverse(unit);
    for (uint32_t g = 0; g < groups; g++) {
        const float *x = values + g * group, *w = weights + g * group;
        int32_t middle = tl_fit_round(scales[g] * inverse, low_step, -low_step - 1), best = middle;
        float least = INFINITY;
        for (int32_t near = -1; near <= 1; near++) {
            int32_t step = held(middle + near, low_step, -low_step - 1);
            float cost = cost_of(x, w, group, unit * (float)step, 0, (float)low, (float)(-low - 1));
            best = cost < least ? step : best;
            least = cost < least ? cost : least;
        }
        ret_steps[g] = (int8_t)best;
        tl_fit_codes(x, group, unit * (float)best, low, ret_codes + g * group);
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

void tl_fit_super_min(const float *from, const float *weights, uint32_t group, int32_t high, int32_t high_step, uint8_t *d,
                      uint8_t *dmin, uint8_t *ret_steps, uint8_t *ret_min_steps, uint8_t *ret_codes)
{
    float values[SUPER], scales[MAX_GROUPS] = {0}, mins[MAX_GROUPS] = {0};
    uint32_t groups = SUPER / group;
    tl_fit_flush_all(from, SUPER, values);
    for (uint32_t g = 0; g < groups; g++)
        scales[g] = tl_fit_scale_min(values + g * group, weights + g * group, group, high, 0, &mins[g]);
    float unit = fit_steps(scales, groups, high_step, d, ret_steps);
    float min_unit = fit_steps(mins, groups, high_step, dmin, ret_min_steps);
    for (uint32_t g = 0; g < groups; g++) {
        const float *x = values + g * group, *w = weights + g * group;
        int32_t middle = ret_steps[g], min_middle = ret_min_steps[g];
        float least = INFINITY;
        for (int32_t near = 0; near < 9; near++) {
            int32_t step = held(middle + near / 3 - 1, 0, high_step), min_step = held(min_middle + near % 3 - 1, 0, high_step);
            float cost = cost_of(x, w, group, unit * (float)step, min_unit * (float)min_step, 0, (float)high);
            if (cost < least) {
                least = cost;
                ret_steps[g] = (uint8_t)step;
                ret_min_steps[g] = (uint8_t)min_step;
            }
        }
        tl_fit_codes_min(x, group, unit * ret_steps[g], min_unit * ret_min_steps[g], high, ret_codes + g * group);
    }
}
