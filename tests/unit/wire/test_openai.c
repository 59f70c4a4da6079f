/* SPDX-License-Identifier: MIT */
/* Requests in OpenAI's form: what each field becomes, what is refused and by which name. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/error.h"
#include "base/memory.h"
#include "wire/openai.h"

static int read_text(struct tl_openai_request *request, enum tl_openai_kind kind, const char *text)
{
    tl_openai_init(request);
    return tl_openai_read(request, kind, "body", text, strlen(text));
}

static void check_good(struct tl_openai_request *request, enum tl_openai_kind kind, const char *text)
{
    if (read_text(request, kind, text) < 0)
        fail_msg("%s: %s", text, tl_error_text());
}

#define CHAT(more) "{\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}]" more "}"

#define TOOL "{\"type\":\"function\",\"function\":{\"name\":\"f\",\"parameters\":{}}}"

/* --- fields ----------------------------------------------------------------------------------------------------------------- */

static void test_defaults(void **state)
{
    struct tl_openai_request request;
    struct tl_sampling preset;
    (void)state;
    tl_sampling_default(&preset);
    check_good(&request, TL_OPENAI_CHAT, CHAT(""));
    assert_memory_equal(&request.sampling, &preset, sizeof(preset));
    assert_true(request.n == 1 && request.max_tokens == -1 && !request.stop && !request.tools && !request.variables);
    assert_true(!request.logprobs && !request.stream && !request.ignore_end);
    assert_string_equal(request.messages, "[{\"role\":\"user\",\"content\":\"hi\"}]");
    assert_int_equal(tl_openai_choices(&request), 1);
    tl_openai_done(&request);
}

static void test_fields(void **state)
{
    struct tl_openai_request r;
    (void)state;
    check_good(&r, TL_OPENAI_CHAT, CHAT(",\"model\":\"m\",\"temperature\":0.25,\"top_p\":0.5,\"top_k\":-1,\"min_p\":0.125,\"seed\":-1,\"n\":3,"
                                        "\"max_tokens\":7,\"max_completion_tokens\":5,\"presence_penalty\":1,\"frequency_penalty\":-1,"
                                        "\"stop\":[\"a\",\"\",\"b\"],\"logit_bias\":{\"5\":-2.5,\"9\":100},\"logprobs\":true,\"top_logprobs\":2,"
                                        "\"user\":\"x\",\"metadata\":{\"a\":[1]},\"stream\":true,\"stream_options\":{\"include_usage\":true},"
                                        "\"response_format\":{\"type\":\"text\"},\"tools\":[ " TOOL " , {\"type\":\"web_search\"}],\"tool_choice\":\"auto\",\"suffix\":null,\"unknown\":null,"
                                        "\"enable_thinking\":false,\"chat_template_kwargs\":{\"a\":1},\"reasoning_effort\":\"low\""));
    assert_string_equal(r.model, "m");
    assert_true(r.sampling.temperature == 0.25f && r.sampling.top_p == 0.5f && r.sampling.top_k == 0 && r.sampling.min_p == 0.125f);
    assert_true(r.sampling.seed == UINT64_MAX && r.n == 3 && r.max_tokens == 5);
    assert_true(r.sampling.presence_penalty == 1 && r.sampling.frequency_penalty == -1);
    assert_true(r.n_stop == 2 && !strcmp(r.stop[0], "a") && !strcmp(r.stop[1], "b"));
    assert_true(r.sampling.n_bias == 2 && r.sampling.bias[0].id == 5 && r.sampling.bias[0].bias == -2.5f && r.sampling.bias[1].id == 9);
    assert_true(r.logprobs && r.top_logprobs == 2 && r.stream && r.include_usage);
    assert_string_equal(r.tools, "[" TOOL "]");
    assert_string_equal(r.variables, "{\"enable_thinking\":false,\"reasoning_effort\":\"low\",\"a\":1}");
    tl_openai_done(&r);
    check_good(&r, TL_OPENAI_CHAT, CHAT(",\"tools\":[" TOOL "],\"tool_choice\":\"none\",\"chat_template_kwargs\":{ },\"enable_thinking\":true"));
    assert_null(r.tools);
    assert_string_equal(r.variables, "{\"enable_thinking\":true}");
    tl_openai_done(&r);
}

