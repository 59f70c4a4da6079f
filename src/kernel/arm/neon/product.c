/* SPDX-License-Identifier: MIT */
/* The NEON level's activations and products: which functions it puts into the table. */
#include "kernel/fill.h"

void tl_kernel_fill_neon_product(struct tl_kernel *kernel)
{
    (void)kernel;
}
