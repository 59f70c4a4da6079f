/* SPDX-License-Identifier: MIT */
/* Oniguruma's expressions run by PCRE2: what each finds (the expected matches are those of Oniguruma 6.9 in Ruby syntax),
 * what is refused, and that no expression takes more than its share. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "base/buffer.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/memory.h"
#include "cpu_seconds.h"
#include "text/regex.h"

/* All matches of a pattern in a text, each between bars. */
static const struct { const char *pattern, *text, *found; } finds[] = {
    {"a+", "baac", "|aa|"},
    {"\\s+", "a\u180eb\xC2\x85" "c\u200bd\u3000 e", "|\xC2\x85|\u3000 |"},
    {"\\S+", "a b", "|a|b|"},
    {"[\\s]+|[^\\s]", "a \tb", "|a| \t|b|"},
    {"[\\S\\n]+", "a b\n", "|a|b\n|"},
    {"[^\\S\\n]+", "a \nb", "| |"},
    {"\\w+", "a\u0301b_\u00e9\u0663\u00b2\u2167\u200dx\u00b7\u24d0", "|a\u0301b_\u00e9\u0663\u00b2\u2167|x|\u24d0|"},
    {"\\W+", "a, b", "|, |"},
    {"[\\W]+", "a, b", "|, |"},
    {"\\d", "\u06633\u00b2", "|\u0663|3|"},
    {"[\\D]", "3a", "|a|"},
    {"\\h+", "xyzabc 12", "|abc|12|"},
    {"\\H", "ag", "|g|"},
    {"[\\h]+", "xfed", "|fed|"},
    {"[^\\h]", "gf", "|g|"},
    {"\\v", "a\x0b" "b\n", "|\x0b|"},
    {"\\bfoo\\b", "foo foobar \u00e9" "foo", "|foo|"},
    {"\\Bo", "oo", "|o|"},
    {"\\p{N}{1,3}+", "12345678a", "|12345678|"},
    {"\\p{N}{2}?a", "12345678a", "|78a|"},
    {"\\p{N}{2}?", "1234", "|12|34||"},
    {"a{,2}", "aaa", "|aa|a||"},
    {"a{2,}", "aaa", "|aaa|"},
    {"a{", "a{", "|a{|"},
    {"a{x}", "a{x}", "|a{x}|"},
    {"x++y|x", "xxx", "|x|x|x|"},
    {"[\\p{L}&&[^\\p{Han}]]+", "abc\u6f22\u5b57" "def", "|abc|def|"},
    {"[a[bc]]+", "xabcx", "|abc|"},
    {"[^a[bc]]+", "xabcx", "|x|x|"},
    {"[a-c&&b-d]", "abcd", "|b|c|"},
    {"[^a-c&&b-d]+", "abcd", "|a|d|"},
    {"[\\w&&[^\\d]]+", "ab12", "|ab|"},
    {"[a-d&&[^b]&&c-e]", "abcde", "|c|d|"},
    {"\\p{Han}", "\u3001\u6f22\u3005", "|\u6f22|\u3005|"},
    {"\\p{^L}|\\P{^N}", "a1,", "|1|,|"},
    {"\\p{Letter}", "a1", "|a|"},
    {"[[:alpha:]]+", "a\u00e9" "1", "|a\u00e9|"},
    {"[[:punct:]]+", "a$.b", "|$.|"},
    {"[]a]+", "x]a", "|]a|"},
    {"[a-]+", "a-b", "|a-|"},
    {"[\\]\\[\\\\^]", "a]^", "|]|^|"},
    {"\\x41\\u0042\\x{43}", "ABC", "|ABC|"},
    {"[\\x{61}-\\x{63}\\t]", "d\tb", "|\t|b|"},
    {"^b|b$", "ab\nbc\nab", "|b|b|b|"},
    {".+", "ab\ncd\re", "|ab|cd\re|"},
    {"(?m:.+)", "ab\ncd", "|ab\ncd|"},
    {"(?i:'s|'t)", "'\u017f 'S 't", "|'\u017f|'S|'t|"},
    {"(?i)k", "K\u212a", "|K|\u212a|"},
    {"(?<=a)b|(?<!a)c", "ab ac c", "|b|c|"},
    {"(?=(\\d{3})+(?!\\d))", "1234567", "|||"},
    {"\\R", "a\r\nb", "|\r\n|"},
    {"\\X", "e\u0301x", "|e\u0301|x|"},
    {"\u4f60|[\u4e00-\u9fa5]", "\u4f60\u597d", "|\u4f60|\u597d|"},
    {"(a)(b)\\2\\1", "abba", "|abba|"},
    {"\\s+(?!\\S)|\\s+", "a   b", "|  | |"},
};

