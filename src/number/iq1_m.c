/* SPDX-License-Identifier: MIT */
/* iq1_m: runs of 8 in groups of 16 with one scale, each run with its own sign of the eighth (iq1.h). Block: lower eight bits of
 * the points' numbers [32], a nibble for each run [16]: upper three bits and the sign; four words [8]: three bits a step in the
 * lower twelve, and in the upper four a quarter of d, lowest first. */
#include <string.h>

#include "number/fit.h"
#include "number/formats.h"
#include "number/half.h"
#include "number/iq1.h"

enum { ELEMS = TL_IQ1_ELEMS, BYTES = 56, GROUP = 16, GROUPS = ELEMS / GROUP, UPPER = 32, WORDS = 48 };

static void unpack(const void *stored, uint8_t *ret_codes, float *ret_scale, float *ret_min)
{
    const uint8_t *block = stored;
    uint16_t words[4], half = 0;
    (void)ret_min;
    memcpy(words, block + WORDS, sizeof(words));
    for (uint32_t i = 0; i < 4; i++)
        half |= (uint16_t)(words[i] >> 12 << 4 * i);
    float d = tl_half_widen(half);
    for (uint32_t g = 0; g < GROUPS; g++)
        ret_scale[g] = d * (float)(2 * (words[g / 4] >> (g % 4 * 3) & 7) + 1) * 0.125f;
    for (uint32_t run = 0; run < TL_IQ1_RUNS; run++) {
        uint32_t nibble = block[UPPER + run / 2] >> (run % 2 * 4) & 15u;
        tl_iq1_codes(block[run] | (nibble & 7) << 8, nibble >> 3, ret_codes + 8 * run);
    }
}

static void put(const struct tl_iq1_fit *found, uint8_t *block)
{
    uint16_t words[4] = {0}, half = tl_half_narrow(found->d);
    memset(block, 0, BYTES);
    for (uint32_t run = 0; run < TL_IQ1_RUNS; run++) {
        block[run] = (uint8_t)found->points[run];
        block[UPPER + run / 2] |= (uint8_t)((found->points[run] >> 8 | found->minus[run] << 3) << (run % 2 * 4));
    }
    for (uint32_t g = 0; g < GROUPS; g++)
        words[g / 4] |= (uint16_t)(found->steps[g] << (g % 4 * 3));
    for (uint32_t i = 0; i < 4; i++)
        words[i] |= (uint16_t)((half >> 4 * i & 15) << 12);
    memcpy(block + WORDS, words, sizeof(words));
}

static void fit(const float *values, const float *weights, size_t n_elems, void *ret_bytes)
{
    tl_iq1_blocks_fit(values, weights, n_elems, GROUP, 8, put, BYTES, ret_bytes);
}

static void encode(const float *values, size_t n_elems, void *ret_bytes) { fit(values, NULL, n_elems, ret_bytes); }

const struct tl_number tl_number_iq1_m = {
    .id = TL_NUMBER_IQ1_M, .name = "iq1_m", .gguf_type = 29,
    .block_elems = ELEMS, .block_bytes = BYTES, .group = GROUP, .offset = TL_IQ1_OFFSET, .panel_elems = ELEMS,
    .fields = {{56, 4}},
    .unpack = unpack, .encode = encode, .fit = fit,
};
