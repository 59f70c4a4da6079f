/* SPDX-License-Identifier: MIT */
/* UTF-8: every code point there and back, every ill-formed form of the standard. */
#include "base_test.h"

#include <string.h>

#include "base/utf8.h"

static void every_code_point_returns(void **state)
{
    (void)state;
    for (uint32_t code = 0; code <= 0x110010; code++) {
        char bytes[TL_UTF8_MAX_BYTES];
        uint32_t back;
        unsigned n = tl_utf8_encode(code, bytes);
        if (tl_utf8_decode(bytes, n, &back) != (int)n)
            fail_msg("U+%04X does not decode", code);
        bool scalar = code <= 0x10FFFF && (code < 0xD800 || code > 0xDFFF);
        if (back != (scalar ? code : TL_UTF8_REPLACEMENT))
            fail_msg("U+%04X becomes U+%04X", code, back);
        if (n != (back < 0x80 ? 1u : back < 0x800 ? 2u : back < 0x10000 ? 3u : 4u))
            fail_msg("U+%04X takes %u bytes", code, n);
        for (unsigned part = 1; part < n; part++)
            if (tl_utf8_unfinished(bytes, part) != part || tl_utf8_decode(bytes, part, &back) != -(int)part)
                fail_msg("U+%04X cut at %u is not seen as unfinished", code, part);
        if (tl_utf8_unfinished(bytes, n) != 0)
            fail_msg("U+%04X is seen as unfinished", code);
    }
}

static void ill_formed_runs_are_measured(void **state)
{
    (void)state;
    static const struct { const char *text; int n; } rows[] = {
        {"\x80", -1}, {"\xBF", -1}, {"\xC0\x80", -1}, {"\xC1\xBF", -1}, {"\xE0\x80\x80", -1}, {"\xE0\x9F\xBF", -1},
        {"\xED\xA0\x80", -1}, {"\xED\xBF\xBF", -1}, {"\xF0\x80\x80\x80", -1}, {"\xF0\x8F\xBF\xBF", -1},
        {"\xF4\x90\x80\x80", -1}, {"\xF5\x80\x80\x80", -1}, {"\xFF", -1}, {"\xC3(", -1}, {"\xE2\x82(", -2},
        {"\xF0\x9F\x98(", -3}, {"\xF0\x9F(", -2}, {"\xE2(", -1}, {"A\x80", 1},
    };
    for (size_t i = 0; i < ROWS(rows); i++) {
        uint32_t code;
        assert_int_equal(tl_utf8_decode(rows[i].text, strlen(rows[i].text), &code), rows[i].n);
        assert_false(tl_utf8_valid(rows[i].text, strlen(rows[i].text)));
    }
    assert_true(tl_utf8_valid("", 0));
    assert_true(tl_utf8_valid("a\0b", 3));
    assert_int_equal(tl_utf8_unfinished("\xE2\x28", 2), 0);
    assert_int_equal(tl_utf8_unfinished("ab\xF0\x9F\x98", 5), 3);
    assert_int_equal(tl_utf8_unfinished("ab\xE0\x80", 4), 0);
    assert_int_equal(tl_utf8_unfinished("", 0), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_code_point_returns), cmocka_unit_test(ill_formed_runs_are_measured),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
