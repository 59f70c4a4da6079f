/* SPDX-License-Identifier: MIT */
/* Sixteen lanes in one 512-bit register: the operations that math.h, vector_lanes.h and attend_lanes.h are written in.
 * None of them rounds otherwise than the scalar ones of ref/lanes.h. */
#ifndef TL_KERNEL_AVX512_LANES_H
#define TL_KERNEL_AVX512_LANES_H

#include <immintrin.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct lanes { __m512 v; };
struct lanes_mask { __mmask16 on; };

static inline struct lanes lanes_set(float value) { return (struct lanes){ _mm512_set1_ps(value) }; }
static inline struct lanes lanes_load(const void *at) { return (struct lanes){ _mm512_loadu_ps(at) }; }
static inline void lanes_store(float *at, struct lanes x) { _mm512_storeu_ps(at, x.v); }

/* The first n lanes (n <= 16). Loads give 0 in the others and read nothing there. */
static inline struct lanes_mask lanes_first(size_t n) { return (struct lanes_mask){ (__mmask16)((1u << n) - 1) }; }
static inline struct lanes lanes_load_first(const float *at, size_t n)
{
    return (struct lanes){ _mm512_maskz_loadu_ps(lanes_first(n).on, at) };
}
static inline void lanes_store_first(float *at, size_t n, struct lanes x)
{
    _mm512_mask_storeu_ps(at, lanes_first(n).on, x.v);
}

static inline struct lanes lanes_add(struct lanes a, struct lanes b) { return (struct lanes){ _mm512_add_ps(a.v, b.v) }; }
static inline struct lanes lanes_sub(struct lanes a, struct lanes b) { return (struct lanes){ _mm512_sub_ps(a.v, b.v) }; }
static inline struct lanes lanes_mul(struct lanes a, struct lanes b) { return (struct lanes){ _mm512_mul_ps(a.v, b.v) }; }
static inline struct lanes lanes_div(struct lanes a, struct lanes b) { return (struct lanes){ _mm512_div_ps(a.v, b.v) }; }
static inline struct lanes lanes_fma(struct lanes a, struct lanes b, struct lanes c)
{
    return (struct lanes){ _mm512_fmadd_ps(a.v, b.v, c.v) };
}

static inline struct lanes lanes_abs(struct lanes x)
{
    return (struct lanes){ _mm512_andnot_ps(_mm512_set1_ps(-0.0f), x.v) };
}
static inline struct lanes lanes_negate(struct lanes x)
{
    return (struct lanes){ _mm512_xor_ps(_mm512_set1_ps(-0.0f), x.v) };
}
static inline struct lanes lanes_copysign(struct lanes size, struct lanes sign)
{
    return (struct lanes){ _mm512_or_ps(lanes_abs(size).v, _mm512_and_ps(_mm512_set1_ps(-0.0f), sign.v)) };
}

static inline struct lanes_mask lanes_greater(struct lanes a, struct lanes b)
{
    return (struct lanes_mask){ _mm512_cmp_ps_mask(a.v, b.v, _CMP_GT_OQ) };
}
static inline struct lanes_mask lanes_less(struct lanes a, struct lanes b)
{
    return (struct lanes_mask){ _mm512_cmp_ps_mask(a.v, b.v, _CMP_LT_OQ) };
}
static inline struct lanes_mask lanes_unordered(struct lanes x)
{
    return (struct lanes_mask){ _mm512_cmp_ps_mask(x.v, x.v, _CMP_UNORD_Q) };
}
static inline struct lanes lanes_select(struct lanes_mask mask, struct lanes yes, struct lanes no)
{
    return (struct lanes){ _mm512_mask_blend_ps(mask.on, no.v, yes.v) };
}
/* a > b ? a : b, which is what the instruction does with NaN and zeros too */
static inline struct lanes lanes_larger(struct lanes a, struct lanes b)
{
    return (struct lanes){ _mm512_max_ps(a.v, b.v) };
}
static inline struct lanes lanes_raise(struct lanes value, struct lanes count)
{
    __m512i shifted = _mm512_slli_epi32(_mm512_castps_si512(count.v), 23);
    return (struct lanes){ _mm512_castsi512_ps(_mm512_add_epi32(_mm512_castps_si512(value.v), shifted)) };
}

/* Pairs of neighbours: (a, b) -> (b, a), (a, a), (b, b), (-a, b). */
static inline struct lanes lanes_swap(struct lanes x) { return (struct lanes){ _mm512_permute_ps(x.v, 0xb1) }; }
static inline struct lanes lanes_evens(struct lanes x) { return (struct lanes){ _mm512_moveldup_ps(x.v) }; }
static inline struct lanes lanes_odds(struct lanes x) { return (struct lanes){ _mm512_movehdup_ps(x.v) }; }
static inline struct lanes lanes_negate_evens(struct lanes x)
{
    return (struct lanes){ _mm512_xor_ps(x.v, _mm512_castsi512_ps(_mm512_set1_epi64(0x80000000))) };
}
/* Sixteen pairs -> the first and the second of each. */
static inline void lanes_unzip(struct lanes low, struct lanes high, struct lanes *ret_firsts, struct lanes *ret_seconds)
{
    __m512i even = _mm512_setr_epi32(0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30);
    __m512i odd = _mm512_or_si512(even, _mm512_set1_epi32(1));
    ret_firsts->v = _mm512_permutex2var_ps(low.v, even, high.v);
    ret_seconds->v = _mm512_permutex2var_ps(low.v, odd, high.v);
}

/* Sixteen stored elements -> f32, exactly. */
static inline struct lanes lanes_load_f16(const void *at)
{
    return (struct lanes){ _mm512_cvtph_ps(_mm256_loadu_si256(at)) };
}
static inline struct lanes lanes_load_bf16(const void *at)
{
    return (struct lanes){ _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(_mm256_loadu_si256(at)), 16)) };
}
static inline struct lanes lanes_load_i8(const void *at)
{
    return (struct lanes){ _mm512_cvtepi32_ps(_mm512_cvtepi8_epi32(_mm_loadu_si128(at))) };
}
/* One f16 in all lanes. */
static inline struct lanes lanes_set_f16(const void *at)
{
    int16_t half;
    memcpy(&half, at, 2);
    return (struct lanes){ _mm512_cvtph_ps(_mm256_set1_epi16(half)) };
}

#endif