static void test_prompts(void **state)
{
    struct tl_openai_request r;
    (void)state;
    check_good(&r, TL_OPENAI_COMPLETION, "{\"prompt\":\"a\\u0000b\",\"logprobs\":0,\"suffix\":\"\",\"echo\":true}");
    assert_true(r.n_prompts == 1 && r.prompt[0].n_bytes == 3 && !memcmp(r.prompt[0].text, "a\0b", 3) && r.logprobs && r.top_logprobs == 0 && r.echo);
    tl_openai_done(&r);
    check_good(&r, TL_OPENAI_COMPLETION, "{\"prompt\":[1,2,3],\"n\":2,\"best_of\":2}");
    assert_true(r.n_prompts == 1 && !r.prompt[0].text && r.prompt[0].n_ids == 3 && r.prompt[0].ids[2] == 3 && tl_openai_choices(&r) == 2);
    tl_openai_done(&r);
    check_good(&r, TL_OPENAI_COMPLETION, "{\"prompt\":[\"a\",[4],\"b\"],\"n\":2}");
    assert_true(r.n_prompts == 3 && r.prompt[1].ids[0] == 4 && !strcmp(r.prompt[2].text, "b") && tl_openai_choices(&r) == 6);
    tl_openai_done(&r);
}

static void test_defaults_below(void **state)
{
    static const char defaults[] = "{\"temperature\":0,\"max_completion_tokens\":9,\"stop\":\"x\",\"seed\":3}";
    struct tl_openai_request r;
    (void)state;
    tl_openai_init(&r);
    assert_int_equal(tl_openai_read(&r, TL_OPENAI_ANY, "defaults", defaults, strlen(defaults)), 0);
    assert_int_equal(tl_openai_read(&r, TL_OPENAI_CHAT, "body", CHAT(",\"max_tokens\":4,\"temperature\":null"), strlen(CHAT(",\"max_tokens\":4,\"temperature\":null"))), 0);
    assert_true(r.max_tokens == 4 && r.sampling.temperature == 0 && r.n_stop == 1 && r.sampling.seed == 3);
    tl_openai_done(&r);
}

/* --- the answer's language -------------------------------------------------------------------------------------------------- */

static const struct { const char *field, *schema, *grammar; bool any_json; } bounds[] = {
    {"\"response_format\":{\"type\":\"text\"}", NULL, NULL, false},
    {"\"response_format\":{\"type\":\"json_object\"}", NULL, NULL, true},
    {"\"response_format\":{\"type\":\"json_object\",\"schema\":{\"a\": 1}}", "{\"a\": 1}", NULL, false},
    {"\"response_format\":{\"json_schema\":{\"name\":\"x\",\"strict\":true,\"schema\":{\"a\":[]}},\"type\":\"json_schema\"}", "{\"a\":[]}", NULL, false},
    {"\"response_format\":{\"type\":\"json_schema\",\"schema\":true}", "true", NULL, false},
    {"\"response_format\":{\"type\":\"text\"},\"grammar\":\"root ::= \\\"a\\\"\"", NULL, "root ::= \"a\"", false},
    {"\"response_format\":{\"type\":\"grammar\",\"grammar\":\"x\"}", NULL, "x", false},
    {"\"json_schema\":{}", "{}", NULL, false},
    {"\"guided_json\":\"{\\\"a\\\":2}\"", "{\"a\":2}", NULL, false},
    {"\"guided_grammar\":\"x\"", NULL, "x", false},
    {"\"guided_choice\":[\"yes\",\"\\\"\\\\\\n\"]", NULL, "root ::= \"yes\" | \"\\\"\\\\\\x0A\"", false},
    {"\"structured_outputs\":{\"json\":{\"a\":3},\"grammar\":null}", "{\"a\":3}", NULL, false},
    {"\"structured_outputs\":{\"choice\":[\"a\"]}", NULL, "root ::= \"a\"", false},
    {"\"structured_outputs\":{\"json_object\":true}", NULL, NULL, true},
};

static bool same(const char *a, const char *b) { return a && b ? strcmp(a, b) == 0 : a == b; }

static void test_bounds(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(bounds) / sizeof(bounds[0]); i++) {
        struct tl_openai_request r;
        char body[500];
        snprintf(body, sizeof(body), CHAT(",%s"), bounds[i].field);
        check_good(&r, TL_OPENAI_CHAT, body);
        if (!same(r.schema, bounds[i].schema) || !same(r.grammar, bounds[i].grammar) || r.any_json != bounds[i].any_json)
            fail_msg("%s: %s, %s, %d", body, r.schema ? r.schema : "-", r.grammar ? r.grammar : "-", r.any_json);
        tl_openai_done(&r);
    }
}

