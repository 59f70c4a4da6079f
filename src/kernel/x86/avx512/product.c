/* SPDX-License-Identifier: MIT */
/* The AVX-512 level's activations and products: which functions it puts into the table. */
#include "kernel/fill.h"
#include "kernel/x86/avx512/q8.h"

void tl_kernel_fill_avx512_product(struct tl_kernel *kernel)
{
    kernel->acts_fill[TL_ACTS_BF16] = tl_acts_fill_bf16_avx512;
    kernel->acts_fill[TL_ACTS_Q8] = tl_acts_fill_q8_avx512;
    kernel->product[TL_ACTS_Q8] = tl_product_q8_avx512;
}
