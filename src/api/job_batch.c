/* SPDX-License-Identifier: MIT */
/* The job "batch": requests of a file answered together, or with "forecast" only counted. With a model that has nothing but
 * its vocabulary the forecast has no speeds. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "api/job.h"
#include "base/array.h"
#include "base/error.h"
#include "base/json.h"
#include "engine/batch.h"

struct options {
    const char *input, *output, *defaults, *surveyed;
    uint64_t sequences;
    bool forecast;
};

#define ROW(...) TL_OPTION_ROW(struct options, __VA_ARGS__)
static const struct tl_option rows[] = {
    ROW(input, FILE, "input", "FILE", .help = "requests, a line each"),
    ROW(output, FILE, "output", "FILE", .help = "answers, a line each"),
    ROW(sequences, U64, "sequences", "N", .max = 65536, .help = "at a time; 0: all that the model has"),
    ROW(defaults, TEXT, "defaults", "JSON", .help = "an object: fields that requests leave unsaid"),
    ROW(surveyed, TEXT, "surveyed", "JSON", .help = "the forecast of the same input, made before"),
    ROW(forecast, FLAG, "forecast", NULL, .help = "counts, answers nothing"),
};

/* --- the survey as JSON ----------------------------------------------------------------------------------------------------- */

static const struct { const char *name; size_t at; } counts[] = {
#define COUNT(member) {#member, offsetof(struct tl_batch_survey, member)}
    COUNT(requests), COUNT(refused), COUNT(choices), COUNT(prompt_tokens), COUNT(answer_tokens), COUNT(unbounded), COUNT(longest),
#undef COUNT
};

enum { COUNTS = TL_COUNT(counts) };

static void write_forecast(const struct tl_batch_report *report, struct tl_buffer *out)
{
    const struct tl_batch_survey *survey = &report->survey;
    const struct tl_batch_forecast *forecast = &report->forecast;
    char hex[2 * TL_SHA256_BYTES + 1];
    tl_sha256_hex(survey->input, hex);
    tl_buffer_printf(out, "{\"input_sha256\":\"%s\"", hex);
    for (int i = 0; i < COUNTS; i++)
        tl_buffer_printf(out, ",\"%s\":%" PRIu64, counts[i].name, *(const uint64_t *)((const char *)survey + counts[i].at));
    tl_buffer_printf(out, ",\"first_refused\":");
    tl_buffer_json_string(out, survey->first_refused, strlen(survey->first_refused));
    tl_buffer_printf(out, ",\"sequences\":%" PRIu32 ",\"context\":%" PRIu32 ",\"seconds\":%.4g,\"read_bytes\":%.4g", forecast->sequences,
                     forecast->context, forecast->seconds, forecast->bytes);
    tl_buffer_printf(out, ",\"resumed\":%" PRIu64 "}", report->resumed);
}

static int read_digest(const struct tl_json *json, uint8_t ret_digest[TL_SHA256_BYTES])
{
    static const char digits[] = "0123456789abcdef";
    if (json->string.len != 2 * TL_SHA256_BYTES)
        return tl_fail(TL_E_USAGE, "surveyed: expected the digest of an input");
    for (size_t i = 0; i < 2 * TL_SHA256_BYTES; i++) {
        const char *found = json->string.data[i] ? strchr(digits, json->string.data[i]) : NULL;
        if (!found)
            return tl_fail(TL_E_USAGE, "surveyed: expected the digest of an input");
        ret_digest[i / 2] = (uint8_t)(ret_digest[i / 2] << 4 | (found - digits));
    }
    return 0;
}

static int read_member(struct tl_json *json, struct tl_batch_survey *survey)
{
    for (int i = 0; i < COUNTS; i++)
        if (tl_json_is(json, counts[i].name))
            return tl_json_u64(json, UINT64_C(1) << 50, (uint64_t *)((char *)survey + counts[i].at));
    bool digest = tl_json_is(json, "input_sha256"), refused = tl_json_is(json, "first_refused");
    if (!digest && !refused)
        return tl_json_skip(json);
    int event = tl_json_next(json);
    if (event == TL_JSON_STRING && refused)
        snprintf(survey->first_refused, sizeof(survey->first_refused), "%s", json->string.data);
    return event < 0 || event != TL_JSON_STRING || refused ? event : read_digest(json, survey->input);
}

