/* SPDX-License-Identifier: MIT */
/* Matrix products, the truth: one f32 accumulator an output, columns in order, kept in `out` between blocks. The order
 * of operations is the one written in kernel.h at struct tl_product; nothing here is arranged for speed.
 * Groups that padding alone fills take part like any other: their codes of activations are 0. */
#include <math.h>

#include "kernel/acts.h"
#include "kernel/fill.h"
#include "kernel/walk.h"

enum { CHUNK = TL_NUMBER_MAX_BLOCK };

static void clear(const struct tl_product *product, uint32_t row)
{
    for (uint32_t t = product->token_from; t < product->token_to && !product->add; t++)
        product->out[t * product->out_stride + row] = 0;
}

/* --- F32 and BF16: decoded values ---------------------------------------------------------------------------------- */

static float dot_f32(const float *w, const float *x, uint32_t n, float acc)
{
    for (uint32_t k = 0; k < n; k++)
        acc = fmaf(w[k], x[k], acc);
    return acc;
}

/* n is even: pairs, the odd column first. */
static float dot_bf16(const float *w, const uint16_t *x, uint32_t n, float acc)
{
    for (uint32_t k = 0; k < n; k += 2) {
        acc = fmaf(w[k + 1], tl_bf16_to_f32(x[k + 1]), acc);
        acc = fmaf(w[k], tl_bf16_to_f32(x[k]), acc);
    }
    return acc;
}

static void row_of_values(const struct tl_product *product, const uint8_t *panel, uint32_t row, float *out)
{
    const struct tl_number *number = product->number;
    uint64_t column_bytes = TL_PANEL_ROWS * tl_walk_row_block_bytes(number);
    bool bf16 = product->acts->form == TL_ACTS_BF16;
    float w[CHUNK + 2];
    for (uint32_t from = 0; from < product->cols; from += CHUNK) {
        uint32_t n = product->cols - from < CHUNK ? product->cols - from : CHUNK;
        w[n] = 0;
        tl_panel_row_decode(number, panel + from / number->panel_elems * column_bytes, row, n, w);
        for (uint32_t t = product->token_from; t < product->token_to; t++) {
            const void *x = tl_acts_row(product->acts, t);
            float *acc = &out[t * product->out_stride];
            *acc = bf16 ? dot_bf16(w, (const uint16_t *)x + from, n + n % 2, *acc) : dot_f32(w, (const float *)x + from, n, *acc);
        }
    }
}

/* fp8 against bf16: each block's sum is scaled once. */
static void row_of_parts(const struct tl_product *product, const uint8_t *panel, uint32_t row, float *out)
{
    const struct tl_number *number = product->number;
    uint32_t elems = number->block_elems;
    uint8_t block[TL_NUMBER_MAX_BLOCK_BYTES];
    float w[TL_NUMBER_MAX_BLOCK + 1], scale;
    for (uint32_t from = 0; from < product->cols; from += elems, panel += TL_PANEL_ROWS * tl_walk_row_block_bytes(number)) {
        uint32_t n = product->cols - from < elems ? product->cols - from : elems;
        tl_panel_row(number, panel, row, elems, block);
        number->part(block, w, &scale);
        w[n] = 0;
        for (uint32_t t = product->token_from; t < product->token_to; t++) {
            const uint16_t *x = tl_acts_row(product->acts, t);
            float *acc = &out[t * product->out_stride];
            *acc = fmaf(dot_bf16(w, x + from, n + n % 2, 0), scale, *acc);
        }
    }
}

static void product_values(const struct tl_product *product, uint32_t panel_from, uint32_t panel_to)
{
    for (uint32_t p = panel_from; p < panel_to; p++)
        for (uint32_t r = 0; r < tl_walk_rows(product, p); r++) {
            clear(product, p * TL_PANEL_ROWS + r);
            if (product->number->part && product->acts->form == TL_ACTS_BF16)
                row_of_parts(product, tl_walk_panel(product, p), r, product->out + p * TL_PANEL_ROWS + r);
            else
                row_of_values(product, tl_walk_panel(product, p), r, product->out + p * TL_PANEL_ROWS + r);
        }
}

/* --- Q8: codes ------------------------------------------------------------------------------------------------------ */

/* 16 columns, the `part`-th half of a record. */
static float dot_half(const struct tl_number *number, const uint8_t *codes, float scale, float min,
                       const struct tl_acts_block *x, uint32_t part, float acc)
{
    int32_t s = 0;
    for (uint32_t i = 0; i < 16; i++)
        s += (codes[i] - (int32_t)number->offset) * x->codes[16 * part + i];
    acc = fmaf((float)s, scale * x->scale[part], acc);
    if (number->has_min && number->group == 16)
        acc = fmaf(min, x->scale[part] * (float)x->sums[part], acc);
    if (number->has_min && number->group == 32 && part == 1)
        acc = fmaf(min, x->scale_sum, acc);
    return acc;
}

static void row_of_codes(const struct tl_product *product, const uint8_t *panel, uint32_t row, float *out)
{
    const struct tl_number *number = product->number;
    uint64_t block_bytes = TL_PANEL_ROWS * tl_walk_row_block_bytes(number);
    uint8_t codes[TL_NUMBER_MAX_BLOCK];
    float scale[TL_WALK_GROUPS], min[TL_WALK_GROUPS] = {0};
    for (uint32_t b = 0; b < tl_walk_blocks(number, product->cols); b++) {
        tl_walk_unpack(number, panel + b * block_bytes, row, codes, scale, min);
        for (uint32_t t = product->token_from; t < product->token_to; t++) {
            const struct tl_acts_block *x = tl_acts_row(product->acts, t);
            float *acc = &out[t * product->out_stride];
            x += b * (number->block_elems / TL_ACTS_BLOCK);
            for (uint32_t at = 0; at < number->block_elems; at += 16) {
                uint32_t g = at / number->group;
                *acc = dot_half(number, codes + at, scale[g], min[g], x + at / TL_ACTS_BLOCK, at / 16 % 2, *acc);
            }
        }
    }
}

static void product_q8(const struct tl_product *product, uint32_t panel_from, uint32_t panel_to)
{
    for (uint32_t p = panel_from; p < panel_to; p++)
        for (uint32_t r = 0; r < tl_walk_rows(product, p); r++) {
            clear(product, p * TL_PANEL_ROWS + r);
            row_of_codes(product, tl_walk_panel(product, p), r, product->out + p * TL_PANEL_ROWS + r);
        }
}

void tl_kernel_fill_ref_product(struct tl_kernel *kernel)
{
    kernel->acts_fill[TL_ACTS_F32] = tl_acts_fill_f32;
    kernel->acts_fill[TL_ACTS_BF16] = tl_acts_fill_bf16_ref;
    kernel->acts_fill[TL_ACTS_Q8] = tl_acts_fill_q8_ref;
    kernel->product[TL_ACTS_F32] = product_values;
    kernel->product[TL_ACTS_BF16] = product_values;
    kernel->product[TL_ACTS_Q8] = product_q8;
}
