/* SPDX-License-Identifier: MIT */
/* A step: who takes part with how many tokens, one forward pass for all, what comes out of it.
 *
 * Those that decode go first, but leave some room. Prompts share it, so that none starves another. While somebody decodes, they
 * get as many tokens as make the step not twice as long, going by what steps have taken of late; now and then, and when
 * others decode than before, a step goes without prompts, to learn that. Where weights are
 * streamed, a long piece saves sweeps over them, and they get all. Rows of different requests are worked on in parallel. */
#include "engine/lead.h"

#include <string.h>

#include "base/clock.h"
#include "base/error.h"
#include "engine/prefix.h"
#include "engine/session.h"

enum { SHORT_TOKENS = 8, FIRST_PIECE = 16, LEAST_PIECE = 4, MIXED_STEPS = 32 };
static const double prompt_share = 0.4;          /* of the time of those that decode */

struct step {
    struct tl_engine *engine;
    uint32_t n_tokens, n_requests, n_prompt_tokens;
    bool touched;                        /* some request was finished without computing */
    const uint32_t *tokens;              /* of the rows that are given out now */
    float *rows;
    uint32_t n_pieces;
};

/* --- requests --------------------------------------------------------------------------------------------------------------- */

/* Takes down this thread's sentence. */
static void fail_request(struct tl_request *request, int status)
{
    request->status = status;
    strncpy(request->text, tl_error_text(), sizeof(request->text) - 1);
}

void tl_request_unlink(struct tl_engine *engine, struct tl_request *request)
{
    struct tl_request **at = &engine->waiting;
    while (*at != request)
        at = &(*at)->next_waiting;
    *at = request->next_waiting;
}

void tl_request_append(struct tl_engine *engine, struct tl_request *request)
{
    struct tl_request **at = &engine->waiting;
    while (*at)
        at = &(*at)->next_waiting;
    *at = request;
    request->next_waiting = NULL;
}

static void finish(struct tl_request *request)
{
    request->finished = true;
    pthread_cond_signal(&request->changed);
}

static uint32_t left_of(const struct tl_request *r) { return r->session->n_ids - r->session->state->length; }

/* Else it decodes, or is as short. */
static bool is_prompt(const struct tl_request *r) { return left_of(r) > SHORT_TOKENS; }

static bool rests(const struct tl_request *r)
{
    return r->most_ahead && r->news && r->session->n_ids + r->n_draft + 1 - r->n_told > r->most_ahead;
}

static bool takes_part(const struct tl_request *r) { return !r->finished && !r->n_now && !r->fresh && !rests(r); }

/* --- collecting ------------------------------------------------------------------------------------------------------------- */

static int check_ids(const struct tl_engine *engine, const int32_t *ids, uint32_t n)
{
    uint32_t vocab = tl_model_geometry(engine->model)->vocab;
    for (uint32_t i = 0; i < n; i++)
        if (ids[i] < 0 || (uint32_t)ids[i] >= vocab)
            return tl_fail(TL_E_USAGE, "token id %d is outside the vocabulary of %u", ids[i], vocab);
    return 0;
}

static void take(struct step *step, struct tl_request *r, uint32_t room)
{
    struct tl_engine *engine = step->engine;
    struct tl_state *state = r->session->state;
    uint32_t left = left_of(r), n = left + r->n_draft < room ? left + r->n_draft : room;
    const int32_t *ids = r->session->ids + state->length;
    if (r->border > state->length && r->border - state->length < n)
        n = r->border - state->length;
    int status = check_ids(engine, ids, n);
    state->records.passing = r->decodes;
    if (status >= 0)
        status = tl_prefix_reserve(engine->prefix, state, n);
    if (status < 0) {
        fail_request(r, status);
        finish(r);
        step->touched = true;
        return;
    }
    r->n_draft = n > left ? n - left : 0;
    r->n_now = n;
    r->first_row = step->n_tokens;
    r->refused = false;
    memcpy(engine->step_ids + step->n_tokens, ids, n * sizeof(*ids));
    for (uint32_t i = 0; i < n; i++)
        engine->step_wanted[step->n_tokens + i] = r->row && state->length + i >= r->rows_from;
    engine->step_spans[step->n_requests] = (struct tl_span){state, n};
    engine->step_requests[step->n_requests++] = r;
    step->n_tokens += n;
}

/* Equal parts of so many tokens for all of one kind; what one does not need is for those behind it. */
static void share_out(struct step *step, uint32_t room, bool prompts)
{
    struct tl_request *r;
    uint32_t n = 0, first = step->n_tokens;
    for (r = step->engine->waiting; r; r = r->next_waiting)
        n += takes_part(r) && is_prompt(r) == prompts;
    for (r = step->engine->waiting; r && step->n_tokens - first < room; r = r->next_waiting)
        if (takes_part(r) && is_prompt(r) == prompts) {
            uint32_t left = room - (step->n_tokens - first);
            take(step, r, n < left ? left / n : 1);
            n--;
        }
}

