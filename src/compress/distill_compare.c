/* SPDX-License-Identifier: MIT */
/* On held-out windows: what the teacher says (reference.h) against what each student says, token for token. Tokens of a window
 * are alike, so standard errors are those of windows: of a ratio of sums over them (Cochran, Sampling Techniques, 1977, chapter 6). */
#include <math.h>
#include <string.h>

#include "base/error.h"
#include "base/file.h"
#include "base/memory.h"
#include "compress/distill_impl.h"
#include "compress/reference.h"

enum { MOST_TOKENS = 32768 };            /* that are compared */

struct comparing {
    struct tl_distilling *d;
    struct tl_distill_texts texts;
    struct tl_reference *reference;      /* NULL: another vocabulary */
    bool storing;
    uint64_t n_rows;                     /* given so far */
    double *nll, *kl, *teacher_nll;      /* [n_ids] of the model in work */
};

struct values { double *nll, *kl; };

static void take_row(void *context, uint32_t index, const struct tl_score_row *row)
{
    struct comparing *c = context;
    struct tl_compared compared;
    int32_t target = c->texts.ids[row->target];
    c->nll[row->target] = (double)row->nll;
    if (c->storing) {
        tl_reference_take(c->reference, index, target, row);
    } else if (c->reference) {
        if (tl_reference_compare(c->reference, c->n_rows + index, target, row, &compared) >= 0) {
            c->kl[row->target] = compared.kl;
            c->teacher_nll[row->target] = (double)compared.nll;
        } else {
            c->kl[row->target] = NAN;
        }
    }
}

static int take_rows(void *context, uint32_t n_rows)
{
    struct comparing *c = context;
    c->n_rows += n_rows;
    return c->storing ? tl_reference_put(c->reference, n_rows) : 0;
}

/* A model over all texts. */
static int pass(struct comparing *c, const char *path)
{
    struct tl_score how = {.row = take_row, .rows = take_rows, .context = c};
    struct tl_scored scored;
    c->n_rows = 0;
    return tl_distill_score(c->d, path, &c->texts, &how, &scored);
}

/* --- the teacher -------------------------------------------------------------------------------------------------- */

static void facts_of(const struct comparing *c, struct tl_reference_facts *facts)
{
    *facts = (struct tl_reference_facts){.vocab = tl_model_geometry(c->d->teacher->model)->vocab, .window = c->texts.longest,
                                         .stride = c->texts.longest};
    memcpy(facts->model, c->d->teacher_digest, sizeof(facts->model));
    tl_reference_digest(c->texts.ids, c->texts.n_ids, c->texts.starts, c->texts.n_texts, facts->text);
}

static int ask_teacher(struct comparing *c)
{
    struct tl_reference_facts facts;
    struct tl_distilling *d = c->d;
    facts_of(c, &facts);
    TL_AUTO char *path = tl_distill_work_path(d->work, "held", facts.text, "reference");
    int status = path ? tl_reference_open(path, &facts, d->progress, &c->reference) : TL_E_NOMEM;
    if (status != 0)
        return status;
    status = tl_reference_create(path, &facts, &c->reference);
    c->storing = true;
    if (status >= 0)
        status = pass(c, d->settled.teacher);
    if (status >= 0)
        status = tl_reference_commit(c->reference);
    tl_reference_close(c->reference);
    c->reference = NULL;
    c->storing = false;
    if (status >= 0)
        status = tl_reference_open(path, &facts, d->progress, &c->reference);
    return status == 0 ? tl_fail(TL_E_FAIL, "%s: was written and cannot be read", path) : status;
}

/* --- figures ------------------------------------------------------------------------------------------------------ */

static struct tl_eval_mean mean_of(const struct comparing *c, const double *a, const double *b)
{
    double sum = 0, squares = 0;
    uint64_t n = 0;
    for (uint64_t i = 0; i < c->texts.n_ids; i++)
        if (c->texts.learnt[i]) {
            sum += a[i] - (b ? b[i] : 0);
            n++;
        }
    double mean = n ? sum / (double)n : 0;
    for (uint64_t text = 0; text < c->texts.n_texts; text++) {
        double own = 0;
        for (uint64_t i = c->texts.starts[text]; i < c->texts.starts[text + 1]; i++)
            own += c->texts.learnt[i] ? a[i] - (b ? b[i] : 0) - mean : 0;
        squares += own * own;
    }
    double texts = (double)c->texts.n_texts;
    return (struct tl_eval_mean){.mean = mean, .n = n, .se = n && texts > 1 ? sqrt(squares * texts / (texts - 1)) / (double)n : 0};
}

static int judge(struct comparing *c, const char *path, struct values *values, struct tl_distill_side *side)
{
    c->nll = values->nll;
    c->kl = values->kl;
    int status = pass(c, path);
    if (status < 0)
        return status;
    side->made = true;
    side->nll = mean_of(c, values->nll, NULL);
    if (c->reference)
        side->kl = mean_of(c, values->kl, NULL);
    return c->reference && isnan(side->kl.mean) ? tl_fail(TL_E_IO, "what the teacher said of held-out text cannot be read") : 0;
}

static int compare(struct comparing *c)
{
    struct tl_distilling *d = c->d;
    uint64_t n = c->texts.n_ids;
    TL_AUTO double *room = tl_alloc(5 * n, sizeof(double));
    struct values student = {room, room + n}, other = {room + 2 * n, room + 3 * n};
    if (!room)
        return TL_E_NOMEM;
    c->teacher_nll = room + 4 * n;
    c->nll = student.nll;
    bool same_rows = tl_model_geometry(d->teacher->model)->vocab == tl_model_geometry(d->student->model)->vocab;
    int status = d->ret->survey.same_vocabulary && same_rows ? ask_teacher(c) : 0;
    if (status >= 0)
        status = judge(c, d->start_file, &other, &d->ret->start);
    if (status >= 0)
        status = judge(c, d->student_file, &student, &d->ret->student);
    if (status >= 0 && d->control_file)
        status = judge(c, d->control_file, &other, &d->ret->control);
    if (status >= 0 && c->reference)
        d->ret->teacher_nll = mean_of(c, c->teacher_nll, NULL).mean;
    if (status < 0 || !d->control_file)
        return status;
    d->ret->nll_gain = mean_of(c, other.nll, student.nll);
    if (c->reference)
        d->ret->kl_gain = mean_of(c, other.kl, student.kl);
    return 0;
}

int tl_distill_compare(struct tl_distilling *d)
{
    struct comparing c = {.d = d};
    const struct tl_corpus *corpus = d->documents ? d->documents : d->corpus;
    uint64_t windows = tl_corpus_windows(corpus, true), most = MOST_TOKENS / d->settled.window;
    d->ret->teacher_nll = -1;
    if (!windows)
        return 0;
    int status = tl_distill_cut(d, corpus, true, windows < most ? windows : most + !most, &c.texts);
    if (status >= 0 && c.texts.n_texts)
        status = compare(&c);
    tl_reference_close(c.reference);
    tl_distill_texts_done(&c.texts);
    return status;
}
