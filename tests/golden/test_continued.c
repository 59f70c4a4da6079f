/* SPDX-License-Identifier: MIT */
/* Contract 1 for sequences that are taken up again: what is cut back, forked, saved, or interrupted in the middle of a step
 * goes on with the bits of a sequence that was computed in one go. Each golden model; with recurrent layers cutting back
 * may go further than asked, and what was reused is said. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include "base/error.h"
#include "base/memory.h"
#include "cases.h"
#include "engine/session.h"
#include "must.h"

struct run {
    const struct golden *golden;
    const char *what;
    float *expected;                     /* [n_ids][vocab]; filled by the first pass */
    bool first;
    uint32_t n_rows;
};

static int on_row(void *context, uint32_t position, const float *logits)
{
    struct run *run = context;
    float *row = run->expected + position * run->golden->vocab;
    size_t n_bytes = run->golden->vocab * sizeof(float);
    run->n_rows++;
    if (run->first)
        memcpy(row, logits, n_bytes);
    else if (memcmp(row, logits, n_bytes) != 0)
        fail_msg("%s: other bits at position %u, %s", run->golden->name, position, run->what);
    return 0;
}

static void compute(struct tl_session *session, struct run *run, const char *what)
{
    run->what = what;
    run->n_rows = 0;
    must(tl_session_compute(session, on_row, run));
}

/* The case's ids up to n; returns how many of them were computed before. */
static uint32_t set(struct tl_session *session, struct run *run, size_t n)
{
    assert_int_equal(tl_session_set(session, run->golden->ids, n), 0);
    assert_int_equal(session->n_reused, session->state->length);
    return session->n_reused;
}

static void decode(struct tl_session *session, struct run *run, size_t to)
{
    while (session->n_ids < to) {
        assert_int_equal(tl_session_append(session, &run->golden->ids[session->n_ids], 1), 0);
        compute(session, run, "decoding");
    }
}

/* A prompt of 66, an answer; the same prompt again, another, a shorter one, and one step back. */
static void check_turns(struct tl_session *session, struct run *run)
{
    int32_t other[70];
    memcpy(other, run->golden->ids, sizeof(other));
    other[67] ^= 1;
    set(session, run, 66);
    compute(session, run, "a prompt");
    decode(session, run, 70);
    assert_int_equal(tl_session_set(session, other, 70), 0);
    assert_in_range(session->state->length, 66, 67);
    assert_int_equal(tl_session_compute(session, NULL, NULL), 0);
    assert_in_range(set(session, run, 70), 66, 67);
    compute(session, run, "behind another answer");
    assert_in_range(set(session, run, 65), 64, 65);                  /* the last page border, where nothing else is */
    decode(session, run, 70);
    set(session, run, 20);
    assert_in_range(session->n_reused, 0, 20);
    compute(session, run, "far back");
    decode(session, run, 30);
    compute(session, run, "behind a short prompt");
}

/* One step, interrupted at its first stage, its second, ...: each time the state is as before. */
struct stop { uint32_t left; };

static bool count_down(void *context)
{
    struct stop *stop = context;
    return stop->left-- == 0;
}

static int to_row(void *context, const uint32_t *tokens, uint32_t n_rows, float *rows) { (void)context; (void)tokens; (void)n_rows; (void)rows; return 0; }

static void check_interrupted(struct tl_engine *engine, struct tl_session *session, struct run *run)
{
    set(session, run, 5);
    compute(session, run, "before the interruptions");
    int status = TL_E_CANCEL;
    for (uint32_t n = 0; status == TL_E_CANCEL; n += 1 + n / 16) {
        struct stop stop = { n };
        struct tl_span span = { session->state, n % 2 ? 1 : 60 };
        struct tl_batch batch = { .ids = run->golden->ids + 5, .spans = &span, .n_spans = 1, .logits = to_row, .stop = count_down, .context = &stop };
        tl_engine_enter(engine);
        status = tl_model_forward(engine->model, engine->pool, engine->kernel, &batch);
        if (status >= 0)
            tl_state_truncate(session->state, 5);
        tl_engine_leave(engine);
        if (status >= 0)
            break;
        assert_int_equal(session->state->length, 5);
    }
    assert_int_equal(status, 0);
    set(session, run, 5);
    decode(session, run, 9);
    set(session, run, 70);
    compute(session, run, "behind the interruptions");
}

static void check_copies(struct tl_session *session, struct tl_session *other, struct run *run)
{
    struct tl_session *fork;
    char path[] = "/tmp/trill-continued-XXXXXX";
    close(mkstemp(path));
    set(session, run, 40);
    compute(session, run, "before the copies");
    assert_int_equal(tl_session_save(session, path), 0);
    assert_int_equal(tl_session_fork(session, &fork), 0);
    for (size_t n = 41; n <= 50; n++) {
        decode(session, run, n);
        decode(fork, run, n);
    }
    set(fork, run, 70);
    compute(fork, run, "in a fork");
    set(session, run, 70);
    compute(session, run, "beside a fork");
    tl_session_close(fork);
    must(tl_session_load(other, path));
    assert_int_equal(other->state->length, 40);
    decode(other, run, 45);
    set(other, run, 70);
    compute(other, run, "in a saved session");
    assert_int_equal(run->n_rows, 25);
    unlink(path);
}

/* Blocks of two: shorter than what a convolution looks back on. */
static void check_path(const struct golden *golden, const char *path, uint32_t block)
{
    struct tl_engine *engine;
    struct tl_session *session, *other;
    struct tl_engine_options options = { .threads = 2, .chunk = 96, .context = 256, .block = block, .sessions = 3 };
    struct run run = { .golden = golden, .first = true, .expected = malloc(golden->n_ids * golden->vocab * sizeof(float)) };
    if (tl_engine_open(path, &options, &engine) < 0)
        fail_msg("%s: %s", path, tl_error_text());
    assert_int_equal(tl_session_open(engine, &session), 0);
    assert_int_equal(tl_session_open(engine, &other), 0);
    set(session, &run, 70);
    compute(session, &run, "in one go");
    run.first = false;
    check_turns(other, &run);
    check_interrupted(engine, other, &run);
    check_copies(session, other, &run);
    tl_session_close(session);
    tl_session_close(other);
    tl_engine_close(engine);
    free(run.expected);
}

static void test_case(const struct golden *golden)
{
    check_path(golden, golden->folder, 33);
    check_path(golden, golden->gguf[0] ? golden->gguf : golden->folder, 2);
}

static void test_all(void **state)
{
    (void)state;
    assert_true(golden_each(test_case) >= 4);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_all) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
