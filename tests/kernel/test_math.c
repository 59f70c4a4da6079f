/* SPDX-License-Identifier: MIT */
/* The scalar functions against values computed with 200 bits (mpmath), against the C library in double over a dense
 * sample of all floats, and at their limits. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <math.h>

#include "guarded.h"
#include "kernels.h"

/* Exact to the last bit: these are rounded once from double. */
static const struct { float angle, sine, cosine; } angles[] = {
    { 0x1.0624dep-10f, 0x1.0624dcp-10f, 0x1.fffffp-1f },
    { 0.5f, 0x1.eaee88p-2f, 0x1.c1528p-1f },
    { 1.0f, 0x1.aed548p-1f, 0x1.14a28p-1f },
    { 0x1.921fb4p+0f, 1.0f, 0x1.4442d2p-24f },
    { 0x1.2d97c8p+1f, 0x1.6a09e6p-1f, -0x1.6a09e6p-1f },
    { 0x1.921fb6p+1f, -0x1.777a5cp-24f, -1.0f },
    { 10.0f, -0x1.1689fp-1f, -0x1.ad9ac8p-1f },
    { 100.0f, -0x1.03425cp-1f, 0x1.b981dcp-1f },
    { 511.0f, 0x1.c37768p-1f, -0x1.e2ffcap-2f },
    { 4095.0f, -0x1.fee26cp-1f, -0x1.0e3cd8p-4f },
    { 131071.0f, -0x1.268614p-1f, -0x1.a2cebcp-1f },
    { 1048575.0f, -0x1.3b32b2p-1f, 0x1.937a46p-1f },
    { 0x1p+24f, -0x1.8f22f8p-1f, 0x1.40ad68p-1f },
    { -7.25f, -0x1.a56adcp-1f, 0x1.22c6f6p-1f },
    { 0x1.921fb6p-1f, 0x1.6a09e6p-1f, 0x1.6a09e6p-1f },
    { 0.0f, 0.0f, 1.0f },
};

static const struct { float x, log; } logs[] = {
    { 0x1.4484cp-100f, -0x1.144f6ap+6f },
    { 0x1.99999ap-4f, -0x1.26bb1cp+1f },
    { 0x1.6a09e6p-1f, -0x1.62e432p-2f },
    { 0x1.fffffcp-1f, -0x1.000002p-23f },
    { 1.0f, 0.0f },
    { 0x1.000002p+0f, 0x1.fffffep-24f },
    { 0x1.6a09e6p+0f, 0x1.62e42ep-2f },
    { 2.0f, 0x1.62e43p-1f },
    { 10.0f, 0x1.26bb1cp+1f },
    { 0x1.c363ccp+127f, 0x1.62632cp+6f },
};

/* Within one unit of the last place of double. */
static const struct { double base, exponent, power; } powers[] = {
    { 10000.0, -2.0 / 64, 0x1.7ff2224115d9ap-1 },
    { 10000.0, -62.0 / 64, 0x1.17a8e301c4436p-13 },
    { 500000.0, -126.0 / 128, 0x1.4985fec80a8cbp-19 },
    { 1e6, -254.0 / 256, 0x1.2b07b364c5e79p-20 },
    { 1e7, -0.5, 0x1.4b96be9c2da2cp-12 },
    { 2.0, 10.0, 1024.0 },
    { 0.5, -3.25, 0x1.306fe0a31b715p+3 },
    { 150000.0, -30.0 / 64, 0x1.eb2744c39e35fp-9 },
    { 0x1.000001ad7f29bp+0, 12345678.0, 0x1.b7ec18771be68p+1 },
    { 7.0, 300.0, 0x1.2763cf89c12d4p+842 },
    { 3.0, 0.0, 1.0 },
    { 1.0, 1e300, 1.0 },
};

static void test_tables(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof angles / sizeof *angles; i++) {
        float sine, cosine;
        tl_sin_cos(angles[i].angle, &sine, &cosine);
        assert_memory_equal(&sine, &angles[i].sine, 4);
        assert_memory_equal(&cosine, &angles[i].cosine, 4);
        tl_sin_cos(-angles[i].angle, &sine, &cosine);
        assert_true(sine == -angles[i].sine && cosine == angles[i].cosine);
    }
    for (size_t i = 0; i < sizeof logs / sizeof *logs; i++)
        assert_true(tl_log(logs[i].x) == logs[i].log);
    for (size_t i = 0; i < sizeof powers / sizeof *powers; i++)
        assert_true(fabs(tl_pow(powers[i].base, powers[i].exponent) / powers[i].power - 1) <= 0x1p-52);
}

