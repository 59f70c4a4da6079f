/* SPDX-License-Identifier: MIT */
/* Turns of each family: what of a text is reasoning, content and calls, however the text is cut. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/array.h"
#include "base/buffer.h"
#include "base/error.h"
#include "base/memory.h"
#include "base/utf8.h"
#include "turn_vocab.h"
#include "wire/turn.h"

static const char tools[] =
    "[{\"type\":\"function\",\"function\":{\"name\":\"weather\",\"parameters\":{\"type\":\"object\",\"properties\":{\"place\":{\"type\":\"string\"},"
    "\"days\":{\"type\":\"integer\"},\"detail\":{\"type\":\"boolean\"},\"tags\":{\"type\":\"array\",\"items\":{\"type\":\"string\"}},"
    "\"note\":{\"anyOf\":[{\"type\":\"string\"},{\"type\":\"null\"}]},\"any\":{}},\"required\":[\"place\"]}}},"
    "{\"type\":\"function\",\"function\":{\"name\":\"ping\"}},{\"name\":\"bare\",\"parameters\":{\"type\":\"object\"}}]";

static const char specials[] =
    "<|im_start|> <|im_end|> <|start_header_id|> <|end_header_id|> <|eot_id|> <|python_tag|> [INST] [/INST] [TOOL_CALLS] [ARGS] [CALL_ID] [THINK] "
    "[/THINK] <\xEF\xBD\x9C" "tool\xE2\x96\x81" "calls\xE2\x96\x81" "begin\xEF\xBD\x9C> <|tool_calls_section_begin|> <|tool_calls_section_end|> "
    "<|tool_call_begin|> <|tool_call_end|> <|tool_call_argument_begin|> <|start|> <|end|> <|message|> <|channel|> <|constrain|> <|return|> <|call|> "
    "!<think> !</think> !<tool_call> !</tool_call>";

struct turn_case {
    const char *name, *template, *prompt, *text, *events;
};

#define DEEPSEEK_CALLS "<｜tool▁calls▁begin｜>"

/* Events: R reasoning, C content, T a call's name (its number and id are checked apart), A arguments, joined. */
static const struct turn_case cases[] = {
#include "turn_cases.h"
};

/* --- reading ---------------------------------------------------------------------------------------------------------------- */

struct seen {
    struct tl_buffer out;
    int kind;
    uint32_t calls;
    char ids[8][64];
};

static int see(void *context, const struct tl_event *event)
{
    static const char letters[] = {[TL_EVENT_REASONING] = 'R', [TL_EVENT_CONTENT] = 'C', [TL_EVENT_CALL] = 'T', [TL_EVENT_ARGUMENTS] = 'A'};
    struct seen *seen = context;
    bool call = event->kind == TL_EVENT_CALL;
    if (call) {
        assert_int_equal(event->call, seen->calls);
        for (uint32_t i = 0; i < seen->calls; i++)
            assert_string_not_equal(seen->ids[i], event->id);
        snprintf(seen->ids[seen->calls++ % 8], 64, "%s", event->id);
    } else {
        assert_true(event->n_bytes > 0 && tl_utf8_valid(event->text, event->n_bytes));
    }
    if (event->kind == TL_EVENT_ARGUMENTS)
        assert_int_equal(event->call, seen->calls - 1);
    if (call || (int)event->kind != seen->kind)
        tl_buffer_printf(&seen->out, "%s%c:", seen->out.len ? "|" : "", letters[event->kind]);
    tl_buffer_append(&seen->out, call ? event->name : event->text, call ? strlen(event->name) : event->n_bytes);
    seen->kind = event->kind;
    return 0;
}

static struct tl_turn *begin(const struct turn_case *c, const struct tl_tokenizer *tokenizer, struct seen *seen)
{
    struct tl_turn *turn;
    int32_t *prompt = NULL;
    size_t n_prompt = 0;
    tl_buffer_init(&seen->out, 0);
    tl_buffer_append(&seen->out, "", 0);
    seen->calls = 0;
    seen->kind = -1;
    if (c->prompt)
        assert_true(tl_tokenizer_encode(tokenizer, c->prompt, strlen(c->prompt), TL_ENCODE_SPECIAL, &prompt, &n_prompt) >= 0);
    struct tl_turn_how how = {.family = tl_turn_family_of(c->template, tokenizer), .tokenizer = tokenizer, .tools = tools, .parallel = true,
                              .prompt = prompt, .n_prompt = n_prompt, .think_tokens = UINT32_MAX, .seed = 7, .event = see, .context = seen};
    if (tl_turn_new(&how, &turn) < 0)
        fail_msg("%s: %s", c->name, tl_error_text());
    tl_free(prompt);
    return turn;
}

