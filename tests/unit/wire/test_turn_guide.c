/* SPDX-License-Identifier: MIT */
/* Answers drawn at random under a turn's guide: whatever the family, calls that must come are calls, their arguments fit the
 * tool, reasoning ends in time, and all of it fits into the tokens that are left. */
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
#include "base/json.h"
#include "base/memory.h"
#include "turn_vocab.h"
#include "wire/turn.h"

static const char tools[] =
    "[{\"type\":\"function\",\"function\":{\"name\":\"get\",\"parameters\":{\"type\":\"object\",\"properties\":{\"place\":{\"type\":\"string\"},"
    "\"days\":{\"type\":\"integer\"},\"detail\":{\"type\":\"boolean\"}},\"required\":[\"place\",\"days\"],"
    "\"additionalProperties\":false}}},"
    "{\"type\":\"function\",\"function\":{\"name\":\"get_all\",\"parameters\":{\"type\":\"object\",\"properties\":{\"place\":{\"type\":\"string\",\"maxLength\":8},"
    "\"days\":{\"enum\":[3,5]}},\"required\":[\"days\",\"place\"],\"additionalProperties\":false}}}]";

static const char specials[] =
    "<|im_start|> <|im_end|> <|eot_id|> <|python_tag|> [TOOL_CALLS] [ARGS] [THINK] [/THINK] <｜tool▁calls▁begin｜> <｜tool▁calls▁end｜> "
    "<｜tool▁call▁begin｜> <｜tool▁call▁end｜> <｜tool▁sep｜> <｜end▁of▁sentence｜> <|tool_calls_section_begin|> <|tool_calls_section_end|> <|tool_call_begin|> "
    "<|tool_call_end|> <|tool_call_argument_begin|> !<think> !</think> !<tool_call> !</tool_call> "
    "!{\"name !\": !get !\"get_ !_all !all\", !all\",\"days !{\"place !place !\"} !\"}} !}} !}\" !</param !eter> !=place> !\"place\": !<tool !_call> ![{ !}] !\"> !><parameter";
static const char harmony[] = "<|start|> <|end|> <|message|> <|channel|> <|constrain|> <|return|> <|call|>";

static const struct { const char *name, *template, *specials, *mark; } families[] = {
    {"hermes", "<tool_call>", specials, "<tool_call>"}, {"qwen-xml", "<tool_call> <function= <parameter=", specials, "<tool_call>"},
    {"glm", "<tool_call> <arg_key> <arg_value>", specials, "<tool_call>"}, {"mistral", "[TOOL_CALLS] [ARGS]", specials, "[TOOL_CALLS]"},
    {"mistral-list", "[TOOL_CALLS]", specials, "[TOOL_CALLS]["}, {"deepseek", "<｜tool▁calls▁begin｜> ```", specials, "<｜tool▁calls▁begin｜>"},
    {"deepseek-3.1", "<｜tool▁calls▁begin｜>", specials, "<｜tool▁calls▁begin｜>"}, {"kimi", "<|tool_calls_section_begin|>", specials, "<|tool_calls_section_begin|>"},
    {"minimax", "<minimax:tool_call>", specials, "<minimax:tool_call>"}, {"deepseek-dsml", "｜DSML｜ function_calls>", specials, "<｜DSML｜function_calls>"},
    {"seed", "<seed:tool_call>", specials, "<seed:tool_call>"}, {"llama", "<|start_header_id|> \"parameters\"", specials, NULL},
    {"functionary", "<function= </function>", specials, "<function="}, {"nemotron", "<TOOLCALL>[", specials, "<TOOLCALL>["},
    {"gemma", "<|tool_call>call:", specials, NULL}, {"plain", "", specials, "<tool_call>"}, {"harmony", "<|channel|>analysis <|message|>", harmony, "<|channel|>commentary to=functions.get json<|message|>"}};

static struct tl_grammar_cache *grammars;

/* --- an answer -------------------------------------------------------------------------------------------------------------- */

struct answer {
    struct tl_buffer reasoning, content, arguments[32];
    char name[32][32];
    uint32_t calls, tokens, thought;
    bool ended;
};

