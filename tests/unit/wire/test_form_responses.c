/* SPDX-License-Identifier: MIT */
/* OpenAI's responses: what requests are read as, by whose names they are refused, and the bytes of answers and failures. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/json.h"
#include "form_help.h"
#include "must.h"

#define BODY(input, more) "{\"model\":\"m\",\"input\":" input more "}"
#define HI "\"hi\""
#define USER(text) "{\"role\":\"user\",\"content\":\"" text "\"}"
#define SYSTEM(text) "{\"role\":\"system\",\"content\":\"" text "\"}"
#define PART(kind, words) "{\"type\":\"" kind "\",\"text\":\"" words "\"}"
#define SCHEMA "{\"type\":\"object\",\"properties\":{\"a\":{\"type\":\"string\"}}}"
#define FUNCTION(name, more) "{\"type\":\"function\",\"function\":{\"name\":\"" name "\"" more "}}"
#define PLAIN(description) ",\"description\":\"d\",\"parameters\":{\"type\":\"object\",\"properties\":{\"input\":{\"type\":\"string\"" description "}}," \
                           "\"required\":[\"input\"],\"additionalProperties\":false}"
#define TOOLS ",\"tools\":" TOOL_LIST
#define TOOL_LIST "[{\"type\":\"function\",\"name\":\"f\"},{\"type\":\"custom\",\"name\":\"p\"},{\"type\":\"namespace\",\"name\":\"n\",\"tools\":[{\"type\":\"function\",\"name\":\"g\"}]}]"
#define CALLS(calls) "\"tool_calls\":[" calls "]"
#define CALL(id, name, arguments) "{\"id\":\"" id "\",\"type\":\"function\",\"function\":{\"name\":\"" name "\",\"arguments\":" arguments "}}"
#define RESULT(id, name, text) "{\"role\":\"tool\",\"tool_call_id\":\"" id "\",\"name\":\"" name "\",\"content\":\"" text "\"}"

/* What a coding agent sends: exactly its fields. */
#define CODEX "{\"model\":\"m\",\"instructions\":\"You code.\",\"input\":[{\"type\":\"message\",\"role\":\"developer\",\"content\":[" PART("input_text", "Rules") "]}," \
    "{\"type\":\"message\",\"role\":\"user\",\"content\":[" PART("input_text", "cwd") "]},{\"type\":\"message\",\"role\":\"user\",\"content\":[" PART("input_text", "Fix it") "]}," \
    "{\"type\":\"reasoning\",\"id\":\"rs_1\",\"summary\":[" PART("summary_text", "Look first.") "],\"content\":null,\"encrypted_content\":null}," \
    "{\"type\":\"message\",\"role\":\"assistant\",\"content\":[" PART("output_text", "I look.") "]}," \
    "{\"type\":\"function_call\",\"name\":\"shell\",\"arguments\":\"{\\\"command\\\":[\\\"ls\\\"]}\",\"call_id\":\"c1\"}," \
    "{\"type\":\"custom_tool_call\",\"status\":\"completed\",\"call_id\":\"c2\",\"name\":\"apply_patch\",\"input\":\"*** Begin\\n\"}," \
    "{\"type\":\"function_call\",\"namespace\":\"mcp__a__\",\"name\":\"f\",\"arguments\":\"{}\",\"call_id\":\"c3\"}," \
    "{\"type\":\"function_call_output\",\"call_id\":\"c1\",\"output\":\"a.c\"},{\"type\":\"custom_tool_call_output\",\"call_id\":\"c2\",\"output\":\"Done\"}," \
    "{\"type\":\"function_call_output\",\"call_id\":\"c3\",\"output\":[" PART("input_text", "x") "]}]," \
    "\"tools\":[{\"type\":\"function\",\"name\":\"shell\",\"description\":\"d\",\"strict\":false,\"parameters\":" SCHEMA "},{\"type\":\"web_search\"},{\"type\":\"image_generation\"}," \
    "{\"type\":\"local_shell\"},{\"type\":\"mcp\",\"server_label\":\"x\"},{\"type\":\"custom\",\"name\":\"apply_patch\",\"description\":\"d\",\"format\":{\"type\":\"grammar\"," \
    "\"syntax\":\"lark\",\"definition\":\"start: x\"}},{\"type\":\"namespace\",\"name\":\"mcp__a__\",\"description\":\"n\",\"tools\":[{\"type\":\"function\",\"name\":\"f\"," \
    "\"parameters\":" SCHEMA "}]}],\"tool_choice\":\"auto\",\"parallel_tool_calls\":true,\"reasoning\":{\"effort\":\"low\",\"summary\":\"auto\"},\"store\":false,\"stream\":true," \
    "\"include\":[\"reasoning.encrypted_content\"],\"prompt_cache_key\":\"k\",\"client_metadata\":{\"x\":\"y\"}}"