static bool check(const struct turn_case *c, const struct tl_tokenizer *tokenizer, size_t first, size_t step)
{
    struct seen seen;
    struct tl_turn *turn = begin(c, tokenizer, &seen);
    size_t n = strlen(c->text);
    for (size_t at = 0, piece = first ? first : step; at < n; at += piece, piece = step) {
        char *copy = tl_strndup(c->text + at, piece < n - at ? piece : n - at);
        assert_true(tl_turn_text(turn, copy, piece < n - at ? piece : n - at) >= 0);
        tl_free(copy);
    }
    assert_true(tl_turn_end(turn) >= 0);
    assert_int_equal(tl_turn_calls(turn), seen.calls);
    bool good = strcmp(seen.out.data, c->events) == 0;
    if (!good)
        print_error("%s, cut at %zu and every %zu:\n  %s\nis not\n  %s\n", c->name, first, step, seen.out.data, c->events);
    tl_turn_free(turn);
    tl_buffer_done(&seen.out);
    return good;
}

static void test_cases(void **state)
{
    struct tl_tokenizer *tokenizer = turn_vocab(specials);
    size_t wrong = 0;
    (void)state;
    for (size_t i = 0; i < TL_COUNT(cases); i++) {
        size_t n = strlen(cases[i].text);
        bool good = check(&cases[i], tokenizer, 0, n + 1);
        for (size_t cut = 1; cut < n && good; cut++)
            good = check(&cases[i], tokenizer, cut, n);
        for (size_t step = 1; step < 5 && good; step++)
            good = check(&cases[i], tokenizer, 0, step);
        wrong += !good;
    }
    assert_int_equal(wrong, 0);
    tl_tokenizer_free(tokenizer);
}

/* What is certain is given out at once: reasoning, content and arguments do not wait for the end. */
static void test_comes_as_it_is_written(void **state)
{
    static const struct turn_case c = {.name = "streaming", .template = "<tool_call>"};
    struct tl_tokenizer *tokenizer = turn_vocab(specials);
    static const struct { const char *text, *events; } steps[] = {
        {"<think>\nabc", "R:abc"}, {" def <", "R:abc def"}, {"/b></thi", "R:abc def </b>"}, {"nk>\n\nHello", "R:abc def </b>|C:Hello"},
        {"\n<tool_call>\n{\"name\": \"wea", "R:abc def </b>|C:Hello"}, {"ther\", \"arguments\": {", "R:abc def </b>|C:Hello|T:weather|A:{"},
        {"\"place\": \"Par", "R:abc def </b>|C:Hello|T:weather|A:{\"place\": \"Par"}};
    struct seen seen;
    (void)state;
    struct tl_turn *turn = begin(&c, tokenizer, &seen);
    for (size_t i = 0; i < TL_COUNT(steps); i++) {
        assert_true(tl_turn_text(turn, steps[i].text, strlen(steps[i].text)) >= 0);
        assert_string_equal(seen.out.data, steps[i].events);
        assert_int_equal(tl_turn_reasons(turn), i < 3);
    }
    tl_turn_free(turn);
    tl_buffer_done(&seen.out);
    tl_tokenizer_free(tokenizer);
}

static void test_families(void **state)
{
    static const struct { const char *template, *token, *name; } rows[] = {
        {"{{ messages }}", "", "plain"}, {NULL, "", "plain"}, {NULL, "<tool_call>", "hermes"}, {"x <tool_call> x", "", "hermes"},
        {"<tool_call> <function= <parameter=", "", "qwen-xml"}, {"<tool_call> <arg_key> <arg_value>", "", "glm"}, {NULL, "[TOOL_CALLS]", "mistral-list"},
        {NULL, "[TOOL_CALLS] [ARGS]", "mistral"}, {"<|channel|>analysis<|message|>", "", "harmony"}, {"<think> </think>", "", "think"}};
    (void)state;
    for (size_t i = 0; i < TL_COUNT(rows); i++) {
        struct tl_tokenizer *tokenizer = turn_vocab(rows[i].token);
        assert_string_equal(tl_turn_family_name(tl_turn_family_of(rows[i].template, tokenizer)), rows[i].name);
        tl_tokenizer_free(tokenizer);
    }
}

/* Without tools nothing is a call; ids have the form that a family's templates ask for. */
static void test_without_tools(void **state)
{
    struct tl_tokenizer *tokenizer = turn_vocab("");
    struct tl_turn_how how = {.family = tl_turn_family_of("<tool_call>", tokenizer), .tokenizer = tokenizer};
    struct seen seen = {.kind = -1};
    struct tl_turn *turn;
    static const char text[] = "<tool_call>{\"name\": \"ping\", \"arguments\": {}}</tool_call>";
    (void)state;
    tl_buffer_init(&seen.out, 0);
    how.event = see;
    how.context = &seen;
    assert_int_equal(tl_turn_new(&how, &turn), 0);
    assert_true(tl_turn_text(turn, text, strlen(text)) >= 0 && tl_turn_end(turn) >= 0);
    assert_string_equal(seen.out.data + 2, text);
    tl_turn_free(turn);
    tl_buffer_done(&seen.out);
    tl_tokenizer_free(tokenizer);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_cases), cmocka_unit_test(test_comes_as_it_is_written), cmocka_unit_test(test_families),
                                       cmocka_unit_test(test_without_tools)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
