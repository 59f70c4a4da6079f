/* SPDX-License-Identifier: MIT */
/* From a job to its cost: what the model computes, what a student's training takes, and both together. */
#include "plan/purpose.h"

#include <string.h>

#include "base/error.h"
#include "plan/loss.h"
#include "plan/rates.h"

enum { TRAINED_BYTES = 16 };             /* a parameter: weight, gradient and two moments, f32 */

static int lay_out(struct tl_model *model, const struct tl_model_limits *limits)
{
    struct tl_model_memory memory;
    return tl_model_plan(model, limits, &memory);
}

/* Answers of a length that a session holds, one after the other. */
static void price_decode(struct tl_model *model, const struct tl_purpose_means *means, const struct tl_machine *machine, double tokens,
                         struct tl_cost *ret)
{
    uint32_t half = means->sessions.context / 2, context = means->prompt + means->answer / 2;
    struct tl_cost one;
    tl_cost_decode(model, &means->sessions, machine, 1, context < half ? context : half, &one);
    tl_cost_add(ret, &one, tokens, machine);
}

static void price_prefill(struct tl_model *model, const struct tl_purpose_means *means, const struct tl_machine *machine, double tokens,
                          struct tl_cost *ret)
{
    uint32_t prompt = means->prompt < means->sessions.context ? means->prompt : means->sessions.context;
    struct tl_cost one;
    tl_cost_prefill(model, &means->sessions, machine, prompt, 0, &one);
    tl_cost_add(ret, &one, tokens / prompt, machine);
}

/* A text too long for a count of 64 bits is some times one that is not. */
static void price_score(struct tl_model *model, const struct tl_model_limits *limits, const struct tl_machine *machine, double tokens,
                        struct tl_cost *ret)
{
    static const double most = 1e15;
    double times = tokens > most ? tokens / most : 1;
    struct tl_cost one;
    tl_cost_score(model, limits, machine, (uint64_t)(tokens / times), &one);
    tl_cost_add(ret, &one, times, machine);
}

static void price_batch(struct tl_model *model, const struct tl_purpose_means *means, const struct tl_machine *machine, double requests,
                        struct tl_cost *ret)
{
    static const double most = 1e12;
    double times = requests > most ? requests / most : 1;
    struct tl_cost one;
    uint64_t n = (uint64_t)(requests / times + 0.5);
    tl_cost_batch(model, &means->batch, machine, n ? n : 1, means->prompt, means->answer, &one);
    tl_cost_add(ret, &one, times, machine);
}

static int price_model(const struct tl_purpose *p, struct tl_model *model, const struct tl_purpose_means *means, const struct tl_machine *machine,
                       struct tl_priced *ret)
{
    bool sweep = p->kind == TL_PURPOSE_SCORE || p->kind == TL_PURPOSE_DISTILL, batch = p->kind == TL_PURPOSE_BATCH;
    const struct tl_model_limits *limits = sweep && means->sweeps ? &means->sweep : batch ? &means->batch : &means->sessions;
    if (batch && !means->batches)
        return tl_fail(TL_E_BUDGET, "requests of %u and %u tokens do not fit", means->prompt, means->answer);
    int status = lay_out(model, limits);
    if (status < 0)
        return status;
    ret->requests = batch ? p->requests > 0 ? p->requests : p->tokens / ((double)means->prompt + means->answer) : 0;
    if (sweep)
        price_score(model, limits, machine, p->tokens, &ret->model);
    else if (batch)
        price_batch(model, means, machine, ret->requests, &ret->model);
    else if (p->kind == TL_PURPOSE_PREFILL)
        price_prefill(model, means, machine, p->tokens, &ret->model);
    else
        price_decode(model, means, machine, p->tokens, &ret->model);
    return 0;
}