static const struct form_read reads[] = {
    {BODY(HI, ""), "[" USER("hi") "]", "", ""},
    {BODY(HI, ",\"instructions\":\"Be brief.\""), "[" SYSTEM("Be brief.") "," USER("hi") "]", "", ""},
    {BODY("[" USER("a") ",{\"type\":\"message\",\"role\":\"assistant\",\"content\":[" PART("output_text", "b") ",{\"type\":\"refusal\",\"refusal\":\"c\"}],\"id\":\"x\"}," USER("d") "]", ""),
     "[" USER("a") ",{\"role\":\"assistant\",\"content\":\"b\\nc\"}," USER("d") "]", "", ""},
    {BODY("[{\"role\":\"developer\",\"content\":\"A\"},{\"role\":\"system\",\"content\":\"B\"}," USER("u") ",{\"role\":\"developer\",\"content\":\"C\"}]", ",\"instructions\":\"I\""),
     "[" SYSTEM("I\\nA\\nB") "," USER("u") "," SYSTEM("C") "]", "", ""},
    {CODEX, "[" SYSTEM("You code.\\nRules") "," USER("cwd") "," USER("Fix it") ",{\"role\":\"assistant\",\"content\":\"I look.\","
            CALLS(CALL("c1", "shell", "{\"command\":[\"ls\"]}") "," CALL("c2", "apply_patch", "{\"input\":\"*** Begin\\n\"}") "," CALL("c3", "mcp__a__f", "{}"))
            ",\"reasoning_content\":\"Look first.\",\"reasoning\":\"Look first.\"}," RESULT("c1", "shell", "a.c") "," RESULT("c2", "apply_patch", "Done") ","
            RESULT("c3", "mcp__a__f", "x") "]",
     "[" FUNCTION("shell", ",\"description\":\"d\",\"parameters\":" SCHEMA ",\"strict\":false") "," FUNCTION("apply_patch", PLAIN(",\"description\":\"start: x\"")) ","
     FUNCTION("mcp__a__f", ",\"parameters\":" SCHEMA) "]", "{\"reasoning_effort\":\"low\"}"},
    {BODY("[" USER("a") ",{\"type\":\"local_shell_call\",\"call_id\":\"c\",\"status\":\"completed\",\"action\":{\"type\":\"exec\",\"command\":[\"ls\"]}},"
          "{\"type\":\"local_shell_call_output\",\"id\":\"c\",\"output\":\"o\"},{\"type\":\"web_search_call\",\"id\":\"w\"}]", ""),
     "[" USER("a") ",{\"role\":\"assistant\",\"content\":\"\"," CALLS(CALL("c", "local_shell", "{\"type\":\"exec\",\"command\":[\"ls\"]}")) "}," RESULT("c", "local_shell", "o") "]", "", ""},
    {BODY(HI, ",\"tools\":[{\"type\":\"web_search\"}],\"top_logprobs\":0,\"background\":false,\"truncation\":\"disabled\",\"metadata\":{},\"user\":\"u\",\"text\":{\"verbosity\":\"low\"},\"seed\":1"),
     NULL, "", ""},
};

static void test_reads(void **state)
{
    (void)state;
    form_reads("responses", reads, COUNT(reads));
}

