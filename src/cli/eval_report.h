/* SPDX-License-Identifier: MIT */
/* What an evaluation found, for people: a table whose rows are models, the pairs that differ, a picture. All from the report
 * of the job "eval" (docs/eval.md). */
#ifndef TL_CLI_EVAL_REPORT_H
#define TL_CLI_EVAL_REPORT_H

#include "base/buffer.h"
#include "cli/flat.h"

void tl_eval_report_table(const struct tl_flat *report, struct tl_buffer *out);
void tl_eval_report_groups(const struct tl_flat *report, struct tl_buffer *out);     /* a line a model and tag */
void tl_eval_report_pairs(const struct tl_flat *report, struct tl_buffer *out);
void tl_eval_report_svg(const struct tl_flat *report, struct tl_buffer *out);        /* eval_svg.c */

#endif
