/* SPDX-License-Identifier: MIT */
/* Sixteen integer lanes in two 256-bit registers, and what q8_lanes.h and values_lanes.h need to know of this level.
 * A lane is a row of a panel; it holds one integer or the codes of four columns. */
#ifndef TL_KERNEL_AVX2_INTS_H
#define TL_KERNEL_AVX2_INTS_H

#include "kernel/inline.h"
#include "kernel/x86/avx2/lanes.h"

/* Registers: one panel by three tokens of sums and as many f32 accumulators; of f32 alone, one by four. */
enum { TILE_PANELS = 1, MANY_TOKENS = 3, FEW_LIMIT = 16, VALUE_TOKENS = 4, CODES_8_SIGNED = 1, SIGNS_APART = 1 };

struct ints { __m256i a, b; };

#define INTS_EACH(operation, x, y) (struct ints){operation((x).a, (y).a), operation((x).b, (y).b)}

INLINE struct ints ints_load(const void *at)
{
    const __m256i *from = at;
    return (struct ints){_mm256_loadu_si256(from), _mm256_loadu_si256(from + 1)};
}
INLINE void ints_store(void *at, struct ints x)
{
    __m256i *to = at;
    _mm256_storeu_si256(to, x.a);
    _mm256_storeu_si256(to + 1, x.b);
}
INLINE struct ints ints_set(int32_t value)
{
    __m256i all = _mm256_set1_epi32(value);
    return (struct ints){all, all};
}
INLINE struct ints ints_bytes(int value)
{
    __m256i all = _mm256_set1_epi8((char)value);
    return (struct ints){all, all};
}

/* The 4 bytes at `at` in every lane. */
INLINE struct ints ints_every4(const void *at)
{
    int32_t word;
    memcpy(&word, at, sizeof word);
    return ints_set(word);
}

/* 16 bytes, one a lane. */
INLINE struct ints ints_from_u8(const void *at)
{
    const uint8_t *from = at;
    return (struct ints){_mm256_cvtepu8_epi32(_mm_loadl_epi64((const __m128i *)from)),
                         _mm256_cvtepu8_epi32(_mm_loadl_epi64((const __m128i *)(from + 8)))};
}
INLINE struct ints ints_from_i8(const void *at)
{
    const uint8_t *from = at;
    return (struct ints){_mm256_cvtepi8_epi32(_mm_loadl_epi64((const __m128i *)from)),
                         _mm256_cvtepi8_epi32(_mm_loadl_epi64((const __m128i *)(from + 8)))};
}

INLINE struct ints ints_from_u16(const void *at)
{
    const __m128i *from = at;
    return (struct ints){_mm256_cvtepu16_epi32(_mm_loadu_si128(from)), _mm256_cvtepu16_epi32(_mm_loadu_si128(from + 1))};
}

INLINE struct ints ints_add(struct ints x, struct ints y) { return INTS_EACH(_mm256_add_epi32, x, y); }
INLINE struct ints ints_and(struct ints x, struct ints y) { return INTS_EACH(_mm256_and_si256, x, y); }
INLINE struct ints ints_or(struct ints x, struct ints y) { return INTS_EACH(_mm256_or_si256, x, y); }
INLINE struct ints ints_xor(struct ints x, struct ints y) { return INTS_EACH(_mm256_xor_si256, x, y); }
/* x | (y & mask) */
INLINE struct ints ints_or_and(struct ints x, struct ints y, struct ints mask) { return ints_or(x, ints_and(y, mask)); }
INLINE struct ints ints_down(struct ints x, uint32_t bits)
{
    return (struct ints){_mm256_srli_epi32(x.a, (int)bits), _mm256_srli_epi32(x.b, (int)bits)};
}
INLINE struct ints ints_up(struct ints x, uint32_t bits)
{
    return (struct ints){_mm256_slli_epi32(x.a, (int)bits), _mm256_slli_epi32(x.b, (int)bits)};
}
INLINE struct ints ints_down_signed(struct ints x, uint32_t bits)
{
    return (struct ints){_mm256_srai_epi32(x.a, (int)bits), _mm256_srai_epi32(x.b, (int)bits)};
}

INLINE struct ints ints_max(struct ints x, struct ints y) { return INTS_EACH(_mm256_max_epi32, x, y); }
/* Bytes below 16 -> those of the table. */
INLINE struct ints ints_look_up(const uint8_t table[16], struct ints x)
{
    __m256i entries = _mm256_broadcastsi128_si256(_mm_loadu_si128((const __m128i *)table));
    return (struct ints){_mm256_shuffle_epi8(entries, x.a), _mm256_shuffle_epi8(entries, x.b)};
}

