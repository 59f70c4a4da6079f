/* SPDX-License-Identifier: MIT */
/* The order of an evaluation: everything is looked at, then the reference, then one model after the other computes, then all is
 * counted. */
#include "compress/eval.h"

#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "base/file.h"
#include "base/memory.h"
#include "compress/eval_impl.h"
#include "compress/judge.h"
#include "compress/verify.h"

/* --- verdicts ----------------------------------------------------------------------------------------------------- */

static bool expected(const struct tl_eval_item *item, const struct tl_eval_answer *answer)
{
    for (uint32_t i = 0; i < item->expect.n; i++)
        if (tl_judge_same(answer->text, answer->n_bytes, item->expect.text[i], strlen(item->expect.text[i])))
            return true;
    return false;
}

static int judge(const struct tl_eval_run *run, const struct tl_eval_item *item, struct tl_eval_answer *answer)
{
    const struct tl_eval_order *order = run->order;
    double seconds = order->verify_seconds > 0 ? order->verify_seconds : TL_VERIFY_SECONDS;
    switch (item->kind) {
    case TL_EVAL_EXPECT: answer->right = expected(item, answer); break;
    case TL_EVAL_JSON:   answer->right = tl_judge_json(answer->text, answer->n_bytes); break;
    case TL_EVAL_VERIFY:
        return tl_verify(item->verify ? item->verify : order->verify, answer->text, answer->n_bytes, seconds, &run->progress, &answer->right);
    default: break;                                  /* choices are decided when they are scored */
    }
    return 0;
}

static int judge_all(struct tl_eval_run *run, struct tl_eval_subject *subject)
{
    int status = run->task_requests.n ? tl_progress_begin(&run->progress, "judging", 0, run->tasks.n, "answers") : 0;
    for (uint64_t i = 0; i < run->tasks.n && status >= 0; i++) {
        status = judge(run, &run->tasks.item[i], &subject->task[i]);
        if (status >= 0 && run->task_requests.n)
            status = tl_progress_move(&run->progress, i + 1);
    }
    return status;
}

/* --- the reference ------------------------------------------------------------------------------------------------ */

/* What a run that was stopped has swept stays beside its place. */
static int sweep_reference(struct tl_eval_run *run, const struct tl_reference_facts *facts)
{
    TL_AUTO char *part = tl_file_beside(run->stored_path, ".part");
    run->checkpoint_path = tl_file_beside(run->stored_path, ".checkpoint");
    if (!part || !run->checkpoint_path)
        return TL_E_NOMEM;
    if (!tl_file_exists(part))
        unlink(run->checkpoint_path);                /* it goes on from nothing */
    int status = tl_reference_create(run->stored_path, facts, &run->stored);
    if (status >= 0)
        status = tl_eval_text_score(run, run->reference);
    if (status >= 0)
        status = tl_reference_commit(run->stored);
    if (run->stored && tl_file_exists(run->checkpoint_path))
        tl_reference_keep(run->stored);
    tl_reference_close(run->stored);
    run->stored = NULL;
    if (status >= 0)
        status = tl_reference_open(run->stored_path, facts, &run->progress, &run->stored);
    return status == 0 ? tl_fail(TL_E_IO, "%s: is not what was written", run->stored_path) : status;
}

static int store_reference(struct tl_eval_run *run)
{
    struct tl_eval_subject *reference = run->reference;
    struct tl_reference_facts facts = { .vocab = reference->vocab, .window = run->window, .stride = run->stride };
    uint8_t digest[TL_SHA256_BYTES];
    memcpy(facts.model, reference->digest, sizeof(facts.model));
    memcpy(facts.text, reference->text, sizeof(facts.text));
    tl_sha256_of(&facts, sizeof(facts), digest);
    if (!run->order->store)
        return tl_fail(TL_E_USAGE, "a reference needs a folder in which it is kept (store)");
    if (!(run->stored_path = tl_eval_store_path(run, "reference", digest, "trill")))
        return TL_E_NOMEM;
    int status = tl_reference_open(run->stored_path, &facts, &run->progress, &run->stored);
    run->was_stored = status > 0;
    run->work_all -= run->was_stored ? reference->work[TL_STAGE_TEXT] : 0;
    return status == 0 ? sweep_reference(run, &facts) : status;
}

/* --- the order of things ------------------------------------------------------------------------------------------ */

static int check(const struct tl_eval_order *order)
{
    if (!order->n_models)
        return tl_fail(TL_E_USAGE, "no model to evaluate");
    if (!order->text && !order->n_tasks && !order->n_prompts)
        return tl_fail(TL_E_USAGE, "nothing to evaluate on: a text (--text), tasks (--tasks) or prompts (--prompts)");
    if (order->reference && !order->text && !order->n_prompts)
        return tl_fail(TL_E_USAGE, "a reference is of use on a text (--text) or on prompts (--prompts) only");
    return 0;
}

