/* SPDX-License-Identifier: MIT */
/* Private to this room: how the activations of a chunk lie in struct tl_acts.
 *
 * Every form is one row a token, token after token, one row tl_acts_row_bytes apart (an odd multiple of 64 bytes, so that
 * neighbouring tokens do not share cache sets). F32: [cols] floats. BF16: [cols] halves, a missing odd one is zero.
 * Q8: records of 32 columns, zero records up to the next 256 columns, so that no product kernel looks at where
 * columns end. All levels fill all of these bytes alike. */
#ifndef TL_KERNEL_ACTS_H
#define TL_KERNEL_ACTS_H

#include "kernel/kernel.h"

enum { TL_ACTS_BLOCK = 32, TL_ACTS_PAD_COLS = TL_NUMBER_MAX_BLOCK };

struct tl_acts_block {
    int8_t codes[TL_ACTS_BLOCK];
    float scale[2];          /* of codes 0..15 and 16..31 */
    float scale_sum;         /* scale[0] * (float)sums[0] + scale[1] * (float)sums[1] */
    int16_t sums[2];         /* of codes 0..15 and 16..31 */
};

_Static_assert(sizeof(struct tl_acts_block) == 48, "records of 48 bytes");

/* Sums of the codes of the two halves of a record. */
struct tl_acts_sums { int32_t low, high; };

/* Blocks below this amax have codes 0: 127 / amax stays finite. */
#define TL_ACTS_LEAST 0x1p-100f

static inline uint32_t tl_acts_blocks(uint32_t cols)
{
    return cols / TL_ACTS_BLOCK + (cols % TL_ACTS_BLOCK != 0);
}

static inline uint64_t tl_acts_row_blocks(uint32_t cols)
{
    return ((uint64_t)cols + TL_ACTS_PAD_COLS - 1) / TL_ACTS_PAD_COLS * (TL_ACTS_PAD_COLS / TL_ACTS_BLOCK);
}

/* Bytes from one token's row to the next. */
static inline uint64_t tl_acts_row_bytes(enum tl_acts_form form, uint32_t cols)
{
    uint64_t bytes;
    if (form == TL_ACTS_Q8)
        bytes = tl_acts_row_blocks(cols) * sizeof(struct tl_acts_block);
    else if (form == TL_ACTS_BF16)
        bytes = ((uint64_t)cols + 1) / 2 * 4;
    else
        bytes = (uint64_t)cols * 4;
    return (bytes + 63) / 64 * 64 | 64;
}

static inline void *tl_acts_row(const struct tl_acts *acts, uint32_t token)
{
    return (uint8_t *)acts->data + token * tl_acts_row_bytes(acts->form, acts->cols);
}

/* ref/acts.c */
void tl_acts_fill_f32(const float *x, size_t x_stride, uint32_t token_from, uint32_t token_to, struct tl_acts *acts);
void tl_acts_fill_bf16_ref(const float *x, size_t x_stride, uint32_t token_from, uint32_t token_to, struct tl_acts *acts);
void tl_acts_fill_q8_ref(const float *x, size_t x_stride, uint32_t token_from, uint32_t token_to, struct tl_acts *acts);

#endif