/* --- tools and reasoning ---------------------------------------------------------------------------------------------------- */

static void test_tools(void **state)
{
    struct tl_openai_request r;
    (void)state;
    check_good(&r, TL_OPENAI_CHAT, CHAT(",\"tools\":[" TOOL "],\"tool_choice\":\"required\",\"parallel_tool_calls\":false"));
    assert_true(r.tool_choice == TL_TOOLS_REQUIRED && r.one_call && r.tools);
    tl_openai_done(&r);
    check_good(&r, TL_OPENAI_CHAT, CHAT(",\"tools\":[" TOOL "],\"tool_choice\":{\"type\":\"function\",\"function\":{\"name\":\"f\"}}"));
    assert_true(r.tool_choice == TL_TOOLS_ONE && !r.one_call);
    assert_string_equal(r.tool, "f");
    tl_openai_done(&r);
    check_good(&r, TL_OPENAI_CHAT, CHAT(",\"tool_choice\":{\"type\":\"allowed_tools\",\"allowed_tools\":{\"mode\":\"required\",\"tools\":[" TOOL "]}},"
                                        "\"tools\":[{\"type\":\"function\",\"function\":{\"name\":\"g\"}}," TOOL "]"));
    assert_true(r.tool_choice == TL_TOOLS_REQUIRED);
    assert_string_equal(r.tools, "[" TOOL "]");
    tl_openai_done(&r);
    check_good(&r, TL_OPENAI_CHAT, CHAT(",\"tools\":[{\"type\":\"custom\",\"custom\":{\"name\":\"x\"}}]"));
    assert_null(r.tools);
    tl_openai_done(&r);
}

static const struct { const char *field; int64_t tokens; const char *variables; bool hidden; } thoughts[] = {
    {"\"seed\":1", -1, NULL, false},
    {"\"reasoning_effort\":\"low\"", 2048, "{\"reasoning_effort\":\"low\"}", false},
    {"\"reasoning_effort\":\"high\"", -1, "{\"reasoning_effort\":\"high\"}", false},
    {"\"reasoning_effort\":\"none\"", 0, "{\"enable_thinking\":false,\"reasoning_effort\":\"none\"}", false},
    {"\"reasoning_effort\":\"low\",\"thinking_budget\":7", 7, "{\"reasoning_effort\":\"low\"}", false},
    {"\"reasoning\":{\"max_tokens\":9,\"effort\":\"high\",\"exclude\":true,\"summary\":\"auto\"}", 9, "{\"reasoning_effort\":\"high\"}", true},
    {"\"thinking\":{\"type\":\"enabled\",\"budget_tokens\":5}", 5, "{\"enable_thinking\":true}", false},
    {"\"thinking\":{\"type\":\"disabled\"}", 0, "{\"enable_thinking\":false}", false},
    {"\"think\":false", 0, "{\"enable_thinking\":false}", false},
    {"\"enable_thinking\":false", 0, "{\"enable_thinking\":false}", false},
    {"\"chat_template_kwargs\":{\"enable_thinking\":false}", 0, "{\"enable_thinking\":false}", false},
    {"\"chat_template_kwargs\":{\"thinking_budget\":3,\"a\":[1]}", 3, "{\"thinking_budget\":3,\"a\":[1]}", false},
    {"\"include_reasoning\":false", -1, NULL, true},
    {"\"reasoning_format\":\"auto\"", -1, NULL, false},
};

static void test_thoughts(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(thoughts) / sizeof(thoughts[0]); i++) {
        struct tl_openai_request r;
        char body[500];
        snprintf(body, sizeof(body), CHAT(",%s"), thoughts[i].field);
        check_good(&r, TL_OPENAI_CHAT, body);
        if (r.think_tokens != thoughts[i].tokens || !same(r.variables, thoughts[i].variables) || r.hide_reasoning != thoughts[i].hidden)
            fail_msg("%s: %d, %s", body, (int)r.think_tokens, r.variables ? r.variables : "-");
        tl_openai_done(&r);
    }
}

/* --- messages --------------------------------------------------------------------------------------------------------------- */