static int hear(void *context, const struct tl_event *event)
{
    struct answer *answer = context;
    if (event->kind == TL_EVENT_REASONING)
        tl_buffer_append(&answer->reasoning, event->text, event->n_bytes);
    if (event->kind == TL_EVENT_CONTENT)
        tl_buffer_append(&answer->content, event->text, event->n_bytes);
    if (event->kind == TL_EVENT_ARGUMENTS && event->call < 32)
        tl_buffer_append(&answer->arguments[event->call], event->text, event->n_bytes);
    if (event->kind == TL_EVENT_CALL && event->call < 32)
        snprintf(answer->name[answer->calls = event->call], 32, "%s", event->name);
    answer->calls += event->kind == TL_EVENT_CALL;
    return 0;
}

static void drop(struct answer *answer)
{
    tl_buffer_done(&answer->reasoning);
    tl_buffer_done(&answer->content);
    for (int i = 0; i < 32; i++)
        tl_buffer_done(&answer->arguments[i]);
}

static uint64_t dice;
static uint32_t roll(uint32_t n)
{
    dice = dice * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (uint32_t)((dice >> 33) % n);
}

/* A printable byte where all may come, and a scripted text first. */
static int32_t draw(const uint64_t *allowed, int bounded, uint32_t n_vocab)
{
    if (!bounded)
        return (int32_t)('a' + roll(26));
    uint32_t n = 0, k;
    for (uint32_t i = 0; i < n_vocab; i++)
        n += allowed[i / 64] >> (i % 64) & 1;
    assert_true(n > 0);
    k = roll(n);
    for (uint32_t i = 0; i < n_vocab; i++)
        if ((allowed[i / 64] >> (i % 64) & 1) && k-- == 0)
            return (int32_t)i;
    return -1;
}

static void run(struct tl_turn_how *how, const char *script, uint32_t most, struct answer *answer)
{
    uint32_t n_vocab = tl_tokenizer_size(how->tokenizer);
    uint64_t *allowed = tl_alloc(n_vocab / 64 + 1, sizeof *allowed);
    struct tl_detokenizer text;
    struct tl_buffer out;
    struct tl_turn *turn;
    int32_t *ids = NULL;
    size_t n_ids = 0, at = 0;
    memset(answer, 0, sizeof *answer);
    how->event = hear;
    how->context = answer;
    tl_buffer_init(&out, 0);
    tl_detokenizer_init(&text, how->tokenizer, true);
    if (script)
        assert_true(tl_tokenizer_encode(how->tokenizer, script, strlen(script), TL_ENCODE_SPECIAL | TL_ENCODE_CONTINUE, &ids, &n_ids) >= 0);
    if (tl_turn_new(how, &turn) < 0)
        fail_msg("%s", tl_error_text());
    struct tl_guide *guide = tl_turn_guide(turn);
    assert_true(tl_turn_least(turn) <= most);
    for (uint32_t left = most; left; left--) {
        int bounded = guide ? guide->allow(guide, left, allowed) : 0;
        if (bounded < 0)
            fail_msg("%s", tl_error_text());
        int32_t id = at < n_ids ? ids[at++] : draw(allowed, bounded, n_vocab);
        if ((answer->ended = tl_tokenizer_ends(how->tokenizer, id)))
            break;
        int r = guide ? guide->take(guide, id) : 1;
        if (r < 0)
            fail_msg("%s, token %u, id %d: %s", tl_turn_family_name(how->family), answer->tokens, id, tl_error_text());
        tl_buffer_clear(&out);
        assert_true(tl_detokenizer_push(&text, id, &out) >= 0 && tl_turn_text(turn, out.data ? out.data : "", out.len) >= 0);
        answer->tokens++;
        answer->thought += tl_turn_reasons(turn);
        if ((answer->ended = r == 0))
            break;
    }
    assert_true(tl_turn_end(turn) >= 0);
    tl_turn_free(turn);
    tl_buffer_done(&out);
    tl_free(ids);
    tl_free(allowed);
}

/* {"place": string, "days": integer, "detail": boolean}, the first two there. */
static void check_arguments(const char *family, const char *name, const struct tl_buffer *arguments)
{
    struct tl_json json;
    bool place = false, days = false;
    tl_json_init(&json, "arguments", arguments->data ? arguments->data : "", arguments->len);
    int r = tl_json_next(&json);
    while (r >= 0 && (r = tl_json_next(&json)) == TL_JSON_KEY) {
        char key = json.string.data[1];
        r = tl_json_next(&json);
        place |= key == 'l' && r == TL_JSON_STRING;
        days |= key == 'a' && r == TL_JSON_NUMBER && (strcmp(name, "get") == 0 || json.raw[0] == '3' || json.raw[0] == '5');
        if (key == 'e' && r != TL_JSON_TRUE && r != TL_JSON_FALSE)
            r = -1;
    }
    if (r != TL_JSON_OBJECT_END || tl_json_next(&json) != TL_JSON_END || !place || !days || (strcmp(name, "get") && strcmp(name, "get_all")))
        fail_msg("%s: %s(%s): %s", family, name, arguments->data ? arguments->data : "", tl_error_text());
    tl_json_done(&json);
}

