/* SPDX-License-Identifier: MIT */
/* Sixteen integer lanes in one 512-bit register, and what q8_lanes.h and values_lanes.h need to know of this level.
 * A lane is a row of a panel; it holds one integer or the codes of four columns. */
#ifndef TL_KERNEL_AVX512_INTS_H
#define TL_KERNEL_AVX512_INTS_H

#include "kernel/inline.h"
#include "kernel/x86/avx512/lanes.h"

/* Registers: two panels by five tokens of integer sums and as many f32 accumulators; of f32 alone, two by six. */
enum { TILE_PANELS = 2, MANY_TOKENS = 5, FEW_LIMIT = 32, VALUE_TOKENS = 6, CODES_8_SIGNED = 0 };

struct ints { __m512i v; };

INLINE struct ints ints_load(const void *at) { return (struct ints){_mm512_loadu_si512(at)}; }
INLINE void ints_store(void *at, struct ints x) { _mm512_storeu_si512(at, x.v); }
INLINE struct ints ints_set(int32_t value) { return (struct ints){_mm512_set1_epi32(value)}; }
INLINE struct ints ints_bytes(int value) { return (struct ints){_mm512_set1_epi8((char)value)}; }

/* The 4 bytes at `at` in every lane. */
INLINE struct ints ints_every4(const void *at)
{
    int32_t word;
    memcpy(&word, at, sizeof word);
    return ints_set(word);
}

/* 16 bytes, one a lane. */
INLINE struct ints ints_from_u8(const void *at) { return (struct ints){_mm512_cvtepu8_epi32(_mm_loadu_si128(at))}; }
INLINE struct ints ints_from_i8(const void *at) { return (struct ints){_mm512_cvtepi8_epi32(_mm_loadu_si128(at))}; }

INLINE struct ints ints_from_u16(const void *at) { return (struct ints){_mm512_cvtepu16_epi32(_mm256_loadu_si256(at))}; }

INLINE struct ints ints_add(struct ints x, struct ints y) { return (struct ints){_mm512_add_epi32(x.v, y.v)}; }
INLINE struct ints ints_and(struct ints x, struct ints y) { return (struct ints){_mm512_and_si512(x.v, y.v)}; }
INLINE struct ints ints_or(struct ints x, struct ints y) { return (struct ints){_mm512_or_si512(x.v, y.v)}; }
INLINE struct ints ints_xor(struct ints x, struct ints y) { return (struct ints){_mm512_xor_si512(x.v, y.v)}; }
/* x | (y & mask) */
INLINE struct ints ints_or_and(struct ints x, struct ints y, struct ints mask)
{
    return (struct ints){_mm512_ternarylogic_epi32(x.v, y.v, mask.v, 0xf8)};
}
INLINE struct ints ints_down(struct ints x, uint32_t bits) { return (struct ints){_mm512_srli_epi32(x.v, bits)}; }
INLINE struct ints ints_up(struct ints x, uint32_t bits) { return (struct ints){_mm512_slli_epi32(x.v, bits)}; }
INLINE struct ints ints_down_signed(struct ints x, uint32_t bits) { return (struct ints){_mm512_srai_epi32(x.v, bits)}; }

INLINE struct ints ints_max(struct ints x, struct ints y) { return (struct ints){_mm512_max_epi32(x.v, y.v)}; }
/* Bytes below 16 -> those of the table. */
INLINE struct ints ints_look_up(const uint8_t table[16], struct ints x)
{
    return (struct ints){_mm512_shuffle_epi8(_mm512_broadcast_i32x4(_mm_loadu_si128((const __m128i *)table)), x.v)};
}
/* Bytes a, b, c, d of each lane. */
INLINE struct ints ints_shuffle(struct ints x, uint32_t a, uint32_t b, uint32_t c, uint32_t d)
{
    const __m512i first = _mm512_broadcast_i32x4(_mm_set_epi32(0x0c0c0c0c, 0x08080808, 0x04040404, 0));
    return (struct ints){_mm512_shuffle_epi8(x.v, _mm512_or_si512(first, _mm512_set1_epi32((int32_t)(a | b << 8 | c << 16 | d << 24))))};
}
/* As ints_look_up, in tables[1] where byte `choice` has one of the bits `bit`. */
INLINE struct ints ints_look_up_either(const uint8_t tables[2][16], struct ints x, struct ints choice, int32_t bit)
{
    __mmask64 second = _mm512_test_epi8_mask(choice.v, _mm512_set1_epi32(bit));
    __m512i entries = _mm512_broadcast_i32x4(_mm_loadu_si128((const __m128i *)tables[1]));
    return (struct ints){_mm512_mask_shuffle_epi8(ints_look_up(tables[0], x).v, second, entries, x.v)};
}

