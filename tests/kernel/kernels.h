/* SPDX-License-Identifier: MIT */
/* Shared by the tests of kernels: walks the levels this CPU can run, and makes numbers that are hard on kernels. */
#ifndef TL_TESTS_KERNEL_KERNELS_H
#define TL_TESTS_KERNEL_KERNELS_H

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "kernel/kernel.h"

/* One of 64 bytes alignment with nothing behind it. */
static inline void *take(size_t bytes)
{
    void *memory = NULL;
    if (posix_memalign(&memory, 64, bytes ? bytes : 1))
        abort();
    return memory;
}

/* Where every instruction costs many (sanitizers, emulators), a test takes a part of its cases that still has all kinds. */
static inline bool only_some(void)
{
    return getenv("TRILL_FAST") != NULL;
}

/* Calls test(level, argument) for each level but ref. */
static inline int each_level(void (*test)(const struct tl_kernel *level, const void *argument), const void *argument)
{
    char names[256], *rest = names;
    int n = 0;
    strncpy(names, tl_kernel_names(), sizeof names - 1);
    names[sizeof names - 1] = 0;
    for (char *name; (name = strsep(&rest, " "));)
        if (strcmp(name, "ref") != 0) {
            test(tl_kernel_level(name), argument);
            n++;
        }
    return n;
}

static inline uint64_t next_random(uint64_t *state)
{
    uint64_t x = *state += 0x9e3779b97f4a7c15;
    x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9;
    x = (x ^ x >> 27) * 0x94d049bb133111eb;
    return x ^ x >> 31;
}

/* Uniform in -1 .. 1. */
static inline float next_float(uint64_t *state)
{
    return (float)(int64_t)next_random(state) * 0x1p-63f;
}

#endif
