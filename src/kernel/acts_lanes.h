/* SPDX-License-Identifier: MIT */
/* Rows of activations, once for all levels: a level includes its own two functions and then this file, and puts acts_q8
 * and acts_bf16 into the table:
 *   struct tl_acts_sums acts_codes(x, block)   the codes and scales of 32 columns into the block; the sums of its two halves
 *   void acts_halves(x, ret_halves)     16 values rounded to bf16: nearest even; subnormals, before or after, to zero of
 *                                       their sign; NaN stays quiet */
#ifndef TL_KERNEL_ACTS_LANES_H
#define TL_KERNEL_ACTS_LANES_H

#include <string.h>

#include "kernel/acts.h"

INLINE void acts_block(const float *x, struct tl_acts_block *block)
{
    struct tl_acts_sums sums = acts_codes(x, block);
    block->scale_sum = block->scale[0] * (float)sums.low + block->scale[1] * (float)sums.high;
    block->sums[0] = (int16_t)sums.low;
    block->sums[1] = (int16_t)sums.high;
}

static void acts_q8(const float *x, size_t x_stride, uint32_t token_from, uint32_t token_to, struct tl_acts *acts)
{
    uint64_t row_bytes = tl_acts_row_bytes(acts->form, acts->cols);
    uint32_t whole = acts->cols / TL_ACTS_BLOCK, rest = acts->cols % TL_ACTS_BLOCK, n_blocks = tl_acts_blocks(acts->cols);
    for (uint32_t t = token_from; t < token_to; t++) {
        struct tl_acts_block *row = tl_acts_row(acts, t);
        const float *from = x + t * x_stride;
        for (uint32_t b = 0; b < whole; b++)
            acts_block(from + b * TL_ACTS_BLOCK, &row[b]);
        if (rest) {
            float last[TL_ACTS_BLOCK] = {0};
            memcpy(last, from + whole * TL_ACTS_BLOCK, rest * sizeof *last);
            acts_block(last, &row[whole]);
        }
        memset(row + n_blocks, 0, row_bytes - n_blocks * sizeof *row);
    }
}

static void acts_bf16(const float *x, size_t x_stride, uint32_t token_from, uint32_t token_to, struct tl_acts *acts)
{
    uint64_t row_bytes = tl_acts_row_bytes(acts->form, acts->cols);
    uint32_t cols = acts->cols, whole = cols / 16 * 16;
    for (uint32_t t = token_from; t < token_to; t++) {
        uint16_t *row = tl_acts_row(acts, t), halves[16];
        const float *from = x + t * x_stride;
        float last[16] = {0};
        for (uint32_t k = 0; k < whole; k += 16)
            acts_halves(from + k, row + k);
        memset(row + whole, 0, row_bytes - whole * sizeof *row);
        memcpy(last, from + whole, (cols - whole) * sizeof *last);
        acts_halves(last, halves);
        memcpy(row + whole, halves, (cols - whole) * sizeof *halves);
    }
}

#endif
