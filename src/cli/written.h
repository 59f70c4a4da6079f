/* SPDX-License-Identifier: MIT */
/* What the commands that write a model anew share beside their rows (write_options.def): an account of the run, and the line that
 * says how fast it was. */
#ifndef TL_CLI_WRITTEN_H
#define TL_CLI_WRITTEN_H

#include "cli/flat.h"
#include "cli/job.h"

void tl_written_tell_size(const struct tl_flat *report);             /* "7.53 MB of 27.4 MB" */

/* tl_job_carry_out_on, with a row of the ledger. */
int tl_written_carry_out(const struct tl_job_order *order, const char **model, const char *home, bool no_ledger);
/* A report's warnings, then, unless quiet, the command's own line and what all have: bytes, seconds, the limit and the share of it that
 * was reached, as far as the report has them. */
int tl_written_tell(const char *report, bool quiet, void (*line)(const struct tl_flat *report, const void *settings), const void *settings);

#endif