static void test_fields(void **state)
{
    struct tl_openai_request r;
    (void)state;
    form_read_good("responses", BODY(HI, ",\"max_output_tokens\":7,\"stream\":true,\"temperature\":0.5,\"top_p\":0.25,\"parallel_tool_calls\":false,"
                                         "\"text\":{\"format\":{\"type\":\"json_schema\",\"name\":\"x\",\"strict\":true,\"schema\":" SCHEMA "}}"), &r);
    assert_true(r.max_tokens == 7 && r.stream && r.sampling.temperature == 0.5f && r.sampling.top_p == 0.25f && r.one_call && !r.notes);
    assert_string_equal(r.schema, SCHEMA);
    tl_openai_done(&r);
    form_read_good("responses", BODY(HI, ",\"tools\":[{\"type\":\"namespace\",\"name\":\"n\",\"tools\":[{\"type\":\"function\",\"name\":\"f\"}]}],"
                                         "\"tool_choice\":{\"type\":\"function\",\"namespace\":\"n\",\"name\":\"f\"}"), &r);
    assert_true(r.tool_choice == TL_TOOLS_ONE);
    assert_string_equal(r.tool, "n__f");
    assert_string_equal(r.notes, "[[\"n__f\",\"n\",\"f\"]]");
    tl_openai_done(&r);
    form_read_good("responses", BODY(HI, TOOLS ",\"tool_choice\":{\"type\":\"allowed_tools\",\"mode\":\"required\",\"tools\":[{\"type\":\"mcp\",\"server_label\":\"x\"},"
                                         "{\"type\":\"custom\",\"name\":\"p\"},{\"type\":\"function\",\"name\":\"n__g\"},{\"type\":\"function\",\"name\":\"f2\"}]}"), &r);
    assert_true(r.tool_choice == TL_TOOLS_REQUIRED && tl_openai_has_tool(r.tools, "f") == 0 && tl_openai_has_tool(r.tools, "p") == 1 && tl_openai_has_tool(r.tools, "n__g") == 1);
    tl_openai_done(&r);
}

static const struct form_refusal refusals[] = {
    {"[]", "", "expected an object"}, {"{}", "input", "input: missing"}, {BODY("[]", ""), "input", "at least one"}, {BODY("5", ""), "input", "input"},
    {BODY(HI, ",\"previous_response_id\":\"r\""), "previous_response_id", "whole conversation"}, {BODY(HI, ",\"conversation\":\"c\""), "conversation", "kept"},
    {BODY(HI, ",\"background\":true"), "background", "connection"}, {BODY(HI, ",\"truncation\":\"auto\""), "truncation", "refused"},
    {BODY(HI, ",\"include\":[\"message.output_text.logprobs\"]"), "include", "likelihoods"}, {BODY(HI, ",\"n\":2"), "n", "one answer"},
    {BODY(HI, ",\"max_output_tokens\":\"x\""), "max_output_tokens", "max_output_tokens"}, {BODY(HI, ",\"nonsense\":1"), "nonsense", "not known"},
    {BODY(HI, ",\"text\":{\"format\":{\"type\":\"x\"}}"), "text", "text"}, {BODY(HI, ",\"reasoning\":{\"effort\":\"x\"}"), "reasoning", "effort"},
    {BODY(HI, ",\"tools\":[{\"type\":\"function\"}]"), "tools", "names"}, {BODY(HI, ",\"tools\":[1]"), "tools", "object"},
    {BODY(HI, ",\"tool_choice\":\"required\",\"tools\":[{\"type\":\"web_search\"}]"), "tool_choice", "no tools"},
    {BODY(HI, TOOLS ",\"tool_choice\":{\"type\":\"allowed_tools\",\"tools\":[{\"type\":\"function\",\"name\":\"z\"}]}"), "tool_choice", "none of the allowed"},
    {BODY(HI, TOOLS ",\"tool_choice\":{\"type\":\"allowed_tools\",\"mode\":\"x\",\"tools\":[{\"type\":\"function\",\"name\":\"f\"}]}"), "tool_choice", "mode"},
    {BODY(HI, TOOLS ",\"tool_choice\":{\"type\":\"allowed_tools\"}"), "tool_choice", "allowed_tools"},
    {BODY(HI, ",\"tool_choice\":{\"type\":\"web_search\"}"), "tool_choice", "web_search"}, {BODY(HI, ",\"instructions\":5"), "instructions", "string"},
    {BODY("[{\"type\":\"item_reference\",\"id\":\"x\"}]", ""), "input", "item_reference"}, {BODY("[{\"role\":\"robot\",\"content\":\"x\"}]", ""), "input", "robot"},
    {BODY("[{\"role\":\"user\",\"content\":[{\"type\":\"input_image\",\"image_url\":\"x\"}]}]", ""), "input", "input_image"},
    {BODY("[{\"type\":\"function_call\",\"name\":\"f\",\"arguments\":\"{}\"}]", ""), "input", "call_id"},
    {BODY("[{\"type\":\"function_call_output\",\"output\":\"x\"}]", ""), "input", "call_id"}, {BODY(HI, ",\"input\":\"x\""), "input", "twice"},
};

