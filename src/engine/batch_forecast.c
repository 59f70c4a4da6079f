/* SPDX-License-Identifier: MIT */
/* What a batch asks for, and what that will take: tokens are counted, speeds measured for a moment. Answers count with
 * their bounds, so a forecast is an upper one. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "engine/batch_loop.h"
#include "kernel/peak.h"

enum { PROBE_BYTES = 192 << 20 };
static const double probe_seconds = 0.1, drive_seconds = 0.4;
static const double products_share = 0.5;        /* of the peak that products of a step reach */
static const double unmeasured_memory = 12e9;    /* bytes a second, where there is no room to measure */

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

static double memory_rate(struct tl_engine *engine)
{
    uint64_t left = engine->fit.budget_bytes > engine->fit.planned_bytes ? engine->fit.budget_bytes - engine->fit.planned_bytes : 0;
    uint32_t *memory = left > 2 * (uint64_t)PROBE_BYTES ? tl_alloc(PROBE_BYTES, 1) : NULL;
    if (!memory)
        return unmeasured_memory;
    uint32_t word = 1;
    for (size_t i = 0; i < PROBE_BYTES / sizeof(*memory); i++)
        memory[i] = word = word * 1664525 + 1013904223;
    double rate = tl_peak_memory(engine->pool, memory, PROBE_BYTES, probe_seconds);
    tl_free(memory);
    return rate;
}

static double operations_rate(struct tl_engine *engine)
{
    double one = engine->exact ? tl_peak_f32_flops(engine->kernel, probe_seconds) : tl_peak_int8_ops(engine->kernel, probe_seconds);
    return one * tl_pool_threads(engine->pool) * products_share;
}

/* Of the routed experts of a layer the share that n tokens touch, choosing evenly. */
static double touched(const struct tl_geometry *geometry, uint32_t n)
{
    double missed = 1;
    if (!geometry->n_experts)
        return 1;
    for (uint32_t i = 0; i < n && i < 4096; i++)
        missed *= 1 - (double)geometry->n_used / geometry->n_experts;
    return 1 - missed;
}

struct work { double seconds_token, seconds_sweep, bytes_step; };

/* A step reads what its tokens touch: from memory or, as far as that has no place for it, from the drive. */
static struct work measure(struct tl_engine *engine, struct tl_batch_report *report, uint32_t n)
{
    struct tl_store *store = tl_model_store(engine->model);
    const struct tl_program *program = tl_model_program(engine->model);
    uint32_t experts = tl_store_experts(store), frames = tl_model_limits(engine->model)->frames;
    double frame_bytes = experts ? (double)tl_store_frame_bytes(store) : 0, share = touched(tl_model_geometry(engine->model), n);
    double expert_bytes = share * experts * frame_bytes, weights = (double)tl_model_weight_bytes(engine->model);
    double trunk = weights > experts * frame_bytes ? weights - experts * frame_bytes : 0;
    struct work work = {.seconds_token = 2 * (double)program->active_parameters / operations_rate(engine)};
    work.seconds_sweep = (trunk + expert_bytes) / memory_rate(engine);
    double passing = (double)tl_store_passing_bytes(store), missed = frames < experts ? 1 - (double)frames / experts : 0;
    work.bytes_step = passing + (frames ? expert_bytes * missed : 0);
    if (work.bytes_step == 0 || tl_store_measure_drive(store, drive_seconds, &report->drive_bytes_per_s) < 0 || report->drive_bytes_per_s <= 0)
        return work;
    if (work.bytes_step / report->drive_bytes_per_s > work.seconds_sweep)
        work.seconds_sweep = work.bytes_step / report->drive_bytes_per_s;
    return work;
}

void tl_batch_forecast_make(struct tl_engine *engine, struct tl_batch_report *report, double share)
{
    struct tl_batch_survey *survey = &report->survey;
    struct tl_batch_forecast *forecast = &report->forecast;
    uint32_t chunk = tl_model_limits(engine->model)->chunk, n = report->sequences;
    double answers = (double)survey->answer_tokens + (double)survey->unbounded * forecast->context, prompts = (double)survey->prompt_tokens;
    double mean_prompt = survey->choices ? prompts / (double)survey->choices : 0;
    uint64_t most = (uint64_t)(survey->choices * share + 0.999);
    n = n > most && most ? (uint32_t)most : n;
    if (n == 0)
        return;
    if (survey->unbounded)               /* a bound of theirs is what the prompt leaves */
        answers -= (double)survey->unbounded * (mean_prompt < forecast->context ? mean_prompt : forecast->context);
    struct work work = measure(engine, report, n);
    double steps = answers / n + prompts / chunk, tokens = answers + prompts, arithmetic = tokens * work.seconds_token;
    double sweeps = steps * work.seconds_sweep;
    forecast->seconds = share * (arithmetic > sweeps ? arithmetic : sweeps);
    forecast->bytes = share * steps * work.bytes_step;
}
