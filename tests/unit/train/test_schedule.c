/* SPDX-License-Identifier: MIT */
/* Every schedule against its closed form: the warm-up, the peak, the last step, the middle, steps behind the end. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/error.h"
#include "train/schedule.h"

static void assert_near(double found, double expected, double within)
{
    if (!(fabs(found - expected) <= within))
        fail_msg("found %.17g, expected %.17g within %g", found, expected, within);
}

static struct tl_schedule make(enum tl_schedule_kind kind)
{
    return (struct tl_schedule){ .kind = kind, .peak = 2e-3, .least = 0.1, .decay_share = 0.25, .warmup = 20, .steps = 120 };
}

static void test_all_warm_up(void **state)
{
    (void)state;
    for (int kind = 0; kind < TL_SCHEDULES; kind++) {
        struct tl_schedule s = make((enum tl_schedule_kind)kind);
        for (uint64_t step = 0; step < s.warmup; step++)
            assert_near(tl_schedule_rate(&s, step), 2e-3 * (double)(step + 1) / 20, 1e-15);
        for (uint64_t step = 0; step + 1 < s.steps; step++)
            assert_true(tl_schedule_rate(&s, step) > 0 && tl_schedule_rate(&s, step) <= 2e-3 * (1 + 1e-12));
        assert_near(tl_schedule_rate(&s, 119), tl_schedule_rate(&s, 500), 0);
        s.warmup = 0;
        assert_true(tl_schedule_rate(&s, 0) > 1.99e-3);
        s.warmup = s.steps = 1;
        assert_near(tl_schedule_rate(&s, 0), 2e-3, 1e-15);
    }
}

static void test_cosine(void **state)
{
    struct tl_schedule s = make(TL_SCHEDULE_COSINE);
    (void)state;
    for (uint64_t step = 20; step < 120; step++) {
        double half = cos(acos(-1.0) * (double)(step - 19) / 200);        /* (1 + cos x) / 2 = cos(x / 2)^2 */
        assert_near(tl_schedule_rate(&s, step), 2e-3 * (0.1 + 0.9 * half * half), 1e-15);
    }
    assert_near(tl_schedule_rate(&s, 69), 2e-3 * 0.55, 1e-15);
    assert_near(tl_schedule_rate(&s, 119), 2e-4, 1e-15);
}

static void test_wsd(void **state)
{
    struct tl_schedule s = make(TL_SCHEDULE_WSD);
    (void)state;
    assert_near(tl_schedule_rate(&s, 94), 2e-3, 0);
    for (uint64_t i = 1; i <= 25; i++)
        assert_near(tl_schedule_rate(&s, 94 + i), 2e-3 - 1.8e-3 * (double)i / 25, 1e-15);
    s.decay_share = 0;
    assert_near(tl_schedule_rate(&s, 119), 2e-3, 0);
}

static void test_constant(void **state)
{
    struct tl_schedule s = make(TL_SCHEDULE_CONSTANT);
    (void)state;
    assert_near(tl_schedule_rate(&s, 20), 2e-3, 0);
    assert_near(tl_schedule_rate(&s, 119), 2e-3, 0);
}

static void test_names(void **state)
{
    enum tl_schedule_kind kind;
    (void)state;
    for (int i = 0; i < TL_SCHEDULES; i++) {
        assert_int_equal(tl_schedule_find(tl_schedules[i].name, &kind), 0);
        assert_int_equal(kind, i);
    }
    assert_int_equal(tl_schedule_find("cosinus", &kind), TL_E_USAGE);
    assert_string_equal(tl_error_text(), "unknown schedule \"cosinus\" (there are: cosine wsd constant)");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_all_warm_up), cmocka_unit_test(test_cosine), cmocka_unit_test(test_wsd),
        cmocka_unit_test(test_constant), cmocka_unit_test(test_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
