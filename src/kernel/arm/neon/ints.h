/* SPDX-License-Identifier: MIT */
/* Sixteen integer lanes in four 128-bit registers, and what q8_lanes.h and values_lanes.h need to know of this level.
 * A lane is a row of a panel; it holds one integer or the codes of four columns. */
#ifndef TL_KERNEL_NEON_INTS_H
#define TL_KERNEL_NEON_INTS_H

#include "kernel/arm/neon/lanes.h"
#include "kernel/inline.h"

/* Registers: one panel by three tokens of sums and as many f32 accumulators; of f32 alone, one by five. */
enum { TILE_PANELS = 1, MANY_TOKENS = 3, FEW_LIMIT = 16, VALUE_TOKENS = 5, CODES_8_SIGNED = 1, SIGNS_APART = 0 };

struct ints { int32x4_t a, b, c, d; };

#define INTS_ONE(operation, x) (struct ints){operation((x).a), operation((x).b), operation((x).c), operation((x).d)}
#define INTS_EACH(operation, x, y) \
    (struct ints){operation((x).a, (y).a), operation((x).b, (y).b), operation((x).c, (y).c), operation((x).d, (y).d)}

INLINE struct ints ints_load(const void *at)
{
    const uint8_t *from = at;
    return (struct ints){vreinterpretq_s32_u8(vld1q_u8(from)), vreinterpretq_s32_u8(vld1q_u8(from + 16)),
                         vreinterpretq_s32_u8(vld1q_u8(from + 32)), vreinterpretq_s32_u8(vld1q_u8(from + 48))};
}
INLINE void ints_store(void *at, struct ints x)
{
    int32_t *to = at;
    vst1q_s32(to, x.a);
    vst1q_s32(to + 4, x.b);
    vst1q_s32(to + 8, x.c);
    vst1q_s32(to + 12, x.d);
}
INLINE struct ints ints_set(int32_t value)
{
    int32x4_t all = vdupq_n_s32(value);
    return (struct ints){all, all, all, all};
}
INLINE struct ints ints_bytes(int value)
{
    int32x4_t all = vreinterpretq_s32_u8(vdupq_n_u8((uint8_t)value));
    return (struct ints){all, all, all, all};
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
    uint8x16_t bytes = vld1q_u8(at);
    uint16x8_t low = vmovl_u8(vget_low_u8(bytes)), high = vmovl_high_u8(bytes);
    return (struct ints){vreinterpretq_s32_u32(vmovl_u16(vget_low_u16(low))), vreinterpretq_s32_u32(vmovl_high_u16(low)),
                         vreinterpretq_s32_u32(vmovl_u16(vget_low_u16(high))), vreinterpretq_s32_u32(vmovl_high_u16(high))};
}
INLINE struct ints ints_from_i8(const void *at)
{
    int8x16_t bytes = vld1q_s8(at);
    int16x8_t low = vmovl_s8(vget_low_s8(bytes)), high = vmovl_high_s8(bytes);
    return (struct ints){vmovl_s16(vget_low_s16(low)), vmovl_high_s16(low), vmovl_s16(vget_low_s16(high)), vmovl_high_s16(high)};
}

INLINE struct ints ints_from_u16(const void *at)
{
    uint16x8_t low = vld1q_u16(at), high = vld1q_u16((const uint16_t *)at + 8);
    return (struct ints){vreinterpretq_s32_u32(vmovl_u16(vget_low_u16(low))), vreinterpretq_s32_u32(vmovl_high_u16(low)),
                         vreinterpretq_s32_u32(vmovl_u16(vget_low_u16(high))), vreinterpretq_s32_u32(vmovl_high_u16(high))};
}

INLINE struct ints ints_add(struct ints x, struct ints y) { return INTS_EACH(vaddq_s32, x, y); }
INLINE struct ints ints_and(struct ints x, struct ints y) { return INTS_EACH(vandq_s32, x, y); }
INLINE struct ints ints_or(struct ints x, struct ints y) { return INTS_EACH(vorrq_s32, x, y); }
INLINE struct ints ints_xor(struct ints x, struct ints y) { return INTS_EACH(veorq_s32, x, y); }
/* x | (y & mask) */
INLINE struct ints ints_or_and(struct ints x, struct ints y, struct ints mask) { return ints_or(x, ints_and(y, mask)); }

INLINE int32x4_t ints_shifted(int32x4_t x, int32x4_t up) { return vreinterpretq_s32_u32(vshlq_u32(vreinterpretq_u32_s32(x), up)); }
INLINE struct ints ints_down(struct ints x, uint32_t bits) { return INTS_EACH(ints_shifted, x, ints_set(-(int32_t)bits)); }
INLINE struct ints ints_up(struct ints x, uint32_t bits) { return INTS_EACH(ints_shifted, x, ints_set((int32_t)bits)); }
INLINE struct ints ints_down_signed(struct ints x, uint32_t bits) { return INTS_EACH(vshlq_s32, x, ints_set(-(int32_t)bits)); }

