/* SPDX-License-Identifier: MIT */
/* Nearest points and scales of grids. A point's error is a sum over its coordinates, so what each pattern of half of them
 * costs is added up once for a run of values. Points come in runs of equal second halves: a run is looked at where what its
 * half costs, and what the other half costs at least, is less than the best so far. */
#include "number/grid.h"

#include <float.h>
#include <math.h>

#include "number/fit.h"
#include "number/lanes.h"

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
    memset(ret_index->run, 0, sizeof(ret_index->run));
    for (uint32_t p = 0; p < grid->count; p++) {
        uint16_t pattern = (uint16_t)(grid->points[p] >> shift);
        ret_index->half[p] = (uint8_t)(grid->points[p] & ((1u << shift) - 1));
        if (n == 0 || ret_index->pattern[n - 1] != pattern) {
            ret_index->pattern[n] = pattern;
            ret_index->run[pattern] = (uint8_t)n;
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
    for (uint32_t i = 0; i < TL_LANES - 5; i++) {
        tl_lanes both = low + high[i];
        if (i % 4 < 3)                                       /* a fourth level there is not */
            memcpy(ret_costs + TL_LANES * i, &both, sizeof(both));
    }
    return tl_lanes_least(low) + tl_lanes_least(high);
}

/* The least cost of the first halves of points from..to. Four at a time: what is least needs to wait for fewer others. */
__attribute__((always_inline)) static inline float least_half(const uint8_t *halves, uint32_t from, uint32_t to, const float *costs)
{
    float least[4] = {FLT_MAX, FLT_MAX, FLT_MAX, FLT_MAX};
    for (; from + 4 <= to; from += 4)
        for (uint32_t i = 0; i < 4; i++)
            least[i] = costs[halves[from + i]] < least[i] ? costs[halves[from + i]] : least[i];
    for (; from < to; from++)
        least[0] = costs[halves[from]] < least[0] ? costs[halves[from]] : least[0];
    least[0] = least[1] < least[0] ? least[1] : least[0];
    least[2] = least[3] < least[2] ? least[3] : least[2];
    return least[2] < least[0] ? least[2] : least[0];
}

/* The run of points whose second half has the levels nearest to the values. */
static uint32_t guess_run(const struct tl_grid *grid, const struct tl_grid_index *index, const float *values, float scale)
{
    uint32_t pattern = 0;
    for (uint32_t i = 0; i < grid->dims / 2; i++)
        for (uint32_t l = 1; l < grid->n_levels; l++)
            pattern += (uint32_t)(values[i] > scale * 0.5f * (grid->levels[l - 1] + grid->levels[l])) << grid->bits * i;
    return index->run[pattern];
}

TL_WIDE static float nearest(const struct tl_grid *grid, const struct tl_grid_index *index, const float *values, const float *weights,
                             float scale, uint16_t *point)
{
    float first[TL_GRID_PATTERNS], second[TL_GRID_PATTERNS], least;
    uint32_t half = grid->dims / 2, best = index->n_runs;
    float at_least = pattern_costs(grid, index, values, weights, scale, first);
    pattern_costs(grid, index, values + half, weights + half, scale, second);
    if (*point == TL_GRID_NO_POINT) {
        best = guess_run(grid, index, values + half, scale);
        least = second[index->pattern[best]] + least_half(index->half, index->first[best], index->first[best + 1], first);
    } else {
        least = first[index->half[*point]] + second[grid->points[*point] >> half * grid->bits];
    }
    for (uint32_t run = 0; run < index->n_runs; run++) {
        float base = second[index->pattern[run]];
        if (!(base + at_least < least))
            continue;
        float cost = base + least_half(index->half, index->first[run], index->first[run + 1], first);
        best = cost < least ? run : best;
        least = cost < least ? cost : least;
    }
    if (best < index->n_runs) {
        uint32_t p = index->first[best], last = index->first[best + 1] - 1u;
        while (p < last && second[index->pattern[best]] + first[index->half[p]] > least)
            p++;
        *point = (uint16_t)p;
    }
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

void tl_grid_sums(const struct tl_grid *grid, const float *values, const float *weights, uint32_t n, const uint16_t *points,
                  float *with_levels, float *of_levels)
{
    uint8_t at[TL_GRID_DIMS];
    for (uint32_t i = 0; i < n; i++) {
        if (i % grid->dims == 0)
            tl_grid_point(grid, points[i / grid->dims], at);
        float level = grid->levels[at[i % grid->dims]];
        *with_levels += weights[i] * values[i] * level;
        *of_levels += weights[i] * level * level;
    }
}

/* --- scales ----------------------------------------------------------------------------------------------------------- */

enum { TRIALS = 16 };

/* Of smaller values no f16 scale comes, and squares of their levels might be subnormal. */
#define SMALLEST 0x1p-50f

/* What values cost at a scale, less their own squares, where every coordinate has the level that is nearest, point or not. */
TL_WIDE static float cost_of_levels(const struct tl_grid *grid, const float *values, const float *weights, uint32_t n, float scale)
{
    float level = scale * grid->levels[0];
    tl_lanes sum = {0};
    for (uint32_t at = 0; at < n; at += TL_LANES) {
        tl_lanes x = tl_lanes_load(values + at), found = tl_lanes_of(level);
        for (uint32_t l = 1; l < grid->n_levels; l++) {
            float below = scale * grid->levels[l - 1], above = scale * grid->levels[l];
            found = tl_lanes_select(x > 0.5f * (below + above), tl_lanes_of(above), found);
        }
        sum += found * (found - 2 * x) * tl_lanes_load(weights + at);
    }
    return tl_lanes_fold(sum);
}

void tl_grid_starts(const struct tl_grid *grid, const float *values, const float *weights, uint32_t n,
                    struct tl_grid_start ret_starts[TL_GRID_STARTS])
{
    float top = grid->levels[grid->n_levels - 1], most = tl_fit_magnitude(values, n);
    for (uint32_t i = 0; i < TL_GRID_STARTS; i++)
        ret_starts[i] = (struct tl_grid_start){0, FLT_MAX};
    for (uint32_t trial = 0; trial < TRIALS && most >= SMALLEST && most <= FLT_MAX; trial++) {
        struct tl_grid_start start = {.scale = most / (top * (0.5f + 2 * (float)trial / (TRIALS - 1)))};
        start.cost = cost_of_levels(grid, values, weights, n, start.scale);
        for (uint32_t i = 0; i < TL_GRID_STARTS; i++)
            if (start.cost < ret_starts[i].cost) {
                struct tl_grid_start other = ret_starts[i];
                ret_starts[i] = start;
                start = other;
            }
    }
}

float tl_grid_scale(const struct tl_grid *grid, const struct tl_grid_index *index, const float *values, const float *weights, uint32_t n,
                    uint16_t *ret_points)
{
    uint16_t points[TL_GRID_GROUP_RUNS];
    uint32_t bytes = n / grid->dims * (uint32_t)sizeof(*points);
    struct tl_grid_start starts[TL_GRID_STARTS];
    float best = 0, least = 0, with = 0, of = 0;
    tl_grid_starts(grid, values, weights, n, starts);
    for (uint32_t i = 0; i < TL_GRID_GROUP_RUNS; i++)
        points[i] = TL_GRID_NO_POINT;
    memset(ret_points, 0, bytes);
    for (uint32_t i = 0; i < TL_GRID_STARTS && starts[i].scale > 0; i++) {
        float cost = tl_grid_nearest(grid, index, values, weights, n, starts[i].scale, points);
        if (cost < least) {
            least = cost;
            best = starts[i].scale;
            memcpy(ret_points, points, bytes);
        }
    }
    tl_grid_sums(grid, values, weights, n, ret_points, &with, &of);
    if (!(best > 0 && with > 0 && of > 0))
        return best;
    return tl_grid_nearest(grid, index, values, weights, n, with / of, ret_points) < least ? with / of : best;
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
