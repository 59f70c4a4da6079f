/* SPDX-License-Identifier: MIT */
/* Answers in each form, as documents and as streams: events in, the bytes that clients read out. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/error.h"
#include "base/json.h"
#include "base/memory.h"
#include "must.h"
#include "wire/form.h"

#define CHAT(more) "{\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}]" more "}"
#define CHUNK "data: {\"id\":\"chatcmpl-1\",\"object\":\"chat.completion.chunk\",\"created\":5,\"model\":\"m\",\"choices\":["
#define DELTA(index, delta, finish) "{\"index\":" index ",\"delta\":{" delta "},\"logprobs\":null,\"finish_reason\":" finish "}]"
#define ROLE(index, more) CHUNK DELTA(index, "\"role\":\"assistant\",\"content\":\"\"", "null") more "}\n\n"
#define COUNTS "{\"prompt_tokens\":3,\"completion_tokens\":4,\"total_tokens\":7,\"completion_tokens_details\":{\"reasoning_tokens\":1}}"

static const struct tl_usage usage = {.prompt_tokens = 3, .reused_tokens = 2, .tokens = 4, .reasoning_tokens = 1, .prefill_seconds = 0.5,
                                      .decode_seconds = 2, .drive_bytes = 99};

#define TEXT(what, where, words) {.kind = TL_EVENT_##what, .part = where, .text = words, .n_bytes = sizeof(words) - 1}
#define END(where, why) {.kind = TL_EVENT_END, .part = where, .finish = why, .usage = &usage}

static const struct tl_event said[] = {TEXT(REASONING, 0, "so\n"), TEXT(CONTENT, 0, "a"), TEXT(CONTENT, 0, "b"), END(0, "stop")};
static const struct tl_event called[] = {
    {.kind = TL_EVENT_CALL, .id = "call_1", .name = "f"}, TEXT(ARGUMENTS, 0, "{\"a\":"), TEXT(ARGUMENTS, 0, "1}"),
    {.kind = TL_EVENT_CALL, .call = 1, .id = "call_2", .name = "g"}, {.kind = TL_EVENT_ARGUMENTS, .call = 1, .text = "{}", .n_bytes = 2}, END(0, "tool_calls"),
};
static const struct tl_event twice[] = {TEXT(CONTENT, 1, "b"), TEXT(CONTENT, 0, "a"), END(1, "length"), END(0, "stop")};
static const struct tl_event slow[] = {{.kind = TL_EVENT_PROGRESS, .done = 512, .total = 1000, .reused = 100, .seconds = 1.5}, TEXT(CONTENT, 0, "a"), END(0, "stop")};

static const struct { const char *form, *body; const struct tl_event *event; size_t n; const char *out; } cases[] = {
#define CASE(form, body, events, out) {form, body, events, sizeof(events) / sizeof(*events), out}
    CASE("chat", CHAT(""), said,
         "{\"id\":\"chatcmpl-1\",\"object\":\"chat.completion\",\"created\":5,\"model\":\"m\",\"choices\":[{\"index\":0,\"message\":{\"role\":\"assistant\","
         "\"content\":\"ab\",\"refusal\":null,\"reasoning_content\":\"so\\n\",\"reasoning\":\"so\\n\"},\"logprobs\":null,\"finish_reason\":\"stop\"}],"
         "\"usage\":" COUNTS "}"),
    CASE("chat", CHAT(",\"stream\":true"), said,
         ROLE("0", "") CHUNK DELTA("0", "\"reasoning_content\":\"so\\n\",\"reasoning\":\"so\\n\"", "null") "}\n\n"
         CHUNK DELTA("0", "\"content\":\"a\"", "null") "}\n\n" CHUNK DELTA("0", "\"content\":\"b\"", "null") "}\n\n"
         CHUNK DELTA("0", "", "\"stop\"") "}\n\n" "data: [DONE]\n\n"),
    CASE("chat", CHAT(",\"stream\":true,\"stream_options\":{\"include_usage\":true}"), slow,
         ROLE("0", ",\"usage\":null") CHUNK DELTA("0", "\"content\":\"a\"", "null") ",\"usage\":null}\n\n"
         CHUNK DELTA("0", "", "\"stop\"") ",\"usage\":null}\n\n" CHUNK "],\"usage\":" COUNTS "}\n\n" "data: [DONE]\n\n"),
    CASE("chat", CHAT(""), called,
         "{\"id\":\"chatcmpl-1\",\"object\":\"chat.completion\",\"created\":5,\"model\":\"m\",\"choices\":[{\"index\":0,\"message\":{\"role\":\"assistant\","
         "\"content\":null,\"refusal\":null,\"tool_calls\":[{\"id\":\"call_1\",\"type\":\"function\",\"function\":{\"name\":\"f\",\"arguments\":\"{\\\"a\\\":1}\"}},"
         "{\"id\":\"call_2\",\"type\":\"function\",\"function\":{\"name\":\"g\",\"arguments\":\"{}\"}}]},\"logprobs\":null,\"finish_reason\":\"tool_calls\"}],"
         "\"usage\":" COUNTS "}"),
    CASE("chat", CHAT(",\"stream\":true"), called,
         ROLE("0", "")
         CHUNK DELTA("0", "\"tool_calls\":[{\"index\":0,\"id\":\"call_1\",\"type\":\"function\",\"function\":{\"name\":\"f\",\"arguments\":\"\"}}]", "null") "}\n\n"
         CHUNK DELTA("0", "\"tool_calls\":[{\"index\":0,\"function\":{\"arguments\":\"{\\\"a\\\":\"}}]", "null") "}\n\n"
         CHUNK DELTA("0", "\"tool_calls\":[{\"index\":0,\"function\":{\"arguments\":\"1}\"}}]", "null") "}\n\n"
         CHUNK DELTA("0", "\"tool_calls\":[{\"index\":1,\"id\":\"call_2\",\"type\":\"function\",\"function\":{\"name\":\"g\",\"arguments\":\"\"}}]", "null") "}\n\n"
         CHUNK DELTA("0", "\"tool_calls\":[{\"index\":1,\"function\":{\"arguments\":\"{}\"}}]", "null") "}\n\n"
         CHUNK DELTA("0", "", "\"tool_calls\"") "}\n\n" "data: [DONE]\n\n"),
    CASE("chat", CHAT(",\"n\":2"), twice,
         "{\"id\":\"chatcmpl-1\",\"object\":\"chat.completion\",\"created\":5,\"model\":\"m\",\"choices\":["
         "{\"index\":0,\"message\":{\"role\":\"assistant\",\"content\":\"a\",\"refusal\":null},\"logprobs\":null,\"finish_reason\":\"stop\"},"
         "{\"index\":1,\"message\":{\"role\":\"assistant\",\"content\":\"b\",\"refusal\":null},\"logprobs\":null,\"finish_reason\":\"length\"}],"
         "\"usage\":{\"prompt_tokens\":3,\"completion_tokens\":8,\"total_tokens\":11,\"completion_tokens_details\":{\"reasoning_tokens\":2}}}"),
    CASE("completions", "{\"prompt\":[\"a\",\"b\"]}", twice,
         "{\"id\":\"cmpl-1\",\"object\":\"text_completion\",\"created\":5,\"model\":\"m\",\"choices\":["
         "{\"text\":\"a\",\"index\":0,\"logprobs\":null,\"finish_reason\":\"stop\"},{\"text\":\"b\",\"index\":1,\"logprobs\":null,\"finish_reason\":\"length\"}],"
         "\"usage\":{\"prompt_tokens\":6,\"completion_tokens\":8,\"total_tokens\":14,\"completion_tokens_details\":{\"reasoning_tokens\":2}}}"),
    CASE("completions", "{\"prompt\":\"a\",\"stream\":true,\"stream_options\":{\"include_usage\":true}}", slow,
         "data: {\"id\":\"cmpl-1\",\"object\":\"text_completion\",\"created\":5,\"model\":\"m\",\"choices\":[{\"text\":\"a\",\"index\":0,\"logprobs\":null,"
         "\"finish_reason\":null}],\"usage\":null}\n\n"
         "data: {\"id\":\"cmpl-1\",\"object\":\"text_completion\",\"created\":5,\"model\":\"m\",\"choices\":[{\"text\":\"\",\"index\":0,\"logprobs\":null,"
         "\"finish_reason\":\"stop\"}],\"usage\":null}\n\n"
         "data: {\"id\":\"cmpl-1\",\"object\":\"text_completion\",\"created\":5,\"model\":\"m\",\"choices\":[],\"usage\":" COUNTS "}\n\n" "data: [DONE]\n\n"),
};

/* What a writer says of these events; < 0: its failure. */
static int write_all(const char *form_name, const char *body, bool repeatable, const struct tl_event *event, size_t n, struct tl_buffer *out)
{
    const struct tl_form *form = tl_form_find(form_name);
    struct tl_openai_request request;
    struct tl_form_writer *writer = NULL;
    tl_openai_init(&request);
    int status = form->read(&request, "body", body, strlen(body));
    uint32_t prompts = request.kind == TL_OPENAI_CHAT ? 1 : request.n_prompts;
    struct tl_writer_facts facts = {.request = &request, .id = "1", .model = "m", .created = 5, .n_parts = prompts * request.n, .repeatable = repeatable};
    if (status >= 0)
        status = form->writer_new(&facts, &writer);
    if (status >= 0)
        status = form->begin(writer, out);
    for (size_t i = 0; i < n && status >= 0; i++)
        status = form->event(writer, &event[i], out);
    if (status >= 0)
        status = form->finish(writer, out);
    form->writer_free(writer);
    tl_openai_done(&request);
    return status < 0 ? status : out->status;
}

