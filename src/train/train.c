/* SPDX-License-Identifier: MIT */
/* The loop: windows of a batch, passes over them, a step of the optimiser, what is told, kept and looked at on the way.
 * What is learnt follows from tl_train_state, the weights and the moments alone, so that a run that goes on from them is
 * the run that was never interrupted; only a training by the clock decides its number of steps by its speed. */
#include "train/train.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "base/clock.h"
#include "base/cpu.h"
#include "base/error.h"
#include "base/memory.h"
#include "train/train_impl.h"

static double spent_seconds(const struct tl_training *t) { return t->seconds_before + tl_clock_seconds(t->began_ns); }
static uint64_t step_tokens(const struct tl_training *t) { return (uint64_t)t->how.batch * t->how.window; }

/* Of a step, with all that is done between two; 0: not known. */
static double pace_seconds(const struct tl_training *t)
{
    uint64_t steps = t->state.step - t->paced_step;
    return t->paced_ns && steps ? tl_clock_seconds(t->paced_ns) / (double)steps : 0;
}

static bool has_looked(const struct tl_training *t)
{
    const struct tl_curve *curve = &t->state.curve;
    return curve->n_held && curve->held[curve->n_held - 1].step == t->state.step;
}

/* --- held-out losses ---------------------------------------------------------------------------------------------- */

static struct tl_windows_batch batch_of(const struct tl_training *t, uint32_t from, uint32_t n)
{
    uint64_t at = (uint64_t)from * t->how.window;
    return (struct tl_windows_batch){ .n_windows = n, .ids = t->ids + at, .first = t->first + at, .targets = { .next = t->next + at } };
}

/* Windows by themselves, so that their spread gives the error of the mean (of a ratio: Cochran 1977, 6.3). */
static int look_at_held(struct tl_training *t, double *ret_nll, double *ret_se)
{
    double sum = 0, tokens = 0, squares = 0, cross = 0, counts = 0;
    uint32_t n = 0, each = t->weights->frozen ? t->plan.windows : 1;     /* each pass may read the model */
    for (uint32_t i = 0; i < t->held_windows; i += each, n++) {
        uint32_t left = t->held_windows - i, windows = left < each ? left : each;
        struct tl_pass pass;
        tl_corpus_windows_at(t->corpus, true, 0, i, windows, t->ids, t->first, t->next, t->where);
        struct tl_windows_batch batch = batch_of(t, 0, windows);
        int status = tl_graph_run(t->graph, t->pool, &batch, 0, false, t->how.progress, &pass);
        if (status < 0)
            return status;
        double of = (double)pass.tokens;
        sum += pass.nll;
        tokens += of;
        squares += pass.nll * pass.nll;
        cross += pass.nll * of;
        counts += of * of;
    }
    double mean = tokens > 0 ? sum / tokens : -1, rest = squares - 2 * mean * cross + mean * mean * counts;
    *ret_nll = mean;
    *ret_se = n > 1 && tokens > 0 && rest > 0 ? sqrt(rest * n / (n - 1)) / tokens : 0;
    return 0;
}

static int look(struct tl_training *t)
{
    struct tl_train_state *s = &t->state;
    if (!t->held_windows || has_looked(t))
        return 0;
    int status = look_at_held(t, &s->last_held, &s->last_held_se);
    if (status < 0)
        return status;
    tl_curve_add_held(&s->curve, s->step, s->last_held, s->last_held_se);
    if (s->step == 0) {
        s->first_held = s->last_held;
        s->first_held_se = s->last_held_se;
    }
    return 0;
}

/* --- a step ------------------------------------------------------------------------------------------------------- */

static int run_pass(struct tl_training *t, uint32_t from, uint32_t n, float scale, struct tl_pass *sum)
{
    const struct tl_teaching *teaching = t->how.teaching;
    struct tl_windows_batch batch = batch_of(t, from, n);
    uint64_t at = (uint64_t)from * t->how.window;
    struct tl_pass pass;
    int status = 0;
    if (teaching) {
        status = teaching->draws(teaching->context, t->where + at, (uint64_t)n * t->how.window, t->draws + at);
        batch.targets.draws = t->draws + at;
        batch.targets.teacher_weight = teaching->weight;
    }
    if (status >= 0)
        status = tl_graph_run(t->graph, t->pool, &batch, scale, true, t->how.progress, &pass);
    if (status < 0)
        return status;
    sum->tokens += pass.tokens;
    sum->loss += pass.loss;
    sum->nll += pass.nll;
    return 0;
}

static int not_finite(const struct tl_training *t, const char *what)
{
    return tl_fail(TL_E_FAIL, "step %" PRIu64 ": the %s is not finite, so training stops with the weights of step %" PRIu64
                   "; a lower --rate may help", t->state.step + 1, what, t->state.step);
}

