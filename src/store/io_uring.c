/* SPDX-License-Identifier: MIT */
/* Reads through io_uring. Whoever asks submits at once; one thread waits for completions and reports them. The two sides
 * of the ring are touched by one thread at a time each: submissions under the queue's lock, completions by the waiter. */
#include <errno.h>
#include <liburing.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "store/io.h"

#define STOP UINT64_MAX

struct ring {
    struct io_uring ring;
    pthread_t waiter;
    tl_io_done done;
    void *context;
};

static void *wait_for_reads(void *argument)
{
    struct ring *ring = argument;
    for (;;) {
        struct io_uring_cqe *cqe;
        if (io_uring_wait_cqe(&ring->ring, &cqe) < 0)
            continue;
        uint64_t tag = io_uring_cqe_get_data64(cqe);
        int64_t result = cqe->res;
        io_uring_cqe_seen(&ring->ring, cqe);
        if (tag == STOP)
            return NULL;
        ring->done(ring->context, (uint32_t)tag, result);
    }
}

static int submit(struct ring *ring)
{
    int n;
    do
        n = io_uring_submit(&ring->ring);
    while (n == -EINTR || n == -EAGAIN);
    return n < 0 ? n : 0;
}

static void close_ring(void *state)
{
    struct ring *ring = state;
    struct io_uring_sqe *sqe = io_uring_get_sqe(&ring->ring);
    io_uring_prep_nop(sqe);
    io_uring_sqe_set_data64(sqe, STOP);
    submit(ring);
    pthread_join(ring->waiter, NULL);
    io_uring_queue_exit(&ring->ring);
    tl_free(ring);
}

static int start_waiter(struct ring *ring)
{
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int r = tl_memory_permit() ? pthread_create(&ring->waiter, NULL, wait_for_reads, ring) : EAGAIN;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return r;
}

static int open_ring(uint32_t depth, tl_io_done done, void *context, void **ret_state)
{
    struct ring *ring = tl_alloc(1, sizeof(*ring));
    if (!ring)
        return TL_E_NOMEM;
    ring->done = done;
    ring->context = context;
    int r = io_uring_queue_init(depth + 1, &ring->ring, 0);
    if (r < 0) {
        tl_free(ring);
        return tl_fail(TL_E_IO, "io_uring is refused here: %s", strerror(-r));
    }
    r = start_waiter(ring);
    if (r) {
        io_uring_queue_exit(&ring->ring);
        tl_free(ring);
        return tl_fail(TL_E_NOMEM, "the thread that waits for reads cannot be started: %s", strerror(r));
    }
    *ret_state = ring;
    return 0;
}

static int read_ring(void *state, int fd, uint64_t offset, void *ret_bytes, uint32_t n_bytes, uint32_t tag)
{
    struct ring *ring = state;
    struct io_uring_sqe *sqe = io_uring_get_sqe(&ring->ring);
    if (!sqe)
        return -EBUSY;
    io_uring_prep_read(sqe, fd, ret_bytes, n_bytes, offset);
    io_uring_sqe_set_data64(sqe, tag);
    return submit(ring);
}

const struct tl_io tl_io_uring = {.name = "uring", .open = open_ring, .close = close_ring, .read = read_ring};
