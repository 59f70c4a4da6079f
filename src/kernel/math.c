/* SPDX-License-Identifier: MIT */
/* Scalar mathematics that does not depend on the C library: the float functions as every level computes them, and the
 * functions behind tables (log, sine and cosine, powers), which are computed in double and rounded once.
 * Only +, -, *, /, fma and bit operations occur, so the results are the same on every machine. */
#include "kernel/kernel.h"

#include <math.h>

#include "kernel/ref/lanes.h"
#include "kernel/math.h"

float tl_exp(float x)
{
    return lanes_exp(lanes_set(x)).v;
}

float tl_tanh(float x)
{
    return lanes_tanh(lanes_set(x)).v;
}

static uint64_t bits_of(double x)
{
    union { double d; uint64_t u; } bits = { .d = x };
    return bits.u;
}

static double from_bits(uint64_t u)
{
    union { uint64_t u; double d; } bits = { .u = u };
    return bits.d;
}

/* Splits a positive normal x = 2^k * m, m in [sqrt(1/2), sqrt(2)). */
static double split(double x, int *ret_exponent)
{
    uint64_t bits = bits_of(x);
    int exponent = (int)(bits >> 52) - 1023;
    double m = from_bits((bits & 0xfffffffffffffu) | 0x3ff0000000000000u);
    if (m >= 0x1.6a09e667f3bcdp0) {
        m *= 0.5;
        exponent++;
    }
    *ret_exponent = exponent;
    return m;
}

/* atanh(s) / s - 1 = z / 3 + z^2 / 5 + ..., z = s^2 <= 0.0295: ten terms leave 1e-17. */
static double atanh_tail(double z)
{
    double sum = 0.0;
    for (int k = 10; k >= 1; k--)
        sum = (sum + 1.0 / (2 * k + 1)) * z;
    return sum;
}

/* The logarithm of a positive normal number as the sum of two doubles, good to about 2^-60.
 * log m = 2 atanh(f / (2 + f)), f = m - 1; the quotient is carried with its rounding error. */
static void log_two_part(double x, double *ret_high, double *ret_low)
{
    int k;
    double f = split(x, &k) - 1.0;
    double divisor = 2.0 + f, divisor_low = f - (divisor - 2.0);
    double s = f / divisor;
    double s_low = (fma(-s, divisor, f) - s * divisor_low) / divisor;
    double low = 2.0 * (s_low + s * atanh_tail(s * s)) + k * 0x1.ef35793c7673p-45;
    double base = k * 0x1.62e42fefa38p-1;                           /* exact: 42 bits of ln 2 */
    double high = base + 2.0 * s;
    low += 2.0 * s - (high - base);                                 /* |base| > |2s| or base is 0: the error is exact */
    *ret_high = high;
    *ret_low = low;
}

/* e^(high + low), rounded about correctly. */
static double exp_two_part(double high, double low)
{
    if (!(high < 709.0))
        return high != high ? high : (double)__builtin_inf();
    if (high < -708.0)
        return 0.0;
    double magic = 0x1.8p52;
    double n = (high * 0x1.71547652b82fep0 + magic) - magic;
    double r = fma(-n, 0x1.62e42fefa38p-1, high);
    double r_low = low - n * 0x1.ef35793c7673p-45;
    r += r_low;
    double sum = 1.0;                                               /* Taylor, Horner: 1 + r/13 * (...) */
    for (int k = 14; k >= 2; k--)
        sum = 1.0 + sum * r / k;
    double y = 1.0 + r * sum;
    return from_bits(bits_of(y) + ((uint64_t)(int64_t)n << 52));
}

float tl_log(float x)
{
    if (!(x > 0.0f))
        return x == 0.0f ? -__builtin_inff() : __builtin_nanf("");
    if (x > 0x1.fffffep127f)
        return x;
    double high, low;
    log_two_part(x, &high, &low);
    return (float)(high + low);
}

double tl_pow(double base, double exponent)
{
    if (!(base > 0.0) || exponent != exponent)
        return __builtin_nan("");
    if (exponent == 0.0 || base == 1.0)
        return 1.0;
    if (base > 0x1.fffffffffffffp1023)
        return exponent > 0 ? base : 0.0;
    if (base < 0x1p-1022)
        return exponent > 0 ? 0.0 : (double)__builtin_inf();
    double high, low;
    log_two_part(base, &high, &low);
    double product = exponent * high;
    if (!(product < 709.0 && product > -708.0))
        return exp_two_part(product, 0.0);
    return exp_two_part(product, fma(exponent, high, -product) + exponent * low);
}

/* Taylor sums on |r| <= pi / 4: the first term left out is below 1e-16 of the result. */
static double sin_of(double r)
{
    double z = r * r, sum = 0.0;
    for (int k = 17; k >= 3; k -= 2)
        sum = (1.0 + sum) * -z / (double)(k * (k - 1));
    return r + r * sum;
}

static double cos_of(double r)
{
    double z = r * r, sum = 0.0;
    for (int k = 16; k >= 2; k -= 2)
        sum = (1.0 + sum) * -z / (double)(k * (k - 1));
    return 1.0 + sum;
}

/* r = angle - n * pi / 2 in three steps: pi / 2 is cut into 28, 28 and 53 bits, so that the first two products are exact. */
void tl_sin_cos(float angle, float *ret_sin, float *ret_cos)
{
    if (!(angle >= -0x1p24f && angle <= 0x1p24f)) {
        *ret_sin = *ret_cos = __builtin_nanf("");
        return;
    }
    double magic = 0x1.8p52;
    double n = (angle * 0x1.45f306dc9c883p-1 + magic) - magic;
    double r = angle - n * 0x1.921fb54p0;
    r -= n * 0x1.10b4610p-30;
    r -= n * 0x1.a62633145c06ep-58;
    double sine = sin_of(r), cosine = cos_of(r);
    int quadrant = (int)((int64_t)n & 3);
    double turned_sin = quadrant & 1 ? cosine : sine, turned_cos = quadrant & 1 ? sine : cosine;
    *ret_sin = (float)(quadrant & 2 ? -turned_sin : turned_sin);
    *ret_cos = (float)((quadrant + 1) & 2 ? -turned_cos : turned_cos);
}
