/* SPDX-License-Identifier: MIT */
/* Peak loops of the AVX-512 level: vpdpbusd, vdpbf16ps where the CPU has it, and fma, in sixteen chains (latency 4 or
 * 5, up to two a cycle). The empty asm keeps the compiler from joining rounds. */
#include <immintrin.h>

#include "base/cpu.h"
#include "kernel/peak.h"

enum { CHAINS = 16 };

#define KEEP(v) __asm__ volatile("" : "+v"(v))

static uint32_t run_int8(uint64_t rounds)
{
    __m512i sum[CHAINS], w = _mm512_set1_epi8(3), x = _mm512_set1_epi8(-5);
    KEEP(w);
#pragma GCC unroll 16
    for (int c = 0; c < CHAINS; c++)
        sum[c] = _mm512_set1_epi32(c);
    for (uint64_t i = 0; i < rounds; i++)
#pragma GCC unroll 16
        for (int c = 0; c < CHAINS; c++) {
            sum[c] = _mm512_dpbusd_epi32(sum[c], w, x);
            KEEP(sum[c]);
        }
#pragma GCC unroll 16
    for (int c = 1; c < CHAINS; c++)
        sum[0] = _mm512_add_epi32(sum[0], sum[c]);
    return (uint32_t)_mm512_reduce_add_epi32(sum[0]);
}

static uint32_t run_f32(uint64_t rounds)
{
    __m512 sum[CHAINS], w = _mm512_set1_ps(0.5f), x = _mm512_set1_ps(0.25f);
    KEEP(w);
#pragma GCC unroll 16
    for (int c = 0; c < CHAINS; c++)
        sum[c] = _mm512_set1_ps((float)c);
    for (uint64_t i = 0; i < rounds; i++)
#pragma GCC unroll 16
        for (int c = 0; c < CHAINS; c++) {
            sum[c] = _mm512_fmadd_ps(w, x, sum[c]);
            KEEP(sum[c]);
        }
#pragma GCC unroll 16
    for (int c = 1; c < CHAINS; c++)
        sum[0] = _mm512_add_ps(sum[0], sum[c]);
    return (uint32_t)_mm512_reduce_add_ps(sum[0]);
}

__attribute__((target("avx512bf16"))) static uint32_t run_bf16(uint64_t rounds)
{
    __m512 sum[CHAINS];
    __m512bh w = (__m512bh)_mm512_set1_epi16(0x3f00), x = (__m512bh)_mm512_set1_epi16(0x3e80);
    KEEP(w);
#pragma GCC unroll 16
    for (int c = 0; c < CHAINS; c++)
        sum[c] = _mm512_set1_ps((float)c);
    for (uint64_t i = 0; i < rounds; i++)
#pragma GCC unroll 16
        for (int c = 0; c < CHAINS; c++) {
            sum[c] = _mm512_dpbf16_ps(sum[c], w, x);
            KEEP(sum[c]);
        }
#pragma GCC unroll 16
    for (int c = 1; c < CHAINS; c++)
        sum[0] = _mm512_add_ps(sum[0], sum[c]);
    return (uint32_t)_mm512_reduce_add_ps(sum[0]);
}

void tl_peak_loops_avx512(struct tl_peak_loops *loops)
{
    loops->int8 = (struct tl_peak_loop){run_int8, 128 * CHAINS};
    loops->f32 = loops->bf16 = (struct tl_peak_loop){run_f32, 32 * CHAINS};
    if (tl_cpu_features() & TL_CPU_AVX512_BF16)
        loops->bf16 = (struct tl_peak_loop){run_bf16, 64 * CHAINS};
}
