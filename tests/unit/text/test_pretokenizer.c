/* SPDX-License-Identifier: MIT */
/* Words: every row of pretokenizers.def cuts without losing a byte; what the families are known for; behaviours of splits. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "base/buffer.h"
#include "base/error.h"
#include "base/memory.h"
#include "cpu_seconds.h"
#include "text/pretokenizer.h"

static int keep(void *context, const char *word, size_t n)
{
    tl_buffer_append(context, word, n);
    return tl_buffer_append(context, "|", 1);
}

static int count_bytes(void *context, const char *word, size_t n)
{
    (void)word;
    assert_true(n > 0);
    *(size_t *)context += n;
    return 0;
}

static int run(const struct tl_pretokenizer *pre, const char *text, size_t n, int (*emit)(void *, const char *, size_t), void *context)
{
    struct tl_regex_scratch scratch;
    struct tl_pretoken_run words = {.pretokenizer = pre, .regex = &scratch, .starts = true, .emit = emit, .context = context};
    tl_regex_scratch_init(&scratch, n);
    int r = tl_pretokenizer_run(&words, text, n);
    tl_regex_scratch_done(&scratch);
    tl_pretoken_run_done(&words);
    return r;
}

static void expect_words(const struct tl_pretokenizer *pre, const char *name, const char *text, const char *expected)
{
    struct tl_buffer words;
    tl_buffer_init(&words, 0);
    tl_buffer_append(&words, "|", 1);
    if (run(pre, text, strlen(text), keep, &words) < 0)
        fail_msg("%s: %s", name, tl_error_text());
    if (strcmp(words.data, expected) != 0)
        fail_msg("%s: '%s': found %s, expected %s", name, text, words.data, expected);
    tl_buffer_done(&words);
}

static const struct { const char *row, *text, *words; } known[] = {
    {"gpt-2", "Hello  world's 123!?\n\n x", "|Hello| | world|'s| 123|!?|\n\n| x|"},
    {"smollm", "a 12", "|a| |1|2|"},
    {"falcon", "a 1234 (b)", "|a| |123|4| |(|b|)|"},
    {"llama-bpe", "WE'LL pay 12345!\r\n  ok", "|WE|'LL| pay| |123|45|!\r\n| | ok|"},
    {"qwen2", "x=12 a\u0301b", "|x|=|1|2| a|\u0301b|"},
    {"qwen35", "x=12 a\u0301b", "|x|=|1|2| a\u0301b|"},
    {"gpt-4o", "camelCase's 1234 a/\n", "|camel|Case's| |123|4| a|/\n|"},
    {"tekken", "camelCase's 12", "|camel|Case|'s| |1|2|"},
    {"kimi-k2", "ab\u6f22\u5b57" "cd12345", "|ab|\u6f22\u5b57|cd|123|45|"},
    {"deepseek-v3", "ab\u6f22\u5b57 1234 .cd", "|ab|\u6f22\u5b57| |123|4| .|cd|"},
    {"deepseek-coder", "x+1 y_z12", "|x|+|1| y|_|z|1|2|"},
    {"deepseek-llm", "ab \u6f22\u5b57, 12 \r\n", "|ab| |\u6f22\u5b57|,| |12| |\r|\n|"},
    {"glm4", "1234", "|123|4|"},
    {"bailingmoe2", "it's 12\n\n", "|it|'s| |1|2|\n\n|"},
    {"gemma4", "a b\n\nc", "|a b\n\nc|"},
    {"default", "a, 1234", "|a|,| |123|4|"},
};

static void known_words(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        struct tl_pretokenizer pre = {0};
        const struct tl_pretokenizer_row *row = tl_pretokenizer_find(known[i].row);
        assert_non_null(row);
        assert_int_equal(tl_pretokenizer_add_row(&pre, row), 0);
        expect_words(&pre, known[i].row, known[i].text, known[i].words);
        tl_pretokenizer_done(&pre);
    }
    assert_null(tl_pretokenizer_find("nobody"));
    assert_null(tl_pretokenizer_find(""));
}

/* A long run of anything costs no more than a few times its length. */
static void rows_are_linear(void **state)
{
    (void)state;
    static const char *const runs[] = {" ", "a", "A", "1", "\n", "!", "'", "\u6f22", "\u0301", " \n", "a1", "\t ", "\u00a0", "aA", "'s"};
    enum { N = 60000 };
    char *text = malloc(N + 4);
    for (const struct tl_pretokenizer_row *row = tl_pretokenizer_rows; row->name; row++) {
        struct tl_pretokenizer pre = {0};
        double began = cpu_seconds();
        if (tl_pretokenizer_add_row(&pre, row) < 0)
            fail_msg("%s: %s", row->name, tl_error_text());
        for (size_t i = 0; i < sizeof runs / sizeof *runs; i++) {
            size_t n = 0, bytes = 0, part = strlen(runs[i]);
            for (; n + part <= N; n += part)
                memcpy(text + n, runs[i], part);
            for (int last = 0; last < 3; last++) {
                if (last)
                    text[n++] = "7x"[last - 1];
                bytes = 0;
                assert_int_equal(run(&pre, text, n, count_bytes, &bytes), 0);
                assert_int_equal(bytes, n);
                n -= last > 0;
            }
        }
        if (cpu_seconds() - began > 60)
            fail_msg("%s: %g s", row->name, cpu_seconds() - began);
        tl_pretokenizer_done(&pre);
    }
    free(text);
}