static void price_training(const struct tl_purpose *p, const struct tl_machine *machine, struct tl_priced *ret)
{
    double operations = tl_loss_operations(p->student, p->tokens);
    double seconds = operations / (machine->value[TL_FACT_BF16] * tl_reaches[TL_REACH_TRAIN].value);
    ret->training = (struct tl_cost){.tokens = p->tokens, .seconds = seconds, .low_seconds = seconds / 2, .high_seconds = seconds * 2,
                                     .arithmetic_s = seconds, .operations = operations, .bound = TL_BOUND_ARITHMETIC};
    tl_cost_price(&ret->training, machine);
    ret->training_bytes = TRAINED_BYTES * p->student;
    ret->loss = tl_loss(p->student, p->tokens);
    tl_loss_best(operations, &ret->best_parameters, &ret->best_tokens);
    ret->best_loss = tl_loss(ret->best_parameters, ret->best_tokens);
}

int tl_purpose_price(const struct tl_purpose *p, struct tl_model *model, const struct tl_purpose_means *means, const struct tl_machine *machine,
                     struct tl_priced *ret)
{
    bool learns = p->kind == TL_PURPOSE_TRAIN || p->kind == TL_PURPOSE_DISTILL;
    memset(ret, 0, sizeof(*ret));
    int status = p->kind == TL_PURPOSE_TRAIN ? 0 : price_model(p, model, means, machine, ret);
    if (status < 0)
        return status;
    if (learns)
        price_training(p, machine, ret);
    tl_cost_add(&ret->all, &ret->model, 1, machine);
    if (learns)
        tl_cost_add(&ret->all, &ret->training, 1, machine);
    return 0;
}

/* --- telling ------------------------------------------------------------------------------------------------------ */

static void write_cost(const char *name, const struct tl_cost *c, struct tl_buffer *json)
{
    tl_buffer_printf(json, ",\"%s\":{\"tokens\":%.6g,\"seconds\":%.6g,\"low_seconds\":%.6g,\"high_seconds\":%.6g,\"bound\":\"%s\"", name, c->tokens,
                     c->seconds, c->low_seconds, c->high_seconds, tl_bound_name(c->bound));
    tl_buffer_printf(json, ",\"steps\":%.6g,\"read_bytes\":%.6g,\"operations\":%.6g,\"joules\":%.6g,\"kwh\":%.6g,\"price\":%.6g,\"grams_co2e\":%.6g}",
                     c->steps, c->drive_bytes, c->operations, c->joules, c->joules / 3.6e6, c->money, c->grams);
}

void tl_purpose_write(const char *text, const struct tl_purpose *p, const struct tl_priced *priced, struct tl_buffer *json)
{
    tl_buffer_printf(json, "{\"text\":");
    tl_buffer_json_string(json, text, strlen(text));
    tl_buffer_printf(json, ",\"job\":\"%s\",\"meaning\":\"%s\",\"tokens\":%.6g", tl_purposes[p->kind].word, tl_purposes[p->kind].meaning,
                     priced->all.tokens > 0 && !(p->tokens > 0) ? priced->all.tokens : p->tokens);
    if (priced->requests > 0)
        tl_buffer_printf(json, ",\"requests\":%.6g", priced->requests);
    write_cost("total", &priced->all, json);
    if (p->student > 0) {
        tl_buffer_printf(json, ",\"student_parameters\":%.6g,\"training_bytes\":%.6g", p->student, priced->training_bytes);
        if (p->kind == TL_PURPOSE_DISTILL)
            write_cost("teacher", &priced->model, json);
        write_cost("training", &priced->training, json);
        tl_buffer_printf(json, ",\"loss\":{\"predicted\":%.4f,\"floor\":%.4f,\"best_for_same_operations\":%.4f,\"best_parameters\":%.4g,"
                               "\"best_tokens\":%.4g}", priced->loss, tl_loss_floor(), priced->best_loss, priced->best_parameters, priced->best_tokens);
    }
    tl_buffer_printf(json, "}");
}
