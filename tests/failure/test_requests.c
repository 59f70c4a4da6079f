/* SPDX-License-Identifier: MIT */
/* Requests whose N-th allocation fails, for every N that is reached: a sentence, an error frame or no answer, nothing lost, and
 * the same request is answered afterwards as if nothing had been. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/error.h"
#include "base/memory.h"
#include "engine/reply.h"
#include "golden_file.h"

static struct tl_engine *engine;
static struct tl_session *session;

static int open_engine(void **state)
{
    struct tl_engine_options options = {.threads = 1, .context = 1024, .sessions = 1, .chunk = 32};
    (void)state;
    if (tl_engine_open(golden_file("llama/model.gguf"), &options, &engine) < 0)
        return -1;
    return tl_session_open(engine, &session);
}

static int close_engine(void **state)
{
    (void)state;
    tl_session_close(session);
    tl_engine_close(engine);
    return 0;
}

/* Grows without the allocator that fails. */
struct reader { char bytes[1 << 16]; size_t n; };

static int hear(void *context, const char *bytes, size_t n_bytes)
{
    struct reader *reader = context;
    assert_true(reader->n + n_bytes < sizeof(reader->bytes));
    memcpy(reader->bytes + reader->n, bytes, n_bytes);
    reader->n += n_bytes;
    reader->bytes[reader->n] = 0;
    return 0;
}

static int answer(const char *form, const char *body, struct reader *reader)
{
    struct tl_ask ask;
    struct tl_ask_how how = {.context = 1024, .now = 5};
    struct tl_reply *reply = NULL;
    reader->n = 0;
    reader->bytes[0] = 0;
    int status = tl_ask_read(engine, tl_form_find(form), body, strlen(body), &how, &ask);
    struct tl_reply_how reply_how = {.engine = engine, .ask = &ask, .id = "1", .model = "m", .created = 5, .write = hear, .context = reader};
    if (status >= 0)
        status = tl_reply_new(&reply_how, &reply);
    for (uint32_t i = 0; reply && i < tl_reply_parts(&ask); i++) {
        struct tl_replied replied;
        int r = tl_reply_part(reply, i, session, &replied);
        status = status < 0 ? status : r;
        if (status >= 0 && r >= 0 && strcmp(replied.finish, "cancelled") == 0)
            status = TL_E_CANCEL;
    }
    tl_reply_free(reply);
    tl_ask_done(&ask);
    return status;
}

#define USER "\"messages\":[{\"role\":\"user\",\"content\":\"a\"}],\"max_tokens\":60,\"seed\":3"
#define TOOL "\"tools\":[{\"type\":\"function\",\"function\":{\"name\":\"f\",\"parameters\":{\"type\":\"object\",\"properties\":{\"a\":{\"type\":\"boolean\"}}," \
             "\"required\":[\"a\"],\"additionalProperties\":false}}}]"

static const struct { const char *form, *body; } cases[] = {
    {"chat", "{" USER ",\"n\":2,\"logprobs\":true,\"top_logprobs\":1}"},
    {"chat", "{" USER ",\"stream\":true,\"return_progress\":true,\"response_format\":{\"type\":\"json_schema\",\"schema\":{\"enum\":[\"yes\",17]}}}"},
    {"chat", "{" USER "," TOOL ",\"tool_choice\":\"required\"}"},
    {"completions", "{\"prompt\":[\"a\",[5,6]],\"max_tokens\":3,\"echo\":true,\"logprobs\":1,\"guided_choice\":[\"yes\",\"no\"]}"},
    {"embeddings", "{\"input\":[\"a\",\"b\"],\"encoding_format\":\"base64\",\"dimensions\":4}"},
};

/* Of a stream what is written before a failure is what is written without one, and the last frame says what happened. */
static void check_broken(const struct reader *found, const struct reader *whole)
{
    const char *error = strstr(found->bytes, "data: {\"error\":");
    size_t n = error ? (size_t)(error - found->bytes) : found->n;
    if (!error && strncmp(found->bytes, "data: ", 6) != 0)
        assert_int_equal(n, 0);
    assert_true(n <= whole->n);
    if (error)
        assert_non_null(strstr(error, "\"message\":\""));
}

/* Counts and texts only: times differ. */
static void check_whole(const char *found, const char *expected)
{
    static const char *const same[] = {"\"content\":\"", "\"text\":\"", "\"arguments\":\"", "\"embedding\":\"", "\"finish_reason\":\""};
    for (size_t i = 0; i < sizeof(same) / sizeof(*same); i++) {
        const char *a = strstr(found, same[i]), *b = strstr(expected, same[i]);
        assert_true(!a == !b);
        size_t n = strlen(same[i]);
        if (a)
            assert_memory_equal(a, b, n + strcspn(b + n, "\"") + 1);
    }
}

static void test_no_memory(void **state)
{
    static struct reader whole, found;
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        if (answer(cases[i].form, cases[i].body, &whole) < 0)
            fail_msg("%s: %s", cases[i].body, tl_error_text());
        int status = TL_E_NOMEM, failures = 0;
        for (long n = 0; status < 0; n += 1 + n / 40) {
            tl_memory_fail_after(n);
            status = answer(cases[i].form, cases[i].body, &found);
            tl_memory_fail_after(-1);
            failures += status < 0;
            if (status < 0)
                check_broken(&found, &whole);
            assert_true(n < 1000000);
        }
        assert_true(failures > 10);
        check_whole(found.bytes, whole.bytes);
        if (answer(cases[i].form, cases[i].body, &found) < 0)
            fail_msg("%s: %s", cases[i].body, tl_error_text());
        check_whole(found.bytes, whole.bytes);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_no_memory)};
    return cmocka_run_group_tests(tests, open_engine, close_engine);
}
