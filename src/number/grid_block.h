/* SPDX-License-Identifier: MIT */
/* Private to this room: blocks of 256 whose groups have a scale of a few steps and points of a grid (grid.h) with signs. */
#ifndef TL_NUMBER_GRID_BLOCK_H
#define TL_NUMBER_GRID_BLOCK_H

#include "number/grid.h"

enum { TL_GRID_ELEMS = 256, TL_GRID_GROUPS = 16, TL_GRID_RUNS = 64 };

/* How a format fills a block: groups of `group` values, whose scale is d * unit * (step + first), step 0 .. 15. */
struct tl_grid_block { const struct tl_grid *grid; uint32_t group; float unit, first; int even; };

/* What goes into a block. */
struct tl_grid_fit {
    uint8_t d[2];                        /* f16 */
    uint8_t steps[TL_GRID_GROUPS];
    uint8_t signs[TL_GRID_ELEMS / 8];
    uint16_t points[TL_GRID_RUNS];
};

/* values, weights: [256]; the weighted sum of squared errors is made small. */
void tl_grid_block_fit(const struct tl_grid_block *how, const struct tl_grid_index *index, const float *values, const float *weights, struct tl_grid_fit *ret_fit);

/* Codes with an offset for a run of points with their signs; levels are whole numbers. */
void tl_grid_codes(const struct tl_grid *grid, uint32_t point, uint32_t signs, uint32_t offset, uint8_t *ret_codes);

#endif
