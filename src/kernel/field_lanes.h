/* SPDX-License-Identifier: MIT */
/* What unpacking at all levels begins with: the fields of 16 rows as they lie in a panel block, and bits of them moved. In a
 * panel every field is 16 rows wide: lane r of a vector has what row r stores. */
#ifndef TL_KERNEL_FIELD_LANES_H
#define TL_KERNEL_FIELD_LANES_H

#include "kernel/kernel.h"

enum { PART_COLS = 32, PART_CODES = 8 };         /* columns of a part, vectors of codes in it */

/* The field that starts at byte `at` of a row's block: its granule `index` of four bytes, its half, its byte. */
INLINE struct ints field4(const uint8_t *block, uint32_t at, uint32_t index) { return ints_load(block + 16 * at + 64 * index); }
INLINE struct lanes field2(const uint8_t *block, uint32_t at) { return lanes_load_f16(block + 16 * at); }
INLINE struct ints field1(const uint8_t *block, uint32_t at) { return ints_from_u8(block + 16 * at); }

INLINE void prefetch(const uint8_t *at, uint32_t n_bytes)
{
    UNROLL
    for (uint32_t i = 0; i < n_bytes; i += 64)
        __builtin_prefetch(at + i);
}

/* v moved so that bit `from` becomes bit `to`. */
INLINE struct ints move(struct ints v, uint32_t from, uint32_t to)
{
    return from > to ? ints_down(v, from - to) : to > from ? ints_up(v, to - from) : v;
}

INLINE struct ints bits_of(struct ints v, uint32_t from, int mask) { return ints_and(move(v, from, 0), ints_bytes(mask)); }

INLINE struct ints with_bits(struct ints low, struct ints v, uint32_t from, uint32_t to, int mask)
{
    return ints_or_and(low, move(v, from, to), ints_bytes(mask));
}

/* count steps of a unit */
INLINE struct lanes steps(struct lanes unit, struct ints count) { return lanes_mul(unit, ints_to_lanes(count)); }

#endif
