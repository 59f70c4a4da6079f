/* SPDX-License-Identifier: MIT */
/* Least frequently used, ties to the least recently used. A newcomer that was not used more often than whoever would leave
 * is not kept: under cyclic use a fixed part stays and hits, where recency alone would hit nothing. */
#include "store/shelf.h"

static uint64_t rank(const struct tl_shelf *shelf, const struct tl_place *place)
{
    uint64_t age = shelf->clock - place->last_used, recency = age < UINT32_MAX ? UINT32_MAX - age : 0;
    return (uint64_t)shelf->uses[place->key] << 32 | recency;
}

static bool admit(const struct tl_shelf *shelf, uint32_t key, const struct tl_place *place)
{
    return shelf->uses[key] > shelf->uses[place->key] + 1;        /* one more: in a sweep the first are always one ahead */
}

const struct tl_policy tl_policy_lfru = {.name = "lfru", .rank = rank, .admit = admit};
