/* SPDX-License-Identifier: MIT */
/* iq3_s: 256 magnitudes in runs of 4, points of a grid of 512, in groups of 32 whose scale is d * (2 step + 1). Block: d [2], lower
 * eight bits of the points' numbers [64], ninth bits [8] (a group a byte), signs [32], steps [4] (two groups a byte). */
#include <string.h>

#include "number/formats.h"
#include "number/grid_block.h"
#include "number/half.h"

enum { ELEMS = 256, BYTES = 110, GROUP = 32, GROUPS = ELEMS / GROUP, RUNS = ELEMS / 4, OFFSET = 15, NINTH = 66, SIGNS = 74, STEPS = 106 };

static const struct tl_grid grid = {.points = tl_grid_iq3_s, .count = 512, .dims = 4, .bits = 3, .n_levels = 8, .levels = {1, 3, 5, 7, 9, 11, 13, 15}};
static const struct tl_grid_block layout = {.grid = &grid, .group = GROUP, .unit = 2, .first = 0.5f};

static void unpack(const void *stored, uint8_t *ret_codes, float *ret_scale, float *ret_min)
{
    const uint8_t *block = stored;
    float d = tl_half_load(block);
    (void)ret_min;
    for (uint32_t g = 0; g < GROUPS; g++)
        ret_scale[g] = d * (float)(1 + 2 * (tl_grid_step(block + STEPS, g)));
    for (uint32_t run = 0; run < RUNS; run++) {
        uint32_t point = block[2 + run] | (block[NINTH + run / 8] >> (run % 8) & 1u) << 8;
        tl_grid_codes(&grid, point, block[SIGNS + run / 2] >> (run % 2 * 4), OFFSET, ret_codes + 4 * run);
    }
}

static void put(const struct tl_grid_fit *found, uint8_t *block)
{
    memset(block, 0, BYTES);
    memcpy(block, found->d, 2);
    memcpy(block + SIGNS, found->signs, ELEMS / 8);
    for (uint32_t run = 0; run < RUNS; run++) {
        block[2 + run] = (uint8_t)found->points[run];
        block[NINTH + run / 8] |= (uint8_t)(found->points[run] >> 8 << (run % 8));
    }
    tl_grid_put_steps(found, GROUPS, block + STEPS);
}

static void fit(const float *values, const float *weights, size_t n_elems, void *ret_bytes)
{
    tl_grid_blocks_fit(&layout, values, weights, n_elems, put, BYTES, ret_bytes);
}

static void encode(const float *values, size_t n_elems, void *ret_bytes) { fit(values, NULL, n_elems, ret_bytes); }

const struct tl_number tl_number_iq3_s = {
    .id = TL_NUMBER_IQ3_S, .name = "iq3_s", .gguf_type = 21,
    .block_elems = ELEMS, .block_bytes = BYTES, .group = GROUP, .offset = OFFSET, .panel_elems = ELEMS,
    .fields = {{2, 2}, {108, 4}},
    .unpack = unpack, .encode = encode, .fit = fit,
};
