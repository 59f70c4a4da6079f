/* SPDX-License-Identifier: MIT */
/* Nearest points and scales of grids. A point's error is a sum over its coordinates, so what each pattern of half of them
 * costs is added up once for a run of values, and a point is looked up in two halves. */
#include "number/grid.h"

#include <float.h>
#include <math.h>
#include <string.h>

#include "number/fit.h"

enum { PATTERNS = 256, STARTS = 7, ROUNDS = 2 };

/* What each level costs at each place of a half, less the values' own squares; then every pattern of them. Codes that are no
 * level cost nothing that matters: no point has them. */
static void pattern_costs(const struct tl_grid *grid, const float *values, const float *weights, float scale, float *ret_costs)
{
    uint32_t n_codes = 1u << grid->bits, filled = 1;
    ret_costs[0] = 0;
    for (uint32_t i = 0; i < grid->dims / 2; i++) {
        float cost[TL_GRID_LEVELS] = {0};
        for (uint32_t l = 0; l < grid->n_levels; l++) {
            float level = scale * grid->levels[l];
            cost[l] = weights[i] * level * (level - 2 * values[i]);
        }
        for (uint32_t l = n_codes; l-- > 0;)
            for (uint32_t p = 0; p < filled; p++)
                ret_costs[l * filled + p] = ret_costs[p] + cost[l];
        filled *= n_codes;
    }
}

static float nearest(const struct tl_grid *grid, const float *values, const float *weights, float scale, uint16_t *ret_point)
{
    float first[PATTERNS], second[PATTERNS], least = FLT_MAX;
    uint32_t half = grid->dims / 2, bits = half * grid->bits, mask = (1u << bits) - 1, best = 0;
    pattern_costs(grid, values, weights, scale, first);
    pattern_costs(grid, values + half, weights + half, scale, second);
    for (uint32_t p = 0; p < grid->count; p++) {
        float cost = first[grid->points[p] & mask] + second[grid->points[p] >> bits];
        if (cost < least) {
            least = cost;
            best = p;
        }
    }
    *ret_point = (uint16_t)best;
    return least < FLT_MAX ? least : 0;
}

float tl_grid_nearest(const struct tl_grid *grid, const float *values, const float *weights, uint32_t n, float scale, uint16_t *ret_points)
{
    float sum = 0;
    for (uint32_t at = 0; at < n; at += grid->dims)
        sum += nearest(grid, values + at, weights + at, scale, ret_points++);
    return sum;
}

/* The best scale for these points, by least squares. */
static float solve(const struct tl_grid *grid, const float *values, const float *weights, uint32_t n, const uint16_t *points)
{
    uint8_t at[TL_GRID_DIMS];
    float with = 0, of = 0;
    for (uint32_t i = 0; i < n; i++) {
        if (i % grid->dims == 0)
            tl_grid_point(grid, points[i / grid->dims], at);
        float level = grid->levels[at[i % grid->dims]];
        with += weights[i] * values[i] * level;
        of += weights[i] * level * level;
    }
    return of > 0 && with > 0 ? with / of : 0;
}

float tl_grid_scale(const struct tl_grid *grid, const float *values, const float *weights, uint32_t n)
{
    uint16_t points[8];                  /* of a group of 32 at most */
    float top = grid->levels[grid->n_levels - 1], best = 0, least = 0, most = 0;
    for (uint32_t i = 0; i < n; i++)
        most = fabsf(values[i]) > most ? fabsf(values[i]) : most;
    most = tl_fit_flush(most);
    for (uint32_t start = 0; start < STARTS && most > 0 && most <= FLT_MAX; start++) {
        float scale = most / (top * (0.55f + 0.1f * (float)start));
        for (uint32_t round = 0; round <= ROUNDS && scale > 0; round++) {
            float cost = tl_grid_nearest(grid, values, weights, n, scale, points);
            if (cost < least) {
                least = cost;
                best = scale;
            }
            scale = solve(grid, values, weights, n, points);
        }
    }
    return best;
}

void tl_grid_split(const float *values, const float *weights, uint32_t n, int even, float *ret_sizes, uint8_t *ret_signs)
{
    for (uint32_t at = 0; at < n; at += 8) {
        uint32_t signs = 0, cheapest = 0;
        float least = FLT_MAX;
        for (uint32_t i = 0; i < 8; i++) {
            float x = tl_fit_flush(values[at + i]), cost = weights[at + i] * x * x;
            ret_sizes[at + i] = fabsf(x);
            signs |= (uint32_t)(x < 0) << i;
            if (cost < least) {
                least = cost;
                cheapest = i;
            }
        }
        if (even && __builtin_parity(signs)) {
            signs ^= 1u << cheapest;
            ret_sizes[at + cheapest] = -ret_sizes[at + cheapest];
        }
        ret_signs[at / 8] = (uint8_t)signs;
    }
}
