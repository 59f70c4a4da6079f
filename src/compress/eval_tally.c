/* SPDX-License-Identifier: MIT */
/* From what was found of each item to means with standard errors. */
#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "base/error.h"
#include "base/file.h"
#include "base/memory.h"
#include "compress/eval_impl.h"
#include "compress/judge.h"
#include "compress/stats.h"

/* --- texts -------------------------------------------------------------------------------------------------------- */

static struct tl_eval_mean mean_of(const float *values, uint64_t n)
{
    struct tl_tally tally = { 0 };
    for (uint64_t i = 0; i < n; i++)
        if (!isnan(values[i]))
            tl_tally_add(&tally, (double)values[i]);
    return tl_tally_mean(&tally);
}

static void tally_text(const struct tl_eval_subject *subject, struct tl_eval_model *model)
{
    struct tl_tally agreement = { 0 };
    if (!subject->nll)
        return;
    model->nll = mean_of(subject->nll, subject->n_ids);
    model->perplexity = exp(model->nll.mean);
    model->perplexity_se = model->perplexity * model->nll.se;
    model->bits_per_byte = subject->text_bytes ? model->nll.mean * (double)model->nll.n / log(2) / (double)subject->text_bytes : 0;
    model->scored_tokens = subject->scored_tokens;
    if (!subject->kl)
        return;
    model->kl = mean_of(subject->kl, subject->n_ids);
    for (uint64_t i = 0; i < subject->n_ids; i++)
        if (!isnan(subject->nll[i]))
            tl_tally_add(&agreement, subject->agrees[i]);
    model->agreement = tl_tally_mean(&agreement);
}

/* --- tasks -------------------------------------------------------------------------------------------------------- */

static void tally_tasks(const struct tl_eval_run *run, const struct tl_eval_subject *subject, struct tl_eval_model *model)
{
    struct tl_tally all = { 0 }, raw = { 0 }, kind[TL_EVAL_KINDS] = { { 0 } };
    for (uint64_t i = 0; i < run->tasks.n; i++) {
        const struct tl_eval_answer *answer = &subject->task[i];
        int k = run->tasks.item[i].kind;
        tl_tally_add(&all, answer->right);
        tl_tally_add(&kind[k], answer->right);
        if (k == TL_EVAL_CHOICE)
            tl_tally_add(&raw, answer->raw_right);
    }
    model->solved = tl_tally_mean(&all);
    model->choice_raw = tl_tally_mean(&raw);
    for (int k = 0; k < TL_EVAL_KINDS; k++)
        model->kind[k] = tl_tally_mean(&kind[k]);
}

/* --- prompts ------------------------------------------------------------------------------------------------------ */

static bool has_tag(const struct tl_eval_item *item, const char *tag)
{
    for (uint32_t i = 0; tag && i < item->tags.n; i++)
        if (strcmp(item->tags.text[i], tag) == 0)
            return true;
    return !tag;
}

static int find_tags(const struct tl_eval_run *run, const char **tags, uint32_t *ret_n)
{
    uint32_t n = 1;
    tags[0] = NULL;
    for (uint64_t i = 0; i < run->prompts.n; i++)
        for (uint32_t k = 0; k < run->prompts.item[i].tags.n; k++) {
            const char *tag = run->prompts.item[i].tags.text[k];
            uint32_t at = 1;
            while (at < n && strcmp(tags[at], tag) != 0)
                at++;
            if (at == TL_EVAL_TAGS)
                return tl_eval_item_fail(&run->prompts.item[i], tl_fail(TL_E_USAGE, "more than %d different tags", TL_EVAL_TAGS - 1));
            tags[at] = tag;
            n = at == n ? n + 1 : n;
        }
    *ret_n = n;
    return 0;
}

/* What is seen in one answer; the last three against the reference. */
struct seen { bool loops, refuses, changed, gained, lost; };

static int see(const struct tl_eval_answer *answer, const struct tl_eval_answer *other, struct seen *ret_seen)
{
    int loops = tl_judge_loops(answer->text, answer->n_bytes);
    bool refuses = tl_judge_refuses(answer->text, answer->n_bytes), refused = other && tl_judge_refuses(other->text, other->n_bytes);
    *ret_seen = (struct seen){ loops > 0, refuses, other && !tl_judge_same(answer->text, answer->n_bytes, other->text, other->n_bytes),
                               other && refuses && !refused, other && refused && !refuses };
    return loops < 0 ? TL_E_NOMEM : 0;
}

