/* SPDX-License-Identifier: MIT */
/* Prometheus' text: every row of the table, buckets that add up, labels that cannot break out. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/memory.h"
#include "serve/answers.h"
#include "serve/metrics.h"

static const char *const names[] = {
#define HISTOGRAM(id, name, kind, help) name,
#define COUNTER(id, name, help) name,
#include "serve/metrics.def"
#undef HISTOGRAM
#undef COUNTER
};

static void has(const struct tl_buffer *text, const char *part)
{
    if (!strstr(text->data, part))
        fail_msg("no '%s' in\n%s", part, text->data);
}

static void test_rows(void **state)
{
    struct tl_metrics *metrics = tl_alloc(1, sizeof(*metrics));
    struct tl_buffer text;
    char line[200];
    (void)state;
    tl_buffer_init(&text, 0);
    tl_metrics_write(metrics, "vllm:", "m", &text);
    for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
        snprintf(line, sizeof(line), "# TYPE vllm:%s ", names[i]);
        has(&text, line);
    }
    tl_buffer_done(&text);
    tl_free(metrics);
}

static void test_histogram(void **state)
{
    struct tl_metrics *metrics = tl_alloc(1, sizeof(*metrics));
    struct tl_buffer text;
    (void)state;
    tl_metrics_observe(metrics, TL_HISTOGRAM_TIME_TO_FIRST_TOKEN, 0.001);        /* on a bound: within it */
    tl_metrics_observe(metrics, TL_HISTOGRAM_TIME_TO_FIRST_TOKEN, 0.2);
    tl_metrics_observe(metrics, TL_HISTOGRAM_TIME_TO_FIRST_TOKEN, 1e9);
    tl_metrics_observe(metrics, TL_HISTOGRAM_TIME_TO_FIRST_TOKEN, -1);
    tl_buffer_init(&text, 0);
    tl_metrics_write(metrics, "trill:", "m", &text);
    has(&text, "trill:time_to_first_token_seconds_bucket{model_name=\"m\",le=\"0.001\"} 2\n");
    has(&text, "trill:time_to_first_token_seconds_bucket{model_name=\"m\",le=\"0.1\"} 2\n");
    has(&text, "trill:time_to_first_token_seconds_bucket{model_name=\"m\",le=\"0.25\"} 3\n");
    has(&text, "trill:time_to_first_token_seconds_bucket{model_name=\"m\",le=\"+Inf\"} 4\n");
    has(&text, "trill:time_to_first_token_seconds_count{model_name=\"m\"} 4\n");
    has(&text, "trill:time_to_first_token_seconds_sum{model_name=\"m\"} 1000000000.201\n");
    tl_buffer_done(&text);
    tl_free(metrics);
}

static void test_answered(void **state)
{
    struct tl_metrics *metrics = tl_alloc(1, sizeof(*metrics));
    struct tl_answer_note note = {.finish = "length", .sums = {.finish = "length", .prompt_tokens = 30, .reused_tokens = 20, .tokens = 7}};
    struct tl_buffer text;
    (void)state;
    tl_metrics_answered(metrics, &note);
    note.finish = "something new";
    tl_metrics_answered(metrics, &note);
    tl_metrics_replied(metrics, 404);
    tl_metrics_replied(metrics, 12345);
    tl_buffer_init(&text, 0);
    tl_metrics_write(metrics, "trill:", "a\"b\\c\nd", &text);
    has(&text, "trill:prompt_tokens_total{model_name=\"a\\\"b\\\\c\\nd\"} 60\n");
    has(&text, "trill:prefix_cache_hits_total{model_name=\"a\\\"b\\\\c\\nd\"} 40\n");
    has(&text, "finished_reason=\"length\"} 1\n");
    has(&text, "finished_reason=\"other\"} 1\n");
    has(&text, "code=\"4xx\"} 1\n");
    tl_buffer_done(&text);
    tl_free(metrics);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_rows), cmocka_unit_test(test_histogram), cmocka_unit_test(test_answered)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
