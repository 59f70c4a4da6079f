/* SPDX-License-Identifier: MIT */
/* Matchers over a vocabulary: masks equal what bytes say, one id at a time; who draws at random among what is allowed, with however few
 * tokens left, ends with a whole text; what is forced is allowed; ends and control tokens; answers of any length. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "accepts.h"
#include "base/array.h"
#include "base/error.h"
#include "base/memory.h"
#include "grammar/matcher.h"
#include "must.h"
#include "small_vocab.h"

static struct tl_tokenizer *tokenizer;
static struct tl_trie *trie;
static uint32_t n_words;

static int setup(void **state)
{
    (void)state;
    tokenizer = small_vocab();
    n_words = (tl_tokenizer_size(tokenizer) + 63) / 64;
    must(tl_trie_new(tokenizer, &trie));
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    tl_trie_free(trie);
    tl_tokenizer_free(tokenizer);
    return 0;
}

static uint64_t draws = 1;

static uint32_t draw(uint32_t below)
{
    draws = draws * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)((draws >> 33) % below);
}

static bool bit(const uint64_t *allowed, uint32_t id) { return allowed[id / 64] >> id % 64 & 1; }

static int32_t pick(const uint64_t *allowed)
{
    uint32_t n = 0, at;
    for (uint32_t i = 0; i < n_words; i++)
        n += (uint32_t)__builtin_popcountll(allowed[i]);
    if (n == 0)
        return -1;
    at = draw(n);
    for (uint32_t id = 0; id < 64 * n_words; id++)
        if (bit(allowed, id) && at-- == 0)
            return (int32_t)id;
    return -1;
}

static const struct { const char *gbnf, *schema; } grammars[] = {
    {"root ::= \"(\" root \")\" | [a-z]+ | \"\"", NULL},
    {"root ::= \"a\" root \"b\" | \"a\" root \"c\" | \"d\"", NULL},
    {"root ::= (\"ab\" | \"abc\" | \"c\" | .){3,20} \"hello\"", NULL},
    {"root ::= [^\\x00-\\x1F\"]{2,5} (\"\\\"\" | root)", NULL},
    {NULL, "{}"},
    {NULL, "{\"type\":\"string\"}"},
    {NULL, "{\"type\":\"string\",\"maxLength\":9}"},
    {NULL, "{\"type\":\"string\",\"minLength\":30,\"maxLength\":300}"},
    {NULL, "{\"type\":\"object\",\"properties\":{\"name\":{\"type\":\"string\"},\"value\":{\"type\":\"number\"},\"next\":{\"anyOf\":[{\"$ref\":\"#\"},{\"type\":\"null\"}]}},"
           "\"required\":[\"name\",\"next\"]}"},
    {NULL, "{\"type\":\"array\",\"items\":{\"type\":\"object\",\"properties\":{\"a\":{\"type\":\"string\",\"format\":\"date-time\"},\"b\":{\"enum\":[\"hello world\",\"he\",true]}},"
           "\"required\":[\"a\",\"b\"],\"additionalProperties\":{\"type\":\"array\",\"items\":{\"type\":\"integer\"}}},\"minItems\":2}"},
    {NULL, "{\"type\":\"object\",\"patternProperties\":{\"^x-[a-z]+$\":{\"type\":\"boolean\"}},\"properties\":{\"abc\":{\"type\":\"string\",\"pattern\":\"^(http|ftp)://[a-z.]{1,20}$\"}},"
           "\"required\":[\"abc\"],\"additionalProperties\":false}"},
    {NULL, "{\"type\":\"integer\",\"minimum\":-12,\"maximum\":2024}"},
};

static struct tl_grammar *make(size_t i) { return grammars[i].gbnf ? gbnf(grammars[i].gbnf) : schema(grammars[i].schema, 0); }

static bool takes(const struct tl_grammar *grammar, const struct tl_buffer *text, int32_t id)
{
    struct tl_matcher *matcher;
    must(tl_matcher_new(grammar, trie, &matcher));
    must(tl_matcher_take_bytes(matcher, text->len ? text->data : "", text->len));
    bool good = tl_matcher_take(matcher, id) >= 0;
    tl_matcher_free(matcher);
    return good;
}

/* Every id, at every step of a few walks. */
static void test_masks(void **state)
{
    TL_AUTO uint64_t *allowed = tl_alloc(n_words, sizeof *allowed);
    (void)state;
    for (size_t i = 0; i < TL_COUNT(grammars); i++)
        for (int round = 0; round < 3; round++) {
            struct tl_grammar *grammar = make(i);
            struct tl_matcher *matcher;
            struct tl_buffer text;
            tl_buffer_init(&text, 0);
            must(tl_matcher_new(grammar, trie, &matcher));
            for (int step = 0; step < 12; step++) {
                must(tl_matcher_allow(matcher, UINT32_MAX, allowed));
                for (uint32_t id = 0; id < tl_tokenizer_size(tokenizer); id++)
                    if (bit(allowed, id) != takes(grammar, &text, (int32_t)id))
                        fail_msg("grammar %zu: '%s' and then %u: %sallowed", i, text.data ? text.data : "", id, bit(allowed, id) ? "" : "not ");
                assert_false(bit(allowed, SMALL_CONTROL));
                assert_int_equal(bit(allowed, SMALL_END), tl_matcher_may_end(matcher));
                int32_t id = pick(allowed);
                const char *bytes;
                size_t n;
                if (id < 0 || id == SMALL_END)
                    break;
                must(tl_matcher_take(matcher, id));
                must(tl_tokenizer_piece(tokenizer, id, false, &bytes, &n));
                must(tl_buffer_append(&text, bytes, n));
            }
            tl_buffer_done(&text);
            tl_matcher_free(matcher);
            tl_grammar_free(grammar);
        }
}