static const struct { const char *in, *out; } messages[] = {
    {"[{\"role\":\"developer\",\"content\":\"a\"}]", "[{\"role\":\"system\",\"content\":\"a\"}]"},
    {"[{\"role\":\"user\",\"content\":[{\"type\":\"text\",\"text\":\"a\\n\"},{\"text\":\"<b>\",\"type\":\"text\",\"cache_control\":{}}]}]",
     "[{\"role\":\"user\",\"content\":\"a\\n\\n<b>\"}]"},
    {"[{\"role\":\"user\",\"content\":[]}]", "[{\"role\":\"user\",\"content\":\"\"}]"},
    {"[{\"role\":\"assistant\",\"tool_calls\":[{\"id\":\"1\",\"function\":{\"name\":\"f\",\"arguments\":\"{\\\"a\\\": 1}\"}}]}]",
     "[{\"role\":\"assistant\",\"tool_calls\":[{\"id\":\"1\",\"function\":{\"name\":\"f\",\"arguments\":{\"a\": 1}}}],\"content\":\"\"}]"},
    {"[{\"role\":\"assistant\",\"content\":null,\"tool_calls\":[{\"function\":{\"arguments\":\"no \\\"object\"}}]}]",
     "[{\"role\":\"assistant\",\"content\":\"\",\"tool_calls\":[{\"function\":{\"arguments\":\"no \\\"object\"}}]}]"},
    {"[{\"role\":\"assistant\",\"content\":\"x\",\"reasoning\":\"why\",\"tool_calls\":null}]",
     "[{\"role\":\"assistant\",\"content\":\"x\",\"reasoning_content\":\"why\",\"reasoning\":\"why\"}]"},
    {"[{\"content\" : \"42\", \"role\":\"tool\",\"tool_call_id\":\"1\"}]", "[{\"content\":\"42\",\"role\":\"tool\",\"tool_call_id\":\"1\"}]"},
};

static void test_messages(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(messages) / sizeof(messages[0]); i++) {
        struct tl_openai_request request;
        char body[1000];
        snprintf(body, sizeof(body), "{\"messages\":%s}", messages[i].in);
        check_good(&request, TL_OPENAI_CHAT, body);
        assert_string_equal(request.messages, messages[i].out);
        tl_openai_done(&request);
    }
}

/* --- refusals --------------------------------------------------------------------------------------------------------------- */

