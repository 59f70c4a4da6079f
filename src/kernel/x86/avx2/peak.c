/* SPDX-License-Identifier: MIT */
/* Peak loops of the AVX2 level. An int8 product is vpmaddubsw, vpmaddwd and vpaddd, 32 multiplications together. */
#include <immintrin.h>

#include "kernel/peak.h"

enum { CHAINS = 12 };

#define KEEP(v) __asm__ volatile("" : "+x"(v))

static uint32_t run_int8(uint64_t rounds)
{
    __m256i sum[CHAINS], w = _mm256_set1_epi8(3), x = _mm256_set1_epi8(-5), one = _mm256_set1_epi16(1);
#pragma GCC unroll 12
    for (int c = 0; c < CHAINS; c++)
        sum[c] = _mm256_set1_epi32(c);
    for (uint64_t i = 0; i < rounds; i++)
#pragma GCC unroll 12
        for (int c = 0; c < CHAINS; c++) {
            KEEP(w);
            sum[c] = _mm256_add_epi32(sum[c], _mm256_madd_epi16(_mm256_maddubs_epi16(w, x), one));
            KEEP(sum[c]);
        }
#pragma GCC unroll 12
    for (int c = 1; c < CHAINS; c++)
        sum[0] = _mm256_add_epi32(sum[0], sum[c]);
    return (uint32_t)_mm256_extract_epi32(sum[0], 0);
}

static uint32_t run_f32(uint64_t rounds)
{
    __m256 sum[CHAINS], w = _mm256_set1_ps(0.5f), x = _mm256_set1_ps(0.25f);
    KEEP(w);
#pragma GCC unroll 12
    for (int c = 0; c < CHAINS; c++)
        sum[c] = _mm256_set1_ps((float)c);
    for (uint64_t i = 0; i < rounds; i++)
#pragma GCC unroll 12
        for (int c = 0; c < CHAINS; c++) {
            sum[c] = _mm256_fmadd_ps(w, x, sum[c]);
            KEEP(sum[c]);
        }
#pragma GCC unroll 12
    for (int c = 1; c < CHAINS; c++)
        sum[0] = _mm256_add_ps(sum[0], sum[c]);
    return (uint32_t)_mm256_cvtss_f32(sum[0]);
}

void tl_peak_loops_avx2(struct tl_peak_loops *loops)
{
    loops->int8 = (struct tl_peak_loop){run_int8, 64 * CHAINS};
    loops->f32 = loops->bf16 = (struct tl_peak_loop){run_f32, 16 * CHAINS};
}