/* Draws until the end: fails where it does not come within `left` tokens, or the text is not whole. */
static void walk(const struct tl_grammar *grammar, size_t index, uint32_t left, uint64_t *allowed)
{
    struct tl_matcher *matcher;
    struct tl_buffer text;
    uint32_t given = left;
    tl_buffer_init(&text, 0);
    tl_buffer_append(&text, "", 0);
    must(tl_matcher_new(grammar, trie, &matcher));
    while (left > 0 && !tl_matcher_must_end(matcher)) {
        int32_t forced[8], id;
        uint32_t n_forced = tl_matcher_forced(matcher, forced, 8);
        must(tl_matcher_allow(matcher, UINT32_MAX, allowed));
        if (n_forced > 0 && !bit(allowed, (uint32_t)forced[0]))
            fail_msg("grammar %zu: '%s': %d is forced and not allowed", index, text.data, forced[0]);
        must(tl_matcher_allow(matcher, left, allowed));
        if ((id = pick(allowed)) < 0)
            fail_msg("grammar %zu: '%s' with %u of %u left: nothing is allowed", index, text.data, left, given);
        const char *bytes;
        size_t n;
        if (id == SMALL_END)
            break;
        must(tl_matcher_take(matcher, id));
        must(tl_tokenizer_piece(tokenizer, id, false, &bytes, &n));
        must(tl_buffer_append(&text, bytes, n));
        left--;
    }
    if (!tl_matcher_may_end(matcher) || !accepts_bytes(grammar, text.data, text.len))
        fail_msg("grammar %zu: '%s' after %u tokens is not whole", index, text.data, given);
    tl_buffer_done(&text);
    tl_matcher_free(matcher);
}

static void test_left(void **state)
{
    TL_AUTO uint64_t *allowed = tl_alloc(n_words, sizeof *allowed);
    (void)state;
    for (size_t i = 0; i < TL_COUNT(grammars); i++) {
        struct tl_grammar *grammar = make(i);
        struct tl_matcher *matcher;
        must(tl_matcher_new(grammar, trie, &matcher));
        uint32_t least = tl_matcher_least(matcher);
        tl_matcher_free(matcher);
        assert_true(least < 200);
        for (uint32_t left = least > 0 ? least : 1; left < least + 40; left++)
            for (int round = 0; round < 4; round++)
                walk(grammar, i, left, allowed);
        walk(grammar, i, 2000, allowed);
        tl_grammar_free(grammar);
    }
}

static const struct { const char *gbnf; uint32_t least; } least[] = {
    {"root ::= \"hello\"", 1}, {"root ::= \"hello world\"", 2}, {"root ::= \"hellp\"", 5}, {"root ::= \"{\\\"name\\\": true}\" | \"xyzxyzxyzxyzxyz\"", 5},
    {"root ::= \"true\" | \"x\"", 1}, {"root ::= \"x\"*", 0}, {"root ::= (\"12\"){10}", 10},
};

static void test_least(void **state)
{
    (void)state;
    for (size_t i = 0; i < TL_COUNT(least); i++) {
        struct tl_grammar *grammar = gbnf(least[i].gbnf);
        struct tl_matcher *matcher;
        must(tl_matcher_new(grammar, trie, &matcher));
        assert_int_equal(tl_matcher_least(matcher), least[i].least);
        tl_matcher_free(matcher);
        tl_grammar_free(grammar);
    }
}

