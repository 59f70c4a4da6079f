/* SPDX-License-Identifier: MIT */
/* Statistics: known values (exact sums over all signs and all counts, by other means), and that tests hold what they promise. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <cmocka.h>

#include "compress/stats.h"

enum { MOST = 8, TRIALS = 200, VALUES = 40 };

static void near(double found, double expected)
{
    if (!(fabs(found - expected) <= 1e-8 * fmax(1, fabs(expected))))
        fail_msg("%.12g, expected %.12g", found, expected);
}

static const struct { double values[MOST]; uint64_t n; double mean, se, p; int beyond; } means[] = {
    {{0}, 0, 0, 0, 1, 0},
    {{3}, 1, 3, 0, 1, 0},
    {{1, 2, 3, 4}, 4, 2.5, 0.645497224367903, 0.125, 1},
    {{-1, 1}, 2, 0, 1, 1, 0},
    {{0.5, -0.25, 0.75, 1.5, -2, 0.125}, 6, 0.104166666666667, 0.485644617435882, 0.84375, 0},
    {{-1, -1, -1, -1, -1, -1, -1, -1}, 8, -1, 0, 0.0078125, -1},
};

static void known_means(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(means) / sizeof(means[0]); i++) {
        struct tl_tally tally = {0};
        struct tl_eval_mean mean = tl_stats_mean(means[i].values, means[i].n);
        for (uint64_t k = 0; k < means[i].n; k++)
            tl_tally_add(&tally, means[i].values[k]);
        struct tl_eval_mean other = tl_tally_mean(&tally);
        near(mean.mean, means[i].mean);
        near(mean.se, means[i].se);
        near(other.mean, means[i].mean);
        near(other.se, means[i].se);
        near(tl_stats_sign_flip(means[i].values, means[i].n), means[i].p);
        assert_int_equal(tl_stats_beyond(&mean), means[i].beyond);
    }
}

static const struct { uint64_t a, b; double p; } mcnemar[] = {
    {0, 0, 1}, {1, 0, 1}, {5, 0, 0.0625}, {0, 6, 0.03125}, {3, 10, 0.09228515625}, {10, 3, 0.09228515625},
    {50, 50, 1}, {40, 60, 0.05688793364098079}, {1000, 1100, 0.030720707864242296},
};

static void known_tests(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(mcnemar) / sizeof(mcnemar[0]); i++)
        near(tl_stats_mcnemar(mcnemar[i].a, mcnemar[i].b), mcnemar[i].p);
}

/* Where nothing differs, p is below 0.1 about one time in ten; where much does, always. */
static void flips_of_noise(void **state)
{
    double values[VALUES];
    uint32_t seed = 1, low = 0;
    (void)state;
    for (int trial = 0; trial < TRIALS; trial++) {
        for (int i = 0; i < VALUES; i++) {
            seed = seed * 1664525 + 1013904223;
            values[i] = (double)(seed >> 8) / (1 << 24) - 0.5;
        }
        low += tl_stats_sign_flip(values, VALUES) < 0.1;
        for (int i = 0; i < VALUES; i++)
            values[i] += 0.4;
        assert_true(tl_stats_sign_flip(values, VALUES) < 0.001);
    }
    assert_in_range(low, TRIALS / 20, TRIALS / 5);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(known_means), cmocka_unit_test(known_tests), cmocka_unit_test(flips_of_noise)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
