/* SPDX-License-Identifier: MIT */
/* The pool: every piece once, by threads in range, in the pool's floating-point mode, without allocating. */
#include "base_test.h"

#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "base/memory.h"
#include "base/pool.h"

enum { PIECES = 1000 };

struct work {
    _Atomic uint32_t done[PIECES];
    _Atomic uint32_t out_of_range;
    _Atomic uint32_t subnormals;
    uint32_t n_threads;
    float tiny;
    uint32_t plain;          /* written before, read inside, without atomics: TSan sees a missing order */
    uint32_t results[PIECES];
};

/* By its bits: in the pool's mode a comparison takes a subnormal for zero. */
static bool is_zero(float x)
{
    uint32_t bits;
    memcpy(&bits, &x, sizeof bits);
    return bits == 0;
}

static void piece_of_work(void *context, uint32_t piece, uint32_t thread)
{
    struct work *work = context;
    volatile float half = 0.5f;
    atomic_fetch_add(&work->done[piece], 1);
    if (thread >= work->n_threads)
        atomic_fetch_add(&work->out_of_range, 1);
    if (!is_zero(work->tiny * half))
        atomic_fetch_add(&work->subnormals, 1);
    work->results[piece] = work->plain + piece;
}

static void check_region(struct tl_pool *pool, struct work *work, uint32_t n_pieces)
{
    memset(work->done, 0, sizeof work->done);
    work->plain++;
    tl_pool_run(pool, n_pieces, piece_of_work, work);
    for (uint32_t i = 0; i < PIECES; i++)
        if (work->done[i] != (i < n_pieces) || (i < n_pieces && work->results[i] != work->plain + i))
            fail_msg("piece %u of %u is done %u times", i, n_pieces, work->done[i]);
    assert_int_equal(work->out_of_range, 0);
    assert_int_equal(work->subnormals, 0);
}

static void every_piece_is_done_once(void **state)
{
    (void)state;
    static struct work work;
    work.tiny = 0x1p-126f;
    for (uint32_t n_threads = 1; n_threads <= 9; n_threads++) {
        struct tl_pool *pool;
        assert_int_equal(tl_pool_new(n_threads, &pool), 0);
        assert_int_equal(tl_pool_threads(pool), n_threads);
        work.n_threads = n_threads;
        uint64_t before = tl_memory_allocations();
        for (uint32_t n = 0; n < 40; n++)
            check_region(pool, &work, n);
        check_region(pool, &work, PIECES);
        assert_int_equal(tl_memory_allocations(), before);
        tl_pool_free(pool);
    }
}

static void sleeping_threads_wake(void **state)
{
    (void)state;
    static struct work work;
    struct tl_pool *pool;
    work.n_threads = 3;
    assert_int_equal(tl_pool_new(3, &pool), 0);
    for (int i = 0; i < 300; i++) {
        if (i % 3 == 0)
            usleep((useconds_t)(i % 7) * 40);
        check_region(pool, &work, 1 + (uint32_t)i % 16);
    }
    usleep(2000);
    tl_pool_free(pool);
}

static void long_piece(void *context, uint32_t piece, uint32_t thread)
{
    (void)thread;
    if (piece == 0)
        usleep(3000);
    atomic_fetch_add((_Atomic uint32_t *)context, 1);
}

static void caller_waits_for_slow_pieces(void **state)
{
    (void)state;
    struct tl_pool *pool;
    assert_int_equal(tl_pool_new(4, &pool), 0);
    for (int i = 0; i < 20; i++) {
        _Atomic uint32_t done = 0;
        tl_pool_run(pool, 5, long_piece, &done);
        assert_int_equal(done, 5);
    }
    tl_pool_free(pool);
}

static void work_alternates(void **state)
{
    (void)state;
    struct tl_pool *pools[2];
    static struct work work[2];
    for (int i = 0; i < 2; i++) {
        work[i].n_threads = 2;
        assert_int_equal(tl_pool_new(2, &pools[i]), 0);
    }
    for (int i = 0; i < 2000; i++)
        check_region(pools[i % 2], &work[i % 2], 2 + (uint32_t)i % 5);
    for (int i = 0; i < 2; i++)
        tl_pool_free(pools[i]);
    tl_pool_free(NULL);
}

static void new_pools_fail_cleanly(void **state)
{
    (void)state;
    struct tl_pool *pool = NULL;
    for (long n = 0; n < 5; n++) {
        tl_memory_fail_after(n);
        int r = tl_pool_new(5, &pool);
        tl_memory_fail_after(-1);
        assert_int_equal(r, TL_E_NOMEM);
        assert_null(pool);
    }
    assert_int_equal(tl_pool_new(100000, &pool), TL_E_USAGE);
    assert_int_equal(tl_pool_new(0, &pool), 0);
    assert_true(tl_pool_threads(pool) >= 1);
    tl_pool_free(pool);
}

static void float_mode_is_restored(void **state)
{
    (void)state;
    volatile float tiny = 0x1p-126f, half = 0.5f, subnormal = 0x1p-130f, large = 0x1p20f;
    uint32_t before = tl_pool_float_mode();
    assert_true(is_zero(tiny * half));
    assert_true(is_zero(subnormal * large));
    uint32_t inner = tl_pool_float_mode();
    tl_pool_float_restore(inner);
    assert_true(is_zero(tiny * half));
    tl_pool_float_restore(before);
    assert_false(is_zero(tiny * half));
    assert_false(is_zero(subnormal * large));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_piece_is_done_once), cmocka_unit_test(sleeping_threads_wake),
        cmocka_unit_test(caller_waits_for_slow_pieces), cmocka_unit_test(work_alternates),
        cmocka_unit_test(new_pools_fail_cleanly), cmocka_unit_test(float_mode_is_restored),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
