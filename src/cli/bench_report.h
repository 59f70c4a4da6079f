/* SPDX-License-Identifier: MIT */
/* What bench prints: a markdown table line by line as results come, or one JSON document at the end. */
#ifndef TL_CLI_BENCH_REPORT_H
#define TL_CLI_BENCH_REPORT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buffer.h"
#include "cli/roofline.h"
#include "cli/streaming.h"
#include "trill.h"

enum { TL_BENCH_REPEATS = 1000 };

struct tl_bench_test {
    bool prompt;             /* pp; else tg */
    uint32_t tokens, threads;
    double samples[TL_BENCH_REPEATS];        /* tokens per second */
    size_t n_samples;
    uint64_t read_bytes;     /* from model files, during the samples */
    uint64_t drafted_tokens;
    struct tl_roofline limit;
    struct tl_streaming streaming;           /* during the samples */
};

struct tl_bench_report {
    bool json;
    size_t n_tests;
    struct tl_buffer out;
};

void tl_bench_report_init(struct tl_bench_report *report, bool json);
int tl_bench_report_add(struct tl_bench_report *report, const struct tl_bench_test *test,
                        const struct trill_model_figures *figures);
int tl_bench_report_end(struct tl_bench_report *report);
void tl_bench_report_done(struct tl_bench_report *report);

int tl_bench_report_peaks(const struct trill_peaks *peaks, const uint32_t *threads, size_t count, bool json);

#endif
