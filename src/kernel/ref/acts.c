/* SPDX-License-Identifier: MIT */
/* Activations into the forms that products want, the truth. The f32 form is a copy and serves every level.
 * A block whose largest magnitude is not finite, or below TL_ACTS_LEAST, has codes 0; its scale stays amax / 127, so
 * that what is not finite shows in the product. Magnitudes are compared as integers: NaN counts as the largest. */
#include "kernel/acts.h"

#include <math.h>
#include <string.h>

static uint32_t bits_of(float value)
{
    union { float f; uint32_t u; } bits = { .f = value };
    return bits.u;
}

void tl_acts_fill_f32(const float *x, size_t x_stride, uint32_t token_from, uint32_t token_to, struct tl_acts *acts)
{
    uint64_t row_bytes = tl_acts_row_bytes(acts->form, acts->cols);
    for (uint32_t t = token_from; t < token_to; t++) {
        uint8_t *row = tl_acts_row(acts, t);
        uint64_t bytes = acts->cols * sizeof(float);
        memcpy(row, x + t * x_stride, bytes);
        memset(row + bytes, 0, row_bytes - bytes);
    }
}

/* Round to nearest even; subnormals, before or after, to zero of their sign; NaN stays quiet. */
static uint16_t bf16_of(float value)
{
    uint32_t u = bits_of(value), size = u & 0x7fffffff;
    if (size < 0x00800000)
        return (uint16_t)(u >> 16 & 0x8000);
    if (size > 0x7f800000)
        return (uint16_t)(u >> 16 | 0x0040);
    return (uint16_t)((u + 0x7fff + (u >> 16 & 1)) >> 16);
}

void tl_acts_fill_bf16_ref(const float *x, size_t x_stride, uint32_t token_from, uint32_t token_to, struct tl_acts *acts)
{
    uint64_t row_bytes = tl_acts_row_bytes(acts->form, acts->cols);
    for (uint32_t t = token_from; t < token_to; t++) {
        uint16_t *row = tl_acts_row(acts, t);
        for (uint32_t k = 0; k < acts->cols; k++)
            row[k] = bf16_of(x[t * x_stride + k]);
        memset(row + acts->cols, 0, row_bytes - acts->cols * sizeof *row);
    }
}

/* n: 0..16 columns, the half-th half of the block */
static void fill_half(const float *x, uint32_t n, uint32_t half, struct tl_acts_block *block)
{
    union { uint32_t u; float f; } amax = { .u = 0 };
    for (uint32_t i = 0; i < n; i++)
        if ((bits_of(x[i]) & 0x7fffffff) > amax.u)
            amax.u = bits_of(x[i]) & 0x7fffffff;
    bool usable = amax.u >= bits_of(TL_ACTS_LEAST) && amax.u < 0x7f800000;
    float inverse = usable ? 127.0f / amax.f : 0;
    block->scale[half] = amax.f / 127.0f;
    for (uint32_t i = 0; usable && i < n; i++) {
        block->codes[16 * half + i] = (int8_t)lrintf(x[i] * inverse);
        block->sums[half] = (int16_t)(block->sums[half] + block->codes[16 * half + i]);
    }
}

static void fill_block(const float *x, uint32_t n, struct tl_acts_block *block)
{
    memset(block, 0, sizeof *block);
    fill_half(x, n < 16 ? n : 16, 0, block);
    fill_half(x + 16, n < 16 ? 0 : n - 16, 1, block);
    block->scale_sum = block->scale[0] * (float)block->sums[0] + block->scale[1] * (float)block->sums[1];
}

void tl_acts_fill_q8_ref(const float *x, size_t x_stride, uint32_t token_from, uint32_t token_to, struct tl_acts *acts)
{
    uint64_t row_bytes = tl_acts_row_bytes(acts->form, acts->cols);
    uint32_t n_blocks = tl_acts_blocks(acts->cols);
    for (uint32_t t = token_from; t < token_to; t++) {
        struct tl_acts_block *row = tl_acts_row(acts, t);
        const float *from = x + t * x_stride;
        for (uint32_t b = 0; b < n_blocks; b++) {
            uint32_t left = acts->cols - b * TL_ACTS_BLOCK;
            fill_block(from + b * TL_ACTS_BLOCK, left < TL_ACTS_BLOCK ? left : TL_ACTS_BLOCK, &row[b]);
        }
        memset(row + n_blocks, 0, row_bytes - n_blocks * sizeof *row);
    }
}
