/* SPDX-License-Identifier: MIT */
/* A ring: the first entry gives a part and goes to the end. */
#include "serve/queue.h"

#include <stddef.h>

void tl_queue_init(struct tl_queue *queue, uint64_t limit)
{
    *queue = (struct tl_queue){.last = &queue->first, .limit = limit};
    pthread_mutex_init(&queue->lock, NULL);
    pthread_cond_init(&queue->more, NULL);
}

void tl_queue_done(struct tl_queue *queue)
{
    pthread_cond_destroy(&queue->more);
    pthread_mutex_destroy(&queue->lock);
}

static void append(struct tl_queue *queue, struct tl_queue_entry *entry)
{
    entry->next = NULL;
    entry->waits = true;
    *queue->last = entry;
    queue->last = &entry->next;
}

static void remove_first(struct tl_queue *queue)
{
    struct tl_queue_entry *entry = queue->first;
    queue->first = entry->next;
    if (!queue->first)
        queue->last = &queue->first;
    entry->waits = false;
}

bool tl_queue_reserve(struct tl_queue *queue, uint32_t n_parts)
{
    pthread_mutex_lock(&queue->lock);
    bool room = !queue->n_waiting || queue->n_waiting + n_parts <= queue->limit;
    queue->n_waiting += room ? n_parts : 0;
    pthread_mutex_unlock(&queue->lock);
    return room;
}

void tl_queue_give_back(struct tl_queue *queue, uint32_t n_parts)
{
    pthread_mutex_lock(&queue->lock);
    queue->n_waiting -= n_parts;
    pthread_mutex_unlock(&queue->lock);
}

void tl_queue_put(struct tl_queue *queue, struct tl_queue_entry *entry)
{
    pthread_mutex_lock(&queue->lock);
    append(queue, entry);
    pthread_cond_broadcast(&queue->more);
    pthread_mutex_unlock(&queue->lock);
}

struct tl_queue_entry *tl_queue_take(struct tl_queue *queue, uint32_t *ret_part)
{
    pthread_mutex_lock(&queue->lock);
    while (!queue->first && !queue->ends)
        pthread_cond_wait(&queue->more, &queue->lock);
    struct tl_queue_entry *entry = queue->ends ? NULL : queue->first;
    if (entry) {
        remove_first(queue);
        *ret_part = entry->taken++;
        queue->n_waiting--;
        if (entry->taken < entry->n_parts)
            append(queue, entry);
    }
    pthread_mutex_unlock(&queue->lock);
    return entry;
}

uint32_t tl_queue_drop(struct tl_queue *queue, struct tl_queue_entry *entry)
{
    uint32_t left = 0;
    pthread_mutex_lock(&queue->lock);
    if (entry->waits) {
        struct tl_queue_entry **at = &queue->first;
        while (*at != entry)
            at = &(*at)->next;
        *at = entry->next;
        if (!*at)
            queue->last = at;
        left = entry->n_parts - entry->taken;
        entry->taken = entry->n_parts;
        entry->waits = false;
        queue->n_waiting -= left;
    }
    pthread_mutex_unlock(&queue->lock);
    return left;
}

uint64_t tl_queue_waiting(struct tl_queue *queue)
{
    pthread_mutex_lock(&queue->lock);
    uint64_t n = queue->n_waiting;
    pthread_mutex_unlock(&queue->lock);
    return n;
}

static void set_ends(struct tl_queue *queue, bool ends)
{
    pthread_mutex_lock(&queue->lock);
    queue->ends = ends;
    pthread_cond_broadcast(&queue->more);
    pthread_mutex_unlock(&queue->lock);
}

void tl_queue_end(struct tl_queue *queue) { set_ends(queue, true); }
void tl_queue_begin(struct tl_queue *queue) { set_ends(queue, false); }