/* Bytes a, b, c, d of each lane. */
INLINE struct ints ints_shuffle(struct ints x, uint32_t a, uint32_t b, uint32_t c, uint32_t d)
{
    const __m256i first = _mm256_broadcastsi128_si256(_mm_set_epi32(0x0c0c0c0c, 0x08080808, 0x04040404, 0));
    const __m256i at = _mm256_or_si256(first, _mm256_set1_epi32((int32_t)(a | b << 8 | c << 16 | d << 24)));
    return (struct ints){_mm256_shuffle_epi8(x.a, at), _mm256_shuffle_epi8(x.b, at)};
}
/* Bytes -1 where x has one of the bits `bit`, else 1; x turned by them. */
INLINE __m256i ints_sign(__m256i x, __m256i bits)
{
    return _mm256_or_si256(_mm256_cmpeq_epi8(_mm256_and_si256(x, bits), bits), _mm256_set1_epi8(1));
}
INLINE struct ints ints_turn(struct ints x, int32_t bit)
{
    const __m256i bits = _mm256_set1_epi32(bit);
    return (struct ints){ints_sign(x.a, bits), ints_sign(x.b, bits)};
}
INLINE struct ints ints_turned(struct ints x, struct ints turn) { return INTS_EACH(_mm256_sign_epi8, x, turn); }
INLINE struct ints ints_add_bytes(struct ints x, struct ints y) { return INTS_EACH(_mm256_add_epi8, x, y); }

/* Entries of a table, that of row r by at[2r]: of four columns, a row a lane. A load to all lanes and a blend take no unit of shuffles. */
INLINE __m256i ints_four(const uint32_t *table, const uint16_t *at) { return _mm256_set1_epi32((int32_t)table[*at]); }
INLINE __m256i ints_fours(const uint32_t *table, const uint16_t *at)
{
    __m256i a = _mm256_blend_epi32(ints_four(table, at), ints_four(table, at + 2), 0xaa);
    __m256i b = _mm256_blend_epi32(ints_four(table, at + 4), ints_four(table, at + 6), 0xaa);
    __m256i c = _mm256_blend_epi32(ints_four(table, at + 8), ints_four(table, at + 10), 0xaa);
    __m256i d = _mm256_blend_epi32(ints_four(table, at + 12), ints_four(table, at + 14), 0xaa);
    return _mm256_blend_epi32(_mm256_blend_epi32(a, b, 0xcc), _mm256_blend_epi32(c, d, 0xcc), 0xf0);
}
INLINE struct ints ints_pick_fours(const uint32_t *table, const uint16_t *at)
{
    return (struct ints){ints_fours(table, at), ints_fours(table, at + 16)};
}

/* Of eight columns: two vectors of four, a row a lane. */
INLINE __m256i ints_eight(const uint64_t *table, const uint16_t *at) { return _mm256_set1_epi64x((int64_t)table[*at]); }
INLINE __m256 ints_eights(const uint64_t *table, const uint16_t *at)
{
    __m256i a = _mm256_blend_epi32(ints_eight(table, at), ints_eight(table, at + 2), 0xcc);
    __m256i b = _mm256_blend_epi32(ints_eight(table, at + 8), ints_eight(table, at + 10), 0xcc);
    return _mm256_castsi256_ps(_mm256_blend_epi32(a, b, 0xf0));
}
INLINE void ints_pick_eights(const uint64_t *table, const uint16_t *at, struct ints ret_codes[2])
{
    __m256 a = ints_eights(table, at), b = ints_eights(table, at + 4), c = ints_eights(table, at + 16), d = ints_eights(table, at + 20);
    ret_codes[0] = (struct ints){_mm256_castps_si256(_mm256_shuffle_ps(a, b, 0x88)), _mm256_castps_si256(_mm256_shuffle_ps(c, d, 0x88))};
    ret_codes[1] = (struct ints){_mm256_castps_si256(_mm256_shuffle_ps(a, b, 0xdd)), _mm256_castps_si256(_mm256_shuffle_ps(c, d, 0xdd))};
}

INLINE struct lanes ints_to_lanes(struct ints x) { return (struct lanes){_mm256_cvtepi32_ps(x.a), _mm256_cvtepi32_ps(x.b)}; }
INLINE struct lanes ints_as_lanes(struct ints x)
{
    return (struct lanes){_mm256_castsi256_ps(x.a), _mm256_castsi256_ps(x.b)};
}