static void test_forced(void **state)
{
    struct tl_grammar *grammar = gbnf("root ::= \"{\\\"name\\\": true\" [a-z]");
    struct tl_matcher *matcher;
    int32_t ids[8];
    struct tl_buffer text;
    (void)state;
    must(tl_matcher_new(grammar, trie, &matcher));
    uint32_t n = tl_matcher_forced(matcher, ids, 8);
    tl_buffer_init(&text, 0);
    for (uint32_t i = 0; i < n; i++) {
        const char *bytes;
        size_t n_bytes;
        must(tl_matcher_take(matcher, ids[i]));
        must(tl_tokenizer_piece(tokenizer, ids[i], false, &bytes, &n_bytes));
        tl_buffer_append(&text, bytes, n_bytes);
    }
    assert_string_equal(text.data, "{\"name\": true");
    assert_true(n <= 5);
    assert_int_equal(tl_matcher_forced(matcher, ids, 8), 0);
    assert_int_equal(tl_matcher_take(matcher, SMALL_END), TL_E_USAGE);
    assert_int_equal(tl_matcher_take(matcher, SMALL_CONTROL), TL_E_USAGE);
    assert_int_equal(tl_matcher_take(matcher, -1), TL_E_USAGE);
    assert_int_equal(tl_matcher_take(matcher, 1 << 20), TL_E_USAGE);
    assert_int_equal(tl_matcher_take(matcher, '{'), TL_E_USAGE);
    must(tl_matcher_take(matcher, 'q'));
    assert_true(tl_matcher_must_end(matcher));
    must(tl_matcher_take(matcher, SMALL_END));
    tl_buffer_done(&text);
    tl_matcher_free(matcher);
    tl_grammar_free(grammar);
}

/* Nesting ends, in whole texts, however long the answer may be. */
static void test_deep(void **state)
{
    struct tl_grammar *grammar = schema("{\"type\":\"array\"}", 0);
    struct tl_matcher *matcher;
    int depth = 0;
    (void)state;
    must(tl_matcher_new(grammar, trie, &matcher));
    while (depth < 1000 && tl_matcher_take_bytes(matcher, "[", 1) >= 0)
        depth++;
    assert_in_range(depth, 20, 63);
    while (!tl_matcher_may_end(matcher))
        if (tl_matcher_take_bytes(matcher, "]", 1) < 0)
            must(tl_matcher_take_bytes(matcher, "0", 1));
    tl_matcher_free(matcher);
    tl_grammar_free(grammar);
}

/* What many literals begin with is written once: one place in all of them. */
static void test_literals(void **state)
{
    struct tl_grammar *grammar;
    struct tl_matcher *matcher;
    struct tl_buffer text;
    (void)state;
    tl_buffer_init(&text, 0);
    tl_buffer_printf(&text, "root ::= \"\\\"\" ([0-9]");
    for (int i = 0; i < 1000; i++)
        tl_buffer_printf(&text, " | \"v%d\"", i * 7 % 1000);
    for (int i = 1; i < 1500; i++)                       /* each begins the next */
        tl_buffer_printf(&text, " | \"a%0*d\"", i, 0);
    tl_buffer_printf(&text, ") \"\\\"\"");
    must(text.status);
    must(tl_grammar_from_gbnf("x", text.data, text.len, &grammar));
    tl_buffer_done(&text);
    must(tl_matcher_new(grammar, trie, &matcher));
    must(tl_matcher_take_bytes(matcher, "\"v", 2));
    assert_in_range(matcher->stacks.set[matcher->set].n, 1, 2);
    must(tl_matcher_take_bytes(matcher, "99", 2));
    assert_int_equal(matcher->stacks.set[matcher->set].n, 2);        /* a digit, or the end of the string */
    must(tl_matcher_take_bytes(matcher, "9\"", 2));
    assert_true(tl_matcher_must_end(matcher));
    tl_matcher_free(matcher);
    must(tl_matcher_new(grammar, trie, &matcher));
    must(tl_matcher_take_bytes(matcher, "\"a0000", 6));
    assert_int_equal(matcher->stacks.set[matcher->set].n, 2);
    assert_int_equal(tl_matcher_take_bytes(matcher, "1", 1), TL_E_USAGE);
    tl_matcher_free(matcher);
    tl_grammar_free(grammar);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_masks), cmocka_unit_test(test_left), cmocka_unit_test(test_least), cmocka_unit_test(test_forced), cmocka_unit_test(test_deep),
        cmocka_unit_test(test_literals),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
