/* SPDX-License-Identifier: MIT */
/* What is learnt of a teacher's texts: duplicates, near ones, loops, short ones, the bound on likelihoods. */
#include <setjmp.h>
#include <stdarg.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "base/error.h"
#include "base/memory.h"
#include "compress/distill_filter.h"

static const struct tl_distill_filter_how usual = {.least_words = 3, .most_repeats = 0.5, .nearness = 0.8};

static enum tl_distill_why judge(struct tl_distill_filter *filter, const char *text)
{
    enum tl_distill_why why = TL_DISTILL_WHYS;
    assert_int_equal(tl_distill_filter_judge(filter, text, strlen(text), &why), 0);
    return why;
}

/* n words that begin at number `from`. */
static char *words(unsigned from, unsigned n)
{
    static char text[1 << 16];
    size_t at = 0;
    text[0] = 0;
    for (unsigned i = from; i < from + n; i++)
        at += (size_t)snprintf(text + at, sizeof(text) - at, "%sw%u", i == from ? "" : " ", i * 7919 % 100003);
    return text;
}

static const struct { const char *text; enum tl_distill_why why; } rows[] = {
    {"", TL_DISTILL_SHORT},
    {" \n\t ", TL_DISTILL_SHORT},
    {"two words", TL_DISTILL_SHORT},
    {"three whole words", TL_DISTILL_KEPT},
    {"three whole words", TL_DISTILL_DUPLICATE},
    {"  three\nwhole \t words \n", TL_DISTILL_DUPLICATE},
    {"three whole worlds", TL_DISTILL_KEPT},
    {"a b c d e f a b c d e f a b c d e f a b c d e f", TL_DISTILL_LOOPS},
    {"no no no no no no no no no no", TL_DISTILL_LOOPS},
};

static void one_after_the_other(void **state)
{
    struct tl_distill_filter *filter;
    (void)state;
    assert_int_equal(tl_distill_filter_new(&usual, &filter), 0);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        enum tl_distill_why why = judge(filter, rows[i].text);
        if (why != rows[i].why)
            fail_msg("\"%s\": %s, expected %s", rows[i].text, tl_distill_whys[why].name, tl_distill_whys[rows[i].why].name);
    }
    tl_distill_filter_free(filter);
}

/* 400 words of which the last ones differ: 95 % of the shingles in common are near, a third of them is not. */
static void near_ones(void **state)
{
    struct tl_distill_filter *filter;
    char text[1 << 16];
    (void)state;
    assert_int_equal(tl_distill_filter_new(&usual, &filter), 0);
    assert_int_equal(judge(filter, words(1, 400)), TL_DISTILL_KEPT);
    snprintf(text, sizeof(text), "%s and then it ends otherwise", words(1, 396));
    assert_int_equal(judge(filter, text), TL_DISTILL_NEAR);
    assert_int_equal(judge(filter, words(200, 400)), TL_DISTILL_KEPT);
    assert_int_equal(judge(filter, words(1000, 400)), TL_DISTILL_KEPT);
    assert_int_equal(judge(filter, words(1004, 396)), TL_DISTILL_NEAR);
    tl_distill_filter_free(filter);
}

static void nearness_can_be_off(void **state)
{
    struct tl_distill_filter_how how = usual;
    struct tl_distill_filter *filter;
    (void)state;
    how.nearness = 1.1;
    assert_int_equal(tl_distill_filter_new(&how, &filter), 0);
    assert_int_equal(judge(filter, words(1, 400)), TL_DISTILL_KEPT);
    assert_int_equal(judge(filter, words(1, 399)), TL_DISTILL_KEPT);
    assert_int_equal(judge(filter, words(1, 399)), TL_DISTILL_DUPLICATE);
    tl_distill_filter_free(filter);
}

/* Thousands that begin alike stay quick: their shared bands do not become chains. */
static void a_phrase_that_all_begin_with(void **state)
{
    struct tl_distill_filter *filter;
    char text[4096];
    (void)state;
    assert_int_equal(tl_distill_filter_new(&usual, &filter), 0);
    for (unsigned i = 0; i < 3000; i++) {
        snprintf(text, sizeof(text), "as an answer to what you asked me just now here is %s", words(1000 + 20 * i, 14));
        assert_int_equal(judge(filter, text), TL_DISTILL_KEPT);
    }
    assert_int_equal(judge(filter, text), TL_DISTILL_DUPLICATE);
    tl_distill_filter_free(filter);
}

static void out_of_memory(void **state)
{
    (void)state;
    for (long n = 0; n < 100; n++) {
        struct tl_distill_filter *filter = NULL;
        enum tl_distill_why why;
        tl_memory_fail_after(n);
        int status = tl_distill_filter_new(&usual, &filter);
        if (status >= 0)
            status = tl_distill_filter_judge(filter, "an answer of five words", 23, &why);
        tl_memory_fail_after(-1);
        tl_distill_filter_free(filter);
        if (status >= 0)
            return;
        assert_int_equal(status, TL_E_NOMEM);
    }
    fail_msg("it never succeeded");
}

static void bounds(void **state)
{
    double values[] = {3, 1, 2, 10, 4, 5, 6, 7, 8, 9};
    (void)state;
    assert_true(isinf(tl_distill_filter_bound(values, 0, 0.1)));
    assert_true(isinf(tl_distill_filter_bound(values, 10, 0)));
    assert_true(isinf(tl_distill_filter_bound(values, 10, 0.09)));
    assert_true(tl_distill_filter_bound(values, 10, 0.1) == 9);
    assert_true(tl_distill_filter_bound(values, 10, 0.3) == 7);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_after_the_other), cmocka_unit_test(near_ones), cmocka_unit_test(nearness_can_be_off),
        cmocka_unit_test(a_phrase_that_all_begin_with), cmocka_unit_test(out_of_memory), cmocka_unit_test(bounds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
