/* SPDX-License-Identifier: MIT */
/* The heap, with a counter and a switch that makes one allocation fail.
 *
 * Every allocation of the program passes tl_memory_permit, arenas included, so that a test can count them and can walk
 * through all failures one by one. No other file calls malloc. */
#include "base/memory.h"

#include <inttypes.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"

static _Atomic uint64_t n_allocations;
static _Atomic long fail_countdown = -1;

bool tl_memory_permit(void)
{
    atomic_fetch_add_explicit(&n_allocations, 1, memory_order_relaxed);
    long left = atomic_load_explicit(&fail_countdown, memory_order_relaxed);
    while (left >= 0)
        if (atomic_compare_exchange_weak(&fail_countdown, &left, left - 1))
            return left != 0;
    return true;
}

void tl_memory_fail_after(long countdown)
{
    atomic_store(&fail_countdown, countdown < 0 ? -1 : countdown);
}

uint64_t tl_memory_allocations(void)
{
    return atomic_load_explicit(&n_allocations, memory_order_relaxed);
}

static void record_failure(size_t count, size_t elem_bytes)
{
    tl_fail(TL_E_NOMEM, "out of memory: %zu x %zu bytes asked for", count, elem_bytes);
}

void *tl_alloc(size_t count, size_t elem_bytes)
{
    void *memory = NULL;
    size_t n_bytes;
    if (tl_memory_permit() && !__builtin_mul_overflow(count, elem_bytes, &n_bytes))
        memory = calloc(count ? count : 1, elem_bytes ? elem_bytes : 1);
    if (!memory)
        record_failure(count, elem_bytes);
    return memory;
}

void *tl_realloc(void *memory, size_t count, size_t elem_bytes)
{
    size_t n_bytes;
    void *moved = NULL;
    if (tl_memory_permit() && !__builtin_mul_overflow(count, elem_bytes, &n_bytes))
        moved = realloc(memory, n_bytes ? n_bytes : 1);
    if (!moved)
        record_failure(count, elem_bytes);
    return moved;
}

int tl_reserve(void **array, uint64_t n, uint64_t *cap, size_t elem_bytes)
{
    if (n <= *cap)
        return 0;
    uint64_t usual = *cap + *cap / 2 + 16, larger = n > usual ? n : usual;
    void *moved = tl_realloc(*array, larger, elem_bytes);
    if (!moved)
        return TL_E_NOMEM;
    *array = moved;
    *cap = larger;
    return 0;
}

char *tl_strdup(const char *text)
{
    return tl_strndup(text, strlen(text));
}

char *tl_strndup(const char *text, size_t n_bytes)
{
    char *copy = tl_alloc(n_bytes + 1, 1);
    if (copy)
        memcpy(copy, text, n_bytes);
    return copy;
}

void tl_free(void *memory)
{
    free(memory);
}
