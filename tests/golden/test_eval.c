/* SPDX-License-Identifier: MIT */
/* Evaluations of the small models: likelihoods, distances and choices agree with transformers and NumPy (make_eval.py); a stored
 * reference is used again and gives the same; a model is at no distance from itself. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include "base/error.h"
#include "base/file.h"
#include "base/json.h"
#include "base/memory.h"
#include "compress/eval.h"
#include "golden_file.h"

enum { MODELS = 3, WINDOW = 64, STRIDE = 48 };

struct expected { char *model; double tokens, nll, nll_se, kl, kl_se, agreement, agreement_se, choices, choices_se, choices_raw, choices_raw_se; };

static const struct { const char *name; size_t at; } members[] = {
#define MEMBER(name) {#name, offsetof(struct expected, name)}
    MEMBER(tokens), MEMBER(nll), MEMBER(nll_se), MEMBER(kl), MEMBER(kl_se), MEMBER(agreement), MEMBER(agreement_se), MEMBER(choices), MEMBER(choices_se),
    MEMBER(choices_raw), MEMBER(choices_raw_se),
#undef MEMBER
};

static char path_text[300], path_tasks[300], path_model[MODELS][300], path_store[300];
static struct expected expected[MODELS];

static int read_row(struct tl_json *json, struct expected *row)
{
    int event;
    while ((event = tl_json_next(json)) == TL_JSON_KEY) {
        double *to = NULL;
        for (size_t i = 0; i < sizeof(members) / sizeof(members[0]); i++)
            to = tl_json_is(json, members[i].name) ? (double *)(void *)((char *)row + members[i].at) : to;
        event = to ? tl_json_f64(json, to) : tl_json_is(json, "model") ? tl_json_text(json, &row->model) : tl_json_skip(json);
        assert_true(event >= 0);
    }
    return event;
}

static int setup(void **state)
{
    const char *path = golden_file("eval/expected.json");
    char *text;
    struct tl_json json;
    size_t n;
    (void)state;
    snprintf(path_text, sizeof(path_text), "%s", golden_file("eval/text.txt"));
    snprintf(path_tasks, sizeof(path_tasks), "%s", golden_file("eval/tasks.jsonl"));
    snprintf(path_store, sizeof(path_store), "/tmp/trill-eval-%ld", (long)getpid());
    assert_int_equal(tl_file_slurp(path, 1 << 20, &text, &n), 0);
    tl_json_init(&json, path, text, n);
    assert_int_equal(tl_json_next(&json), TL_JSON_ARRAY);
    for (int i = 0; i < MODELS; i++) {
        assert_int_equal(tl_json_next(&json), TL_JSON_OBJECT);
        assert_int_equal(read_row(&json, &expected[i]), TL_JSON_OBJECT_END);
        snprintf(path_model[i], sizeof(path_model[i]), "%s", golden_file("%s", expected[i].model));
    }
    tl_json_done(&json);
    tl_free(text);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    for (int i = 0; i < MODELS; i++)
        tl_free(expected[i].model);
    return rmdir(path_store);
}

static struct tl_eval_order usual(const char *const *models, const char *const *tasks)
{
    return (struct tl_eval_order){
        .models = models, .n_models = MODELS, .reference = path_model[2], .text = path_text, .tasks = tasks, .n_tasks = 1, .window = WINDOW,
        .stride = STRIDE, .store = path_store, .engine = {.exact = true, .threads = 2},
    };
}

static void near(const char *model, const char *what, double found, double wanted, double bound)
{
    if (!(fabs(found - wanted) <= bound))
        fail_msg("%s: %s is %.9g, expected %.9g", model, what, found, wanted);
}

static void check(const struct tl_eval_model *model, const struct expected *row)
{
    near(row->model, "tokens", (double)model->scored_tokens, row->tokens, 0);
    near(row->model, "nll", model->nll.mean, row->nll, 1e-5 * row->nll);
    near(row->model, "standard error of nll", model->nll.se, row->nll_se, 1e-5);
    near(row->model, "perplexity", model->perplexity, exp(row->nll), 1e-4 * exp(row->nll));
    near(row->model, "KL", model->kl.mean, row->kl, 1e-5 * row->kl + 1e-7);
    near(row->model, "standard error of KL", model->kl.se, row->kl_se, 1e-5);
    near(row->model, "agreement", model->agreement.mean, row->agreement, 1e-9);
    near(row->model, "standard error of agreement", model->agreement.se, row->agreement_se, 1e-9);
    near(row->model, "choices", model->kind[TL_EVAL_CHOICE].mean, row->choices, 1e-9);
    near(row->model, "standard error of choices", model->kind[TL_EVAL_CHOICE].se, row->choices_se, 1e-9);
    near(row->model, "choices, raw", model->choice_raw.mean, row->choices_raw, 1e-9);
}

static void evaluate(struct tl_eval *eval)
{
    const char *models[MODELS] = {path_model[0], path_model[1], path_model[2]}, *tasks[] = {path_tasks};
    struct tl_eval_order order = usual(models, tasks);
    if (tl_eval(&order, NULL, eval) < 0)
        fail_msg("%s", tl_error_text());
}

static void agrees(void **state)
{
    struct tl_eval eval, again;
    (void)state;
    evaluate(&eval);
    for (int i = 0; i < MODELS; i++)
        check(&eval.model[i], &expected[i]);
    assert_false(eval.reference.stored);
    near("reference", "perplexity", eval.reference.perplexity, exp(expected[2].nll), 1e-4 * exp(expected[2].nll));
    assert_true(eval.model[2].kl.mean == 0 && eval.model[2].kl.se == 0 && eval.model[2].agreement.mean == 1);
    assert_true(eval.n_pairs == 12);
    evaluate(&again);
    assert_true(again.reference.stored);
    for (int i = 0; i < MODELS; i++)
        assert_true(again.model[i].kl.mean == eval.model[i].kl.mean && again.model[i].nll.mean == eval.model[i].nll.mean);
    unlink(eval.reference.file);
    tl_eval_done(&eval);
    tl_eval_done(&again);
}

struct stopping { volatile int cancel; uint64_t at; };

static void stop(void *context, const struct tl_progress *progress)
{
    struct stopping *stopping = context;
    if (strstr(progress->stage, "scoring") && progress->done >= stopping->at)
        stopping->cancel = 1;
}

/* A sweep of the reference that is stopped, wherever that is, goes on and leaves the same bytes. */
static void resumes(void **state)
{
    const char *models[] = {path_model[0]}, *tasks[] = {path_tasks};
    struct tl_eval_order order = usual(models, tasks);
    struct tl_eval eval;
    char *expected_bytes, *bytes, part[400];
    size_t n_expected, n;
    uint32_t resumed = 0;
    (void)state;
    order.n_models = 1;
    order.n_tasks = 0;
    order.checkpoint_seconds = -1;
    order.engine.chunk = WINDOW;
    assert_int_equal(tl_eval(&order, NULL, &eval), 0);
    assert_int_equal(tl_file_slurp(eval.reference.file, 1 << 24, &expected_bytes, &n_expected), 0);
    for (uint64_t at = 1; at < 300; at += 15) {
        struct stopping stopping = {0, at % 2 ? at : UINT64_MAX};
        struct tl_progress progress = {.watch = stop, .context = &stopping, .cancel = &stopping.cancel};
        struct tl_eval stopped;
        unlink(eval.reference.file);
        tl_file_fail_after(at % 2 ? -1 : (long)at);              /* or a drive that fails */
        int status = tl_eval(&order, &progress, &stopped);
        tl_file_fail_after(-1);
        assert_true(at % 2 ? status == TL_E_CANCEL : status >= TL_E_IO);
        tl_eval_done(&stopped);
        snprintf(part, sizeof(part), "%s.part", eval.reference.file);
        resumed += tl_file_exists(part);
        assert_int_equal(tl_eval(&order, NULL, &stopped), 0);
        assert_int_equal(tl_file_slurp(eval.reference.file, 1 << 24, &bytes, &n), 0);
        assert_true(n == n_expected && memcmp(bytes, expected_bytes, n) == 0 && stopped.model[0].kl.mean == eval.model[0].kl.mean);
        assert_false(tl_file_exists(part));
        tl_free(bytes);
        tl_eval_done(&stopped);
    }
    assert_true(resumed > 0);
    tl_free(expected_bytes);
    unlink(eval.reference.file);
    tl_eval_done(&eval);
}

/* The report is one document, and the folder is as it was. */
static void reports(void **state)
{
    struct tl_eval eval;
    struct tl_buffer json;
    struct tl_json reader;
    int event;
    (void)state;
    tl_buffer_init(&json, 0);
    evaluate(&eval);
    tl_eval_write(&eval, &json);
    assert_int_equal(json.status, 0);
    tl_json_init(&reader, "report", json.data, json.len);
    while ((event = tl_json_next(&reader)) > 0)
        ;
    assert_int_equal(event, TL_JSON_END);
    tl_json_done(&reader);
    tl_buffer_done(&json);
    unlink(eval.reference.file);
    tl_eval_done(&eval);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(agrees), cmocka_unit_test(resumes), cmocka_unit_test(reports)};
    return cmocka_run_group_tests(tests, setup, teardown);
}
