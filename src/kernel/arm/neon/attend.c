/* SPDX-License-Identifier: MIT */
/* Attention of level neon: attend_lanes.h on this level's lanes. Thirty-two registers, four a vector: a block of
 * 6 rows takes 24 for sums, 4 for keys or values, one for the row's factor. */
#include "kernel/arm/neon/lanes.h"

#define ATTEND_BLOCKS(BLOCK) \
    BLOCK(6, 1) BLOCK(4, 1) BLOCK(3, 1) BLOCK(2, 2) BLOCK(2, 1) BLOCK(1, 4) BLOCK(1, 2) BLOCK(1, 1)
#include "kernel/attend_lanes.h"

void tl_attend_neon(const struct tl_attend *attend)
{
    attend_all(attend);
}