static void expect_found(const char *pattern, const char *text, const char *expected)
{
    struct tl_regex *regex = NULL;
    struct tl_regex_scratch scratch;
    struct tl_buffer found;
    size_t n = strlen(text), from = 0, start, end;
    int r = tl_regex_new(pattern, strlen(pattern), &regex);
    if (r < 0)
        fail_msg("%s: %s", pattern, tl_error_text());
    tl_regex_scratch_init(&scratch, n);
    tl_buffer_init(&found, 0);
    tl_buffer_append(&found, "|", 1);
    while ((r = tl_regex_find(regex, &scratch, text, n, from, &start, &end)) > 0) {
        tl_buffer_append(&found, text + start, end - start);
        tl_buffer_append(&found, "|", 1);
        from = end > start ? end : end + 1;
        while (from < n && (text[from] & 0xC0) == 0x80)
            from++;
    }
    assert_int_equal(r, 0);
    if (strcmp(found.data, expected) != 0)
        fail_msg("'%s' in '%s': found %s, expected %s", pattern, text, found.data, expected);
    tl_buffer_done(&found);
    tl_regex_scratch_done(&scratch);
    tl_regex_free(regex);
}

static void finds_what_oniguruma_finds(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof finds / sizeof *finds; i++)
        expect_found(finds[i].pattern, finds[i].text, finds[i].found);
}

static void refuses(void **state)
{
    (void)state;
    static const char *const patterns[] = {
        "a\\", "(", ")", "(a", "[a", "[a-", "[b-a]", "[[:nope:]]", "\\p", "\\pL", "\\p{L", "\\p{Nothing_Such}", "\\p{L1}", "\\q", "\\C",
        "\\Q", "\\y", "\\xe9", "\\x{110000}", "\\x{d800}", "\\u12", "\\x{1", "a{2,1}", "{2}", "a{70000}", "(?s:.)", "(?x: a)", "(?P<n>a)", "(?R)",
        "(?1)", "(?C1)", "(?|a)", "(?(1)a)", "(*LIMIT_MATCH=1)a", "(*UTF)a", "(*FAIL)", "a**", "*a", "(?", "(?i", "\\8", "\xFF", "[\xC3]",
        "[a&&", "[\\", "[\\q]", "a(?#", "(?<=a+)b",
    };
    for (size_t i = 0; i < sizeof patterns / sizeof *patterns; i++) {
        struct tl_regex *regex = NULL;
        if (tl_regex_new(patterns[i], strlen(patterns[i]), &regex) != TL_E_FILE)
            fail_msg("'%s' is not refused", patterns[i]);
        assert_null(regex);
        assert_non_null(strstr(tl_error_text(), "regular expression"));
    }
    struct tl_regex *regex = NULL;
    assert_int_equal(tl_regex_new("a\0b", 3, &regex), TL_E_FILE);
    char *deep = tl_alloc(70001, 1);
    memset(deep, '(', 100);
    assert_int_equal(tl_regex_new(deep, 100, &regex), TL_E_FILE);
    memset(deep, '[', 100);
    assert_int_equal(tl_regex_new(deep, 100, &regex), TL_E_FILE);
    memset(deep, 'a', 70000);
    assert_int_equal(tl_regex_new(deep, 70000, &regex), TL_E_FILE);
    tl_free(deep);
}

