/* SPDX-License-Identifier: MIT */
/* Logits against Hugging Face transformers, from safetensors and from GGUF: the largest difference is at most 1e-4 of the
 * logits' standard deviation for F32 weights; F16 and BF16 are compared with the exactly decoded weights too, which their
 * activations' rounding (bf16) or nothing but order (f16) separates. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "cases.h"
#include "trill.h"

struct rows { const struct golden *golden; double worst, sum, sum_squares; size_t n_rows; };

static int compare(void *context, size_t position, const float *logits, size_t vocabulary)
{
    struct rows *rows = context;
    const float *expected = rows->golden->logits + position * vocabulary;
    if (vocabulary != rows->golden->vocab)
        return 1;
    for (size_t i = 0; i < vocabulary; i++) {
        double difference = fabs((double)logits[i] - expected[i]);
        rows->worst = !(difference <= rows->worst) ? difference : rows->worst;
        rows->sum += expected[i];
        rows->sum_squares += (double)expected[i] * expected[i];
    }
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
    print_message("  %-40s %-5s largest difference %.2e of the standard deviation\n", strrchr(path, '/') + 1, activations, rows.worst / deviation);
    assert_int_equal(rows.n_rows, golden->n_ids);
    assert_true(rows.worst <= limit * deviation);
    trill_session_close(session);
    trill_model_close(model);
}

static void test_case(const struct golden *golden)
{
    double rounded = strstr(golden->name, "bf16") ? 5e-2 : 1e-4;
    check(golden, golden->folder, "f32", 1e-4);
    check(golden, golden->folder, "auto", rounded);
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
