/* SPDX-License-Identifier: MIT */
/* Anthropic's messages: what requests are read as, by whose names they are refused, and the bytes of answers and errors. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "form_help.h"

#define BODY(messages, more) "{\"model\":\"m\",\"max_tokens\":9,\"messages\":[" messages "]" more "}"
#define HI "{\"role\":\"user\",\"content\":\"hi\"}"
#define SAID(text) "{\"role\":\"user\",\"content\":\"" text "\"}"
#define SCHEMA "{\"type\":\"object\",\"properties\":{\"a\":{\"type\":\"string\"}}}"

static const struct form_read reads[] = {
    {BODY(HI, ""), "[" HI "]", "", ""},
    {BODY(HI, ",\"system\":\"Be brief.\""), "[{\"role\":\"system\",\"content\":\"Be brief.\"}," HI "]", "", ""},
    {BODY(HI, ",\"system\":[{\"type\":\"text\",\"text\":\"x-anthropic-billing-header: cc=1; cch=abc\"},{\"type\":\"text\",\"text\":\"A\","
              "\"cache_control\":{\"type\":\"ephemeral\"}},{\"type\":\"text\",\"text\":\"B\"}]"), "[{\"role\":\"system\",\"content\":\"A\\nB\"}," HI "]", "", ""},
    {BODY(HI, ",\"system\":[{\"type\":\"text\",\"text\":\"x-anthropic-billing-header: 1\"}]"), "[" HI "]", "", ""},
    {BODY("{\"role\":\"user\",\"content\":[{\"type\":\"text\",\"text\":\"a\",\"cache_control\":{}},{\"type\":\"text\",\"text\":\"b\"}]}", ""), "[" SAID("a\\nb") "]", "", ""},
    {BODY("{\"role\":\"user\",\"content\":[{\"type\":\"document\",\"title\":\"T\",\"source\":{\"type\":\"text\",\"media_type\":\"text/plain\",\"data\":\"D\"}}]}", ""),
     "[" SAID("T\\nD") "]", "", ""},
    {BODY(HI ",{\"role\":\"assistant\",\"content\":[{\"type\":\"thinking\",\"thinking\":\"hm\",\"signature\":\"s\"},{\"type\":\"redacted_thinking\",\"data\":\"x\"},"
             "{\"type\":\"text\",\"text\":\"I look.\"},{\"type\":\"tool_use\",\"id\":\"t1\",\"name\":\"f\",\"input\":{\"a\":\"b\"}},"
             "{\"type\":\"tool_use\",\"id\":\"t2\",\"name\":\"g\",\"input\":{}}]},"
             "{\"role\":\"user\",\"content\":[{\"type\":\"tool_result\",\"tool_use_id\":\"t1\",\"content\":\"21\"},{\"type\":\"tool_result\",\"tool_use_id\":\"t2\","
             "\"is_error\":true,\"content\":[{\"type\":\"text\",\"text\":\"x\"},{\"type\":\"text\",\"text\":\"y\"}]},{\"type\":\"text\",\"text\":\"And?\"}]}", ""),
     "[" HI ",{\"role\":\"assistant\",\"content\":\"I look.\",\"tool_calls\":[{\"id\":\"t1\",\"type\":\"function\",\"function\":{\"name\":\"f\",\"arguments\":{\"a\":\"b\"}}},"
     "{\"id\":\"t2\",\"type\":\"function\",\"function\":{\"name\":\"g\",\"arguments\":{}}}],\"reasoning_content\":\"hm\",\"reasoning\":\"hm\"},"
     "{\"role\":\"tool\",\"tool_call_id\":\"t1\",\"name\":\"f\",\"content\":\"21\"},{\"role\":\"tool\",\"tool_call_id\":\"t2\",\"name\":\"g\",\"content\":\"x\\ny\"}," SAID("And?") "]", "", ""},
    {BODY(HI ",{\"role\":\"assistant\",\"content\":[{\"type\":\"tool_use\",\"id\":\"t\",\"name\":\"f\",\"input\":{}}]},"
             "{\"role\":\"user\",\"content\":[{\"type\":\"tool_result\",\"tool_use_id\":\"t\"}]}", ""),
     "[" HI ",{\"role\":\"assistant\",\"content\":\"\",\"tool_calls\":[{\"id\":\"t\",\"type\":\"function\",\"function\":{\"name\":\"f\",\"arguments\":{}}}]},"
     "{\"role\":\"tool\",\"tool_call_id\":\"t\",\"name\":\"f\",\"content\":\"\"}]", "", ""},
    {BODY(HI, ",\"tools\":[{\"name\":\"f\",\"description\":\"d\",\"input_schema\":" SCHEMA ",\"cache_control\":{\"type\":\"ephemeral\"}},"
              "{\"type\":\"web_search_20250305\",\"name\":\"web_search\",\"max_uses\":3},{\"type\":\"custom\",\"name\":\"g\",\"input_schema\":{}}]"),
     NULL, "[{\"type\":\"function\",\"function\":{\"name\":\"f\",\"description\":\"d\",\"parameters\":" SCHEMA "}},"
           "{\"type\":\"function\",\"function\":{\"name\":\"g\",\"parameters\":{}}}]", ""},
    {BODY(HI, ",\"thinking\":{\"type\":\"enabled\",\"budget_tokens\":2000}"), NULL, "", "{\"enable_thinking\":true}"},
    {BODY(HI, ",\"thinking\":{\"type\":\"disabled\"}"), NULL, "", "{\"enable_thinking\":false}"},
    {BODY(HI, ",\"metadata\":{\"user_id\":\"u\"},\"service_tier\":\"auto\",\"context_management\":{\"edits\":[]},\"container\":null,\"mcp_servers\":[],\"top_k\":40,"
              "\"output_config\":{\"effort\":\"low\"},\"betas\":[\"x\"],\"seed\":3"), NULL, "", "{\"reasoning_effort\":\"low\"}"},
};

static void test_reads(void **state)
{
    (void)state;
    form_reads("messages", reads, COUNT(reads));
}

static void test_fields(void **state)
{
    struct tl_openai_request r;
    (void)state;
    form_read_good("messages", BODY(HI, ",\"stop_sequences\":[\"x\",\"y\"],\"stream\":true,\"temperature\":0.5,\"top_p\":0.25,\"top_k\":7,"
                                        "\"thinking\":{\"type\":\"enabled\",\"budget_tokens\":77}"), &r);
    assert_true(r.max_tokens == 9 && r.n_stop == 2 && r.stream && r.sampling.temperature == 0.5f && r.sampling.top_p == 0.25f && r.sampling.top_k == 7);
    assert_int_equal(r.think_tokens, 77);
    tl_openai_done(&r);
    static const struct { const char *choice; enum tl_tool_choice is; bool one; } choices[] = {
        {"{\"type\":\"auto\"}", TL_TOOLS_AUTO, false}, {"{\"type\":\"any\",\"disable_parallel_tool_use\":true}", TL_TOOLS_REQUIRED, true},
        {"{\"type\":\"tool\",\"name\":\"f\"}", TL_TOOLS_ONE, false}, {"{\"type\":\"none\"}", TL_TOOLS_NONE, false}};
    for (size_t i = 0; i < COUNT(choices); i++) {
        char body[512];
        snprintf(body, sizeof body, BODY(HI, ",\"tools\":[{\"name\":\"f\",\"input_schema\":{}}],\"tool_choice\":%s"), choices[i].choice);
        form_read_good("messages", body, &r);
        assert_true(r.tool_choice == choices[i].is && r.one_call == choices[i].one && (r.tools != NULL) == (choices[i].is != TL_TOOLS_NONE));
        if (choices[i].is == TL_TOOLS_ONE)
            assert_string_equal(r.tool, "f");
        tl_openai_done(&r);
    }
    form_read_good("messages", BODY(HI, ",\"output_config\":{\"format\":{\"type\":\"json_schema\",\"schema\":" SCHEMA "}}"), &r);
    assert_string_equal(r.schema, SCHEMA);
    tl_openai_done(&r);
}

static const struct form_refusal refusals[] = {
    {"[]", "", "expected an object"}, {"{}", "messages", "missing"}, {BODY("", ""), "messages", "at least one"}, {BODY("1", ""), "messages", "object"},
    {BODY(HI, ",\"max_tokens\":1"), "max_tokens", "twice"}, {BODY(HI, ",\"stop_sequences\":5"), "stop_sequences", "stop_sequences"},
    {BODY(HI, ",\"temperature\":\"x\""), "temperature", "temperature"}, {BODY(HI, ",\"system\":5"), "system", "system"},
    {BODY(HI, ",\"n\":2"), "n", "one message"}, {BODY(HI, ",\"mcp_servers\":[{}]"), "mcp_servers", "mcp_servers"}, {BODY(HI, ",\"nonsense\":1"), "nonsense", "not known"},
    {BODY(HI, ",\"tool_choice\":{\"type\":\"any\"}"), "tool_choice", "no tools"}, {BODY(HI, ",\"tool_choice\":{\"type\":\"x\"}"), "tool_choice", "auto, any"},
    {BODY(HI, ",\"tools\":[{\"name\":\"f\",\"input_schema\":{}}],\"tool_choice\":{\"type\":\"tool\",\"name\":\"g\"}"), "tool_choice", "\"g\""},
    {BODY("{\"role\":\"user\",\"content\":[{\"type\":\"image\",\"source\":{\"type\":\"base64\",\"data\":\"x\"}}]}", ""), "messages", "image"},
    {BODY("{\"role\":\"user\",\"content\":[{\"type\":\"document\",\"source\":{\"type\":\"url\",\"url\":\"x\"}}]}", ""), "messages", "document"},
    {BODY("{\"role\":\"robot\",\"content\":\"x\"}", ""), "messages", "robot"}, {BODY("{\"role\":\"user\"}", ""), "messages", "content"},
    {BODY("{\"role\":\"user\",\"content\":[{\"text\":\"x\"}]}", ""), "messages", "type"},
    {BODY("{\"role\":\"user\",\"content\":[{\"type\":\"tool_result\"}]}", ""), "messages", "tool_use_id"},
    {BODY(HI, "") "x", "", "body"}, {"{\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}", "messages", "body"},
};

static void test_refuses(void **state)
{
    (void)state;
    form_refuses("messages", refusals, COUNT(refusals));
}

/* --- answers ---------------------------------------------------------------------------------------------------------------- */

