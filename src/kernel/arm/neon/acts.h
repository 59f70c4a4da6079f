/* SPDX-License-Identifier: MIT */
/* Private to this folder: acts.c */
#ifndef TL_KERNEL_NEON_ACTS_H
#define TL_KERNEL_NEON_ACTS_H

#include "kernel/acts.h"

void tl_acts_fill_q8_neon(const float *x, size_t x_stride, uint32_t token_from, uint32_t token_to, struct tl_acts *acts);
void tl_acts_fill_bf16_neon(const float *x, size_t x_stride, uint32_t token_from, uint32_t token_to, struct tl_acts *acts);

#endif
