/* SPDX-License-Identifier: MIT */
/* A batch from its input to its output: what is asked for, what was answered before, steps until all is answered. */
#include "engine/batch.h"

#include <string.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/memory.h"
#include "engine/batch_loop.h"

/* --- the ground ------------------------------------------------------------------------------------------------------------- */

static int check_defaults(const char *defaults)
{
    struct tl_openai_request request;
    int status = 0;
    tl_openai_init(&request);
    if (defaults)
        status = tl_openai_read(&request, TL_OPENAI_ANY, "defaults", defaults, strlen(defaults));
    tl_openai_done(&request);
    return status == TL_E_FILE ? TL_E_USAGE : status;
}

static struct tl_ask_how how_to_ask(const struct tl_engine *engine, const struct tl_batch_order *order, const struct tl_batch_input *input)
{
    return (struct tl_ask_how){.defaults = order->defaults, .now = input->modified,
                               .context = engine->model ? tl_model_limits(engine->model)->context : 0};
}

static int survey(struct tl_engine *engine, const struct tl_batch_order *order, const struct tl_batch_input *input,
                  struct tl_progress *progress, struct tl_batch_report *report)
{
    struct tl_ask_how how = how_to_ask(engine, order, input);
    if (order->surveyed && memcmp(order->surveyed->input, input->digest, sizeof(input->digest)) == 0) {
        report->survey = *order->surveyed;
        return 0;
    }
    return tl_batch_survey(input, engine, &how, progress, &report->survey);
}

/* Sessions that nobody else has; taken and given back. */
static uint32_t claim(struct tl_engine *engine, const struct tl_batch_order *order, const struct tl_batch_survey *survey)
{
    uint32_t chunk = tl_model_limits(engine->model)->chunk, wished = order->sequences ? order->sequences : UINT32_MAX;
    tl_engine_enter(engine);
    uint32_t n = engine->max_sessions - engine->n_sessions;
    n = n > chunk ? chunk : n;
    n = n > wished ? wished : n;
    n = n > survey->choices ? (uint32_t)survey->choices : n;
    n += n == 0 && survey->choices == 0 && engine->max_sessions > engine->n_sessions;        /* there is nothing but errors */
    engine->n_sessions += n;
    tl_engine_leave(engine);
    return n;
}

static void unclaim(struct tl_engine *engine, uint32_t n)
{
    tl_engine_enter(engine);
    engine->n_sessions -= n;
    tl_engine_leave(engine);
}

static void identify(const struct tl_engine *engine, const struct tl_batch_order *order, const struct tl_batch_input *input,
                     struct tl_batch_identity *identity)
{
    const char *defaults = order->defaults ? order->defaults : "";
    *identity = (struct tl_batch_identity){.model = tl_model_cache(engine->model)->fingerprint,
                                           .context = tl_model_limits(engine->model)->context, .created = input->modified};
    memcpy(identity->input, input->digest, sizeof(identity->input));
    tl_sha256_of(defaults, strlen(defaults), identity->defaults);
}

/* --- the loop --------------------------------------------------------------------------------------------------------------- */

static int open_loop(struct tl_batch_loop *loop)
{
    struct tl_engine *engine = loop->engine;
    uint32_t chunk = tl_model_limits(engine->model)->chunk;
    loop->sequence = tl_alloc(loop->n_sequences, sizeof(*loop->sequence));
    loop->step_ids = tl_alloc(chunk, sizeof(*loop->step_ids));
    loop->wanted = tl_alloc(chunk, sizeof(*loop->wanted));
    loop->owner = tl_alloc(chunk, sizeof(*loop->owner));
    loop->span = tl_alloc(loop->n_sequences, sizeof(*loop->span));
    loop->member = tl_alloc(loop->n_sequences, sizeof(*loop->member));
    if (!loop->sequence || !loop->step_ids || !loop->wanted || !loop->owner || !loop->span || !loop->member)
        return TL_E_NOMEM;
    int status = 0;
    tl_engine_enter(engine);
    for (uint32_t i = 0; i < loop->n_sequences && status >= 0; i++)
        status = tl_batch_sequence_open(&loop->sequence[i], engine);
    tl_engine_leave(engine);
    return status;
}

/* Answers that are not finished belong to their sequences, and to `open` while there are choices to begin. */
static void close_loop(struct tl_batch_loop *loop)
{
    for (uint32_t i = 0; loop->sequence && i < loop->n_sequences; i++) {
        struct tl_batch_answer *answer = loop->sequence[i].answer;
        if (!answer || answer == loop->open)
            continue;
        for (uint32_t k = i; k < loop->n_sequences; k++)
            if (loop->sequence[k].answer == answer)
                loop->sequence[k].answer = NULL;
        tl_batch_answer_free(answer);
    }
    tl_batch_answer_free(loop->open);
    tl_engine_enter(loop->engine);
    for (uint32_t i = 0; loop->sequence && i < loop->n_sequences; i++)
        tl_batch_sequence_close(&loop->sequence[i]);
    tl_engine_leave(loop->engine);
    tl_free(loop->sequence);
    tl_free(loop->step_ids);
    tl_free(loop->wanted);
    tl_free(loop->owner);
    tl_free(loop->span);
    tl_free(loop->member);
}