static int read_items(struct tl_eval_run *run)
{
    const struct tl_eval_order *order = run->order;
    int status = 0;
    for (uint32_t i = 0; i < order->n_tasks && status >= 0; i++)
        status = tl_eval_items_read(&run->tasks, order->tasks[i], true, order);
    for (uint32_t i = 0; i < order->n_prompts && status >= 0; i++)
        status = tl_eval_items_read(&run->prompts, order->prompts[i], false, order);
    if (status >= 0)
        status = tl_eval_requests_write(run, &run->tasks, "tasks", &run->task_requests);
    return status < 0 ? status : tl_eval_requests_write(run, &run->prompts, "prompts", &run->prompt_requests);
}

static int make_subjects(struct tl_eval_run *run)
{
    const struct tl_eval_order *order = run->order;
    run->n_subjects = order->n_models + (order->reference != NULL);
    if (!(run->subject = tl_alloc(run->n_subjects, sizeof(*run->subject))))
        return TL_E_NOMEM;
    for (uint32_t i = 0; i < run->n_subjects; i++) {
        struct tl_eval_subject *subject = &run->subject[i];
        subject->is_reference = i == order->n_models;
        subject->path = subject->is_reference ? order->reference : order->models[i];
        subject->task = tl_alloc(run->tasks.n + 1, sizeof(*subject->task));
        subject->prompt = tl_alloc(run->prompts.n + 1, sizeof(*subject->prompt));
        if (!subject->task || !subject->prompt)
            return TL_E_NOMEM;
    }
    run->reference = order->reference ? &run->subject[order->n_models] : NULL;
    return 0;
}

static int look(struct tl_eval_run *run)
{
    int status = tl_progress_begin(&run->progress, "looking at models", 0, run->n_subjects, "models");
    for (uint32_t i = 0; i < run->n_subjects && status >= 0; i++) {
        status = tl_eval_look(run, &run->subject[i]);
        if (status >= 0)
            status = tl_progress_move(&run->progress, i + 1);
    }
    return status < 0 ? status : tl_eval_look_together(run);
}

static int compute(struct tl_eval_run *run)
{
    int status = run->reference && run->order->text ? store_reference(run) : 0;
    if (status >= 0 && run->reference)
        status = tl_eval_answer_all(run, run->reference);
    for (uint32_t i = 0; i < run->order->n_models && status >= 0; i++) {
        status = tl_eval_text_score(run, &run->subject[i]);
        if (status >= 0)
            status = tl_eval_answer_all(run, &run->subject[i]);
        if (status >= 0)
            status = judge_all(run, &run->subject[i]);
    }
    return status;
}

static int count(struct tl_eval_run *run)
{
    int status = tl_eval_tally(run);
    if (status >= 0)
        status = tl_eval_pairs(run);
    return status >= 0 && run->answers ? tl_eval_answers_write(run) : status;
}

/* --- begin and end ------------------------------------------------------------------------------------------------ */

static void answers_done(struct tl_eval_answer *answers, uint64_t n)
{
    for (uint64_t i = 0; answers && i < n; i++)
        tl_free(answers[i].text);
    tl_free(answers);
}

static void clean_up(struct tl_eval_run *run)
{
    for (uint32_t i = 0; run->subject && i < run->n_subjects; i++) {
        struct tl_eval_subject *subject = &run->subject[i];
        answers_done(subject->task, run->tasks.n);
        answers_done(subject->prompt, run->prompts.n);
        tl_free(subject->nll);
        tl_free(subject->kl);
        tl_free(subject->agrees);
    }
    tl_free(run->subject);
    tl_free(run->reference_nll);
    tl_free(run->stored_path);
    tl_free(run->checkpoint_path);
    tl_reference_close(run->stored);
    tl_outfile_close(run->answers);
    tl_eval_requests_done(&run->task_requests);
    tl_eval_requests_done(&run->prompt_requests);
    tl_eval_items_done(&run->tasks);
    tl_eval_items_done(&run->prompts);
}

int tl_eval(const struct tl_eval_order *order, struct tl_progress *progress, struct tl_eval *ret_eval)
{
    struct tl_eval_run run = { .order = order, .eval = ret_eval };
    *ret_eval = (struct tl_eval){ 0 };
    tl_eval_progress_init(&run, progress);
    int status = check(order);
    if (status >= 0)
        status = read_items(&run);
    if (status >= 0 && order->answers)
        status = tl_outfile_open(order->answers, &run.answers);
    if (status >= 0)
        status = make_subjects(&run);
    if (status >= 0)
        status = look(&run);
    if (status >= 0)
        status = compute(&run);
    if (status >= 0)
        status = count(&run);
    clean_up(&run);
    return status < 0 ? status : 0;
}

void tl_eval_done(struct tl_eval *eval)
{
    for (uint32_t i = 0; eval->model && i < eval->n_models; i++) {
        struct tl_eval_model *model = &eval->model[i];
        for (uint32_t k = 0; model->group && k < model->n_groups; k++)
            tl_free(model->group[k].tag);
        tl_free(model->group);
        tl_free(model->path);
        tl_free(model->name);
    }
    tl_free(eval->model);
    tl_free(eval->pair);
    tl_free(eval->reference.path);
    tl_free(eval->reference.name);
    tl_free(eval->reference.file);
    *eval = (struct tl_eval){ 0 };
}
