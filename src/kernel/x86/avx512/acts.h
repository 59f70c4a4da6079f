/* SPDX-License-Identifier: MIT */
/* Activations into int8 blocks and bf16, with the bytes that ref/acts.c defines: what acts_lanes.h asks of a level. */
#ifndef TL_KERNEL_AVX512_ACTS_H
#define TL_KERNEL_AVX512_ACTS_H

#include <immintrin.h>

#include "kernel/acts.h"
#include "kernel/inline.h"

/* 16 values of a half: their codes; the scale is stored. */
INLINE __m128i fill_half(__m512 x, float *ret_scale)
{
    union { uint32_t u; float f; } least = {.f = TL_ACTS_LEAST}, amax = {
        .u = _mm512_reduce_max_epu32(_mm512_and_si512(_mm512_castps_si512(x), _mm512_set1_epi32(INT32_MAX)))
    };
    __mmask16 mask = amax.u >= least.u && amax.u < 0x7f800000 ? 0xffff : 0;
    *ret_scale = amax.f / 127.0f;
    return _mm512_cvtepi32_epi8(_mm512_maskz_cvtps_epi32(mask, _mm512_mul_ps(x, _mm512_set1_ps(127.0f / amax.f))));
}

/* 32 columns */
INLINE struct tl_acts_sums acts_codes(const float *x, struct tl_acts_block *block)
{
    __m128i low = fill_half(_mm512_loadu_ps(x), &block->scale[0]), high = fill_half(_mm512_loadu_ps(x + 16), &block->scale[1]);
    __m256i codes = _mm256_set_m128i(high, low);
    __m256i sums = _mm256_dpbusd_epi32(_mm256_setzero_si256(), _mm256_set1_epi8(1), codes);
    sums = _mm256_hadd_epi32(sums, sums);
    sums = _mm256_hadd_epi32(sums, sums);
    int32_t low_sum = _mm256_extract_epi32(sums, 0), high_sum = _mm256_extract_epi32(sums, 4);
    _mm256_storeu_si256((__m256i *)block->codes, codes);
    return (struct tl_acts_sums){low_sum, high_sum};
}

/* Round to nearest even; subnormals, before or after, to zero of their sign; NaN stays quiet. */
INLINE __m256i bf16_of(__m512i u)
{
    __m512i size = _mm512_and_si512(u, _mm512_set1_epi32(INT32_MAX)), half = _mm512_srli_epi32(u, 16);
    __m512i odd = _mm512_and_si512(half, _mm512_set1_epi32(1));
    __m512i rounded = _mm512_srli_epi32(_mm512_add_epi32(_mm512_add_epi32(u, _mm512_set1_epi32(0x7fff)), odd), 16);
    __mmask16 tiny = _mm512_cmplt_epi32_mask(size, _mm512_set1_epi32(0x00800000));
    __mmask16 nan = _mm512_cmpgt_epi32_mask(size, _mm512_set1_epi32(0x7f800000));
    rounded = _mm512_mask_and_epi32(rounded, tiny, half, _mm512_set1_epi32(0x8000));
    rounded = _mm512_mask_or_epi32(rounded, nan, half, _mm512_set1_epi32(0x0040));
    return _mm512_cvtepi32_epi16(rounded);
}

INLINE void acts_halves(const float *x, uint16_t *ret_halves)
{
    _mm256_storeu_si256((__m256i *)ret_halves, bf16_of(_mm512_castps_si512(_mm512_loadu_ps(x))));
}

#endif