static int step(struct tl_training *t)
{
    struct tl_train_state *s = &t->state;
    struct tl_pass sum = { 0 };
    uint64_t n = step_tokens(t), targets = 0;
    int status = 0;
    tl_corpus_windows_at(t->corpus, false, t->how.seed, s->at, t->how.batch, t->ids, t->first, t->next, t->where);
    for (uint64_t i = 0; i < n; i++)
        targets += t->next[i] >= 0;
    for (uint32_t from = 0; from < t->how.batch && status >= 0; from += t->plan.windows) {
        uint32_t left = t->how.batch - from;
        status = run_pass(t, from, left < t->plan.windows ? left : t->plan.windows, targets ? 1 / (float)targets : 0, &sum);
    }
    if (status < 0)
        return status;
    if (!isfinite(sum.loss))
        return not_finite(t, "loss");
    t->rate = tl_schedule_rate(&t->schedule, s->step);
    tl_adamw_step(&t->adamw, t->weights, t->pool, (float)t->rate, &t->norm);
    if (!isfinite(t->norm))
        return not_finite(t, "gradient");
    s->step++;
    s->at += t->how.batch;
    s->loss = sum.tokens ? sum.loss / (double)sum.tokens : 0;
    s->nll = sum.tokens ? sum.nll / (double)sum.tokens : 0;
    tl_curve_add(&s->curve, s->loss);
    return 0;
}

/* --- by the clock ------------------------------------------------------------------------------------------------- */

/* Steps follow from the speed once there is one; they change later only where it does, by more than a twentieth of all. */
static void pace(struct tl_training *t)
{
    struct tl_train_state *s = &t->state;
    double each = pace_seconds(t), left = t->how.seconds - spent_seconds(t);
    if (!each || tl_train_steps(&t->how))
        return;
    double off = s->steps > s->step ? (double)(s->steps - s->step) * each - left : -left;
    if (s->steps && fabs(off) <= 0.05 * t->how.seconds && left > 0)
        return;
    s->steps = s->step + (left > 0 ? (uint64_t)(left / each + 0.5) : 0);
    s->steps = s->steps ? s->steps : 1;
    t->schedule.steps = s->steps;
    t->schedule.warmup = tl_train_warmup(&t->how, s->steps);
}

static bool is_over(const struct tl_training *t) { return t->state.steps && t->state.step >= t->state.steps; }

static void fill_step(const struct tl_training *t, double held, struct tl_train_step *ret)
{
    const struct tl_train_state *s = &t->state;
    double stepping = (double)t->steps_ns * 1e-9;
    *ret = (struct tl_train_step){
        .step = s->step, .steps = s->steps, .tokens = s->step * step_tokens(t), .loss = s->loss, .nll = s->nll, .held_nll = held, .rate = t->rate,
        .norm = t->norm, .seconds = spent_seconds(t), .tokens_per_s = stepping > 0 ? (double)((s->step - t->resumed_steps) * step_tokens(t)) / stepping : 0,
    };
}

/* 0 for as long as nobody knows. */
static int move(struct tl_training *t)
{
    struct tl_progress *progress = t->how.progress;
    const struct tl_train_state *s = &t->state;
    if (!progress)
        return 0;
    progress->total = s->steps;
    progress->left_seconds = s->steps > s->step ? pace_seconds(t) * (double)(s->steps - s->step) : 0;
    return tl_progress_move(progress, s->step);
}

static int tell(struct tl_training *t, double held)
{
    struct tl_train_step told;
    fill_step(t, held, &told);
    if (t->how.told)
        t->how.told(t->how.context, &told);
    return move(t);
}

/* --- the loop ----------------------------------------------------------------------------------------------------- */

static void warn(const struct tl_training *t)
{
    if (t->how.warn)
        t->how.warn(t->how.context, tl_error_text());
}

static int timed_step(struct tl_training *t)
{
    uint64_t began_ns = tl_clock_ns();
    int status = step(t);
    if (status < 0)
        return status;
    t->steps_ns += tl_clock_ns() - began_ns;
    if (!t->paced_ns) {
        t->paced_ns = tl_clock_ns();
        t->paced_step = t->state.step;
    }
    pace(t);
    return 0;
}

static int loop(struct tl_training *t)
{
    struct tl_train_state *s = &t->state;
    int status = s->step ? 0 : look(t);
    while (status >= 0 && !is_over(t)) {
        status = timed_step(t);
        bool looks = status >= 0 && (is_over(t) || (t->how.held_every && s->step % t->how.held_every == 0));
        if (looks)
            status = look(t);
        if (status >= 0)
            status = tell(t, looks && t->held_windows ? s->last_held : -1);
        if (status >= 0 && !is_over(t) && tl_train_is_due(t) && tl_train_keep(t) < 0)
            warn(t);
    }
    return status < 0 ? status : look(t);
}

