/* SPDX-License-Identifier: MIT */
/* Scoring: windows in groups, each window in a state of its own. In sweeps a group is one forward step, in which all its
 * tokens pass through a layer before the next; else it advances through steps of a chunk. */
#include "engine/prefix.h"
#include "engine/score.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "engine/score_impl.h"

void tl_scoring_warn(const struct tl_scoring *s)
{
    char text[600];
    snprintf(text, sizeof(text), "no checkpoint was written: %s", tl_error_text());
    if (s->how->warn)
        s->how->warn(s->how->context, text);
}

/* --- rows of logits ----------------------------------------------------------------------------------------------- */

static void score_row(void *context, uint32_t row, uint32_t thread)
{
    struct tl_scoring *s = context;
    const struct tl_kernel *kernel = s->engine->kernel;
    uint64_t vocab = tl_model_geometry(s->engine->model)->vocab, target = s->target[s->tokens[row]];
    float *logits = s->rows + row * vocab, *weights = s->weights ? s->weights + thread * vocab : logits;
    float most = kernel->max(logits, vocab), own = logits[s->ids[target]];
    kernel->exp(logits, most, vocab, weights);
    float sum = kernel->sum(weights, vocab);
    s->nll[target] = most - own + tl_log(sum);
    if (s->teacher)
        tl_teacher_draw(s->teacher, kernel, row, target, weights, sum, s->nll[target]);
    if (s->how->row)
        s->how->row(s->how->context, row, &(struct tl_score_row){ target, logits, weights, most, s->nll[target] });
}

static int on_logits(void *context, const uint32_t *tokens, uint32_t n_rows, float *rows)
{
    struct tl_scoring *s = context;
    uint32_t n_layers = tl_model_geometry(s->engine->model)->n_layers;
    s->tokens = tokens;
    s->rows = rows;
    tl_pool_run(s->engine->pool, n_rows, score_row, s);
    s->n_given += n_rows;
    int status = s->teacher ? tl_teacher_put(s->teacher, n_rows) : 0;
    if (status >= 0 && s->how->rows)
        status = s->how->rows(s->how->context, n_rows);
    s->n_rows += n_rows;
    double layers = n_layers + (double)s->n_given / s->n_wanted;
    if (status >= 0 && s->sweeps)
        status = tl_progress_move(s->how->progress, s->tokens_done + (uint64_t)(s->n_tokens * layers / (n_layers + 1)));
    return status;
}

static bool stopped(void *context)
{
    struct tl_scoring *s = context;
    return tl_progress_check(s->how->progress) < 0;
}

static int on_border(void *context, uint32_t layer, uint32_t n_tokens, float *x)
{
    struct tl_scoring *s = context;
    uint32_t n_layers = tl_model_geometry(s->engine->model)->n_layers;
    int status = layer && layer == s->first_layer ? tl_checkpoint_x(s, n_tokens, x) : 0;
    bool is_new = layer > s->first_layer;
    s->first_layer = is_new ? 0 : s->first_layer;
    if (status >= 0)
        status = tl_progress_move(s->how->progress, s->tokens_done + (uint64_t)n_tokens * layer / (n_layers + 1));
    if (status >= 0 && is_new && tl_checkpoint_due(s))
        tl_checkpoint_write(s, layer, n_tokens, x);
    return status;
}

static void on_seen(void *context, const struct tl_seen *seen)
{
    struct tl_scoring *s = context;
    tl_taps_seen(s->taps, seen);
}

/* --- groups of windows -------------------------------------------------------------------------------------------- */

/* The next windows that fit; of a group that a checkpoint goes on with, as many as it says. */
static bool gather(struct tl_scoring *s)
{
    uint32_t most = s->n_windows ? s->n_windows : s->max_windows, chunk = tl_model_limits(s->engine->model)->chunk;
    uint64_t tokens = 0;
    s->n_windows = 0;
    while (s->n_windows < most) {
        struct tl_windows ahead = s->cursor;
        struct tl_window *w = &s->window[s->n_windows];
        if (!tl_windows_next(&ahead, w) || (s->sweeps && s->n_windows && tokens + tl_window_tokens(w) > chunk))
            break;
        s->cursor = ahead;
        s->taken[s->n_windows++] = 0;
        tokens += tl_window_tokens(w);
    }
    return s->n_windows > 0;
}