static void test_refuses(void **state)
{
    (void)state;
    form_refuses("responses", refusals, COUNT(refusals));
}

/* --- answers ---------------------------------------------------------------------------------------------------------------- */

static const struct tl_usage usage = {.prompt_tokens = 30, .reused_tokens = 20, .tokens = 4, .reasoning_tokens = 1};
static const struct tl_event said[] = {TEXT(REASONING, "so"), TEXT(CONTENT, "a"), TEXT(CONTENT, "\""), {.kind = TL_EVENT_END, .finish = "stop", .usage = &usage, .ended = 9}};
static const struct tl_event called[] = {CALLED(0, "c1", "f"), ARGUMENTS(0, "{\"a\":"), ARGUMENTS(0, "1}"), CALLED(1, "c2", "p"), ARGUMENTS(1, "{\"input\":\"x\\n"),
                                         ARGUMENTS(1, "y\"}"), CALLED(2, "c3", "n__g"), ARGUMENTS(2, "{}"), END("tool_calls", &usage)};
static const struct tl_event cut[] = {TEXT(CONTENT, "a"), END("length", &usage)};

#define HEAD(status, done, details) HEAD_OF(status, done, details, REQUEST)
#define HEAD_OF(status, done, details, request) "{\"id\":\"resp_1\",\"object\":\"response\",\"created_at\":5,\"status\":\"" status "\",\"background\":false,\"completed_at\":" done \
    ",\"error\":null,\"incomplete_details\":" details ",\"model\":\"m\"" request
#define REQUEST REQUEST_OF("[]", "text", "auto")
#define REQUEST_OF(tools, format, choice) SETTINGS ",\"instructions\":null,\"tools\":" tools ",\"tool_choice\":\"" choice "\",\"metadata\":{},\"max_tool_calls\":null," \
    "\"prompt_cache_key\":null,\"safety_identifier\":null,\"text\":{\"format\":{\"type\":\"" format "\"}}"
#define SETTINGS ",\"max_output_tokens\":null,\"parallel_tool_calls\":true,\"previous_response_id\":null,\"reasoning\":{\"effort\":null,\"summary\":null},\"store\":false," \
    "\"temperature\":0.5,\"top_p\":0.5,\"presence_penalty\":0,\"frequency_penalty\":0,\"top_logprobs\":0,\"truncation\":\"disabled\",\"service_tier\":\"default\""
