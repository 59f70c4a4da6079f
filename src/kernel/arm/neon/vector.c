/* SPDX-License-Identifier: MIT */
/* The vector operations of level neon: the loops of vector_lanes.h on this level's lanes. */
#include "kernel/arm/neon/lanes.h"
#include "kernel/vector_lanes.h"

void tl_kernel_fill_neon_vector(struct tl_kernel *kernel)
{
    fill_vector(kernel);
    kernel->attend = tl_attend_neon;
    kernel->delta = tl_delta_neon;
}
