/* SPDX-License-Identifier: MIT */
/* Normalisation forms on examples of UAX #15, in linear time for any run of marks; steps in their order. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "base/buffer.h"
#include "base/error.h"
#include "base/memory.h"
#include "cpu_seconds.h"
#include "text/normalizer.h"
#include "text/unicode_form.h"

/* A text in its four forms: NFC, NFD, NFKC, NFKD. */
static const struct { const char *text, *form[4]; } forms[] = {
    {"abc", {"abc", "abc", "abc", "abc"}},
    {"\u00e9", {"\u00e9", "e\u0301", "\u00e9", "e\u0301"}},
    {"e\u0301", {"\u00e9", "e\u0301", "\u00e9", "e\u0301"}},
    {"a\u0323\u0301", {"\u1ea1\u0301", "a\u0323\u0301", "\u1ea1\u0301", "a\u0323\u0301"}},
    {"a\u0301\u0323", {"\u1ea1\u0301", "a\u0323\u0301", "\u1ea1\u0301", "a\u0323\u0301"}},
    {"\u1e9b\u0323", {"\u1e9b\u0323", "\u017f\u0323\u0307", "\u1e69", "s\u0323\u0307"}},
    {"\u212b", {"\u00c5", "A\u030a", "\u00c5", "A\u030a"}},
    {"\ufb01\u00b2", {"\ufb01\u00b2", "\ufb01\u00b2", "fi2", "fi2"}},
    {"\uac00\uac01", {"\uac00\uac01", "\u1100\u1161\u1100\u1161\u11a8", "\uac00\uac01", "\u1100\u1161\u1100\u1161\u11a8"}},
    {"\u1100\u1161\u11a8", {"\uac01", "\u1100\u1161\u11a8", "\uac01", "\u1100\u1161\u11a8"}},
    {"\u0958", {"\u0915\u093c", "\u0915\u093c", "\u0915\u093c", "\u0915\u093c"}},
    {"\u0301\u0301", {"\u0301\u0301", "\u0301\u0301", "\u0301\u0301", "\u0301\u0301"}},
    {"a\u0315\u0300\u05ae" "b", {"\u00e0\u05ae\u0315b", "a\u05ae\u0300\u0315b", "\u00e0\u05ae\u0315b", "a\u05ae\u0300\u0315b"}},
    {"\u3000\uff21", {"\u3000\uff21", "\u3000\uff21", " A", " A"}},
};

static void forms_of_examples(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof forms / sizeof *forms; i++)
        for (int form = 0; form < 4; form++) {
            struct tl_buffer out;
            tl_buffer_init(&out, 0);
            assert_int_equal(tl_unicode_form_apply((enum tl_unicode_form)form, forms[i].text, strlen(forms[i].text), &out), 0);
            if (strcmp(out.data, forms[i].form[form]) != 0)
                fail_msg("'%s' in form %d is '%s', expected '%s'", forms[i].text, form, out.data, forms[i].form[form]);
            if (tl_unicode_form_plain((enum tl_unicode_form)form, forms[i].text, strlen(forms[i].text)))
                assert_string_equal(forms[i].text, forms[i].form[form]);
            tl_buffer_done(&out);
        }
}

/* 400,000 marks in the worst order. */
static void long_runs(void **state)
{
    (void)state;
    enum { N = 200000 };
    struct tl_buffer text, out;
    double began = cpu_seconds();
    tl_buffer_init(&text, 0);
    tl_buffer_init(&out, 0);
    tl_buffer_append(&text, "q", 1);
    for (int i = 0; i < N; i++)
        tl_buffer_append(&text, "\u0315\u0316", 4);
    assert_int_equal(tl_unicode_form_apply(TL_UNICODE_NFC, text.data, text.len, &out), 0);
    assert_int_equal(out.len, text.len);
    for (size_t i = 0; i < 2 * N; i++)
        assert_memory_equal(out.data + 1 + 2 * i, i < N ? "\u0316" : "\u0315", 2);
    assert_true(cpu_seconds() - began < 30);
    tl_buffer_done(&text);
    tl_buffer_done(&out);
}

static void expect_normal(const struct tl_normalizer *normalizer, bool continues, const char *text, const char *expected)
{
    struct tl_regex_scratch scratch;
    struct tl_buffer buffer[2] = {0};
    const char *normal = NULL;
    size_t n = 0;
    tl_regex_scratch_init(&scratch, strlen(text));
    assert_int_equal(tl_normalizer_run(normalizer, &scratch, continues, text, strlen(text), buffer, &normal, &n), 0);
    if (n != strlen(expected) || memcmp(normal, expected, n) != 0)
        fail_msg("'%s' becomes '%.*s', expected '%s'", text, (int)n, normal, expected);
    tl_regex_scratch_done(&scratch);
    tl_buffer_done(&buffer[0]);
    tl_buffer_done(&buffer[1]);
}

static void steps_in_order(void **state)
{
    (void)state;
    struct tl_normalizer normalizer = {0};
    struct tl_normal_step *step = NULL;
    expect_normal(&normalizer, false, " as it is ", " as it is ");
    assert_int_equal(tl_normalizer_add(&normalizer, TL_NORMAL_STRIP, &step), 0);
    step->left = true;
    assert_int_equal(tl_normalizer_add_prepend(&normalizer, "_"), 0);
    assert_int_equal(tl_normalizer_add_replace(&normalizer, " ", "\u2581"), 0);
    assert_int_equal(tl_normalizer_add(&normalizer, TL_NORMAL_LOWER, &step), 0);
    expect_normal(&normalizer, false, " \u3000 A  B ", "_a\u2581\u2581b\u2581");
    expect_normal(&normalizer, true, " A", "a");
    expect_normal(&normalizer, false, "", "");
    expect_normal(&normalizer, false, "\u0130\u00c9\u03a3", "_i\u0307\u00e9\u03c3");
    while (normalizer.count < TL_NORMALIZER_STEPS)
        assert_int_equal(tl_normalizer_add_prepend(&normalizer, "x"), 0);
    assert_int_equal(tl_normalizer_add_prepend(&normalizer, "x"), TL_E_FILE);
    tl_normalizer_done(&normalizer);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(forms_of_examples), cmocka_unit_test(long_runs), cmocka_unit_test(steps_in_order),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
