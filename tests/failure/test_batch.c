/* SPDX-License-Identifier: MIT */
/* A batch that is hindered: killed at many moments, with failing reads, writes and allocations. Each time the run ends
 * with a sentence and nothing is lost: the same call goes on, and the same output comes out. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/error.h"
#include "base/file.h"
#include "base/memory.h"
#include "engine/batch.h"
#include "folder.h"
#include "golden_file.h"
#include "killed.h"

enum { REQUESTS = 24 };
static char input[64], output[64], partial[80];
static char *expected;

static int open_engine(struct tl_engine **ret_engine)
{
    struct tl_engine_options options = {.threads = 1, .context = 128, .sessions = 4, .chunk = 64};
    return tl_engine_open(golden_file("llama/model.gguf"), &options, ret_engine);
}

static int run_watched(struct tl_engine *engine, struct tl_progress *progress, struct tl_batch_report *ret_report)
{
    struct tl_batch_order order = {.input = input, .output = output};
    return tl_batch_run(engine, &order, progress, ret_report);
}

static int run(struct tl_engine *engine, struct tl_batch_report *ret_report)
{
    return run_watched(engine, NULL, ret_report);
}

static void write_requests(int n)
{
    FILE *file = fopen(input, "w");
    assert_non_null(file);
    for (int i = 0; i < n; i++)
        fprintf(file, "{\"custom_id\":\"%d\",\"method\":\"POST\",\"url\":\"/v1/completions\",\"body\":{\"prompt\":\"Once upon a time there %d\","
                "\"max_tokens\":%d,\"seed\":%d%s}}\n", i, i, 20 + i % 30, i, i % 4 == 3 ? ",\"n\":2,\"logprobs\":1,\"stop\":\"zq\"" : i % 10 == 4 ? ",\"x\":1" : "");
    fclose(file);
}

static void check_output(void)
{
    char *got;
    size_t n_bytes;
    assert_int_equal(tl_file_slurp(output, 1 << 24, &got, &n_bytes), 0);
    assert_string_equal(got, expected);
    tl_free(got);
    assert_int_equal(access(partial, F_OK), -1);
    unlink(output);
}

static void make_expected(int n)
{
    struct tl_engine *engine;
    struct tl_batch_report report;
    size_t n_bytes;
    write_requests(n);
    assert_int_equal(open_engine(&engine), 0);
    assert_int_equal(run(engine, &report), 0);
    tl_engine_close(engine);
    tl_free(expected);
    assert_int_equal(tl_file_slurp(output, 1 << 24, &expected, &n_bytes), 0);
    unlink(output);
}

/* --- killed ----------------------------------------------------------------------------------------------------------------- */

static void child(struct tl_progress *progress)
{
    struct tl_engine *engine;
    struct tl_batch_report report;
    _exit(open_engine(&engine) < 0 || run_watched(engine, progress, &report) < 0);
}

static off_t size_of(const char *path)
{
    struct stat facts;
    return stat(path, &facts) == 0 ? facts.st_size : 0;
}

/* Kills the run where its work file would have more bytes. True: it was not done before. */
static bool kill_at(off_t n_bytes)
{
    int status;
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        die_beyond((uint64_t)n_bytes);
        child(NULL);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFSIGNALED(status) ? WTERMSIG(status) == SIGXFSZ : WIFEXITED(status) && WEXITSTATUS(status) == 0);
    return WIFSIGNALED(status);
}

static void test_kill(void **state)
{
    int killed = 0;
    (void)state;
    make_expected(REQUESTS);
    off_t whole = (off_t)strlen(expected);
    for (int round = 0; round < 3; round++) {
        for (off_t at = round; kill_at(at); at = size_of(partial) + whole / 9)       /* each goes on where the last one was killed */
            killed++;
        check_output();
    }
    print_message("killed %d times\n", killed);
    assert_true(killed > 3);
}

static void stop_at_work(void *context, const struct tl_progress *progress)
{
    (void)context, (void)progress;
    if (access(partial, F_OK) == 0)
        raise(SIGSTOP);
}

static void test_one_at_a_time(void **state)
{
    struct tl_progress progress = {.watch = stop_at_work};
    struct tl_engine *engine;
    struct tl_batch_report report;
    int status;
    (void)state;
    make_expected(REQUESTS);
    pid_t pid = fork();
    if (pid == 0)
        child(&progress);
    assert_int_equal(waitpid(pid, &status, WUNTRACED), pid);
    assert_true(WIFSTOPPED(status));
    assert_int_equal(open_engine(&engine), 0);
    assert_int_equal(run(engine, &report), TL_E_USAGE);
    assert_non_null(strstr(tl_error_text(), "another run is at work"));
    tl_engine_close(engine);
    do
        kill(pid, SIGCONT);
    while (waitpid(pid, &status, WUNTRACED) == pid && WIFSTOPPED(status));
    assert_int_equal(status, 0);
    check_output();
}