/* Error in units of the last place of the true value. */
static double ulps(float found, double truth)
{
    int exponent;
    frexp(truth, &exponent);
    return fabs(found - truth) / ldexp(1.0, exponent - 24);
}

static void test_dense(void **state)
{
    (void)state;
    double worst_exp = 0, worst_tanh = 0;
    uint64_t wrong_logs = 0, count = 0;
    for (uint64_t bits = 0; bits < (uint64_t)1 << 32; bits += 4999, count++) {
        float x = float_of_bits((uint32_t)bits);
        if (x >= -87.33654f && x <= 88.72283f)
            worst_exp = fmax(worst_exp, ulps(tl_exp(x), exp(x)));
        if (fabsf(x) >= 0x1p-126f)
            worst_tanh = fmax(worst_tanh, ulps(tl_tanh(x), tanh(x)));
        if (x >= 0x1p-126f && x <= 0x1.fffffep127f)
            wrong_logs += tl_log(x) != (float)log(x);
    }
    print_message("exp within %.3f, tanh within %.3f units of the last place\n", worst_exp, worst_tanh);
    assert_true(worst_exp < 0.9);
    assert_true(worst_tanh < 2.7);
    assert_true(wrong_logs <= count / 1000000);
}

static void test_angles(void **state)
{
    (void)state;
    uint64_t seed = 7, wrong = 0, count = 200000;
    for (uint64_t i = 0; i < count; i++) {
        float angle = ldexpf(next_float(&seed), 24 - (int)(i % 40)), sine, cosine;
        tl_sin_cos(angle, &sine, &cosine);
        wrong += sine != (float)sin(angle) || cosine != (float)cos(angle);
    }
    assert_true(wrong <= 2);
}

static void test_powers(void **state)
{
    (void)state;
    static const double bases[] = { 1e4, 5e5, 1e6, 1e7, 150000, 8e6, 2, 0.3, 1.0000001 };
    uint64_t wrong = 0;
    for (size_t b = 0; b < sizeof bases / sizeof *bases; b++)
        for (int n = 2; n <= 512; n += 2)
            for (int i = 0; i < n; i += 2) {
                double power = tl_pow(bases[b], -(double)i / n), truth = pow(bases[b], -(double)i / n);
                assert_true(fabs(power / truth - 1) < 4e-16);
                wrong += (float)power != (float)truth;
            }
    assert_true(wrong <= 1);
}

static void test_limits(void **state)
{
    (void)state;
    float inf = INFINITY, nan = NAN, sine, cosine;
    assert_true(tl_exp(inf) == inf && tl_exp(88.73f) == inf && tl_exp(-inf) == 0 && tl_exp(-87.4f) == 0);
    assert_true(tl_exp(0.0f) == 1 && tl_exp(-0.0f) == 1 && tl_exp(1e-20f) == 1);
    assert_true(tl_exp(-87.33654f) >= 0x1p-126f && tl_exp(88.72283f) < inf);
    for (uint32_t payload = 1; payload < 0x800000; payload += 77773) {
        float quiet = float_of_bits(0xff800000u + payload), x = float_of_bits(0x7f800000u + payload);
        assert_true(isnan(tl_exp(x)) && isnan(tl_exp(quiet)) && isnan(tl_tanh(x)) && isnan(tl_tanh(quiet)));
    }
    assert_true(tl_tanh(inf) == 1 && tl_tanh(-inf) == -1 && tl_tanh(20.0f) == 1);
    assert_true(tl_tanh(0.0f) == 0 && !signbit(tl_tanh(0.0f)) && signbit(tl_tanh(-0.0f)));
    for (float x = 0x1p-20f; x < 11; x *= 1.01f)
        assert_true(tl_tanh(-x) == -tl_tanh(x) && tl_tanh(x) <= 1);
    assert_true(tl_log(0.0f) == -inf && tl_log(inf) == inf && isnan(tl_log(-1.0f)) && isnan(tl_log(nan)));
    tl_sin_cos(inf, &sine, &cosine);
    assert_true(isnan(sine) && isnan(cosine));
    tl_sin_cos(0x1.000002p24f, &sine, &cosine);
    assert_true(isnan(sine) && isnan(cosine));
    assert_true(tl_pow(3, -700) == 0 && tl_pow(3, 700) == INFINITY && isnan(tl_pow(-1, 2)) && isnan(tl_pow(2, NAN)));
    assert_true(tl_pow(INFINITY, -1) == 0 && tl_pow(INFINITY, 1) == INFINITY && isnan(tl_pow(NAN, 2)));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_tables), cmocka_unit_test(test_dense), cmocka_unit_test(test_angles),
        cmocka_unit_test(test_powers), cmocka_unit_test(test_limits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