/* Takes the next tokens of a window into the step. */
static uint32_t take(struct tl_scoring *s, uint32_t window, uint32_t room)
{
    const struct tl_window *w = &s->window[window];
    uint32_t left = tl_window_tokens(w) - s->taken[window], n = left < room ? left : room;
    for (uint32_t i = 0; i < n; i++) {
        uint64_t at = w->at + s->taken[window] + i;
        s->step_ids[s->n_tokens + i] = s->ids[at];
        s->target[s->n_tokens + i] = at + 1;
        s->wanted[s->n_tokens + i] = at + 1 >= w->first;
        s->n_wanted += at + 1 >= w->first;
    }
    s->taken[window] += n;
    s->n_tokens += n;
    return n;
}

/* One forward step over what is open; 0: all windows of the group are done. */
static int step(struct tl_scoring *s)
{
    uint32_t chunk = tl_model_limits(s->engine->model)->chunk, n_spans = 0;
    s->n_tokens = s->n_wanted = s->n_given = 0;
    for (uint32_t i = 0; i < s->n_windows && s->n_tokens < chunk; i++) {
        uint32_t n = take(s, i, chunk - s->n_tokens);
        if (n)
            s->span[n_spans++] = (struct tl_span){ s->state[i], n };
    }
    struct tl_tap tap = { .context = s, .kinds = s->taps ? tl_taps_kinds(s->taps) : 0, .seen = on_seen, .border = on_border };
    struct tl_batch batch = { .ids = s->step_ids, .spans = s->span, .n_spans = n_spans, .wanted = s->wanted, .logits = on_logits,
                              .stop = stopped, .context = s, .tap = s->sweeps ? &tap : NULL, .first_layer = s->first_layer };
    if (!s->n_tokens)
        return 0;
    if (s->taps)
        tl_taps_begin(s->taps, s->wanted, s->first_layer ? 0 : s->n_wanted);
    s->steps++;
    int status = tl_model_forward(s->engine->model, s->engine->pool, s->engine->kernel, &batch);
    return status < 0 ? status : (int)s->n_tokens;
}

static int run_group(struct tl_scoring *s)
{
    int status;
    uint64_t done = 0;
    for (uint32_t i = 0; i < s->n_windows; i++)
        tl_state_truncate(s->state[i], 0);
    while ((status = step(s)) > 0) {
        done += (uint32_t)status;
        status = tl_progress_move(s->how->progress, s->tokens_done + done);
        if (status < 0)
            return status;
    }
    s->tokens_done += done;
    s->windows_done += s->n_windows;
    s->records_done = s->teacher ? tl_teacher_records(s->teacher) : s->n_rows;
    s->n_windows = s->first_layer = 0;
    return status;
}

static int run(struct tl_scoring *s)
{
    int status = tl_progress_begin(s->how->progress, "scoring", s->resumed, s->tokens_total, "tokens");
    while (status >= 0 && gather(s)) {
        status = run_group(s);
        if (status >= 0 && s->windows_done && tl_checkpoint_due(s))
            tl_checkpoint_write(s, 0, 0, NULL);
    }
    return status;
}

static int write_files(struct tl_scoring *s)
{
    const struct tl_score *how = s->how;
    int status = how->router ? tl_taps_write(s->taps, TL_TAP_ROUTER, how->router) : 0;
    if (status >= 0 && how->experts)
        status = tl_taps_write(s->taps, TL_TAP_EXPERTS, how->experts);
    if (status >= 0 && how->moments)
        status = tl_taps_write(s->taps, TL_TAP_MOMENTS, how->moments);
    if (status >= 0 && s->teacher)
        status = tl_teacher_commit(s->teacher);
    if (status >= 0)
        tl_checkpoint_remove(s);
    return status;
}

