/* SPDX-License-Identifier: MIT */
/* Sixteen lanes in four 128-bit registers: the operations that math.h, vector_lanes.h and attend_lanes.h are written in.
 * None of them rounds otherwise than the scalar ones of ref/lanes.h. */
#ifndef TL_KERNEL_NEON_LANES_H
#define TL_KERNEL_NEON_LANES_H

#include <arm_neon.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct lanes { float32x4_t a, b, c, d; };
struct lanes_mask { uint32x4_t a, b, c, d; };

#define LANES_UNARY(operation, x) (struct lanes){ operation((x).a), operation((x).b), operation((x).c), operation((x).d) }
#define LANES_PAIRED(type, operation, x, y) \
    (struct type){ operation((x).a, (y).a), operation((x).b, (y).b), operation((x).c, (y).c), operation((x).d, (y).d) }
#define LANES_THREE(operation, x, y, z) \
    (struct lanes){ operation((x).a, (y).a, (z).a), operation((x).b, (y).b, (z).b), \
                    operation((x).c, (y).c, (z).c), operation((x).d, (y).d, (z).d) }

static inline struct lanes lanes_set(float value)
{
    float32x4_t all = vdupq_n_f32(value);
    return (struct lanes){ all, all, all, all };
}
static inline struct lanes lanes_load(const void *at)
{
    const float *from = at;
    return (struct lanes){ vld1q_f32(from), vld1q_f32(from + 4), vld1q_f32(from + 8), vld1q_f32(from + 12) };
}
static inline void lanes_store(float *at, struct lanes x)
{
    vst1q_f32(at, x.a);
    vst1q_f32(at + 4, x.b);
    vst1q_f32(at + 8, x.c);
    vst1q_f32(at + 12, x.d);
}

/* The first n lanes (n <= 16). Loads give 0 in the others and read nothing there. */
static inline struct lanes_mask lanes_first(size_t n)
{
    static const uint32_t index[16] = { 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15 };
    uint32x4_t count = vdupq_n_u32((uint32_t)n);
    return (struct lanes_mask){ vcgtq_u32(count, vld1q_u32(index)), vcgtq_u32(count, vld1q_u32(index + 4)),
                                vcgtq_u32(count, vld1q_u32(index + 8)), vcgtq_u32(count, vld1q_u32(index + 12)) };
}
static inline struct lanes lanes_load_first(const float *at, size_t n)
{
    float copy[16] = { 0 };
    memcpy(copy, at, n * sizeof(float));
    return lanes_load(copy);
}
static inline void lanes_store_first(float *at, size_t n, struct lanes x)
{
    float copy[16];
    lanes_store(copy, x);
    memcpy(at, copy, n * sizeof(float));
}

static inline struct lanes lanes_add(struct lanes x, struct lanes y) { return LANES_PAIRED(lanes, vaddq_f32, x, y); }
static inline struct lanes lanes_sub(struct lanes x, struct lanes y) { return LANES_PAIRED(lanes, vsubq_f32, x, y); }
static inline struct lanes lanes_mul(struct lanes x, struct lanes y) { return LANES_PAIRED(lanes, vmulq_f32, x, y); }
static inline struct lanes lanes_div(struct lanes x, struct lanes y) { return LANES_PAIRED(lanes, vdivq_f32, x, y); }
static inline struct lanes lanes_fma(struct lanes x, struct lanes y, struct lanes z)
{
    return LANES_THREE(vfmaq_f32, z, x, y);
}

static inline struct lanes lanes_abs(struct lanes x) { return LANES_UNARY(vabsq_f32, x); }
static inline struct lanes lanes_negate(struct lanes x) { return LANES_UNARY(vnegq_f32, x); }
static inline float32x4_t lanes_copysign_part(float32x4_t size, float32x4_t sign)
{
    return vbslq_f32(vdupq_n_u32(0x80000000u), sign, size);
}
static inline struct lanes lanes_copysign(struct lanes size, struct lanes sign)
{
    return LANES_PAIRED(lanes, lanes_copysign_part, size, sign);
}

static inline struct lanes_mask lanes_greater(struct lanes x, struct lanes y)
{
    return LANES_PAIRED(lanes_mask, vcgtq_f32, x, y);
}
static inline struct lanes_mask lanes_less(struct lanes x, struct lanes y)
{
    return LANES_PAIRED(lanes_mask, vcltq_f32, x, y);
}
static inline uint32x4_t lanes_differ(float32x4_t x, float32x4_t y) { return vmvnq_u32(vceqq_f32(x, y)); }
static inline struct lanes_mask lanes_unordered(struct lanes x) { return LANES_PAIRED(lanes_mask, lanes_differ, x, x); }
static inline struct lanes lanes_select(struct lanes_mask mask, struct lanes yes, struct lanes no)
{
    return LANES_THREE(vbslq_f32, mask, yes, no);
}
/* x > y ? x : y (the maximum instruction treats NaN and zeros otherwise) */
static inline struct lanes lanes_larger(struct lanes x, struct lanes y)
{
    return lanes_select(lanes_greater(x, y), x, y);
}

