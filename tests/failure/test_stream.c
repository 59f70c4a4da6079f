/* SPDX-License-Identifier: MIT */
/* A drive that fails while experts are streamed: the N-th read fails, for every N; a file that shrinks or vanishes under
 * the run. Each time the step fails with a sentence or the bits are right; nothing hangs, and the session goes on. */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

#include "base/error.h"
#include "base/file.h"
#include "engine/session.h"

enum { TOKENS = 12, FRAMES = 4 };
static const int32_t ids[TOKENS] = { 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16 };
static const char *const ios[] = { "uring", "pread" };
static char model_path[600];

static int find_model(void)
{
    const char *shared = getenv("TRILL_SHARED"), *root = getenv("TRILL_ROOT");
    static const char *const names[] = { "qwen3_moe", "glm4_moe" };
    for (int i = 0; i < 2; i++) {
        if (shared)
            snprintf(model_path, sizeof(model_path), "%s/golden/%s/model-f32.gguf", shared, names[i]);
        else
            snprintf(model_path, sizeof(model_path), "%s/../shared/golden/%s/model-f32.gguf", root ? root : ".", names[i]);
        if (access(model_path, R_OK) == 0)
            return 1;
    }
    return 0;
}

static struct tl_engine *open_streamed(const char *path, const char *io, uint32_t threads)
{
    struct tl_engine *engine;
    struct tl_engine_options options = { .threads = threads, .chunk = 4, .context = 64, .frames = FRAMES, .io = io, .lookahead = "on" };
    if (tl_engine_open(path, &options, &engine) < 0)
        fail_msg("%s: %s", path, tl_error_text());
    return engine;
}

static int compute(struct tl_session *session, float *ret_logits)
{
    const float *logits;
    int status = tl_session_set(session, ids, 1);
    if (status >= 0)
        status = tl_session_set(session, ids, TOKENS);
    if (status >= 0)
        status = tl_session_logits(session, &logits);
    if (status >= 0)
        memcpy(ret_logits, logits, tl_model_geometry(session->engine->model)->vocab * sizeof(float));
    return status;
}

static void test_each_read_fails(void **state)
{
    static float expected[4096], other[4096];
    (void)state;
    if (!find_model())
        skip();
    for (int io = 0; io < 2; io++) {
        struct tl_engine *engine = open_streamed(model_path, ios[io], 2);
        struct tl_session *session;
        size_t n_bytes = tl_model_geometry(engine->model)->vocab * sizeof(float);
        long n = 0, failed = 0;
        assert_int_equal(tl_session_open(engine, &session), 0);
        assert_int_equal(compute(session, expected), 0);
        for (int quiet = 0; quiet < 3; n++) {
            tl_file_fail_after(n);
            int status = compute(session, other);
            tl_file_fail_after(-1);
            if (status < 0 && (status != TL_E_IO || !strstr(tl_error_text(), "reading at byte")))
                fail_msg("read %ld: %d, %s", n, status, tl_error_text());
            if (status >= 0)
                assert_memory_equal(expected, other, n_bytes);
            failed += status < 0;
            quiet = status < 0 ? 0 : quiet + 1;
            assert_int_equal(compute(session, other), 0);                    /* the session goes on */
            assert_memory_equal(expected, other, n_bytes);
            assert_true(n < 100000);
        }
        print_message("%s: %ld of %ld failing reads end the step\n", ios[io], failed, n);
        assert_true(failed > 10);
        tl_session_close(session);
        tl_engine_close(engine);
    }
}

static void copy_model(char *path)
{
    char command[1300];
    close(mkstemp(path));
    snprintf(command, sizeof(command), "cp '%s' '%s' && chmod 600 '%s'", model_path, path, path);
    assert_int_equal(system(command), 0);
}

static void test_file_shrinks(void **state)
{
    static float logits[4096];
    (void)state;
    if (!find_model())
        skip();
    for (int io = 0; io < 2; io++) {
        char path[] = "/tmp/trill-shrinks-XXXXXX";
        struct tl_session *session;
        copy_model(path);
        struct tl_engine *engine = open_streamed(path, ios[io], 1);
        assert_int_equal(tl_session_open(engine, &session), 0);
        assert_int_equal(compute(session, logits), 0);
        assert_int_equal(truncate(path, 20000), 0);
        assert_int_equal(compute(session, logits), TL_E_IO);
        assert_non_null(strstr(tl_error_text(), "ends at byte"));
        tl_session_close(session);
        tl_engine_close(engine);
        unlink(path);
    }
}

static void test_file_vanishes(void **state)
{
    static float expected[4096], other[4096];
    (void)state;
    if (!find_model())
        skip();
    for (int io = 0; io < 2; io++) {
        char path[] = "/tmp/trill-vanishes-XXXXXX";
        struct tl_session *session;
        copy_model(path);
        struct tl_engine *engine = open_streamed(path, ios[io], 1);
        assert_int_equal(tl_session_open(engine, &session), 0);
        assert_int_equal(compute(session, expected), 0);
        unlink(path);                                                        /* what is open stays readable */
        assert_int_equal(compute(session, other), 0);
        assert_memory_equal(expected, other, tl_model_geometry(engine->model)->vocab * sizeof(float));
        tl_session_close(session);
        tl_engine_close(engine);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each_read_fails), cmocka_unit_test(test_file_shrinks), cmocka_unit_test(test_file_vanishes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
