/* SPDX-License-Identifier: MIT */
/* The plan of a run, made when it is over: its prompts and answers are known then, so that what is compared with the measurement
 * is the plan's arithmetic and not a guess of what would be asked. */
#include <math.h>

#include "api/account.h"
#include "plan/cost.h"

static uint64_t mean(uint64_t sum, uint64_t n) { return n ? (sum + n / 2) / n : 0; }

static double rate(const struct tl_cost *cost) { return cost->seconds > 0 ? cost->tokens / cost->seconds : NAN; }

static void predict_decode(struct tl_model *model, struct tl_meters *m, const struct tl_machine *machine, struct tl_ledger_row *row)
{
    uint64_t tokens = tl_meter_get(m, TL_METER_DECODE_TOKENS), steps = tl_meter_get(m, TL_METER_STEPS) - tl_meter_get(m, TL_METER_PREFILL_STEPS);
    uint64_t sequences = mean(tokens, steps), behind = mean(tl_meter_get(m, TL_METER_DECODE_BEHIND), tokens);
    struct tl_cost cost;
    if (!sequences)
        return;
    tl_cost_decode(model, tl_model_limits(model), machine, (uint32_t)sequences, (uint32_t)behind, &cost);
    tl_ledger_set_real(row, TL_LEDGER_WANT_DECODE, rate(&cost));
    tl_ledger_set_real(row, TL_LEDGER_WANT_READ, cost.drive_bytes / cost.tokens);
    tl_ledger_set_real(row, TL_LEDGER_WANT_JOULES, cost.joules / cost.tokens);
}

static void predict_prefill(struct tl_model *model, struct tl_meters *m, const struct tl_machine *machine, struct tl_ledger_row *row)
{
    uint64_t tokens = tl_meter_get(m, TL_METER_PREFILL_TOKENS), steps = tl_meter_get(m, TL_METER_PREFILL_STEPS);
    struct tl_cost cost;
    if (!tokens || !steps)
        return;
    if (tl_meter_get(m, TL_METER_SCORED_TOKENS)) {
        tl_cost_score(model, tl_model_limits(model), machine, tokens, &cost);
        tl_ledger_set_real(row, TL_LEDGER_WANT_SCORE, rate(&cost));
        return;
    }
    struct tl_cost_step step = {.n_tokens = mean(tokens, steps), .n_sequences = 1, .n_logits = 1,
                                .context = (double)tl_meter_get(m, TL_METER_PREFILL_BEHIND) / (double)tokens};
    tl_cost_of_step(model, tl_model_limits(model), machine, &step, &cost);
    tl_ledger_set_real(row, TL_LEDGER_WANT_PREFILL, rate(&cost));
}

/* As in plans: pages of keys and values that nobody comes to are never touched, nor are rows of logits beyond the one that is
 * wanted where answers are made. */
static void predict_peak(struct tl_model *model, const struct tl_fit *fit, struct tl_meters *m, struct tl_ledger_row *row)
{
    const struct tl_record_pool *records = &tl_model_cache(model)->records;
    uint64_t fixed = records->n_records * records->record_bytes, pages = fit->memory.states > fixed ? fit->memory.states - fixed : 0;
    double used = fit->limits.context ? (double)tl_meter_get(m, TL_METER_LONGEST) / fit->limits.context : 1;
    uint64_t untouched = used < 1 && !fit->limits.sweep ? (uint64_t)((double)pages * (1 - used)) : 0;
    if (tl_meter_get(m, TL_METER_ANSWER_TOKENS))
        untouched += (tl_model_logit_rows(model) - 1) * tl_stream_width(tl_model_geometry(model), TL_S_LOGITS) * sizeof(float);
    tl_ledger_set_count(row, TL_LEDGER_WANT_PEAK, fit->planned_bytes - untouched);
}

void tl_account_predict(struct tl_model *model, const struct tl_fit *fit, struct tl_meters *meters, const struct tl_machine *machine,
                        struct tl_ledger_row *row)
{
    predict_peak(model, fit, meters, row);
    predict_decode(model, meters, machine, row);
    predict_prefill(model, meters, machine, row);
}