static int read_survey(const char *text, struct tl_batch_survey *ret_survey)
{
    struct tl_json json;
    *ret_survey = (struct tl_batch_survey){0};
    tl_json_init(&json, "surveyed", text, strlen(text));
    int status = tl_json_next(&json);
    if (status >= 0 && status != TL_JSON_OBJECT)
        status = tl_fail(TL_E_USAGE, "surveyed: expected an object");
    while (status >= 0 && (status = tl_json_next(&json)) == TL_JSON_KEY)
        status = read_member(&json, ret_survey);
    tl_json_done(&json);
    return status == TL_E_FILE ? TL_E_USAGE : status;
}

/* --- the job ---------------------------------------------------------------------------------------------------------------- */

static void write_report(struct tl_engine *engine, const struct tl_batch_report *report, struct tl_buffer *out)
{
    double seconds = report->seconds, possible = report->drive_bytes_per_s * seconds;
    uint64_t read = tl_meter_get(&engine->meters, TL_METER_FILE_BYTES) + tl_meter_get(&engine->meters, TL_METER_DRIVE_BYTES);
    tl_buffer_printf(out, "{\"requests\":%" PRIu64 ",\"failed\":%" PRIu64 ",\"resumed\":%" PRIu64 ",\"sequences\":%" PRIu32,
                     report->survey.requests, report->failed, report->resumed, report->sequences);
    tl_buffer_printf(out, ",\"prompt_tokens\":%" PRIu64 ",\"reused_tokens\":%" PRIu64 ",\"tokens\":%" PRIu64 ",\"steps\":%" PRIu64,
                     report->prompt_tokens, report->reused_tokens, report->tokens, report->steps);
    tl_buffer_printf(out, ",\"seconds\":%.6g,\"tokens_per_s\":%.6g,\"read_bytes\":%" PRIu64 ",\"drive_bytes\":%" PRIu64, seconds,
                     seconds > 0 ? (double)report->tokens / seconds : 0, read, report->drive_bytes);
    tl_buffer_printf(out, ",\"missed_bytes\":%" PRIu64, report->missed_bytes);
    tl_buffer_printf(out, ",\"drive_bytes_per_s\":%.4g,\"drive_busy_share\":%.4g,\"drive_share\":%.4g,\"forecast\":", report->drive_bytes_per_s,
                     seconds > 0 ? report->drive_busy_seconds / seconds : 0, possible > 0 ? (double)report->missed_bytes / possible : 0);
    write_forecast(report, out);
    tl_buffer_printf(out, "}");
}

int tl_job_batch(struct tl_job_run *run)
{
    struct options options = {0};
    struct tl_batch_survey survey;
    struct tl_batch_report report;
    int status = tl_job_options(run, rows, TL_COUNT(rows), &options);
    if (status >= 0 && (!options.input || !options.output))
        status = tl_fail(TL_E_USAGE, "option %s: missing", options.input ? "output" : "input");
    if (status >= 0 && !run->engine)
        status = tl_fail(TL_E_USAGE, "a job of the kind \"batch\" needs a model");
    if (status >= 0 && options.surveyed)
        status = read_survey(options.surveyed, &survey);
    if (status < 0)
        return status;
    struct tl_batch_order order = {.input = options.input, .output = options.output, .defaults = options.defaults,
                                   .sequences = (uint32_t)options.sequences, .surveyed = options.surveyed ? &survey : NULL};
    if (options.forecast)
        status = tl_batch_forecast(run->engine, &order, &run->progress, &report);
    else
        status = tl_batch_run(run->engine, &order, &run->progress, &report);
    if (status < 0)
        return status;
    if (options.forecast)
        write_forecast(&report, &run->report);
    else
        write_report(run->engine, &report, &run->report);
    return run->report.status;
}
