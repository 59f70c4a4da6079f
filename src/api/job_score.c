/* SPDX-License-Identifier: MIT */
/* The job "score": texts to log-likelihoods, and on request the teacher's draws and statistics, in files. */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>

#include "api/job.h"
#include "api/score.h"
#include "base/array.h"
#include "base/clock.h"
#include "base/cpu.h"
#include "base/error.h"
#include "base/file.h"
#include "base/memory.h"
#include "engine/teacher.h"
#include "engine/texts.h"
#include "kernel/peak.h"

static const double drive_seconds = 0.3, arithmetic_seconds = 0.15;

struct options {
    const char *text, *content, *output, *teacher, *router, *experts, *moments, *checkpoint;
    uint64_t window, stride, draws, seed;
    double interval;
};

#define ROW(...) TL_OPTION_ROW(struct options, __VA_ARGS__)
static const struct tl_option rows[] = {
    ROW(text, FILE, "text", "FILE|DIR"),
    ROW(content, TEXT, "content", "TEXT"),
    ROW(window, U64, "window", "N", .max = 1 << 30),
    ROW(stride, U64, "stride", "N", .min = 1, .max = 1 << 30),
    ROW(output, FILE, "output", "FILE"),
    ROW(teacher, FILE, "teacher", "FILE"),
    ROW(draws, U64, "draws", "N", .fallback = "12", .min = 1, .max = TL_TEACHER_DRAWS),
    ROW(seed, U64, "seed", "N", .fallback = "0"),
    ROW(router, FILE, "router", "FILE"),
    ROW(experts, FILE, "experts", "FILE"),
    ROW(moments, FILE, "moments", "FILE"),
    ROW(checkpoint, FILE, "checkpoint", "FILE"),
    ROW(interval, F64, "interval", "SECONDS", .fallback = "120", .max = 1e6),
};

struct job {
    struct tl_job_run *run;
    struct options options;
    struct tl_texts texts;
    struct tl_score how;
    struct tl_scored scored;
    float *nll;
    double seconds;
    uint64_t drive_bytes;
};

/* --- files -------------------------------------------------------------------------------------------------------- */

/* A JSON line for each scored token. */
static int write_tokens(const struct job *job)
{
    const struct tl_texts *texts = &job->texts;
    struct tl_outfile *file;
    char line[128];
    int status = tl_outfile_open(job->options.output, &file);
    if (status < 0)
        return status;
    for (uint64_t text = 0; text < texts->n_texts; text++)
        for (uint64_t i = texts->starts[text]; i < texts->starts[text + 1] && status >= 0; i++) {
            if (isnan(job->nll[i]))
                continue;
            int n = texts->n_texts == 1 ? 0 : snprintf(line, sizeof(line), "{\"text\":%" PRIu64 ",", text);
            n += snprintf(line + n, sizeof(line) - (size_t)n, "%s\"i\":%" PRIu64 ",\"id\":%" PRId32 ",\"nll\":%.7g}\n", n ? "" : "{",
                          i - texts->starts[text], texts->ids[i], (double)job->nll[i]);
            status = tl_outfile_write(file, line, (size_t)n);
        }
    if (status >= 0)
        status = tl_outfile_commit(file);
    tl_outfile_close(file);
    return status;
}

/* --- the limit ---------------------------------------------------------------------------------------------------- */

static double peak_rate(const struct tl_engine *engine)
{
    struct trill_model model = { (struct tl_engine *)engine };
    struct trill_model_figures figures = { .size = sizeof(figures) };
    if (trill_model_figures(&model, &figures, sizeof(figures)) < 0)
        return 0;
    bool f32 = engine->exact || !strcmp(figures.format, "f32");
    bool half = !strcmp(figures.format, "bf16") || !strcmp(figures.format, "f16");
    return tl_peak_arithmetic(engine->pool, engine->kernel, f32 ? tl_peak_f32_flops : half ? tl_peak_bf16_flops : tl_peak_int8_ops,
                              arithmetic_seconds);
}

struct limit { double drive_s, arithmetic_s, drive_rate; };

/* Both of this run, against what the drive and the cores do at their best right after it. Attention is not counted. */
static struct limit measure_limit(const struct job *job)
{
    struct tl_engine *engine = job->run->engine;
    struct limit limit = { 0 };
    double rate = peak_rate(engine), active = (double)tl_model_program(engine->model)->active_parameters;
    if (rate > 0)
        limit.arithmetic_s = 2 * active * (double)(job->scored.computed - job->scored.resumed) / rate;
    if (job->drive_bytes && tl_store_measure_drive(tl_model_store(engine->model), drive_seconds, &limit.drive_rate) >= 0 && limit.drive_rate > 0)
        limit.drive_s = (double)job->drive_bytes / limit.drive_rate;
    return limit;
}

