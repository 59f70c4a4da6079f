/* SPDX-License-Identifier: MIT */
/* iq3_xxs: 256 magnitudes in runs of 4, points of a grid of 256, in groups of 32 whose scale is d / 2 * (step + 1/2). Block: d [2],
 * numbers of the points [64], a word [4] for each group: signs of each 8 in 7 bits, the step in the upper 4. */
#include <string.h>

#include "number/formats.h"
#include "number/grid_block.h"
#include "number/half.h"

enum { ELEMS = 256, BYTES = 98, GROUP = 32, GROUPS = ELEMS / GROUP, RUNS = ELEMS / 4, OFFSET = 62, WORDS = 66 };

static const struct tl_grid grid = {.points = tl_grid_iq3_xxs, .count = 256, .dims = 4, .bits = 3, .n_levels = 8, .levels = {4, 12, 20, 28, 36, 44, 52, 62}};
static const struct tl_grid_block layout = {.grid = &grid, .group = GROUP, .unit = 0.5f, .first = 0.5f, .even = 1};

static void unpack(const void *stored, uint8_t *ret_codes, float *ret_scale, float *ret_min)
{
    const uint8_t *block = stored;
    float d = tl_half_load(block);
    (void)ret_min;
    for (uint32_t g = 0; g < GROUPS; g++) {
        uint32_t word;
        memcpy(&word, block + WORDS + 4 * g, 4);
        ret_scale[g] = d * (0.5f + (float)(word >> 28)) * 0.5f;
        for (uint32_t run = 0; run < 8; run++) {
            uint32_t signs = tl_grid_signs(word >> 7 * (run / 2) & 127u);
            tl_grid_codes(&grid, block[2 + 8 * g + run], signs >> (run % 2 * 4), OFFSET, ret_codes + GROUP * g + 4 * run);
        }
    }
}

static void put(const struct tl_grid_fit *found, uint8_t *block)
{
    memcpy(block, found->d, 2);
    for (uint32_t run = 0; run < RUNS; run++)
        block[2 + run] = (uint8_t)found->points[run];
    for (uint32_t g = 0; g < GROUPS; g++) {
        uint32_t word = (uint32_t)found->steps[g] << 28;
        for (uint32_t i = 0; i < 4; i++)
            word |= (uint32_t)(found->signs[4 * g + i] & 127) << 7 * i;
        memcpy(block + WORDS + 4 * g, &word, 4);
    }
}

static void fit(const float *values, const float *weights, size_t n_elems, void *ret_bytes)
{
    tl_grid_blocks_fit(&layout, values, weights, n_elems, put, BYTES, ret_bytes);
}

static void encode(const float *values, size_t n_elems, void *ret_bytes) { fit(values, NULL, n_elems, ret_bytes); }

const struct tl_number tl_number_iq3_xxs = {
    .id = TL_NUMBER_IQ3_XXS, .name = "iq3_xxs", .gguf_type = 18,
    .block_elems = ELEMS, .block_bytes = BYTES, .group = GROUP, .offset = OFFSET, .panel_elems = ELEMS,
    .fields = {{2, 2}, {96, 4}},
    .unpack = unpack, .encode = encode, .fit = fit,
};