INLINE struct ints ints_max(struct ints x, struct ints y) { return INTS_EACH(vmaxq_s32, x, y); }
/* Bytes below 16 -> those of the table. */
INLINE int32x4_t ints_entries(uint8x16_t table, int32x4_t x)
{
    return vreinterpretq_s32_u8(vqtbl1q_u8(table, vreinterpretq_u8_s32(x)));
}
INLINE struct ints ints_look_up(const uint8_t table[16], struct ints x)
{
    uint8x16_t entries = vld1q_u8(table);
    return (struct ints){ints_entries(entries, x.a), ints_entries(entries, x.b), ints_entries(entries, x.c),
                         ints_entries(entries, x.d)};
}

/* Bytes a, b, c, d of each lane. */
INLINE struct ints ints_shuffle(struct ints x, uint32_t a, uint32_t b, uint32_t c, uint32_t d)
{
    const uint32_t bytes = a | b << 8 | c << 16 | d << 24;
    const int32x4_t at = vreinterpretq_s32_u32((uint32x4_t){bytes, bytes + 0x04040404, bytes + 0x08080808, bytes + 0x0c0c0c0c});
    return (struct ints){ints_entries(vreinterpretq_u8_s32(x.a), at), ints_entries(vreinterpretq_u8_s32(x.b), at),
                         ints_entries(vreinterpretq_u8_s32(x.c), at), ints_entries(vreinterpretq_u8_s32(x.d), at)};
}
/* Bytes -1 where x has one of the bits `bit`, else 1; x turned by them. */
INLINE int32x4_t ints_sign(int32x4_t x, uint8x16_t bits)
{
    return vreinterpretq_s32_u8(vorrq_u8(vtstq_u8(vreinterpretq_u8_s32(x), bits), vdupq_n_u8(1)));
}
INLINE struct ints ints_turn(struct ints x, int32_t bit)
{
    const uint8x16_t bits = vreinterpretq_u8_s32(vdupq_n_s32(bit));
    return (struct ints){ints_sign(x.a, bits), ints_sign(x.b, bits), ints_sign(x.c, bits), ints_sign(x.d, bits)};
}
INLINE int32x4_t ints_multiplied_bytes(int32x4_t x, int32x4_t y)
{
    return vreinterpretq_s32_s8(vmulq_s8(vreinterpretq_s8_s32(x), vreinterpretq_s8_s32(y)));
}
INLINE int32x4_t ints_added_bytes(int32x4_t x, int32x4_t y)
{
    return vreinterpretq_s32_s8(vaddq_s8(vreinterpretq_s8_s32(x), vreinterpretq_s8_s32(y)));
}
INLINE struct ints ints_turned(struct ints x, struct ints turn) { return INTS_EACH(ints_multiplied_bytes, x, turn); }
INLINE struct ints ints_add_bytes(struct ints x, struct ints y) { return INTS_EACH(ints_added_bytes, x, y); }

/* Entries of a table, that of row r by at[2r]: of four columns, a row a lane. */
INLINE int32x4_t ints_fours(const uint32_t *table, const uint16_t *at)
{
    return vreinterpretq_s32_u32((uint32x4_t){table[at[0]], table[at[2]], table[at[4]], table[at[6]]});
}
INLINE struct ints ints_pick_fours(const uint32_t *table, const uint16_t *at)
{
    return (struct ints){ints_fours(table, at), ints_fours(table, at + 8), ints_fours(table, at + 16), ints_fours(table, at + 24)};
}

/* Of eight columns: two vectors of four, a row a lane. */
INLINE int32x4_t ints_eights(const uint64_t *table, const uint16_t *at)
{
    return vreinterpretq_s32_u64((uint64x2_t){table[at[0]], table[at[2]]});
}
INLINE void ints_pick_eights(const uint64_t *table, const uint16_t *at, struct ints ret_codes[2])
{
    struct ints low = {ints_eights(table, at), ints_eights(table, at + 8), ints_eights(table, at + 16), ints_eights(table, at + 24)};
    struct ints high = {ints_eights(table, at + 4), ints_eights(table, at + 12), ints_eights(table, at + 20), ints_eights(table, at + 28)};
    ret_codes[0] = INTS_EACH(vuzp1q_s32, low, high);
    ret_codes[1] = INTS_EACH(vuzp2q_s32, low, high);
}