static const struct tl_usage usage = {.prompt_tokens = 30, .reused_tokens = 20, .tokens = 4, .reasoning_tokens = 1};
static const struct tl_event said[] = {TEXT(REASONING, "so"), TEXT(CONTENT, "a"), TEXT(CONTENT, "\""), END("stop", &usage)};
static const struct tl_event called[] = {TEXT(CONTENT, "x"), CALLED(0, "c1", "f"), ARGUMENTS(0, "{\"a\":"), ARGUMENTS(0, "1}"), CALLED(1, "c2", "g"),
                                         ARGUMENTS(1, "{}"), END("tool_calls", &usage)};
static const struct tl_event cut[] = {CALLED(0, "c1", "f"), ARGUMENTS(0, "{\"a\":"), END("length", &usage)};

#define HEAD "{\"id\":\"msg_1\",\"type\":\"message\",\"role\":\"assistant\",\"model\":\"m\""
#define USAGE "\"usage\":{\"input_tokens\":10,\"cache_creation_input_tokens\":0,\"cache_read_input_tokens\":20,\"output_tokens\":4}"
#define FRAME(type, more) "event: " type "\ndata: {\"type\":\"" type "\"" more "}\n\n"
#define START FRAME("message_start", ",\"message\":" HEAD ",\"content\":[],\"stop_reason\":null,\"stop_sequence\":null,\"usage\":{\"input_tokens\":30," \
                    "\"cache_creation_input_tokens\":0,\"cache_read_input_tokens\":0,\"output_tokens\":0}}") FRAME("ping", "")