/* --- failing reads, writes, allocations ------------------------------------------------------------------------------------- */

static void check_given_back(const struct tl_engine *engine)
{
    const struct tl_cache *cache = tl_model_cache(engine->model);
    assert_int_equal(engine->n_sessions, 0);
    for (uint32_t i = 0; i < cache->n_groups; i++)
        assert_int_equal(cache->group[i].n_free, cache->group[i].n_pages);
}

static void test_files_fail(void **state)
{
    struct tl_engine *engine;
    struct tl_batch_report report;
    (void)state;
    make_expected(5);
    assert_int_equal(open_engine(&engine), 0);
    const long stride = getenv("TRILL_FAST") ? 5 : 1;
    long n = 0, failed = 0;
    for (int quiet = 0; quiet < 2; n += stride) {
        tl_file_fail_after(n);
        int status = run(engine, &report);
        tl_file_fail_after(-1);
        if (status < 0 && (status != TL_E_IO || !*tl_error_text()))
            fail_msg("file access %ld: %d, %s", n, status, tl_error_text());
        failed += status < 0;
        quiet = status < 0 ? 0 : quiet + 1;
        check_given_back(engine);
        if (status < 0 && run(engine, &report) < 0)
            fail_msg("behind file access %ld: %s", n, tl_error_text());
        check_output();
        assert_true(n < 2000);
    }
    print_message("%ld of %ld failing accesses end the run\n", failed, n);
    assert_true(failed * stride > 15);
    tl_engine_close(engine);
}

static void test_memory_fails(void **state)
{
    struct tl_engine *engine;
    struct tl_batch_report report;
    (void)state;
    make_expected(5);
    assert_int_equal(open_engine(&engine), 0);
    int status = TL_E_NOMEM;
    for (long n = 0; status == TL_E_NOMEM; n += 1 + n / 12) {
        tl_memory_fail_after(n);
        status = run(engine, &report);
        tl_memory_fail_after(-1);
        check_given_back(engine);
        if (status < 0 && status != TL_E_NOMEM)
            fail_msg("allocation %ld: %d, %s", n, status, tl_error_text());
        if (status < 0)
            unlink(partial);
        assert_true(n < 100000);
    }
    check_output();
    tl_engine_close(engine);
}

/* No file may grow beyond so many bytes: what a full disk does, at any byte. */
static int run_limited(struct tl_engine *engine, rlim_t n_bytes, struct tl_batch_report *report)
{
    struct rlimit before, limited;
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
    limited = before;
    limited.rlim_cur = n_bytes;
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &limited), 0);
    int status = run(engine, report);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
    return status;
}

static void test_disk_full(void **state)
{
    struct tl_engine *engine;
    struct tl_batch_report report;
    (void)state;
    signal(SIGXFSZ, SIG_IGN);
    make_expected(12);
    assert_int_equal(open_engine(&engine), 0);
    rlim_t whole = (rlim_t)strlen(expected);
    for (rlim_t room = 50; room < whole - 1; room += whole / 5) {
        assert_int_equal(run_limited(engine, room, &report), TL_E_IO);
        assert_non_null(strstr(tl_error_text(), "writing: File too large"));
        check_given_back(engine);
    }
    assert_int_equal(run(engine, &report), 0);
    assert_true(report.resumed > 2);
    check_output();
    tl_engine_close(engine);
}

static int make_places(void **state)
{
    if (make_folder(state) < 0)
        return -1;
    snprintf(input, sizeof(input), "%s/in.jsonl", folder);
    snprintf(output, sizeof(output), "%s/out.jsonl", folder);
    snprintf(partial, sizeof(partial), "%s.partial", output);
    return 0;
}

static int remove_places(void **state)
{
    tl_free(expected);
    unlink(output);
    unlink(partial);
    unlink(input);
    return remove_empty_folder(state);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_kill), cmocka_unit_test(test_one_at_a_time), cmocka_unit_test(test_files_fail),
        cmocka_unit_test(test_memory_fails), cmocka_unit_test(test_disk_full),
    };
    return cmocka_run_group_tests(tests, make_places, remove_places);
}
