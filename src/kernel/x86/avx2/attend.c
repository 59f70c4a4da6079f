/* SPDX-License-Identifier: MIT */
/* Attention of level avx2: attend_lanes.h on this level's lanes. Sixteen registers, two a vector: a block of
 * 6 rows takes 12 for sums, 2 for keys or values, one for the row's factor. */
#include "kernel/x86/avx2/lanes.h"

#define ATTEND_COLUMNS(rows) ((rows) > 2 ? 1 : (rows) == 2 ? 2 : 4)
#include "kernel/attend_lanes.h"

void tl_attend_avx2(const struct tl_attend *attend)
{
    attend_any(attend);
}
