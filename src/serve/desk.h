/* SPDX-License-Identifier: MIT */
/* A few threads that carry out what would keep the thread that speaks HTTP too long: first come, first served. How much waits
 * is bounded by the connections there may be. */
#ifndef TL_SERVE_DESK_H
#define TL_SERVE_DESK_H

#include <pthread.h>
#include <stdbool.h>

enum { TL_DESK_THREADS = 3 };

struct tl_desk_errand {
    struct tl_desk_errand *next;
    void (*run)(void *context);
    void *context;
};

struct tl_desk {
    pthread_mutex_t lock;
    pthread_cond_t more;
    struct tl_desk_errand *first, **last;
    pthread_t threads[TL_DESK_THREADS];
    unsigned n_threads;
    bool ends;
};

int tl_desk_init(struct tl_desk *ret_desk);
int tl_desk_ask(struct tl_desk *desk, void (*run)(void *context), void *context);
void tl_desk_done(struct tl_desk *desk);             /* behind all that was asked for */

#endif
