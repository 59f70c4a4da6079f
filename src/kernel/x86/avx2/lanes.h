/* SPDX-License-Identifier: MIT */
/* Sixteen lanes in two 256-bit registers: the operations that math.h, vector_lanes.h and attend_lanes.h are written in.
 * None of them rounds otherwise than the scalar ones of ref/lanes.h. */
#ifndef TL_KERNEL_AVX2_LANES_H
#define TL_KERNEL_AVX2_LANES_H

#include <immintrin.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct lanes { __m256 a, b; };
struct lanes_mask { __m256 a, b; };

#define LANES_EACH(operation, x, y) (struct lanes){ operation((x).a, (y).a), operation((x).b, (y).b) }

static inline struct lanes lanes_set(float value)
{
    __m256 all = _mm256_set1_ps(value);
    return (struct lanes){ all, all };
}
static inline struct lanes lanes_load(const void *at)
{
    return (struct lanes){ _mm256_loadu_ps(at), _mm256_loadu_ps((const float *)at + 8) };
}
static inline void lanes_store(float *at, struct lanes x)
{
    _mm256_storeu_ps(at, x.a);
    _mm256_storeu_ps(at + 8, x.b);
}

/* The first n lanes (n <= 16). Loads give 0 in the others and read nothing there. */
static inline struct lanes_mask lanes_first(size_t n)
{
    __m256i count = _mm256_set1_epi32((int)n), at = _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7);
    __m256i next = _mm256_add_epi32(at, _mm256_set1_epi32(8));
    return (struct lanes_mask){ _mm256_castsi256_ps(_mm256_cmpgt_epi32(count, at)),
                                _mm256_castsi256_ps(_mm256_cmpgt_epi32(count, next)) };
}
static inline struct lanes lanes_load_first(const float *at, size_t n)
{
    struct lanes_mask mask = lanes_first(n);
    return (struct lanes){ _mm256_maskload_ps(at, _mm256_castps_si256(mask.a)),
                           _mm256_maskload_ps(at + 8, _mm256_castps_si256(mask.b)) };
}
static inline void lanes_store_first(float *at, size_t n, struct lanes x)
{
    struct lanes_mask mask = lanes_first(n);
    _mm256_maskstore_ps(at, _mm256_castps_si256(mask.a), x.a);
    _mm256_maskstore_ps(at + 8, _mm256_castps_si256(mask.b), x.b);
}

static inline struct lanes lanes_add(struct lanes x, struct lanes y) { return LANES_EACH(_mm256_add_ps, x, y); }
static inline struct lanes lanes_sub(struct lanes x, struct lanes y) { return LANES_EACH(_mm256_sub_ps, x, y); }
static inline struct lanes lanes_mul(struct lanes x, struct lanes y) { return LANES_EACH(_mm256_mul_ps, x, y); }
static inline struct lanes lanes_div(struct lanes x, struct lanes y) { return LANES_EACH(_mm256_div_ps, x, y); }
static inline struct lanes lanes_fma(struct lanes x, struct lanes y, struct lanes z)
{
    return (struct lanes){ _mm256_fmadd_ps(x.a, y.a, z.a), _mm256_fmadd_ps(x.b, y.b, z.b) };
}

static inline struct lanes lanes_abs(struct lanes x) { return LANES_EACH(_mm256_andnot_ps, lanes_set(-0.0f), x); }
static inline struct lanes lanes_negate(struct lanes x) { return LANES_EACH(_mm256_xor_ps, lanes_set(-0.0f), x); }
static inline struct lanes lanes_copysign(struct lanes size, struct lanes sign)
{
    struct lanes positive = lanes_abs(size), only_sign = LANES_EACH(_mm256_and_ps, lanes_set(-0.0f), sign);
    return LANES_EACH(_mm256_or_ps, positive, only_sign);
}