#define BLOCK(index, block) FRAME("content_block_start", ",\"index\":" index ",\"content_block\":{" block "}")
#define DELTA(index, delta) FRAME("content_block_delta", ",\"index\":" index ",\"delta\":{" delta "}")
#define STOP(index) FRAME("content_block_stop", ",\"index\":" index)
#define ENDS(why) FRAME("message_delta", ",\"delta\":{\"stop_reason\":\"" why "\",\"stop_sequence\":null}," USAGE) FRAME("message_stop", "")

static const struct form_written written[] = {
    {"said", BODY(HI, ""), said, COUNT(said), HEAD ",\"content\":[{\"type\":\"thinking\",\"thinking\":\"so\",\"signature\":\"1-0\"},{\"type\":\"text\",\"text\":\"a\\\"\"}],"
     "\"stop_reason\":\"end_turn\",\"stop_sequence\":null," USAGE "}"},
    {"called", BODY(HI, ""), called, COUNT(called), HEAD ",\"content\":[{\"type\":\"text\",\"text\":\"x\"},{\"type\":\"tool_use\",\"id\":\"c1\",\"name\":\"f\",\"input\":{\"a\":1}},"
     "{\"type\":\"tool_use\",\"id\":\"c2\",\"name\":\"g\",\"input\":{}}],\"stop_reason\":\"tool_use\",\"stop_sequence\":null," USAGE "}"},
    {"cut", BODY(HI, ""), cut, COUNT(cut), HEAD ",\"content\":[{\"type\":\"tool_use\",\"id\":\"c1\",\"name\":\"f\",\"input\":{}}],\"stop_reason\":\"max_tokens\",\"stop_sequence\":null," USAGE "}"},
    {"nothing", BODY(HI, ""), &said[3], 1, HEAD ",\"content\":[],\"stop_reason\":\"end_turn\",\"stop_sequence\":null," USAGE "}"},
    {"said, streamed", BODY(HI, ",\"stream\":true"), said, COUNT(said),
     START BLOCK("0", "\"type\":\"thinking\",\"thinking\":\"\",\"signature\":\"\"") DELTA("0", "\"type\":\"thinking_delta\",\"thinking\":\"so\"")
     DELTA("0", "\"type\":\"signature_delta\",\"signature\":\"1-0\"") STOP("0") BLOCK("1", "\"type\":\"text\",\"text\":\"\"")
     DELTA("1", "\"type\":\"text_delta\",\"text\":\"a\"") DELTA("1", "\"type\":\"text_delta\",\"text\":\"\\\"\"") STOP("1") ENDS("end_turn")},
    {"called, streamed", BODY(HI, ",\"stream\":true"), called, COUNT(called),
     START BLOCK("0", "\"type\":\"text\",\"text\":\"\"") DELTA("0", "\"type\":\"text_delta\",\"text\":\"x\"") STOP("0")
     BLOCK("1", "\"type\":\"tool_use\",\"id\":\"c1\",\"name\":\"f\",\"input\":{}") DELTA("1", "\"type\":\"input_json_delta\",\"partial_json\":\"{\\\"a\\\":\"")
     DELTA("1", "\"type\":\"input_json_delta\",\"partial_json\":\"1}\"") STOP("1")
     BLOCK("2", "\"type\":\"tool_use\",\"id\":\"c2\",\"name\":\"g\",\"input\":{}") DELTA("2", "\"type\":\"input_json_delta\",\"partial_json\":\"{}\"") STOP("2")
     ENDS("tool_use")},
};