/* What ends it early is told as it was, and what was learnt is kept. */
static int keep_last(struct tl_training *t, int status)
{
    TL_AUTO char *sentence = tl_strdup(tl_error_text());
    if (!t->how.checkpoint || t->state.step == t->resumed_steps)
        return status;
    if (tl_train_keep(t) < 0)
        warn(t);
    return sentence ? tl_error_set(status, sentence) : status;
}

static void fill_trained(const struct tl_training *t, struct tl_trained *ret)
{
    const struct tl_train_state *s = &t->state;
    uint64_t tokens = (s->step - t->resumed_steps) * step_tokens(t);
    memset(ret, 0, sizeof(*ret));
    fill_step(t, s->last_held, &ret->last);
    ret->first_held = s->first_held;
    ret->first_held_se = s->first_held_se;
    ret->held = s->last_held;
    ret->held_se = s->last_held_se;
    ret->seconds = spent_seconds(t);
    ret->run_seconds = (double)t->steps_ns * 1e-9;
    ret->run_tokens = tokens;
    ret->operations = (double)tokens * tl_graph_operations(t->graph);
    ret->resumed_steps = t->resumed_steps;
    ret->peak_bytes = tl_cpu_peak_rss();
    ret->recomputed_layers = t->plan.recomputed_layers;
    ret->curve = s->curve;
}

/* --- beginning ---------------------------------------------------------------------------------------------------- */

static int check(const struct tl_train_how *how, const struct tl_corpus *corpus)
{
    if (!how->tokens && !how->schedule.steps && !(how->seconds > 0))
        return tl_fail(TL_E_USAGE, "neither tokens nor hours are given, so that nobody knows when training ends");
    if (!(how->schedule.peak > 0) || !isfinite(how->schedule.peak))
        return tl_fail(TL_E_USAGE, "a rate of %g cannot train: it must be above 0", how->schedule.peak);
    if (tl_corpus_tokens(corpus, false) < 2)
        return tl_fail(TL_E_USAGE, "the corpus has nothing to learn from");
    return 0;
}

static int begin(struct tl_training *t)
{
    struct tl_arena count;
    struct tl_graph_limits limits = { .windows = t->plan.windows, .window = t->how.window, .threads = t->how.threads,
                                      .tape_bytes = t->plan.tape_bytes, .bf16 = t->how.bf16 };
    int status = tl_graph_new(t->weights, t->kernel, &limits, &t->graph);
    tl_arena_count(&count);
    if (status >= 0)
        status = tl_train_lay_out(t, &count);
    if (status >= 0)
        status = tl_arena_init(&t->arena, count.used_bytes);
    if (status >= 0)
        status = tl_train_lay_out(t, &t->arena);
    return status < 0 ? status : tl_pool_new(t->how.threads, &t->pool);
}

static int prepare(struct tl_training *t)
{
    struct tl_train_state *s = &t->state;
    int status = begin(t);
    s->steps = tl_train_steps(&t->how);
    s->first_held = s->last_held = -1;
    if (status >= 0)
        status = t->how.checkpoint ? tl_train_identify(t) : 0;
    if (status >= 0)
        status = t->how.checkpoint ? tl_train_resume(t) : 0;
    if (status < 0)
        return status;
    t->resumed_steps = s->step;
    t->seconds_before = s->seconds;
    t->adamw.steps = s->adamw_steps;
    t->schedule = t->how.schedule;
    t->schedule.steps = s->steps;
    t->schedule.warmup = tl_train_warmup(&t->how, s->steps);
    uint64_t held = tl_corpus_windows(t->corpus, true);
    t->held_windows = held < t->how.held_windows ? (uint32_t)held : t->how.held_windows;
    t->began_ns = t->written_ns = tl_clock_ns();
    return tl_progress_begin(t->how.progress, "training", s->step, s->steps, "steps");
}

static void end(struct tl_training *t)
{
    tl_graph_free(t->graph);
    tl_pool_free(t->pool);
    tl_arena_done(&t->arena);
    tl_free(t);
}

int tl_train(struct tl_weights *weights, const struct tl_corpus *corpus, const struct tl_train_how *how, struct tl_trained *ret_trained)
{
    int status = check(how, corpus);
    struct tl_training *t = status >= 0 ? tl_alloc(1, sizeof(*t)) : NULL;
    if (!t)
        return status < 0 ? status : TL_E_NOMEM;
    t->weights = weights;
    t->corpus = corpus;
    t->how = *how;
    t->kernel = tl_kernel_best();
    tl_train_usual(&t->how);
    t->adamw = t->how.adamw;
    if (how->plan)
        t->plan = *how->plan;
    else
        status = tl_train_plan(weights, how, &t->plan);
    if (status >= 0)
        status = prepare(t);
    if (status >= 0) {
        status = loop(t);
        if (status < 0)
            status = keep_last(t, status);
        fill_trained(t, ret_trained);
    }
    end(t);
    return status;
}
