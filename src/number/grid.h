/* SPDX-License-Identifier: MIT */
/* Grids, private to this room but for their points, which kernels look up. The iq formats store runs of 8 (iq3: 4) magnitudes together as the number of a point of a
 * grid, whose coordinates are levels; signs apart. Points lie where the weights of models lie densest. */
#ifndef TL_NUMBER_GRID_H
#define TL_NUMBER_GRID_H

#include <stdint.h>

extern const uint16_t tl_grid_iq2_xxs[256], tl_grid_iq2_xs[512], tl_grid_iq2_s[1024], tl_grid_iq3_xxs[256], tl_grid_iq3_s[512],
    tl_grid_iq1[2048];

enum { TL_GRID_DIMS = 8, TL_GRID_LEVELS = 8, TL_GRID_PATTERNS = 256, TL_GRID_POINTS = 2048, TL_GRID_GROUP_RUNS = 8 };

struct tl_grid {
    const uint16_t *points;
    uint32_t count, dims, bits;          /* of a coordinate */
    uint32_t n_levels;
    float levels[TL_GRID_LEVELS];        /* ascending */
};

/* Which of the grid's levels the coordinates of a point have. */
static inline void tl_grid_point(const struct tl_grid *grid, uint32_t point, uint8_t *ret_coordinates)
{
    for (uint32_t i = 0; i < grid->dims; i++)
        ret_coordinates[i] = (uint8_t)(grid->points[point] >> (grid->bits * i) & ((1u << grid->bits) - 1));
}

/* What searching takes; made once for many values. Points ascend, so those of equal second halves of coordinates lie together:
 * `pattern` of such a run, and its first point; `run` of a pattern, 0 where there is none. half: first halves of points.
 * places: the levels of coordinates in patterns of four bits (grid.c). */
struct tl_grid_index {
    uint32_t n_runs;
    uint16_t pattern[TL_GRID_PATTERNS], first[TL_GRID_PATTERNS + 1];
    uint8_t run[TL_GRID_PATTERNS], half[TL_GRID_POINTS];
    float places[5][16];
};
void tl_grid_index(const struct tl_grid *grid, struct tl_grid_index *ret_index);

/* The nearest point for n values (a multiple of dims), value ~ scale * level, by the sum of weight * error^2. Returns that
 * sum less that of the values' own squares. points: a guess comes in, the nearer the quicker, or TL_GRID_NO_POINT. */
enum { TL_GRID_NO_POINT = 0xffff };
float tl_grid_nearest(const struct tl_grid *grid, const struct tl_grid_index *index, const float *values, const float *weights, uint32_t n,
                      float scale, uint16_t *points);
/* Adds the sums of weight * value * level and of weight * level^2 over n values at these points: least squares make the best
 * scale of one by the other. */
void tl_grid_sums(const struct tl_grid *grid, const float *values, const float *weights, uint32_t n, const uint16_t *points,
                  float *with_levels, float *of_levels);
/* The scale >= 0 with the least such sum, as far as a few starts and a refinement find it. ret_points: about those it takes. */
float tl_grid_scale(const struct tl_grid *grid, const struct tl_grid_index *index, const float *values, const float *weights, uint32_t n,
                    uint16_t *ret_points);

/* Where to look for scales: at the few where the values, n a multiple of 16, cost least if each coordinate could have any
 * level. The best first; a scale of 0 where there are no more. Costs are less the values' own squares. */
enum { TL_GRID_STARTS = 3 };
struct tl_grid_start { float scale, cost; };
void tl_grid_starts(const struct tl_grid *grid, const float *values, const float *weights, uint32_t n,
                    struct tl_grid_start ret_starts[TL_GRID_STARTS]);

/* Signs of 8 values as 7 bits: the eighth makes the number of negative ones even. */
static inline uint8_t tl_grid_signs(uint32_t seven) { return (uint8_t)(seven | (uint32_t)__builtin_parity(seven) << 7); }

/* Splits n values into magnitudes and signs, a byte for 8. `even`: where an odd number is negative, the one whose sign costs
 * least is turned, its magnitude becoming less than 0. */
void tl_grid_split(const float *values, const float *weights, uint32_t n, int even, float *ret_sizes, uint8_t *ret_signs);

#endif
