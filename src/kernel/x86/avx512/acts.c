/* SPDX-License-Identifier: MIT */
/* Activations into int8 blocks and bf16, with the bytes that ref/acts.c defines. */
#include "kernel/x86/avx512/acts.h"

#include <immintrin.h>
#include <string.h>

#include "kernel/inline.h"

/* The first n of 16 floats, zeros behind. */
INLINE __m512 load(const float *x, uint32_t n)
{
    return n >= 16 ? _mm512_loadu_ps(x) : _mm512_maskz_loadu_ps((__mmask16)((1u << n) - 1), x);
}

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

/* n: 1..32 columns */
INLINE void fill_block(const float *x, uint32_t n, struct tl_acts_block *block)
{
    __m128i low = fill_half(load(x, n), &block->scale[0]), high = fill_half(load(x + 16, n > 16 ? n - 16 : 0), &block->scale[1]);
    __m256i codes = _mm256_set_m128i(high, low);
    __m256i sums = _mm256_dpbusd_epi32(_mm256_setzero_si256(), _mm256_set1_epi8(1), codes);
    sums = _mm256_hadd_epi32(sums, sums);
    sums = _mm256_hadd_epi32(sums, sums);
    int32_t low_sum = _mm256_extract_epi32(sums, 0), high_sum = _mm256_extract_epi32(sums, 4);
    _mm256_storeu_si256((__m256i *)block->codes, codes);
    block->scale_sum = block->scale[0] * (float)low_sum + block->scale[1] * (float)high_sum;
    block->sums[0] = (int16_t)low_sum;
    block->sums[1] = (int16_t)high_sum;
}

void tl_acts_fill_q8_avx512(const float *x, size_t x_stride, uint32_t token_from, uint32_t token_to, struct tl_acts *acts)
{
    uint64_t row_bytes = tl_acts_row_bytes(acts->form, acts->cols);
    uint32_t whole = acts->cols / TL_ACTS_BLOCK, rest = acts->cols % TL_ACTS_BLOCK, n_blocks = tl_acts_blocks(acts->cols);
    for (uint32_t t = token_from; t < token_to; t++) {
        struct tl_acts_block *row = tl_acts_row(acts, t);
        const float *from = x + t * x_stride;
        for (uint32_t b = 0; b < whole; b++)
            fill_block(from + b * TL_ACTS_BLOCK, TL_ACTS_BLOCK, &row[b]);
        if (rest)
            fill_block(from + whole * TL_ACTS_BLOCK, rest, &row[whole]);
        memset(row + n_blocks, 0, row_bytes - n_blocks * sizeof *row);
    }
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

void tl_acts_fill_bf16_avx512(const float *x, size_t x_stride, uint32_t token_from, uint32_t token_to, struct tl_acts *acts)
{
    uint64_t row_bytes = tl_acts_row_bytes(acts->form, acts->cols);
    uint32_t cols = acts->cols, whole = cols / 16 * 16;
    for (uint32_t t = token_from; t < token_to; t++) {
        uint16_t *row = tl_acts_row(acts, t);
        const float *from = x + t * x_stride;
        for (uint32_t k = 0; k < whole; k += 16)
            _mm256_storeu_si256((__m256i *)(row + k), bf16_of(_mm512_castps_si512(_mm512_loadu_ps(from + k))));
        memset(row + whole, 0, row_bytes - whole * sizeof *row);
        if (whole < cols)
            _mm256_mask_storeu_epi16(row + whole, (__mmask16)((1u << (cols - whole)) - 1),
                                     bf16_of(_mm512_castps_si512(load(from + whole, cols - whole))));
    }
}
