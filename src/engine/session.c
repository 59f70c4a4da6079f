/* SPDX-License-Identifier: MIT */
/* Sessions: the ids of a sequence and which of them are computed. A new sequence keeps what it shares with the old one. */
#include "engine/session.h"

#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "engine/prefix.h"
#include "engine/scheduler.h"

enum { LOST_TOKENS = 64 };               /* fewer are not worth a state of their own */

static uint32_t context_of(const struct tl_engine *engine) { return tl_model_limits(engine->model)->context; }

/* Among those that are open, with an empty state and what drafts for it. */
static int enlist(struct tl_session *session)
{
    struct tl_engine *engine = session->engine;
    int status = 0;
    tl_engine_enter(engine);
    if (engine->n_sessions == engine->max_sessions)
        status = tl_fail(TL_E_BUDGET, "%u sessions are open, and the budget was laid out for no more", engine->max_sessions);
    else
        status = tl_state_new(tl_model_cache(engine->model), &session->state);
    if (status >= 0 && tl_drafts_any(&engine->drafts))
        status = tl_drafter_new(&engine->drafts, &session->drafter);
    if (status >= 0) {
        engine->n_sessions++;
        session->next = engine->sessions;
        engine->sessions = session;
    }
    tl_engine_leave(engine);
    return status;
}

/* Also where enlist did not come to its end. */
static void delist(struct tl_session *session)
{
    struct tl_engine *engine = session->engine;
    struct tl_session **at = &engine->sessions;
    tl_engine_enter(engine);
    while (*at && *at != session)
        at = &(*at)->next;
    if (*at) {
        *at = session->next;
        engine->n_sessions--;
        tl_prefix_leave(engine->prefix, session);
    }
    tl_state_free(session->state);
    tl_drafter_free(session->drafter);
    tl_engine_leave(engine);
}

int tl_session_open(struct tl_engine *engine, struct tl_session **ret_session)
{
    if (!engine->model)
        return tl_fail(TL_E_USAGE, "the model was opened for its vocabulary only");
    if (tl_model_limits(engine->model)->sweep)
        return tl_fail(TL_E_USAGE, "the model was opened for scoring, which leaves no room for sessions");
    uint32_t vocab = tl_model_geometry(engine->model)->vocab;
    struct tl_session *session = tl_alloc(1, sizeof(*session));
    if (!session)
        return TL_E_NOMEM;
    session->engine = engine;
    session->ids = tl_alloc(context_of(engine), sizeof(*session->ids));
    session->logits = tl_alloc(vocab, sizeof(*session->logits));
    int status = session->ids && session->logits ? tl_sampler_new(vocab, &session->sampler) : TL_E_NOMEM;
    if (status >= 0)
        status = enlist(session);
    if (status < 0) {
        tl_session_close(session);
        return status;
    }
    *ret_session = session;
    return 0;
}

void tl_session_close(struct tl_session *session)
{
    if (!session)
        return;
    delist(session);
    tl_sampler_free(session->sampler);
    tl_free(session->ids);
    tl_free(session->logits);
    tl_free(session);
}

void tl_session_cancel(struct tl_session *session) { atomic_store(&session->cancel, 1); }

static int check_room(const struct tl_session *session, uint32_t held, uint64_t count)
{
    uint32_t context = context_of(session->engine);
    if (count > context - held)
        return tl_fail(TL_E_USAGE, "%llu tokens do not fit in the context of %u tokens",
                       (unsigned long long)(count + (count < UINT64_MAX - held ? held : 0)), context);
    return 0;
}

void tl_session_truncate(struct tl_session *session, uint32_t length)
{
    if (length >= session->state->length)
        return;
    tl_engine_enter(session->engine);
    tl_state_truncate(session->state, length);
    tl_engine_leave(session->engine);
}

/* What is lost of the state others may want. */
static void part(struct tl_session *session, uint32_t common, bool forget)
{
    if (common >= session->state->length)
        return;
    tl_engine_enter(session->engine);
    if (!forget && session->state->length - common >= LOST_TOKENS)
        tl_prefix_leave(session->engine->prefix, session);
    tl_state_truncate(session->state, common);
    tl_engine_leave(session->engine);
}