static const struct { enum tl_split_behavior behavior; bool invert; const char *pattern, *text, *words; } splits[] = {
    {TL_SPLIT_ISOLATED, false, "-", "a--b-c-", "|a|-|-|b|-|c|-|"},
    {TL_SPLIT_ISOLATED, true, "-", "a--b-c-", "|a|-|-|b|-|c|-|"},
    {TL_SPLIT_REMOVED, false, "-", "a--b-c-", "|a|b|c|"},
    {TL_SPLIT_REMOVED, true, "-", "a--b-c-", "|-|-|-|-|"},
    {TL_SPLIT_WITH_PREVIOUS, false, "-", "a--b-c-", "|a-|-|b-|c-|"},
    {TL_SPLIT_WITH_PREVIOUS, true, "-", "a--b-c-", "|a|-|-b|-c|-|"},
    {TL_SPLIT_WITH_NEXT, false, "-", "a--b-c-", "|a|-|-b|-c|-|"},
    {TL_SPLIT_WITH_NEXT, true, "-", "a--b-c-", "|a-|-|b-|c-|"},
    {TL_SPLIT_CONTIGUOUS, false, "-", "a--b-c-", "|a|--|b|-|c|-|"},
    {TL_SPLIT_CONTIGUOUS, true, "-", "a--b-c-", "|a|--|b|-|c|-|"},
    {TL_SPLIT_ISOLATED, false, "", "ab", "|a|b|"},
    {TL_SPLIT_ISOLATED, false, "a|", "xab", "|x|a|b|"},
    {TL_SPLIT_ISOLATED, false, "$", "ab", "|ab|"},
    {TL_SPLIT_REMOVED, false, "\\d*", "a12b", "|a|b|"},
    {TL_SPLIT_REMOVED, false, ".", "abc", "|"},
};

static void behaviors(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof splits / sizeof *splits; i++) {
        struct tl_pretokenizer pre = {0};
        assert_int_equal(tl_pretokenizer_add_split(&pre, splits[i].pattern, strlen(splits[i].pattern), splits[i].behavior, splits[i].invert), 0);
        expect_words(&pre, splits[i].pattern, splits[i].text, splits[i].words);
        tl_pretokenizer_done(&pre);
    }
}

static int stop_at_second(void *context, const char *word, size_t n)
{
    (void)word, (void)n;
    return ++*(int *)context == 2 ? -77 : 0;
}

static void failures_pass_up(void **state)
{
    (void)state;
    struct tl_pretokenizer pre = {0};
    int words = 0;
    assert_int_equal(tl_pretokenizer_add_split(&pre, "b", 1, TL_SPLIT_ISOLATED, false), 0);
    assert_int_equal(run(&pre, "abcbd", 5, stop_at_second, &words), -77);
    assert_int_equal(words, 2);
    for (int i = 1; i < TL_PRETOKENIZER_STEPS; i++)
        assert_int_equal(tl_pretokenizer_add_split(&pre, "b", 1, TL_SPLIT_ISOLATED, false), 0);
    assert_int_equal(tl_pretokenizer_add_split(&pre, "b", 1, TL_SPLIT_ISOLATED, false), TL_E_FILE);
    tl_pretokenizer_done(&pre);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(known_words), cmocka_unit_test(rows_are_linear), cmocka_unit_test(behaviors), cmocka_unit_test(failures_pass_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
