/* SPDX-License-Identifier: MIT */
/* Attention of level neon: attend_lanes.h on this level's lanes. Thirty-two registers, four a vector: a block of
 * 6 rows takes 24 for sums, 4 for keys or values, one for the row's factor. */
#include "kernel/arm/neon/lanes.h"

#define ATTEND_COLUMNS(rows) ((rows) > 2 ? 1 : (rows) == 2 ? 2 : 4)
#include "kernel/attend_lanes.h"

void tl_attend_neon(const struct tl_attend *attend)
{
    attend_any(attend);
}
