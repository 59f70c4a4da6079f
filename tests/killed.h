/* SPDX-License-Identifier: MIT */
/* Kills at a moment that no clock decides: a process dies, as of kill -9, where one of its files would become longer than so many bytes. */
#ifndef TL_TESTS_KILLED_H
#define TL_TESTS_KILLED_H

#include <signal.h>
#include <stdint.h>
#include <sys/resource.h>

/* In a child. What is written up to there stays. */
static inline void die_beyond(uint64_t n_bytes)
{
    setrlimit(RLIMIT_CORE, &(struct rlimit){0, 0});
    setrlimit(RLIMIT_FSIZE, &(struct rlimit){n_bytes, n_bytes});
    signal(SIGXFSZ, SIG_DFL);
}

#endif