static void add_up(const struct tl_scoring *s, struct tl_scored *ret)
{
    *ret = (struct tl_scored){ .steps = s->steps, .computed = s->tokens_total, .resumed = s->resumed };
    for (uint64_t i = 0; i < s->n_ids; i++) {
        if (s->nll[i] != s->nll[i])
            continue;
        ret->tokens++;
        ret->nll_sum += s->nll[i];
        ret->nll_squares += (double)s->nll[i] * s->nll[i];
    }
    tl_meter_add(&s->engine->meters, TL_METER_SCORED_TOKENS, ret->tokens);
}

/* --- begin and end ------------------------------------------------------------------------------------------------ */

static unsigned taps_of(const struct tl_score *how)
{
    return (how->router ? TL_TAP_ROUTER : 0) | (how->experts ? TL_TAP_EXPERTS : 0) | (how->moments ? TL_TAP_MOMENTS : 0);
}

static int check(const struct tl_engine *engine, const struct tl_score *how)
{
    if (!engine->model)
        return tl_fail(TL_E_USAGE, "the model was opened for its vocabulary only");
    const struct tl_model_limits *limits = tl_model_limits(engine->model);
    unsigned taps = taps_of(how);
    if (how->window < 2 || how->window > limits->context || how->stride < 1 || how->stride > how->window)
        return tl_fail(TL_E_USAGE, "windows of %u tokens every %u, expected windows of 2 to %u and strides up to that", how->window,
                       how->stride, limits->context);
    if (!limits->sweep && (taps || how->teacher || how->checkpoint || how->row))
        return tl_fail(TL_E_USAGE, "the model was not opened for scoring: no teacher, rows, statistics or checkpoint");
    if (how->row && how->checkpoint && (!how->keep || how->teacher))
        return tl_fail(TL_E_USAGE, "rows of logits are not kept in a checkpoint");
    if (taps & ~engine->score_taps)
        return tl_fail(TL_E_USAGE, "the model was opened without room for these statistics");
    if (taps & (TL_TAP_ROUTER | TL_TAP_EXPERTS) && !tl_model_geometry(engine->model)->n_experts)
        return tl_fail(TL_E_USAGE, "%s: has no routed experts, so no statistics of them", tl_modelfile_path(engine->file));
    return 0;
}

/* Of all that the results depend on. */
static void digest(struct tl_scoring *s)
{
    const struct tl_score *how = s->how;
    struct { uint64_t fingerprint, n_ids, n_texts, seed; uint32_t window, stride, draws, taps; } facts = {
        tl_model_cache(s->engine->model)->fingerprint, s->n_ids, s->n_texts, how->teacher ? how->seed : 0, how->window, how->stride,
        how->teacher ? how->draws : 0, taps_of(how),
    };
    struct tl_sha256 sha;
    tl_sha256_init(&sha);
    tl_sha256_add(&sha, &facts, sizeof(facts));
    tl_sha256_add(&sha, s->ids, s->n_ids * sizeof(*s->ids));
    tl_sha256_add(&sha, s->starts, (s->n_texts + 1) * sizeof(*s->starts));
    tl_sha256_end(&sha, s->work);
}

static int allocate(struct tl_scoring *s)
{
    const struct tl_model_limits *limits = tl_model_limits(s->engine->model);
    s->sweeps = limits->sweep;
    s->max_windows = limits->sessions;
    s->window = tl_alloc(s->max_windows, sizeof(*s->window));
    s->taken = tl_alloc(s->max_windows, sizeof(*s->taken));
    s->state = tl_alloc(s->max_windows, sizeof(*s->state));
    s->span = tl_alloc(s->max_windows, sizeof(*s->span));
    s->step_ids = tl_alloc(limits->chunk, sizeof(*s->step_ids));
    s->wanted = tl_alloc(limits->chunk, sizeof(*s->wanted));
    s->target = tl_alloc(limits->chunk, sizeof(*s->target));
    uint64_t vocab = tl_model_geometry(s->engine->model)->vocab;
    s->weights = s->how->row ? tl_alloc(tl_pool_threads(s->engine->pool) * vocab, sizeof(*s->weights)) : NULL;
    if (!s->window || !s->taken || !s->state || !s->span || !s->step_ids || !s->wanted || !s->target || (s->how->row && !s->weights))
        return TL_E_NOMEM;
    int status = 0;
    for (uint32_t i = 0; i < s->max_windows && status >= 0; i++)
        status = tl_state_new(tl_model_cache(s->engine->model), &s->state[i]);
    return status;
}

