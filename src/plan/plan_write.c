/* SPDX-License-Identifier: MIT */
/* Plans as JSON. Bytes are bytes, rates are per second, energy is joules, money is in the unit of the machine's prices. */
#include <inttypes.h>
#include <string.h>

#include "base/array.h"
#include "model/arch.h"
#include "plan/plan.h"

static const struct { enum tl_work work; double joules_from, joules_to, price; const char *who; } served[] = {
#define SERVED(work, joules_from, joules_to, price, who) {TL_WORK_##work, joules_from, joules_to, price, who},
#include "plan/served.def"
#undef SERVED
};

static void put_bytes(struct tl_buffer *json, const char *key, uint64_t bytes) { tl_buffer_printf(json, ",\"%s\":%" PRIu64, key, bytes); }
static void put_number(struct tl_buffer *json, const char *key, double value) { tl_buffer_printf(json, ",\"%s\":%.6g", key, value); }

static double per(double value, double n) { return n > 0 ? value / n : 0; }

/* --- the model ---------------------------------------------------------------------------------------------------- */

static const char *main_format(const struct tl_sizes *s)
{
    int most = 0;
    for (int i = 1; i < TL_NUMBERS; i++)
        most = s->format_bytes[i] > s->format_bytes[most] ? i : most;
    return tl_number((enum tl_number_id)most)->name;
}

static void put_sizes(struct tl_buffer *json, const struct tl_sizes *s)
{
    put_bytes(json, "parameters", s->parameters);
    put_bytes(json, "active_parameters", s->active_parameters);
    put_bytes(json, "weight_bytes", s->weight_bytes);
    tl_buffer_printf(json, ",\"bytes_by_role\":{");
    for (int i = 0, n = 0; i < TL_PARTS; i++)
        if (s->part_bytes[i])
            tl_buffer_printf(json, "%s\"%s\":%" PRIu64, n++ ? "," : "", tl_weight_parts[i].name, s->part_bytes[i]);
    tl_buffer_printf(json, "},\"bytes_by_format\":{");
    for (int i = 0, n = 0; i < TL_NUMBERS; i++)
        if (s->format_bytes[i])
            tl_buffer_printf(json, "%s\"%s\":%" PRIu64, n++ ? "," : "", tl_number((enum tl_number_id)i)->name, s->format_bytes[i]);
    tl_buffer_printf(json, "}");
    put_bytes(json, "weight_bytes_per_token", s->token_bytes);
    put_bytes(json, "kv_bytes_per_token", s->kv_token_bytes);
    put_bytes(json, "state_bytes", s->state_bytes);
}

static void put_model(struct tl_buffer *json, const struct tl_plan *plan, struct tl_model *model, const struct tl_plan_subject *subject)
{
    const struct tl_geometry *g = tl_model_geometry(model);
    const struct tl_known *known = subject->known;
    tl_buffer_printf(json, "{");
    tl_buffer_json_member(json, "model", subject->name);
    tl_buffer_json_member(json, "source", subject->source);
    tl_buffer_json_member(json, "architecture", g->arch->name);
    tl_buffer_printf(json, ",\"runs\":%s", g->arch->planned ? "false" : "true");
    tl_buffer_json_member(json, "licence", known ? known->licence : NULL);
    tl_buffer_printf(json, ",\"assumed\":%s", known && known->assumed ? "true" : "false");
    tl_buffer_json_member(json, "format", main_format(&plan->sizes));
    put_bytes(json, "layers", g->n_layers);
    put_bytes(json, "width", g->width);
    put_bytes(json, "vocabulary", g->vocab);
    put_bytes(json, "trained_context", g->context);
    tl_buffer_json_member(json, "kv", tl_model_cache(model)->format->name);
    put_sizes(json, &plan->sizes);
    put_bytes(json, "experts", plan->sizes.experts);
    put_bytes(json, "expert_layers", plan->sizes.expert_layers);
    put_bytes(json, "experts_used", g->n_experts ? g->n_used : 0);
    put_bytes(json, "expert_bytes", plan->sizes.expert_bytes);
}

/* --- memory ------------------------------------------------------------------------------------------------------- */

