/* SPDX-License-Identifier: MIT */
/* Sessions with the N-th allocation, or the N-th read or write of a file, failing, for every N: an answer either fails with a
 * sentence or is the right one; what only saves work (kept states, stored states) fails nothing, and nothing is leaked. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/error.h"
#include "base/file.h"
#include "base/memory.h"
#include "engine/generate.h"
#include "folder.h"
#include "golden_file.h"

enum { PROMPT = 540, TOKENS = 6 };

static int32_t expected[2][TOKENS];

static int open_engine(struct tl_engine **ret_engine)
{
    struct tl_engine_options options = {.threads = 1, .context = 600, .sessions = 2, .chunk = 256, .prefix_folder = folder};
    return tl_engine_open(golden_file("llama/model.gguf"), &options, ret_engine);
}

static int on_token(void *context, int32_t id, const struct tl_event_logprob *seen, uint32_t n_seen)
{
    (void)context, (void)id, (void)seen;
    return n_seen != 3;
}

static int on_prompt(void *context, uint32_t place, int32_t id, const struct tl_event_logprob *seen, uint32_t n_seen)
{
    (void)context, (void)place, (void)id, (void)seen, (void)n_seen;
    return 0;
}

static int allow_all(struct tl_guide *guide, uint32_t left, uint64_t *allowed)
{
    (void)guide, (void)left, (void)allowed;
    return 0;
}

static int take_any(struct tl_guide *guide, int32_t id)
{
    (void)guide, (void)id;
    return 1;
}

/* kind 0: long, found in memory or in the folder; 1: short, with likelihoods, an echo and a guide. */
static int answer(struct tl_engine *engine, int kind, bool first)
{
    struct tl_guide guide = {allow_all, take_any, NULL};
    struct tl_generate how = {.max_tokens = TOKENS, .ignore_end = true, .show_special = true};
    struct tl_session *session = NULL;
    struct tl_answer answer = {0};
    int32_t ids[PROMPT];
    for (int i = 0; i < PROMPT; i++)
        ids[i] = 5 + (i * 37 + kind * 11) % 200;
    tl_sampling_default(&how.sampling);
    if (kind)
        how = (struct tl_generate){.max_tokens = TOKENS, .ignore_end = true, .sampling = how.sampling, .logprobs = true, .echo = true,
                                   .top_logprobs = 2, .token = on_token, .prompt = on_prompt, .guide = &guide};
    int status = tl_session_open(engine, &session);
    if (status >= 0)
        status = tl_session_set(session, ids, kind ? 30 : PROMPT);
    if (status >= 0) {
        status = tl_generate(session, &how, &answer);
        if (status >= 0) {
            assert_int_equal(answer.n_ids, TOKENS);
            if (first)
                memcpy(expected[kind], session->ids + answer.first_id, sizeof(expected[kind]));
            assert_memory_equal(expected[kind], session->ids + answer.first_id, sizeof(expected[kind]));
        }
        tl_buffer_done(&answer.text);
    }
    tl_session_close(session);
    return status;
}

static int run(struct tl_engine *engine, bool first)
{
    int long_one = answer(engine, 0, first), again = answer(engine, 0, false), with_all = answer(engine, 1, first);
    return long_one < 0 ? long_one : again < 0 ? again : with_all;
}

static void try_all(void (*fail_after)(long countdown), long most)
{
    long failed = 0;
    for (long n = 0; n < most; n++) {
        struct tl_engine *engine;
        assert_int_equal(open_engine(&engine), 0);
        fail_after(n);
        int status = run(engine, false);
        fail_after(-1);
        failed += status < 0;
        if (status < 0 && !*tl_error_text())
            fail_msg("the failure of call %ld has no sentence", n);
        assert_true(run(engine, false) >= 0);
        tl_engine_close(engine);
        if (n % 3 == 0) {                                /* else it is found in the folder */
            remove_folder(NULL);
            make_folder(NULL);
        }
    }
    print_message("%ld calls, %ld of them failed an answer\n", most, failed);
}

static void test_allocations(void **state)
{
    (void)state;
    struct tl_engine *engine;
    assert_int_equal(open_engine(&engine), 0);
    uint64_t before = tl_memory_allocations();
    assert_true(run(engine, true) >= 0);
    long most = (long)(tl_memory_allocations() - before) + 10;
    tl_engine_close(engine);
    try_all(tl_memory_fail_after, most);
}

/* Reading and writing files serves the folder alone: no answer fails. */
static void test_files(void **state)
{
    (void)state;
    for (long n = 0; n < 40; n++) {
        struct tl_engine *engine;
        assert_int_equal(open_engine(&engine), 0);
        tl_file_fail_after(n);
        assert_true(run(engine, n == 0) >= 0);
        tl_file_fail_after(-1);
        tl_engine_close(engine);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_allocations, make_folder, remove_folder),
        cmocka_unit_test_setup_teardown(test_files, make_folder, remove_folder),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
