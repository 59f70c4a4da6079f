/* SPDX-License-Identifier: MIT */
/* A command that is a job of the library. In its table of options the rows in front of the row "json" are the job's, of
 * the same names; those from there on are the command's own. */
#ifndef TL_CLI_JOB_H
#define TL_CLI_JOB_H

#include <stdbool.h>
#include <stddef.h>

#include "base/option.h"
#include "trill.h"

struct tl_flat;

struct tl_job_order {
    const char *kind;
    struct trill_model *model;           /* NULL where the kind needs none */
    const struct tl_option *options;     /* the command's, all of them */
    size_t n_options;
    const void *settings;
    bool json;                           /* the report goes to standard output as it is */
    bool quiet;                          /* no progress */
    int (*tell)(const char *report, const void *settings);   /* without json: says it to a person; may be NULL */
};

/* Runs the job with progress on stderr; Ctrl-C stops it (TL_E_CANCEL). */
int tl_job_carry_out(const struct tl_job_order *order);
/* The same on a model: *model, as typed, is its path while the job runs. NULL: the job says what is missing. */
int tl_job_carry_out_on(const struct tl_job_order *order, const char **model, const char *home);
/* What a report warns of, on stderr. */
void tl_job_note_warnings(const struct tl_flat *report);

#endif
