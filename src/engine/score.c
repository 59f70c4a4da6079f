/* SPDX-License-Identifier: MIT */
/* Scoring: some windows at a time, each in a state of its own, advance together through forward steps of a chunk; all
 * tokens of a step pass through a layer before the next one, so each weight is read once a step. */
#include "engine/score.h"

#include <math.h>

#include "base/error.h"
#include "base/memory.h"

/* One window in work: ids [at, end), targets from `first` on. */
struct window { uint64_t at, end, first; struct tl_state *state; };

struct scoring {
    struct tl_engine *engine;
    const struct tl_score *how;
    const int32_t *ids;
    float *nll;                          /* [n_ids] */
    uint64_t n_ids, next, scored_to;     /* where the next window begins; targets before scored_to have their window */
    struct window *window;
    uint32_t n_windows;
    /* the step that runs */
    int32_t *step_ids;
    uint8_t *wanted;
    uint64_t *target;                    /* [tokens] place of the id that follows */
    struct tl_span *span;
    const uint32_t *tokens;
    float *rows;
};

/* --- rows of logits ----------------------------------------------------------------------------------------------- */

static void score_row(void *context, uint32_t row, uint32_t thread)
{
    struct scoring *s = context;
    const struct tl_kernel *kernel = s->engine->kernel;
    uint64_t vocab = tl_model_geometry(s->engine->model)->vocab, target = s->target[s->tokens[row]];
    float *logits = s->rows + row * vocab;
    float most = kernel->max(logits, vocab), own = logits[s->ids[target]];
    (void)thread;
    kernel->exp(logits, most, vocab, logits);
    s->nll[target] = most - own + tl_log(kernel->sum(logits, vocab));
}

static int on_logits(void *context, const uint32_t *tokens, uint32_t n_rows, float *rows)
{
    struct scoring *s = context;
    s->tokens = tokens;
    s->rows = rows;
    tl_pool_run(s->engine->pool, n_rows, score_row, s);
    return 0;
}

static bool stopped(void *context)
{
    struct scoring *s = context;
    return s->how->cancel && *s->how->cancel;
}

/* --- windows ------------------------------------------------------------------------------------------------------ */

static void open_windows(struct scoring *s)
{
    for (uint32_t i = 0; i < s->n_windows; i++) {
        struct window *w = &s->window[i];
        w->at = w->end = 0;
        if (s->scored_to >= s->n_ids)
            continue;
        w->at = s->next;
        w->end = s->n_ids - w->at < s->how->window ? s->n_ids : w->at + s->how->window;
        w->first = s->scored_to > w->at + 1 ? s->scored_to : w->at + 1;
        s->scored_to = w->end;
        s->next += s->how->stride;
        tl_state_truncate(w->state, 0);
    }
}

/* Takes the next tokens of a window into the step. */
static uint32_t take(struct scoring *s, struct window *w, uint32_t n_tokens, uint32_t room)
{
    uint32_t n = w->end - w->at < room ? (uint32_t)(w->end - w->at) : room;
    for (uint32_t i = 0; i < n; i++) {
        uint64_t target = w->at + i + 1;
        s->step_ids[n_tokens + i] = s->ids[w->at + i];
        s->target[n_tokens + i] = target;
        s->wanted[n_tokens + i] = target >= w->first && target < w->end;
    }
    w->at += n;
    return n;
}

/* One forward step over what is open; returns its tokens, 0 when all windows are done. */
static int step(struct scoring *s)
{
    uint32_t chunk = tl_model_limits(s->engine->model)->chunk, n_tokens = 0, n_spans = 0;
    for (uint32_t i = 0; i < s->n_windows && n_tokens < chunk; i++) {
        uint32_t n = take(s, &s->window[i], n_tokens, chunk - n_tokens);
        if (n)
            s->span[n_spans++] = (struct tl_span){ s->window[i].state, n };
        n_tokens += n;
    }
    struct tl_batch batch = { .ids = s->step_ids, .spans = s->span, .n_spans = n_spans, .wanted = s->wanted, .logits = on_logits,
                              .stop = stopped, .context = s };
    int status = n_tokens ? tl_model_forward(s->engine->model, s->engine->pool, s->engine->kernel, &batch) : 0;
    return status < 0 ? status : (int)n_tokens;
}

static int run(struct scoring *s, struct tl_scored *scored)
{
    int status = 0;
    for (s->next = 0, s->scored_to = 0; s->scored_to < s->n_ids && status >= 0;) {
        open_windows(s);
        while ((status = step(s)) > 0) {
            scored->steps++;
            if (s->how->progress)
                s->how->progress(s->how->context, s->window[0].at < s->n_ids ? s->window[0].at : s->n_ids, s->n_ids);
        }
    }
    for (uint64_t i = 0; i < s->n_ids && status >= 0; i++) {
        if (s->nll[i] != s->nll[i])
            continue;
        scored->tokens++;
        scored->nll_sum += s->nll[i];
        scored->nll_squares += (double)s->nll[i] * s->nll[i];
    }
    return status;
}

static int prepare(struct scoring *s)
{
    uint32_t chunk = tl_model_limits(s->engine->model)->chunk;
    s->n_windows = tl_model_limits(s->engine->model)->sessions;
    s->window = tl_alloc(s->n_windows, sizeof(*s->window));
    s->step_ids = tl_alloc(chunk, sizeof(*s->step_ids));
    s->wanted = tl_alloc(chunk, sizeof(*s->wanted));
    s->target = tl_alloc(chunk, sizeof(*s->target));
    s->span = tl_alloc(s->n_windows, sizeof(*s->span));
    if (!s->window || !s->step_ids || !s->wanted || !s->target || !s->span)
        return TL_E_NOMEM;
    int status = 0;
    for (uint32_t i = 0; i < s->n_windows && status >= 0; i++)
        status = tl_state_new(tl_model_cache(s->engine->model), &s->window[i].state);
    return status;
}

static void clean_up(struct scoring *s)
{
    for (uint32_t i = 0; s->window && i < s->n_windows; i++)
        tl_state_free(s->window[i].state);
    tl_free(s->window);
    tl_free(s->step_ids);
    tl_free(s->wanted);
    tl_free(s->target);
    tl_free(s->span);
}

int tl_score(struct tl_engine *engine, const int32_t *ids, uint64_t n_ids, const struct tl_score *how, float *ret_nll,
             struct tl_scored *ret_scored)
{
    if (!engine->model)
        return tl_fail(TL_E_USAGE, "the model was opened for its vocabulary only");
    uint32_t context = tl_model_limits(engine->model)->context;
    if (how->window < 2 || how->window > context || how->stride < 1 || how->stride > how->window)
        return tl_fail(TL_E_USAGE, "windows of %u tokens every %u, expected windows of 2 to %u and strides up to that", how->window,
                       how->stride, context);
    struct scoring s = { .engine = engine, .how = how, .ids = ids, .n_ids = n_ids, .nll = ret_nll };
    TL_AUTO float *own = ret_nll ? NULL : tl_alloc(n_ids + 1, sizeof(*own));
    if (!ret_nll && !own)
        return TL_E_NOMEM;
    s.nll = ret_nll ? ret_nll : own;
    for (uint64_t i = 0; i < n_ids; i++)
        s.nll[i] = NAN;
    *ret_scored = (struct tl_scored){ 0 };
    tl_engine_enter(engine);
    int status = prepare(&s);
    if (status >= 0)
        status = run(&s, ret_scored);
    clean_up(&s);
    tl_engine_leave(engine);
    return status;
}
