/* SPDX-License-Identifier: MIT */
/* Plots: at most 100 columns, ASCII where the terminal has no more, highest where the values are. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "cli/plot.h"

/* Characters of the longest line; *ret_lines: how many lines. */
static size_t measure(const char *text, size_t *ret_lines)
{
    size_t longest = 0, n = 0;
    *ret_lines = 0;
    for (; *text; text++) {
        n += ((unsigned char)*text & 0xC0) != 0x80 && *text != '\n';
        longest = n > longest ? n : longest;
        if (*text == '\n') {
            n = 0;
            (*ret_lines)++;
        }
    }
    return longest;
}

static void test_size(void **state)
{
    static double values[1000];
    (void)state;
    for (size_t i = 0; i < 1000; i++)
        values[i] = 10 - (double)i / 200;
    for (size_t n = 0; n < 1000; n = 3 * n + 1)
        for (int utf8 = 0; utf8 < 2; utf8++) {
            struct tl_buffer out;
            size_t lines = 0;
            tl_buffer_init(&out, 0);
            tl_plot(values, n, utf8, "1,000 steps", &out);
            if (!n) {
                assert_int_equal(out.len, 0);
                continue;
            }
            assert_true(measure(out.data, &lines) <= 100);
            assert_int_equal(lines, TL_PLOT_ROWS + 1);
            for (const char *c = out.data; *c && !utf8; c++)
                assert_true((unsigned char)*c < 128);
            tl_buffer_done(&out);
        }
}

static void test_heights(void **state)
{
    static const double values[] = {2, 1, 1, 2};
    struct tl_buffer out;
    (void)state;
    tl_buffer_init(&out, 0);
    tl_plot(values, 4, false, "", &out);
    assert_int_equal(strncmp(out.data, "   2.000 |#  #\n", 15), 0);
    assert_non_null(strstr(out.data, "   1.000 |####\n"));
    tl_buffer_done(&out);
    tl_buffer_init(&out, 0);
    tl_plot((const double[]){3, 3, 3}, 3, false, "", &out);      /* no span */
    assert_non_null(strstr(out.data, "   3.000 |###\n"));
    tl_buffer_done(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_size), cmocka_unit_test(test_heights)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
