/* SPDX-License-Identifier: MIT */
/* The gated delta rule of level avx2: delta_lanes.h on this level's lanes. */
#include "kernel/x86/avx2/lanes.h"
#include "kernel/delta_lanes.h"

void tl_delta_avx2(const struct tl_delta *delta)
{
    delta_all(delta);
}