static void check_calls(const char *family, struct answer *answer, const struct tl_turn_how *how)
{
    if (!answer->calls || ((!how->parallel || how->choice == TL_TOOLS_ONE) && answer->calls > 1))
        fail_msg("%s: %u calls; content %s", family, answer->calls, answer->content.data ? answer->content.data : "");
    for (uint32_t i = 0; i < answer->calls && i < 32; i++)
        check_arguments(family, answer->name[i], &answer->arguments[i]);
}

/* --- tests ------------------------------------------------------------------------------------------------------------------ */

static void test_calls(void **state)
{
    struct answer answer;
    (void)state;
    for (size_t i = 0; i < TL_COUNT(families); i++) {
        struct tl_tokenizer *tokenizer = turn_vocab(families[i].specials);
        struct tl_trie *trie;
        assert_int_equal(tl_trie_new(tokenizer, &trie), 0);
        for (int k = 0; k < 60; k++) {
            struct tl_turn_how how = {.family = tl_turn_family_of(families[i].template, tokenizer), .tokenizer = tokenizer, .trie = trie, .grammars = grammars, .tools = tools,
                                      .choice = k % 3 == 2 ? TL_TOOLS_AUTO : k % 3 ? TL_TOOLS_ONE : TL_TOOLS_REQUIRED, .tool = "get_all",
                                      .parallel = k % 2, .think_tokens = k % 4 * 4};
            assert_string_equal(tl_turn_family_name(how.family), families[i].name);
            if (how.choice == TL_TOOLS_AUTO && !families[i].mark)
                continue;
            if (how.choice == TL_TOOLS_AUTO)
                how.think_tokens = UINT32_MAX;
            dice = (uint64_t)k + 1;
            run(&how, how.choice == TL_TOOLS_AUTO ? families[i].mark : NULL, 700, &answer);
            if (how.choice != TL_TOOLS_AUTO && (!answer.ended || answer.content.len))
                fail_msg("%s %d: %d, content %s", families[i].name, k, answer.ended, answer.content.data ? answer.content.data : "");
            if (how.choice != TL_TOOLS_AUTO || answer.tokens < 700)
                check_calls(families[i].name, &answer, &how);
            assert_true(how.think_tokens == UINT32_MAX || answer.thought <= how.think_tokens + 24);         /* and the marks */
            for (uint32_t c = 0; c < answer.calls && how.choice == TL_TOOLS_ONE; c++)
                assert_string_equal(answer.name[c], "get_all");
            drop(&answer);
        }
        tl_trie_free(trie);
        tl_tokenizer_free(tokenizer);
    }
}

/* The content's language begins behind the reasoning, and both fit into what is left, down to the least that is told. */
static void test_content(void **state)
{
    static const char schema[] = "{\"type\":\"object\",\"properties\":{\"place\":{\"type\":\"string\"},\"days\":{\"type\":\"integer\"}},"
                                 "\"required\":[\"place\",\"days\"],\"additionalProperties\":false}";
    struct answer answer;
    struct tl_grammar *grammar;
    (void)state;
    assert_int_equal(tl_grammar_from_schema("schema", schema, strlen(schema), 0, &grammar), 0);
    for (size_t i = 0; i < TL_COUNT(families); i++) {
        struct tl_tokenizer *tokenizer = turn_vocab(families[i].specials);
        struct tl_trie *trie;
        assert_int_equal(tl_trie_new(tokenizer, &trie), 0);
        for (int k = 0; k < 40; k++) {
            struct tl_turn_how how = {.family = tl_turn_family_of(families[i].template, tokenizer), .tokenizer = tokenizer, .trie = trie, .grammars = grammars,
                                      .content = grammar, .think_tokens = k % 4 == 3 ? UINT32_MAX : (uint32_t)k % 4 * 5};
            struct tl_turn *turn;
            assert_int_equal(tl_turn_new(&how, &turn), 0);
            uint32_t least = tl_turn_least(turn);
            tl_turn_free(turn);
            dice = (uint64_t)k + 100;
            run(&how, NULL, k < 20 ? least : 300, &answer);
            assert_true(answer.ended || answer.tokens == least);
            check_arguments(families[i].name, "get", &answer.content);
            drop(&answer);
        }
        tl_trie_free(trie);
        tl_tokenizer_free(tokenizer);
    }
    tl_grammar_free(grammar);
}

