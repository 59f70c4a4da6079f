/* SPDX-License-Identifier: MIT */
/* The job "plan": of known models, of a file and of the same model without its file, of several side by side; impossible
 * wishes are refused with a sentence. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "api/plan.h"
#include "base/error.h"
#include "base/json.h"
#include "folder.h"
#include "run_job.h"

static char report[1 << 18];

static void plan(const char *format, ...)
{
    char options[1024];
    va_list args;
    va_start(args, format);
    vsnprintf(options, sizeof options, format, args);
    va_end(args);
    if (run_job("plan", options, report, sizeof report) < 0)
        fail_msg("%s: %s", options, trill_error());
    struct tl_json json;
    int event;
    tl_json_init(&json, "report", report, strlen(report));
    while ((event = tl_json_next(&json)) > TL_JSON_END)
        ;
    assert_int_equal(event, TL_JSON_END);
    tl_json_done(&json);
}

/* The first number behind "key": in the report. */
static double number(const char *key)
{
    char pattern[80];
    snprintf(pattern, sizeof pattern, "\"%s\":", key);
    const char *at = strstr(report, pattern);
    if (!at)
        fail_msg("%s is missing", key);
    return strtod(at + strlen(pattern), NULL);
}

static void test_known(void **state)
{
    (void)state;
    for (size_t i = 0; i < tl_known_count; i++) {
        plan("{\"model\": \"%s\", \"ram\": \"256G\", \"drive\": \"3GB/s\"}", tl_known[i].name);
        assert_true(fabs(number("parameters") * 1e-9 / tl_known[i].total_billions - 1) < 0.03);
        assert_true(number("decode_tokens_per_s") > 0);
        assert_true(number("peak_bytes") <= number("budget_bytes"));
        assert_true(number("low_tokens_per_s") < number("tokens_per_s") && number("tokens_per_s") < number("high_tokens_per_s"));
        assert_true(number("joules_per_token") > 0 && number("kv_bytes_per_token") > 0);
        assert_non_null(strstr(report, tl_known[i].licence));
    }
}

/* A file and its geometry are planned alike; what needs no drive reads nothing. */
static void test_file(void **state)
{
    char options[256];
    (void)state;
    snprintf(options, sizeof options, "{\"geometry\": \"qwen3-0.6b\", \"layers\": 2, \"to\": \"q8_0\", \"output\": \"%s/model.gguf\"}", folder);
    if (run_job("synth", options, NULL, 0) < 0)
        fail_msg("%s", trill_error());
    plan("{\"model\": \"%s/model.gguf\", \"ram\": \"2G\", \"context\": 1024, \"threads\": \"2\"}", folder);
    assert_true(number("weight_bytes") > 1e8 && number("weight_bytes") < 2.5e8);
    assert_true(number("context") == 1024 && number("read_bytes_per_token") == 0);
    assert_non_null(strstr(report, "\"source\":\"file\""));
    assert_non_null(strstr(report, "\"held\":\"resident\""));
    assert_true(number("prompt_tokens") == 512 && number("answer_tokens") == 128);
    double peak = number("peak_bytes");
    plan("{\"model\": \"%s/model.gguf\", \"ram\": \"2G\", \"context\": 2048, \"threads\": \"2\"}", folder);
    assert_true(number("peak_bytes") > peak);
}

/* The plan of the open model is that of its file, with the same budget. */
static void test_open(void **state)
{
    char path[64], *json = NULL;
    struct trill_model_options options;
    struct trill_model *model;
    (void)state;
    snprintf(path, sizeof path, "%s/model.gguf", folder);
    trill_model_options_init(&options, sizeof options);
    options.context = 700;
    options.threads = 2;
    options.ram_bytes = UINT64_C(2) << 30;
    if (trill_model_open(path, &options, &model) < 0)
        fail_msg("%s", trill_error());
    struct trill_model_figures figures;
    trill_model_figures(model, &figures, sizeof figures);
    if (trill_model_plan(model, "{\"memory\": \"20GB/s\", \"threads\": \"2\", \"tokens\": 100}", &json) < 0)
        fail_msg("%s", trill_error());
    snprintf(report, sizeof report, "%s", json);
    trill_free(json);
    assert_true(number("peak_bytes") == (double)figures.planned_bytes);
    assert_true(number("weight_bytes") == (double)figures.weight_bytes && number("answer_tokens") == 100);
    double rate = number("decode_tokens_per_s"), planned = number("peak_bytes");
    assert_true(rate > 0);
    assert_int_equal(trill_model_plan(model, "{\"memory\": \"quick\"}", &json), TRILL_USAGE);
    trill_model_close(model);
    plan("{\"model\": \"%s\", \"ram\": \"2G\", \"context\": 700, \"threads\": \"2\", \"memory\": \"20GB/s\", \"tokens\": 100}", path);
    assert_true(fabs(number("decode_tokens_per_s") / rate - 1) < 1e-4);
    assert_true(fabs(number("peak_bytes") - planned) < 16e6);
}

