/* SPDX-License-Identifier: MIT */
/* Private to this folder: block formats into vectors. 32 columns of a panel block become a `struct part`: dword lane r
 * of codes[i] holds the codes of columns 4i..4i+3 of row r, scale[g] and min[g] have one row a lane, g counts groups (16
 * columns: two, 32 columns: scale[0] alone). Formats without a row here are unpacked row by row in tile.c.
 * The layouts are those written at the head of each file of number/; fields are 16 rows wide in a panel. */
#ifndef TL_KERNEL_AVX512_UNPACK_H
#define TL_KERNEL_AVX512_UNPACK_H

#include <immintrin.h>
#include <string.h>

#include "kernel/kernel.h"

#define INLINE static inline __attribute__((always_inline))
#ifdef __clang__                         /* vectors in arrays stay in registers */
#define UNROLL _Pragma("clang loop unroll(full)")
#else
#define UNROLL _Pragma("GCC unroll 8")
#endif

enum { PARTS = 8 };                      /* vectors of codes in 32 columns */

struct part {
    __m512i codes[PARTS];
    __m512 scale[2], min[2];
};

/* 4 bytes in every lane. */
INLINE __m512i every4(const void *at)
{
    int32_t word;
    memcpy(&word, at, sizeof word);
    return _mm512_set1_epi32(word);
}

/* FORMAT(ID, elements, bytes of a row's block, group, log2 of the offset or 0, has_min) */
#define AVX512_FORMATS(FORMAT) \
    FORMAT(Q8_0, 32, 34, 32, 7, false) \
    FORMAT(Q4_0, 32, 18, 32, 3, false) \
    FORMAT(Q4_1, 32, 20, 32, 0, true) \
    FORMAT(Q5_0, 32, 22, 32, 4, false) \
    FORMAT(Q5_1, 32, 24, 32, 0, true) \
    FORMAT(Q2_K, 256, 84, 16, 0, true) \
    FORMAT(Q3_K, 256, 110, 16, 2, false) \
    FORMAT(Q4_K, 256, 144, 32, 0, true) \
    FORMAT(Q5_K, 256, 176, 32, 0, true) \
    FORMAT(Q6_K, 256, 210, 16, 5, false)

/* The field that starts at byte `at` of a row's block: granule `index` of all 16 rows. */
INLINE __m512i field4(const uint8_t *block, uint32_t at, uint32_t index)
{
    return _mm512_loadu_si512(block + 16 * at + 64 * index);
}

INLINE __m512 field_half(const uint8_t *block, uint32_t at)
{
    return _mm512_cvtph_ps(_mm256_loadu_si256((const __m256i *)(block + 16 * at)));
}

INLINE __m128i field1(const uint8_t *block, uint32_t at)
{
    return _mm_loadu_si128((const __m128i *)(block + 16 * at));
}

INLINE __m512 minus(__m512 x)
{
    return _mm512_castsi512_ps(_mm512_xor_si512(_mm512_castps_si512(x), _mm512_set1_epi32(INT32_MIN)));
}

/* ((v moved so that bit `from` becomes bit `to`) & mask), for bits that stay within their bytes. */
INLINE __m512i move(__m512i v, uint32_t from, uint32_t to, char mask)
{
    if (from > to)
        v = _mm512_srli_epi32(v, from - to);
    else if (to > from)
        v = _mm512_slli_epi32(v, to - from);
    return _mm512_and_si512(v, _mm512_set1_epi8(mask));
}

/* a | move(...) in one operation after the shift. */
INLINE __m512i or_move(__m512i a, __m512i v, uint32_t from, uint32_t to, char mask)
{
    if (from > to)
        v = _mm512_srli_epi32(v, from - to);
    else if (to > from)
        v = _mm512_slli_epi32(v, to - from);
    return _mm512_ternarylogic_epi32(a, v, _mm512_set1_epi8(mask), 0xf8);
}

INLINE __m512 steps_u8(__m128i bytes) { return _mm512_cvtepi32_ps(_mm512_cvtepu8_epi32(bytes)); }
INLINE __m512 steps_i8(__m128i bytes) { return _mm512_cvtepi32_ps(_mm512_cvtepi8_epi32(bytes)); }
INLINE __m128i low_bits(__m128i v, uint32_t shift, char mask)
{
    return _mm_and_si128(_mm_srli_epi16(v, (int)shift), _mm_set1_epi8(mask));
}

/* 16 bytes of nibbles a row: low ones are columns 0..15. */
INLINE void nibbles(const uint8_t *block, uint32_t at, struct part *part)
{
    UNROLL
    for (uint32_t i = 0; i < 4; i++) {
        __m512i v = field4(block, at, i);
        part->codes[i] = move(v, 0, 0, 15);
        part->codes[i + 4] = move(v, 4, 0, 15);
    }
}

/* Bit k of a row's word is the fifth bit of column k. */
INLINE void fifth_of_word(__m512i word, struct part *part)
{
    const __m512i even = _mm512_set1_epi32(0x08040201), odd = _mm512_set1_epi32((int)0x80402010), add = _mm512_set1_epi8(16);
    const __m512i first = _mm512_broadcast_i32x4(_mm_set_epi32(0x0c0c0c0c, 0x08080808, 0x04040404, 0));
    UNROLL
    for (uint32_t i = 0; i < 4; i++) {
        __m512i bytes = _mm512_shuffle_epi8(word, _mm512_or_si512(first, _mm512_set1_epi8((char)i)));
        __m512i *c = &part->codes[2 * i];
        c[0] = _mm512_mask_add_epi8(c[0], _mm512_test_epi8_mask(bytes, even), c[0], add);
        c[1] = _mm512_mask_add_epi8(c[1], _mm512_test_epi8_mask(bytes, odd), c[1], add);
    }
}

