/* SPDX-License-Identifier: MIT */
/* Arrays that end where memory may not be touched, and comparison by bits (any NaN equals any other: which NaN comes
 * out is not part of the contract). */
#ifndef TL_TESTS_KERNEL_GUARDED_H
#define TL_TESTS_KERNEL_GUARDED_H

#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

struct guarded {
    void *at;
    void *map;
    size_t map_bytes;
};

/* Filled with 0xff (NaN). Its end touches a page without access, or lies less than `align` bytes before it. */
static inline struct guarded guarded_new(size_t bytes, size_t align)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE), body = (bytes + page) / page * page;
    struct guarded memory = { .map_bytes = body + page };
    memory.map = mmap(NULL, memory.map_bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory.map == MAP_FAILED)
        abort();
    memset(memory.map, 0xff, body);
    if (mprotect((char *)memory.map + body, page, PROT_NONE) != 0)
        abort();
    memory.at = (char *)memory.map + (body - bytes) / align * align;
    return memory;
}

static inline void guarded_free(struct guarded memory)
{
    munmap(memory.map, memory.map_bytes);
}

/* The first index where the arrays differ, or n. */
static inline size_t first_difference(const float *a, const float *b, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (memcmp(a + i, b + i, 4) != 0 && !(a[i] != a[i] && b[i] != b[i]))
            return i;
    return n;
}

static inline float float_of_bits(uint32_t bits)
{
    float value;
    memcpy(&value, &bits, 4);
    return value;
}

#endif
