/* SPDX-License-Identifier: MIT */
/* The plan of a model on a machine: its sizes, what of it fits in memory and how, and the speed and price of each kind of
 * work (works.def). Made by the code that the engine obeys (fit.h) and by the counts of cost.h; told as one JSON document
 * (docs/plan.md). */
#ifndef TL_PLAN_PLAN_H
#define TL_PLAN_PLAN_H

#include "plan/cost.h"
#include "plan/fit.h"
#include "plan/geometries.h"

enum tl_work {
#define WORK(id, name, meaning) TL_WORK_##id,
#include "plan/works.def"
#undef WORK
    TL_WORKS
};

struct tl_work_row { const char *name, *meaning; };
extern const struct tl_work_row tl_works[TL_WORKS];

struct tl_plan_wish {
    const struct tl_machine *machine;    /* finished */
    uint32_t prompt, answer;             /* tokens of a request; 0: 512, 128 */
    uint32_t batch;                      /* requests that are answered together; 0: 32 */
    /* Fits the model for this kind of work, and leaves it laid out so: DECODE and PREFILL: for sessions as they are wanted;
     * SCORE: for sweeps over very many tokens; BATCH: for wish->batch sessions of the request's length, or fewer. */
    int (*fit)(void *context, struct tl_model *model, const struct tl_plan_wish *wish, enum tl_work work, struct tl_fit *ret_fit);
    void *context;
};

struct tl_plan {
    struct tl_sizes sizes;
    struct tl_fit fit;                   /* for sessions */
    uint32_t prompt, answer, batch;      /* as far as the context allows */
    double hits;                         /* share of the experts needed that an even cache has */
    double break_even;                   /* N*, tokens */
    struct tl_cost work[TL_WORKS];       /* seconds 0: does not fit, or is not what the model is open for */
    struct tl_model_limits limits[TL_WORKS];
    uint64_t planned_bytes[TL_WORKS];    /* memory of the process */
    struct tl_cost request;              /* the prompt and its answer; tokens of both */
    uint64_t request_bytes;              /* memory of the process while it is answered: of the context what it needs */
    double load_s;                       /* to read from the drive what stays in memory */
};

/* What the plan is of, for whoever reads it. Texts are borrowed. */
struct tl_plan_subject {
    const char *name;                    /* as asked for */
    const char *source;                  /* "geometry", "file", "open" */
    const struct tl_known *known;        /* NULL: no row of the table */
};

/* TL_E_BUDGET where not even a short session fits. The model is left laid out (counting) for sessions. */
int tl_plan_make(struct tl_model *model, const struct tl_plan_wish *wish, struct tl_plan *ret_plan);
/* The same of a model that is placed with `fit`: nothing is fitted anew (wish->fit is not called). */
void tl_plan_placed(struct tl_model *model, const struct tl_plan_wish *wish, const struct tl_fit *fit, struct tl_plan *ret_plan);

/* One object; _open: without its closing brace, so that more can follow. */
void tl_plan_write(const struct tl_plan *plan, struct tl_model *model, const struct tl_plan_subject *subject, const struct tl_machine *machine,
                   struct tl_buffer *json);
void tl_plan_write_open(const struct tl_plan *plan, struct tl_model *model, const struct tl_plan_subject *subject, const struct tl_machine *machine,
                        struct tl_buffer *json);
void tl_plan_write_machine(const struct tl_machine *machine, struct tl_buffer *json);         /* ,"machine":{...} */

#endif
