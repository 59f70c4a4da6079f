/* SPDX-License-Identifier: MIT */
/* Fits blocks of magnitudes and signs: each group's own best scale first, from these the block's d, then for each group the
 * step next to its scale that costs least. */
#include "number/grid_block.h"

#include "number/fit.h"
#include "number/half.h"

enum { STEPS = 16 };

/* The step of a group at this d: the nearest to its own best scale, or the next one on that scale's side. The points of that scale
 * come in, those of the step are left there. */
static uint8_t fit_step(const struct tl_grid_block *how, const struct tl_grid_index *index, const float *sizes, const float *weights, float d,
                        float scale, uint16_t *points)
{
    const struct tl_grid *grid = how->grid;
    float unit = d * how->unit;
    int32_t nearest = tl_fit_round(scale * tl_fit_inverse(unit) - how->first, 0, STEPS - 1);
    int32_t next = scale > unit * ((float)nearest + how->first) ? nearest + 1 : nearest - 1;
    uint16_t others[TL_GRID_GROUP_RUNS];
    uint32_t bytes = how->group / grid->dims * (uint32_t)sizeof(*others);
    float cost = tl_grid_nearest(grid, index, sizes, weights, how->group, unit * ((float)nearest + how->first), points);
    memcpy(others, points, bytes);
    if (next < 0 || next >= STEPS
        || !(tl_grid_nearest(grid, index, sizes, weights, how->group, unit * ((float)next + how->first), others) < cost))
        return (uint8_t)nearest;
    memcpy(points, others, bytes);
    return (uint8_t)next;
}

static void fit_block(const struct tl_grid_block *how, const struct tl_grid_index *index, const float *values, const float *weights,
                       struct tl_grid_fit *ret_fit)
{
    float sizes[TL_GRID_ELEMS], scales[TL_GRID_GROUPS];
    uint32_t groups = TL_GRID_ELEMS / how->group;
    *ret_fit = (struct tl_grid_fit){0};
    tl_grid_split(values, weights, TL_GRID_ELEMS, how->even, sizes, ret_fit->signs);
    for (uint32_t g = 0; g < groups; g++)
        scales[g] = tl_grid_scale(how->grid, index, sizes + g * how->group, weights + g * how->group, how->group,
                                  ret_fit->points + g * how->group / how->grid->dims);
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