/* Halves -> entries of a table, by pairs of its registers between which the bits of the numbers choose. */
INLINE __m512i ints_pick_64(const uint16_t *table, __m512i at)
{
    return _mm512_permutex2var_epi16(_mm512_loadu_si512(table), at, _mm512_loadu_si512(table + 32));
}
#define PICK(n, half) \
    INLINE __m512i ints_pick_##n(const uint16_t *table, __m512i at) \
    { \
        __mmask32 is_upper = _mm512_test_epi16_mask(at, _mm512_set1_epi16(half)); \
        return _mm512_mask_blend_epi16(is_upper, ints_pick_##half(table, at), ints_pick_##half(table + (half), at)); \
    }
PICK(128, 64) PICK(256, 128) PICK(512, 256) PICK(1024, 512) PICK(2048, 1024)
#undef PICK

/* Halves of at[0] and at[1] -> entries of a table. */
INLINE void ints_pick(const uint16_t *table, uint32_t count, struct ints at[2])
{
    UNROLL
    for (uint32_t i = 0; i < 2; i++)
        switch (count) {
        case 256: at[i].v = ints_pick_256(table, at[i].v); break;
        case 512: at[i].v = ints_pick_512(table, at[i].v); break;
        case 1024: at[i].v = ints_pick_1024(table, at[i].v); break;
        default: at[i].v = ints_pick_2048(table, at[i].v);
        }
}

INLINE struct lanes ints_to_lanes(struct ints x) { return (struct lanes){_mm512_cvtepi32_ps(x.v)}; }
INLINE struct lanes ints_as_lanes(struct ints x) { return (struct lanes){_mm512_castsi512_ps(x.v)}; }
/* Bits of f16 below 65536 -> f32. */
INLINE struct lanes ints_as_f16(struct ints x) { return (struct lanes){_mm512_cvtph_ps(_mm512_cvtepi32_epi16(x.v))}; }

/* low * low half of y + high half * high half, of 16 bits each */
INLINE struct ints ints_multiply_halves(struct ints x, struct ints y) { return (struct ints){_mm512_madd_epi16(x.v, y.v)}; }

/* 16 unsigned E4M3, halved, the pattern of NaN as 0: in the bits of f16 they are 2^-8 times as large. */
INLINE struct lanes lanes_from_e4m3(const void *at)
{
    __m128i bytes = _mm_loadu_si128(at), nan = _mm_cmpeq_epi8(bytes, _mm_set1_epi8(0x7f));
    bytes = _mm_and_si128(_mm_andnot_si128(nan, bytes), _mm_set1_epi8(0x7f));
    __m512 small = _mm512_cvtph_ps(_mm256_slli_epi16(_mm256_cvtepu8_epi16(bytes), 7));
    return (struct lanes){_mm512_mul_ps(small, _mm512_set1_ps(128))};
}

/* Bits 4i..4i+3 of each lane as bit 4 of its four bytes. */
INLINE struct ints ints_fifth_bits(struct ints word, uint32_t i)
{
    const __m512i first = _mm512_broadcast_i32x4(_mm_set_epi32(0x0c0c0c0c, 0x08080808, 0x04040404, 0));
    __m512i bytes = _mm512_shuffle_epi8(word.v, _mm512_or_si512(first, _mm512_set1_epi8((char)(i / 2))));
    __m512i bit = _mm512_set1_epi32(i % 2 ? (int32_t)0x80402010 : 0x08040201);
    return (struct ints){_mm512_maskz_mov_epi8(_mm512_test_epi8_mask(bytes, bit), _mm512_set1_epi8(16))};
}

/* --- sums of products of codes ----------------------------------------------------------------------------------------- */

/* One class of formats: any codes of 8 bits, unsigned. */
#define CODE_CLASSES(CLASS) CLASS(8)

struct sums { __m512i v; };

INLINE struct sums sums_zero(void) { return (struct sums){_mm512_setzero_si512()}; }

/* Adds the four products in each lane; `i` counts the vectors of the group. */
INLINE struct sums sums_step(uint32_t bits, uint32_t i, struct sums sums, struct ints codes, struct ints x)
{
    (void)bits;
    (void)i;
    return (struct sums){_mm512_dpbusd_epi32(sums.v, codes.v, x.v)};
}

/* After n vectors. */
INLINE struct ints sums_total(uint32_t bits, uint32_t n, struct sums sums)
{
    (void)bits;
    (void)n;
    return (struct ints){sums.v};
}

/* --- fp8 and bf16 ------------------------------------------------------------------------------------------------------ */

#define LANES_HAVE_PAIRS 1
INLINE struct lanes lanes_add_pairs(struct lanes acc, struct ints w, struct ints x)
{
    __asm__("vdpbf16ps %2, %1, %0" : "+v"(acc.v) : "v"(w.v), "v"(x.v));
    return acc;
}

/* E4M3 in bytes 2i and 2i + 1 of each lane -> a pair of bf16, exactly. Magnitudes 0..7 and 127 come from a table: what is
 * below 8 wraps when 8 is taken off, so that one comparison finds both. */
INLINE struct ints ints_fp8_pairs(struct ints codes, uint32_t i)
{
    const __m512i table = _mm512_set_epi16(0x7fc0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
                                           0x3c60, 0x3c40, 0x3c20, 0x3c00, 0x3bc0, 0x3b80, 0x3b00, 0);
    const __m512i first = _mm512_broadcast_i32x4(_mm_set_epi32((int)0x0d800c80, (int)0x09800880, (int)0x05800480, 0x01800080));
    __m512i half = _mm512_shuffle_epi8(codes.v, _mm512_add_epi8(first, _mm512_set1_epi16((short)(2 * i << 8))));
    __m512i size = _mm512_and_si512(half, _mm512_set1_epi16(0x7f00));
    __mmask32 special = _mm512_cmpge_epu16_mask(_mm512_sub_epi16(size, _mm512_set1_epi16(0x0800)), _mm512_set1_epi16(0x7700));
    __m512i value = _mm512_add_epi16(_mm512_srli_epi16(size, 4), _mm512_set1_epi16(0x3c00));
    value = _mm512_mask_permutexvar_epi16(value, special, _mm512_srli_epi16(size, 8), table);
    return (struct ints){_mm512_ternarylogic_epi32(value, half, _mm512_set1_epi16((short)0x8000), 0xf8)};
}

#endif
