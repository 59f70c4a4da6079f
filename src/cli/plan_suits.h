/* SPDX-License-Identifier: MIT */
/* What `trill plan` tells besides the plan of a model: what suits this machine, what a job costs, what others charge; and
 * the same as pictures. All read the report of the job "plan". */
#ifndef TL_CLI_PLAN_SUITS_H
#define TL_CLI_PLAN_SUITS_H

#include "base/buffer.h"
#include "cli/flat.h"

void tl_plan_suits(const struct tl_flat *report, struct tl_buffer *out);
/* Of one plan, behind `prefix`; nothing where there is nothing to tell. */
void tl_plan_purposes(const struct tl_flat *report, const char *prefix, struct tl_buffer *out);
void tl_plan_prices(const struct tl_flat *report, const char *prefix, struct tl_buffer *out);
/* One plan: the roofline with its points. Several, or what suits: cost against size. n_plans 0: what suits. */
void tl_plan_svg(const struct tl_flat *report, size_t n_plans, struct tl_buffer *out);

#endif