static void test_many(void **state)
{
    (void)state;
    plan("{\"model\": \"kimi-k2\", \"like\": [\"qwen3-0.6b\"], \"ram\": \"8G\", \"to\": \"q4_k,q8_0\"}");
    assert_non_null(strstr(report, "{\"plans\":[{\"model\":\"kimi-k2\""));
    size_t n = 0;
    for (const char *at = report; (at = strstr(at, "{\"model\":\"")); at++)
        n++;
    assert_int_equal(n, 4);
    plan("{\"model\": \"qwen3-0.6b\", \"like\": [\"no-such-model\"]}");
    assert_non_null(strstr(report, "\"error\":"));
}

static void test_machines(void **state)
{
    const char *path = in_folder("fast.json");
    (void)state;
    make_text(path, "{\"name\": \"fast\", \"threads\": 16, \"ram\": \"64G\", \"memory\": \"200GB/s\", \"drive\": \"14GB/s\", \"flops\": \"8T\"}");
    make_text(in_folder("machine.json"), "{\"memory\": 33e9, \"drive\": \"3GB/s\", \"measured\": [\"memory\"]}");
    plan("{\"model\": \"kimi-k2\", \"machine\": [\"%s\"]}", path);
    assert_non_null(strstr(report, "\"drive\":{\"value\":1.4e+10,\"text\":\"14 GB/s\",\"source\":\"said\"}"));
    assert_true(number("threads") == 16);
    plan("{\"model\": \"kimi-k2\", \"state\": \"%s\", \"ram\": \"32G\"}", folder);
    assert_non_null(strstr(report, "\"memory\":{\"value\":3.3e+10,\"text\":\"33 GB/s\",\"source\":\"measured\"}"));
    plan("{\"model\": \"qwen3-0.6b\", \"price-hour\": \"3.6\", \"price-kwh\": \"0\"}");
    assert_true(fabs(number("price_per_million_tokens") - 1000 / number("decode_tokens_per_s")) < 0.01 * number("price_per_million_tokens"));
}

static void test_refused(void **state)
{
    static const struct { const char *options; int status; const char *says; } rows[] = {
        {"{\"model\": \"kimi-k3x\"}", TRILL_USAGE, "unknown geometry"},
        {"{\"model\": \"kimi-k2\", \"drive\": \"fast\"}", TRILL_USAGE, "expected a rate"},
        {"{\"model\": \"kimi-k2\", \"drive\": \"-1\"}", TRILL_USAGE, "expected a rate"},
        {"{\"model\": \"kimi-k2\", \"watts\": \"nan\"}", TRILL_USAGE, "expected watts"},
        {"{\"model\": \"kimi-k2\", \"ram\": \"1G\"}", TRILL_BUDGET, "needs at least"},
        {"{\"model\": \"kimi-k2\", \"to\": \"q9\"}", TRILL_USAGE, "q9"},
        {"{\"model\": \"kimi-k2\", \"kv\": \"q2\"}", TRILL_USAGE, "q2"},
        {"{\"model\": \"kimi-k2\", \"to\": \"q4_0,,q8_0\"}", TRILL_USAGE, "two commas"},
        {"{\"model\": \"kimi-k2\", \"drvie\": 1}", TRILL_USAGE, "drive"},
        {"{\"model\": \"kimi-k2\", \"machine\": [\"/nonexistent\"]}", TRILL_IO, "/nonexistent"},
        {"{\"model\": \"kimi-k2\", \"batch\": 5000}", TRILL_USAGE, "4096"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        int status = run_job("plan", rows[i].options, NULL, 0);
        if (status != rows[i].status || !strstr(trill_error(), rows[i].says))
            fail_msg("%s: %d, %s", rows[i].options, status, trill_error());
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_known), cmocka_unit_test(test_file), cmocka_unit_test(test_open), cmocka_unit_test(test_many), cmocka_unit_test(test_machines),
        cmocka_unit_test(test_refused),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
