/* SPDX-License-Identifier: MIT */
/* Fits of iq1: each group's scale and the sign of its eighths, from the scales the block's d, then the step that costs least. */
#include "number/iq1.h"

#include <string.h>

#include "number/fit.h"
#include "number/grid.h"
#include "number/half.h"

static const struct tl_grid plus = {.points = tl_grid_iq1, .count = 2048, .dims = 8, .bits = 2, .n_levels = 3, .levels = {-0.875f, 0.125f, 1.125f}};
static const struct tl_grid minus = {.points = tl_grid_iq1, .count = 2048, .dims = 8, .bits = 2, .n_levels = 3, .levels = {-1.125f, -0.125f, 0.875f}};

/* Values with one scale, and what was found for their runs. */
struct group {
    const float *values, *weights;
    uint32_t n, shared;                  /* values; those of runs that share a sign */
    uint16_t points[4];
    uint8_t minus[4];
};

struct indexes { struct tl_grid_index plus, minus; };

static float cost_with(const struct indexes *indexes, const struct group *group, uint32_t at, float scale, int is_minus, uint16_t *points)
{
    return tl_grid_nearest(is_minus ? &minus : &plus, is_minus ? &indexes->minus : &indexes->plus, group->values + at, group->weights + at,
                           group->shared, scale, points);
}

/* With the better of both signs. */
static float cost_of_either(const struct indexes *indexes, struct group *group, float scale)
{
    float sum = 0;
    for (uint32_t at = 0, run = 0; at < group->n; at += group->shared, run = at / 8) {
        uint16_t points[2][4];
        for (uint32_t i = 0; i < group->shared / 8; i++)
            points[0][i] = points[1][i] = group->points[run + i];
        float a = cost_with(indexes, group, at, scale, 0, points[0]), b = cost_with(indexes, group, at, scale, 1, points[1]);
        for (uint32_t i = 0; i < group->shared / 8; i++) {
            group->minus[run + i] = b < a;
            group->points[run + i] = points[b < a][i];
        }
        sum += b < a ? b : a;
    }
    return sum;
}

/* With the signs as they are. */
static float cost_of_chosen(const struct indexes *indexes, struct group *group, float scale)
{
    float sum = 0;
    for (uint32_t at = 0; at < group->n; at += group->shared)
        sum += cost_with(indexes, group, at, scale, group->minus[at / 8], group->points + at / 8);
    return sum;
}

/* From the best start, one refinement; leaves points and signs in the group. */
static float scale_of(const struct indexes *indexes, struct group *group)
{
    struct tl_grid_start starts[2][TL_GRID_STARTS];
    tl_grid_starts(&plus, group->values, group->weights, group->n, starts[0]);
    tl_grid_starts(&minus, group->values, group->weights, group->n, starts[1]);
    float scale = starts[starts[1][0].cost < starts[0][0].cost][0].scale, with = 0, of = 0;
    if (!(scale > 0))
        return 0;
    cost_of_either(indexes, group, scale);
    for (uint32_t run = 0; run < group->n / 8; run++)
        tl_grid_sums(group->minus[run] ? &minus : &plus, group->values + 8 * run, group->weights + 8 * run, 8, group->points + run, &with, &of);
    return with > 0 && of > 0 ? with / of : scale;
}

/* The nearest step, or the next one on the scale's side. */
static uint8_t step_of(const struct indexes *indexes, struct group *group, float d, float scale)
{
    int32_t nearest = tl_fit_round(scale * tl_fit_inverse(2 * d) - 0.5f, 0, TL_IQ1_STEPS - 1);
    int32_t next = scale > d * (float)(2 * nearest + 1) ? nearest + 1 : nearest - 1;
    float cost = cost_of_either(indexes, group, d * (float)(2 * nearest + 1));
    struct group other = *group;
    if (next < 0 || next >= TL_IQ1_STEPS || !(cost_of_chosen(indexes, &other, d * (float)(2 * next + 1)) < cost))
        return (uint8_t)nearest;
    *group = other;
    return (uint8_t)next;
}

static void fit_block(const struct indexes *indexes, const float *values, const float *weights, uint32_t size, uint32_t shared,
                      struct tl_iq1_fit *ret_fit)
{
    struct group groups[TL_IQ1_ELEMS / 16];
    float flushed[TL_IQ1_ELEMS], scales[TL_IQ1_ELEMS / 16];
    uint32_t count = TL_IQ1_ELEMS / size;
    uint8_t half[2];
    tl_fit_flush_all(values, TL_IQ1_ELEMS, flushed);
    for (uint32_t g = 0; g < count; g++) {
        groups[g] = (struct group){.values = flushed + g * size, .weights = weights + g * size, .n = size, .shared = shared};
        for (uint32_t run = 0; run < size / 8; run++)
            groups[g].points[run] = TL_GRID_NO_POINT;
        scales[g] = scale_of(indexes, &groups[g]);
    }
    ret_fit->d = tl_half_store(half, tl_fit_magnitude(scales, count) / (2 * TL_IQ1_STEPS - 1));
    for (uint32_t g = 0; g < count; g++) {
        ret_fit->steps[g] = step_of(indexes, &groups[g], ret_fit->d, scales[g]);
        memcpy(ret_fit->points + g * size / 8, groups[g].points, size / 8 * sizeof(uint16_t));
        memcpy(ret_fit->minus + g * size / 8, groups[g].minus, size / 8);
    }
}

void tl_iq1_blocks_fit(const float *values, const float *weights, size_t n_elems, uint32_t group, uint32_t shared,
                       void (*put)(const struct tl_iq1_fit *fit, uint8_t *block), uint32_t block_bytes, void *ret_bytes)
{
    uint8_t *block = ret_bytes;
    struct indexes indexes;
    struct tl_iq1_fit found;
    tl_grid_index(&plus, &indexes.plus);
    tl_grid_index(&minus, &indexes.minus);
    for (size_t at = 0; at < n_elems; at += TL_IQ1_ELEMS, block += block_bytes) {
        fit_block(&indexes, values + at, tl_fit_weights(weights, at), group, shared, &found);
        put(&found, block);
    }
}

void tl_iq1_codes(uint32_t point, uint32_t is_minus, uint8_t *ret_codes)
{
    uint8_t at[TL_GRID_DIMS];
    tl_grid_point(&plus, point, at);
    for (uint32_t i = 0; i < 8; i++)
        ret_codes[i] = (uint8_t)(8 * at[i] + (is_minus ? 0 : 2));
}
