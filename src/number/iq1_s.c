/* SPDX-License-Identifier: MIT */
/* iq1_s: runs of 8 in groups of 32 with one scale and one sign of the eighth (iq1.h). Block: d [2], lower eight bits of the
 * points' numbers [32], a word [2] for each group: upper three bits of its four numbers, the step (3 bits), the sign. */
#include <string.h>

#include "number/fit.h"
#include "number/formats.h"
#include "number/half.h"
#include "number/iq1.h"

enum { ELEMS = TL_IQ1_ELEMS, BYTES = 50, GROUP = 32, GROUPS = ELEMS / GROUP, WORDS = 34 };

static void unpack(const void *stored, uint8_t *ret_codes, float *ret_scale, float *ret_min)
{
    const uint8_t *block = stored;
    float d = tl_half_load(block);
    (void)ret_min;
    for (uint32_t g = 0; g < GROUPS; g++) {
        uint32_t word = block[WORDS + 2 * g] | (uint32_t)block[WORDS + 2 * g + 1] << 8;
        ret_scale[g] = d * (float)(2 * (word >> 12 & 7) + 1) * 0.125f;
        for (uint32_t run = 0; run < 4; run++)
            tl_iq1_codes(block[2 + 4 * g + run] | (word >> 3 * run & 7) << 8, word >> 15, ret_codes + GROUP * g + 8 * run);
    }
}

static void put(const struct tl_iq1_fit *found, uint8_t *block)
{
    tl_half_store(block, found->d);
    for (uint32_t g = 0; g < GROUPS; g++) {
        uint32_t word = (uint32_t)found->steps[g] << 12 | (uint32_t)found->minus[4 * g] << 15;
        for (uint32_t run = 0; run < 4; run++) {
            block[2 + 4 * g + run] = (uint8_t)found->points[4 * g + run];
            word |= (uint32_t)(found->points[4 * g + run] >> 8) << 3 * run;
        }
        block[WORDS + 2 * g] = (uint8_t)word;
        block[WORDS + 2 * g + 1] = (uint8_t)(word >> 8);
    }
}

static void fit(const float *values, const float *weights, size_t n_elems, void *ret_bytes)
{
    tl_iq1_blocks_fit(values, weights, n_elems, GROUP, GROUP, put, BYTES, ret_bytes);
}

static void encode(const float *values, size_t n_elems, void *ret_bytes) { fit(values, NULL, n_elems, ret_bytes); }

const struct tl_number tl_number_iq1_s = {
    .id = TL_NUMBER_IQ1_S, .name = "iq1_s", .gguf_type = 19,
    .block_elems = ELEMS, .block_bytes = BYTES, .group = GROUP, .offset = TL_IQ1_OFFSET, .panel_elems = ELEMS,
    .fields = {{2, 2}, {32, 4}, {16, 2}},
    .unpack = unpack, .encode = encode, .fit = fit,
};
