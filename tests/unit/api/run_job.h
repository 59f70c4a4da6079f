/* SPDX-License-Identifier: MIT */
/* A job from its options to its report. */
#ifndef API_RUN_JOB_H
#define API_RUN_JOB_H

#include <stdio.h>

#include "trill.h"

/* Its status. `report` may be NULL; it is cut at n_bytes, and stays as it is where the job fails. */
static inline int run_job(const char *kind, const char *options, char *report, size_t n_bytes)
{
    struct trill_job *job = NULL;
    int status = trill_job_new(kind, NULL, options, &job);
    if (status >= 0)
        status = trill_job_run(job, NULL, NULL);
    if (status >= 0 && report)
        snprintf(report, n_bytes, "%s", trill_job_report(job));
    trill_job_close(job);
    return status;
}

#endif
