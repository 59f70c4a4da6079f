/* SPDX-License-Identifier: MIT */
/* Peak loops of the reference level: plain C, sixteen independent chains. */
#include <math.h>

#include "kernel/peak.h"

enum { CHAINS = 16 };

static uint32_t run_int8(uint64_t rounds)
{
    int32_t sum[CHAINS] = {0}, total = 0;
    volatile int8_t seed = 3;
    int32_t w = seed, x = seed + 4;
    for (uint64_t i = 0; i < rounds; i++)
        for (int c = 0; c < CHAINS; c++)
            sum[c] = (int32_t)((uint32_t)sum[c] * (uint32_t)w + (uint32_t)x);
    for (int c = 0; c < CHAINS; c++)
        total = (int32_t)((uint32_t)total + (uint32_t)sum[c]);
    return (uint32_t)total;
}

static uint32_t run_f32(uint64_t rounds)
{
    float sum[CHAINS] = {0}, total = 0;
    volatile float seed = 0.5f;
    float w = seed, x = seed + 1;
    for (uint64_t i = 0; i < rounds; i++)
        for (int c = 0; c < CHAINS; c++)
            sum[c] = fmaf(sum[c], w, x);
    for (int c = 0; c < CHAINS; c++)
        total += sum[c];
    return (uint32_t)total;
}

void tl_peak_loops_ref(struct tl_peak_loops *loops)
{
    loops->int8 = (struct tl_peak_loop){run_int8, 2 * CHAINS};
    loops->f32 = loops->bf16 = (struct tl_peak_loop){run_f32, 2 * CHAINS};
}
