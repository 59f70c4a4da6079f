/* SPDX-License-Identifier: MIT */
/* Parts of requests that wait for a session: bounded, and fair: requests take turns, a part each, so that one with many parts
 * starves no other. First come, first served among those that have had as many turns. */
#ifndef TL_SERVE_QUEUE_H
#define TL_SERVE_QUEUE_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

/* Within what waits. The queue does not own it. */
struct tl_queue_entry {
    struct tl_queue_entry *next;
    uint32_t n_parts, taken;             /* parts are taken in their order */
    bool waits;                          /* it is in the queue */
};

struct tl_queue {
    pthread_mutex_t lock;
    pthread_cond_t more;
    struct tl_queue_entry *first, **last;
    uint64_t n_waiting, limit;           /* parts */
    bool ends;
};

void tl_queue_init(struct tl_queue *queue, uint64_t limit);
void tl_queue_done(struct tl_queue *queue);
/* Room for so many parts, to be put in or given back; false where there is none. An empty queue has room for any. */
bool tl_queue_reserve(struct tl_queue *queue, uint32_t n_parts);
void tl_queue_give_back(struct tl_queue *queue, uint32_t n_parts);
void tl_queue_put(struct tl_queue *queue, struct tl_queue_entry *entry);      /* reserved before */
/* Waits for a part; NULL: the queue has ended. */
struct tl_queue_entry *tl_queue_take(struct tl_queue *queue, uint32_t *ret_part);
/* What of it still waits is taken out; how many parts that were. */
uint32_t tl_queue_drop(struct tl_queue *queue, struct tl_queue_entry *entry);
uint64_t tl_queue_waiting(struct tl_queue *queue);
void tl_queue_end(struct tl_queue *queue);           /* whoever waits gets NULL */
void tl_queue_begin(struct tl_queue *queue);         /* as new after that */

#endif
