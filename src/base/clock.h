/* SPDX-License-Identifier: MIT */
/* Monotonic time. */
#ifndef TL_BASE_CLOCK_H
#define TL_BASE_CLOCK_H

#include <pthread.h>
#include <stdint.h>

uint64_t tl_clock_ns(void);
static inline double tl_clock_seconds(uint64_t since_ns) { return (double)(tl_clock_ns() - since_ns) * 1e-9; }

/* Timed waits on it end by this clock. */
void tl_clock_cond_init(pthread_cond_t *ret_cond);

#endif
