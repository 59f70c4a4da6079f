/* SPDX-License-Identifier: MIT */
/* How long work tells where it is, and learns that it is to stop. The work names a stage with a total and moves it on;
 * who watches is called now and then, and at the begin and end of a stage. One thread at a time; the watcher runs in it.
 * Every function takes NULL: nobody watches and nobody cancels. */
#ifndef TL_BASE_PROGRESS_H
#define TL_BASE_PROGRESS_H

#include <stdint.h>

struct tl_progress {
    void (*watch)(void *context, const struct tl_progress *progress);        /* may be NULL */
    void *context;
    const volatile int *cancel;          /* may be NULL; non-zero: stop */
    /* Of the stage, set by the functions below. */
    const char *stage, *unit;            /* "writing weights", "bytes"; borrowed */
    uint64_t done, total;                /* total 0: unknown */
    uint64_t first_done, began_ns, told_ns;
    double left_seconds;                 /* set behind begin by work that knows better than its mean speed; 0: it does not */
};

/* A stage of which `done` was there before (0, or what a resumed job finds). Fails with TL_E_CANCEL as the next one does. */
int tl_progress_begin(struct tl_progress *progress, const char *stage, uint64_t done, uint64_t total, const char *unit);
int tl_progress_move(struct tl_progress *progress, uint64_t done);    /* to so much; TL_E_CANCEL where it is to stop */
int tl_progress_check(const struct tl_progress *progress);            /* only whether it is to stop; any thread */

/* Of the stage at its mean speed so far; < 0: unknown. */
double tl_progress_seconds_left(const struct tl_progress *progress);

#endif
