/* SPDX-License-Identifier: MIT */
/* Logits against Hugging Face transformers, from safetensors and from GGUF: the largest difference is at most 1e-4 of the
 * logits' standard deviation for F32 weights; F16 and BF16 are compared with the exactly decoded weights too, which their
 * activations' rounding (bf16) or nothing but order (f16) separates. */
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

/* Native formats round activations to 8 bits or bf16, after which other experts may be chosen: a limit on nonsense alone,
 * of the root mean square as well as of the largest difference. */
#define NATIVE_ROUNDED 5.0

struct rows { const struct golden *golden; double worst, sum, sum_squares, errors; size_t n_rows, same_best; };

static int compare(void *context, size_t position, const float *logits, size_t vocabulary)
{
    struct rows *rows = context;
    const float *expected = rows->golden->logits + position * vocabulary;
    if (vocabulary != rows->golden->vocab)
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
    rows->n_rows++;
    return 0;
}

static void check(const struct golden *golden, const char *path, const char *activations, double limit)
{
    struct trill_model_options options;
    struct trill_model *model;
    struct trill_session *session;
    struct rows rows = { .golden = golden };
    trill_model_options_init(&options, sizeof(options));
    options.activations = activations;
    options.kv = "f32";
    if (trill_model_open(path, &options, &model) < 0)
        fail_msg("%s: %s", path, trill_error());
    assert_int_equal(trill_session_open(model, &session), 0);
    assert_int_equal(trill_session_set(session, golden->ids, golden->n_ids), 0);
    if (trill_session_compute(session, compare, &rows) < 0)
        fail_msg("%s: %s", path, trill_error());
    double n = (double)rows.n_rows * (double)golden->vocab, mean = rows.sum / n, deviation = sqrt(rows.sum_squares / n - mean * mean);
    print_message("  %-20s %-4s over the standard deviation: largest difference %.2e, root mean square %.2e; best token %zu of %zu\n",
                  strrchr(path, '/') + 1, activations, rows.worst / deviation, sqrt(rows.errors / n) / deviation, rows.same_best, rows.n_rows);
    assert_int_equal(rows.n_rows, golden->n_ids);
    assert_true(rows.worst <= limit * deviation);
    assert_true(sqrt(rows.errors / n) <= limit / 4 * deviation);
    trill_session_close(session);
    trill_model_close(model);
}

static void test_case(const struct golden *golden)
{
    bool native = strstr(golden->name, "-mxfp4") || strstr(golden->name, "-fp8") || strstr(golden->name, "-int4");
    double rounded = native ? NATIVE_ROUNDED : strstr(golden->name, "bf16") ? 5e-2 : 1e-4;
    check(golden, golden->folder, "f32", 1e-4);
    check(golden, golden->folder, "auto", rounded);
    if (golden->gguf[0] && native)
        check(golden, golden->gguf, "f32", 1e-4);
    if (golden->gguf[0])
        check(golden, golden->gguf, "auto", rounded);
}

static void test_all(void **state)
{
    (void)state;
    assert_true(golden_each(test_case) >= 4);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_all) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
