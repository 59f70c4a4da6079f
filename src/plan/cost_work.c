/* SPDX-License-Identifier: MIT */
/* Kinds of work as forward steps: decoding, prompts, long texts, batches. */
#include "plan/cost.h"
#include "plan/rates.h"

enum { FEW_STEPS = 16 };

void tl_cost_decode(struct tl_model *model, const struct tl_model_limits *limits, const struct tl_machine *machine, uint32_t n_sequences,
                    uint32_t context, struct tl_cost *ret_cost)
{
    struct tl_cost_step step = {n_sequences, n_sequences, n_sequences, context};
    tl_cost_of_step(model, limits, machine, &step, ret_cost);
}

/* Steps of the chunk; of very many only some, evenly spread, are looked at. */
void tl_cost_prefill(struct tl_model *model, const struct tl_model_limits *limits, const struct tl_machine *machine, uint64_t tokens,
                     uint32_t context, struct tl_cost *ret_cost)
{
    struct tl_cost sum = {0}, one;
    uint64_t chunk = limits->chunk && limits->chunk < tokens ? limits->chunk : tokens, whole = chunk ? tokens / chunk : 0;
    uint64_t looks = whole < FEW_STEPS ? whole : FEW_STEPS, rest = tokens - whole * chunk;
    for (uint64_t i = 0; i < looks; i++) {
        double at = looks == whole ? (double)i : ((double)i + 0.5) * (double)whole / (double)looks - 0.5;
        struct tl_cost_step step = {chunk, 1, !rest && i + 1 == looks, context + at * (double)chunk};
        tl_cost_of_step(model, limits, machine, &step, &one);
        tl_cost_add(&sum, &one, (double)whole / (double)looks, machine);
    }
    if (rest) {
        struct tl_cost_step step = {rest, 1, 1, context + (double)(whole * chunk)};
        tl_cost_of_step(model, limits, machine, &step, &one);
        tl_cost_add(&sum, &one, 1, machine);
    }
    *ret_cost = sum;
}

void tl_cost_score(struct tl_model *model, const struct tl_model_limits *limits, const struct tl_machine *machine, uint64_t tokens,
                   struct tl_cost *ret_cost)
{
    struct tl_cost sum = {0}, one;
    uint64_t window = limits->context ? limits->context : 1, chunk = limits->chunk > window ? limits->chunk : window, whole = tokens / chunk;
    uint64_t parts[] = {chunk, tokens - whole * chunk};
    double times[] = {(double)whole, 1};
    for (int i = 0; i < 2; i++) {
        struct tl_cost_step step = {parts[i], (parts[i] + window - 1) / window, parts[i], 0};
        if (!parts[i] || times[i] == 0)
            continue;
        tl_cost_of_step(model, limits, machine, &step, &one);
        tl_cost_add(&sum, &one, times[i], machine);
    }
    *ret_cost = sum;
}

void tl_cost_batch(struct tl_model *model, const struct tl_model_limits *limits, const struct tl_machine *machine, uint64_t n_requests,
                   uint32_t prompt, uint32_t answer, struct tl_cost *ret_cost)
{
    uint64_t width = limits->sessions && limits->sessions < n_requests ? limits->sessions : n_requests, waves = width ? (n_requests + width - 1) / width : 0;
    struct tl_cost sum = {0}, one;
    uint64_t together = prompt ? limits->chunk / prompt : 0, prefills;
    together = together < 1 ? 1 : together < width ? together : width;
    prefills = (width + together - 1) / together;
    if (prompt && prompt <= limits->chunk) {
        struct tl_cost_step step = {together * prompt, together, together, 0};
        tl_cost_of_step(model, limits, machine, &step, &one);
    } else if (prompt) {
        tl_cost_prefill(model, limits, machine, prompt, 0, &one);
    }
    if (prompt && width)
        tl_cost_add(&sum, &one, (double)(prefills * waves), machine);
    if (width && answer) {
        tl_cost_decode(model, limits, machine, (uint32_t)width, prompt + answer / 2, &one);
        tl_cost_add(&sum, &one, (double)answer * (double)waves, machine);
    }
    sum.tokens = (double)n_requests * answer;
    *ret_cost = sum;
}

double tl_cost_break_even(struct tl_model *model, const struct tl_machine *machine)
{
    enum { MANY = 1 << 20 };
    struct tl_model_limits limits = {.threads = (uint32_t)machine->value[TL_FACT_THREADS], .block = MANY};
    struct tl_cost_step step = {MANY, MANY, MANY, 0};
    struct tl_cost cost;
    tl_cost_of_step(model, &limits, machine, &step, &cost);
    double drive_s = (double)tl_model_weight_bytes(model) / (machine->value[TL_FACT_DRIVE] * tl_reaches[TL_REACH_DRIVE].value);
    return cost.arithmetic_s > 0 ? drive_s / cost.arithmetic_s * MANY : 0;
}
