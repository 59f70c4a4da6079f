/* SPDX-License-Identifier: MIT */
/* Activations into int8 blocks and bf16, with the bytes that ref/acts.c defines. */
#include "kernel/arm/neon/acts.h"

#include <arm_neon.h>
#include <string.h>

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
INLINE void fill_block(const float *x, struct tl_acts_block *block)
{
    int8x16_t low = fill_half(x, &block->scale[0]), high = fill_half(x + 16, &block->scale[1]);
    int32_t low_sum = vaddlvq_s8(low), high_sum = vaddlvq_s8(high);
    vst1q_s8(block->codes, low);
    vst1q_s8(block->codes + 16, high);
    block->scale_sum = block->scale[0] * (float)low_sum + block->scale[1] * (float)high_sum;
    block->sums[0] = (int16_t)low_sum;
    block->sums[1] = (int16_t)high_sum;
}

void tl_acts_fill_q8_neon(const float *x, size_t x_stride, uint32_t token_from, uint32_t token_to, struct tl_acts *acts)
{
    uint64_t row_bytes = tl_acts_row_bytes(acts->form, acts->cols);
    uint32_t whole = acts->cols / TL_ACTS_BLOCK, rest = acts->cols % TL_ACTS_BLOCK, n_blocks = tl_acts_blocks(acts->cols);
    for (uint32_t t = token_from; t < token_to; t++) {
        struct tl_acts_block *row = tl_acts_row(acts, t);
        const float *from = x + t * x_stride;
        for (uint32_t b = 0; b < whole; b++)
            fill_block(from + b * TL_ACTS_BLOCK, &row[b]);
        if (rest) {
            float last[TL_ACTS_BLOCK] = {0};
            memcpy(last, from + whole * TL_ACTS_BLOCK, rest * sizeof *last);
            fill_block(last, &row[whole]);
        }
        memset(row + n_blocks, 0, row_bytes - n_blocks * sizeof *row);
    }
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

void tl_acts_fill_bf16_neon(const float *x, size_t x_stride, uint32_t token_from, uint32_t token_to, struct tl_acts *acts)
{
    uint64_t row_bytes = tl_acts_row_bytes(acts->form, acts->cols);
    uint32_t cols = acts->cols, whole = cols / 4 * 4;
    for (uint32_t t = token_from; t < token_to; t++) {
        uint16_t *row = tl_acts_row(acts, t), halves[4];
        const float *from = x + t * x_stride;
        float last[4] = {0};
        for (uint32_t k = 0; k < whole; k += 4)
            vst1_u16(row + k, bf16_of(vreinterpretq_u32_f32(vld1q_f32(from + k))));
        memset(row + whole, 0, row_bytes - whole * sizeof *row);
        memcpy(last, from + whole, (cols - whole) * sizeof *last);
        vst1_u16(halves, bf16_of(vreinterpretq_u32_f32(vld1q_f32(last))));
        memcpy(row + whole, halves, (cols - whole) * sizeof *halves);
    }
}
