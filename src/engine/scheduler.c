/* SPDX-License-Identifier: MIT */
/* The scheduler: joins the requests that wait into forward steps. There is no thread of its own: a thread that waits and
 * finds no step running collects a step, leads it for all that take part, and wakes them. Short requests (decoding) go
 * first, so that a long prompt never holds them up by more than a chunk. */
#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "engine/session.h"

enum { SHORT_TOKENS = 8 };

int tl_scheduler_new(struct tl_engine *engine, uint32_t chunk)
{
    engine->step_ids = tl_alloc(chunk, sizeof(*engine->step_ids));
    engine->step_wanted = tl_alloc(chunk, sizeof(*engine->step_wanted));
    engine->step_spans = tl_alloc(chunk, sizeof(*engine->step_spans));
    engine->step_requests = tl_alloc(chunk, sizeof(*engine->step_requests));
    bool complete = engine->step_ids && engine->step_wanted && engine->step_spans && engine->step_requests;
    return complete ? 0 : TL_E_NOMEM;
}

void tl_scheduler_free(struct tl_engine *engine)
{
    tl_free(engine->step_ids);
    tl_free(engine->step_wanted);
    tl_free(engine->step_spans);
    tl_free(engine->step_requests);
}

void tl_engine_enter(struct tl_engine *engine)
{
    pthread_mutex_lock(&engine->lock);
    while (engine->busy)
        pthread_cond_wait(&engine->changed, &engine->lock);
    engine->busy = true;
    pthread_mutex_unlock(&engine->lock);
}

void tl_engine_leave(struct tl_engine *engine)
{
    pthread_mutex_lock(&engine->lock);
    engine->busy = false;
    pthread_cond_broadcast(&engine->changed);
    pthread_mutex_unlock(&engine->lock);
}

static void finish(struct tl_wish *request, int status)
{
    request->status = status;
    request->finished = true;
    if (status < 0)
        strncpy(request->text, tl_error_text(), sizeof(request->text) - 1);
}

/* --- collecting --- */

struct step { struct tl_engine *engine; uint32_t n_tokens, n_requests; };

static void take(struct step *step, struct tl_wish *request, uint32_t room)
{
    struct tl_engine *engine = step->engine;
    uint32_t left = request->n_ids - request->n_done, n = left < room ? left : room;
    int status = tl_session_stops(request->session) ? tl_fail(TL_E_CANCEL, "interrupted") : tl_state_reserve(request->session->state, n);
    if (status < 0) {
        finish(request, status);
        return;
    }
    memcpy(engine->step_ids + step->n_tokens, request->ids + request->n_done, n * sizeof(int32_t));
    memset(engine->step_wanted + step->n_tokens, request->row != NULL, n);
    if (n == left && request->want_last)
        engine->step_wanted[step->n_tokens + n - 1] = 1;
    engine->step_spans[step->n_requests] = (struct tl_span){ request->session->state, n };
    engine->step_requests[step->n_requests++] = request;
    request->n_now = n;
    step->n_tokens += n;
}

static void collect(struct step *step)
{
    uint32_t chunk = tl_model_limits(step->engine->model)->chunk;
    for (int pass = 0; pass < 2; pass++)
        for (struct tl_wish *r = step->engine->waiting; r && step->n_tokens < chunk; r = r->next)
            if (!r->finished && (r->n_ids - r->n_done <= SHORT_TOKENS) == (pass == 0))
                take(step, r, chunk - step->n_tokens);
}

/* --- leading --- */

static void give_row(struct step *step, uint32_t token, const float *logits)
{
    struct tl_engine *engine = step->engine;
    uint32_t i = 0;
    for (; token >= engine->step_requests[i]->n_now; i++)
        token -= engine->step_requests[i]->n_now;
    struct tl_wish *r = engine->step_requests[i];
    if (r->row && r->status >= 0 && r->row(r->context, r->n_done + token, logits))
        r->status = TL_E_CANCEL;
    if (r->want_last && r->n_done + token + 1 == r->n_ids)
        memcpy(r->session->logits, logits, tl_model_geometry(engine->model)->vocab * sizeof(float));
}

static int on_logits(void *context, const uint32_t *tokens, uint32_t n_rows, float *rows)
{
    struct step *step = context;
    uint64_t vocab = tl_model_geometry(step->engine->model)->vocab;
    for (uint32_t i = 0; i < n_rows; i++)
        give_row(step, tokens[i], rows + i * vocab);
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

static int lead(struct tl_engine *engine, struct step *step)
{
    struct tl_batch batch = {
        .ids = engine->step_ids, .spans = engine->step_spans, .n_spans = step->n_requests, .wanted = engine->step_wanted,
        .logits = on_logits, .stop = all_cancelled, .context = step,
    };
    return step->n_requests ? tl_model_forward(engine->model, engine->pool, engine->kernel, &batch) : 0;
}

/* Under the lock: a request that is finished may leave at once, and its memory with it. */
static void settle(struct tl_engine *engine, struct step *step, int status)
{
    for (uint32_t i = 0; i < step->n_requests; i++) {
        struct tl_wish *r = engine->step_requests[i];
        if (status >= 0)
            r->n_done += r->n_now;
        if (status >= 0 && (r->status < 0 || tl_session_stops(r->session)))
            finish(r, tl_fail(TL_E_CANCEL, "interrupted"));
        else if (status < 0 || r->n_done == r->n_ids)
            finish(r, status);
    }
}

static void unlink_request(struct tl_engine *engine, struct tl_wish *request)
{
    struct tl_wish **at = &engine->waiting;
    while (*at != request)
        at = &(*at)->next;
    *at = request->next;
}

int tl_wish_run(struct tl_engine *engine, struct tl_wish *request)
{
    struct tl_wish **at = &engine->waiting;
    pthread_mutex_lock(&engine->lock);
    while (*at)
        at = &(*at)->next;
    *at = request;
    while (!request->finished) {
        if (engine->busy) {
            pthread_cond_wait(&engine->changed, &engine->lock);
            continue;
        }
        struct step step = { .engine = engine };
        engine->busy = true;
        collect(&step);
        pthread_mutex_unlock(&engine->lock);
        int status = lead(engine, &step);
        pthread_mutex_lock(&engine->lock);
        settle(engine, &step, status);
        engine->busy = false;
        pthread_cond_broadcast(&engine->changed);
    }
    unlink_request(engine, request);
    pthread_mutex_unlock(&engine->lock);
    atomic_store(&request->session->cancel, 0);
    return request->status < 0 ? tl_error_set(request->status, request->text) : 0;
}
