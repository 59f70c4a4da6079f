/* SPDX-License-Identifier: MIT */
/* The job "distill": from a large model and documents to a small one (room compress), or with "forecast" only what that takes:
 * each stage priced as room plan prices it. */
#include <inttypes.h>
#include <string.h>

#include "api/job.h"
#include "api/plan.h"
#include "base/array.h"
#include "base/error.h"
#include "compress/distill.h"
#include "plan/purpose.h"

struct options {
    const char *teacher, *student, *text, *prompts, *output, *work, *to, *schedule, *verify, *state, *config;
    struct tl_job_means means;
    uint64_t tokens, seed, window, batch, draws, prompt_tokens, answer_tokens, answers;
    double mix, rate, held_share, temperature, unlikely_share, verify_seconds;
    bool control, bf16, forecast;
};

#define ROW(...) TL_OPTION_ROW(struct options, __VA_ARGS__)
static const struct tl_option rows[] = {
    ROW(teacher, FILE, "teacher", "PATH"),
    ROW(student, TEXT, "student", "PATH|GEOMETRY|SIZE"),
    ROW(text, FILE, "text", "FILE|DIR"),
    ROW(prompts, FILE, "prompts", "FILE"),
    ROW(output, FILE, "output", "FILE"),
    ROW(work, FILE, "work", "DIR"),
    ROW(tokens, COUNT, "tokens", "N", .max = 1e15),
    ROW(mix, F64, "mix", "SHARE", .fallback = "0.9", .max = 1),
    ROW(control, FLAG, "control", NULL),
    ROW(draws, U64, "draws", "N", .min = 1, .max = 255),
    ROW(window, U64, "window", "N", .min = 2, .max = 1 << 20),
    ROW(batch, U64, "batch", "N", .min = 1, .max = 1 << 16),
    ROW(rate, F64, "rate", "RATE", .max = 1),
    ROW(schedule, TEXT, "schedule", "NAME"),
    ROW(bf16, FLAG, "bf16", NULL),
    ROW(held_share, F64, "held", "SHARE", .max = 0.9),
    ROW(seed, U64, "seed", "N"),
    ROW(to, TEXT, "to", "FORMAT"),
    ROW(prompt_tokens, U64, "prompt-tokens", "N", .min = 1, .max = 1 << 20),
    ROW(answer_tokens, U64, "answer-tokens", "N", .min = 1, .max = 1 << 20),
    ROW(answers, U64, "answers", "N", .min = 1, .max = 128),
    ROW(temperature, F64, "temperature", "T", .fallback = "0.8", .max = 100),
    ROW(unlikely_share, F64, "drop-unlikely", "SHARE", .fallback = "0.05", .max = 0.99),
    ROW(verify, TEXT, "verify", "COMMAND"),
    ROW(verify_seconds, F64, "verify-seconds", "S", .min = 0.01, .max = 86400),
    TL_JOB_MEANS,
    ROW(forecast, FLAG, "forecast", NULL),
    ROW(state, FILE, "state", "DIR"),
    ROW(config, FILE, "config", "DIR"),
};

static struct tl_distill_order order_of(const struct options *o, const struct tl_machine *machine)
{
    return (struct tl_distill_order){
        .teacher = o->teacher, .student = o->student, .text = o->text, .prompts = o->prompts, .output = o->output, .work = o->work, .number = o->to,
        .tokens = o->tokens, .seed = o->seed, .window = (uint32_t)o->window, .batch = (uint32_t)o->batch, .draws = (uint32_t)o->draws, .mix = o->mix,
        .rate = o->rate, .held_share = o->held_share, .schedule = o->schedule, .bf16 = o->bf16, .control = o->control,
        .prompt_tokens = (uint32_t)o->prompt_tokens, .answer_tokens = (uint32_t)o->answer_tokens, .answers = (uint32_t)o->answers,
        .temperature = o->temperature, .unlikely_share = o->unlikely_share, .verify = o->verify, .verify_seconds = o->verify_seconds,
        .engine = tl_job_engine_options(&o->means, machine),
    };
}

/* --- the forecast ------------------------------------------------------------------------------------------------- */

struct stage { const char *name; bool wanted; struct tl_purpose purpose; };