/* With a language of the content and tools, a call may come in its stead where a token marks it; then nothing else may. */
static void test_content_or_call(void **state)
{
    static const char specials_too[] = "<tool_call> </tool_call> !<think> !</think>";
    struct tl_tokenizer *tokenizer = turn_vocab(specials_too);
    struct tl_grammar *grammar;
    struct tl_trie *trie;
    struct answer answer;
    uint32_t called = 0;
    (void)state;
    assert_int_equal(tl_grammar_from_schema("schema", "{\"enum\":[\"abc\"]}", 16, 0, &grammar), 0);
    assert_int_equal(tl_trie_new(tokenizer, &trie), 0);
    for (int k = 0; k < 40; k++) {
        struct tl_turn_how how = {.family = tl_turn_family_of("<tool_call>", tokenizer), .tokenizer = tokenizer, .trie = trie, .grammars = grammars, .tools = tools,
                                  .parallel = k % 2, .content = grammar, .think_tokens = k % 3 ? 0 : 20};
        dice = (uint64_t)k;
        run(&how, NULL, 2000, &answer);
        if (answer.calls && answer.ended)
            check_calls("hermes", &answer, &how);
        else if (!answer.calls)
            assert_true(answer.content.len == 5 && answer.ended);
        if (answer.ended ? answer.calls && answer.content.len : answer.tokens < 2000)
            fail_msg("%d: %u tokens, %u calls, content %s", k, answer.tokens, answer.calls, answer.content.data ? answer.content.data : "");
        called += answer.calls > 0;
        drop(&answer);
    }
    assert_true(called > 5 && called < 35);
    tl_grammar_free(grammar);
    tl_trie_free(trie);
    tl_tokenizer_free(tokenizer);
}

/* Reasoning is closed when its tokens are used up, and never begun where it has none. */
static void test_reasoning(void **state)
{
    static const struct { const char *template, *specials, *prompt, *script; uint32_t most, reasoning; } rows[] = {
        {"<tool_call>", specials, "<|im_start|>assistant\n<think>\n", NULL, 10, 10}, {"<tool_call>", specials, "<|im_start|>assistant\n<think>\n", NULL, 0, 0},
        {"<tool_call>", specials, NULL, "<think>", 5, 5}, {"<tool_call>", "", NULL, "<think>", 0, 0}, {"<tool_call>", "", NULL, "<think>abc", 4, 4},
        {"[TOOL_CALLS] [ARGS]", specials, NULL, "[THINK]", 3, 3}, {"<|channel|>analysis <|message|>", harmony, "<|start|>assistant", "<|channel|>analysis<|message|>", 6, 6},
        {"<tool_call>", specials, "<|im_start|>assistant\n<think>\n", "ab</think>", 5, 2}};
    struct answer answer;
    (void)state;
    for (size_t i = 0; i < TL_COUNT(rows); i++) {
        struct tl_tokenizer *tokenizer = turn_vocab(rows[i].specials);
        struct tl_turn_how how = {.family = tl_turn_family_of(rows[i].template, tokenizer), .tokenizer = tokenizer, .think_tokens = rows[i].most};
        int32_t *prompt = NULL;
        if (rows[i].prompt)
            assert_true(tl_tokenizer_encode(tokenizer, rows[i].prompt, strlen(rows[i].prompt), TL_ENCODE_SPECIAL, &prompt, &how.n_prompt) >= 0);
        how.prompt = prompt;
        dice = i;
        run(&how, rows[i].script, 200, &answer);
        if (answer.reasoning.len != rows[i].reasoning || answer.content.len < 50)
            fail_msg("row %zu: %zu bytes of reasoning, %zu of content", i, answer.reasoning.len, answer.content.len);
        drop(&answer);
        tl_free(prompt);
        tl_tokenizer_free(tokenizer);
    }
}

