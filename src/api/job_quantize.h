/* SPDX-License-Identifier: MIT */
/* What the jobs that write a model anew share. Private to this room. */
#ifndef TL_API_JOB_QUANTIZE_H
#define TL_API_JOB_QUANTIZE_H

#include "api/job.h"

/* A struct of options has them as `write`, its rows TL_QUANTIZE_ROWS. */
struct tl_quantize_options {
    const char *model, *output, *to, *importance;
    double bits;
    uint64_t size_bytes, threads, ram;
    bool native_too, force, folder;      /* folder: of convert, no row (quantize.h) */
};
#define TL_QUANTIZE_ROWS                                                                                               \
    ROW(write.model, TEXT, "model", "MODEL"), ROW(write.output, TEXT, "output", "PATH"), ROW(write.to, TEXT, "to", "FORMAT|FILE"), \
    ROW(write.bits, F64, "bits", "B", .min = 0.5, .max = 32), ROW(write.size_bytes, BYTES, "size", "BYTES", .min = 1, .max = 1e18), \
    ROW(write.importance, TEXT, "importance", "FILE"), ROW(write.threads, U64, "threads", "N", .min = 1, .max = 4096), \
    ROW(write.ram, BYTES, "ram", "BYTES", .min = 1, .max = 1e18), ROW(write.native_too, FLAG, "native-too", NULL), ROW(write.force, FLAG, "force", NULL)

int tl_job_check_quantize(const struct tl_quantize_options *options);
/* Writes the model, of its experts those that `keep` marks ([layers][n_experts]; NULL: all), and the report but for its end. */
int tl_job_write_model(struct tl_job_run *run, const struct tl_quantize_options *options, const uint8_t *keep);

#endif
