/* SPDX-License-Identifier: MIT */
/* What is counted for Prometheus, from any thread, and the text of /metrics. */
#ifndef TL_SERVE_METRICS_H
#define TL_SERVE_METRICS_H

#include <stdatomic.h>
#include <stdint.h>

#include "base/buffer.h"

enum tl_histogram_id {
#define HISTOGRAM(id, name, kind, help) TL_HISTOGRAM_##id,
#define COUNTER(id, name, help)
#include "serve/metrics.def"
#undef HISTOGRAM
#undef COUNTER
    TL_HISTOGRAMS
};

enum tl_counter_id {
#define HISTOGRAM(id, name, kind, help)
#define COUNTER(id, name, help) TL_COUNTER_##id,
#include "serve/metrics.def"
#undef HISTOGRAM
#undef COUNTER
    TL_COUNTERS
};

enum { TL_HISTOGRAM_BUCKETS = 20, TL_FINISHES = 6, TL_HTTP_CLASSES = 6 };

struct tl_histogram {
    _Atomic uint64_t bucket[TL_HISTOGRAM_BUCKETS + 1];       /* the last: above all bounds */
    _Atomic uint64_t micros;             /* the sum, in millionths */
};

struct tl_metrics {
    struct tl_histogram histogram[TL_HISTOGRAMS];
    _Atomic uint64_t counter[TL_COUNTERS];
    _Atomic uint64_t finished[TL_FINISHES];
    _Atomic uint64_t http[TL_HTTP_CLASSES];      /* responses by the first digit of their status */
};

struct tl_task;
struct tl_answer_note;

void tl_metrics_observe(struct tl_metrics *metrics, enum tl_histogram_id id, double value);
void tl_metrics_answered(struct tl_metrics *metrics, const struct tl_answer_note *note);
void tl_metrics_replied(struct tl_metrics *metrics, int http_status);

/* prefix: "trill:" or "vllm:". model: the label of all. */
void tl_metrics_write(struct tl_metrics *metrics, const char *prefix, const char *model, struct tl_buffer *out);
/* A sample with its help. labels: more of them, as `tier="memory"`, or "". A name's samples follow each other. */
void tl_metrics_head(struct tl_buffer *out, const char *prefix, const char *name, const char *type, const char *help);
void tl_metrics_sample(struct tl_buffer *out, const char *prefix, const char *name, const char *model, const char *labels, double value);

#endif