static void tally_group(const struct tl_eval_run *run, const struct seen *seen, struct tl_eval_group *group, const char *tag)
{
    struct tl_tally loops = { 0 }, refusals = { 0 }, changed = { 0 }, gained = { 0 }, lost = { 0 };
    for (uint64_t i = 0; i < run->prompts.n; i++) {
        if (!has_tag(&run->prompts.item[i], tag))
            continue;
        tl_tally_add(&loops, seen[i].loops);
        tl_tally_add(&refusals, seen[i].refuses);
        if (!run->reference)
            continue;
        tl_tally_add(&changed, seen[i].changed);
        tl_tally_add(&gained, seen[i].gained);
        tl_tally_add(&lost, seen[i].lost);
    }
    group->loops = tl_tally_mean(&loops);
    group->refusals = tl_tally_mean(&refusals);
    group->changed = tl_tally_mean(&changed);
    group->gained = tl_tally_mean(&gained);
    group->lost = tl_tally_mean(&lost);
}

static int tally_prompts(const struct tl_eval_run *run, const struct tl_eval_subject *subject, const char *const *tags, uint32_t n_tags,
                         struct tl_eval_model *model)
{
    int status = 0;
    TL_AUTO struct seen *seen = tl_alloc(run->prompts.n + 1, sizeof(*seen));
    if (!run->prompts.n)
        return 0;
    if (!seen || !(model->group = tl_alloc(n_tags, sizeof(*model->group))))
        return TL_E_NOMEM;
    model->n_groups = n_tags;
    for (uint64_t i = 0; i < run->prompts.n && status >= 0; i++)
        status = see(&subject->prompt[i], run->reference ? &run->reference->prompt[i] : NULL, &seen[i]);
    for (uint32_t k = 0; k < n_tags && status >= 0; k++) {
        tally_group(run, seen, &model->group[k], tags[k]);
        if (tags[k] && !(model->group[k].tag = tl_strdup(tags[k])))
            status = TL_E_NOMEM;
    }
    return status;
}

/* --- costs and the rest ------------------------------------------------------------------------------------------- */

static void tally_cost(const struct tl_eval_subject *subject, struct tl_eval_model *model)
{
    const struct tl_eval_cost none = { 0 }, *cost = subject->cost;
    double solved = model->solved.mean * (double)model->solved.n;
    model->text_cost = cost[TL_STAGE_TEXT];
    model->task_cost = cost[TL_STAGE_TASKS];
    tl_eval_cost_add(&model->task_cost, &none, &cost[TL_STAGE_CHOICES]);
    model->prompt_cost = cost[TL_STAGE_PROMPTS];
    model->cost = subject->all;
    model->prompt_tokens_per_s = subject->score_seconds > 0 ? (double)subject->computed_tokens / subject->score_seconds : 0;
    model->answer_tokens_per_s = subject->answer_seconds > 0 ? (double)subject->answer_tokens / subject->answer_seconds : 0;
    model->answer_tokens = subject->answer_tokens;
    model->cost_per_solved = model->task_cost.known && solved >= 1 ? model->task_cost.money / solved : -1;
}

static int tally_model(const struct tl_eval_run *run, const struct tl_eval_subject *subject, const char *const *tags, uint32_t n_tags,
                       struct tl_eval_model *model)
{
    model->path = tl_strdup(subject->path);
    model->name = tl_strdup(subject->name);
    model->weight_bytes = subject->weight_bytes;
    model->parameters = subject->parameters;
    model->active_parameters = subject->active_parameters;
    tally_text(subject, model);
    tally_tasks(run, subject, model);
    tally_cost(subject, model);
    return model->path && model->name ? tally_prompts(run, subject, tags, n_tags, model) : TL_E_NOMEM;
}

