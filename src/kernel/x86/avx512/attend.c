/* SPDX-License-Identifier: MIT */
/* Attention of level avx512: attend_lanes.h on this level's lanes. Of 32 registers a block of 6 rows takes 24 for sums,
 * 4 for keys or values, one for the row's factor. */
#include "kernel/x86/avx512/lanes.h"

#define ATTEND_BLOCKS(BLOCK) \
    BLOCK(6, 4) BLOCK(6, 2) BLOCK(6, 1) BLOCK(4, 4) BLOCK(4, 2) BLOCK(4, 1) BLOCK(3, 4) BLOCK(3, 2) BLOCK(3, 1) \
    BLOCK(2, 4) BLOCK(2, 2) BLOCK(2, 1) BLOCK(1, 4) BLOCK(1, 2) BLOCK(1, 1)
#include "kernel/attend_lanes.h"

void tl_attend_avx512(const struct tl_attend *attend)
{
    attend_all(attend);
}
