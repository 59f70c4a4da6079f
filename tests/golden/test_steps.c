/* SPDX-License-Identifier: MIT */
/* Steps while experts or the trunk are streamed: they allocate nothing, and one that ends early, since a read failed, leaves
 * everything usable. That the bits stay the same in all ways of reading is test_one_answer.c's. */
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

enum { N_FIRST = 16 };

struct run { const struct golden *golden; float *logits; };

static int keep(void *context, uint32_t position, const float *logits)
{
    struct run *run = context;
    memcpy(run->logits + position * run->golden->vocab, logits, run->golden->vocab * sizeof(float));
    return 0;
}

static struct tl_engine *open_model(const struct golden *golden, uint32_t frames, uint64_t trunk_bytes)
{
    struct tl_engine *engine;
    struct tl_engine_options options = { .threads = 2, .chunk = 8, .context = 256, .lookahead = "on", .frames = frames, .trunk_bytes = trunk_bytes };
    if (tl_engine_open(golden->folder, &options, &engine) < 0)
        fail_msg("%s: %s", golden->folder, tl_error_text());
    return engine;
}

/* The ids from `n` on, one by one. */
static void decode(struct tl_session *session, struct run *run, size_t n, size_t end)
{
    for (; n < end; n++) {
        assert_int_equal(tl_session_append(session, &run->golden->ids[n], 1), 0);
        if (tl_session_compute(session, keep, run) < 0)
            fail_msg("%s: %s", run->golden->folder, tl_error_text());
    }
}

static void check_steps(const struct golden *golden, uint32_t frames, uint64_t trunk_bytes)
{
    size_t n_bytes = N_FIRST * golden->vocab * sizeof(float);
    struct run first = { golden, calloc(golden->n_ids * golden->vocab, sizeof(float)) },
               second = { golden, calloc(golden->n_ids * golden->vocab, sizeof(float)) };
    struct tl_session *session;
    struct tl_engine *engine = open_model(golden, frames, trunk_bytes);
    assert_int_equal(tl_session_open(engine, &session), 0);
    decode(session, &first, 0, N_FIRST);
    for (long fails = 0; fails < 12; fails += 3) {
        assert_int_equal(tl_session_set(session, golden->ids, 0), 0);
        tl_file_fail_after(fails);
        tl_session_append(session, golden->ids, 1);
        int status = tl_session_compute(session, NULL, NULL);
        tl_file_fail_after(-1);
        assert_true(status >= 0 || status == TL_E_IO);
        assert_int_equal(tl_session_set(session, golden->ids, 0), 0);
        decode(session, &second, 0, N_FIRST);
        assert_memory_equal(first.logits, second.logits, n_bytes);
    }
    uint64_t before = tl_memory_allocations();
    decode(session, &second, N_FIRST, golden->n_ids);
    assert_int_equal(tl_memory_allocations(), before);
    free(first.logits);
    free(second.logits);
    tl_session_close(session);
    tl_engine_close(engine);
}

static int n_streamed;

static void check_experts(const struct golden *golden)
{
    struct tl_engine *engine = open_model(golden, 0, 0);
    const struct tl_store *store = tl_model_store(engine->model);
    bool streamable = tl_store_experts(store) > tl_store_least_frames(store);
    uint32_t frames = tl_store_least_frames(store);
    tl_engine_close(engine);
    if (streamable)
        check_steps(golden, frames, 0);
    n_streamed += streamable;
}

static void check_trunk(const struct golden *golden)
{
    check_steps(golden, 0, 1);
}

static void test_experts(void **state)
{
    (void)state;
    golden_each_own(check_experts);
    assert_true(n_streamed >= 8);
}

static void test_trunk(void **state)
{
    (void)state;
    golden_each_own(check_trunk);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_experts), cmocka_unit_test(test_trunk) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