static int tally_reference(const struct tl_eval_run *run, struct tl_eval_reference *to)
{
    const struct tl_eval_subject *subject = run->reference;
    struct tl_tally nll = { 0 };
    to->path = tl_strdup(subject->path);
    to->name = tl_strdup(subject->name);
    to->file = run->stored_path ? tl_strdup(run->stored_path) : NULL;
    if (!to->path || !to->name || (run->stored_path && !to->file))
        return TL_E_NOMEM;
    to->stored = run->was_stored;
    for (uint64_t i = 0; run->reference_nll && i < subject->n_ids; i++)
        if (!isnan(run->subject[0].nll[i]))
            tl_tally_add(&nll, (double)run->reference_nll[i]);
    struct tl_eval_mean mean = tl_tally_mean(&nll);
    to->perplexity = nll.n ? exp(mean.mean) : 0;
    to->perplexity_se = to->perplexity * mean.se;
    to->tokens = nll.n;
    to->records_bytes = run->stored ? tl_reference_bytes(run->stored) : 0;
    return 0;
}

int tl_eval_tally(struct tl_eval_run *run)
{
    struct tl_eval *eval = run->eval;
    const char *tags[TL_EVAL_TAGS];
    uint32_t n_tags = 0;
    int status = find_tags(run, tags, &n_tags);
    eval->n_models = run->order->n_models;
    if (status >= 0 && !(eval->model = tl_alloc(eval->n_models, sizeof(*eval->model))))
        status = TL_E_NOMEM;
    for (uint32_t i = 0; i < eval->n_models && status >= 0; i++)
        status = tally_model(run, &run->subject[i], tags, n_tags, &eval->model[i]);
    if (status >= 0 && run->reference)
        status = tally_reference(run, &eval->reference);
    for (uint64_t i = 0; i < run->tasks.n; i++)
        eval->tasks[run->tasks.item[i].kind]++;
    eval->prompts = run->prompts.n;
    eval->texts = run->order->text ? run->subject[0].n_texts : 0;
    eval->tokens = run->subject[0].scored_tokens;
    eval->window = run->order->text ? run->window : 0;
    eval->stride = run->order->text ? run->stride : 0;
    return status;
}

/* --- every answer ------------------------------------------------------------------------------------------------- */

static int write_answer(struct tl_outfile *file, const struct tl_eval_subject *subject, const struct tl_eval_item *item, const struct tl_eval_answer *answer)
{
    struct tl_buffer line;
    tl_buffer_init(&line, 0);
    tl_buffer_printf(&line, "{");
    tl_buffer_json_member(&line, "model", subject->path);
    tl_buffer_json_member(&line, "file", item->file);
    tl_buffer_printf(&line, ",\"line\":%" PRIu64, item->line);
    if (item->id)
        tl_buffer_json_member(&line, "id", item->id);
    if (item->kind == TL_EVAL_CHOICE)
        tl_buffer_printf(&line, ",\"chosen\":%" PRId32, answer->chosen);
    if (answer->text) {
        tl_buffer_printf(&line, ",\"answer\":");
        tl_buffer_json_string(&line, answer->text, answer->n_bytes);
    }
    if (item->kind >= 0)
        tl_buffer_printf(&line, ",\"right\":%s", answer->right ? "true" : "false");
    else
        tl_buffer_printf(&line, ",\"loops\":%s,\"refuses\":%s", tl_judge_loops(answer->text, answer->n_bytes) > 0 ? "true" : "false",
                         tl_judge_refuses(answer->text, answer->n_bytes) ? "true" : "false");
    tl_buffer_printf(&line, "}\n");
    int status = line.status < 0 ? line.status : tl_outfile_write(file, line.data, line.len);
    tl_buffer_done(&line);
    return status;
}

int tl_eval_answers_write(const struct tl_eval_run *run)
{
    struct tl_outfile *file = run->answers;
    int status = 0;
    for (uint32_t s = 0; s < run->n_subjects; s++) {
        const struct tl_eval_subject *subject = &run->subject[s];
        for (uint64_t i = 0; i < run->tasks.n && status >= 0 && !subject->is_reference; i++)
            status = write_answer(file, subject, &run->tasks.item[i], &subject->task[i]);
        for (uint64_t i = 0; i < run->prompts.n && status >= 0; i++)
            status = write_answer(file, subject, &run->prompts.item[i], &subject->prompt[i]);
    }
    return status < 0 ? status : tl_outfile_commit(file);
}
