/* SPDX-License-Identifier: MIT */
/* Numbers from text: the whole text or nothing. */
#include "base_test.h"

#include <string.h>

#include "base/parse.h"

static void integers(void **state)
{
    (void)state;
    static const struct { const char *text; bool good, signed_good; uint64_t value; int64_t signed_value; } rows[] = {
        {"0", true, true, 0, 0}, {"42", true, true, 42, 42}, {"007", true, true, 7, 7},
        {"18446744073709551615", true, false, UINT64_MAX, 0}, {"18446744073709551616", false, false, 0, 0},
        {"9223372036854775807", true, true, INT64_MAX, INT64_MAX}, {"9223372036854775808", true, false, 1ull << 63, 0},
        {"-9223372036854775808", false, true, 0, INT64_MIN}, {"-9223372036854775809", false, false, 0, 0},
        {"-1", false, true, 0, -1}, {"", false, false, 0, 0}, {"-", false, false, 0, 0}, {"+1", false, false, 0, 0},
        {" 1", false, false, 0, 0}, {"1 ", false, false, 0, 0}, {"0x10", false, false, 0, 0}, {"1e3", false, false, 0, 0},
    };
    for (size_t i = 0; i < ROWS(rows); i++) {
        uint64_t u = 99;
        int64_t s = 99;
        size_t n = strlen(rows[i].text);
        assert_int_equal(tl_parse_u64(rows[i].text, n, &u), rows[i].good);
        assert_true(u == (rows[i].good ? rows[i].value : 99));
        assert_int_equal(tl_parse_i64(rows[i].text, n, &s), rows[i].signed_good);
        assert_true(s == (rows[i].signed_good ? rows[i].signed_value : 99));
    }
}

static void fractions(void **state)
{
    (void)state;
    static const struct { const char *text; bool good; double value; } rows[] = {
        {"0", true, 0}, {"1.5", true, 1.5}, {"-2e-3", true, -2e-3}, {".5", true, .5}, {"1e308", true, 1e308},
        {"1e309", false, 0}, {"inf", false, 0}, {"nan", false, 0}, {"0x1p3", false, 0}, {"1.5x", false, 0}, {"", false, 0},
        {" 1", false, 0}, {"1,5", false, 0}, {"1e", false, 0}, {"4.9e-324", true, 4.9e-324}, {"1e-400", true, 0},
    };
    for (size_t i = 0; i < ROWS(rows); i++) {
        double value = 99;
        assert_int_equal(tl_parse_f64(rows[i].text, strlen(rows[i].text), &value), rows[i].good);
        assert_true(value == (rows[i].good ? rows[i].value : 99));
    }
    char digits[600];
    double value;
    memset(digits, '1', sizeof digits);
    assert_false(tl_parse_f64(digits, sizeof digits, &value));
    assert_true(tl_parse_f64(digits, 300, &value));
}

static void sizes(void **state)
{
    (void)state;
    static const struct { const char *text; bool good; uint64_t value; } rows[] = {
        {"4096", true, 4096}, {"512M", true, 512ull << 20}, {"20G", true, 20ull << 30}, {"20g", true, 20ull << 30},
        {"20GB", true, 20ull << 30}, {"20GiB", true, 20ull << 30}, {"1.5G", true, 3ull << 29}, {"2T", true, 2ull << 40},
        {"3k", true, 3072}, {"16777215T", true, 16777215ull << 40}, {"16777216T", false, 0}, {"1e30G", false, 0}, {"-1G", false, 0},
        {"G", false, 0}, {"", false, 0}, {"1.5", false, 0}, {"12X", false, 0}, {"12iB", false, 0}, {"0", true, 0}, {"64B", false, 0},
    };
    for (size_t i = 0; i < ROWS(rows); i++) {
        uint64_t value = 99;
        if (tl_parse_bytes(rows[i].text, strlen(rows[i].text), &value) != rows[i].good ||
            value != (rows[i].good ? rows[i].value : 99))
            fail_msg("\"%s\" gives %lu", rows[i].text, (unsigned long)value);
    }
}

static void counts(void **state)
{
    (void)state;
    static const struct { const char *text; bool good; double value; } rows[] = {
        {"4096", true, 4096}, {"30M", true, 30e6}, {"30m", true, 30e6}, {"2.5B", true, 2.5e9}, {"1e6", true, 1e6}, {"10k", true, 1e4}, {"2T", true, 2e12},
        {"1G", true, 1e9}, {"0", true, 0}, {"-1", false, 0}, {"M", false, 0}, {"", false, 0}, {"3 M", false, 0}, {"3MM", false, 0}, {"1e400", false, 0},
    };
    for (size_t i = 0; i < ROWS(rows); i++) {
        double value = 99;
        if (tl_parse_count(rows[i].text, strlen(rows[i].text), &value) != rows[i].good || value != (rows[i].good ? rows[i].value : 99))
            fail_msg("\"%s\" gives %g", rows[i].text, value);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(integers), cmocka_unit_test(fractions), cmocka_unit_test(sizes), cmocka_unit_test(counts)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
