/* SPDX-License-Identifier: MIT */
/* Activations into int8 blocks and bf16, with the bytes that ref/acts.c defines: what acts_lanes.h asks of a level. */
#ifndef TL_KERNEL_AVX2_ACTS_H
#define TL_KERNEL_AVX2_ACTS_H

#include <immintrin.h>

#include "kernel/acts.h"
#include "kernel/inline.h"

/* The largest of 8 lanes of integers below 2^31. */
INLINE uint32_t largest(__m256i x)
{
    __m128i v = _mm_max_epu32(_mm256_castsi256_si128(x), _mm256_extracti128_si256(x, 1));
    v = _mm_max_epu32(v, _mm_shuffle_epi32(v, 0x4e));
    v = _mm_max_epu32(v, _mm_shuffle_epi32(v, 0xb1));
    return (uint32_t)_mm_cvtsi128_si32(v);
}

/* The sum of 16 signed bytes. */
INLINE int32_t sum_codes(__m128i codes)
{
    const __m128i half = _mm_set1_epi8((char)0x80);
    __m128i sums = _mm_sad_epu8(_mm_xor_si128(codes, half), _mm_setzero_si128());
    return _mm_cvtsi128_si32(sums) + _mm_extract_epi16(sums, 4) - 16 * 128;
}

/* 16 columns: their values as integers, and the scale. */
INLINE void fill_half(const float *x, __m256i ret_whole[2], float *ret_scale)
{
    const __m256i size = _mm256_set1_epi32(INT32_MAX);
    __m256 low = _mm256_loadu_ps(x), high = _mm256_loadu_ps(x + 8);
    __m256i most = _mm256_max_epu32(_mm256_and_si256(_mm256_castps_si256(low), size), _mm256_and_si256(_mm256_castps_si256(high), size));
    union { uint32_t u; float f; } amax = {.u = largest(most)}, least = {.f = TL_ACTS_LEAST};
    __m256i usable = _mm256_set1_epi32(amax.u >= least.u && amax.u < 0x7f800000 ? -1 : 0);
    __m256 inverse = _mm256_set1_ps(127.0f / amax.f);
    ret_whole[0] = _mm256_and_si256(_mm256_cvtps_epi32(_mm256_mul_ps(low, inverse)), usable);
    ret_whole[1] = _mm256_and_si256(_mm256_cvtps_epi32(_mm256_mul_ps(high, inverse)), usable);
    *ret_scale = amax.f / 127.0f;
}

/* 32 columns */
INLINE struct tl_acts_sums acts_codes(const float *x, struct tl_acts_block *block)
{
    const __m256i order = _mm256_setr_epi32(0, 4, 1, 5, 2, 6, 3, 7);
    __m256i whole[4];
    fill_half(x, whole, &block->scale[0]);
    fill_half(x + 16, whole + 2, &block->scale[1]);
    __m256i codes = _mm256_packs_epi16(_mm256_packs_epi32(whole[0], whole[1]), _mm256_packs_epi32(whole[2], whole[3]));
    codes = _mm256_permutevar8x32_epi32(codes, order);
    int32_t low = sum_codes(_mm256_castsi256_si128(codes)), high = sum_codes(_mm256_extracti128_si256(codes, 1));
    _mm256_storeu_si256((__m256i *)block->codes, codes);
    return (struct tl_acts_sums){low, high};
}

/* Round to nearest even; subnormals, before or after, to zero of their sign; NaN stays quiet. The result is in the low
 * halves of the lanes. */
INLINE __m256i bf16_of(__m256i u)
{
    __m256i size = _mm256_and_si256(u, _mm256_set1_epi32(INT32_MAX)), half = _mm256_srli_epi32(u, 16);
    __m256i odd = _mm256_and_si256(half, _mm256_set1_epi32(1));
    __m256i rounded = _mm256_srli_epi32(_mm256_add_epi32(_mm256_add_epi32(u, _mm256_set1_epi32(0x7fff)), odd), 16);
    __m256i tiny = _mm256_cmpgt_epi32(_mm256_set1_epi32(0x00800000), size);
    __m256i nan = _mm256_cmpgt_epi32(size, _mm256_set1_epi32(0x7f800000));
    rounded = _mm256_blendv_epi8(rounded, _mm256_and_si256(half, _mm256_set1_epi32(0x8000)), tiny);
    return _mm256_blendv_epi8(rounded, _mm256_or_si256(half, _mm256_set1_epi32(0x0040)), nan);
}

INLINE void acts_halves(const float *x, uint16_t *ret_halves)
{
    __m256i low = bf16_of(_mm256_castps_si256(_mm256_loadu_ps(x))), high = bf16_of(_mm256_castps_si256(_mm256_loadu_ps(x + 8)));
    _mm256_storeu_si256((__m256i *)ret_halves, _mm256_permute4x64_epi64(_mm256_packus_epi32(low, high), 0xd8));
}

#endif