static void test_refused(void **state)
{
    struct tl_tokenizer *tokenizer = turn_vocab(specials);
    struct tl_trie *trie;
    struct tl_turn *turn;
    (void)state;
    assert_int_equal(tl_trie_new(tokenizer, &trie), 0);
    struct tl_turn_how how = {.family = tl_turn_family_of("<tool_call>", tokenizer), .tokenizer = tokenizer, .trie = trie, .grammars = grammars, .choice = TL_TOOLS_REQUIRED};
    assert_int_equal(tl_turn_new(&how, &turn), TL_E_USAGE);
    how.tools = tools;
    how.choice = TL_TOOLS_ONE;
    how.tool = "nothing";
    assert_int_equal(tl_turn_new(&how, &turn), TL_E_USAGE);
    assert_non_null(strstr(tl_error_text(), "nothing"));
    how.tools = "[1]";
    assert_int_equal(tl_turn_new(&how, &turn), TL_E_USAGE);
    tl_trie_free(trie);
    tl_tokenizer_free(tokenizer);
}

/* A call is drawn while the N-th allocation fails, for every N: a status, and nothing lost. */
static void test_no_memory(void **state)
{
    struct tl_tokenizer *tokenizer = turn_vocab(specials);
    struct tl_trie *trie;
    uint64_t allowed[16];
    (void)state;
    assert_int_equal(tl_trie_new(tokenizer, &trie), 0);
    for (size_t f = 0; f < TL_COUNT(families); f++) {
        struct tl_turn_how how = {.family = tl_turn_family_of(families[f].template, tokenizer), .tokenizer = tokenizer, .trie = trie, .grammars = grammars, .tools = tools,
                                  .choice = TL_TOOLS_REQUIRED, .think_tokens = 3};
        int status = TL_E_NOMEM;
        for (long n = 0; status == TL_E_NOMEM && n < 100000; n += n < 200 ? 1 : 97) {
            struct tl_turn *turn = NULL;
            assert_int_equal(tl_grammar_cache_new(&how.grammars), 0);
            tl_memory_fail_after(n);
            status = tl_turn_new(&how, &turn);
            struct tl_guide *guide = turn ? tl_turn_guide(turn) : NULL;
            for (uint32_t left = 120; left && guide && status >= 0; left--) {
                int bounded = guide->allow(guide, left, allowed);
                int32_t id = bounded < 0 ? -1 : draw(allowed, bounded, tl_tokenizer_size(tokenizer));
                status = bounded < 0 ? bounded : guide->take(guide, id);
                if (status == 0)
                    break;
            }
            tl_memory_fail_after(-1);
            tl_turn_free(turn);
            tl_grammar_cache_free(how.grammars);
        }
        assert_true(status >= 0);
    }
    tl_trie_free(trie);
    tl_tokenizer_free(tokenizer);
}

/* --- told ------------------------------------------------------------------------------------------------------------------- */

#define SYSTEM "{\"role\":\"system\",\"content\":\"Be brief.\"},"
#define ASKED "{\"role\":\"user\",\"content\":\"Rain?\"}"
#define CALLS "{\"role\":\"assistant\",\"content\":\"\",\"tool_calls\":[{\"id\":\"1\",\"type\":\"function\",\"function\":{\"name\":\"get\",\"arguments\":{\"place\":\"}\",\"days\":1}}}," \
              "{\"id\":\"2\",\"type\":\"function\",\"function\":{\"arguments\":{\"place\":\"a b\",\"days\":3},\"name\":\"get_all\"}}],\"reasoning\":\"x\"}"
#define RESULTS ",{\"role\":\"tool\",\"tool_call_id\":\"1\",\"content\":\"no\"},{\"content\":\"yes\",\"role\":\"tool\"}"
#define TOOL "{\"name\":\"f\"}"
#define TOLD "You may call functions. These are their signatures:\\n<tools>\\n{\\\"name\\\":\\\"f\\\"}\\n</tools>\\n\\nTo call one, write its name and its arguments, " \
             "a JSON object, in this form:\\n<tool_call>\\n{\\\"name\\\": \\\"<function-name>\\\", \\\"arguments\\\": <arguments>}\\n</tool_call>\\nWhat it returns comes back " \
             "within <tool_response></tool_response>."