static const struct { enum tl_openai_kind kind; const char *text, *param, *sentence; } bad[] = {
    {TL_OPENAI_CHAT, "", "", "body: byte 0"},
    {TL_OPENAI_CHAT, "[]", "", "expected an object"},
    {TL_OPENAI_CHAT, "{}", "messages", "messages: missing"},
    {TL_OPENAI_CHAT, "{\"messages\":[]}", "messages", "at least one"},
    {TL_OPENAI_CHAT, "{\"messages\":[{\"content\":\"a\"}]}", "messages", "without a role"},
    {TL_OPENAI_CHAT, "{\"messages\":[{\"role\":\"god\",\"content\":\"a\"}]}", "messages", "found \"god\""},
    {TL_OPENAI_CHAT, "{\"messages\":[{\"role\":\"user\",\"role\":\"user\"}]}", "messages", "two roles"},
    {TL_OPENAI_CHAT, "{\"messages\":[{\"role\":\"user\",\"content\":\"a\",\"content\":\"a\"}]}", "messages", "two contents"},
    {TL_OPENAI_CHAT, "{\"messages\":[{\"role\":\"user\",\"content\":7}]}", "messages", "a string or a list of parts"},
    {TL_OPENAI_CHAT, "{\"messages\":[{\"role\":\"user\",\"content\":[{\"type\":\"image_url\",\"image_url\":{}}]}]}", "messages", "\"image_url\" is not supported"},
    {TL_OPENAI_CHAT, "{\"messages\":[{\"role\":\"user\",\"content\":[{\"type\":\"text\"}]}]}", "messages", "without type or text"},
    {TL_OPENAI_CHAT, "{\"messages\":[{\"role\":\"user\",\"content\":[\"a\"]}]}", "messages", "to be objects"},
    {TL_OPENAI_CHAT, "{\"messages\":[7]}", "messages", "to be an object"},
    {TL_OPENAI_CHAT, "{\"messages\":{}}", "messages", "expected a list"},
    {TL_OPENAI_CHAT, "{\"messages\":[{\"role\":\"assistant\",\"audio\":{\"id\":\"x\"}}]}", "messages", "audio is not supported"},
    {TL_OPENAI_CHAT, CHAT(",\"temprature\":1"), "temprature", "is temperature meant?"},
    {TL_OPENAI_CHAT, CHAT(",\"guided_jsn\":{}"), "guided_jsn", "is guided_json meant?"},
    {TL_OPENAI_CHAT, CHAT(",\"response_format\":{\"type\":\"xml\"}"), "response_format", "expected a type"},
    {TL_OPENAI_CHAT, CHAT(",\"response_format\":{\"type\":\"json_schema\"}"), "response_format", "without a schema"},
    {TL_OPENAI_CHAT, CHAT(",\"response_format\":{\"type\":\"json_schema\",\"json_schema\":{\"schema\":7}}"), "response_format", "expected a JSON schema"},
    {TL_OPENAI_CHAT, CHAT(",\"response_format\":{\"type\":\"text\",\"schema\":{}}"), "response_format", "beside a schema"},
    {TL_OPENAI_CHAT, CHAT(",\"response_format\":{\"type\":\"json_object\"},\"grammar\":\"root ::= [a]\""), "grammar", "said already, by response_format"},
    {TL_OPENAI_CHAT, CHAT(",\"guided_choice\":[]"), "guided_choice", "a list of strings"},
    {TL_OPENAI_CHAT, CHAT(",\"guided_choice\":[\"a\",7]"), "guided_choice", "a list of strings"},
    {TL_OPENAI_CHAT, CHAT(",\"guided_regex\":\"a+\""), "guided_regex", "is not supported"},
    {TL_OPENAI_CHAT, CHAT(",\"structured_outputs\":{\"regex\":\"a\"}"), "structured_outputs", "\"regex\" is not supported"},
    {TL_OPENAI_CHAT, CHAT(",\"structured_outputs\":{\"json\":{},\"grammar\":\"a\"}"), "structured_outputs", "expected one member"},
    {TL_OPENAI_CHAT, CHAT(",\"tool_choice\":\"required\""), "tool_choice", "there are no tools"},
    {TL_OPENAI_CHAT, CHAT(",\"tool_choice\":\"all\""), "tool_choice", "expected \"auto\""},
    {TL_OPENAI_CHAT, CHAT(",\"tool_choice\":{\"type\":\"function\"}"), "tool_choice", "expected \"auto\""},
    {TL_OPENAI_CHAT, CHAT(",\"tool_choice\":{\"type\":\"allowed_tools\",\"name\":\"f\"}"), "tool_choice", "expected \"auto\""},
    {TL_OPENAI_CHAT, CHAT(",\"tool_choice\":{\"type\":\"function\",\"allowed_tools\":{\"tools\":[" TOOL "]}}"), "tool_choice", "expected \"auto\""},
    {TL_OPENAI_CHAT, CHAT(",\"tool_choice\":{\"type\":\"allowed_tools\",\"allowed_tools\":{\"tools\":[" TOOL "]}}"), "tool_choice", "none of the allowed"},
    {TL_OPENAI_CHAT, CHAT(",\"tools\":[" TOOL "],\"tool_choice\":{\"type\":\"function\",\"function\":{\"name\":\"g\"}}"), "tool_choice", "\"g\" is no function"},
    {TL_OPENAI_CHAT, CHAT(",\"tools\":[{\"type\":\"function\",\"function\":{}}]"), "tools", "functions with names"},
    {TL_OPENAI_CHAT, CHAT(",\"tools\":[{\"type\":\"function\",\"function\":{\"name\":\"\"}}]"), "tools", "functions with names"},
    {TL_OPENAI_CHAT, CHAT(",\"tools\":[7]"), "tools", "to be an object"},
    {TL_OPENAI_CHAT, CHAT(",\"reasoning_effort\":\"much\""), "reasoning_effort", "expected an effort"},
    {TL_OPENAI_CHAT, CHAT(",\"thinking\":{\"type\":\"some\"}"), "thinking", "expected a type"},
    {TL_OPENAI_CHAT, CHAT(",\"thinking\":{\"budget_tokens\":-5}"), "thinking", "expected an integer"},
    {TL_OPENAI_CHAT, CHAT(",\"reasoning\":{\"depth\":3}"), "reasoning", "\"depth\" is not known"},
    {TL_OPENAI_CHAT, CHAT(",\"reasoning_format\":\"none\""), "reasoning_format", "told apart"},
    {TL_OPENAI_CHAT, CHAT(",\"mirostat\":2"), "mirostat", "only 0"},
    {TL_OPENAI_EMBEDDING, "{}", "input", "input: missing"},
    {TL_OPENAI_EMBEDDING, "{\"input\":\"a\",\"encoding_format\":\"int8\"}", "encoding_format", "expected \"float\""},
    {TL_OPENAI_EMBEDDING, "{\"input\":\"a\",\"dimensions\":0}", "dimensions", "expected an integer"},
    {TL_OPENAI_EMBEDDING, "{\"input\":\"a\",\"temperature\":0}", "temperature", "a field of chats, not of embeddings"},
    {TL_OPENAI_EMBEDDING, "{\"input\":{}}", "input", "expected a text"},
    {TL_OPENAI_CHAT, CHAT(",\"temperature\":\"hot\""), "temperature", "expected a number"},
    {TL_OPENAI_CHAT, CHAT(",\"temperature\":-1"), "temperature", "from 0 to 100"},
    {TL_OPENAI_CHAT, CHAT(",\"temperature\":1,\"temperature\":1"), "temperature", "said twice"},
    {TL_OPENAI_CHAT, CHAT(",\"top_p\":1.5"), "top_p", "from 0 to 1"},
    {TL_OPENAI_CHAT, CHAT(",\"n\":0"), "n", "from 1 to 128"},
    {TL_OPENAI_CHAT, CHAT(",\"n\":1e9"), "n", "from 1 to 128"},
    {TL_OPENAI_CHAT, CHAT(",\"max_tokens\":1.5"), "max_tokens", "an integer"},
    {TL_OPENAI_CHAT, CHAT(",\"stop\":7"), "stop", "a string or a list"},
    {TL_OPENAI_CHAT, CHAT(",\"stop\":[\"a\",7]"), "stop", "a string or a list"},
    {TL_OPENAI_CHAT, CHAT(",\"stop\":\"a\\u0000\""), "stop", "without NUL"},
    {TL_OPENAI_CHAT, CHAT(",\"logit_bias\":{\"x\":1}"), "logit_bias", "token ids as keys"},
    {TL_OPENAI_CHAT, CHAT(",\"logit_bias\":{\"4294967296\":1}"), "logit_bias", "token ids as keys"},
    {TL_OPENAI_CHAT, CHAT(",\"logit_bias\":[]"), "logit_bias", "expected an object"},
    {TL_OPENAI_CHAT, CHAT(",\"top_logprobs\":3"), "top_logprobs", "needs logprobs"},
    {TL_OPENAI_CHAT, CHAT(",\"logprobs\":true,\"top_logprobs\":21"), "top_logprobs", "from 0 to 20"},
    {TL_OPENAI_CHAT, CHAT(",\"logprobs\":3"), "logprobs", "true or false"},
    {TL_OPENAI_CHAT, CHAT(",\"response_format\":{}"), "response_format", "expected a type"},
    {TL_OPENAI_CHAT, CHAT(",\"modalities\":[\"text\",\"audio\"]"), "modalities", "only \"text\""},
    {TL_OPENAI_CHAT, CHAT(",\"functions\":[]"), "functions", "the old form of tools"},
    {TL_OPENAI_CHAT, CHAT(",\"tools\":{}"), "tools", "expected a list"},
    {TL_OPENAI_CHAT, CHAT(",\"prompt\":\"a\""), "prompt", "a field of completions, not of chats"},
    {TL_OPENAI_CHAT, CHAT("") " x", "", "expected the end"},
    {TL_OPENAI_COMPLETION, "{}", "prompt", "prompt: missing"},
    {TL_OPENAI_COMPLETION, "{\"prompt\":[]}", "prompt", "prompt: missing"},
    {TL_OPENAI_COMPLETION, "{\"prompt\":7}", "prompt", "expected a text"},
    {TL_OPENAI_COMPLETION, "{\"prompt\":[1,\"a\"]}", "prompt", "expected a text"},
    {TL_OPENAI_COMPLETION, "{\"prompt\":[1,-2]}", "prompt", "token ids, found -2"},
    {TL_OPENAI_COMPLETION, "{\"prompt\":[99999999999]}", "prompt", "token ids"},
    {TL_OPENAI_COMPLETION, "{\"prompt\":\"a\",\"messages\":[]}", "messages", "a field of chats, not of completions"},
    {TL_OPENAI_COMPLETION, "{\"prompt\":\"a\",\"suffix\":\"b\"}", "suffix", "not supported"},
    {TL_OPENAI_COMPLETION, "{\"prompt\":\"a\",\"best_of\":3}", "best_of", "only the value of n"},
    {TL_OPENAI_COMPLETION, "{\"prompt\":[\"a\",\"b\"],\"n\":65}", "n", "at most 128 together"},
};