static void put_memory(struct tl_buffer *json, const struct tl_plan *plan, const struct tl_model *model)
{
    static const char *const held[] = {[TL_FIT_TRUNK_PASSES] = "streamed", [TL_FIT_EXPERTS_PASS] = "experts streamed", [TL_FIT_RESIDENT] = "resident"};
    const struct tl_fit *f = &plan->fit;
    tl_buffer_json_member(json, "held", held[f->way]);
    put_bytes(json, "resident_bytes", tl_store_resident_bytes(tl_model_store(model)));
    put_bytes(json, "peak_bytes", f->planned_bytes);
    put_bytes(json, "budget_bytes", f->budget_bytes);
    put_bytes(json, "all_resident_bytes", f->resident_bytes);
    put_bytes(json, "context", f->limits.context);
    put_bytes(json, "sessions", f->limits.sessions);
    put_bytes(json, "chunk", f->limits.chunk);
    put_bytes(json, "threads", f->limits.threads);
    put_bytes(json, "expert_frames", f->limits.frames);
    put_bytes(json, "passing_bytes", tl_store_passing_bytes(tl_model_store(model)));
    if (plan->sizes.experts)
        put_number(json, "expected_hits", plan->hits);
    else
        tl_buffer_printf(json, ",\"expected_hits\":null");
    tl_buffer_printf(json, ",\"memory\":{\"weights\":%" PRIu64 ",\"states\":%" PRIu64 ",\"step\":%" PRIu64 ",\"users\":%" PRIu64
                     ",\"loading\":%" PRIu64 ",\"process\":%" PRIu64 ",\"margin\":%" PRIu64 "}",
                     f->memory.weights, f->memory.states, f->memory.batch, f->users_bytes, f->staging_bytes, f->process_bytes, f->margin_bytes);
}

/* --- speed and price ---------------------------------------------------------------------------------------------- */

static double rate(const struct tl_cost *c) { return per(c->tokens, c->seconds); }

static void put_work(struct tl_buffer *json, const struct tl_plan *plan, enum tl_work work, const struct tl_model *model, const struct tl_machine *machine)
{
    const struct tl_cost *c = &plan->work[work];
    const struct tl_model_limits *l = &plan->limits[work];
    enum tl_fact fact = tl_bound_fact(model, c->bound);
    tl_buffer_printf(json, "\"tokens\":%.6g,\"seconds\":%.6g", c->tokens, c->seconds);
    put_number(json, "tokens_per_s", rate(c));
    put_number(json, "low_tokens_per_s", per(c->tokens, c->high_seconds));
    put_number(json, "high_tokens_per_s", per(c->tokens, c->low_seconds));
    tl_buffer_json_member(json, "bound", tl_bound_name(c->bound));
    tl_buffer_json_member(json, "fact", tl_facts[fact].name);
    put_number(json, "fact_value", machine->value[fact]);
    tl_buffer_json_member(json, "fact_source", tl_source_name(machine->source[fact]));
    put_number(json, "memory_seconds", c->memory_s);
    put_number(json, "drive_seconds", c->drive_s);
    put_number(json, "arithmetic_seconds", c->arithmetic_s);
    put_number(json, "memory_bytes_per_token", per(c->memory_bytes, c->tokens));
    put_number(json, "read_bytes_per_token", per(c->drive_bytes, c->tokens));
    put_number(json, "operations_per_token", per(c->operations, c->tokens));
    put_number(json, "joules_per_token", per(c->joules, c->tokens));
    put_number(json, "price_per_million_tokens", per(c->money, c->tokens) * 1e6);
    put_number(json, "grams_per_million_tokens", per(c->grams, c->tokens) * 1e6);
    tl_buffer_printf(json, ",\"sessions\":%u,\"context\":%u,\"chunk\":%u", l->sessions, l->context, l->chunk);
    put_bytes(json, "peak_bytes", plan->planned_bytes[work]);
}

static void put_works(struct tl_buffer *json, const struct tl_plan *plan, const struct tl_model *model, const struct tl_machine *machine)
{
    for (int i = 0; i < TL_WORKS; i++)
        tl_buffer_printf(json, plan->work[i].seconds > 0 ? ",\"%s_tokens_per_s\":%.6g" : ",\"%s_tokens_per_s\":null", tl_works[i].name,
                         rate(&plan->work[i]));
    tl_buffer_printf(json, ",\"bound\":{");
    for (int i = 0, n = 0; i < TL_WORKS; i++)
        if (plan->work[i].seconds > 0)
            tl_buffer_printf(json, "%s\"%s\":\"%s\"", n++ ? "," : "", tl_works[i].name, tl_bound_name(plan->work[i].bound));
    tl_buffer_printf(json, "},\"speed\":{");
    for (int i = 0, n = 0; i < TL_WORKS; i++)
        if (plan->work[i].seconds > 0) {
            tl_buffer_printf(json, "%s\"%s\":{", n++ ? "," : "", tl_works[i].name);
            put_work(json, plan, (enum tl_work)i, model, machine);
            tl_buffer_printf(json, "}");
        }
    tl_buffer_printf(json, "}");
}

