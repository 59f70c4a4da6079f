/* SPDX-License-Identifier: MIT */
/* Contract 1 for streamed experts: the bits of the logits do not depend on how many experts fit in memory, how they are
 * read, who leaves the cache, threads, chunk, or look-ahead. Each golden model with experts runs in a share of 54 ways,
 * others than its neighbours; every way must give the logits that it gives with all experts in memory. */
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

struct way { const char *io, *policy, *lookahead; uint32_t frames, threads, chunk, block; };

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
    struct tl_engine_options options = { .threads = way->threads, .chunk = way->chunk, .context = 256, .block = way->block,
                                         .frames = way->frames, .io = way->io, .policy = way->policy, .lookahead = way->lookahead };
    if (tl_engine_open(path, &options, &engine) < 0)
        fail_msg("%s: %s", path, tl_error_text());
    return engine;
}

static void run_way(const char *path, const struct way *way, struct run *run)
{
    struct tl_session *session;
    struct tl_engine *engine = open_way(path, way);
    assert_int_equal(tl_session_open(engine, &session), 0);
    assert_int_equal(tl_session_set(session, run->golden->ids, run->golden->n_ids), 0);
    if (tl_session_compute(session, keep, run) < 0)
        fail_msg("%s: %s", path, tl_error_text());
    assert_int_equal(tl_model_limits(engine->model)->frames, way->frames);
    uint64_t misses = tl_meter_get(&engine->meters, TL_METER_EXPERT_MISSES), bytes = tl_meter_get(&engine->meters, TL_METER_DRIVE_BYTES);
    assert_true(way->frames ? misses > 0 && bytes > 0 : misses == 0 && bytes == 0);
    tl_session_close(session);
    tl_engine_close(engine);
}

static uint32_t n_cases;

static void check_path(const struct golden *golden, const char *path)
{
    static const char *const ios[] = { "uring", "pread" }, *const policies[] = { "auto", "lru", "lfru" }, *const aheads[] = { "off", "on", "auto" };
    static const uint32_t chunks[] = { 1, 7, 70 }, blocks[] = { 0, 3, 16, 5, 1 };
    const struct way resident = { .threads = 1, .chunk = 64 };
    size_t n = golden->n_ids * golden->vocab;
    struct run expected = { golden, malloc(n * sizeof(float)) }, other = { golden, malloc(n * sizeof(float)) };
    struct tl_engine *engine = open_way(path, &resident);
    struct tl_store *store = tl_model_store(engine->model);
    uint32_t experts = tl_store_experts(store), least = tl_store_least_frames(store);
    tl_engine_close(engine);
    if (experts > least) {
        const uint32_t frames[] = { least, experts / 2, experts };
        const uint32_t stride = getenv("TRILL_FAST") ? 17 : 5, first = n_cases++ % stride;
        run_way(path, &resident, &expected);
        for (uint32_t i = first; i < 54; i += stride) {
            struct way way = { ios[i % 2], policies[(i + i / 9) % 3], aheads[i / 6 % 3], frames[i / 2 % 3],
                               1 + i / 3 % 3, chunks[i / 18 % 3], blocks[i % 5] };
            memset(other.logits, 0, n * sizeof(float));
            run_way(path, &way, &other);
            if (memcmp(expected.logits, other.logits, n * sizeof(float)) != 0)
                fail_msg("%s: other bits with io %s, policy %s, look-ahead %s, %u frames, %u threads, chunks of %u, blocks of %u", path, way.io,
                         way.policy, way.lookahead, way.frames, way.threads, way.chunk, way.block);
        }
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
    if (!n_cases)
        skip();
}

static void check_steps(const struct golden *golden)
{
    struct tl_session *session;
    struct way way = { .frames = 3, .threads = 2, .chunk = 32, .lookahead = "on" };
    struct tl_engine *engine = open_way(golden->folder, &(struct way){ .threads = 1 });
    bool streamable = tl_store_experts(tl_model_store(engine->model)) > 3;
    tl_engine_close(engine);
    if (!streamable)
        return;
    engine = open_way(golden->folder, &way);
    assert_int_equal(tl_session_open(engine, &session), 0);
    assert_int_equal(tl_session_set(session, golden->ids, 20), 0);
    assert_int_equal(tl_session_compute(session, NULL, NULL), 0);
    uint64_t before = tl_memory_allocations();
    for (size_t i = 20; i < golden->n_ids; i++) {
        assert_int_equal(tl_session_append(session, &golden->ids[i], 1), 0);
        assert_int_equal(tl_session_compute(session, NULL, NULL), 0);
    }
    assert_int_equal(tl_memory_allocations(), before);
    tl_session_close(session);
    tl_engine_close(engine);
}

static void test_steps_allocate_nothing(void **state)
{
    (void)state;
    golden_each_own(check_steps);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_one_answer), cmocka_unit_test(test_steps_allocate_nothing) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
