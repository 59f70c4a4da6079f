/* SPDX-License-Identifier: MIT */
/* The scaling law: known points, and that the best sizes are the best. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "plan/loss.h"

static void points(void **state)
{
    static const struct { double parameters, tokens, loss; } cases[] = {
        {70e9, 1.4e12, 1.9729}, {300e6, 2e9, 3.1800}, {1e9, 20e9, 2.5267},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        double loss = tl_loss(cases[i].parameters, cases[i].tokens);
        if (fabs(loss - cases[i].loss) > 1e-3)
            fail_msg("%g parameters, %g tokens: %.4f", cases[i].parameters, cases[i].tokens, loss);
        assert_true(loss > tl_loss_floor());
    }
    assert_true(tl_loss(1e30, 1e30) - tl_loss_floor() < 1e-6);
    assert_true(tl_loss_operations(1e9, 20e9) == 1.2e20);
}

static void best(void **state)
{
    (void)state;
    for (double operations = 1e17; operations < 1e26; operations *= 10) {
        double parameters, tokens;
        tl_loss_best(operations, &parameters, &tokens);
        assert_true(fabs(tl_loss_operations(parameters, tokens) / operations - 1) < 1e-9);
        double loss = tl_loss(parameters, tokens);
        assert_true(loss < tl_loss(parameters * 1.1, tokens / 1.1) && loss < tl_loss(parameters / 1.1, tokens * 1.1));
        assert_true(tokens / parameters > 5 && tokens / parameters < 60);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(points), cmocka_unit_test(best)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