static int open_teacher(struct tl_scoring *s)
{
    const struct tl_score *how = s->how;
    struct tl_teacher_facts facts = {
        .fingerprint = tl_model_cache(s->engine->model)->fingerprint, .seed = how->seed, .draws = how->draws,
        .vocab = tl_model_geometry(s->engine->model)->vocab, .window = how->window, .stride = how->stride, .ids = s->ids,
        .starts = s->starts, .n_texts = s->n_texts,
    };
    memcpy(facts.work, s->work, sizeof(facts.work));
    return tl_teacher_open(how->teacher, &facts, s->records_done, &s->teacher);
}

static int prepare(struct tl_scoring *s)
{
    struct tl_window window;
    digest(s);
    tl_windows_init(&s->cursor, s->starts, s->n_texts, s->how->window, s->how->stride);
    for (struct tl_windows all = s->cursor; tl_windows_next(&all, &window);)
        s->tokens_total += tl_window_tokens(&window);
    int status = allocate(s);
    if (status >= 0 && taps_of(s->how))
        status = tl_taps_new(s->engine, taps_of(s->how), &s->taps);
    if (status >= 0 && s->how->checkpoint)
        status = tl_checkpoint_new(s);
    if (status >= 0)
        status = tl_checkpoint_resume(s);
    s->n_rows = s->records_done;
    if (status >= 0 && s->how->row && s->how->checkpoint)
        status = s->how->keep(s->how->context, s->n_rows, true);
    if (status >= 0 && s->how->teacher)
        status = open_teacher(s);
    return status;
}

static void clean_up(struct tl_scoring *s)
{
    for (uint32_t i = 0; s->state && i < s->max_windows; i++)
        tl_state_free(s->state[i]);
    tl_teacher_close(s->teacher, s->how->checkpoint != NULL);
    tl_checkpoint_free(s->checkpoint);
    tl_taps_free(s->taps);
    tl_free(s->window);
    tl_free(s->taken);
    tl_free(s->state);
    tl_free(s->span);
    tl_free(s->step_ids);
    tl_free(s->wanted);
    tl_free(s->target);
    tl_free(s->weights);
}

static int score(struct tl_scoring *s, struct tl_scored *ret_scored)
{
    for (uint64_t i = 0; i < s->n_ids; i++)
        s->nll[i] = NAN;
    tl_engine_enter(s->engine);
    tl_prefix_clear(s->engine->prefix);
    int status = prepare(s);
    if (status >= 0)
        status = run(s);
    if (status >= 0)
        status = write_files(s);
    if (status >= 0)
        add_up(s, ret_scored);
    clean_up(s);
    tl_engine_leave(s->engine);
    return status < 0 ? status : 0;
}

int tl_score(struct tl_engine *engine, const int32_t *ids, uint64_t n_ids, const struct tl_score *how, float *ret_nll,
             struct tl_scored *ret_scored)
{
    const uint64_t one[2] = { 0, n_ids };
    struct tl_scoring s = { .engine = engine, .how = how, .ids = ids, .n_ids = n_ids, .nll = ret_nll,
                            .starts = how->starts ? how->starts : one, .n_texts = how->starts ? how->n_texts : 1 };
    int status = check(engine, how);
    uint32_t vocab = status < 0 ? 0 : tl_model_geometry(engine->model)->vocab;
    for (uint64_t i = 0; i < n_ids && status >= 0; i++)
        if (ids[i] < 0 || (uint32_t)ids[i] >= vocab)
            status = tl_fail(TL_E_USAGE, "token id %d is outside the vocabulary of %u", ids[i], vocab);
    if (status < 0)
        return status;
    TL_AUTO float *own = ret_nll ? NULL : tl_alloc(n_ids + 1, sizeof(*own));
    if (!ret_nll && !own)
        return TL_E_NOMEM;
    s.nll = ret_nll ? ret_nll : own;
    return score(&s, ret_scored);
}
