/* SPDX-License-Identifier: MIT */
/* Private to this room: blocks of 256 whose groups have a scale of a few steps and points of a grid (grid.h) with signs. */
#ifndef TL_NUMBER_GRID_BLOCK_H
#define TL_NUMBER_GRID_BLOCK_H

#include <stddef.h>
#include <string.h>

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

/* A format's fit: a block after the other, written by `put`; the weighted sum of squared errors is made small. weights may be NULL. */
void tl_grid_blocks_fit(const struct tl_grid_block *how, const float *values, const float *weights, size_t n_elems,
                        void (*put)(const struct tl_grid_fit *fit, uint8_t *block), uint32_t block_bytes, void *ret_bytes);

/* Steps of 4 bits, two groups a byte, the first low. */
static inline uint32_t tl_grid_step(const uint8_t *bytes, uint32_t group) { return bytes[group / 2] >> (group % 2 * 4) & 15u; }
static inline void tl_grid_put_steps(const struct tl_grid_fit *fit, uint32_t n_groups, uint8_t *ret_bytes)
{
    for (uint32_t g = 0; g < n_groups; g += 2)
        ret_bytes[g / 2] = (uint8_t)(fit->steps[g] | fit->steps[g + 1] << 4);
}

/* Codes with an offset for a run of points with their signs. Coordinates become bytes, these levels, and signs turn some of them: eight lanes of bytes in one word, none of which runs over.
 * Levels are evenly spaced but for the last, which may be a little larger. */
static inline void tl_grid_codes(const struct tl_grid *grid, uint32_t point, uint32_t signs, uint32_t offset, uint8_t *ret_codes)
{
    const uint64_t ones = UINT64_C(0x0101010101010101);
    uint32_t first = (uint32_t)grid->levels[0], step = (uint32_t)grid->levels[1] - first, last = grid->n_levels - 1;
    uint32_t more = (uint32_t)grid->levels[last] - first - last * step;
    uint64_t at = grid->points[point], is_last;
    if (grid->bits == 2) {
        at = (at | at << 24) & UINT64_C(0x000000ff000000ff);
        at = (at | at << 12) & UINT64_C(0x000f000f000f000f);
        at = (at | at << 6) & UINT64_C(0x0303030303030303);
        is_last = at >> 1 & ones;            /* of three levels */
    } else {
        at = (at | at << 10) & 0x003f003f;
        at = (at | at << 5) & 0x07070707;
        is_last = at & at >> 1 & at >> 2 & ones;         /* of eight */
    }
    uint64_t level = ones * first + at * step + is_last * more;
    uint64_t bits = (signs & 255) * ones & UINT64_C(0x8040201008040201), negative = ((bits + ones * 127) >> 7 | bits >> 7) & ones;
    uint64_t turned = negative * 255, codes = ((ones * offset + (level & ~turned)) - (level & turned));
    memcpy(ret_codes, &codes, grid->dims);
}

#endif
