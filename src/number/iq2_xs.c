/* SPDX-License-Identifier: MIT */
/* iq2_xs: 256 magnitudes in runs of 8, points of a grid of 512, in groups of 16 whose scale is d / 4 * (step + 1/2). Block: d [2],
 * for each run a word [2] of the point's number (9 bits) and the signs (7 bits), steps [8] (two groups a byte, the first low). */
#include <string.h>

#include "number/formats.h"
#include "number/grid_block.h"
#include "number/half.h"

enum { ELEMS = 256, BYTES = 74, GROUP = 16, GROUPS = ELEMS / GROUP, OFFSET = 43, STEPS = 66 };

static const struct tl_grid grid = {.points = tl_grid_iq2_xs, .count = 512, .dims = 8, .bits = 2, .n_levels = 3, .levels = {8, 25, 43}};
static const struct tl_grid_block layout = {.grid = &grid, .group = GROUP, .unit = 0.25f, .first = 0.5f, .even = 1};

static void unpack(const void *stored, uint8_t *ret_codes, float *ret_scale, float *ret_min)
{
    const uint8_t *block = stored;
    float d = tl_half_load(block);
    (void)ret_min;
    for (uint32_t g = 0; g < GROUPS; g++)
        ret_scale[g] = d * (0.5f + (float)tl_grid_step(block + STEPS, g)) * 0.25f;
    for (uint32_t run = 0; run < ELEMS / 8; run++) {
        uint32_t word = block[2 + 2 * run] | (uint32_t)block[3 + 2 * run] << 8;
        tl_grid_codes(&grid, word & 511, tl_grid_signs(word >> 9), OFFSET, ret_codes + 8 * run);
    }
}

static void put(const struct tl_grid_fit *found, uint8_t *block)
{
    memset(block, 0, BYTES);
    memcpy(block, found->d, 2);
    for (uint32_t run = 0; run < ELEMS / 8; run++) {
        uint32_t word = found->points[run] | (uint32_t)(found->signs[run] & 127) << 9;
        block[2 + 2 * run] = (uint8_t)word;
        block[3 + 2 * run] = (uint8_t)(word >> 8);
    }
    tl_grid_put_steps(found, GROUPS, block + STEPS);
}

static void fit(const float *values, const float *weights, size_t n_elems, void *ret_bytes)
{
    tl_grid_blocks_fit(&layout, values, weights, n_elems, put, BYTES, ret_bytes);
}

static void encode(const float *values, size_t n_elems, void *ret_bytes) { fit(values, NULL, n_elems, ret_bytes); }

const struct tl_number tl_number_iq2_xs = {
    .id = TL_NUMBER_IQ2_XS, .name = "iq2_xs", .gguf_type = 17,
    .block_elems = ELEMS, .block_bytes = BYTES, .group = GROUP, .offset = OFFSET, .panel_elems = ELEMS,
    .fields = {{2, 2}, {72, 4}},
    .unpack = unpack, .encode = encode, .fit = fit,
};
