/* SPDX-License-Identifier: MIT */
/* What the commands that write a model anew share beside their rows (write_options.def): an account of the run, and the line that
 * says how fast it was. */
#ifndef TL_CLI_WRITTEN_H
#define TL_CLI_WRITTEN_H

#include "cli/flat.h"
#include "cli/job.h"

/* tl_job_carry_out_on, with a row of the ledger. */
int tl_written_carry_out(const struct tl_job_order *order, const char **model, const char *home, bool no_ledger);
/* Bytes, seconds, the limit and the share of it that was reached, as far as the report has them. */
void tl_written_tell(const struct tl_flat *report);

#endif
