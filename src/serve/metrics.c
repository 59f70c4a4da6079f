/* SPDX-License-Identifier: MIT */
/* Counting, and Prometheus' text format (version 0.0.4). */
#include "serve/metrics.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/array.h"
#include "serve/answers.h"

static const double seconds[] = {0.001, 0.002, 0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 900, 3600, 14400};
static const double tokens[] = {1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10000, 20000, 50000, 100000, 200000, 500000, 1e6, 1e7};
_Static_assert(TL_COUNT(seconds) == TL_HISTOGRAM_BUCKETS && TL_COUNT(tokens) == TL_HISTOGRAM_BUCKETS, "as many bounds as buckets");

#define SECONDS seconds
#define TOKENS tokens
static const struct { const char *name; const double *bounds; const char *help; } histograms[] = {
#define HISTOGRAM(id, name, kind, help) {name, kind, help},
#define COUNTER(id, name, help)
#include "serve/metrics.def"
#undef HISTOGRAM
#undef COUNTER
};

static const struct { const char *name, *help; } counters[] = {
#define HISTOGRAM(id, name, kind, help)
#define COUNTER(id, name, help) {name, help},
#include "serve/metrics.def"
#undef HISTOGRAM
#undef COUNTER
};

static const char *const finishes[TL_FINISHES] = {"stop", "length", "tool_calls", "cancelled", "error", "other"};

void tl_metrics_observe(struct tl_metrics *metrics, enum tl_histogram_id id, double value)
{
    struct tl_histogram *histogram = &metrics->histogram[id];
    size_t at = 0;
    value = value > 0 ? value : 0;
    while (at < TL_HISTOGRAM_BUCKETS && value > histograms[id].bounds[at])
        at++;
    histogram->bucket[at]++;
    histogram->micros += (uint64_t)(value * 1e6 + 0.5);
}

static void count(struct tl_metrics *metrics, enum tl_counter_id id, uint64_t n)
{
    metrics->counter[id] += n;
}

void tl_metrics_answered(struct tl_metrics *metrics, const struct tl_answer_note *note)
{
    const struct trill_answered *sums = &note->sums;
    size_t finish = 0;
    while (finish < TL_FINISHES - 1 && strcmp(finishes[finish], note->finish) != 0)
        finish++;
    metrics->finished[finish]++;
    count(metrics, TL_COUNTER_PROMPT_TOKENS, sums->prompt_tokens);
    count(metrics, TL_COUNTER_PREFIX_QUERIES, sums->prompt_tokens);
    count(metrics, TL_COUNTER_PREFIX_HITS, sums->reused_tokens);
    count(metrics, TL_COUNTER_GENERATION_TOKENS, sums->tokens);
    count(metrics, TL_COUNTER_DRAFT_TOKENS, sums->drafted_tokens);
    count(metrics, TL_COUNTER_ACCEPTED_TOKENS, sums->accepted_tokens);
    tl_metrics_observe(metrics, TL_HISTOGRAM_E2E_REQUEST_LATENCY, note->seconds);
    tl_metrics_observe(metrics, TL_HISTOGRAM_REQUEST_QUEUE_TIME, note->queue_seconds);
    if (!sums->finish)
        return;
    tl_metrics_observe(metrics, TL_HISTOGRAM_TIME_TO_FIRST_TOKEN, note->queue_seconds + sums->first_token_seconds);
    tl_metrics_observe(metrics, TL_HISTOGRAM_REQUEST_PREFILL_TIME, sums->prefill_seconds);
    tl_metrics_observe(metrics, TL_HISTOGRAM_REQUEST_DECODE_TIME, sums->decode_seconds);
    tl_metrics_observe(metrics, TL_HISTOGRAM_REQUEST_PROMPT, sums->prompt_tokens);
    tl_metrics_observe(metrics, TL_HISTOGRAM_REQUEST_GENERATION, sums->tokens);
}

void tl_metrics_replied(struct tl_metrics *metrics, int http_status)
{
    metrics->http[http_status >= 100 && http_status < 600 ? http_status / 100 : 0]++;
}

/* --- the text ------------------------------------------------------------------------------------------------------------- */

void tl_metrics_head(struct tl_buffer *out, const char *prefix, const char *name, const char *type, const char *help)
{
    tl_buffer_printf(out, "# HELP %s%s %s\n# TYPE %s%s %s\n", prefix, name, help, prefix, name, type);
}

/* The value of a label: backslashes, quotes and line ends are escaped. */
static void write_label(struct tl_buffer *out, const char *value)
{
    for (; *value; value++) {
        if (*value == '\n')
            tl_buffer_append(out, "\\n", 2);
        else
            tl_buffer_printf(out, "%s%c", *value == '\\' || *value == '"' ? "\\" : "", *value);
    }
}

void tl_metrics_sample(struct tl_buffer *out, const char *prefix, const char *name, const char *model, const char *labels, double value)
{
    tl_buffer_printf(out, "%s%s{model_name=\"", prefix, name);
    write_label(out, model);
    tl_buffer_printf(out, "\"%s%s} %.15g\n", *labels ? "," : "", labels, value);
}

static void write_histogram(struct tl_histogram *histogram, size_t id, const char *prefix, const char *model, struct tl_buffer *out)
{
    char name[96], labels[32];
    uint64_t sum = 0;
    tl_metrics_head(out, prefix, histograms[id].name, "histogram", histograms[id].help);
    snprintf(name, sizeof(name), "%s_bucket", histograms[id].name);
    for (size_t i = 0; i <= TL_HISTOGRAM_BUCKETS; i++) {
        sum += histogram->bucket[i];
        if (i < TL_HISTOGRAM_BUCKETS)
            snprintf(labels, sizeof(labels), "le=\"%g\"", histograms[id].bounds[i]);
        else
            snprintf(labels, sizeof(labels), "le=\"+Inf\"");
        tl_metrics_sample(out, prefix, name, model, labels, (double)sum);
    }
    snprintf(name, sizeof(name), "%s_sum", histograms[id].name);
    tl_metrics_sample(out, prefix, name, model, "", (double)histogram->micros * 1e-6);
    snprintf(name, sizeof(name), "%s_count", histograms[id].name);
    tl_metrics_sample(out, prefix, name, model, "", (double)sum);
}

void tl_metrics_write(struct tl_metrics *metrics, const char *prefix, const char *model, struct tl_buffer *out)
{
    char labels[64];
    for (size_t i = 0; i < TL_HISTOGRAMS; i++)
        write_histogram(&metrics->histogram[i], i, prefix, model, out);
    for (size_t i = 0; i < TL_COUNTERS; i++) {
        tl_metrics_head(out, prefix, counters[i].name, "counter", counters[i].help);
        tl_metrics_sample(out, prefix, counters[i].name, model, "", (double)metrics->counter[i]);
    }
    tl_metrics_head(out, prefix, "request_success_total", "counter", "Requests for answers, by how they ended.");
    for (size_t i = 0; i < TL_FINISHES; i++) {
        snprintf(labels, sizeof(labels), "finished_reason=\"%s\"", finishes[i]);
        tl_metrics_sample(out, prefix, "request_success_total", model, labels, (double)metrics->finished[i]);
    }
    tl_metrics_head(out, prefix, "http_responses_total", "counter", "Responses of any kind, by the class of their status.");
    for (size_t i = 1; i < TL_HTTP_CLASSES; i++) {
        snprintf(labels, sizeof(labels), "code=\"%zuxx\"", i);
        tl_metrics_sample(out, prefix, "http_responses_total", model, labels, (double)metrics->http[i]);
    }
}