/* Bits of f16 below 65536 -> f32. */
INLINE struct lanes ints_as_f16(struct ints x)
{
    __m256i halves = _mm256_permute4x64_epi64(_mm256_packus_epi32(x.a, x.b), 0xd8);
    return (struct lanes){_mm256_cvtph_ps(_mm256_castsi256_si128(halves)), _mm256_cvtph_ps(_mm256_extracti128_si256(halves, 1))};
}

/* low * low half of y + high half * high half, of 16 bits each */
INLINE struct ints ints_multiply_halves(struct ints x, struct ints y) { return INTS_EACH(_mm256_madd_epi16, x, y); }

/* 16 unsigned E4M3, halved, the pattern of NaN as 0: in the bits of f16 they are 2^-8 times as large. */
INLINE struct lanes lanes_from_e4m3(const void *at)
{
    __m128i bytes = _mm_loadu_si128(at), nan = _mm_cmpeq_epi8(bytes, _mm_set1_epi8(0x7f));
    bytes = _mm_and_si128(_mm_andnot_si128(nan, bytes), _mm_set1_epi8(0x7f));
    __m256i halves = _mm256_slli_epi16(_mm256_cvtepu8_epi16(bytes), 7);
    __m256 factor = _mm256_set1_ps(128);
    return (struct lanes){_mm256_mul_ps(_mm256_cvtph_ps(_mm256_castsi256_si128(halves)), factor),
                          _mm256_mul_ps(_mm256_cvtph_ps(_mm256_extracti128_si256(halves, 1)), factor)};
}

/* Bits 4i..4i+3 of each lane as bit 4 of its four bytes. */
INLINE struct ints ints_fifth_bits(struct ints word, uint32_t i)
{
    const __m256i first = _mm256_broadcastsi128_si256(_mm_set_epi32(0x0c0c0c0c, 0x08080808, 0x04040404, 0));
    const __m256i at = _mm256_or_si256(first, _mm256_set1_epi8((char)(i / 2)));
    const __m256i bit = _mm256_set1_epi32(i % 2 ? (int32_t)0x80402010 : 0x08040201), one = _mm256_set1_epi8(16);
    __m256i a = _mm256_and_si256(_mm256_shuffle_epi8(word.a, at), bit), b = _mm256_and_si256(_mm256_shuffle_epi8(word.b, at), bit);
    return (struct ints){_mm256_and_si256(_mm256_cmpeq_epi8(a, bit), one), _mm256_and_si256(_mm256_cmpeq_epi8(b, bit), one)};
}

/* --- sums of products of codes ------------------------------------------------------------------------------------- */

/* vpmaddubsw saturates at 16 bits. Activations are at most 127, so of pairs of products with codes of 4 bits eight fit
 * (8 * 2 * 15 * 127), of 5 bits four, of 6 bits two, of 7 bits and of 8, signed, one. */
#define CODE_CLASSES(CLASS) CLASS(4) CLASS(5) CLASS(6) CLASS(7) CLASS(8)

INLINE uint32_t sums_run(uint32_t bits) { return bits <= 4 ? 8 : bits == 5 ? 4 : bits == 6 ? 2 : 1; }

/* Sums of 16 bits that wait, and those of 32 bits. */
struct sums { struct ints waiting, total; };

INLINE struct sums sums_zero(void) { return (struct sums){ints_set(0), ints_set(0)}; }

INLINE __m256i sums_products(uint32_t bits, __m256i codes, __m256i x)
{
    return bits == 8 ? _mm256_maddubs_epi16(_mm256_abs_epi8(codes), _mm256_sign_epi8(x, codes)) : _mm256_maddubs_epi16(codes, x);
}

INLINE struct ints sums_flush(struct sums sums)
{
    const __m256i one = _mm256_set1_epi16(1);
    return (struct ints){_mm256_add_epi32(sums.total.a, _mm256_madd_epi16(sums.waiting.a, one)),
                         _mm256_add_epi32(sums.total.b, _mm256_madd_epi16(sums.waiting.b, one))};
}

/* Adds the four products in each lane; `i` counts the vectors of the group. */
INLINE struct sums sums_step(uint32_t bits, uint32_t i, struct sums sums, struct ints codes, struct ints x)
{
    struct ints products = {sums_products(bits, codes.a, x.a), sums_products(bits, codes.b, x.b)};
    if (i % sums_run(bits) == 0)
        sums.waiting = products;
    else
        sums.waiting = INTS_EACH(_mm256_add_epi16, sums.waiting, products);
    if (i % sums_run(bits) == sums_run(bits) - 1)
        sums.total = sums_flush(sums);
    return sums;
}

/* After n vectors. */
INLINE struct ints sums_total(uint32_t bits, uint32_t n, struct sums sums)
{
    return n % sums_run(bits) ? sums_flush(sums) : sums.total;
}

#endif
