/* SPDX-License-Identifier: MIT */
/* Texts and choices are scored by one engine, in sweeps. The rows of the texts are stored where the subject is the reference,
 * else compared with what was stored, in the same order. */
#include <inttypes.h>
#include <math.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/cpu.h"
#include "base/error.h"
#include "base/memory.h"
#include "compress/eval_impl.h"
#include "engine/texts.h"

enum { CHECKPOINT_SECONDS = 120 };

/* --- rows --------------------------------------------------------------------------------------------------------- */

struct rows {
    struct tl_eval_run *run;
    struct tl_eval_subject *subject;
    const int32_t *ids;
    uint64_t n_done;
    _Atomic int status;                  /* the first failure, its sentence in text */
    char text[512];
};

static void take(void *context, uint32_t index, const struct tl_score_row *row)
{
    struct rows *rows = context;
    tl_reference_take(rows->run->stored, index, rows->ids[row->target], row);
}

static int put(void *context, uint32_t n_rows)
{
    struct rows *rows = context;
    return tl_reference_put(rows->run->stored, n_rows);
}

static int keep(void *context, uint64_t n_rows, bool resume)
{
    struct rows *rows = context;
    return resume ? tl_reference_resume(rows->run->stored, n_rows) : tl_reference_sync(rows->run->stored);
}

static void compare(void *context, uint32_t index, const struct tl_score_row *row)
{
    struct rows *rows = context;
    struct tl_compared compared;
    int good = 0, status = tl_reference_compare(rows->run->stored, rows->n_done + index, rows->ids[row->target], row, &compared);
    if (status < 0) {
        if (atomic_compare_exchange_strong(&rows->status, &good, status))
            snprintf(rows->text, sizeof(rows->text), "%s", tl_error_text());
        return;
    }
    rows->subject->kl[row->target] = (float)compared.kl;
    rows->subject->agrees[row->target] = compared.agrees;
    rows->run->reference_nll[row->target] = compared.nll;
}

static int compared(void *context, uint32_t n_rows)
{
    struct rows *rows = context;
    rows->n_done += n_rows;
    return rows->status < 0 ? tl_error_set(rows->status, rows->text) : 0;
}

/* --- the text ----------------------------------------------------------------------------------------------------- */

int tl_eval_text_count(const struct tl_eval_run *run, const struct tl_engine *engine, struct tl_eval_subject *subject)
{
    struct tl_texts texts = { 0 };
    int status = tl_texts_read(&texts, engine->tokenizer, run->order->text);
    if (status >= 0) {
        subject->n_ids = texts.n_ids;
        subject->n_texts = texts.n_texts;
        subject->work[TL_STAGE_TEXT] = (double)texts.n_ids;
        tl_reference_digest(texts.ids, texts.n_ids, texts.starts, texts.n_texts, subject->text);
    }
    tl_texts_done(&texts);
    return status;
}

static int allocate(struct tl_eval_run *run, struct tl_eval_subject *subject)
{
    uint64_t n = subject->n_ids + 1;
    bool compares = run->stored && !subject->is_reference;
    subject->nll = tl_alloc(n, sizeof(*subject->nll));
    subject->kl = compares ? tl_alloc(n, sizeof(*subject->kl)) : NULL;
    subject->agrees = compares ? tl_alloc(n, sizeof(*subject->agrees)) : NULL;
    if (compares && !run->reference_nll)
        run->reference_nll = tl_alloc(n, sizeof(*run->reference_nll));
    return subject->nll && (!compares || (subject->kl && subject->agrees && run->reference_nll)) ? 0 : TL_E_NOMEM;
}

static void count_scored(struct tl_eval_subject *subject, const struct tl_engine *engine, const struct tl_texts *texts)
{
    for (uint64_t i = 0; i < texts->n_ids; i++) {
        const char *piece;
        size_t n = 0;
        if (isnan(subject->nll[i])) {
            if (subject->kl)
                subject->kl[i] = NAN;
            continue;
        }
        tl_tokenizer_piece(engine->tokenizer, texts->ids[i], false, &piece, &n);
        subject->text_bytes += n;
    }
}

static int score(struct tl_eval_run *run, struct tl_eval_subject *subject, struct tl_engine *engine, const struct tl_texts *texts)
{
    struct rows rows = { .run = run, .subject = subject, .ids = texts->ids };
    struct tl_scored scored;
    uint64_t begin_ns = tl_clock_ns();
    struct tl_score how = { .window = run->window, .stride = run->stride, .starts = texts->starts, .n_texts = texts->n_texts,
                            .progress = &run->progress, .context = &rows };
    if (run->stored) {
        how.row = subject->is_reference ? take : compare;
        how.rows = subject->is_reference ? put : compared;
    }
    if (run->stored && subject->is_reference) {
        how.keep = keep;
        how.checkpoint = run->checkpoint_path;
        how.checkpoint_seconds = run->order->checkpoint_seconds != 0 ? run->order->checkpoint_seconds : CHECKPOINT_SECONDS;
    }
    int status = tl_score(engine, texts->ids, texts->n_ids, &how, subject->nll, &scored);
    if (status >= 0 && !scored.tokens)
        return tl_fail(TL_E_USAGE, "%s: %" PRIu64 " tokens in %" PRIu64 " texts, at least 2 in one are needed to score one", run->order->text,
                       texts->n_ids, texts->n_texts);
    if (status < 0)
        return status;
    subject->scored_tokens = scored.tokens;
    subject->computed_tokens += scored.computed;
    subject->score_seconds += tl_clock_seconds(begin_ns);
    count_scored(subject, engine, texts);
    return 0;
}

static int score_text(struct tl_eval_run *run, struct tl_eval_subject *subject, struct tl_engine *engine)
{
    struct tl_texts texts = { 0 };
    uint8_t digest[TL_SHA256_BYTES];
    tl_eval_stage_begin(run, subject, TL_STAGE_TEXT, engine);
    int status = tl_texts_read(&texts, engine->tokenizer, run->order->text);
    if (status >= 0) {
        tl_reference_digest(texts.ids, texts.n_ids, texts.starts, texts.n_texts, digest);
        if (memcmp(digest, subject->text, sizeof(digest)) != 0)
            status = tl_fail(TL_E_IO, "%s: has changed while it was worked with", run->order->text);
    }
    if (status >= 0)
        status = allocate(run, subject);
    if (status >= 0)
        status = score(run, subject, engine, &texts);
    tl_texts_done(&texts);
    tl_eval_stage_end(run, engine);
    return status;
}

int tl_eval_text_score(struct tl_eval_run *run, struct tl_eval_subject *subject)
{
    bool text = run->order->text != NULL, choices = subject->choice_ids && !subject->is_reference;
    struct tl_engine_options options = run->order->engine;
    struct tl_engine *engine;
    if (!text && !choices)
        return 0;
    uint64_t own = (subject->n_ids + subject->choice_ids) * 24 + (uint64_t)tl_cpu_count() * subject->vocab * sizeof(float);
    options.context = text ? run->window : 2;
    options.context = choices && subject->longest_choice > options.context ? (uint32_t)subject->longest_choice : options.context;
    options.score_tokens = (text ? subject->n_ids : 0) + (choices ? subject->choice_ids : 0);
    options.process_bytes = tl_cpu_rss() + own;      /* values of each token, and weights of rows */
    int status = tl_eval_open(run, subject, &options, &engine);
    if (status < 0)
        return status;
    if (text)
        status = score_text(run, subject, engine);
    if (status >= 0 && choices)
        status = tl_eval_choice_score(run, subject, engine);
    tl_eval_close(run, subject, engine, status);
    return status;
}