#define USAGE "\"usage\":{\"input_tokens\":30,\"input_tokens_details\":{\"cached_tokens\":20},\"output_tokens\":4,\"output_tokens_details\":{\"reasoning_tokens\":1},\"total_tokens\":34}}"
#define SAMPLING ",\"temperature\":0.5,\"top_p\":0.5"
#define OUT_TEXT(words) "{\"type\":\"output_text\",\"text\":\"" words "\",\"annotations\":[],\"logprobs\":[]}"
#define THOUGHT(status, parts) "{\"id\":\"rs_1_0\",\"type\":\"reasoning\",\"status\":\"" status "\",\"summary\":[" parts "],\"encrypted_content\":null}"
#define MESSAGE(index, status, parts) "{\"id\":\"msg_1_" index "\",\"type\":\"message\",\"status\":\"" status "\",\"role\":\"assistant\",\"content\":[" parts "]}"
#define F(status, arguments) "{\"id\":\"fc_1_0\",\"type\":\"function_call\",\"status\":\"" status "\",\"call_id\":\"c1\",\"name\":\"f\",\"arguments\":\"" arguments "\"}"
#define P(status, input) "{\"id\":\"ctc_1_1\",\"type\":\"custom_tool_call\",\"status\":\"" status "\",\"call_id\":\"c2\",\"name\":\"p\",\"input\":\"" input "\"}"
#define G(status, arguments) "{\"id\":\"fc_1_2\",\"type\":\"function_call\",\"status\":\"" status "\",\"call_id\":\"c3\",\"namespace\":\"n\",\"name\":\"g\",\"arguments\":\"" arguments "\"}"
#define SAID_ALL "[" THOUGHT("completed", PART("summary_text", "so")) "," MESSAGE("1", "completed", OUT_TEXT("a\\\"")) "]"
#define CALLED_ALL "[" F("completed", "{\\\"a\\\":1}") "," P("completed", "x\\ny") "," G("completed", "{}") "]"
#define FRAME(type, number, more) "event: response." type "\ndata: {\"type\":\"response." type "\",\"sequence_number\":" number more "}\n\n"
#define BEGINS BEGINS_OF(REQUEST)
#define BEGINS_OF(request) FRAME("created", "0", ",\"response\":" HEAD_OF("in_progress", "null", "null", request) ",\"output\":[],\"usage\":null}") \
    FRAME("in_progress", "1", ",\"response\":" HEAD_OF("in_progress", "null", "null", request) ",\"output\":[],\"usage\":null}")
#define WITH_TOOLS REQUEST_OF(TOOL_LIST, "text", "auto")
#define ASKED "\"instructions\":\"I \\u00e9\",\"tools\":" TOOL_LIST ",\"tool_choice\":{\"type\":\"function\", \"name\":\"f\"},\"metadata\":{\"a\":\"b\"},\"max_tool_calls\":3," \
    "\"prompt_cache_key\":\"k\",\"safety_identifier\":\"s\",\"text\":{\"format\":{\"type\":\"json_schema\",\"name\":\"n\",\"schema\":" SCHEMA "}}"
#define ITEM(type, number, index, item) FRAME("output_item." type, number, ",\"output_index\":" index ",\"item\":" item)
#define IN(id, index) ",\"item_id\":\"" id "\",\"output_index\":" index
#define THINKS IN("rs_1_0", "0") ",\"summary_index\":0"
#define SAYS(index) IN("msg_1_" index, index) ",\"content_index\":0"

