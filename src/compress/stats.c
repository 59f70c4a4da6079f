/* SPDX-License-Identifier: MIT */
/* Plain sums in doubles: values are of similar size, and millions of them lose nothing that a standard error would show. */
#include "compress/stats.h"

#include <math.h>

#include "text/random.h"

enum { EXACT = 12, FLIPS = 9999 };

struct tl_eval_mean tl_tally_mean(const struct tl_tally *t)
{
    double n = (double)t->n, mean = t->n ? t->sum / n : 0, variance = t->n > 1 ? (t->squares - n * mean * mean) / (n - 1) : 0;
    return (struct tl_eval_mean){ mean, t->n && variance > 0 ? sqrt(variance / n) : 0, t->n };
}

/* Two passes: differences may be small beside each other's values. */
struct tl_eval_mean tl_stats_mean(const double *values, uint64_t n)
{
    double sum = 0, squares = 0, mean;
    for (uint64_t i = 0; i < n; i++)
        sum += values[i];
    mean = n ? sum / (double)n : 0;
    for (uint64_t i = 0; i < n; i++)
        squares += (values[i] - mean) * (values[i] - mean);
    return (struct tl_eval_mean){ mean, n > 1 ? sqrt(squares / (double)(n - 1) / (double)n) : 0, n };
}

/* --- sign flips --------------------------------------------------------------------------------------------------- */

static double flipped(const double *values, uint64_t n, uint64_t round)
{
    uint32_t words[4], bits = 0;
    double sum = 0;
    for (uint64_t i = 0; i < n; i++) {
        if (i % 128 == 0) {
            const uint32_t counter[4] = { (uint32_t)round, (uint32_t)(i / 128), 0, 0 }, key[2] = { 0x7472696c, 0x6c000001 };
            tl_random_philox(counter, key, words);
        }
        bits = i % 32 == 0 ? words[i / 32 % 4] : bits >> 1;
        sum += bits & 1 ? values[i] : -values[i];
    }
    return sum;
}

static double all_signs(const double *values, uint64_t n, double bound)
{
    uint64_t as_far = 0;
    for (uint64_t signs = 0; signs < UINT64_C(1) << n; signs++) {
        double sum = 0;
        for (uint64_t i = 0; i < n; i++)
            sum += signs >> i & 1 ? values[i] : -values[i];
        as_far += fabs(sum) >= bound;
    }
    return (double)as_far / (double)(UINT64_C(1) << n);
}

double tl_stats_sign_flip(const double *values, uint64_t n)
{
    double sum = 0, size = 0;
    uint64_t as_far = 0;
    for (uint64_t i = 0; i < n; i++) {
        sum += values[i];
        size += fabs(values[i]);
    }
    double bound = fabs(sum) - 1e-12 * size;         /* rounding makes no difference */
    if (n <= EXACT)
        return all_signs(values, n, bound);
    for (uint64_t round = 0; round < FLIPS; round++)
        as_far += fabs(flipped(values, n, round)) >= bound;
    return (double)(1 + as_far) / (FLIPS + 1);
}

/* --- McNemar ------------------------------------------------------------------------------------------------------ */

double tl_stats_mcnemar(uint64_t only_a, uint64_t only_b)
{
    uint64_t n = only_a + only_b, fewer = only_a < only_b ? only_a : only_b;
    double p = 0, log_all = (double)n * log(2);
    for (uint64_t k = 0; k <= fewer; k++)
        p += exp(lgamma((double)n + 1) - lgamma((double)k + 1) - lgamma((double)(n - k) + 1) - log_all);
    return 2 * p < 1 ? 2 * p : 1;
}

int tl_stats_beyond(const struct tl_eval_mean *difference)
{
    bool beyond = difference->n > 1 && fabs(difference->mean) > 2 * difference->se;
    return beyond ? difference->mean > 0 ? 1 : -1 : 0;
}
