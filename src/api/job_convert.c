/* SPDX-License-Identifier: MIT */
/* The job "convert": a model as the other kind of file (compress/convert.h). */
#include "api/job_quantize.h"
#include "base/array.h"

struct options { struct tl_quantize_options write; };

#define ROW(...) TL_OPTION_ROW(struct options, __VA_ARGS__)
static const struct tl_option rows[] = {
    ROW(write.model, TEXT, "model", "MODEL"), ROW(write.output, TEXT, "output", "PATH"), ROW(write.to, TEXT, "to", "FORMAT|FILE"),
    ROW(write.threads, U64, "threads", "N", .min = 1, .max = 4096), ROW(write.ram, BYTES, "ram", "BYTES", .min = 1, .max = 1e18),
    ROW(write.force, FLAG, "force", NULL),
};

int tl_job_convert(struct tl_job_run *run)
{
    struct options o = {.write.folder = true};
    int status = tl_job_options(run, rows, TL_COUNT(rows), &o);
    if (status >= 0)
        status = tl_job_check_quantize(&o.write);
    if (status >= 0)
        status = tl_job_write_model(run, &o.write, NULL);
    if (status >= 0)
        tl_job_write_warnings(run);
    return status;
}