static void test_bad(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct tl_openai_request request;
        int status = read_text(&request, bad[i].kind, bad[i].text);
        if (status != TL_E_USAGE && status != TL_E_FILE)
            fail_msg("%s: %d", bad[i].text, status);
        if (strcmp(request.param, bad[i].param) != 0 || !strstr(tl_error_text(), bad[i].sentence))
            fail_msg("%s: \"%s\": %s", bad[i].text, request.param, tl_error_text());
        tl_openai_done(&request);
    }
}

static void test_many(void **state)
{
    (void)state;
    struct tl_buffer text;
    struct tl_openai_request request;
    tl_buffer_init(&text, 0);
    tl_buffer_printf(&text, "{\"prompt\":[");
    for (int i = 0; i < 200; i++)
        tl_buffer_printf(&text, "%s\"a\"", i ? "," : "");
    tl_buffer_printf(&text, "]}");
    assert_int_equal(read_text(&request, TL_OPENAI_COMPLETION, text.data), TL_E_USAGE);
    tl_openai_done(&request);
    tl_buffer_clear(&text);
    tl_buffer_printf(&text, "{\"prompt\":\"a\",\"stop\":[");
    for (int i = 0; i < 65; i++)
        tl_buffer_printf(&text, "%s\"%d\"", i ? "," : "", i);
    tl_buffer_printf(&text, "]}");
    assert_int_equal(read_text(&request, TL_OPENAI_COMPLETION, text.data), TL_E_USAGE);
    tl_openai_done(&request);
    tl_buffer_done(&text);
}

