/* SPDX-License-Identifier: MIT */
/* Means with standard errors, and tests of two models on the same items. What is random in them follows from the data alone. */
#ifndef TL_COMPRESS_STATS_H
#define TL_COMPRESS_STATS_H

#include <stdint.h>

#include "compress/eval.h"

struct tl_tally { double sum, squares; uint64_t n; };

static inline void tl_tally_add(struct tl_tally *tally, double value)
{
    tally->sum += value;
    tally->squares += value * value;
    tally->n++;
}

/* The standard error of the mean, from the variance with n - 1; of one value it is 0. */
struct tl_eval_mean tl_tally_mean(const struct tl_tally *tally);
struct tl_eval_mean tl_stats_mean(const double *values, uint64_t n);

/* How likely a mean at least so far from 0 is where each value's sign could as well be the other: all signs where n is at most
 * 12, else 9999 rows of signs drawn at random, p = (1 + as far) / 10000 (Fisher 1935; Phipson and Smyth 2010). */
double tl_stats_sign_flip(const double *values, uint64_t n);
/* McNemar's exact test: of those items on which two models differ, only_a were solved by one and only_b by the other. */
double tl_stats_mcnemar(uint64_t only_a, uint64_t only_b);
/* -1, 0, 1: the mean's sign where it is beyond two standard errors. */
int tl_stats_beyond(const struct tl_eval_mean *difference);

#endif