static void put_prices(struct tl_buffer *json, const struct tl_plan *plan)
{
    const struct tl_cost *c = &plan->work[plan->work[TL_WORK_DECODE].seconds > 0 ? TL_WORK_DECODE : TL_WORK_SCORE], *r = &plan->request;
    put_number(json, "read_bytes_per_token", per(c->drive_bytes, c->tokens));
    put_number(json, "break_even_tokens", plan->break_even);
    put_number(json, "joules_per_token", per(c->joules, c->tokens));
    put_number(json, "price_per_million_tokens", per(c->money, c->tokens) * 1e6);
    put_number(json, "grams_per_million_tokens", per(c->grams, c->tokens) * 1e6);
    tl_buffer_printf(json, ",\"request\":{\"prompt_tokens\":%u,\"answer_tokens\":%u", plan->prompt, plan->answer);
    put_number(json, "load_s", plan->load_s);
    put_number(json, "prefill_s", plan->work[TL_WORK_PREFILL].seconds);
    put_number(json, "seconds", r->seconds);
    put_number(json, "low_seconds", r->low_seconds);
    put_number(json, "high_seconds", r->high_seconds);
    put_number(json, "read_bytes", r->drive_bytes);
    put_number(json, "joules", r->joules);
    put_number(json, "price", r->money);
    put_number(json, "grams", r->grams);
    put_bytes(json, "peak_bytes", plan->request_bytes);
    tl_buffer_printf(json, "},\"served\":{");
    for (size_t i = 0; i < TL_COUNT(served); i++) {
        tl_buffer_printf(json, "%s\"%s\":{\"joules_per_token\":[%.3g,%.3g],\"price_per_million_tokens\":%.3g,\"who\":\"%s\"}", i ? "," : "",
                         tl_works[served[i].work].name, served[i].joules_from, served[i].joules_to, served[i].price, served[i].who);
    }
    tl_buffer_printf(json, "}");
}

/* --- the rest ----------------------------------------------------------------------------------------------------- */

void tl_plan_write_machine(const struct tl_machine *machine, struct tl_buffer *json)
{
    tl_buffer_printf(json, ",\"machine\":{\"name\":");
    tl_buffer_json_string(json, machine->name, strlen(machine->name));
    tl_buffer_printf(json, ",\"facts\":{");
    for (int i = 0; i < TL_FACTS; i++) {
        struct tl_buffer text;
        tl_buffer_init(&text, 0);
        tl_fact_print((enum tl_fact)i, machine->value[i], &text);
        tl_buffer_printf(json, "%s\"%s\":{\"value\":%.9g,\"text\":\"%s\",\"source\":\"%s\"}", i ? "," : "", tl_facts[i].name, machine->value[i],
                         text.data ? text.data : "", tl_source_name(machine->source[i]));
        tl_buffer_done(&text);
    }
    tl_buffer_printf(json, "}}");
}

/* Lines of "label    words", those of which the label is blank go on: {"label": "words", ...}. */
static void put_reasons(struct tl_buffer *json, const struct tl_fit *fit)
{
    struct tl_buffer text, words;
    tl_buffer_init(&text, 0);
    tl_buffer_init(&words, 0);
    tl_fit_explain(fit, &text);
    tl_buffer_printf(json, ",\"reasons\":{");
    for (char *line = text.data, *next; line && *line; line = next) {
        size_t n = strcspn(line, "\n"), label = strcspn(line, " \n"), from = label + strspn(line + label, " ");
        next = line + n + (line[n] != 0);
        tl_buffer_printf(&words, "%s%.*s", words.len ? " " : "", (int)(n > from ? n - from : 0), line + from);
        if (label) {
            tl_buffer_json_string(json, line, label);
            tl_buffer_printf(json, ":");
        }
        if (*next == ' ')
            continue;
        tl_buffer_json_string(json, words.data ? words.data : "", words.len);
        tl_buffer_printf(json, *next ? "," : "");
        tl_buffer_clear(&words);
    }
    tl_buffer_printf(json, "}");
    tl_buffer_done(&text);
    tl_buffer_done(&words);
}

void tl_plan_write_open(const struct tl_plan *plan, struct tl_model *model, const struct tl_plan_subject *subject, const struct tl_machine *machine,
                        struct tl_buffer *json)
{
    put_model(json, plan, model, subject);
    put_memory(json, plan, model);
    put_works(json, plan, model, machine);
    put_prices(json, plan);
    tl_plan_write_machine(machine, json);
    put_reasons(json, &plan->fit);
}

void tl_plan_write(const struct tl_plan *plan, struct tl_model *model, const struct tl_plan_subject *subject, const struct tl_machine *machine,
                   struct tl_buffer *json)
{
    tl_plan_write_open(plan, model, subject, machine, json);
    tl_buffer_printf(json, "}");
}