int tl_session_set(struct tl_session *session, const int32_t *ids, size_t count)
{
    int status = check_room(session, 0, count);
    if (status < 0)
        return status;
    uint32_t common = tl_prefix_common(session->ids, session->state->length, ids, (uint32_t)count);
    part(session, common, count == 0);
    if (common < session->logits_at)
        session->logits_at = 0;
    if (common < count)                  /* what is computed is not written again: others may look at it */
        memmove(session->ids + common, ids + common, (count - common) * sizeof(*ids));
    session->n_ids = (uint32_t)count;
    session->n_reused = session->state->length;
    return 0;
}

int tl_session_append(struct tl_session *session, const int32_t *ids, size_t count)
{
    int status = check_room(session, session->n_ids, count);
    if (status < 0)
        return status;
    if (count)
        memcpy(session->ids + session->n_ids, ids, count * sizeof(*ids));
    session->n_ids += (uint32_t)count;
    return 0;
}

struct rows { struct tl_session *session; int (*row)(void *context, uint32_t place, const float *logits); void *context; };

static int give_row(void *context, uint32_t place, float *logits)
{
    struct rows *rows = context;
    return rows->row(rows->context, place, logits) ? tl_fail(TL_E_CANCEL, "interrupted") : 1;
}

int tl_session_compute(struct tl_session *session, int (*row)(void *context, uint32_t place, const float *logits), void *context)
{
    struct rows rows = {session, row, context};
    struct tl_request request = {
        .session = session, .rows_from = row ? session->state->length : TL_NO_ROWS, .row = row ? give_row : NULL, .context = &rows,
    };
    if (session->state->length == session->n_ids)
        return 0;
    return tl_scheduler_run(session->engine, &request);
}

static int keep_row(void *context, uint32_t place, float *logits)
{
    struct tl_session *session = context;
    memcpy(session->logits, logits, tl_model_geometry(session->engine->model)->vocab * sizeof(float));
    session->logits_at = place + 1;
    return 1;
}

int tl_session_logits(struct tl_session *session, const float **ret_logits)
{
    if (session->n_ids && (session->logits_at != session->n_ids || session->state->length != session->n_ids)) {
        struct tl_request request = {.session = session, .rows_from = session->n_ids - 1, .row = keep_row, .context = session};
        tl_session_truncate(session, session->n_ids - 1);
        int status = tl_scheduler_run(session->engine, &request);
        if (status < 0)
            return status;
    }
    *ret_logits = session->logits;
    return 0;
}

int tl_session_fork(struct tl_session *session, struct tl_session **ret_session)
{
    struct tl_session *copy;
    struct tl_state *state = NULL;
    int status = tl_session_open(session->engine, &copy);
    if (status < 0)
        return status;
    memcpy(copy->ids, session->ids, session->n_ids * sizeof(*copy->ids));       /* before there is a state that others look at */
    tl_engine_enter(session->engine);
    status = tl_state_fork(session->state, &state);
    if (status >= 0) {
        tl_state_free(copy->state);
        copy->state = state;
    }
    tl_engine_leave(session->engine);
    if (status < 0) {
        tl_session_close(copy);
        return status;
    }
    memcpy(copy->logits, session->logits, tl_model_geometry(session->engine->model)->vocab * sizeof(float));
    copy->n_ids = session->n_ids;
    copy->logits_at = session->logits_at;
    *ret_session = copy;
    return 0;
}

int tl_session_save(struct tl_session *session, const char *path)
{
    tl_engine_enter(session->engine);
    int status = tl_state_save(session->state, session->ids, session->n_ids, path);
    tl_engine_leave(session->engine);
    return status;
}

/* Kept states make room where there is none. */
static int load(struct tl_session *session, const char *path, int32_t **ret_ids, uint32_t *ret_count)
{
    int status;
    while ((status = tl_state_load(session->state, path, ret_ids, ret_count)) == TL_E_BUDGET && tl_prefix_evict(session->engine->prefix))
        ;
    if (status >= 0 && (status = check_room(session, 0, *ret_count)) >= 0)
        memcpy(session->ids, *ret_ids, *ret_count * sizeof(**ret_ids));
    session->n_ids = status < 0 ? 0 : *ret_count;
    if (status < 0)                      /* one that failed midway leaves an empty session */
        tl_state_truncate(session->state, 0);
    session->logits_at = 0;
    return status;
}

int tl_session_load(struct tl_session *session, const char *path)
{
    int32_t *ids = NULL;
    uint32_t count = 0;
    tl_engine_enter(session->engine);
    int status = load(session, path, &ids, &count);
    tl_engine_leave(session->engine);
    tl_free(ids);
    return status;
}
