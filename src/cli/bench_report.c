/* SPDX-License-Identifier: MIT */
/* The table has the columns of llama-bench and two more: how fast weights are read, and the share of the limit. */
#include "cli/bench_report.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>

#include "cli/command.h"
#include "cli/output.h"

void tl_bench_report_init(struct tl_bench_report *report, bool json)
{
    *report = (struct tl_bench_report){.json = json};
    tl_buffer_init(&report->out, 0);
}

void tl_bench_report_done(struct tl_bench_report *report)
{
    tl_buffer_done(&report->out);
}

static double mean_of(const struct tl_bench_test *test)
{
    double sum = 0;
    for (size_t i = 0; i < test->n_samples; i++)
        sum += test->samples[i];
    return test->n_samples ? sum / (double)test->n_samples : 0;
}

/* Of the sample (n - 1). */
static double deviation_of(const struct tl_bench_test *test, double mean)
{
    double sum = 0;
    for (size_t i = 0; i < test->n_samples; i++)
        sum += (test->samples[i] - mean) * (test->samples[i] - mean);
    return test->n_samples > 1 ? sqrt(sum / (double)(test->n_samples - 1)) : 0;
}

static double share_of(const struct tl_bench_test *test, double mean)
{
    return mean * test->limit.seconds / test->tokens;
}

static void append_json(struct tl_bench_report *report, const struct tl_bench_test *test,
                        const struct trill_model_figures *figures)
{
    struct tl_buffer *out = &report->out;
    double mean = mean_of(test);
    tl_buffer_printf(out, "%s{\"test\":\"%s%" PRIu32 "\",\"threads\":%" PRIu32, report->n_tests ? ",\n " : "[",
                     test->prompt ? "pp" : "tg", test->tokens, test->threads);
    tl_buffer_printf(out, ",\"mean_tokens_per_s\":%.6g,\"sd_tokens_per_s\":%.6g,\"samples_tokens_per_s\":[", mean,
                     deviation_of(test, mean));
    for (size_t i = 0; i < test->n_samples; i++)
        tl_buffer_printf(out, "%s%.6g", i ? "," : "", test->samples[i]);
    tl_buffer_printf(out, "],\"read_bytes\":%" PRIu64 ",\"weight_bytes_per_token\":%" PRIu64 ",\"drafted_tokens\":%" PRIu64, test->read_bytes,
                     figures->bytes_per_token, test->drafted_tokens);
    tl_buffer_printf(out, ",\"roofline_share\":%.6g,\"bound\":\"%s\"", share_of(test, mean), test->limit.bound);
    tl_buffer_printf(out, ",\"architecture\":\"%s\",\"format\":\"%s\",\"cpu\":\"%s\",\"kv\":\"%s\"", figures->architecture,
                     figures->format, figures->cpu, figures->kv);
    tl_buffer_printf(out, ",\"peak_bytes\":%" PRIu64, test->streaming.after.peak_bytes);
    tl_streaming_json(&test->streaming, out);
    tl_buffer_printf(out, "}");
}

static const char table_head[] =
    "| model                    |       size |    params | backend | threads |     test |                  t/s |   GB/s |   share of limit |\n"
    "| ------------------------ | ---------: | --------: | ------- | ------: | -------: | -------------------: | -----: | ---------------: |\n";

static void append_row(struct tl_bench_report *report, const struct tl_bench_test *test,
                       const struct trill_model_figures *figures)
{
    char model[64], name[24], speed[48], rate[24] = "", share[32] = "";
    struct tl_buffer *out = &report->out;
    double mean = mean_of(test);
    if (report->n_tests == 0)
        tl_buffer_append(out, table_head, sizeof table_head - 1);
    snprintf(model, sizeof model, "%.30s %.30s", figures->architecture, figures->format);
    snprintf(name, sizeof name, "%s%" PRIu32, test->prompt ? "pp" : "tg", test->tokens);
    snprintf(speed, sizeof speed, "%.2f ± %.2f", mean, deviation_of(test, mean));
    if (!test->prompt && !test->drafted_tokens)          /* a step with a draft reads the weights once, too */
        snprintf(rate, sizeof rate, "%.2f", mean * (double)figures->bytes_per_token * 1e-9);
    if (test->limit.seconds > 0)
        snprintf(share, sizeof share, "%.0f %% %s", 100 * share_of(test, mean), test->limit.bound);
    bool gib = figures->weight_bytes >= UINT64_C(1) << 30, billions = figures->parameters >= 1000000000;
    tl_buffer_printf(out, "| %-24.24s | %6.2f %s | %7.2f %s | %-7.7s |", model,
                     (double)figures->weight_bytes / (gib ? 1 << 30 : 1 << 20), gib ? "GiB" : "MiB",
                     (double)figures->parameters * (billions ? 1e-9 : 1e-6), billions ? "B" : "M", figures->cpu);
    tl_buffer_printf(out, " %7" PRIu32 " | %8s | %21s | %6s | %16s |\n", test->threads, name, speed, rate, share);
}

