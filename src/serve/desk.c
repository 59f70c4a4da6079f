/* SPDX-License-Identifier: MIT */
/* A list and the threads that empty it. */
#include "serve/desk.h"

#include <string.h>

#include "base/error.h"
#include "base/memory.h"

static void *work(void *context)
{
    struct tl_desk *desk = context;
    pthread_mutex_lock(&desk->lock);
    for (;;) {
        struct tl_desk_errand *errand = desk->first;
        if (!errand && desk->ends)
            break;
        if (!errand) {
            pthread_cond_wait(&desk->more, &desk->lock);
            continue;
        }
        desk->first = errand->next;
        if (!desk->first)
            desk->last = &desk->first;
        pthread_mutex_unlock(&desk->lock);
        errand->run(errand->context);
        tl_free(errand);
        pthread_mutex_lock(&desk->lock);
    }
    pthread_mutex_unlock(&desk->lock);
    return NULL;
}

int tl_desk_init(struct tl_desk *ret_desk)
{
    *ret_desk = (struct tl_desk){.last = &ret_desk->first};
    pthread_mutex_init(&ret_desk->lock, NULL);
    pthread_cond_init(&ret_desk->more, NULL);
    for (unsigned i = 0; i < TL_DESK_THREADS; i++, ret_desk->n_threads++) {
        int why = pthread_create(&ret_desk->threads[i], NULL, work, ret_desk);
        if (why != 0) {
            tl_desk_done(ret_desk);
            return tl_fail(TL_E_FAIL, "no thread for requests: %s", strerror(why));
        }
    }
    return 0;
}

int tl_desk_ask(struct tl_desk *desk, void (*run)(void *context), void *context)
{
    struct tl_desk_errand *errand = tl_alloc(1, sizeof(*errand));
    if (!errand)
        return TL_E_NOMEM;
    *errand = (struct tl_desk_errand){.run = run, .context = context};
    pthread_mutex_lock(&desk->lock);
    *desk->last = errand;
    desk->last = &errand->next;
    pthread_cond_signal(&desk->more);
    pthread_mutex_unlock(&desk->lock);
    return 0;
}

void tl_desk_done(struct tl_desk *desk)
{
    if (!desk->n_threads)
        return;
    pthread_mutex_lock(&desk->lock);
    desk->ends = true;
    pthread_cond_broadcast(&desk->more);
    pthread_mutex_unlock(&desk->lock);
    for (unsigned i = 0; i < desk->n_threads; i++)
        pthread_join(desk->threads[i], NULL);
    pthread_cond_destroy(&desk->more);
    pthread_mutex_destroy(&desk->lock);
    *desk = (struct tl_desk){0};
}