static inline float32x4_t lanes_raise_part(float32x4_t value, float32x4_t count)
{
    uint32x4_t shifted = vshlq_n_u32(vreinterpretq_u32_f32(count), 23);
    return vreinterpretq_f32_u32(vaddq_u32(vreinterpretq_u32_f32(value), shifted));
}
static inline struct lanes lanes_raise(struct lanes value, struct lanes count)
{
    return LANES_PAIRED(lanes, lanes_raise_part, value, count);
}

/* Pairs of neighbours: (a, b) -> (b, a), (a, a), (b, b), (-a, b). */
static inline float32x4_t lanes_even_part(float32x4_t x) { return vtrn1q_f32(x, x); }
static inline float32x4_t lanes_odd_part(float32x4_t x) { return vtrn2q_f32(x, x); }
static inline float32x4_t lanes_negate_part(float32x4_t x)
{
    uint32x4_t signs = vreinterpretq_u32_u64(vdupq_n_u64(0x80000000u));
    return vreinterpretq_f32_u32(veorq_u32(vreinterpretq_u32_f32(x), signs));
}
static inline struct lanes lanes_swap(struct lanes x) { return LANES_UNARY(vrev64q_f32, x); }
static inline struct lanes lanes_evens(struct lanes x) { return LANES_UNARY(lanes_even_part, x); }
static inline struct lanes lanes_odds(struct lanes x) { return LANES_UNARY(lanes_odd_part, x); }
static inline struct lanes lanes_negate_evens(struct lanes x) { return LANES_UNARY(lanes_negate_part, x); }
/* Sixteen pairs -> the first and the second of each. */
static inline void lanes_unzip(struct lanes low, struct lanes high, struct lanes *ret_firsts, struct lanes *ret_seconds)
{
    *ret_firsts = (struct lanes){ vuzp1q_f32(low.a, low.b), vuzp1q_f32(low.c, low.d),
                                  vuzp1q_f32(high.a, high.b), vuzp1q_f32(high.c, high.d) };
    *ret_seconds = (struct lanes){ vuzp2q_f32(low.a, low.b), vuzp2q_f32(low.c, low.d),
                                   vuzp2q_f32(high.a, high.b), vuzp2q_f32(high.c, high.d) };
}

/* Sixteen stored elements -> f32, exactly. */
static inline struct lanes lanes_load_f16(const void *at)
{
    uint16x8_t low = vld1q_u16(at), high = vld1q_u16((const uint16_t *)at + 8);
    float16x8_t first = vreinterpretq_f16_u16(low), second = vreinterpretq_f16_u16(high);
    return (struct lanes){ vcvt_f32_f16(vget_low_f16(first)), vcvt_high_f32_f16(first),
                           vcvt_f32_f16(vget_low_f16(second)), vcvt_high_f32_f16(second) };
}
static inline struct lanes lanes_load_bf16(const void *at)
{
    uint16x8_t low = vld1q_u16(at), high = vld1q_u16((const uint16_t *)at + 8);
    return (struct lanes){ vreinterpretq_f32_u32(vshll_n_u16(vget_low_u16(low), 16)),
                           vreinterpretq_f32_u32(vshll_high_n_u16(low, 16)),
                           vreinterpretq_f32_u32(vshll_n_u16(vget_low_u16(high), 16)),
                           vreinterpretq_f32_u32(vshll_high_n_u16(high, 16)) };
}
static inline struct lanes lanes_load_i8(const void *at)
{
    int8x16_t codes = vld1q_s8(at);
    int16x8_t low = vmovl_s8(vget_low_s8(codes)), high = vmovl_high_s8(codes);
    return (struct lanes){ vcvtq_f32_s32(vmovl_s16(vget_low_s16(low))), vcvtq_f32_s32(vmovl_high_s16(low)),
                           vcvtq_f32_s32(vmovl_s16(vget_low_s16(high))), vcvtq_f32_s32(vmovl_high_s16(high)) };
}
/* One f16 in all lanes. */
static inline struct lanes lanes_set_f16(const void *at)
{
    uint16_t half;
    memcpy(&half, at, 2);
    float32x4_t all = vcvt_f32_f16(vreinterpret_f16_u16(vdup_n_u16(half)));
    return (struct lanes){ all, all, all, all };
}

#endif
