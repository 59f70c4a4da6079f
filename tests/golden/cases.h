/* SPDX-License-Identifier: MIT */
/* The golden cases, one table (cases.c): folders with a model, its ids and the logits of an independent implementation.
 * The project's own lie beside this file; ../shared/golden (or $TRILL_SHARED/golden) adds more where it exists. */
#ifndef TESTS_GOLDEN_CASES_H
#define TESTS_GOLDEN_CASES_H

#include <stddef.h>
#include <stdint.h>

/* Limits of what a model's logits differ from those stored, as parts of their standard deviation. */
struct golden_row {
    const char *name;                    /* of the folder */
    double exact;                        /* largest difference, with activations in f32 */
    double rounded, rounded_rows;        /* with the format's own activations: largest; the median row's root mean square */
    size_t least_same;                   /* rows of 70 whose best token is the same then */
};

struct golden {
    char folder[512], gguf[600];         /* gguf: empty where the case has none */
    const struct golden_row *row;
    const char *name;
    int32_t ids[128];
    size_t n_ids;
    float *logits;                       /* [n_ids][vocab] */
    size_t vocab;
};

/* Calls test(case) for each case; returns how many. Fails where one of the project's own is missing or cannot be read. */
int golden_each(void (*test)(const struct golden *golden));
/* The project's own alone: for tests that run a case in many ways. */
int golden_each_own(void (*test)(const struct golden *golden));
/* Fails where a folder beside this file has no row. */
void golden_check_table(void);
/* An architecture without a case, or NULL. */
const char *golden_uncovered(void);

#endif
