/* SPDX-License-Identifier: MIT */
/* iq2_s: 256 magnitudes in runs of 8, points of a grid of 1024, in groups of 16 whose scale is d / 4 * (step + 1/2). Block: d [2],
 * lower eight bits of the points' numbers [32], signs [32], upper two bits [8] (four runs a byte), steps [8] (two a byte). */
#include <string.h>

#include "number/formats.h"
#include "number/grid_block.h"
#include "number/half.h"

enum { ELEMS = 256, BYTES = 82, GROUP = 16, GROUPS = ELEMS / GROUP, RUNS = ELEMS / 8, OFFSET = 43, SIGNS = 34, UPPER = 66, STEPS = 74 };

static const struct tl_grid grid = {.points = tl_grid_iq2_s, .count = 1024, .dims = 8, .bits = 2, .n_levels = 3, .levels = {8, 25, 43}};
static const struct tl_grid_block layout = {.grid = &grid, .group = GROUP, .unit = 0.25f, .first = 0.5f};

static void unpack(const void *stored, uint8_t *ret_codes, float *ret_scale, float *ret_min)
{
    const uint8_t *block = stored;
    float d = tl_half_load(block);
    (void)ret_min;
    for (uint32_t g = 0; g < GROUPS; g++)
        ret_scale[g] = d * (0.5f + (float)tl_grid_step(block + STEPS, g)) * 0.25f;
    for (uint32_t run = 0; run < RUNS; run++) {
        uint32_t point = block[2 + run] | (block[UPPER + run / 4] >> (run % 4 * 2) & 3u) << 8;
        tl_grid_codes(&grid, point, block[SIGNS + run], OFFSET, ret_codes + 8 * run);
    }
}

static void put(const struct tl_grid_fit *found, uint8_t *block)
{
    memset(block, 0, BYTES);
    memcpy(block, found->d, 2);
    memcpy(block + SIGNS, found->signs, RUNS);
    for (uint32_t run = 0; run < RUNS; run++) {
        block[2 + run] = (uint8_t)found->points[run];
        block[UPPER + run / 4] |= (uint8_t)(found->points[run] >> 8 << (run % 4 * 2));
    }
    tl_grid_put_steps(found, GROUPS, block + STEPS);
}

static void fit(const float *values, const float *weights, size_t n_elems, void *ret_bytes)
{
    tl_grid_blocks_fit(&layout, values, weights, n_elems, put, BYTES, ret_bytes);
}

static void encode(const float *values, size_t n_elems, void *ret_bytes) { fit(values, NULL, n_elems, ret_bytes); }

const struct tl_number tl_number_iq2_s = {
    .id = TL_NUMBER_IQ2_S, .name = "iq2_s", .gguf_type = 22,
    .block_elems = ELEMS, .block_bytes = BYTES, .group = GROUP, .offset = OFFSET, .panel_elems = ELEMS,
    .fields = {{2, 2}, {80, 4}},
    .unpack = unpack, .encode = encode, .fit = fit,
};
