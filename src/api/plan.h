/* SPDX-License-Identifier: MIT */
/* What the job "plan" and trill_model_plan share: a model by its name or file, opened as far as a plan needs it, on a machine
 * as its options say. Private to this room. */
#ifndef TL_API_PLAN_H
#define TL_API_PLAN_H

#include "api/api.h"
#include "base/option.h"
#include "plan/outlined.h"
#include "plan/plan.h"
#include "plan/purpose.h"

/* Options of the job; the command's rows have the same names. facts: as typed, in the order of machine.def. */
struct tl_plan_options {
    const char *model, *to, *experts, *trunk, *embed, *head, *kv, *activations, *models, *state, *config;
    struct tl_option_list like, machine, purposes;
    uint64_t context, chunk, prompt, answer, batch;
    const char *facts[TL_FACTS];
};
extern const struct tl_option tl_plan_option_rows[];
extern const size_t tl_plan_option_count;

/* The machine of these options; `file` describes another than this one, or NULL. */
int tl_plan_machine(const struct tl_plan_options *options, const char *file, struct tl_machine *ret_machine);

/* One model on one machine. name: a file, a folder, a configuration or a known geometry; formats: instead of options->to. */
struct tl_planned {
    struct tl_engine *engine;            /* of a file; or */
    struct tl_outlined *outlined;        /* of a geometry */
    struct tl_model *model;
    struct tl_plan_subject subject;
    struct tl_machine machine;
    struct tl_plan plan;
};
int tl_planned_open(const struct tl_plan_options *options, const char *name, const char *format, const struct tl_machine *machine,
                    struct tl_planned *ret_planned);
void tl_planned_close(struct tl_planned *planned);

/* plan_more.c: jobs that are to be priced, and published prices, for the plan's object. */
int tl_plan_check_purposes(const struct tl_plan_options *options);
struct tl_purpose_means tl_plan_means(const struct tl_plan *plan);
int tl_plan_write_more(const struct tl_plan_options *options, struct tl_planned *planned, struct tl_buffer *json);
/* planned_suits.c: the report of a plan without a model. */
struct tl_job_run;
int tl_planned_suits(struct tl_job_run *run, const struct tl_plan_options *options);

#endif