static void found(void *context, const struct tl_batch_finished *finished)
{
    struct tl_batch_loop *loop = context;
    loop->report->resumed++;
    loop->report->failed += finished->failed;
    loop->n_left--;
}

static int answer_all(struct tl_batch_loop *loop)
{
    struct tl_batch_report *report = loop->report;
    struct tl_meters *meters = &loop->engine->meters;
    uint64_t begin_ns = tl_clock_ns(), bytes = tl_meter_get(meters, TL_METER_DRIVE_BYTES), busy = tl_meter_get(meters, TL_METER_DRIVE_BUSY_NS);
    uint64_t missed = tl_meter_get(meters, TL_METER_MISSED_BYTES);
    int status = open_loop(loop);
    if (status >= 0)
        status = tl_progress_begin(loop->progress, "answering", 0, 0, "tokens");
    if (status >= 0 && loop->progress)
        loop->progress->left_seconds = report->forecast.seconds;
    while (status >= 0 && (status = tl_batch_loop_step(loop)) > 0)
        ;
    report->seconds = tl_clock_seconds(begin_ns);
    report->drive_bytes = tl_meter_get(meters, TL_METER_DRIVE_BYTES) - bytes;
    report->missed_bytes = tl_meter_get(meters, TL_METER_MISSED_BYTES) - missed;
    report->drive_busy_seconds = (double)(tl_meter_get(meters, TL_METER_DRIVE_BUSY_NS) - busy) * 1e-9;
    close_loop(loop);
    return status;
}

static int run_with(struct tl_batch_loop *loop, const struct tl_batch_order *order)
{
    struct tl_batch_report *report = loop->report;
    uint64_t n_lines = loop->input->n_lines;
    loop->n_left = n_lines;
    identify(loop->engine, order, loop->input, &loop->identity);
    int status = tl_batch_work_open(order->output, &loop->identity, n_lines, found, loop, &loop->work);
    if (status < 0)
        return status;
    loop->how.now = loop->identity.created;
    if (loop->n_left) {
        tl_batch_forecast_make(loop->engine, report, (double)loop->n_left / (double)n_lines);
        status = answer_all(loop);
    }
    if (status >= 0)
        status = tl_progress_begin(loop->progress, "writing answers", 0, n_lines, "requests");
    if (status >= 0)
        status = tl_batch_work_finish(loop->work, order->output);
    tl_batch_work_close(loop->work);
    return status;
}

/* The answers would take the place of the requests. */
static int check_output(const struct tl_batch_order *order, const struct tl_batch_input *input)
{
    if (!tl_file_is_named(input->file->fd, order->output))
        return 0;
    return tl_fail(TL_E_USAGE, "%s: the requests and the answers cannot be the same file", order->output);
}

static int prepare(struct tl_engine *engine, const struct tl_batch_order *order, struct tl_progress *progress,
                   struct tl_batch_report *report, struct tl_batch_input **ret_input)
{
    *report = (struct tl_batch_report){0};
    int status = check_defaults(order->defaults);
    if (status >= 0)
        status = tl_batch_input_open(order->input, progress, ret_input);
    if (status >= 0)
        status = check_output(order, *ret_input);
    return status < 0 ? status : survey(engine, order, *ret_input, progress, report);
}

int tl_batch_run(struct tl_engine *engine, const struct tl_batch_order *order, struct tl_progress *progress, struct tl_batch_report *ret_report)
{
    struct tl_batch_input *input = NULL;
    if (!engine->model)
        return tl_fail(TL_E_USAGE, "the model was opened for its vocabulary only");
    int status = prepare(engine, order, progress, ret_report, &input);
    if (status >= 0 && (ret_report->sequences = claim(engine, order, &ret_report->survey)) == 0)
        status = tl_fail(TL_E_BUDGET, "all %u sessions of the model are open", engine->max_sessions);
    if (status >= 0) {
        ret_report->forecast.sequences = ret_report->sequences;
        ret_report->forecast.context = tl_model_limits(engine->model)->context;
        struct tl_batch_loop loop = {.engine = engine, .input = input, .how = how_to_ask(engine, order, input), .progress = progress,
                                     .report = ret_report, .n_sequences = ret_report->sequences};
        status = run_with(&loop, order);
        unclaim(engine, ret_report->sequences);
    }
    tl_batch_input_close(input);
    return status;
}

int tl_batch_forecast(struct tl_engine *engine, const struct tl_batch_order *order, struct tl_progress *progress,
                      struct tl_batch_report *ret_report)
{
    struct tl_batch_input *input = NULL;
    int status = prepare(engine, order, progress, ret_report, &input);
    if (status >= 0)
        ret_report->resumed = tl_batch_work_lines(order->output);
    if (status >= 0 && engine->model) {
        uint64_t n = ret_report->survey.requests, left = ret_report->resumed < n ? n - ret_report->resumed : 0;
        ret_report->forecast.context = tl_model_limits(engine->model)->context;
        ret_report->forecast.sequences = ret_report->sequences = claim(engine, order, &ret_report->survey);
        unclaim(engine, ret_report->sequences);
        tl_batch_forecast_make(engine, ret_report, (double)left / (double)n);
    } else if (status >= 0) {
        ret_report->forecast.context = tl_batch_work_context(order->output);
    }
    tl_batch_input_close(input);
    return status;
}
