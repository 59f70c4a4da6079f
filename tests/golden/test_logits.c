/* SPDX-License-Identifier: MIT */
/* Logits against Hugging Face transformers, from safetensors and from GGUF, within the limits of cases.c: with activations
 * in f32, where nothing but the order of sums separates them, and with those of the weights' format (bf16 or 8 bits). */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "cases.h"
#include "trill.h"

struct rows { const struct golden *golden; double worst, sum, sum_squares, errors; size_t n_rows, same_best; double row_errors[128]; };

static int by_size(const void *a, const void *b)
{
    double left = *(const double *)a, right = *(const double *)b;
    return (left > right) - (left < right);
}

static int compare(void *context, size_t position, const float *logits, size_t vocabulary)
{
    struct rows *rows = context;
    const float *expected = rows->golden->logits + position * vocabulary;
    double before = rows->errors;
    if (vocabulary != rows->golden->vocab || position >= 128)
        return 1;
    size_t best = 0, expected_best = 0;
    for (size_t i = 0; i < vocabulary; i++) {
        best = logits[i] > logits[best] ? i : best;
        expected_best = expected[i] > expected[expected_best] ? i : expected_best;
        double difference = fabs((double)logits[i] - expected[i]);
        rows->worst = !(difference <= rows->worst) ? difference : rows->worst;
        rows->errors += difference * difference;
        rows->sum += expected[i];
        rows->sum_squares += (double)expected[i] * expected[i];
    }
    rows->same_best += best == expected_best;
    rows->row_errors[rows->n_rows++] = sqrt((rows->errors - before) / (double)vocabulary);
    return 0;
}

static void check(const struct golden *golden, const char *path, bool exact)
{
    const struct golden_row *limits = golden->row;
    struct trill_model_options options;
    struct trill_model *model;
    struct trill_session *session;
    struct rows rows = { .golden = golden };
    trill_model_options_init(&options, sizeof(options));
    options.activations = exact ? "f32" : "auto";
    options.kv = "f32";
    if (trill_model_open(path, &options, &model) < 0)
        fail_msg("%s: %s", path, trill_error());
    assert_int_equal(trill_session_open(model, &session), 0);
    assert_int_equal(trill_session_set(session, golden->ids, golden->n_ids), 0);
    if (trill_session_compute(session, compare, &rows) < 0)
        fail_msg("%s: %s", path, trill_error());
    double n = (double)rows.n_rows * (double)golden->vocab, mean = rows.sum / n, deviation = sqrt(rows.sum_squares / n - mean * mean);
    qsort(rows.row_errors, rows.n_rows, sizeof(rows.row_errors[0]), by_size);
    double worst = rows.worst / deviation, rms = sqrt(rows.errors / n) / deviation, row = rows.row_errors[rows.n_rows / 2] / deviation;
    print_message("  %-20s %-4s over the standard deviation: largest difference %.2e, root mean square %.2e, of the median row %.2e; best token %zu of %zu\n",
                  strrchr(path, '/') + 1, options.activations, worst, rms, row, rows.same_best, rows.n_rows);
    assert_int_equal(rows.n_rows, golden->n_ids);
    assert_true(worst <= (exact ? limits->exact : limits->rounded));
    assert_true(row <= (exact ? limits->exact / 4 : limits->rounded_rows));
    assert_true(rows.same_best >= (exact ? 70 : limits->least_same));
    trill_session_close(session);
    trill_model_close(model);
}

static void test_case(const struct golden *golden)
{
    assert_int_equal(golden->n_ids, 70);
    for (int exact = 0; exact < 2; exact++) {
        check(golden, golden->folder, exact);
        if (golden->gguf[0])
            check(golden, golden->gguf, exact);
    }
}

static void test_all(void **state)
{
    (void)state;
    assert_true(golden_each(test_case) >= 16);
}

static void test_table(void **state)
{
    (void)state;
    golden_check_table();
    const char *name = golden_uncovered();
    if (name) {
        print_message("the architecture %s has no golden case: see tests/golden/README.md\n", name);
        skip();
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_all), cmocka_unit_test(test_table) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
