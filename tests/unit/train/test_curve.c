/* SPDX-License-Identifier: MIT */
/* The curve of losses: means in bounded room, whatever the number of steps. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "train/curve.h"

static void assert_near(double found, double expected, double within)
{
    if (!(fabs(found - expected) <= within))
        fail_msg("found %.17g, expected %.17g within %g", found, expected, within);
}

static void test_means(void **state)
{
    (void)state;
    for (uint64_t steps = 1; steps < 5000; steps = steps * 3 + 1) {
        static struct tl_curve curve;
        memset(&curve, 0, sizeof(curve));
        for (uint64_t i = 0; i < steps; i++)
            tl_curve_add(&curve, (double)i);
        assert_true(curve.n < TL_CURVE_POINTS);
        assert_int_equal(curve.n * curve.every + curve.n_sum, steps);
        for (uint64_t i = 0; i < curve.n; i++)
            assert_near(curve.loss[i], (double)(i * curve.every) + 0.5 * (double)(curve.every - 1), 1e-9);
    }
}

static void test_held(void **state)
{
    static struct tl_curve curve;
    (void)state;
    for (uint64_t i = 0; i < 1000; i++)
        tl_curve_add_held(&curve, i, 2 * (double)i, 0.5);
    assert_true(curve.n_held <= TL_CURVE_POINTS && curve.n_held > TL_CURVE_POINTS / 2);
    assert_int_equal(curve.held[0].step, 0);
    assert_int_equal(curve.held[curve.n_held - 1].step, 999);
    for (uint64_t i = 1; i < curve.n_held; i++) {
        assert_true(curve.held[i].step > curve.held[i - 1].step);
        assert_near(curve.held[i].nll, 2 * (double)curve.held[i].step, 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_means), cmocka_unit_test(test_held) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