static int price(const struct stage *stage, struct tl_planned *planned, const struct tl_purpose_means *means, struct tl_cost *all, struct tl_buffer *json)
{
    struct tl_priced priced;
    int status = tl_purpose_price(&stage->purpose, planned->model, means, &planned->machine, &priced);
    if (status < 0)
        return status;
    tl_buffer_printf(json, "%s{\"stage\":\"%s\",\"work\":", json->data[json->len - 1] == '[' ? "" : ",", stage->name);
    tl_purpose_write(stage->name, &stage->purpose, &priced, json);
    tl_buffer_printf(json, "}");
    tl_cost_add(all, &priced.all, 1, &planned->machine);
    return 0;
}

static int price_stages(const struct options *o, const struct tl_distill_survey *s, struct tl_planned *planned, struct tl_buffer *json)
{
    struct tl_purpose_means means = tl_plan_means(&planned->plan);
    struct tl_cost all = {0};
    double tokens = (double)s->train_tokens, student = (double)s->student_parameters, written = (double)s->write_tokens;
    const struct stage stages[] = {
        {"write", s->writes, {.kind = TL_PURPOSE_BATCH, .requests = written / means.answer}},
        {"sweep", s->sweeps, {.kind = TL_PURPOSE_SCORE, .tokens = (double)s->sweep_tokens}},
        {"train", true, {.kind = TL_PURPOSE_TRAIN, .tokens = tokens, .student = student}},
        {"control", o->control, {.kind = TL_PURPOSE_TRAIN, .tokens = tokens, .student = student}},
    };
    int status = 0;
    tl_buffer_printf(json, ",\"stages\":[");
    for (size_t i = 0; i < TL_COUNT(stages) && status >= 0; i++)
        if (stages[i].wanted)
            status = price(&stages[i], planned, &means, &all, json);
    tl_buffer_printf(json, "],\"seconds\":%.6g,\"low_seconds\":%.6g,\"high_seconds\":%.6g,\"joules\":%.6g,\"kwh\":%.6g,\"price\":%.6g,\"grams_co2e\":%.6g",
                     all.seconds, all.low_seconds, all.high_seconds, all.joules, all.joules / 3.6e6, all.money, all.grams);
    return status;
}

static int forecast(const struct options *o, const struct tl_machine *machine, const struct tl_distill_survey *survey, struct tl_buffer *json)
{
    struct tl_plan_options options = {.model = o->teacher, .kv = o->means.kv, .activations = o->means.activations, .state = o->state, .config = o->config,
                                      .prompt = o->prompt_tokens ? o->prompt_tokens : 64, .answer = o->answer_tokens ? o->answer_tokens : 256, .batch = 32};
    struct tl_planned planned;
    int status = tl_planned_open(&options, o->teacher, NULL, machine, &planned);
    if (status < 0)
        return status;
    tl_buffer_printf(json, "{\"survey\":");
    tl_distill_survey_write(survey, json);
    status = price_stages(o, survey, &planned, json);
    tl_buffer_printf(json, "}");
    tl_planned_close(&planned);
    return status;
}

/* --- the job ------------------------------------------------------------------------------------------------------ */

static int distill(struct tl_job_run *run, struct tl_distill_order *order)
{
    struct tl_distilled distilled;
    order->warn = tl_job_warn;
    order->context = run;
    int status = tl_distill(order, &run->progress, &distilled);
    if (status < 0)
        return status;
    tl_distilled_write(&distilled, &run->report);
    run->report.len--;                   /* one more member */
    tl_job_write_warnings(run);
    return 0;
}

int tl_job_distill(struct tl_job_run *run)
{
    struct options o = {0};
    struct tl_machine machine;
    struct tl_distill_survey survey;
    int status = tl_job_options(run, rows, TL_COUNT(rows), &o);
    if (status < 0)
        return status;
    if (!o.teacher || !o.student || !o.output)
        return tl_fail(TL_E_USAGE, "option %s: missing", !o.teacher ? "teacher" : !o.student ? "student" : "output");
    tl_machine_here(o.state, o.config, NULL, &machine);              /* what cannot be read is as usual */
    if (o.means.ram)
        tl_machine_set(&machine, TL_FACT_RAM, (double)o.means.ram, TL_SOURCE_SAID);
    if (o.means.threads)
        tl_machine_set(&machine, TL_FACT_THREADS, (double)o.means.threads, TL_SOURCE_SAID);
    tl_machine_finish(&machine);
    struct tl_distill_order order = order_of(&o, &machine);
    if (!o.forecast)
        return distill(run, &order);
    status = tl_distill_survey(&order, &run->progress, &survey);
    return status < 0 ? status : forecast(&o, &machine, &survey, &run->report);
}
