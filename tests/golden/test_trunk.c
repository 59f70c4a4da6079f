/* SPDX-License-Identifier: MIT */
/* Contract 1 for a trunk larger than its budget: the bits of the logits do not depend on how much of it stays in memory,
 * on how the rest is read, nor on threads, chunk, or what happens to the experts meanwhile. Each golden model runs with
 * all of its weights in memory, with half of them, and with as little as works. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "base/error.h"
#include "base/memory.h"
#include "cases.h"
#include "engine/session.h"

struct way { const char *io, *lookahead; uint32_t frames, threads, chunk, block; uint64_t trunk_bytes; };

struct run { const struct golden *golden; float *logits; };

static int keep(void *context, uint32_t position, const float *logits)
{
    struct run *run = context;
    memcpy(run->logits + position * run->golden->vocab, logits, run->golden->vocab * sizeof(float));
    return 0;
}

static struct tl_engine *open_way(const char *path, const struct way *way)
{
    struct tl_engine *engine;
    struct tl_engine_options options = { .threads = way->threads, .chunk = way->chunk, .context = 256, .frames = way->frames, .io = way->io,
                                         .lookahead = way->lookahead, .trunk_bytes = way->trunk_bytes, .block = way->block };
    if (tl_engine_open(path, &options, &engine) < 0)
        fail_msg("%s: %s", path, tl_error_text());
    return engine;
}

static void compute(struct tl_session *session, struct run *run, size_t n, bool one_by_one)
{
    assert_int_equal(tl_session_set(session, run->golden->ids, one_by_one ? 1 : n), 0);
    for (size_t i = one_by_one ? 1 : n; i <= n; i++) {
        if (tl_session_compute(session, keep, run) < 0)
            fail_msg("%s: %s", run->golden->folder, tl_error_text());
        if (i < n)
            assert_int_equal(tl_session_append(session, &run->golden->ids[i], 1), 0);
    }
}

static uint64_t run_way(const char *path, const struct way *way, struct run *run, size_t n)
{
    struct tl_session *session;
    struct tl_engine *engine = open_way(path, way);
    uint64_t passing = tl_store_passing_bytes(tl_model_store(engine->model));
    assert_int_equal(tl_session_open(engine, &session), 0);
    compute(session, run, n, way->chunk == 1);
    uint64_t missed = tl_meter_get(&engine->meters, TL_METER_MISSED_BYTES), read = tl_meter_get(&engine->meters, TL_METER_DRIVE_BYTES);
    assert_true(way->trunk_bytes && passing ? missed >= passing && read > 0 : passing == 0);
    assert_int_equal(tl_model_limits(engine->model)->trunk_bytes, way->trunk_bytes);
    tl_session_close(session);
    tl_engine_close(engine);
    return passing;
}

static int n_passing;
static uint32_t n_paths;

static void check_path(const struct golden *golden, const char *path)
{
    static const char *const ios[] = { "uring", "pread" }, *const aheads[] = { "off", "on" };
    static const uint32_t chunks[] = { 64, 1, 7 };
    const struct way resident = { .threads = 1, .chunk = 64 };
    size_t n = golden->n_ids < 24 ? golden->n_ids : 24;
    struct run expected = { golden, calloc(n * golden->vocab, sizeof(float)) }, other = { golden, calloc(n * golden->vocab, sizeof(float)) };
    struct tl_engine *engine = open_way(path, &resident);
    const struct tl_store *store = tl_model_store(engine->model);
    uint32_t experts = tl_store_experts(store), least = tl_store_least_frames(store);
    uint64_t all = tl_store_trunk_bytes(store);
    assert_int_equal(tl_store_passing_bytes(store), 0);
    tl_engine_close(engine);
    run_way(path, &resident, &expected, n);
    const uint64_t trunks[] = { 1, all / 2, all - 64, all / 4 * 3 };
    const uint32_t stride = getenv("TRILL_FAST") ? 5 : 1, first = n_paths++ % stride;
    for (uint32_t i = first; i < 12; i += stride) {
        struct way way = { ios[i % 2], aheads[i / 2 % 2], experts > least ? (uint32_t[]){ least, 0, experts / 2 }[i % 3] : 0, 1 + i / 3 % 3,
                           chunks[(i + i / 4) % 3], i / 2 % 2 ? 3 : 0, trunks[i % 4] };
        memset(other.logits, 0, n * golden->vocab * sizeof(float));
        n_passing += run_way(path, &way, &other, n) > 0;
        if (memcmp(expected.logits, other.logits, n * golden->vocab * sizeof(float)) != 0)
            fail_msg("%s: other bits with %llu bytes for the trunk, io %s, %u frames, %u threads, chunks of %u", path,
                     (unsigned long long)way.trunk_bytes, way.io, way.frames, way.threads, way.chunk);
    }
    free(expected.logits);
    free(other.logits);
}

static void test_case(const struct golden *golden)
{
    check_path(golden, golden->folder);
    if (golden->gguf[0])
        check_path(golden, golden->gguf);
}

static void test_one_answer(void **state)
{
    (void)state;
    assert_true(golden_each_own(test_case) >= 4);
    assert_true(n_passing > 20);
}

/* A step that ends early leaves the ring usable, and steps allocate nothing. */
static void check_steps(const struct golden *golden)
{
    struct way way = { .threads = 2, .chunk = 8, .trunk_bytes = 1 };
    struct run first = { golden, calloc(golden->n_ids * golden->vocab, sizeof(float)) }, second = first;
    struct tl_session *session;
    size_t n = golden->n_ids < 16 ? golden->n_ids : 16, n_bytes = n * golden->vocab * sizeof(float);
    struct tl_engine *engine = open_way(golden->folder, &way);
    second.logits = calloc(golden->n_ids * golden->vocab, sizeof(float));
    assert_int_equal(tl_session_open(engine, &session), 0);
    compute(session, &first, n, true);
    for (long fails = 0; fails < 12; fails += 3) {
        assert_int_equal(tl_session_set(session, golden->ids, 0), 0);
        tl_file_fail_after(fails);
        tl_session_append(session, golden->ids, 1);
        int status = tl_session_compute(session, NULL, NULL);
        tl_file_fail_after(-1);
        assert_true(status >= 0 || status == TL_E_IO);
        assert_int_equal(tl_session_set(session, golden->ids, 0), 0);
        compute(session, &second, n, true);
        assert_memory_equal(first.logits, second.logits, n_bytes);
    }
    uint64_t before = tl_memory_allocations();
    for (size_t i = n; i < golden->n_ids; i++) {
        assert_int_equal(tl_session_append(session, &golden->ids[i], 1), 0);
        assert_int_equal(tl_session_compute(session, NULL, NULL), 0);
    }
    assert_int_equal(tl_memory_allocations(), before);
    free(first.logits);
    free(second.logits);
    tl_session_close(session);
    tl_engine_close(engine);
}

static void test_steps(void **state)
{
    (void)state;
    golden_each_own(check_steps);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_one_answer), cmocka_unit_test(test_steps) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
