/* SPDX-License-Identifier: MIT */
/* Fits of iq1: each group's best scale with either eighth, from these the block's d, then the step that costs least. */
#include "number/iq1.h"

#include <float.h>

#include "number/fit.h"
#include "number/grid.h"
#include "number/half.h"

static const struct tl_grid plus = {.points = tl_grid_iq1, .count = 2048, .dims = 8, .bits = 2, .n_levels = 3, .levels = {-0.875f, 0.125f, 1.125f}};
static const struct tl_grid minus = {.points = tl_grid_iq1, .count = 2048, .dims = 8, .bits = 2, .n_levels = 3, .levels = {-1.125f, -0.125f, 0.875f}};

struct group { const struct tl_grid_index *plus_index, *minus_index; const float *values, *weights; uint32_t n, shared; uint16_t points[4], with_plus[4], with_minus[4]; uint8_t minus[4]; };

static float cost_at(struct group *group, float scale)
{
    float sum = 0;
    for (uint32_t at = 0; at < group->n; at += group->shared) {
        float a = tl_grid_nearest(&plus, group->plus_index, group->values + at, group->weights + at, group->shared, scale, group->with_plus + at / 8);
        float b = tl_grid_nearest(&minus, group->minus_index, group->values + at, group->weights + at, group->shared, scale, group->with_minus + at / 8);
        for (uint32_t i = 0; i < group->shared / 8; i++) {
            uint32_t run = at / 8 + i;
            group->minus[run] = b < a;
            group->points[run] = b < a ? group->with_minus[run] : group->with_plus[run];
        }
        sum += b < a ? b : a;
    }
    return sum;
}

static float scale_of(struct group *group)
{
    float a = tl_grid_scale(&plus, group->plus_index, group->values, group->weights, group->n);
    float b = tl_grid_scale(&minus, group->minus_index, group->values, group->weights, group->n);
    return cost_at(group, a) <= cost_at(group, b) ? a : b;
}

static uint8_t step_of(struct group *group, float d, float scale)
{
    int32_t middle = tl_fit_round(scale * tl_fit_inverse(2 * d) - 0.5f, 0, TL_IQ1_STEPS - 1), best = middle;
    float least = FLT_MAX;
    for (int32_t step = middle > 0 ? middle - 1 : 0; step <= middle + 1 && step < TL_IQ1_STEPS; step++) {
        float cost = cost_at(group, d * (float)(2 * step + 1));
        if (cost < least) {
            least = cost;
            best = step;
        }
    }
    cost_at(group, d * (float)(2 * best + 1));
    return (uint8_t)best;
}

void tl_iq1_fit(const float *values, const float *weights, uint32_t group, uint32_t shared, struct tl_iq1_fit *ret_fit)
{
    struct group groups[TL_IQ1_ELEMS / 16];
    float flushed[TL_IQ1_ELEMS], scales[TL_IQ1_ELEMS / 16];
    uint32_t count = TL_IQ1_ELEMS / group;
    uint8_t half[2];
    struct tl_grid_index plus_index, minus_index;
    tl_grid_index(&plus, &plus_index);
    tl_grid_index(&minus, &minus_index);
    for (uint32_t i = 0; i < TL_IQ1_ELEMS; i++)
        flushed[i] = tl_fit_flush(values[i]);
    for (uint32_t g = 0; g < count; g++) {
        groups[g] = (struct group){.plus_index = &plus_index, .minus_index = &minus_index, .values = flushed + g * group, .weights = weights + g * group, .n = group, .shared = shared};
        scales[g] = scale_of(&groups[g]);
    }
    ret_fit->d = tl_half_store(half, tl_fit_magnitude(scales, count) / (2 * TL_IQ1_STEPS - 1));
    for (uint32_t g = 0; g < count; g++) {
        ret_fit->steps[g] = step_of(&groups[g], ret_fit->d, scales[g]);
        for (uint32_t i = 0; i < group / 8; i++) {
            ret_fit->points[g * group / 8 + i] = groups[g].points[i];
            ret_fit->minus[g * group / 8 + i] = groups[g].minus[i];
        }
    }
}

void tl_iq1_codes(uint32_t point, uint32_t is_minus, uint8_t *ret_codes)
{
    uint8_t at[TL_GRID_DIMS];
    tl_grid_point(&plus, point, at);
    for (uint32_t i = 0; i < 8; i++)
        ret_codes[i] = (uint8_t)(8 * at[i] + (is_minus ? 0 : 2));
}
