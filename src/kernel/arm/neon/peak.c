/* SPDX-License-Identifier: MIT */
/* Peak loops of the NEON level: sdot and fmla, sixteen chains. */
#include <arm_neon.h>

#include "kernel/peak.h"

enum { CHAINS = 16 };

#define KEEP(v) __asm__ volatile("" : "+w"(v))

static uint32_t run_int8(uint64_t rounds)
{
    int32x4_t sum[CHAINS];
    int8x16_t w = vdupq_n_s8(3), x = vdupq_n_s8(-5);
    KEEP(w);
#pragma GCC unroll 16
    for (int c = 0; c < CHAINS; c++)
        sum[c] = vdupq_n_s32(c);
    for (uint64_t i = 0; i < rounds; i++)
#pragma GCC unroll 16
        for (int c = 0; c < CHAINS; c++) {
            sum[c] = vdotq_s32(sum[c], w, x);
            KEEP(sum[c]);
        }
#pragma GCC unroll 16
    for (int c = 1; c < CHAINS; c++)
        sum[0] = vaddq_s32(sum[0], sum[c]);
    return (uint32_t)vaddvq_s32(sum[0]);
}

static uint32_t run_f32(uint64_t rounds)
{
    float32x4_t sum[CHAINS], w = vdupq_n_f32(0.5f), x = vdupq_n_f32(0.25f);
    KEEP(w);
#pragma GCC unroll 16
    for (int c = 0; c < CHAINS; c++)
        sum[c] = vdupq_n_f32((float)c);
    for (uint64_t i = 0; i < rounds; i++)
#pragma GCC unroll 16
        for (int c = 0; c < CHAINS; c++) {
            sum[c] = vfmaq_f32(sum[c], w, x);
            KEEP(sum[c]);
        }
#pragma GCC unroll 16
    for (int c = 1; c < CHAINS; c++)
        sum[0] = vaddq_f32(sum[0], sum[c]);
    return (uint32_t)vgetq_lane_f32(sum[0], 0);
}

void tl_peak_loops_neon(struct tl_peak_loops *loops)
{
    loops->int8 = (struct tl_peak_loop){run_int8, 32 * CHAINS};
    loops->f32 = loops->bf16 = (struct tl_peak_loop){run_f32, 8 * CHAINS};
}