/* Steps without end become a failure that says so, soon. */
static void is_bounded(void **state)
{
    (void)state;
    static const char *const patterns[] = {"(a+)+$", "(?:a|a)*[cd]"};
    char text[4001];
    memset(text, 'a', 4000);
    text[4000] = 'b';
    for (size_t i = 0; i < sizeof patterns / sizeof *patterns; i++) {
        struct tl_regex *regex;
        struct tl_regex_scratch scratch;
        size_t start, end;
        double began = cpu_seconds();
        assert_int_equal(tl_regex_new(patterns[i], strlen(patterns[i]), &regex), 0);
        tl_regex_scratch_init(&scratch, sizeof text);
        assert_int_equal(tl_regex_find(regex, &scratch, text, sizeof text, 0, &start, &end), TL_E_FILE);
        assert_true(cpu_seconds() - began < 60);
        tl_regex_scratch_done(&scratch);
        tl_regex_free(regex);
    }
}

/* A deadline that has passed stops a search that only ever fails late. */
static void keeps_its_deadline(void **state)
{
    (void)state;
    enum { N = 1 << 20 };
    struct tl_regex *regex;
    struct tl_regex_scratch scratch;
    size_t start, end;
    char *text = tl_alloc(N, 1);
    memset(text, 'a', N);
    assert_int_equal(tl_regex_new("[\\S]*\\n", 7, &regex), 0);
    tl_regex_scratch_init(&scratch, N);
    scratch.deadline_ns = tl_clock_ns();
    assert_int_equal(tl_regex_find(regex, &scratch, text, N, 0, &start, &end), TL_E_FILE);
    assert_non_null(strstr(tl_error_text(), "too long"));
    tl_regex_scratch_done(&scratch);
    tl_regex_free(regex);
    tl_free(text);
}

/* Long matches need more stack than the JIT has at first. */
static void grows_its_stack(void **state)
{
    (void)state;
    enum { N = 300000 };
    struct tl_regex *regex;
    struct tl_regex_scratch scratch;
    size_t start = 1, end = 0;
    static const char pattern[] = "(?:[\\p{L}&&[^\\p{Han}]]|x)+";
    char *text = tl_alloc(N, 1);
    memset(text, 'a', N);
    assert_int_equal(tl_regex_new(pattern, strlen(pattern), &regex), 0);
    tl_regex_scratch_init(&scratch, N);
    assert_int_equal(tl_regex_find(regex, &scratch, text, N, 0, &start, &end), 1);
    assert_true(start == 0 && end == N);
    tl_regex_scratch_done(&scratch);
    tl_regex_free(regex);
    tl_free(text);
}

static int find_once(void)
{
    struct tl_regex *regex = NULL;
    struct tl_regex_scratch scratch;
    size_t start, end;
    int r = tl_regex_new("[a[bc]]{2}?\\p{L}+", 17, &regex);
    if (r < 0)
        return r;
    tl_regex_scratch_init(&scratch, 3);
    r = tl_regex_find(regex, &scratch, "abc", 3, 0, &start, &end);
    tl_regex_scratch_done(&scratch);
    tl_regex_free(regex);
    return r;
}

static void failing_allocations(void **state)
{
    (void)state;
    for (long n = 0;; n++) {
        tl_memory_fail_after(n);
        int r = find_once();
        tl_memory_fail_after(-1);
        if (r == 1)
            break;
        assert_int_equal(r, TL_E_NOMEM);
        assert_true(n < 1000);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(finds_what_oniguruma_finds), cmocka_unit_test(refuses), cmocka_unit_test(is_bounded),
        cmocka_unit_test(keeps_its_deadline), cmocka_unit_test(grows_its_stack), cmocka_unit_test(failing_allocations),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
