/* SPDX-License-Identifier: MIT */
/* One object. What is not known is not there. */
#include "api/train_report.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "api/job.h"

static void put_model(const struct tl_train_facts *f, struct tl_buffer *json)
{
    const struct tl_geometry *g = tl_model_geometry(f->student->model);
    tl_buffer_json_member(json, "model", f->source);
    tl_buffer_printf(json, ",\"drawn\":%s,\"parameters\":%" PRIu64 ",\"embedding_parameters\":%" PRIu64 ",\"width\":%u,\"layers\":%u,\"vocabulary\":%u",
                     f->student->drawn ? "true" : "false", f->parameters, (uint64_t)g->vocab * g->width * (g->tied ? 1 : 2), g->width, g->n_layers, g->vocab);
    if (f->expected_tokens > 0)
        tl_buffer_printf(json, ",\"expected_tokens\":%.6g", f->expected_tokens);
    if (f->predicted_loss > 0)
        tl_buffer_printf(json, ",\"predicted_loss\":%.6g", f->predicted_loss);
}

static void put_corpus(const struct tl_train_facts *f, struct tl_buffer *json)
{
    const struct tl_corpus_counts *c = &f->counts;
    tl_buffer_printf(json, ",\"texts\":%" PRIu64 ",\"duplicates\":%" PRIu64 ",\"left_out\":%" PRIu64 ",\"documents\":%" PRIu64 ",\"held_documents\":%" PRIu64
                     ",\"corpus_tokens\":%" PRIu64, c->texts, c->duplicates, c->left_out, c->documents, c->held_documents, c->tokens);
}

static void put_losses(const struct tl_train_facts *f, struct tl_buffer *json)
{
    const struct tl_trained *t = &f->trained;
    tl_buffer_printf(json, ",\"loss\":%.9g", t->last.loss);
    if (t->held >= 0)
        tl_buffer_printf(json, ",\"first_held_loss\":%.9g,\"first_held_loss_se\":%.6g,\"held_loss\":%.9g,\"held_loss_se\":%.6g,\"held_perplexity\":%.9g"
                         ",\"held_perplexity_se\":%.6g", t->first_held, t->first_held_se, t->held, t->held_se, exp(t->held), exp(t->held) * t->held_se);
}

static void put_speed(const struct tl_train_facts *f, struct tl_buffer *json)
{
    const struct tl_trained *t = &f->trained;
    double rate = t->run_seconds > 0 ? t->operations / t->run_seconds : 0;
    tl_buffer_printf(json, ",\"steps\":%" PRIu64 ",\"resumed_steps\":%" PRIu64 ",\"tokens\":%" PRIu64 ",\"run_tokens\":%" PRIu64 ",\"seconds\":%.6g"
                     ",\"tokens_per_s\":%.6g,\"operations\":%.6g,\"operations_per_s\":%.6g", t->last.step, t->resumed_steps, t->last.tokens, t->run_tokens,
                     t->seconds, t->last.tokens_per_s, t->operations, rate);
    if (f->f32_peak > 0)
        tl_buffer_printf(json, ",\"f32_peak\":%.6g,\"peak_share\":%.4g", f->f32_peak, rate / f->f32_peak);
}

static void put_costs(const struct tl_train_facts *f, struct tl_buffer *json)
{
    const struct tl_ledger_value *v = f->row.value;
    tl_buffer_printf(json, ",\"joules\":%.6g,\"joules_source\":\"%s\",\"money\":%.6g", v[TL_LEDGER_JOULES].real, v[TL_LEDGER_JOULES_SOURCE].text,
                     v[TL_LEDGER_MONEY].real);
}

static void put_memory(const struct tl_train_facts *f, struct tl_buffer *json)
{
    tl_buffer_printf(json, ",\"threads\":%u,\"budget_bytes\":%" PRIu64 ",\"planned_bytes\":%" PRIu64 ",\"peak_bytes\":%" PRIu64
                     ",\"pass_windows\":%u,\"recomputed_layers\":%u", f->plan.threads, f->plan.budget_bytes, f->plan.total_bytes, f->trained.peak_bytes,
                     f->plan.windows, f->plan.recomputed_layers);
}

static void put_adapters(const struct tl_train_options *o, const struct tl_train_facts *f, struct tl_buffer *json)
{
    tl_buffer_printf(json, ",\"lora_rank\":%" PRIu64 ",\"lora_alpha\":%.6g,\"adapter_parameters\":%" PRIu64 ",\"adapted_matrices\":%" PRIu32
                     ",\"base_bytes\":%" PRIu64 ",\"base_memory_bytes\":%" PRIu64 ",\"read_bytes\":%" PRIu64, o->lora_rank, o->lora_alpha,
                     f->adapter_parameters, f->adapter_matrices, tl_model_weight_bytes(f->student->model), f->plan.base_bytes, f->read_bytes);
}

static void put_curve(const struct tl_curve *c, struct tl_buffer *json)
{
    tl_buffer_printf(json, ",\"curve\":{\"every\":%" PRIu64 ",\"loss\":[", c->every);
    for (uint64_t i = 0; i < c->n; i++)
        tl_buffer_printf(json, "%s%.6g", i ? "," : "", c->loss[i]);
    tl_buffer_printf(json, "],\"held\":[");
    for (uint64_t i = 0; i < c->n_held; i++)
        tl_buffer_printf(json, "%s{\"step\":%" PRIu64 ",\"loss\":%.6g,\"se\":%.4g}", i ? "," : "", c->held[i].step, c->held[i].nll, c->held[i].se);
    tl_buffer_printf(json, "]}");
}

void tl_train_report(const struct tl_train_options *o, const struct tl_train_facts *f, struct tl_job_run *run)
{
    struct tl_buffer *json = &run->report;
    tl_buffer_printf(json, "{");
    put_model(f, json);
    tl_buffer_printf(json, ",\"window\":%" PRIu64 ",\"batch\":%" PRIu64 ",\"seed\":%" PRIu64, o->window, o->batch, o->seed);
    if (!o->forecast) {
        tl_buffer_json_member(json, "output", o->output);
        tl_buffer_printf(json, ",\"format\":\"%s\",\"rate\":%.6g,\"schedule\":\"%s\"", f->format->name, f->how.schedule.peak, o->schedule);
        put_corpus(f, json);
        put_losses(f, json);
        put_speed(f, json);
        put_costs(f, json);
        put_memory(f, json);
        if (o->lora_rank)
            put_adapters(o, f, json);
        put_curve(&f->trained.curve, json);
    }
    tl_job_write_warnings(run);
}