/* q4_k and q5_k: scales and minima of group j from the 12 bytes at row byte 4. */
INLINE void kscales(const uint8_t *block, uint32_t j, struct part *part)
{
    __m512 d = field_half(block, 0), dmin = minus(field_half(block, 2));
    __m128i scale, min;
    if (j < 4) {
        scale = low_bits(field1(block, 4 + j), 0, 63);
        min = low_bits(field1(block, 8 + j), 0, 63);
    } else {
        __m128i both = field1(block, 8 + j);
        scale = _mm_or_si128(low_bits(both, 0, 15), low_bits(field1(block, j), 2, 48));
        min = _mm_or_si128(low_bits(both, 4, 15), low_bits(field1(block, 4 + j), 2, 48));
    }
    part->scale[0] = _mm512_mul_ps(d, steps_u8(scale));
    part->min[0] = _mm512_mul_ps(dmin, steps_u8(min));
}

INLINE void part_q8_0(const uint8_t *block, struct part *part)
{
    UNROLL
    for (uint32_t i = 0; i < PARTS; i++)
        part->codes[i] = _mm512_xor_si512(field4(block, 2, i), _mm512_set1_epi8((char)0x80));
}

INLINE void part_q2_k(const uint8_t *block, uint32_t j, struct part *part)
{
    __m512 d = field_half(block, 80), dmin = minus(field_half(block, 82));
    UNROLL
    for (uint32_t i = 0; i < PARTS; i++)
        part->codes[i] = move(field4(block, 16 + 32 * (j / 4), i), 2 * (j % 4), 0, 3);
    UNROLL
    for (uint32_t g = 0; g < 2; g++) {
        __m128i steps = field1(block, 2 * j + g);
        part->scale[g] = _mm512_mul_ps(d, steps_u8(low_bits(steps, 0, 15)));
        part->min[g] = _mm512_mul_ps(dmin, steps_u8(low_bits(steps, 4, 15)));
    }
}

INLINE void part_q3_k(const uint8_t *block, uint32_t j, struct part *part)
{
    __m512 d = field_half(block, 108);
    UNROLL
    for (uint32_t i = 0; i < PARTS; i++)
        part->codes[i] = or_move(move(field4(block, 32 + 32 * (j / 4), i), 2 * (j % 4), 0, 3), field4(block, 0, i), j, 2, 4);
    UNROLL
    for (uint32_t g = 2 * j; g < 2 * j + 2; g++) {
        __m128i low = low_bits(field1(block, 96 + g % 8), g / 8 * 4, 15);
        __m128i high = _mm_slli_epi16(low_bits(field1(block, 104 + g % 4), g / 4 * 2, 3), 4);
        part->scale[g % 2] = _mm512_mul_ps(d, steps_i8(_mm_sub_epi8(_mm_or_si128(low, high), _mm_set1_epi8(32))));
    }
}

INLINE void part_q6_k(const uint8_t *block, uint32_t j, struct part *part)
{
    uint32_t half = j / 4, run = j % 4;
    __m512 d = field_half(block, 208);
    UNROLL
    for (uint32_t i = 0; i < PARTS; i++)
        part->codes[i] = or_move(move(field4(block, 64 * half + 32 * (run % 2), i), run / 2 * 4, 0, 15),
                                 field4(block, 128 + 32 * half, i), 2 * run, 4, 48);
    UNROLL
    for (uint32_t g = 0; g < 2; g++)
        part->scale[g] = _mm512_mul_ps(d, steps_i8(field1(block, 192 + 2 * j + g)));
}

INLINE void part_k45(const uint8_t *block, uint32_t codes_at, uint32_t j, struct part *part)
{
    kscales(block, j, part);
    UNROLL
    for (uint32_t i = 0; i < PARTS; i++)
        part->codes[i] = move(field4(block, codes_at + 32 * (j / 2), i), j % 2 * 4, 0, 15);
}

/* Columns 32j..32j+31 of a panel block. `id` is a constant wherever this is used. */
INLINE void unpack(enum tl_number_id id, const uint8_t *block, uint32_t j, struct part *part)
{
    if (id == TL_NUMBER_Q2_K)
        part_q2_k(block, j, part);
    else if (id == TL_NUMBER_Q3_K)
        part_q3_k(block, j, part);
    else if (id == TL_NUMBER_Q6_K)
        part_q6_k(block, j, part);
    else if (id == TL_NUMBER_Q4_K)
        part_k45(block, 16, j, part);
    else if (id == TL_NUMBER_Q5_K) {
        part_k45(block, 48, j, part);
        UNROLL
        for (uint32_t i = 0; i < PARTS; i++)
            part->codes[i] = or_move(part->codes[i], field4(block, 16, i), j, 4, 16);
    } else {
        part->scale[0] = field_half(block, 0);
        if (id == TL_NUMBER_Q4_1 || id == TL_NUMBER_Q5_1)
            part->min[0] = field_half(block, 2);
        if (id == TL_NUMBER_Q8_0)
            part_q8_0(block, part);
        else
            nibbles(block, id == TL_NUMBER_Q4_0 ? 2 : id == TL_NUMBER_Q4_1 ? 4 : id == TL_NUMBER_Q5_0 ? 6 : 8, part);
        if (id == TL_NUMBER_Q5_0 || id == TL_NUMBER_Q5_1)
            fifth_of_word(field4(block, id == TL_NUMBER_Q5_0 ? 2 : 4, 0), part);
    }
}

#endif
