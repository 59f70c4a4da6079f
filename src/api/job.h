/* SPDX-License-Identifier: MIT */
/* What a kind of job is: a row in jobs.def and a function in job_<name>.c, thin over the rooms below. It reads its
 * options through its rows, moves run->progress on, and leaves one JSON document in run->report. A failure leaves
 * nothing that was not complete. Private to this room. */
#ifndef TL_API_JOB_H
#define TL_API_JOB_H

#include <stdbool.h>

#include "api/api.h"
#include "base/buffer.h"
#include "base/option.h"
#include "base/progress.h"

struct tl_job_run {
    struct tl_engine *engine;            /* NULL where the kind needs no model and none was given */
    struct tl_progress progress;         /* with the cancel flag */
    struct tl_buffer report;
    struct tl_buffer warnings;           /* JSON strings, with commas: tl_job_warn */
    uint32_t n_warnings;
    const char *options;                 /* JSON; read by tl_job_options */
    char *texts;                         /* of the options; freed behind the run */
};

struct tl_job_kind {
    const char *name;
    bool needs_model;
    int (*run)(struct tl_job_run *run);
};

/* Fills the kind's struct of options. */
int tl_job_options(struct tl_job_run *run, const struct tl_option *options, size_t n_options, void *fields);

/* With what means a kind opens models; a struct of options has them as `means`, its rows TL_JOB_MEANS. Not all have the last two. */
struct tl_job_means {
    const char *cpu, *kv, *activations, *io, *policy, *lookahead;
    uint64_t threads, ram, context, chunk;
};
#define TL_JOB_MEANS                                                                                                   \
    ROW(means.threads, U64, "threads", "N", .min = 1, .max = 4096), ROW(means.ram, BYTES, "ram", "BYTES", .min = 1, .max = 1e18), \
    ROW(means.cpu, TEXT, "cpu", "LEVEL"), ROW(means.kv, TEXT, "kv", "FORMAT"), ROW(means.activations, CHOICE, "activations", "auto|f32"), \
    ROW(means.io, TEXT, "io", "WAY"), ROW(means.policy, TEXT, "policy", "NAME"), ROW(means.lookahead, TEXT, "lookahead", "on|off")
const char *tl_job_said(const char *name);           /* NULL for "auto": who measures takes it for unsaid */
struct tl_engine_options tl_job_engine_options(const struct tl_job_means *means, const struct tl_machine *machine);

/* Notes what the report is to warn of; the first few are kept. `run` is a struct tl_job_run, as those below hand it on. */
void tl_job_warn(void *run, const char *text);
/* Ends the report, an object that has other members already, with "warnings". */
void tl_job_write_warnings(struct tl_job_run *run);

#define JOB(name, needs) int tl_job_##name(struct tl_job_run *run);
#include "api/jobs.def"
#undef JOB

/* trill_job_new for a kind that need not be in the table. */
int tl_job_new(const struct tl_job_kind *kind, struct trill_model *model, const char *options_json, struct trill_job **ret_job);

#endif
