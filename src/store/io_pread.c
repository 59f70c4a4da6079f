/* SPDX-License-Identifier: MIT */
/* Reads by a pool of threads, one a read in flight. For systems that refuse io_uring. */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <unistd.h>

#include "base/error.h"
#include "base/memory.h"
#include "store/io.h"

struct job { int fd; uint32_t n_bytes, tag; uint64_t offset; void *bytes; };

struct readers {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    tl_io_done done;
    void *context;
    bool stop;
    uint32_t depth, n_started, first, n_jobs;
    struct job *jobs;                    /* [depth], a ring */
    pthread_t threads[];
};

static int64_t carry_out(const struct job *job)
{
    ssize_t n;
    do
        n = pread(job->fd, job->bytes, job->n_bytes, (off_t)job->offset);
    while (n < 0 && errno == EINTR);
    return n < 0 ? -errno : n;
}

static void *read_jobs(void *argument)
{
    struct readers *r = argument;
    pthread_mutex_lock(&r->lock);
    for (;;) {
        while (!r->n_jobs && !r->stop)
            pthread_cond_wait(&r->changed, &r->lock);
        if (!r->n_jobs)
            break;
        struct job job = r->jobs[r->first];
        r->first = (r->first + 1) % r->depth;
        r->n_jobs--;
        pthread_mutex_unlock(&r->lock);
        r->done(r->context, job.tag, carry_out(&job));
        pthread_mutex_lock(&r->lock);
    }
    pthread_mutex_unlock(&r->lock);
    return NULL;
}

static void close_readers(void *state)
{
    struct readers *r = state;
    pthread_mutex_lock(&r->lock);
    r->stop = true;
    pthread_cond_broadcast(&r->changed);
    pthread_mutex_unlock(&r->lock);
    for (uint32_t i = 0; i < r->n_started; i++)
        pthread_join(r->threads[i], NULL);
    pthread_mutex_destroy(&r->lock);
    pthread_cond_destroy(&r->changed);
    tl_free(r->jobs);
    tl_free(r);
}

static int start_readers(struct readers *r)
{
    sigset_t all, before;
    int e = 0;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    for (uint32_t i = 0; i < r->depth && !e; i++) {
        e = tl_memory_permit() ? pthread_create(&r->threads[i], NULL, read_jobs, r) : EAGAIN;
        r->n_started += !e;
    }
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return e ? tl_fail(TL_E_NOMEM, "reading thread %u of %u cannot be started", r->n_started + 1, r->depth) : 0;
}

static int open_readers(uint32_t depth, tl_io_done done, void *context, void **ret_state)
{
    struct readers *r = tl_alloc(1, sizeof(*r) + depth * sizeof(r->threads[0]));
    if (!r)
        return TL_E_NOMEM;
    pthread_mutex_init(&r->lock, NULL);
    pthread_cond_init(&r->changed, NULL);
    r->done = done;
    r->context = context;
    r->depth = depth;
    r->jobs = tl_alloc(depth, sizeof(*r->jobs));
    int status = r->jobs ? start_readers(r) : TL_E_NOMEM;
    if (status < 0) {
        close_readers(r);
        return status;
    }
    *ret_state = r;
    return 0;
}

static int read_job(void *state, int fd, uint64_t offset, void *ret_bytes, uint32_t n_bytes, uint32_t tag)
{
    struct readers *r = state;
    pthread_mutex_lock(&r->lock);
    bool room = r->n_jobs < r->depth;
    if (room)
        r->jobs[(r->first + r->n_jobs++) % r->depth] = (struct job){fd, n_bytes, tag, offset, ret_bytes};
    pthread_cond_signal(&r->changed);
    pthread_mutex_unlock(&r->lock);
    return room ? 0 : -EBUSY;
}

const struct tl_io tl_io_pread = {.name = "pread", .open = open_readers, .close = close_readers, .read = read_job};
