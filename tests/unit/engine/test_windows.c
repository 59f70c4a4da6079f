/* SPDX-License-Identifier: MIT */
/* Windows: every token but the first of a text is a target at most once, always with the context that its window gives. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "engine/windows.h"

struct row { uint64_t starts[5], n_texts; uint32_t window, stride; };

static const struct row rows[] = {
    { { 0, 10 }, 1, 4, 4 }, { { 0, 10 }, 1, 4, 2 }, { { 0, 10 }, 1, 4, 1 }, { { 0, 10 }, 1, 10, 10 }, { { 0, 10 }, 1, 64, 3 },
    { { 0, 0, 1, 3, 20 }, 4, 5, 3 }, { { 0, 9, 9, 10, 18 }, 4, 8, 8 }, { { 0, 1, 2, 3, 4 }, 4, 2, 1 }, { { 0, 2 }, 1, 2, 2 }, { { 0, 9 }, 1, 8, 8 },
};

static void check(const struct row *r)
{
    struct tl_windows windows;
    struct tl_window w;
    uint32_t times[32] = { 0 };
    uint64_t last_text = 0;
    tl_windows_init(&windows, r->starts, r->n_texts, r->window, r->stride);
    while (tl_windows_next(&windows, &w)) {
        uint64_t text = 0;
        while (r->starts[text + 1] <= w.at)
            text++;
        assert_true(text >= last_text && w.end <= r->starts[text + 1] && w.end - w.at <= r->window && tl_window_tokens(&w) >= 1);
        assert_true(w.first > w.at && w.first <= w.end && (w.at - r->starts[text]) % r->stride == 0);
        for (uint64_t i = w.first; i < w.end; i++)
            times[i]++;
        last_text = text;
    }
    assert_false(tl_windows_next(&windows, &w));
    for (uint64_t text = 0; text < r->n_texts; text++)
        for (uint64_t i = r->starts[text]; i < r->starts[text + 1]; i++) {
            uint64_t place = i - r->starts[text];
            bool begins = r->stride == r->window ? place % r->stride == 0 : place == 0;
            assert_int_equal(times[i], !begins);
        }
}

static void test_rows(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        check(&rows[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_rows) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
