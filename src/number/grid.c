/* SPDX-License-Identifier: MIT */
/* Nearest points and scales of grids. A point's error is a sum over its coordinates, so what each pattern of half of them
 * costs is added up once for a run of values. Points come in runs of equal second halves: a run is looked at where what its
 * half costs, and what the other half costs at least, is less than the best so far. */
#include "number/grid.h"

#include <float.h>
#include <math.h>

#include "number/fit.h"
#include "number/lanes.h"

enum { STARTS = 5, ROUNDS = 1 };

/* Sixteen patterns at a time. Of two bits a coordinate four bits are two coordinates: places 0 and 1. Of three they are one
 * and the lowest bit of the next, which comes with its other bits as 0, 1, 2, 3: places 0 and 1 .. 4. */
static void index_places(const struct tl_grid *grid, struct tl_grid_index *index)
{
    uint32_t mask = (1u << grid->bits) - 1;
    for (uint32_t lane = 0; lane < TL_LANES; lane++) {
        float levels[TL_GRID_LEVELS];
        for (uint32_t l = 0; l < TL_GRID_LEVELS; l++)
            levels[l] = grid->levels[l < grid->n_levels ? l : 0];     /* what is no level costs no less than one */
        index->places[0][lane] = levels[lane & mask];
        for (uint32_t rest = 0; rest < 4; rest++)
            index->places[1 + rest][lane] = levels[lane >> grid->bits | (grid->bits == 3 ? rest << 1 : 0)];
    }
}

void tl_grid_index(const struct tl_grid *grid, struct tl_grid_index *ret_index)
{
    uint32_t shift = grid->dims / 2 * grid->bits, n = 0;
    for (uint32_t p = 0; p < grid->count; p++) {
        uint16_t pattern = (uint16_t)(grid->points[p] >> shift);
        if (n == 0 || ret_index->pattern[n - 1] != pattern) {
            ret_index->pattern[n] = pattern;
            ret_index->first[n++] = (uint16_t)p;
        }
    }
    ret_index->first[n] = (uint16_t)grid->count;
    ret_index->n_runs = n;
    index_places(grid, ret_index);
}

/* What the levels of a place cost, less the value's own square. */
#define place_costs(levels, scale, value, weight)                                                                      \
    ({                                                                                                                 \
        tl_lanes level_ = tl_lanes_load(levels) * (scale);                                                             \
        level_ * (level_ - 2 * (value)) * (weight);                                                                    \
    })

/* What every pattern of a half costs. Returns the least. */
__attribute__((always_inline)) static inline float pattern_costs(const struct tl_grid *grid, const struct tl_grid_index *index,
                                                                const float *values, const float *weights, float scale, float *ret_costs)
{
    tl_lanes low = place_costs(index->places[0], scale, values[0], weights[0]), least, high;
    if (grid->bits == 3) {
        least = tl_lanes_of(FLT_MAX);
        for (uint32_t rest = 0; rest < 4; rest++) {
            high = low + place_costs(index->places[1 + rest], scale, values[1], weights[1]);
            memcpy(ret_costs + TL_LANES * rest, &high, sizeof(high));
            least = tl_lanes_select(high < least, high, least);
        }
        return tl_lanes_least(least);
    }
    low += place_costs(index->places[1], scale, values[1], weights[1]);
    high = place_costs(index->places[0], scale, values[2], weights[2]) + place_costs(index->places[1], scale, values[3], weights[3]);
    for (uint32_t i = 0; i < TL_LANES; i++) {
        tl_lanes both = low + high[i];
        memcpy(ret_costs + TL_LANES * i, &both, sizeof(both));
    }
    return tl_lanes_least(low) + tl_lanes_least(high);
}

TL_WIDE static float nearest(const struct tl_grid *grid, const struct tl_grid_index *index, const float *values, const float *weights,
                             float scale, uint16_t *point)
{
    float first[TL_GRID_PATTERNS], second[TL_GRID_PATTERNS];
    uint32_t half = grid->dims / 2, shift = half * grid->bits, mask = (1u << shift) - 1, best = *point;
    float at_least = pattern_costs(grid, index, values, weights, scale, first);
    pattern_costs(grid, index, values + half, weights + half, scale, second);
    float least = first[grid->points[best] & mask] + second[grid->points[best] >> shift];
    for (uint32_t run = 0; run < index->n_runs; run++) {
        float base = second[index->pattern[run]];
        if (!(base + at_least < least))
            continue;
        for (uint32_t p = index->first[run]; p < index->first[run + 1]; p++) {
            float cost = base + first[grid->points[p] & mask];
            best = cost < least ? p : best;
            least = cost < least ? cost : least;
        }
    }
    *point = (uint16_t)best;
    return least;
}

float tl_grid_nearest(const struct tl_grid *grid, const struct tl_grid_index *index, const float *values, const float *weights, uint32_t n,
                      float scale, uint16_t *points)
{
    float sum = 0;
    for (uint32_t at = 0; at < n; at += grid->dims)
        sum += nearest(grid, index, values + at, weights + at, scale, points++);
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

float tl_grid_scale(const struct tl_grid *grid, const struct tl_grid_index *index, const float *values, const float *weights, uint32_t n)
{
    uint16_t points[8] = {0};            /* of a group of 32 at most */
    float top = grid->levels[grid->n_levels - 1], best = 0, least = 0, most = 0;
    for (uint32_t i = 0; i < n; i++)
        most = fabsf(values[i]) > most ? fabsf(values[i]) : most;
    most = tl_fit_flush(most);
    for (uint32_t start = 0; start < STARTS && most > 0 && most <= FLT_MAX; start++) {
        float scale = most / (top * (0.55f + 0.14f * (float)start));
        for (uint32_t round = 0; round <= ROUNDS && scale > 0; round++) {
            float cost = tl_grid_nearest(grid, index, values, weights, n, scale, points);
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