static const struct form_written written[] = {
    {"said", BODY(HI, SAMPLING), said, COUNT(said), HEAD("completed", "9", "null") ",\"output\":" SAID_ALL "," USAGE},
    {"called", BODY(HI, SAMPLING TOOLS), called, COUNT(called), HEAD_OF("completed", "null", "null", WITH_TOOLS) ",\"output\":" CALLED_ALL "," USAGE},
    {"said again", BODY(HI, SAMPLING "," ASKED ",\"user\":null"), said, COUNT(said), HEAD_OF("completed", "9", "null", SETTINGS "," ASKED) ",\"output\":" SAID_ALL "," USAGE},
    {"cut", BODY(HI, SAMPLING), cut, COUNT(cut), HEAD("incomplete", "null", "{\"reason\":\"max_output_tokens\"}") ",\"output\":[" MESSAGE("0", "incomplete", OUT_TEXT("a")) "]," USAGE},
    {"said, streamed", BODY(HI, SAMPLING ",\"stream\":true"), said, COUNT(said),
     BEGINS ITEM("added", "2", "0", THOUGHT("in_progress", "")) FRAME("reasoning_summary_part.added", "3", THINKS ",\"part\":" PART("summary_text", ""))
     FRAME("reasoning_summary_text.delta", "4", THINKS ",\"delta\":\"so\"") FRAME("reasoning_summary_text.done", "5", THINKS ",\"text\":\"so\"")
     FRAME("reasoning_summary_part.done", "6", THINKS ",\"part\":" PART("summary_text", "so")) ITEM("done", "7", "0", THOUGHT("completed", PART("summary_text", "so")))
     ITEM("added", "8", "1", MESSAGE("1", "in_progress", "")) FRAME("content_part.added", "9", SAYS("1") ",\"part\":" OUT_TEXT(""))
     FRAME("output_text.delta", "10", SAYS("1") ",\"delta\":\"a\",\"logprobs\":[]") FRAME("output_text.delta", "11", SAYS("1") ",\"delta\":\"\\\"\",\"logprobs\":[]")
     FRAME("output_text.done", "12", SAYS("1") ",\"text\":\"a\\\"\",\"logprobs\":[]") FRAME("content_part.done", "13", SAYS("1") ",\"part\":" OUT_TEXT("a\\\""))
     ITEM("done", "14", "1", MESSAGE("1", "completed", OUT_TEXT("a\\\""))) FRAME("completed", "15", ",\"response\":" HEAD("completed", "9", "null") ",\"output\":" SAID_ALL "," USAGE)},
    {"called, streamed", BODY(HI, SAMPLING TOOLS ",\"stream\":true"), called, COUNT(called),
     BEGINS_OF(WITH_TOOLS) ITEM("added", "2", "0", F("in_progress", "")) FRAME("function_call_arguments.delta", "3", IN("fc_1_0", "0") ",\"delta\":\"{\\\"a\\\":\"")
     FRAME("function_call_arguments.delta", "4", IN("fc_1_0", "0") ",\"delta\":\"1}\"")
     FRAME("function_call_arguments.done", "5", IN("fc_1_0", "0") ",\"name\":\"f\",\"arguments\":\"{\\\"a\\\":1}\"") ITEM("done", "6", "0", F("completed", "{\\\"a\\\":1}"))
     ITEM("added", "7", "1", P("in_progress", "")) FRAME("custom_tool_call_input.delta", "8", IN("ctc_1_1", "1") ",\"delta\":\"x\\ny\"")
     FRAME("custom_tool_call_input.done", "9", IN("ctc_1_1", "1") ",\"input\":\"x\\ny\"") ITEM("done", "10", "1", P("completed", "x\\ny"))
     ITEM("added", "11", "2", G("in_progress", "")) FRAME("function_call_arguments.delta", "12", IN("fc_1_2", "2") ",\"delta\":\"{}\"")
     FRAME("function_call_arguments.done", "13", IN("fc_1_2", "2") ",\"name\":\"g\",\"arguments\":\"{}\"") ITEM("done", "14", "2", G("completed", "{}"))
     FRAME("completed", "15", ",\"response\":" HEAD_OF("completed", "null", "null", WITH_TOOLS) ",\"output\":" CALLED_ALL "," USAGE)},
    {"cut, streamed", BODY(HI, SAMPLING ",\"stream\":true"), cut, COUNT(cut),
     BEGINS ITEM("added", "2", "0", MESSAGE("0", "in_progress", "")) FRAME("content_part.added", "3", SAYS("0") ",\"part\":" OUT_TEXT(""))
     FRAME("output_text.delta", "4", SAYS("0") ",\"delta\":\"a\",\"logprobs\":[]") FRAME("output_text.done", "5", SAYS("0") ",\"text\":\"a\",\"logprobs\":[]")
     FRAME("content_part.done", "6", SAYS("0") ",\"part\":" OUT_TEXT("a")) ITEM("done", "7", "0", MESSAGE("0", "incomplete", OUT_TEXT("a")))
     FRAME("incomplete", "8", ",\"response\":" HEAD("incomplete", "null", "{\"reason\":\"max_output_tokens\"}") ",\"output\":[" MESSAGE("0", "incomplete", OUT_TEXT("a")) "]," USAGE)},
};

static void test_writes(void **state)
{
    (void)state;
    form_writes("responses", written, COUNT(written));
}

