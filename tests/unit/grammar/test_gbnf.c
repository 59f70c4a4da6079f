/* SPDX-License-Identifier: MIT */
/* GBNF: what each piece of the notation takes and does not take, what is refused and how, shortest texts, and grammars made of others. */
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
#include "base/memory.h"
#include "must.h"

static const struct { const char *text, *takes[6], *refuses[6]; } cases[] = {
    {"root ::= \"abc\"", {"abc"}, {"", "ab", "abcd", "x"}},
    {"root ::= \"a\" | \"bc\" |", {"a", "bc", ""}, {"b", "abc"}},
    {"root ::= [a-c]+", {"a", "abccba"}, {"", "d", "ad"}},
    {"root ::= [^a-c\\n]*", {"", "xyz", "\xC3\xA9", "\xF0\x9F\x98\x80"}, {"a", "x\n", "\xC3", "\xFF"}},
    {"root ::= [\\x41-\\x43\\u00e9\\U0001F600\\]\\\\-]", {"A", "C", "\xC3\xA9", "\xF0\x9F\x98\x80", "]", "-"}, {"D", "\xC3\xA8", "[", ""}},
    {"root ::= \"\\x41\\u00e9\\t\\n\\\"\\\\\"", {"A\xC3\xA9\t\n\"\\"}, {"A"}},
    {"root ::= .", {"a", "\n", "\xE2\x82\xAC", "\xF4\x8F\xBF\xBF"}, {"", "ab", "\xED\xA0\x80", "\xF4\x90\x80\x80", "\xC0\x80"}},
    {"root ::= \"ab\"{2}", {"abab"}, {"ab", "ababab", "aabb"}},
    {"root ::= \"a\"{2,}", {"aa", "aaaaaaaa"}, {"a", ""}},
    {"root ::= \"a\"{,2} \"b\"", {"b", "ab", "aab"}, {"aaab", "a"}},
    {"root ::= \"a\"{1,3}", {"a", "aa", "aaa"}, {"", "aaaa"}},
    {"root ::= \"a\"{9,11}", {"aaaaaaaaa", "aaaaaaaaaaa"}, {"aaaaaaaa", "aaaaaaaaaaaa"}},
    {"root ::= (\"a\" | \"bb\"){3,}", {"aaa", "bbabb", "bbbbbbbb"}, {"aa", "bbb", "bba"}},
    {"root ::= (\"a\"? \"b\"?){12}", {"", "ab", "abababababababababababab", "bbbbbbbbbbbb"}, {"bbbbbbbbbbbbb", "c"}},
    {"root ::= (\"a\"*)* \"b\"", {"b", "aaab"}, {"", "a"}},
    {"root ::= \"a\"? \"b\"* \"c\"+", {"c", "abcc", "bbc"}, {"a", "ab", "aac"}},
    {"root ::= \"a\"+* \"b\"", {"b", "aab"}, {"a"}},
    {"# words\nroot ::= word (\" \" word)* # more\n\nword ::= [a-z]+\n", {"a", "ab cd e"}, {"", "a  b", "a "}},
    {"root ::= a |\n  b\na ::= (\n \"x\"\n | \"y\" )\nb ::= \"z\"", {"x", "y", "z"}, {"xy"}},
    {"root ::= \"(\" root \")\" | \"\"", {"", "()", "((()))"}, {"(", "(()", ")("}},
    {"root ::= e\ne ::= t (\"+\" t)*\nt ::= [0-9]+ | \"(\" e \")\"", {"1", "1+2", "(1+2)+(3)"}, {"+", "(1", "1+"}},
    {"root ::= \"a\" root \"b\" | \"a\" root \"c\" | \"d\"", {"d", "adb", "aadbc", "aaaaadcbcbc"}, {"adbb", "aad", "db"}},
    {"root ::= \"a\" root root | \"b\"", {"b", "abb", "aabbb", "ababb"}, {"ab", "abbb"}},
    {"root-1 ::= \"x\"\nroot ::= root-1 B_2\nB_2 ::= \"y\"", {"xy"}, {"x"}},
};

static void test_cases(void **state)
{
    (void)state;
    for (size_t i = 0; i < TL_COUNT(cases); i++) {
        struct tl_grammar *grammar = gbnf(cases[i].text);
        for (size_t k = 0; k < 6 && cases[i].takes[k]; k++)
            if (!accepts(grammar, cases[i].takes[k]))
                fail_msg("%s does not take %s", cases[i].text, cases[i].takes[k]);
        for (size_t k = 0; k < 6 && cases[i].refuses[k]; k++)
            if (accepts(grammar, cases[i].refuses[k]))
                fail_msg("%s takes %s", cases[i].text, cases[i].refuses[k]);
        tl_grammar_free(grammar);
    }
}

static const struct { const char *text, *said; } refused[] = {
    {"", "no rule is called root"},
    {"a ::= \"x\"", "no rule is called root"},
    {"root ::= a", "rule a is not defined"},
    {"root ::= root \"x\" | \"y\"", "rule root calls itself before it has read anything (left recursion)"},
    {"root ::= b\nb ::= \"\" c\nc ::= \"x\"* b", "(left recursion)"},
    {"root ::= (\"a\"? root){2}", "(left recursion)"},
    {"root ::= \"a\" root", "no text of at most"},
    {"root ::= \"a\"\nroot ::= \"b\"", "line 2: expected one definition of each rule"},
    {"root = \"a\"", "line 1: expected '::=', found '='"},
    {"root ::= \"a", "'\"' at the end of a literal"},
    {"root ::= [a", "']' at the end of a class"},
    {"root ::= [z-a]", "a range that goes up"},
    {"root ::= (\"a\"", "expected ')'"},
    {"root ::= \"a\")", "expected the end of the line"},
    {"root ::= \"\\q\"", "an escape letter"},
    {"root ::= \"\\xZ\"", "hex digits"},
    {"root ::= \"\\uD800\"", "the number of a character"},
    {"root ::= \"a\"{3,2}", "repetitions that go up"},
    {"root ::= \"a\"{99999999}", "at most 1048576 repetitions"},
    {"root ::= (\"a\"{1000000}){1000000}", "no text of at most"},
    {"root ::= \"\xFF\"", "expected UTF-8"},
};

