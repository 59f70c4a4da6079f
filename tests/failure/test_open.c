/* SPDX-License-Identifier: MIT */
/* Opening a model and answering, with the N-th allocation or the N-th read failing, for every N: a status and a sentence
 * each time, nothing leaked (the sanitizer builds look), and after warm-up a decode step allocates nothing. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "base/file.h"
#include "base/memory.h"
#include "golden_file.h"
#include "trill.h"

static const char *const cases[] = { "llama", "gemma3", "qwen3_next" };

static int answer(const char *path)
{
    static const int32_t ids[] = { 5, 6, 7, 8 };
    struct trill_model_options options;
    struct trill_generate_options how;
    struct trill_generation generation = { 0 };
    struct trill_model *model = NULL;
    struct trill_session *session = NULL;
    trill_model_options_init(&options, sizeof(options));
    options.threads = 1;
    trill_generate_options_init(&how, sizeof(how));
    how.max_tokens = 3;
    how.ignore_end = 1;
    int status = trill_model_open(path, &options, &model);
    if (status >= 0)
        status = trill_session_open(model, &session);
    if (status >= 0)
        status = trill_session_set(session, ids, 4);
    if (status >= 0)
        status = trill_session_generate(session, &how, &generation, sizeof(generation));
    if (status >= 0) {
        assert_int_equal(generation.count, 3);
        trill_generation_done(&generation);
    }
    trill_session_close(session);
    trill_model_close(model);
    return status;
}

static void try_all(const char *path, void (*fail_after)(long countdown))
{
    long n = 0;
    for (int status = -1; status < 0; n++) {
        fail_after(n);
        status = answer(path);
        fail_after(-1);
        if (status < 0 && !*trill_error())
            fail_msg("%s: the failure of call %ld has no sentence", path, n);
        assert_true(n < 100000);
    }
    print_message("%s: %ld failing calls\n", path, n - 1);
    assert_true(n > 10);
}

static void test_allocations(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        try_all(golden_file("%s", cases[i]), tl_memory_fail_after);
        try_all(golden_file("%s/model.gguf", cases[i]), tl_memory_fail_after);
    }
}

static void test_reads(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        try_all(golden_file("%s", cases[i]), tl_file_fail_after);
        try_all(golden_file("%s/model.gguf", cases[i]), tl_file_fail_after);
    }
}

static void test_decode_allocates_nothing(void **state)
{
    (void)state;
    struct trill_model *model;
    struct trill_session *session;
    static const int32_t ids[] = { 5, 6, 7, 8, 9, 10 };
    assert_int_equal(trill_model_open(golden_file("gemma3/model.gguf"), NULL, &model), 0);
    assert_int_equal(trill_session_open(model, &session), 0);
    assert_int_equal(trill_session_set(session, ids, 6), 0);
    assert_int_equal(trill_session_compute(session, NULL, NULL), 0);
    uint64_t before = tl_memory_allocations();
    for (int32_t i = 0; i < 100; i++) {
        int32_t id = i % 50;
        assert_int_equal(trill_session_append(session, &id, 1), 0);
        assert_int_equal(trill_session_compute(session, NULL, NULL), 0);
    }
    assert_int_equal(tl_memory_allocations(), before);
    trill_session_close(session);
    trill_model_close(model);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_allocations), cmocka_unit_test(test_reads), cmocka_unit_test(test_decode_allocates_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