static void report(const struct job *job)
{
    struct tl_engine *engine = job->run->engine;
    struct tl_buffer *to = &job->run->report;
    struct trill_scores scores;
    uint64_t read = tl_meter_get(&engine->meters, TL_METER_FILE_BYTES) + tl_meter_get(&engine->meters, TL_METER_DRIVE_BYTES);
    uint64_t stall_ns = tl_meter_get(&engine->meters, TL_METER_STALL_NS), peak = tl_cpu_peak_rss();
    struct limit limit = measure_limit(job);
    double least = limit.drive_s > limit.arithmetic_s ? limit.drive_s : limit.arithmetic_s;
    tl_score_summarise(&job->scored, &scores);
    tl_buffer_printf(to, "{\"tokens\":%" PRIu64 ",\"nll_sum\":%.9g,\"perplexity\":%.9g,\"perplexity_se\":%.6g,\"read_bytes\":%" PRIu64
                     ",\"sweeps\":%" PRIu64 ",\"seconds\":%.6g,\"limit_share\":%.4g,\"bound\":\"%s\"", scores.tokens, scores.nll_sum,
                     scores.perplexity, scores.perplexity_se, read, scores.steps, job->seconds, job->seconds > 0 ? least / job->seconds : 0,
                     limit.drive_s > limit.arithmetic_s ? "drive" : "arithmetic");
    tl_buffer_printf(to, ",\"texts\":%" PRIu64 ",\"window\":%u,\"stride\":%u,\"sweep_tokens\":%u,\"computed_tokens\":%" PRIu64
                     ",\"resumed_tokens\":%" PRIu64 ",\"drive_bytes\":%" PRIu64 ",\"drive_bytes_per_s\":%.4g,\"drive_seconds\":%.4g"
                     ",\"arithmetic_seconds\":%.4g,\"stall_seconds\":%.4g,\"peak_bytes\":%" PRIu64,
                     job->texts.n_texts, job->how.window, job->how.stride, tl_model_limits(engine->model)->chunk, job->scored.computed,
                     job->scored.resumed, job->drive_bytes, limit.drive_rate, limit.drive_s, limit.arithmetic_s, (double)stall_ns * 1e-9,
                     peak);
    tl_job_write_warnings(job->run);
}

/* --- the job ------------------------------------------------------------------------------------------------------ */

static int read_texts(struct job *job)
{
    const struct options *o = &job->options;
    const struct tl_tokenizer *tokenizer = job->run->engine->tokenizer;
    if (!o->text == !o->content)
        return tl_fail(TL_E_USAGE, "text is wanted: either the name of a file or folder, or the text itself");
    int status = o->text ? tl_texts_read(&job->texts, tokenizer, o->text)
                         : tl_texts_add(&job->texts, tokenizer, o->content, strlen(o->content));
    if (status >= 0 && !(job->nll = tl_alloc(job->texts.n_ids + 1, sizeof(*job->nll))))
        status = TL_E_NOMEM;
    return status;
}

static int score(struct job *job)
{
    const struct options *o = &job->options;
    struct tl_engine *engine = job->run->engine;
    uint32_t window = tl_score_window(engine, o->window);
    uint64_t begin = tl_clock_ns(), drive = tl_meter_get(&engine->meters, TL_METER_DRIVE_BYTES);
    job->how = (struct tl_score){
        .window = window, .stride = o->stride ? (uint32_t)o->stride : window, .starts = job->texts.starts, .n_texts = job->texts.n_texts,
        .teacher = o->teacher, .router = o->router, .experts = o->experts, .moments = o->moments, .checkpoint = o->checkpoint,
        .draws = (uint32_t)o->draws, .seed = o->seed, .checkpoint_seconds = o->interval, .progress = &job->run->progress,
        .warn = tl_job_warn, .context = job->run,
    };
    int status = tl_score(engine, job->texts.ids, job->texts.n_ids, &job->how, job->nll, &job->scored);
    if (status >= 0 && !job->scored.tokens)
        status = tl_fail(TL_E_USAGE, "%s: %" PRIu64 " tokens in %" PRIu64 " texts, at least 2 in one are needed to score one",
                         o->text ? o->text : "the text", job->texts.n_ids, job->texts.n_texts);
    job->seconds = tl_clock_seconds(begin);
    job->drive_bytes = tl_meter_get(&engine->meters, TL_METER_DRIVE_BYTES) - drive;
    return status;
}

int tl_job_score(struct tl_job_run *run)
{
    struct job job = { .run = run };
    int status = tl_job_options(run, rows, TL_COUNT(rows), &job.options);
    if (status >= 0)
        status = read_texts(&job);
    if (status >= 0)
        status = score(&job);
    if (status >= 0 && job.options.output)
        status = write_tokens(&job);
    if (status >= 0)
        report(&job);
    tl_texts_done(&job.texts);
    tl_free(job.nll);
    return status;
}
