/* SPDX-License-Identifier: MIT */
/* Fits blocks of magnitudes and signs: each group's own best scale first, from these the block's d, then for each group the
 * step next to its scale that costs least. */
#include "number/grid_block.h"

#include <float.h>

#include "number/fit.h"
#include "number/half.h"

enum { STEPS = 16 };

/* The step of a group at this d, among those around its own best scale; its points are left in ret_points. */
static uint8_t fit_step(const struct tl_grid_block *how, const struct tl_grid_index *index, const float *sizes, const float *weights, float d,
                        float scale, uint16_t *ret_points)
{
    const struct tl_grid *grid = how->grid;
    uint16_t points[8] = {0};
    int32_t middle = tl_fit_round(scale * tl_fit_inverse(d * how->unit) - how->first, 0, STEPS - 1), best = middle;
    float least = FLT_MAX;
    for (int32_t step = middle > 0 ? middle - 1 : 0; step <= middle + 1 && step < STEPS; step++) {
        float cost = tl_grid_nearest(grid, index, sizes, weights, how->group, d * how->unit * ((float)step + how->first), points);
        if (cost < least) {
            least = cost;
            best = step;
            for (uint32_t i = 0; i < how->group / grid->dims; i++)
                ret_points[i] = points[i];
        }
    }
    return (uint8_t)best;
}

static void fit_block(const struct tl_grid_block *how, const struct tl_grid_index *index, const float *values, const float *weights,
                       struct tl_grid_fit *ret_fit)
{
    float sizes[TL_GRID_ELEMS], scales[TL_GRID_GROUPS];
    uint32_t groups = TL_GRID_ELEMS / how->group;
    *ret_fit = (struct tl_grid_fit){0};
    tl_grid_split(values, weights, TL_GRID_ELEMS, how->even, sizes, ret_fit->signs);
    for (uint32_t g = 0; g < groups; g++)
        scales[g] = tl_grid_scale(how->grid, index, sizes + g * how->group, weights + g * how->group, how->group);
    float d = tl_half_store(ret_fit->d, tl_fit_magnitude(scales, groups) / (how->unit * ((float)(STEPS - 1) + how->first)));
    for (uint32_t g = 0; g < groups; g++)
        ret_fit->steps[g] = fit_step(how, index, sizes + g * how->group, weights + g * how->group, d, scales[g],
                                     ret_fit->points + g * how->group / how->grid->dims);
}

void tl_grid_blocks_fit(const struct tl_grid_block *how, const float *values, const float *weights, size_t n_elems,
                        void (*put)(const struct tl_grid_fit *fit, uint8_t *block), uint32_t block_bytes, void *ret_bytes)
{
    uint8_t *block = ret_bytes;
    struct tl_grid_index index;
    struct tl_grid_fit found;
    tl_grid_index(how->grid, &index);
    for (size_t at = 0; at < n_elems; at += TL_GRID_ELEMS, block += block_bytes) {
        fit_block(how, &index, values + at, tl_fit_weights(weights, at), &found);
        put(&found, block);
    }
}
