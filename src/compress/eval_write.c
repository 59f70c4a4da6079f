/* SPDX-License-Identifier: MIT */
/* The report of an evaluation (docs/eval.md). Models have the same members in the same order, null where something was not
 * looked at, so that they are rows of a table too; what has parts of its own comes last in each. */
#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "base/array.h"
#include "compress/eval_impl.h"

static void put_number(struct tl_buffer *json, const char *name, bool known, double value)
{
    tl_buffer_printf(json, known && isfinite(value) ? ",\"%s\":%.9g" : ",\"%s\":null", name, value);
}

static void put_mean(struct tl_buffer *json, const char *name, const struct tl_eval_mean *mean)
{
    put_number(json, name, mean->n > 0, mean->mean);
    tl_buffer_printf(json, mean->n > 0 && isfinite(mean->se) ? ",\"%s_se\":%.6g" : ",\"%s_se\":null", name, mean->se);
}

/* --- models ------------------------------------------------------------------------------------------------------- */

static void put_costs(struct tl_buffer *json, const struct tl_eval_model *m)
{
    const struct { const char *joules, *money; const struct tl_eval_cost *cost; } parts[] = {
        { "joules", "money", &m->cost }, { "text_joules", "text_money", &m->text_cost }, { "task_joules", "task_money", &m->task_cost },
        { "prompt_joules", "prompt_money", &m->prompt_cost },
    };
    put_number(json, "prompt_tokens_per_s", m->prompt_tokens_per_s > 0, m->prompt_tokens_per_s);
    put_number(json, "answer_tokens_per_s", m->answer_tokens_per_s > 0, m->answer_tokens_per_s);
    for (size_t i = 0; i < TL_COUNT(parts); i++) {
        put_number(json, parts[i].joules, parts[i].cost->known, parts[i].cost->joules);
        put_number(json, parts[i].money, parts[i].cost->known, parts[i].cost->money);
    }
    tl_buffer_json_member(json, "joules_source", m->cost.known ? m->cost.measured ? "measured" : "estimated" : NULL);
    put_number(json, "money_per_solved", m->cost_per_solved >= 0, m->cost_per_solved);
}

static void put_answers(struct tl_buffer *json, const struct tl_eval_group *g)
{
    put_mean(json, "loops", &g->loops);
    put_mean(json, "refusals", &g->refusals);
    put_mean(json, "changed", &g->changed);
    put_mean(json, "refusals_gained", &g->gained);
    put_mean(json, "refusals_lost", &g->lost);
}

static void put_group(struct tl_buffer *json, const struct tl_eval_group *g)
{
    tl_buffer_printf(json, "{\"prompts\":%" PRIu64, g->loops.n);
    tl_buffer_json_member(json, "tag", g->tag);
    put_answers(json, g);
    tl_buffer_printf(json, "}");
}

static void put_model(struct tl_buffer *json, const struct tl_eval_model *m)
{
    static const struct tl_eval_group no_group;
    tl_buffer_printf(json, "{\"bytes\":%" PRIu64 ",\"parameters\":%" PRIu64 ",\"active_parameters\":%" PRIu64, m->weight_bytes, m->parameters,
                     m->active_parameters);
    tl_buffer_json_member(json, "model", m->name);
    tl_buffer_json_member(json, "path", m->path);
    put_mean(json, "nll", &m->nll);
    put_number(json, "perplexity", m->nll.n > 0, m->perplexity);
    put_number(json, "perplexity_se", m->nll.n > 0, m->perplexity_se);
    put_number(json, "bits_per_byte", m->nll.n > 0, m->bits_per_byte);
    put_mean(json, "kl", &m->kl);
    put_mean(json, "agreement", &m->agreement);
    put_mean(json, "solved", &m->solved);
    for (int i = 0; i < TL_EVAL_KINDS; i++)
        put_mean(json, tl_eval_kinds[i], &m->kind[i]);
    put_mean(json, "choices_raw", &m->choice_raw);
    put_answers(json, m->n_groups ? &m->group[0] : &no_group);
    tl_buffer_printf(json, ",\"scored_tokens\":%" PRIu64 ",\"answer_tokens\":%" PRIu64, m->scored_tokens, m->answer_tokens);
    put_costs(json, m);
    put_number(json, "quality", true, m->quality);
    put_number(json, "price", true, m->price);
    tl_buffer_printf(json, ",\"frontier\":%s,\"groups\":[", m->frontier ? "true" : "false");
    for (uint32_t i = 1; i < m->n_groups; i++) {
        tl_buffer_append(json, ",", i > 1);
        put_group(json, &m->group[i]);
    }
    tl_buffer_printf(json, "]}");
}

/* --- all ---------------------------------------------------------------------------------------------------------- */

static void put_pair(struct tl_buffer *json, const struct tl_eval *eval, const struct tl_eval_pair *pair)
{
    tl_buffer_printf(json, "{\"items\":%" PRIu64, pair->difference.n);
    tl_buffer_json_member(json, "measure", pair->measure);
    tl_buffer_json_member(json, "a", eval->model[pair->a].name);
    tl_buffer_json_member(json, "b", eval->model[pair->b].name);
    put_mean(json, "difference", &pair->difference);
    put_number(json, "p", true, pair->p);
    tl_buffer_json_member(json, "better", pair->better ? eval->model[pair->better < 0 ? pair->a : pair->b].name : NULL);
    tl_buffer_printf(json, "}");
}

static void put_reference(struct tl_buffer *json, const struct tl_eval_reference *r)
{
    tl_buffer_printf(json, ",\"reference\":{\"stored\":%s,\"tokens\":%" PRIu64 ",\"bytes\":%" PRIu64, r->stored ? "true" : "false", r->tokens,
                     r->records_bytes);
    tl_buffer_json_member(json, "model", r->name);
    tl_buffer_json_member(json, "path", r->path);
    tl_buffer_json_member(json, "file", r->file);
    put_number(json, "perplexity", r->tokens > 0, r->perplexity);
    put_number(json, "perplexity_se", r->tokens > 0, r->perplexity_se);
    tl_buffer_printf(json, "}");
}

void tl_eval_write(const struct tl_eval *eval, struct tl_buffer *json)
{
    uint64_t tasks = 0;
    for (int i = 0; i < TL_EVAL_KINDS; i++)
        tasks += eval->tasks[i];
    tl_buffer_printf(json, "{\"texts\":%" PRIu64 ",\"tokens\":%" PRIu64 ",\"window\":%u,\"stride\":%u,\"tasks\":%" PRIu64 ",\"prompts\":%" PRIu64
                     ",\"same_vocabulary\":%s", eval->texts, eval->tokens, eval->window, eval->stride, tasks, eval->prompts,
                     eval->same_vocabulary ? "true" : "false");
    tl_buffer_json_member(json, "quality", eval->quality);
    tl_buffer_json_member(json, "price", eval->price);
    if (eval->reference.path)
        put_reference(json, &eval->reference);
    tl_buffer_printf(json, ",\"models\":[");
    for (uint32_t i = 0; i < eval->n_models; i++) {
        tl_buffer_append(json, ",", i > 0);
        put_model(json, &eval->model[i]);
    }
    tl_buffer_printf(json, "],\"pairs\":[");
    for (uint32_t i = 0; i < eval->n_pairs; i++) {
        tl_buffer_append(json, ",", i > 0);
        put_pair(json, eval, &eval->pair[i]);
    }
    tl_buffer_printf(json, "]}");
}
