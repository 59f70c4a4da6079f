/* SPDX-License-Identifier: MIT */
/* The thread pool. Work is cut into pieces whose borders depend on shapes alone; which thread takes which piece is
 * free. The caller is thread 0. Threads spin briefly between regions (a decode step has hundreds) and then sleep.
 * Every thread sets FTZ and DAZ (x86) or FZ (arm), round to nearest, before its first piece. */
#ifndef TL_BASE_POOL_H
#define TL_BASE_POOL_H

#include <stdint.h>

struct tl_pool;

typedef void (*tl_pool_work)(void *context, uint32_t piece, uint32_t thread);

int tl_pool_new(uint32_t n_threads, struct tl_pool **ret_pool);       /* 0: one per CPU this process may use, cgroup quota included */
void tl_pool_free(struct tl_pool *pool);
uint32_t tl_pool_threads(const struct tl_pool *pool);
/* Runs work(context, i, thread) for i in 0..n_pieces-1 and returns when all are done. One caller at a time.
 * With one piece or one thread it runs in the caller. Allocates nothing. */
void tl_pool_run(struct tl_pool *pool, uint32_t n_pieces, tl_pool_work work, void *context);
/* Sets this thread's floating-point mode as pool threads have it; returns the former one for tl_pool_float_restore. */
uint32_t tl_pool_float_mode(void);
void tl_pool_float_restore(uint32_t mode);

#endif
