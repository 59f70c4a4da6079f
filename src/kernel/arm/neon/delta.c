/* SPDX-License-Identifier: MIT */
/* The gated delta rule of level neon: delta_lanes.h on this level's lanes. */
#include "kernel/arm/neon/lanes.h"
#include "kernel/delta_lanes.h"

void tl_delta_neon(const struct tl_delta *delta)
{
    delta_all(delta);
}