static void test_refused(void **state)
{
    (void)state;
    for (size_t i = 0; i < TL_COUNT(refused); i++) {
        struct tl_grammar *grammar;
        int r = tl_grammar_from_gbnf("grammar", refused[i].text, strlen(refused[i].text), &grammar);
        if (r != TL_E_USAGE || !strstr(tl_error_text(), refused[i].said))
            fail_msg("%s: %d: %s", refused[i].text, r, r < 0 ? tl_error_text() : "taken");
    }
}

/* Counting costs nothing: a repetition of a hundred thousand is as large as one of ten. */
static void test_counts(void **state)
{
    TL_AUTO char *text = tl_alloc(100002, 1);
    struct tl_grammar *grammar = gbnf("root ::= [a-z]{99999,100000}");
    (void)state;
    memset(text, 'x', 100001);
    assert_false(accepts(grammar, text));
    text[100000] = 0;
    assert_true(accepts(grammar, text));
    text[99999] = 0;
    assert_true(accepts(grammar, text));
    text[99998] = 0;
    assert_false(accepts(grammar, text));
    assert_true(begins(grammar, text));
    tl_grammar_free(grammar);
}

static const struct { const char *text, *shortest; } shortest[] = {
    {"root ::= \"abc\" | \"d\"", "d"}, {"root ::= [b-z]{3} [0-9]*", "bbb"}, {"root ::= \"(\" root \")\" | \"xyz\" | \"y\" \"x\"", "yx"},
    {"root ::= a{20}\na ::= \"xx\" | \"y\"", "yyyyyyyyyyyyyyyyyyyy"}, {"root ::= \"a\"*", ""},
};

static void test_shortest(void **state)
{
    (void)state;
    for (size_t i = 0; i < TL_COUNT(shortest); i++) {
        struct tl_grammar *grammar = gbnf(shortest[i].text);
        char *text;
        size_t n;
        must(tl_grammar_shortest(grammar, &text, &n));
        assert_string_equal(text, shortest[i].shortest);
        assert_int_equal(n, strlen(text));
        tl_free(text);
        tl_grammar_free(grammar);
    }
}

static void test_made(void **state)
{
    struct tl_grammar *word = gbnf("root ::= [a-z]+"), *digit = gbnf("root ::= d\nd ::= [0-9] | \"(\" d \")\""), *joined, *either;
    const struct tl_grammar_part parts[] = {{"<", 1, NULL}, {NULL, 0, word}, {"=", 1, NULL}, {NULL, 0, digit}, {">", 1, NULL}};
    (void)state;
    must(tl_grammar_join(parts, TL_COUNT(parts), &joined));
    must(tl_grammar_either((const struct tl_grammar *const[]){joined, digit}, 2, &either));
    tl_grammar_free(word);
    tl_grammar_free(digit);
    assert_true(accepts(joined, "<ab=((1))>") && !accepts(joined, "<ab=>") && !accepts(joined, "ab=1"));
    assert_true(accepts(either, "<a=1>") && accepts(either, "(7)") && !accepts(either, "(7)(7)"));
    assert_string_equal(tl_grammar_dropped(either), "");
    tl_grammar_free(joined);
    tl_grammar_free(either);
}

/* 64 ways to nest, 2^40 ways to read: neither takes time. */
static void test_ambiguous(void **state)
{
    static const char *const texts[] = {"root ::= s\ns ::= \"a\" s \"b\" | \"a\" s \"c\" | \"a\" s | \"d\"", "root ::= a{40}\na ::= \"a\" | \"aa\" | \"a\"*"};
    (void)state;
    for (size_t i = 0; i < TL_COUNT(texts); i++) {
        struct tl_grammar *grammar = gbnf(texts[i]);
        assert_true(begins(grammar, "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"));
        tl_grammar_free(grammar);
    }
}

/* What would take for ever to follow is said to. */
static void test_bounds(void **state)
{
    static const char *const texts[] = {"root ::= (\"a\"?){1000000}", "root ::= (a | b){1,1000}\na ::= [a-z]{1,1000}\nb ::= [a-y]{1,1000} | a{1,1000}"};
    (void)state;
    for (size_t i = 0; i < TL_COUNT(texts); i++) {
        struct tl_grammar *grammar = gbnf(texts[i]);
        struct tl_matcher *matcher;
        int r = tl_matcher_new(grammar, NULL, &matcher);
        for (int k = 0; k < 2000 && r >= 0; k++)
            if ((r = tl_matcher_take_bytes(matcher, "a", 1)) < 0)
                tl_matcher_free(matcher);
        assert_int_equal(r, TL_E_USAGE);
        assert_non_null(strstr(tl_error_text(), "too ambiguous"));
        tl_grammar_free(grammar);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_cases), cmocka_unit_test(test_refused), cmocka_unit_test(test_counts), cmocka_unit_test(test_shortest),
        cmocka_unit_test(test_made), cmocka_unit_test(test_ambiguous), cmocka_unit_test(test_bounds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
