/* SPDX-License-Identifier: MIT */
/* The thread pool.
 *
 * A region is published in one word: `ticket` holds the region's number and how many of its pieces are untaken. Who
 * lowers that count by compare-and-swap owns a piece; the fields of the region stay as they are until every piece is
 * done, so an owner may read them, and a thread that comes late finds no piece and touches nothing. A region therefore
 * waits for pieces, never for threads: one that the system has put aside holds nobody up.
 * Idle threads spin for SPIN_NS on `epoch` and then sleep in the kernel on the same word. */
#include "base/pool.h"

#include <linux/futex.h>
#include <pthread.h>
#include <signal.h>
#include <stdalign.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/cpu.h"
#include "base/error.h"
#include "base/memory.h"

enum { LINE_BYTES = 128, MAX_THREADS = 1024, SPIN_NS = 50000, SPINS_PER_CLOCK = 64 };

struct worker {
    struct tl_pool *pool;
    uint32_t thread;
    pthread_t handle;
};

struct tl_pool {
    alignas(LINE_BYTES) _Atomic uint64_t ticket;     /* region << 32 | untaken pieces */
    alignas(LINE_BYTES) _Atomic uint32_t epoch;      /* goes up with each region and at the end */
    _Atomic uint32_t n_sleeping;
    _Atomic bool stop;
    alignas(LINE_BYTES) _Atomic uint32_t n_done;     /* pieces of this region */
    _Atomic uint32_t caller_sleeps;
    alignas(LINE_BYTES) tl_pool_work work;           /* the region; written only when no piece is out */
    void *context;
    uint32_t n_pieces;
    uint32_t n_threads, n_started;
    void *memory;            /* what to free */
    struct worker workers[];
};

static void relax(void)
{
#if defined(__x86_64__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ __volatile__("isb");
#endif
}

static void sleep_on(_Atomic uint32_t *word, uint32_t seen)
{
    syscall(SYS_futex, word, FUTEX_WAIT_PRIVATE, seen, NULL, NULL, 0);
}

static void wake(_Atomic uint32_t *word, uint32_t n_threads)
{
    syscall(SYS_futex, word, FUTEX_WAKE_PRIVATE, n_threads, NULL, NULL, 0);
}

/* Spins until the word differs from `seen`; false when that took too long. */
static bool spin_on(_Atomic uint32_t *word, uint32_t seen)
{
    uint64_t start = 0;
    for (uint32_t i = 0;; i++) {
        if (atomic_load_explicit(word, memory_order_acquire) != seen)
            return true;
        relax();
        if (i % SPINS_PER_CLOCK == 0) {
            uint64_t now = tl_clock_ns();
            if (start == 0)
                start = now;
            else if (now - start > SPIN_NS)
                return false;
        }
    }
}

/* --- pieces ------------------------------------------------------------------------------------------------------- */

static bool take_ticket(struct tl_pool *pool, uint64_t *ret_ticket)
{
    uint64_t ticket = atomic_load_explicit(&pool->ticket, memory_order_acquire);
    while ((uint32_t)ticket != 0)
        if (atomic_compare_exchange_weak_explicit(&pool->ticket, &ticket, ticket - 1, memory_order_acq_rel,
                                                  memory_order_acquire)) {
            *ret_ticket = ticket;
            return true;
        }
    return false;
}

/* Takes pieces until none is left. Pieces done are reported before another region can be entered: a region cannot end
 * while one of its pieces is unreported. */
static void work_off(struct tl_pool *pool, uint32_t thread)
{
    uint64_t ticket;
    while (take_ticket(pool, &ticket)) {
        uint32_t n_pieces = pool->n_pieces;
        pool->work(pool->context, n_pieces - (uint32_t)ticket, thread);
        uint32_t n_done = atomic_fetch_add(&pool->n_done, 1) + 1;
        if (n_done == n_pieces && thread != 0 && atomic_load(&pool->caller_sleeps))
            wake(&pool->n_done, 1);
    }
}

/* --- workers ------------------------------------------------------------------------------------------------------ */