int tl_bench_report_add(struct tl_bench_report *report, const struct tl_bench_test *test,
                        const struct trill_model_figures *figures)
{
    if (report->json)
        append_json(report, test, figures);
    else
        append_row(report, test, figures);
    report->n_tests++;
    if (report->json)
        return report->out.status;
    int r = tl_output_buffer(&report->out);
    tl_buffer_clear(&report->out);
    tl_streaming_note(&test->streaming);
    return r;
}

int tl_bench_report_end(struct tl_bench_report *report)
{
    if (!report->json)
        return 0;
    tl_buffer_printf(&report->out, report->n_tests ? "]\n" : "[]\n");
    return tl_output_buffer(&report->out);
}

static const struct peak { const char *name, *label; double unit; size_t offset; } peak_rows[] = {
    {"memory_bytes_per_s", "memory, GB/s", 1e-9, offsetof(struct trill_peaks, memory_bytes_per_s)},
    {"int8_ops_per_s", "int8, Gops/s", 1e-9, offsetof(struct trill_peaks, int8_ops_per_s)},
    {"bf16_flops", "bf16, GFLOP/s", 1e-9, offsetof(struct trill_peaks, bf16_flops)},
    {"f32_flops", "f32, GFLOP/s", 1e-9, offsetof(struct trill_peaks, f32_flops)},
};

static double peak_value(const struct trill_peaks *peaks, const struct peak *row)
{
    return *(const double *)(const void *)((const char *)peaks + row->offset);
}

static void append_peaks_json(const struct trill_peaks *peaks, const uint32_t *threads, size_t count, struct tl_buffer *out)
{
    for (size_t row = 0; row < TL_COUNT(peak_rows); row++) {
        tl_buffer_printf(out, "%s\"%s\":{", row ? "," : "{", peak_rows[row].name);
        for (size_t i = 0; i < count; i++)
            tl_buffer_printf(out, "%s\"%" PRIu32 "\":%.6g", i ? "," : "", threads[i], peak_value(&peaks[i], &peak_rows[row]));
        tl_buffer_printf(out, "}");
    }
    tl_buffer_printf(out, "}\n");
}

static void append_peaks_table(const struct trill_peaks *peaks, const uint32_t *threads, size_t count, struct tl_buffer *out)
{
    tl_buffer_printf(out, "| %-14s |", "threads");
    for (size_t i = 0; i < count; i++)
        tl_buffer_printf(out, " %10" PRIu32 " |", threads[i]);
    tl_buffer_printf(out, "\n| -------------- |");
    for (size_t i = 0; i < count; i++)
        tl_buffer_printf(out, " ---------: |");
    for (size_t row = 0; row < TL_COUNT(peak_rows); row++) {
        tl_buffer_printf(out, "\n| %-14s |", peak_rows[row].label);
        for (size_t i = 0; i < count; i++)
            tl_buffer_printf(out, " %10.2f |", peak_value(&peaks[i], &peak_rows[row]) * peak_rows[row].unit);
    }
    tl_buffer_printf(out, "\n");
}

int tl_bench_report_peaks(const struct trill_peaks *peaks, const uint32_t *threads, size_t count, bool json)
{
    struct tl_buffer out;
    tl_buffer_init(&out, 0);
    if (json)
        append_peaks_json(peaks, threads, count, &out);
    else
        append_peaks_table(peaks, threads, count, &out);
    int r = tl_output_buffer(&out);
    tl_buffer_done(&out);
    return r;
}
