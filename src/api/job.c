/* SPDX-License-Identifier: MIT */
/* trill_job: finds a kind of long work by its name, runs it with options, a watcher and a flag to stop, keeps its report.
 * The flag outlasts a run, so that a job which is cancelled before it starts does not start. */
#include "api/job.h"

#include "base/array.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/memory.h"

enum { ALONE, MODEL, MOST_WARNINGS = 8 };

static const struct tl_job_kind kinds[] = {
#define JOB(name, needs) {#name, needs == MODEL, tl_job_##name},
#include "api/jobs.def"
#undef JOB
    {NULL, false, NULL},
};

static const char kind_names[] = ""
#define JOB(name, needs) #name " "
#include "api/jobs.def"
#undef JOB
    ;

struct trill_job {
    const struct tl_job_kind *kind;
    struct tl_engine *engine;
    char *options;
    volatile int cancelled;
    bool good;                           /* the report is that of a good run */
    struct tl_buffer report;
};

struct watcher {
    void (*progress)(void *context, const struct trill_progress *progress);
    void *context;
    uint64_t began_ns;
};

static void watch(void *context, const struct tl_progress *p)
{
    const struct watcher *watcher = context;
    struct trill_progress progress = {
        .size = sizeof(progress), .stage = p->stage, .done = p->done, .total = p->total, .unit = p->unit,
        .seconds = tl_clock_seconds(watcher->began_ns), .seconds_left = tl_progress_seconds_left(p),
    };
    watcher->progress(watcher->context, &progress);
}

const char *trill_job_kinds(void) { return kind_names; }

static const struct tl_job_kind *find_kind(const char *name)
{
    const char *names[TL_COUNT(kinds)] = {NULL};
    size_t n_names = 0;
    for (const struct tl_job_kind *kind = kinds; kind->name; kind++) {
        if (strcmp(kind->name, name) == 0)
            return kind;
        names[n_names++] = kind->name;
    }
    const char *nearest = tl_option_nearest(name, names, n_names);
    if (nearest)
        tl_fail(TL_E_USAGE, "unknown kind of job \"%.40s\"; is %s meant?", name, nearest);
    else
        tl_fail(TL_E_USAGE, "unknown kind of job \"%.40s\" (there are: %s)", name, kind_names);
    return NULL;
}

int trill_job_new(const char *kind, struct trill_model *model, const char *options_json, struct trill_job **ret_job)
{
    const struct tl_job_kind *found = find_kind(kind);
    return found ? tl_job_new(found, model, options_json, ret_job) : TL_E_USAGE;
}

int tl_job_new(const struct tl_job_kind *kind, struct trill_model *model, const char *options_json, struct trill_job **ret_job)
{
    if (kind->needs_model && (!model || !model->engine->model))
        return tl_fail(TL_E_USAGE, "a job of the kind \"%s\" needs a model with its weights", kind->name);
    struct trill_job *job = tl_alloc(1, sizeof(*job));
    if (!job)
        return TL_E_NOMEM;
    tl_buffer_init(&job->report, 0);
    job->kind = kind;
    job->engine = model ? model->engine : NULL;
    job->options = tl_strdup(options_json ? options_json : "{}");
    if (!job->options) {
        trill_job_close(job);
        return TL_E_NOMEM;
    }
    *ret_job = job;
    return 0;
}

int tl_job_options(struct tl_job_run *run, const struct tl_option *options, size_t n_options, void *fields)
{
    tl_free(run->texts);
    run->texts = NULL;
    return tl_options_read_json(options, n_options, run->options, strlen(run->options), fields, &run->texts);
}

const char *tl_job_said(const char *name) { return name && strcmp(name, "auto") != 0 ? name : NULL; }

struct tl_engine_options tl_job_engine_options(const struct tl_job_means *m, const struct tl_machine *machine)
{
    return (struct tl_engine_options){
        .threads = (uint32_t)m->threads, .context = (uint32_t)m->context, .chunk = (uint32_t)m->chunk, .ram_bytes = m->ram, .cpu = m->cpu,
        .kv = m->kv, .exact = m->activations && strcmp(m->activations, "f32") == 0, .io = tl_job_said(m->io),
        .policy = tl_job_said(m->policy), .lookahead = tl_job_said(m->lookahead), .machine = machine,
    };
}

void tl_job_warn(void *run, const char *text)
{
    struct tl_job_run *to = run;
    if (to->n_warnings++ >= MOST_WARNINGS)
        return;
    tl_buffer_append(&to->warnings, ",", to->warnings.len > 0);
    tl_buffer_json_string(&to->warnings, text, strlen(text));
}

void tl_job_write_warnings(struct tl_job_run *run)
{
    tl_buffer_printf(&run->report, ",\"warnings\":[%s]}", run->warnings.len ? run->warnings.data : "");
}

int trill_job_run(struct trill_job *job, void (*progress)(void *context, const struct trill_progress *progress), void *context)
{
    struct watcher watcher = {progress, context, tl_clock_ns()};
    struct tl_job_run run = {
        .engine = job->engine, .options = job->options,
        .progress = {.watch = progress ? watch : NULL, .context = &watcher, .cancel = &job->cancelled},
    };
    job->good = false;
    tl_buffer_init(&run.report, 0);
    tl_buffer_init(&run.warnings, 0);
    int status = tl_progress_check(&run.progress);
    if (status >= 0)
        status = job->kind->run(&run);
    if (status >= 0)
        status = run.report.status;
    tl_free(run.texts);
    tl_buffer_done(&run.warnings);
    if (status < 0) {
        tl_buffer_done(&run.report);
        return status;
    }
    tl_buffer_done(&job->report);
    job->report = run.report;
    job->good = true;
    return 0;
}

void trill_job_cancel(struct trill_job *job) { job->cancelled = 1; }

const char *trill_job_report(const struct trill_job *job) { return job->good ? job->report.data : NULL; }

void trill_job_close(struct trill_job *job)
{
    if (!job)
        return;
    tl_buffer_done(&job->report);
    tl_free(job->options);
    tl_free(job);
}
