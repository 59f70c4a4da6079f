/* SPDX-License-Identifier: MIT */
/* A drive that fails while weights are streamed, experts alone or the trunk too: the N-th read fails, for every N; a file
 * that shrinks, changes or vanishes under the run. Each time the step fails with a sentence or the bits are right; nothing hangs, and the session goes on. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

#include "base/error.h"
#include "base/file.h"
#include "engine/session.h"
#include "refuse.h"

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

static struct tl_engine *open_streamed(const char *path, const char *io, uint32_t threads, bool trunk)
{
    struct tl_engine *engine;
    struct tl_engine_options options = { .threads = threads, .chunk = 4, .context = 64, .frames = FRAMES, .io = io, .lookahead = "on",
                                         .trunk_bytes = trunk };
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

/* TRILL_FAST: every fifth read. */
static void test_each_read_fails(void **state)
{
    static float expected[4096], other[4096];
    const long stride = getenv("TRILL_FAST") ? 5 : 1;
    (void)state;
    if (!find_model())
        skip();
    for (int way = 0; way < 4; way++) {
        int io = way % 2;
        struct tl_engine *engine = open_streamed(model_path, ios[io], 2, way / 2);
        struct tl_session *session;
        size_t n_bytes = tl_model_geometry(engine->model)->vocab * sizeof(float);
        long n = 0, failed = 0;
        assert_int_equal(tl_session_open(engine, &session), 0);
        assert_int_equal(compute(session, expected), 0);
        for (int quiet = 0; quiet < (way / 2 ? 100 / stride : 3); n += stride) {        /* of the trunk, a read ahead that fails is tried again */
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
        print_message("%s, %s: %ld of %ld failing reads end the step\n", ios[io], way / 2 ? "experts and trunk" : "experts", failed, n / stride);
        assert_true(failed * stride > (way / 2 ? 3 : 10));
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

enum change { SHRINKS, GROWS, IS_WRITTEN };

static void change_file(const char *path, enum change change)
{
    int fd = open(path, O_RDWR);
    struct stat facts;
    char byte = 1;
    assert_true(fd >= 0 && fstat(fd, &facts) == 0);
    if (change == SHRINKS)
        assert_int_equal(ftruncate(fd, 20000), 0);
    else
        assert_int_equal(pwrite(fd, &byte, 1, change == GROWS ? facts.st_size : facts.st_size / 2), 1);
    facts.st_mtim.tv_sec += 10;              /* however coarse the times of files are here */
    assert_int_equal(futimens(fd, (struct timespec[2]){{.tv_nsec = UTIME_OMIT}, facts.st_mtim}), 0);
    close(fd);
}

static void test_file_changes(void **state)
{
    static float logits[4096];
    (void)state;
    if (!find_model())
        skip();
    for (int way = 0; way < 6; way++) {
        char path[] = "/tmp/trill-changes-XXXXXX";
        struct tl_session *session;
        copy_model(path);
        struct tl_engine *engine = open_streamed(path, ios[way % 2], 1, way / 3);
        assert_int_equal(tl_session_open(engine, &session), 0);
        assert_int_equal(compute(session, logits), 0);
        change_file(path, (enum change)(way % 3));
        assert_int_equal(compute(session, logits), TL_E_IO);
        if (!strstr(tl_error_text(), "has changed while it is in use"))
            fail_msg("%s", tl_error_text());
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
        struct tl_engine *engine = open_streamed(path, ios[io], 1, io);
        assert_int_equal(tl_session_open(engine, &session), 0);
        assert_int_equal(compute(session, expected), 0);
        unlink(path);                                                        /* what is open stays readable */
        assert_int_equal(compute(session, other), 0);
        assert_memory_equal(expected, other, tl_model_geometry(engine->model)->vocab * sizeof(float));
        tl_session_close(session);
        tl_engine_close(engine);
    }
}

/* --- a system that refuses --- */

struct notes { int n_uring, n_direct; };

static void note(void *context, int level, const char *text)
{
    struct notes *notes = context;
    notes->n_uring += level > 0 && strstr(text, "reading with a pool of threads instead") != NULL;
    notes->n_direct += level > 0 && strstr(text, "direct reads are not possible here") != NULL;
}

/* The logits in such a process; the exit code says what was wrong. */
static int compute_refused(const float *expected, size_t n_bytes)
{
    static float logits[4096];
    struct notes notes = { 0, 0 };
    struct tl_engine *engine;
    struct tl_session *session;
    struct tl_engine_options options = { .threads = 2, .chunk = 4, .context = 64, .frames = FRAMES, .trunk_bytes = 1, .log = note, .context_pointer = &notes };
    if (!refuse_direct())
        return 77;
    if (tl_engine_open(model_path, &options, &engine) < 0 || tl_session_open(engine, &session) < 0 || compute(session, logits) < 0)
        return 1;
    tl_session_close(session);
    tl_engine_close(engine);
    return memcmp(expected, logits, n_bytes) != 0 ? 2 : notes.n_uring != 1 ? 3 : notes.n_direct != 1 ? 4 : 0;
}

static void test_refused(void **state)
{
    static float expected[4096];
    struct tl_session *session;
    int code;
    (void)state;
    if (!find_model())
        skip();
    struct tl_engine *engine = open_streamed(model_path, "uring", 2, true);
    size_t n_bytes = tl_model_geometry(engine->model)->vocab * sizeof(float);
    assert_int_equal(tl_session_open(engine, &session), 0);
    assert_int_equal(compute(session, expected), 0);
    tl_session_close(session);
    tl_engine_close(engine);
    pid_t child = fork();
    if (child == 0)
        _exit(compute_refused(expected, n_bytes));
    assert_int_equal(waitpid(child, &code, 0), child);
    assert_true(WIFEXITED(code));
    if (WEXITSTATUS(code) == 77)
        skip();
    assert_int_equal(WEXITSTATUS(code), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each_read_fails), cmocka_unit_test(test_file_changes), cmocka_unit_test(test_file_vanishes),
        cmocka_unit_test(test_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