static inline struct lanes_mask lanes_greater(struct lanes x, struct lanes y)
{
    return (struct lanes_mask){ _mm256_cmp_ps(x.a, y.a, _CMP_GT_OQ), _mm256_cmp_ps(x.b, y.b, _CMP_GT_OQ) };
}
static inline struct lanes_mask lanes_less(struct lanes x, struct lanes y)
{
    return (struct lanes_mask){ _mm256_cmp_ps(x.a, y.a, _CMP_LT_OQ), _mm256_cmp_ps(x.b, y.b, _CMP_LT_OQ) };
}
static inline struct lanes_mask lanes_unordered(struct lanes x)
{
    return (struct lanes_mask){ _mm256_cmp_ps(x.a, x.a, _CMP_UNORD_Q), _mm256_cmp_ps(x.b, x.b, _CMP_UNORD_Q) };
}
static inline struct lanes lanes_select(struct lanes_mask mask, struct lanes yes, struct lanes no)
{
    return (struct lanes){ _mm256_blendv_ps(no.a, yes.a, mask.a), _mm256_blendv_ps(no.b, yes.b, mask.b) };
}
/* x > y ? x : y, which is what the instruction does with NaN and zeros too */
static inline struct lanes lanes_larger(struct lanes x, struct lanes y) { return LANES_EACH(_mm256_max_ps, x, y); }

static inline __m256 lanes_raise_half(__m256 value, __m256 count)
{
    __m256i shifted = _mm256_slli_epi32(_mm256_castps_si256(count), 23);
    return _mm256_castsi256_ps(_mm256_add_epi32(_mm256_castps_si256(value), shifted));
}
static inline struct lanes lanes_raise(struct lanes value, struct lanes count)
{
    return LANES_EACH(lanes_raise_half, value, count);
}

/* Pairs of neighbours: (a, b) -> (b, a), (a, a), (b, b), (-a, b). */
static inline struct lanes lanes_swap(struct lanes x)
{
    return (struct lanes){ _mm256_permute_ps(x.a, 0xb1), _mm256_permute_ps(x.b, 0xb1) };
}
static inline struct lanes lanes_evens(struct lanes x)
{
    return (struct lanes){ _mm256_moveldup_ps(x.a), _mm256_moveldup_ps(x.b) };
}
static inline struct lanes lanes_odds(struct lanes x)
{
    return (struct lanes){ _mm256_movehdup_ps(x.a), _mm256_movehdup_ps(x.b) };
}
static inline struct lanes lanes_negate_evens(struct lanes x)
{
    __m256 signs = _mm256_castsi256_ps(_mm256_set1_epi64x(0x80000000));
    return (struct lanes){ _mm256_xor_ps(x.a, signs), _mm256_xor_ps(x.b, signs) };
}
/* Sixteen pairs -> the first and the second of each. */
static inline __m256 lanes_in_order(__m256 mixed)                    /* quarters 0 2 1 3 -> 0 1 2 3, 64 bits each */
{
    return _mm256_castpd_ps(_mm256_permute4x64_pd(_mm256_castps_pd(mixed), 0xd8));
}
static inline void lanes_unzip(struct lanes low, struct lanes high, struct lanes *ret_firsts, struct lanes *ret_seconds)
{
    ret_firsts->a = lanes_in_order(_mm256_shuffle_ps(low.a, low.b, 0x88));
    ret_firsts->b = lanes_in_order(_mm256_shuffle_ps(high.a, high.b, 0x88));
    ret_seconds->a = lanes_in_order(_mm256_shuffle_ps(low.a, low.b, 0xdd));
    ret_seconds->b = lanes_in_order(_mm256_shuffle_ps(high.a, high.b, 0xdd));
}

/* Sixteen stored elements -> f32, exactly. */
static inline struct lanes lanes_load_f16(const void *at)
{
    const __m128i *halves = at;
    return (struct lanes){ _mm256_cvtph_ps(_mm_loadu_si128(halves)), _mm256_cvtph_ps(_mm_loadu_si128(halves + 1)) };
}
static inline __m256 lanes_widen_bf16(const __m128i *at)
{
    return _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_cvtepu16_epi32(_mm_loadu_si128(at)), 16));
}
static inline struct lanes lanes_load_bf16(const void *at)
{
    return (struct lanes){ lanes_widen_bf16(at), lanes_widen_bf16((const __m128i *)at + 1) };
}
static inline __m256 lanes_widen_i8(const uint8_t *at)
{
    return _mm256_cvtepi32_ps(_mm256_cvtepi8_epi32(_mm_loadl_epi64((const void *)at)));
}
static inline struct lanes lanes_load_i8(const void *at)
{
    return (struct lanes){ lanes_widen_i8(at), lanes_widen_i8((const uint8_t *)at + 8) };
}
/* One f16 in all lanes. */
static inline struct lanes lanes_set_f16(const void *at)
{
    int16_t half;
    memcpy(&half, at, 2);
    __m256 all = _mm256_cvtph_ps(_mm_set1_epi16(half));
    return (struct lanes){ all, all };
}

#endif