static bool some_prompts(const struct tl_engine *engine)
{
    const struct tl_request *r = engine->waiting;
    while (r && !(takes_part(r) && is_prompt(r)))
        r = r->next_waiting;
    return r != NULL;
}

static uint32_t prompt_room(const struct step *step)
{
    const struct tl_engine *engine = step->engine;
    const struct tl_model_limits *limits = tl_model_limits(engine->model);
    uint32_t left = limits->chunk - step->n_tokens;
    if (left == 0 || step->n_requests == 0 || limits->frames || limits->trunk_bytes)
        return left;
    if (engine->n_mixed && (engine->n_mixed >= MIXED_STEPS || engine->n_decoded != step->n_requests))
        return 0;
    double room = FIRST_PIECE;
    if (engine->decode_ns > 0 && engine->prompt_token_ns > 0)
        room = prompt_share * engine->decode_ns / engine->prompt_token_ns;
    room = room < LEAST_PIECE ? LEAST_PIECE : room;
    return room < left ? (uint32_t)room : left;
}

static void collect(struct step *step)
{
    struct tl_engine *engine = step->engine;
    for (struct tl_request *r = engine->waiting; r; r = r->next_waiting)
        if (!r->finished && tl_session_stops(r->session)) {
            fail_request(r, tl_fail(TL_E_CANCEL, "interrupted"));
            finish(r);
            step->touched = true;
        }
    for (struct tl_request *r = engine->waiting; r; r = r->next_waiting)
        if (!r->finished && r->fresh)
            tl_prefix_share(engine->prefix, r);
    uint32_t chunk = tl_model_limits(engine->model)->chunk;
    share_out(step, some_prompts(engine) ? chunk - chunk / 8 : chunk, false);
    uint32_t decoding = step->n_tokens;
    share_out(step, prompt_room(step), true);
    step->n_prompt_tokens = step->n_tokens - decoding;
}

/* --- rows ------------------------------------------------------------------------------------------------------------------- */

static void give_rows(void *context, uint32_t piece, uint32_t thread)
{
    struct step *step = context;
    const struct tl_row_piece *p = &step->engine->step_rows[piece];
    struct tl_request *r = p->request;
    uint64_t vocab = tl_model_geometry(step->engine->model)->vocab;
    (void)thread;
    for (uint32_t i = p->first; i < p->first + p->n && r->status >= 0 && !r->refused; i++) {
        uint32_t place = r->session->state->length + step->tokens[i] - r->first_row;
        int status = r->row(r->context, place, step->rows + i * vocab);
        if (status < 0)
            fail_request(r, status);
        r->refused = status == 0;
    }
}

/* Rows come in the order of tokens: those of a request lie together. */
static int on_logits(void *context, const uint32_t *tokens, uint32_t n_rows, float *rows)
{
    struct step *step = context;
    struct tl_engine *engine = step->engine;
    struct tl_row_piece *piece = engine->step_rows;
    uint32_t n = 0;
    for (uint32_t i = 0, at = 0; i < n_rows; i++) {
        while (tokens[i] >= engine->step_requests[at]->first_row + engine->step_requests[at]->n_now)
            at++;
        if (n == 0 || piece[n - 1].request != engine->step_requests[at])
            piece[n++] = (struct tl_row_piece){engine->step_requests[at], i, 0};
        piece[n - 1].n++;
    }
    step->tokens = tokens;
    step->rows = rows;
    tl_pool_run(engine->pool, n, give_rows, step);
    return 0;
}

static bool all_cancelled(void *context)
{
    struct step *step = context;
    for (uint32_t i = 0; i < step->n_requests; i++)
        if (!tl_session_stops(step->engine->step_requests[i]->session))
            return false;
    return true;
}

/* --- leading ---------------------------------------------------------------------------------------------------------------- */

static const enum tl_meter_id shared[] = {TL_METER_STALL_NS, TL_METER_MEMORY_BYTES, TL_METER_DRIVE_BYTES, TL_METER_EXPERT_HITS,
                                          TL_METER_EXPERT_MISSES};
enum { SHARED = sizeof(shared) / sizeof(*shared) };

static void count_shares(struct step *step, double seconds, const uint64_t before[SHARED])
{
    double counted[SHARED];
    for (int i = 0; i < SHARED; i++)
        counted[i] = (double)(tl_meter_get(&step->engine->meters, shared[i]) - before[i]) / step->n_tokens;
    for (uint32_t i = 0; i < step->n_requests; i++) {
        struct tl_request *r = step->engine->step_requests[i];
        struct tl_share *share = &r->share;
        share->step_seconds += seconds * r->n_now / step->n_tokens;
        share->stall_seconds += counted[0] * 1e-9 * r->n_now;
        share->memory_bytes += counted[1] * r->n_now;
        share->drive_bytes += counted[2] * r->n_now;
        share->expert_hits += counted[3] * r->n_now;
        share->expert_misses += counted[4] * r->n_now;
    }
}

static void move_towards(double *rate, double seen) { *rate = *rate > 0 ? 0.8 * *rate + 0.2 * seen : seen; }