INLINE struct lanes ints_to_lanes(struct ints x)
{
    return (struct lanes){vcvtq_f32_s32(x.a), vcvtq_f32_s32(x.b), vcvtq_f32_s32(x.c), vcvtq_f32_s32(x.d)};
}
INLINE struct lanes ints_as_lanes(struct ints x)
{
    return (struct lanes){vreinterpretq_f32_s32(x.a), vreinterpretq_f32_s32(x.b), vreinterpretq_f32_s32(x.c),
                          vreinterpretq_f32_s32(x.d)};
}

/* Bits of f16 below 65536 -> f32. */
INLINE struct lanes ints_as_f16(struct ints x)
{
    int16x8_t low = vuzp1q_s16(vreinterpretq_s16_s32(x.a), vreinterpretq_s16_s32(x.b));
    int16x8_t high = vuzp1q_s16(vreinterpretq_s16_s32(x.c), vreinterpretq_s16_s32(x.d));
    float16x8_t first = vreinterpretq_f16_s16(low), second = vreinterpretq_f16_s16(high);
    return (struct lanes){vcvt_f32_f16(vget_low_f16(first)), vcvt_high_f32_f16(first), vcvt_f32_f16(vget_low_f16(second)),
                          vcvt_high_f32_f16(second)};
}

/* low * low half of y + high half * high half, of 16 bits each */
INLINE int32x4_t ints_multiplied(int32x4_t x, int32x4_t y)
{
    int32x4_t low = vmulq_s32(vshrq_n_s32(vshlq_n_s32(x, 16), 16), vshrq_n_s32(vshlq_n_s32(y, 16), 16));
    return vmlaq_s32(low, vshrq_n_s32(x, 16), vshrq_n_s32(y, 16));
}
INLINE struct ints ints_multiply_halves(struct ints x, struct ints y) { return INTS_EACH(ints_multiplied, x, y); }

/* 16 unsigned E4M3, halved, the pattern of NaN as 0: in the bits of f16 they are 2^-8 times as large. */
INLINE struct lanes lanes_from_e4m3(const void *at)
{
    uint8x16_t bytes = vld1q_u8(at);
    bytes = vandq_u8(vbicq_u8(bytes, vceqq_u8(bytes, vdupq_n_u8(0x7f))), vdupq_n_u8(0x7f));
    uint16_t halves[16];
    vst1q_u16(halves, vshll_n_u8(vget_low_u8(bytes), 7));
    vst1q_u16(halves + 8, vshll_high_n_u8(bytes, 7));
    return lanes_mul(lanes_load_f16(halves), lanes_set(128));
}

/* Bits 4i..4i+3 of each lane as bit 4 of its four bytes. */
INLINE int32x4_t ints_fifth(int32x4_t word, uint32_t i)
{
    const uint8x16_t first = vreinterpretq_u8_u32((uint32x4_t){0, 0x04040404, 0x08080808, 0x0c0c0c0c});
    const uint8x16_t bit = vreinterpretq_u8_u32(vdupq_n_u32(i % 2 ? 0x80402010 : 0x08040201));
    uint8x16_t bytes = vqtbl1q_u8(vreinterpretq_u8_s32(word), vorrq_u8(first, vdupq_n_u8((uint8_t)(i / 2))));
    return vreinterpretq_s32_u8(vandq_u8(vtstq_u8(bytes, bit), vdupq_n_u8(16)));
}
INLINE struct ints ints_fifth_bits(struct ints word, uint32_t i)
{
    return (struct ints){ints_fifth(word.a, i), ints_fifth(word.b, i), ints_fifth(word.c, i), ints_fifth(word.d, i)};
}

/* --- sums of products of codes ------------------------------------------------------------------------------------- */

/* One class of formats: codes below 128, or signed ones of 8 bits. */
#define CODE_CLASSES(CLASS) CLASS(8)

struct sums { struct ints total; };

INLINE struct sums sums_zero(void) { return (struct sums){ints_set(0)}; }

INLINE int32x4_t sums_dot(int32x4_t total, int32x4_t codes, int32x4_t x)
{
    return vdotq_s32(total, vreinterpretq_s8_s32(codes), vreinterpretq_s8_s32(x));
}

/* Adds the four products in each lane; `i` counts the vectors of the group. */
INLINE struct sums sums_step(uint32_t bits, uint32_t i, struct sums sums, struct ints codes, struct ints x)
{
    (void)bits;
    (void)i;
    return (struct sums){{sums_dot(sums.total.a, codes.a, x.a), sums_dot(sums.total.b, codes.b, x.b),
                          sums_dot(sums.total.c, codes.c, x.c), sums_dot(sums.total.d, codes.d, x.d)}};
}

/* After n vectors. */
INLINE struct ints sums_total(uint32_t bits, uint32_t n, struct sums sums)
{
    (void)bits;
    (void)n;
    return sums.total;
}

#endif
