/* SPDX-License-Identifier: MIT */
/* How long this process has computed: what other work on the machine does not change. */
#ifndef TL_TESTS_CPU_SECONDS_H
#define TL_TESTS_CPU_SECONDS_H

#include <time.h>

static inline double cpu_seconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

#endif
