/* SPDX-License-Identifier: MIT */
/* The NEON level's activations and products: the bodies of q8_lanes.h and values_lanes.h on this level's registers. */
#include "kernel/arm/neon/acts.h"
#include "kernel/arm/neon/ints.h"
#include "kernel/points_lanes.h"

#include "kernel/acts_lanes.h"
#include "kernel/fill.h"
#include "kernel/fp8_lanes.h"
#include "kernel/q8_lanes.h"
#include "kernel/values_lanes.h"

void tl_kernel_fill_neon_product(struct tl_kernel *kernel)
{
    points_fill();
    kernel->acts_fill[TL_ACTS_BF16] = acts_bf16;
    kernel->acts_fill[TL_ACTS_Q8] = acts_q8;
    kernel->product[TL_ACTS_F32] = product_f32;
    kernel->product[TL_ACTS_BF16] = product_bf16_or_fp8;
    kernel->product[TL_ACTS_Q8] = product_q8;
}
