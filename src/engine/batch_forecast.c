/* SPDX-License-Identifier: MIT */
/* What a batch asks for, and what that will take: tokens are counted, the machine is measured for a moment, the rest is
 * arithmetic of room plan. Answers count with their bounds, so a forecast is an upper one. */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "engine/batch_loop.h"
#include "plan/cost.h"

enum { PROBE_BYTES = 192 << 20 };
static const double probe_seconds = 0.1, drive_seconds = 0.4;

/* --- what is asked for ------------------------------------------------------------------------------------------------------ */

static void count(struct tl_batch_survey *survey, const struct tl_ask *ask)
{
    uint32_t n = ask->request.n;
    bool bounded = ask->request.max_tokens >= 0;
    uint64_t bound = bounded ? (uint64_t)ask->request.max_tokens : 0;
    for (uint32_t i = 0; i < ask->n_prompts; i++) {
        uint64_t longest = ask->prompt[i].n_ids + bound;
        survey->prompt_tokens += ask->prompt[i].n_ids;
        survey->longest = longest > survey->longest ? longest : survey->longest;
    }
    survey->choices += (uint64_t)n * ask->n_prompts;
    survey->answer_tokens += bound * n * ask->n_prompts;
    survey->unbounded += bounded ? 0 : (uint64_t)n * ask->n_prompts;
}

int tl_batch_survey(const struct tl_batch_input *input, const struct tl_engine *engine, const struct tl_ask_how *how,
                    struct tl_progress *progress, struct tl_batch_survey *ret_survey)
{
    struct tl_batch_survey survey = {.requests = input->n_lines};
    int status = tl_progress_begin(progress, "counting tokens", 0, input->n_lines, "requests");
    memcpy(survey.input, input->digest, sizeof(survey.input));
    for (uint64_t i = 0; i < input->n_lines && status >= 0; i++) {
        struct tl_batch_request request;
        status = tl_batch_input_read(input, i, engine, how, &request);
        if (status >= 0 && request.status == 200)
            count(&survey, &request.ask);
        if (status >= 0 && request.status != 200 && survey.refused++ == 0)
            snprintf(survey.first_refused, sizeof(survey.first_refused), "request %" PRIu64 ": %.160s", i + 1, request.message);
        tl_batch_request_done(&request);
        if (status >= 0)
            status = tl_progress_move(progress, i + 1);
    }
    if (status >= 0)
        *ret_survey = survey;
    return status;
}

/* --- how fast --------------------------------------------------------------------------------------------------------------- */

/* This machine: what bounds the work is measured as far as there is room for it, the rest is as usual. */
static void measure(struct tl_engine *engine, struct tl_machine *machine, struct tl_batch_report *report)
{
    struct tl_store *store = tl_model_store(engine->model);
    uint64_t left = engine->fit.budget_bytes > engine->fit.planned_bytes ? engine->fit.budget_bytes - engine->fit.planned_bytes : 0;
    enum tl_fact products = tl_bound_fact(engine->model, TL_BOUND_ARITHMETIC);
    tl_machine_ask(NULL, machine);
    if (left > 2 * (uint64_t)PROBE_BYTES)
        tl_machine_measure_memory(machine, engine->pool, PROBE_BYTES, probe_seconds);
    tl_machine_measure_arithmetic(machine, products, engine->pool, engine->kernel, probe_seconds);
    if (products != TL_FACT_F32)                     /* that of attention */
        tl_machine_measure_arithmetic(machine, TL_FACT_F32, engine->pool, engine->kernel, probe_seconds);
    tl_machine_set(machine, TL_FACT_THREADS, tl_pool_threads(engine->pool), TL_SOURCE_MEASURED);
    bool streams = tl_store_passing_bytes(store) > 0 || tl_cost_hits(engine->model) < 1;
    if (streams && tl_store_measure_drive(store, drive_seconds, &report->drive_bytes_per_s) >= 0 && report->drive_bytes_per_s > 0)
        tl_machine_set(machine, TL_FACT_DRIVE, report->drive_bytes_per_s, TL_SOURCE_MEASURED);
    tl_machine_finish(machine);
}

static uint64_t mean(double sum, uint64_t n) { return n ? (uint64_t)ceil(sum / (double)n) : 0; }

void tl_batch_forecast_make(struct tl_engine *engine, struct tl_batch_report *report, double share)
{
    struct tl_batch_survey *survey = &report->survey;
    struct tl_batch_forecast *forecast = &report->forecast;
    struct tl_model_limits limits = *tl_model_limits(engine->model);
    struct tl_machine machine;
    struct tl_cost cost;
    double answers = (double)survey->answer_tokens + (double)survey->unbounded * forecast->context;
    uint64_t choices = (uint64_t)ceil((double)survey->choices * share), prompt = mean((double)survey->prompt_tokens, survey->choices);
    if (report->sequences == 0 || choices == 0)
        return;
    if (survey->unbounded)               /* a bound of theirs is what the prompt leaves */
        answers -= (double)survey->unbounded * (double)(prompt < forecast->context ? prompt : forecast->context);
    limits.sessions = report->sequences;
    measure(engine, &machine, report);
    tl_cost_batch(engine->model, &limits, &machine, choices, (uint32_t)prompt, (uint32_t)mean(answers, survey->choices), &cost);
    forecast->seconds = cost.seconds;
    forecast->bytes = cost.drive_bytes;
}
