/* SPDX-License-Identifier: MIT */
/* The AVX2 level's activations and products: which functions it puts into the table. */
#include "kernel/fill.h"

void tl_kernel_fill_avx2_product(struct tl_kernel *kernel)
{
    (void)kernel;
}
