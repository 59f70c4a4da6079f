/* SPDX-License-Identifier: MIT */
/* Monotonic time in nanoseconds since an arbitrary point. */
#include "base/clock.h"

#include <time.h>

uint64_t tl_clock_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

void tl_clock_cond_init(pthread_cond_t *ret_cond)
{
    pthread_condattr_t monotonic;
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(ret_cond, &monotonic);
    pthread_condattr_destroy(&monotonic);
}