static void test_cases(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct tl_buffer out;
        tl_buffer_init(&out, 0);
        must(write_all(cases[i].form, cases[i].body, true, cases[i].event, cases[i].n, &out));
        if (strcmp(out.data, cases[i].out) != 0)
            fail_msg("%s\n%s\nexpected\n%s", cases[i].body, out.data, cases[i].out);
        tl_buffer_done(&out);
    }
}

/* The N-th allocation fails, for every N: a status, and nothing lost. */
static void test_no_memory(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        int status = TL_E_NOMEM;
        for (long n = 0; status == TL_E_NOMEM; n++) {
            struct tl_buffer out;
            tl_buffer_init(&out, 0);
            tl_memory_fail_after(n);
            status = write_all(cases[i].form, cases[i].body, true, cases[i].event, cases[i].n, &out);
            tl_memory_fail_after(-1);
            tl_buffer_done(&out);
            assert_true(n < 1000);
        }
        assert_int_equal(status, 0);
    }
}

/* --- what depends on the run ------------------------------------------------------------------------------------------------ */

static void says(const char *text, const char *words)
{
    if (!strstr(text, words))
        fail_msg("\"%s\" does not say \"%s\"", text, words);
}

static void test_timings(void **state)
{
    static const char *const bodies[] = {CHAT(""), CHAT(",\"stream\":true,\"return_progress\":true")};
    (void)state;
    for (size_t i = 0; i < 2; i++) {
        struct tl_buffer out;
        tl_buffer_init(&out, 0);
        must(write_all("chat", bodies[i], false, slow, 3, &out));
        says(out.data, "\"timings\":{\"cache_n\":2,\"prompt_n\":1,\"prompt_ms\":500.000,\"prompt_per_token_ms\":500,\"prompt_per_second\":2,"
             "\"predicted_n\":4,\"predicted_ms\":2000.000,\"predicted_per_token_ms\":500,\"predicted_per_second\":2,");
        says(out.data, "\"drive_bytes\":99");
        if (i == 0)
            says(out.data, "\"prompt_tokens_details\":{\"cached_tokens\":2}");
        else
            says(out.data, CHUNK DELTA("0", "", "null") ",\"prompt_progress\":{\"total\":1000,\"cache\":100,\"processed\":512,\"time_ms\":1500}}\n\n");
        tl_buffer_done(&out);
    }
}

