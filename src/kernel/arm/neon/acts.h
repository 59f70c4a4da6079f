/* SPDX-License-Identifier: MIT */
/* Activations into int8 blocks and bf16, with the bytes that ref/acts.c defines: what acts_lanes.h asks of a level. */
#ifndef TL_KERNEL_NEON_ACTS_H
#define TL_KERNEL_NEON_ACTS_H

#include <arm_neon.h>

#include "kernel/acts.h"
#include "kernel/inline.h"

/* Four vectors of whole numbers within 8 bits -> 16 codes. */
INLINE int8x16_t narrow(const int32x4_t whole[4])
{
    int16x8_t low = vcombine_s16(vmovn_s32(whole[0]), vmovn_s32(whole[1]));
    int16x8_t high = vcombine_s16(vmovn_s32(whole[2]), vmovn_s32(whole[3]));
    return vcombine_s8(vmovn_s16(low), vmovn_s16(high));
}

/* 16 columns: their codes, and the scale. */
INLINE int8x16_t fill_half(const float *x, float *ret_scale)
{
    float32x4_t v[4];
    int32x4_t whole[4];
    uint32x4_t most = vdupq_n_u32(0);
    UNROLL
    for (int i = 0; i < 4; i++) {
        v[i] = vld1q_f32(x + 4 * i);
        most = vmaxq_u32(most, vandq_u32(vreinterpretq_u32_f32(v[i]), vdupq_n_u32(INT32_MAX)));
    }
    union { uint32_t u; float f; } amax = {.u = vmaxvq_u32(most)}, least = {.f = TL_ACTS_LEAST};
    int32x4_t mask = vdupq_n_s32(amax.u >= least.u && amax.u < 0x7f800000 ? -1 : 0);
    float32x4_t inverse = vdupq_n_f32(127.0f / amax.f);
    UNROLL
    for (int i = 0; i < 4; i++)
        whole[i] = vandq_s32(vcvtnq_s32_f32(vmulq_f32(v[i], inverse)), mask);
    *ret_scale = amax.f / 127.0f;
    return narrow(whole);
}

/* 32 columns */
INLINE struct tl_acts_sums acts_codes(const float *x, struct tl_acts_block *block)
{
    int8x16_t low = fill_half(x, &block->scale[0]), high = fill_half(x + 16, &block->scale[1]);
    int32_t low_sum = vaddlvq_s8(low), high_sum = vaddlvq_s8(high);
    vst1q_s8(block->codes, low);
    vst1q_s8(block->codes + 16, high);
    return (struct tl_acts_sums){low_sum, high_sum};
}

/* Round to nearest even; subnormals, before or after, to zero of their sign; NaN stays quiet. */
INLINE uint16x4_t bf16_of(uint32x4_t u)
{
    uint32x4_t size = vandq_u32(u, vdupq_n_u32(INT32_MAX)), half = vshrq_n_u32(u, 16);
    uint32x4_t odd = vandq_u32(half, vdupq_n_u32(1));
    uint32x4_t rounded = vshrq_n_u32(vaddq_u32(vaddq_u32(u, vdupq_n_u32(0x7fff)), odd), 16);
    rounded = vbslq_u32(vcltq_u32(size, vdupq_n_u32(0x00800000)), vandq_u32(half, vdupq_n_u32(0x8000)), rounded);
    rounded = vbslq_u32(vcgtq_u32(size, vdupq_n_u32(0x7f800000)), vorrq_u32(half, vdupq_n_u32(0x0040)), rounded);
    return vmovn_u32(rounded);
}

INLINE void acts_halves(const float *x, uint16_t *ret_halves)
{
    UNROLL
    for (int k = 0; k < 16; k += 4)
        vst1_u16(ret_halves + k, bf16_of(vreinterpretq_u32_f32(vld1q_f32(x + k))));
}

#endif
