/* SPDX-License-Identifier: MIT */
/* The gated delta rule of level avx512: delta_lanes.h on this level's lanes. */
#include "kernel/x86/avx512/lanes.h"
#include "kernel/delta_lanes.h"

void tl_delta_avx512(const struct tl_delta *delta)
{
    delta_all(delta);
}