/* --- errors ----------------------------------------------------------------------------------------------------------------- */

static const struct { struct tl_failure failure; bool frame; const char *out; } errors[] = {
    {{.http_status = 400, .message = "no \"x\"", .param = "x"}, false,
     "{\"error\":{\"message\":\"no \\\"x\\\"\",\"type\":\"invalid_request_error\",\"param\":\"x\",\"code\":null}}"},
    {{.http_status = 400, .message = "long", .param = "", .code = "context_length_exceeded", .n_prompt_tokens = 9, .n_ctx = 8}, false,
     "{\"error\":{\"message\":\"long\",\"type\":\"exceed_context_size_error\",\"param\":null,\"code\":\"context_length_exceeded\",\"n_prompt_tokens\":9,\"n_ctx\":8}}"},
    {{.http_status = 503, .message = "loading"}, false, "{\"error\":{\"message\":\"loading\",\"type\":\"unavailable_error\",\"param\":null,\"code\":null}}"},
    {{.http_status = 500, .message = "gone"}, true, "data: {\"error\":{\"message\":\"gone\",\"type\":\"server_error\",\"param\":null,\"code\":null}}\n\n"},
};

static void test_errors(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(errors) / sizeof(errors[0]); i++) {
        struct tl_buffer out;
        tl_buffer_init(&out, 0);
        tl_form_find("chat")->error(&errors[i].failure, errors[i].frame, &out);
        assert_string_equal(out.data, errors[i].out);
        tl_buffer_done(&out);
    }
}

/* Each row of the table is found by its name and by its path, has all functions, and a beat that no client reads as data. */
static void test_table(void **state)
{
    char names[200];
    (void)state;
    snprintf(names, sizeof(names), "%s", tl_form_names());
    for (char *name = strtok(names, " "); name; name = strtok(NULL, " ")) {
        const struct tl_form *form = tl_form_find(name);
        assert_non_null(form);
        assert_string_equal(form->name, name);
        assert_ptr_equal(tl_form_at(form->path), form);
        assert_true(form->read && form->writer_new && form->writer_free && form->begin && form->event && form->finish && form->beat && form->error);
        form->writer_free(NULL);
    }
    assert_null(tl_form_find("nonsense"));
    assert_null(tl_form_at("/v1/nonsense"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_cases), cmocka_unit_test(test_no_memory), cmocka_unit_test(test_timings), cmocka_unit_test(test_errors),
        cmocka_unit_test(test_table),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
