/* SPDX-License-Identifier: MIT */
/* What products of all levels share: the size of a thread's scratch, large enough for every level's unpacked columns. */
#include "kernel/walk.h"

uint64_t tl_product_scratch_bytes(void)
{
    return TL_PRODUCT_SCRATCH;
}
