/* SPDX-License-Identifier: MIT */
/* Arithmetic on numbers that come from outside. Each helper returns false where the result does not fit;
 * *ret is written only on success. Every count, length and offset of a file or a request goes through these. */
#ifndef TL_BASE_CHECKED_H
#define TL_BASE_CHECKED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

static inline bool tl_checked_add(uint64_t a, uint64_t b, uint64_t *ret)
{
    uint64_t sum;
    if (__builtin_add_overflow(a, b, &sum))
        return false;
    *ret = sum;
    return true;
}

static inline bool tl_checked_mul(uint64_t a, uint64_t b, uint64_t *ret)
{
    uint64_t product;
    if (__builtin_mul_overflow(a, b, &product))
        return false;
    *ret = product;
    return true;
}

/* Rounds up to a multiple of `unit` (a power of two). */
static inline bool tl_checked_align(uint64_t a, uint64_t unit, uint64_t *ret)
{
    uint64_t sum;
    if (unit == 0 || (unit & (unit - 1)) || !tl_checked_add(a, unit - 1, &sum))
        return false;
    *ret = sum & ~(unit - 1);
    return true;
}

/* Is [offset, offset + length) inside [0, size)? */
static inline bool tl_checked_range(uint64_t offset, uint64_t length, uint64_t size)
{
    return offset <= size && length <= size - offset;
}

#endif
