/* SPDX-License-Identifier: MIT */
/* Growing text: bounds, sticky failures, JSON quoting. */
#include "base_test.h"

#include <locale.h>
#include <string.h>

#include "base/buffer.h"
#include "base/error.h"
#include "base/memory.h"

static void text_grows_and_is_terminated(void **state)
{
    (void)state;
    struct tl_buffer buffer;
    tl_buffer_init(&buffer, 0);
    for (int i = 0; i < 1000; i++)
        assert_int_equal(tl_buffer_printf(&buffer, "%03d,", i), 0);
    assert_int_equal(buffer.len, 4000);
    assert_int_equal(strlen(buffer.data), 4000);
    assert_memory_equal(buffer.data + 3996, "999,", 5);
    tl_buffer_clear(&buffer);
    assert_string_equal(buffer.data, "");
    size_t n;
    char *empty = tl_buffer_take(&buffer, &n);
    assert_string_equal(empty, "");
    assert_int_equal(n, 0);
    tl_free(empty);
    assert_null(buffer.data);
    tl_buffer_done(&buffer);
    tl_buffer_done(NULL);
}

static void limit_holds_and_sticks(void **state)
{
    (void)state;
    struct tl_buffer buffer;
    tl_buffer_init(&buffer, 10);
    assert_int_equal(tl_buffer_append(&buffer, "0123456789", 10), 0);
    assert_true(tl_buffer_append(&buffer, "x", 1) < 0);
    assert_true(tl_buffer_append(&buffer, "", 0) < 0);
    assert_true(tl_buffer_printf(&buffer, "x") < 0);
    assert_string_equal(buffer.data, "0123456789");
    int failed = buffer.status;
    assert_null(tl_buffer_take(&buffer, NULL));
    assert_true(failed < 0 && buffer.status == failed && !buffer.data && !buffer.len);       /* nothing is left to be freed */
    tl_buffer_clear(&buffer);
    assert_int_equal(tl_buffer_append(&buffer, "y", 1), 0);
    tl_buffer_done(&buffer);
}

static void out_of_memory_sticks(void **state)
{
    (void)state;
    struct tl_buffer buffer;
    tl_buffer_init(&buffer, 0);
    tl_memory_fail_after(0);
    assert_int_equal(tl_buffer_append(&buffer, "x", 1), TL_E_NOMEM);
    assert_int_equal(tl_buffer_append(&buffer, "x", 1), TL_E_NOMEM);
    assert_null(buffer.data);
    tl_buffer_done(&buffer);
}

static void json_strings_are_quoted(void **state)
{
    (void)state;
    static const struct { const char *text; size_t n; const char *quoted; } rows[] = {
        {"", 0, "\"\""},
        {"a\"b\\c/", 6, "\"a\\\"b\\\\c/\""},
        {"\b\f\n\r\t\x01\x1f\x7f", 8, "\"\\b\\f\\n\\r\\t\\u0001\\u001f\\u007f\""},
        {"\0", 1, "\"\\u0000\""},
        {"\xC3\xA9\xE2\x82\xAC\xF0\x9F\x98\x80", 9, "\"\xC3\xA9\xE2\x82\xAC\xF0\x9F\x98\x80\""},
        {"a\xFF" "b\xC3", 4, "\"a\xEF\xBF\xBD" "b\xEF\xBF\xBD\""},
        {"\xED\xA0\x80", 3, "\"\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD\""},
    };
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct tl_buffer buffer;
        tl_buffer_init(&buffer, 0);
        assert_int_equal(tl_buffer_json_string(&buffer, rows[i].text, rows[i].n), 0);
        assert_string_equal(buffer.data, rows[i].quoted);
        tl_buffer_done(&buffer);
    }
}

static void numbers_ignore_the_locale(void **state)
{
    (void)state;
    struct tl_buffer buffer;
    const char *comma[] = {"de_DE.UTF-8", "de_DE", "fr_FR.UTF-8"};
    for (size_t i = 0; i < ROWS(comma) && !setlocale(LC_NUMERIC, comma[i]); i++)
        ;
    tl_buffer_init(&buffer, 0);
    tl_buffer_printf(&buffer, "%.2f", 1.5);
    assert_string_equal(buffer.data, "1.50");
    tl_buffer_done(&buffer);
    setlocale(LC_NUMERIC, "C");
}

static void json_members_follow_each_other(void **state)
{
    struct tl_buffer buffer;
    (void)state;
    tl_buffer_init(&buffer, 0);
    tl_buffer_printf(&buffer, "{");
    tl_buffer_json_member(&buffer, "a", "\"");
    tl_buffer_json_member(&buffer, "b", NULL);
    assert_int_equal(tl_buffer_json_member(&buffer, "c", ""), 0);
    assert_string_equal(buffer.data, "{\"a\":\"\\\"\",\"b\":null,\"c\":\"\"");
    tl_buffer_done(&buffer);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(text_grows_and_is_terminated), cmocka_unit_test(limit_holds_and_sticks),
        cmocka_unit_test(out_of_memory_sticks), cmocka_unit_test(json_strings_are_quoted),
        cmocka_unit_test(json_members_follow_each_other),
        cmocka_unit_test(numbers_ignore_the_locale),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