/* A model whose template tells no tools reads of them, of calls and of their results in texts. */
static void test_told(void **state)
{
    static const struct { bool system; const char *messages, *told; } rows[] = {
        {true, "[" SYSTEM ASKED "]", "[{\"role\":\"system\",\"content\":\"Be brief.\\n\\n" TOLD "\"}," ASKED "]"},
        {true, "[" ASKED "]", "[{\"role\":\"system\",\"content\":\"" TOLD "\"}," ASKED "]"},
        {false, "[" ASKED "," ASKED "]", "[{\"role\":\"user\",\"content\":\"" TOLD "\\n\\nRain?\"}," ASKED "]"},
        {false, "[" ASKED RESULTS "]", "[{\"role\":\"user\",\"content\":\"" TOLD "\\n\\nRain?\"},{\"role\":\"user\",\"content\":\"<tool_response>\\nno\\n</tool_response>\\n"
                                       "<tool_response>\\nyes\\n</tool_response>\"}]"},
    };
    struct tl_tokenizer *tokenizer = turn_vocab(specials);
    const struct tl_turn_family *family = tl_turn_family_of("", tokenizer);
    (void)state;
    for (size_t i = 0; i < TL_COUNT(rows); i++) {
        char *told;
        int status = TL_E_NOMEM;
        assert_int_equal(tl_turn_tell(family, rows[i].system, "[" TOOL "]", rows[i].messages, &told), 0);
        assert_string_equal(told, rows[i].told);
        tl_free(told);
        for (long n = 0; status == TL_E_NOMEM; n++) {
            tl_memory_fail_after(n);
            status = tl_turn_tell(family, rows[i].system, "[" TOOL "]", rows[i].messages, &told);
            tl_memory_fail_after(-1);
        }
        assert_int_equal(status, 0);
        tl_free(told);
    }
    tl_tokenizer_free(tokenizer);
}

/* The content of the last message. */
static char *last_content(const char *messages)
{
    struct tl_json json;
    char *content = NULL;
    tl_json_init(&json, "told", messages, strlen(messages));
    for (int r; (r = tl_json_next(&json)) > TL_JSON_END;)
        if (r == TL_JSON_KEY && tl_json_is(&json, "content")) {
            tl_free(content);
            assert_int_equal(tl_json_text(&json, &content), 0);
        }
    tl_json_done(&json);
    return content;
}

/* What a model is told of its own calls is what its turns read as calls and its guide lets through. */
static void test_told_is_read(void **state)
{
    struct tl_tokenizer *tokenizer = turn_vocab(specials);
    struct tl_trie *trie;
    size_t n = 0;
    (void)state;
    assert_int_equal(tl_trie_new(tokenizer, &trie), 0);
    for (size_t i = 0; i < TL_COUNT(families); i++) {
        struct tl_turn_how how = {.family = tl_turn_family_of(families[i].template, tokenizer), .tokenizer = tokenizer, .trie = trie, .grammars = grammars, .tools = tools,
                                  .choice = TL_TOOLS_REQUIRED, .parallel = true};
        struct answer answer;
        char *told;
        assert_int_equal(tl_turn_tell(how.family, true, tools, "[" ASKED "," CALLS "]", &told), 0);
        if (!told)
            continue;
        char *script = last_content(told);
        run(&how, script, 700, &answer);
        if (answer.content.len || answer.calls < 2 || strcmp(answer.name[0], "get") || strcmp(answer.name[1], "get_all") ||
            strcmp(answer.arguments[0].data, "{\"place\":\"}\",\"days\":1}") || strcmp(answer.arguments[1].data, "{\"place\":\"a b\",\"days\":3}"))
            fail_msg("%s: %s\n%s", families[i].name, script, answer.content.data ? answer.content.data : "");
        tl_free(told);
        tl_free(script);
        drop(&answer);
        n++;
    }
    assert_true(n > 8);
    tl_trie_free(trie);
    tl_tokenizer_free(tokenizer);
}

static int make_cache(void **state)
{
    (void)state;
    return tl_grammar_cache_new(&grammars);
}

static int free_cache(void **state)
{
    (void)state;
    tl_grammar_cache_free(grammars);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_calls), cmocka_unit_test(test_told), cmocka_unit_test(test_told_is_read), cmocka_unit_test(test_content), cmocka_unit_test(test_content_or_call),
                                       cmocka_unit_test(test_reasoning), cmocka_unit_test(test_refused), cmocka_unit_test(test_no_memory)};
    return cmocka_run_group_tests(tests, make_cache, free_cache);
}
