/* SPDX-License-Identifier: MIT */
/* Meters: everything counted, no prices. A row in meters.def is a counter; any room adds to it. */
#ifndef TL_BASE_METER_H
#define TL_BASE_METER_H

#include <stdatomic.h>
#include <stdint.h>

enum tl_meter_id {
#define METER(name, unit, meaning) TL_METER_##name,
#include "base/meters.def"
#undef METER
    TL_METERS
};

struct tl_meters { _Atomic uint64_t count[TL_METERS]; };

static inline void tl_meter_add(struct tl_meters *meters, enum tl_meter_id id, uint64_t n)
{
    atomic_fetch_add_explicit(&meters->count[id], n, memory_order_relaxed);
}

/* For meters that keep the largest. */
static inline void tl_meter_raise(struct tl_meters *meters, enum tl_meter_id id, uint64_t n)
{
    uint64_t had = atomic_load_explicit(&meters->count[id], memory_order_relaxed);
    while (had < n && !atomic_compare_exchange_weak_explicit(&meters->count[id], &had, n, memory_order_relaxed, memory_order_relaxed))
        ;
}

static inline uint64_t tl_meter_get(struct tl_meters *meters, enum tl_meter_id id)
{
    return atomic_load_explicit(&meters->count[id], memory_order_relaxed);
}

#endif