/* A result has the name of the last call of its id, however many there are; none where there was no such call. */
static void test_names(void **state)
{
    enum { CALLS = 1000, IDS = 700 };
    struct tl_openai_request request;
    struct tl_buffer body;
    char result[96];
    (void)state;
    tl_buffer_init(&body, 0);
    tl_buffer_printf(&body, "{\"input\":[{\"type\":\"function_call_output\",\"call_id\":\"c3\",\"output\":\"early\"}");
    for (int i = 0; i < CALLS; i++)
        tl_buffer_printf(&body, ",{\"type\":\"function_call\",\"name\":\"f%d\",\"arguments\":\"{}\",\"call_id\":\"c%d\"}", i, i % IDS);
    for (int i = 0; i <= IDS; i++)
        tl_buffer_printf(&body, ",{\"type\":\"function_call_output\",\"call_id\":\"c%d\",\"output\":\"o\"}", i);
    tl_buffer_printf(&body, "]}");
    must(body.status);
    form_read_good("responses", body.data, &request);
    assert_non_null(strstr(request.messages, "[{\"role\":\"tool\",\"tool_call_id\":\"c3\",\"content\":\"early\"}"));
    for (int i = 0; i < IDS; i++) {
        snprintf(result, sizeof result, RESULT("c%d", "f%d", "o"), i, i + IDS < CALLS ? i + IDS : i);
        assert_non_null(strstr(request.messages, result));
    }
    assert_non_null(strstr(request.messages, "{\"role\":\"tool\",\"tool_call_id\":\"c700\",\"content\":\"o\"}"));
    tl_openai_done(&request);
    tl_buffer_done(&body);
}

/* What is too long for the frames that say it again is left out of them, and read nevertheless. */
static void test_long(void **state)
{
    const struct tl_form *form = tl_form_find("responses");
    struct tl_openai_request request;
    struct tl_buffer body;
    (void)state;
    tl_buffer_init(&body, 0);
    tl_buffer_printf(&body, "{\"input\":\"hi\",\"metadata\":{\"a\":\"b\"},\"instructions\":\"%0300000d\"}", 7);
    must(body.status);
    tl_openai_init(&request);
    must(form->read(&request, "body", body.data, body.len));
    assert_true(strlen(request.messages) > 300000 && strlen(request.repeated) < 1000);
    assert_non_null(strstr(request.repeated, ",\"instructions\":null,"));
    assert_non_null(strstr(request.repeated, ",\"metadata\":{\"a\":\"b\"},"));
    tl_openai_done(&request);
    tl_buffer_done(&body);
}

/* A stream that fails says so with the next number, in one frame that is JSON. */
static void test_fails(void **state)
{
    const struct tl_form *form = tl_form_find("responses");
    const struct tl_failure failure = {.http_status = 500, .message = "no \"room\""};
    struct tl_openai_request request;
    struct tl_form_writer *writer;
    struct tl_buffer out;
    struct tl_json json;
    (void)state;
    form_read_good("responses", BODY(HI, ",\"stream\":true"), &request);
    struct tl_writer_facts facts = {.request = &request, .id = "1", .model = "m", .created = 5, .n_parts = 1};
    must(form->writer_new(&facts, &writer));
    tl_buffer_init(&out, 0);
    must(form->begin(writer, &out));
    tl_buffer_clear(&out);
    must(form->failed(writer, &failure, &out));
    static const char head[] = "event: response.failed\ndata: ";
    assert_memory_equal(out.data, head, strlen(head));
    assert_non_null(strstr(out.data, "\"sequence_number\":2,"));
    assert_non_null(strstr(out.data, "\"error\":{\"code\":\"server_error\",\"message\":\"no \\\"room\\\"\"}"));
    tl_json_init(&json, "frame", out.data + strlen(head), out.len - strlen(head));
    assert_int_equal(tl_json_next(&json), TL_JSON_OBJECT);
    assert_true(tl_json_skip(&json) >= 0 && tl_json_next(&json) == TL_JSON_END);
    tl_json_done(&json);
    tl_buffer_done(&out);
    form->writer_free(writer);
    tl_openai_done(&request);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_reads), cmocka_unit_test(test_fields), cmocka_unit_test(test_refuses), cmocka_unit_test(test_writes),
                                       cmocka_unit_test(test_names), cmocka_unit_test(test_long), cmocka_unit_test(test_fails)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
