/* SPDX-License-Identifier: MIT */
/* Private to this folder: products of f32 and bf16 values (values.c). */
#ifndef TL_KERNEL_AVX512_VALUES_H
#define TL_KERNEL_AVX512_VALUES_H

#include "kernel/kernel.h"

void tl_product_f32_avx512(const struct tl_product *product, uint32_t panel_from, uint32_t panel_to);
void tl_product_bf16_pairs_avx512(const struct tl_product *product, uint32_t panel_from, uint32_t panel_to);     /* vdpbf16ps */
void tl_product_bf16_fma_avx512(const struct tl_product *product, uint32_t panel_from, uint32_t panel_to);

/* Whether vdpbf16ps of this CPU gives the bits of two fma, odd columns first, in the thread's floating-point mode. */
bool tl_bf16_pairs_agree(void);

#endif