static void test_no_memory(void **state)
{
    static const char chat[] = CHAT(",\"stop\":[\"a\",\"b\"],\"logit_bias\":{\"1\":1},\"tools\":[" TOOL "],\"enable_thinking\":true,\"chat_template_kwargs\":{\"a\":1},"
                               "\"tool_choice\":{\"function\":{\"name\":\"f\"}},\"reasoning_effort\":\"low\",\"response_format\":{\"type\":\"json_object\",\"schema\":{}}");
    static const char completion[] = "{\"prompt\":[\"a\",[1,2]],\"model\":\"m\",\"stop\":\"x\"}";
    (void)state;
    for (int kind = 0; kind < 2; kind++) {
        int status = TL_E_NOMEM;
        for (long n = 0; status == TL_E_NOMEM; n++) {
            struct tl_openai_request request;
            tl_memory_fail_after(n);
            status = read_text(&request, kind ? TL_OPENAI_COMPLETION : TL_OPENAI_CHAT, kind ? completion : chat);
            tl_memory_fail_after(-1);
            tl_openai_done(&request);
            assert_true(n < 1000);
        }
        assert_int_equal(status, 0);
    }
}

/* --- the manual ------------------------------------------------------------------------------------------------------------- */

/* Every field is told of. */
static void test_manual(void **state)
{
    static const char *const names[] = {
#define READ(name, kinds, how, member, min, max) "`" #name,
#define IGNORE(name, kinds) "`" #name,
#define REFUSE(name, kinds, reason) "`" #name,
#define UNLESS(name, kinds, value) "`" #name,
#include "wire/openai_fields.def"
    };
    static char text[1 << 16];
    char path[600];
    (void)state;
    snprintf(path, sizeof(path), "%s/docs/api.md", getenv("TRILL_ROOT") ? getenv("TRILL_ROOT") : ".");
    FILE *file = fopen(path, "r");
    assert_non_null(file);
    text[fread(text, 1, sizeof(text) - 1, file)] = 0;
    fclose(file);
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        if (!strstr(text, names[i]))
            fail_msg("docs/api.md says nothing of %s`", names[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_defaults), cmocka_unit_test(test_fields), cmocka_unit_test(test_prompts), cmocka_unit_test(test_defaults_below),
        cmocka_unit_test(test_bounds), cmocka_unit_test(test_tools), cmocka_unit_test(test_thoughts), cmocka_unit_test(test_manual),
        cmocka_unit_test(test_messages), cmocka_unit_test(test_bad), cmocka_unit_test(test_many), cmocka_unit_test(test_no_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
