/* SPDX-License-Identifier: MIT */
/* Attention of level avx512: attend_lanes.h on this level's lanes. Of 32 registers a block of 6 rows takes 24 for sums,
 * 4 for keys or values, one for the row's factor. */
#include "kernel/x86/avx512/lanes.h"

#define ATTEND_COLUMNS(rows) (((void)(rows), 4))
#include "kernel/attend_lanes.h"

void tl_attend_avx512(const struct tl_attend *attend)
{
    attend_any(attend);
}
