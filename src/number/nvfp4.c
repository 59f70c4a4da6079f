/* SPDX-License-Identifier: MIT */
/* nvfp4: 64 values of E2M1 in groups of 16, each with an unsigned E4M3 scale. Block, as ggml has it: scales [4], nibbles
 * [32]: eight bytes a group, low ones are its elements 0..7. Codes are doubled values and 12 more, scales are halved. The
 * scale of a whole tensor that vendors add is not part of the format. */
#include "number/e4m3.h"
#include "number/fit.h"
#include "number/formats.h"
#include "number/nibbles.h"

enum { ELEMS = 64, BYTES = 36, GROUP = 16, GROUPS = ELEMS / GROUP };

/* ggml reads the pattern of NaN as 0 and leaves the eighth bit out of account. */
static float scale_of(uint8_t stored)
{
    return stored == 0x7f ? 0 : 0.5f * tl_e4m3_size(stored & 0x7f);
}

static void unpack(const void *block, uint8_t *ret_codes, float *ret_scale, float *ret_min)
{
    const uint8_t *bytes = block;
    (void)ret_min;
    for (uint32_t g = 0; g < GROUPS; g++) {
        ret_scale[g] = scale_of(bytes[g]);
        tl_nibbles_look_up(bytes + GROUPS + 8 * g, 8, tl_e2m1_codes, ret_codes + GROUP * g);
    }
}

static void encode(const float *values, size_t n_elems, void *ret_bytes)
{
    uint8_t *block = ret_bytes, nibbles[GROUP];
    for (size_t at = 0; at < n_elems; at += ELEMS, block += BYTES)
        for (uint32_t g = 0; g < GROUPS; g++) {
            const float *x = values + at + GROUP * g;
            block[g] = tl_e4m3_nearest(tl_fit_flush(tl_fit_magnitude(x, GROUP)) / 6) & 0x7f;
            float scale = scale_of(block[g]), inverse = scale > 0 ? 1 / scale : 0;
            for (uint32_t i = 0; i < GROUP; i++)
                nibbles[i] = tl_e2m1_nearest(tl_fit_flush(x[i]) * inverse);
            tl_nibbles_put(nibbles, 8, block + GROUPS + 8 * g);
        }
}

/* From the scale that spans the group to the fourth below it, and the next above: which costs least. */
static uint8_t fit_group(const float *x, const float *weights, uint8_t *ret_nibbles)
{
    int32_t middle = tl_e4m3_nearest(tl_fit_magnitude(x, GROUP) / 6) & 0x7f, best = middle;
    float least = FLT_MAX;
    for (int32_t stored = middle > 4 ? middle - 4 : 0; stored <= middle + 1 && stored < 0x7f; stored++) {
        float cost = tl_e2m1_cost(x, weights, GROUP, scale_of((uint8_t)stored));
        best = cost < least ? stored : best;
        least = cost < least ? cost : least;
    }
    tl_e2m1_nibbles(x, GROUP, scale_of((uint8_t)best), ret_nibbles);
    return (uint8_t)best;
}

static void fit(const float *values, const float *weights, size_t n_elems, void *ret_bytes)
{
    uint8_t *block = ret_bytes, nibbles[GROUP];
    float x[GROUP];
    for (size_t at = 0; at < n_elems; at += ELEMS, block += BYTES)
        for (uint32_t g = 0; g < GROUPS; g++) {
            tl_fit_flush_all(values + at + GROUP * g, GROUP, x);
            block[g] = fit_group(x, tl_fit_weights(weights, at) + GROUP * g, nibbles);
            tl_nibbles_put(nibbles, 8, block + GROUPS + 8 * g);
        }
}

const struct tl_number tl_number_nvfp4 = {
    .id = TL_NUMBER_NVFP4, .name = "nvfp4", .gguf_type = 40,
    .block_elems = ELEMS, .block_bytes = BYTES, .group = GROUP, .offset = TL_E2M1_OFFSET, .panel_elems = ELEMS,
    .fields = {{4, 1}, {32, 4}},
    .unpack = unpack, .encode = encode, .fit = fit,
};
