/* SPDX-License-Identifier: MIT */
/* exp by 2^n times a polynomial on [-ln 2 / 2, ln 2 / 2], log by 2 atanh((m - 1) / (m + 1)). */
#include "text/sampler_math.h"

#include <stdint.h>
#include <string.h>

static const double ln2_high = 0x1.62e42fee00000p-1, ln2_low = 0x1.a39ef35793c76p-33;      /* high: 32 bits, n * high is exact */

enum { TERMS = 14 };
static const double inverse[TERMS] = {1.0 / 6227020800, 1.0 / 479001600, 1.0 / 39916800, 1.0 / 3628800, 1.0 / 362880, 1.0 / 40320,
                                      1.0 / 5040, 1.0 / 720, 1.0 / 120, 1.0 / 24, 1.0 / 6, 0.5, 1, 1};        /* 1/13! ... 1/0! */
static const double per_ln2 = 0x1.71547652b82fep0, shift = 0x1.8p52, lowest = -708;

double tl_sampler_exp(double x)
{
    if (!(x >= lowest))
        return 0;
    double shifted = x * per_ln2 + shift, n = shifted - shift;
    double r = (x - n * ln2_high) - n * ln2_low, y = inverse[0];
    for (unsigned i = 1; i < TERMS; i++)
        y = y * r + inverse[i];
    uint64_t bits;
    memcpy(&bits, &y, sizeof bits);
    bits += (uint64_t)(int64_t)n << 52;
    memcpy(&y, &bits, sizeof bits);
    return y;
}

/* --- two at once: the operations of tl_sampler_exp in each lane --------------------------------------------------------- */

typedef double two __attribute__((vector_size(16)));
typedef int64_t two_int __attribute__((vector_size(16)));

static inline two exp_two(two x)
{
    const two_int valid = x >= lowest;
    two shifted = x * per_ln2 + shift, n = shifted - shift;
    two r = (x - n * ln2_high) - n * ln2_low, y = {inverse[0], inverse[0]};
    for (unsigned i = 1; i < TERMS; i++)
        y = y * r + inverse[i];
    /* `shifted` holds n in its low bits: exactly what has to be added to the exponent */
    return (two)(((two_int)y + ((two_int)shifted << 52)) & valid);
}

static double sum_equal(const float *logits, size_t n, float largest)
{
    double sum = 0;
    for (size_t i = 0; i < n; i++)
        sum += logits[i] == largest;
    return sum;
}

double tl_sampler_weights(const float *logits, size_t n, float largest, double temperature)
{
    two even = {0}, odd = {0};
    size_t i = 0;
    if (largest - largest != 0)
        return sum_equal(logits, n, largest);
    for (; i + 4 <= n; i += 4) {
        two a = {(double)logits[i], (double)logits[i + 1]}, b = {(double)logits[i + 2], (double)logits[i + 3]};
        even += exp_two((a - (double)largest) / temperature);
        odd += exp_two((b - (double)largest) / temperature);
    }
    double sum = (even[0] + even[1]) + (odd[0] + odd[1]);
    for (; i < n; i++)
        sum += tl_sampler_exp(((double)logits[i] - (double)largest) / temperature);
    return sum;
}

double tl_sampler_log(double x)
{
    uint64_t bits;
    memcpy(&bits, &x, sizeof bits);
    int64_t exponent = (int64_t)(bits >> 52) - 1023;
    bits = (bits & 0xFFFFFFFFFFFFF) | UINT64_C(1023) << 52;
    double m;
    memcpy(&m, &bits, sizeof m);
    if (m > 0x1.6a09e667f3bcdp0) {       /* the square root of 2 */
        m *= 0.5;
        exponent++;
    }
    double s = (m - 1) / (m + 1), square = s * s, sum = 0;
    for (int k = 23; k >= 3; k -= 2)
        sum = (sum + 1.0 / k) * square;
    return (double)exponent * ln2_low + (2 * s * sum + 2 * s) + (double)exponent * ln2_high;
}
