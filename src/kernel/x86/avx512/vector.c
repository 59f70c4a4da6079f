/* SPDX-License-Identifier: MIT */
/* The vector operations of level avx512: the loops of vector_lanes.h on this level's lanes. */
#include "kernel/x86/avx512/lanes.h"
#include "kernel/vector_lanes.h"

void tl_kernel_fill_avx512_vector(struct tl_kernel *kernel)
{
    fill_vector(kernel);
    kernel->attend = tl_attend_avx512;
    kernel->delta = tl_delta_avx512;
}