/* What steps take of late, for prompt_room. */
static void learn(struct step *step, double ns)
{
    struct tl_engine *engine = step->engine;
    bool mixed = step->n_prompt_tokens && step->n_prompt_tokens < step->n_tokens;
    double rest = mixed ? engine->decode_ns : 0;
    engine->n_mixed = mixed ? engine->n_mixed + 1 : 0;
    if (step->n_prompt_tokens == 0 && engine->n_decoded != step->n_requests)
        engine->decode_ns = 0;
    if (step->n_prompt_tokens == 0) {
        move_towards(&engine->decode_ns, ns);
        engine->n_decoded = step->n_requests;
    } else if (rest > 0 || !mixed)
        move_towards(&engine->prompt_token_ns, (ns > 1.1 * rest ? ns - rest : 0.1 * rest) / step->n_prompt_tokens);
}

/* How many of them continue an answer, and with how many tokens. */
static uint32_t count_decoding(const struct step *step, uint32_t *ret_tokens)
{
    uint32_t n = 0;
    *ret_tokens = 0;
    for (uint32_t i = 0; i < step->n_requests; i++) {
        const struct tl_request *r = step->engine->step_requests[i];
        n += r->decodes;
        *ret_tokens += r->decodes ? r->n_now : 0;
    }
    return n;
}

/* What is said of all tokens is kept for drafts that go on from there. */
static int keep_hidden(void *context, uint32_t layer, uint32_t n_tokens, float *x)
{
    struct tl_engine *engine = context;
    const struct tl_geometry *g = tl_model_geometry(engine->model);
    if (layer == g->n_layers)
        memcpy(engine->drafts.hidden, x, n_tokens * (uint64_t)g->width * sizeof(*x));
    return 0;
}

static int compute(struct step *step)
{
    struct tl_engine *engine = step->engine;
    struct tl_batch batch = {
        .ids = engine->step_ids, .spans = engine->step_spans, .n_spans = step->n_requests, .wanted = engine->step_wanted,
        .logits = on_logits, .stop = all_cancelled, .context = step,
    };
    uint32_t n_tokens, n_decoding = count_decoding(step, &n_tokens);
    if (step->n_tokens == 0)             /* what was asked for has been computed by others */
        return 0;
    uint64_t before[SHARED], began = tl_clock_ns();
    struct tl_tap tap = {.context = engine, .border = keep_hidden};
    batch.tap = engine->drafts.hidden ? &tap : NULL;
    batch.decodes = n_decoding == step->n_requests;
    for (int i = 0; i < SHARED; i++)
        before[i] = tl_meter_get(&engine->meters, shared[i]);
    int status = tl_model_forward(engine->model, engine->pool, engine->kernel, &batch);
    uint64_t ns = tl_clock_ns() - began;
    count_shares(step, (double)ns * 1e-9, before);
    if (status >= 0)
        learn(step, (double)ns);
    if (status >= 0)
        tl_drafts_stepped(&engine->drafts, n_decoding, n_tokens, batch.decodes, (double)ns * 1e-9);
    return status;
}

/* Behind a step. What was drafted in vain and what follows an end is taken back. */
static bool advance(struct tl_engine *engine, struct tl_request *r)
{
    struct tl_session *session = r->session;
    bool complete = r->status >= 0 && session->state->length >= session->n_ids;
    if (r->status >= 0 && !r->begun)
        tl_prefix_passed(engine->prefix, r);
    r->begun |= complete;
    int status = complete && r->next ? r->next(r->context) : 0;
    if (status < 0)
        fail_request(r, status);
    tl_state_truncate(session->state, status > 0 ? session->n_ids - 1 : session->n_ids);
    return status > 0 || (!complete && r->status >= 0);
}

/* Under the lock. A request that is finished may leave at once, and its memory with it. */
static void settle(struct step *step)
{
    for (uint32_t i = 0; i < step->n_requests; i++) {
        struct tl_request *r = step->engine->step_requests[i];
        r->n_ids = r->session->n_ids;
        r->n_done = r->session->state->length;
        r->n_now = 0;
        tl_request_unlink(step->engine, r);      /* to the end: where not all find room they take turns */
        tl_request_append(step->engine, r);
        if (r->ended || r->leaves)
            finish(r);
        else if (r->news)
            pthread_cond_signal(&r->changed);
    }
}

bool tl_lead_step(struct tl_engine *engine)
{
    struct step step = {.engine = engine};
    collect(&step);
    if (step.n_requests == 0)
        return step.touched;
    engine->busy = true;
    pthread_mutex_unlock(&engine->lock);
    int status = compute(&step);
    for (uint32_t i = 0; i < step.n_requests; i++) {
        struct tl_request *r = engine->step_requests[i];
        if (status < 0 && r->status >= 0)
            fail_request(r, status);
        r->ended = !advance(engine, r);
    }
    pthread_mutex_lock(&engine->lock);
    settle(&step);
    engine->busy = false;
    if (engine->n_entering)
        pthread_cond_broadcast(&engine->changed);
    return true;
}
