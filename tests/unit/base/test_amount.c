/* SPDX-License-Identifier: MIT */
/* Amounts as people read them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/amount.h"

static void test_amounts(void **state)
{
    static const struct { const char *(*of)(double, char *); double value; const char *text; } rows[] = {
        {tl_amount_of_bytes, 0, "0 bytes"}, {tl_amount_of_bytes, 999, "999 bytes"}, {tl_amount_of_bytes, 999.6, "1.00 kB"},
        {tl_amount_of_bytes, 5.94e11, "594 GB"}, {tl_amount_of_bytes, 5.3792e12, "5.38 TB"}, {tl_amount_of_bytes, 1e18, "1,000 PB"},
        {tl_amount_of_rate, 2e9, "2.00 GB/s"}, {tl_amount_of_count, 8192, "8,192"}, {tl_amount_of_count, 134515008, "135 million"},
        {tl_amount_of_count, 1.0265e12, "1.03 trillion"}, {tl_amount_of_count, 999.7e6, "1.00 billion"},
        {tl_amount_of_seconds, 0.0483, "48.3 ms"}, {tl_amount_of_seconds, 4.2, "4.20 s"}, {tl_amount_of_seconds, 119, "119 s"},
        {tl_amount_of_seconds, 1068, "17.8 min"}, {tl_amount_of_seconds, 12276, "3.41 h"}, {tl_amount_of_seconds, 6.1e6, "70.6 days"},
        {tl_amount_of_seconds, 1e9, "31.7 years"}, {tl_amount_of_number, 0.0129, "0.013"}, {tl_amount_of_number, 0.0996, "0.10"},
        {tl_amount_of_number, 99.96, "100"}, {tl_amount_of_number, 4502.4, "4,502"}, {tl_amount_of_number, 27.44, "27.4"},
        {tl_amount_of_operations, 7.214e10, "72.1 Gops"}, {tl_amount_of_grams, 45400, "45.4 kg"}, {tl_amount_of_bytes, 1e300, "1,000,000,000,000 PB"},
    };
    char text[TL_AMOUNT_BYTES];
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        assert_string_equal(rows[i].of(rows[i].value, text), rows[i].text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_amounts)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
