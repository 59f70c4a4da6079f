/* SPDX-License-Identifier: MIT */
/* iq2_xxs: 256 magnitudes in runs of 8, points of a grid of 256, in groups of 32 whose scale is d / 4 * (step + 1/2). Block: d [2],
 * then for each group the numbers of four points [4] and a word [4]: signs of each run in 7 bits, the step in the upper 4. */
#include <string.h>

#include "number/formats.h"
#include "number/grid_block.h"
#include "number/half.h"

enum { ELEMS = 256, BYTES = 66, GROUP = 32, GROUPS = ELEMS / GROUP, OFFSET = 43 };

static const struct tl_grid grid = {.points = tl_grid_iq2_xxs, .count = 256, .dims = 8, .bits = 2, .n_levels = 3, .levels = {8, 25, 43}};
static const struct tl_grid_block layout = {.grid = &grid, .group = GROUP, .unit = 0.25f, .first = 0.5f, .even = 1};

static void unpack(const void *stored, uint8_t *ret_codes, float *ret_scale, float *ret_min)
{
    const uint8_t *block = stored, *points = block + 2;
    float d = tl_half_load(block);
    (void)ret_min;
    for (uint32_t g = 0; g < GROUPS; g++, points += 8) {
        uint32_t word;
        memcpy(&word, points + 4, 4);
        ret_scale[g] = d * (0.5f + (float)(word >> 28)) * 0.25f;
        for (uint32_t run = 0; run < 4; run++)
            tl_grid_codes(&grid, points[run], tl_grid_signs(word >> 7 * run & 127), OFFSET, ret_codes + GROUP * g + 8 * run);
    }
}

static void put(const struct tl_grid_fit *found, uint8_t *block)
{
    memcpy(block, found->d, 2);
    for (uint32_t g = 0; g < GROUPS; g++) {
        uint32_t word = (uint32_t)found->steps[g] << 28;
        for (uint32_t run = 0; run < 4; run++) {
            block[2 + 8 * g + run] = (uint8_t)found->points[4 * g + run];
            word |= (uint32_t)(found->signs[4 * g + run] & 127) << 7 * run;
        }
        memcpy(block + 6 + 8 * g, &word, 4);
    }
}

static void fit(const float *values, const float *weights, size_t n_elems, void *ret_bytes)
{
    tl_grid_blocks_fit(&layout, values, weights, n_elems, put, BYTES, ret_bytes);
}

static void encode(const float *values, size_t n_elems, void *ret_bytes) { fit(values, NULL, n_elems, ret_bytes); }

const struct tl_number tl_number_iq2_xxs = {
    .id = TL_NUMBER_IQ2_XXS, .name = "iq2_xxs", .gguf_type = 16,
    .block_elems = ELEMS, .block_bytes = BYTES, .group = GROUP, .offset = OFFSET, .panel_elems = ELEMS,
    .fields = {{2, 2}, {64, 4}},
    .unpack = unpack, .encode = encode, .fit = fit,
};