static void *worker_main(void *argument)
{
    struct worker *worker = argument;
    struct tl_pool *pool = worker->pool;
    uint32_t seen = 0;
    tl_pool_float_mode();
    while (!atomic_load(&pool->stop)) {
        if (!spin_on(&pool->epoch, seen)) {
            atomic_fetch_add(&pool->n_sleeping, 1);
            while (atomic_load(&pool->epoch) == seen)
                sleep_on(&pool->epoch, seen);
            atomic_fetch_sub(&pool->n_sleeping, 1);
        }
        seen = atomic_load(&pool->epoch);
        work_off(pool, worker->thread);
    }
    return NULL;
}

/* Signals are for the program's own threads. */
static int start_workers(struct tl_pool *pool)
{
    sigset_t all, before;
    int r = 0;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    for (uint32_t i = 1; i < pool->n_threads && r == 0; i++) {
        struct worker *worker = &pool->workers[i];
        *worker = (struct worker){.pool = pool, .thread = i};
        r = tl_memory_permit() ? pthread_create(&worker->handle, NULL, worker_main, worker) : -1;
        pool->n_started += r == 0;
    }
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return r == 0 ? 0 : tl_fail(TL_E_NOMEM, "thread %u of %u cannot be started", pool->n_started + 2, pool->n_threads);
}

int tl_pool_new(uint32_t n_threads, struct tl_pool **ret_pool)
{
    if (n_threads == 0)
        n_threads = tl_cpu_count();
    if (n_threads > MAX_THREADS)
        return tl_fail(TL_E_USAGE, "%u threads asked for, at most %d supported", n_threads, MAX_THREADS);
    size_t n_bytes = sizeof(struct tl_pool) + n_threads * sizeof(struct worker);
    uint8_t *memory = tl_alloc(n_bytes + LINE_BYTES, 1);
    if (!memory)
        return TL_E_NOMEM;
    struct tl_pool *pool = (void *)(memory + (LINE_BYTES - (uintptr_t)memory % LINE_BYTES));
    pool->memory = memory;
    pool->n_threads = n_threads;
    int r = start_workers(pool);
    if (r < 0) {
        tl_pool_free(pool);
        return r;
    }
    *ret_pool = pool;
    return 0;
}

void tl_pool_free(struct tl_pool *pool)
{
    if (!pool)
        return;
    atomic_store(&pool->stop, true);
    atomic_fetch_add(&pool->epoch, 1);
    wake(&pool->epoch, MAX_THREADS);
    for (uint32_t i = 1; i <= pool->n_started; i++)
        pthread_join(pool->workers[i].handle, NULL);
    tl_free(pool->memory);
}

uint32_t tl_pool_threads(const struct tl_pool *pool)
{
    return pool->n_threads;
}

/* --- regions ------------------------------------------------------------------------------------------------------ */

static void publish(struct tl_pool *pool, uint32_t n_pieces, tl_pool_work work, void *context)
{
    pool->work = work;
    pool->context = context;
    pool->n_pieces = n_pieces;
    atomic_store_explicit(&pool->n_done, 0, memory_order_relaxed);
    uint64_t region = (atomic_load_explicit(&pool->ticket, memory_order_relaxed) >> 32) + 1;
    atomic_store_explicit(&pool->ticket, region << 32 | n_pieces, memory_order_release);
    atomic_fetch_add(&pool->epoch, 1);
    if (atomic_load(&pool->n_sleeping) > 0)
        wake(&pool->epoch, n_pieces - 1);
}

static void wait_until_done(struct tl_pool *pool, uint32_t n_pieces)
{
    uint32_t n_done;
    while ((n_done = atomic_load_explicit(&pool->n_done, memory_order_acquire)) != n_pieces) {
        if (spin_on(&pool->n_done, n_done))
            continue;
        atomic_store(&pool->caller_sleeps, 1);
        while ((n_done = atomic_load(&pool->n_done)) != n_pieces)
            sleep_on(&pool->n_done, n_done);
        atomic_store(&pool->caller_sleeps, 0);
    }
}

void tl_pool_run(struct tl_pool *pool, uint32_t n_pieces, tl_pool_work work, void *context)
{
    uint32_t mode = tl_pool_float_mode();
    if (n_pieces <= 1 || pool->n_threads == 1) {
        for (uint32_t i = 0; i < n_pieces; i++)
            work(context, i, 0);
    } else {
        publish(pool, n_pieces, work, context);
        work_off(pool, 0);
        wait_until_done(pool, n_pieces);
    }
    tl_pool_float_restore(mode);
}
