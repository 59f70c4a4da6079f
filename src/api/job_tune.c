/* SPDX-License-Identifier: MIT */
/* The job "tune": the settings with which a model is fastest here (room engine), and the file that keeps them. */
#include <inttypes.h>
#include <time.h>

#include "api/job.h"
#include "base/array.h"
#include "base/cpu.h"
#include "base/error.h"
#include "base/file.h"
#include "engine/tune.h"

struct options {
    const char *model, *output;
    struct tl_job_means means;
    double seconds, minutes;
};

#define ROW(...) TL_OPTION_ROW(struct options, __VA_ARGS__)
static const struct tl_option rows[] = {
    ROW(model, FILE, "model", "PATH", .help = "a model file or folder"),
    ROW(output, FILE, "output", "FILE", .help = "where the winners are kept, folders made; nowhere unless given"),
    TL_JOB_MEANS,
    ROW(means.context, U64, "context", "N", .min = 1, .max = 1 << 30),
    ROW(means.chunk, U64, "chunk", "N", .min = 1, .max = 1 << 20),
    ROW(seconds, F64, "seconds", "S", .fallback = "1", .min = 0.001, .max = 600, .help = "a run's prompt and its answer each take, about"),
    ROW(minutes, F64, "minutes", "M", .fallback = "10", .max = 1e5, .help = "in all, at most"),
};

/* --- the document ------------------------------------------------------------------------------------------------- */

static void put_setting(const char *name, const char *value, const char *separator, struct tl_buffer *json)
{
    bool number = value[0] >= '0' && value[0] <= '9';
    tl_buffer_printf(json, number ? "%s\"%s\":%s" : "%s\"%s\":\"%s\"", separator, name, value);
}

static void put_trial(enum tl_tune_setting setting, const struct tl_tune_trial *trial, struct tl_buffer *json)
{
    tl_buffer_printf(json, "{\"setting\":\"%s\",\"help\":\"%s\",\"why\":\"%s\"", tl_tune_name(setting), tl_tune_help(setting), trial->why);
    if (trial->n_values)
        tl_buffer_printf(json, ",\"usual\":\"%s\",\"chosen\":\"%s\",\"gain\":%.4f", trial->values[0].text, trial->values[trial->chosen].text, trial->gain);
    tl_buffer_printf(json, ",\"values\":[");
    for (uint32_t i = 0; i < trial->n_values; i++) {
        const struct tl_tune_value *value = &trial->values[i];
        tl_buffer_printf(json, "%s{\"value\":\"%s\",\"seconds\":%.6g,\"samples\":[", i ? "," : "", value->text, value->median);
        for (uint32_t k = 0; k < value->n_samples; k++)
            tl_buffer_printf(json, "%s%.6g", k ? "," : "", value->samples[k]);
        tl_buffer_printf(json, "]}");
    }
    tl_buffer_printf(json, "]}");
}

static void put_when(struct tl_buffer *json)
{
    time_t now = time(NULL);
    struct tm utc;
    char text[32];
    if (gmtime_r(&now, &utc) && strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &utc))
        tl_buffer_printf(json, ",\"when\":\"%s\"", text);
}

static void report(const struct options *o, const struct tl_tune *tune, struct tl_buffer *json)
{
    const char *separator = "";
    tl_buffer_printf(json, "{");
    tl_buffer_json_member(json, "model", o->model);
    tl_buffer_json_member(json, "machine", tl_cpu_model());
    tl_buffer_printf(json, ",\"cpus\":%" PRIu32, tl_cpu_count());
    put_when(json);
    tl_buffer_printf(json, ",\n\"settings\":{");
    for (int i = 0; i < TL_TUNE_SETTINGS; i++)
        if (*tune->values.text[i]) {
            put_setting(tl_tune_name((enum tl_tune_setting)i), tune->values.text[i], separator, json);
            separator = ",";
        }
    tl_buffer_printf(json, "},\n\"ram\":%" PRIu64 ",\"streamed\":%s,\"prompt_tokens\":%" PRIu32 ",\"answer_tokens\":%" PRIu32 ",\"seconds\":%.1f,\"trials\":[",
                     o->means.ram, tune->facts.streamed ? "true" : "false", tune->facts.prompt_tokens, tune->facts.answer_tokens, tune->seconds);
    for (int i = 0; i < TL_TUNE_SETTINGS; i++) {
        tl_buffer_printf(json, i ? ",\n " : "\n ");
        put_trial((enum tl_tune_setting)i, &tune->trials[i], json);
    }
    tl_buffer_printf(json, "]}");
}

static int keep(const char *path, const struct tl_buffer *json)
{
    int status = json->status < 0 ? json->status : tl_file_make_folders(path);
    return status < 0 ? status : tl_outfile_save(path, json->data, json->len);
}

int tl_job_tune(struct tl_job_run *run)
{
    struct options o = {0};
    struct tl_tune tune = {0};
    int status = tl_job_options(run, rows, TL_COUNT(rows), &o);
    if (status >= 0 && !o.model)
        status = tl_fail(TL_E_USAGE, "option model: missing");
    if (status < 0)
        return status;
    struct tl_engine_options options = tl_job_engine_options(&o.means, NULL);
    status = tl_tune_model(o.model, &options, o.seconds, 60 * o.minutes, &run->progress, &tune);
    if (status < 0)
        return status;
    report(&o, &tune, &run->report);
    return o.output ? keep(o.output, &run->report) : 0;
}