static void test_writes(void **state)
{
    (void)state;
    form_writes("messages", written, COUNT(written));
}

static void test_errors(void **state)
{
    static const struct { struct tl_failure failure; bool frame; const char *out; } errors[] = {
        {{.http_status = 400, .message = "no \"x\"", .param = "x"}, false,
         "{\"type\":\"error\",\"error\":{\"type\":\"invalid_request_error\",\"message\":\"no \\\"x\\\"\"},\"request_id\":null}"},
        {{.http_status = 400, .message = "long", .n_prompt_tokens = 9, .n_ctx = 8}, false,
         "{\"type\":\"error\",\"error\":{\"type\":\"invalid_request_error\",\"message\":\"prompt is too long: 9 tokens > 8 maximum; long\"},\"request_id\":null}"},
        {{.http_status = 401, .message = "k"}, false, "{\"type\":\"error\",\"error\":{\"type\":\"authentication_error\",\"message\":\"k\"},\"request_id\":null}"},
        {{.http_status = 429, .message = "k"}, false, "{\"type\":\"error\",\"error\":{\"type\":\"rate_limit_error\",\"message\":\"k\"},\"request_id\":null}"},
        {{.http_status = 500, .message = "k"}, true, "event: error\ndata: {\"type\":\"error\",\"error\":{\"type\":\"api_error\",\"message\":\"k\"},\"request_id\":null}\n\n"}};
    struct tl_buffer out;
    (void)state;
    for (size_t i = 0; i < COUNT(errors); i++) {
        tl_buffer_init(&out, 0);
        tl_form_find("messages")->error(&errors[i].failure, errors[i].frame, &out);
        assert_string_equal(out.data, errors[i].out);
        tl_buffer_done(&out);
    }
    tl_buffer_init(&out, 0);
    tl_form_find("messages")->beat(&out);
    assert_string_equal(out.data, FRAME("ping", ""));
    tl_buffer_done(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_reads), cmocka_unit_test(test_fields), cmocka_unit_test(test_refuses), cmocka_unit_test(test_writes),
                                       cmocka_unit_test(test_errors)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
