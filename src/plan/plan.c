/* SPDX-License-Identifier: MIT */
/* Makes plans: fits the model for each kind of work, and counts what that work takes. */
#include "plan/plan.h"

#include "base/array.h"
#include "base/error.h"

enum { USUAL_PROMPT = 512, USUAL_ANSWER = 128, USUAL_BATCH = 32 };

const struct tl_work_row tl_works[TL_WORKS] = {
#define WORK(id, name, meaning) {name, meaning},
#include "plan/works.def"
#undef WORK
};

static void note(struct tl_plan *p, enum tl_work work, const struct tl_fit *fit)
{
    p->limits[work] = fit->limits;
    p->planned_bytes[work] = fit->planned_bytes;
}

/* The prompt gives the first token of the answer. Pages that nobody comes to are never touched, nor are rows of logits beyond
 * the one that is wanted. */
static void cost_request(struct tl_model *model, const struct tl_machine *machine, struct tl_plan *p)
{
    const struct tl_model_limits *limits = &p->fit.limits;
    const struct tl_record_pool *records = &tl_model_cache(model)->records;
    double all = (double)limits->context * (limits->sessions ? limits->sessions : 1), used = (double)p->prompt + p->answer;
    uint64_t fixed = records->n_records * records->record_bytes, states = p->fit.memory.states;
    uint64_t pages = states > fixed ? states - fixed : 0;
    p->request = (struct tl_cost){0};
    tl_cost_add(&p->request, &p->work[TL_WORK_PREFILL], 1, machine);
    tl_cost_add(&p->request, &p->work[TL_WORK_DECODE], p->answer ? p->answer - 1 : 0, machine);
    p->request.tokens = used;
    uint64_t logits = (tl_model_logit_rows(model) - 1) * tl_stream_width(tl_model_geometry(model), TL_S_LOGITS) * sizeof(float);
    p->request_bytes = p->fit.planned_bytes - (uint64_t)((double)pages * (1 - used / all)) - logits;
}

static void cost_sessions(struct tl_model *model, const struct tl_machine *machine, struct tl_plan *p)
{
    const struct tl_model_limits *limits = &p->fit.limits;
    uint32_t context = limits->context;
    if ((uint64_t)p->prompt + p->answer > context) {     /* at least three quarters for the prompt */
        p->answer = p->answer < context / 4 ? p->answer : context / 4;
        p->prompt = context - p->answer;
    }
    note(p, TL_WORK_DECODE, &p->fit);
    note(p, TL_WORK_PREFILL, &p->fit);
    tl_cost_decode(model, limits, machine, 1, p->prompt + p->answer / 2, &p->work[TL_WORK_DECODE]);
    tl_cost_prefill(model, limits, machine, p->prompt, 0, &p->work[TL_WORK_PREFILL]);
    cost_request(model, machine, p);
}

static void cost_others(struct tl_model *model, const struct tl_machine *machine, struct tl_plan *p)
{
    p->hits = tl_cost_hits(model);
    p->break_even = tl_cost_break_even(model, machine);
    p->load_s = (double)tl_store_resident_bytes(tl_model_store(model)) / machine->value[TL_FACT_DRIVE];
}

/* Sweeps of full length: what a long text takes for each of its tokens. */
static void cost_score(struct tl_model *model, const struct tl_plan_wish *wish, const struct tl_fit *fit, struct tl_plan *p)
{
    note(p, TL_WORK_SCORE, fit);
    tl_cost_score(model, &fit->limits, wish->machine, fit->limits.chunk, &p->work[TL_WORK_SCORE]);
}

static void cost_batch(struct tl_model *model, const struct tl_plan_wish *wish, const struct tl_fit *fit, struct tl_plan *p)
{
    note(p, TL_WORK_BATCH, fit);
    tl_cost_batch(model, &fit->limits, wish->machine, fit->limits.sessions, p->prompt, p->answer, &p->work[TL_WORK_BATCH]);
}

static struct tl_plan begin(struct tl_model *model, const struct tl_plan_wish *wish)
{
    struct tl_plan plan = {
        .prompt = wish->prompt ? wish->prompt : USUAL_PROMPT, .answer = wish->answer ? wish->answer : USUAL_ANSWER,
        .batch = wish->batch ? wish->batch : USUAL_BATCH,
    };
    tl_sizes_of(model, &plan.sizes);
    return plan;
}

/* Sessions come last: so the model is left. What does not fit for other work is left out. */
int tl_plan_make(struct tl_model *model, const struct tl_plan_wish *wish, struct tl_plan *ret_plan)
{
    static const enum tl_work order[] = {TL_WORK_SCORE, TL_WORK_BATCH, TL_WORK_DECODE};
    struct tl_plan plan = begin(model, wish);
    struct tl_plan_wish whole = *wish;
    whole.prompt = plan.prompt;
    whole.answer = plan.answer;
    whole.batch = plan.batch;
    for (size_t i = 0; i < TL_COUNT(order); i++) {
        struct tl_fit fit;
        int status = wish->fit(wish->context, model, &whole, order[i], &fit);
        bool spare = order[i] != TL_WORK_DECODE && (status == TL_E_BUDGET || status == TL_E_NOMEM || status == TL_E_USAGE);
        if (status < 0 && !spare)
            return status;
        if (status >= 0 && order[i] == TL_WORK_SCORE)
            cost_score(model, wish, &fit, &plan);
        else if (status >= 0 && order[i] == TL_WORK_BATCH)
            cost_batch(model, wish, &fit, &plan);
        else if (status >= 0)
            plan.fit = fit;
    }
    cost_sessions(model, wish->machine, &plan);
    cost_others(model, wish->machine, &plan);
    *ret_plan = plan;
    return 0;
}

void tl_plan_placed(struct tl_model *model, const struct tl_plan_wish *wish, const struct tl_fit *fit, struct tl_plan *ret_plan)
{
    struct tl_plan plan = begin(model, wish);
    plan.fit = *fit;
    if (fit->limits.sweep)
        cost_score(model, wish, fit, &plan);
    else
        cost_sessions(model, wish->machine, &plan);
    cost_others(model, wish->machine, &plan);
    *ret_plan = plan;
}
