/* SPDX-License-Identifier: MIT */
/* The report of the job "plan", told to a person in at most 100 columns: one plan in sections, several side by side. */
#ifndef TL_CLI_PLAN_REPORT_H
#define TL_CLI_PLAN_REPORT_H

#include <stdbool.h>

#include "base/buffer.h"
#include "cli/flat.h"

int tl_plan_report(const char *report, bool explain);                 /* to standard output */
int tl_plan_picture(const char *report, const char *path);            /* to a file, as SVG */

void tl_plan_wrap(const char *words, int indent, struct tl_buffer *out);      /* lines of a sentence */
/* plan_compare.c */
void tl_plan_compare(const struct tl_flat *plans, uint64_t n_plans, struct tl_buffer *out);

#endif
