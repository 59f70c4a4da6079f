/* SPDX-License-Identifier: MIT */
/* Who waits and who leads. A model with room for several sessions has a thread that leads: steps follow each other without
 * waiting for those who asked, each of which is woken when there is something for it. With one session the thread that
 * asks leads its own steps. What a step consists of is in lead.c. */
#include <signal.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "engine/lead.h"
#include "engine/prefix.h"
#include "engine/session.h"

/* --- exclusive use ---------------------------------------------------------------------------------------------------------- */

/* Whoever wants in goes before the next step. */
void tl_engine_enter(struct tl_engine *engine)
{
    pthread_mutex_lock(&engine->lock);
    engine->n_entering++;
    while (engine->busy)
        pthread_cond_wait(&engine->changed, &engine->lock);
    engine->n_entering--;
    engine->busy = true;
    pthread_mutex_unlock(&engine->lock);
}

static void leave(struct tl_engine *engine)
{
    engine->busy = false;
    pthread_cond_broadcast(&engine->changed);
}

void tl_engine_leave(struct tl_engine *engine)
{
    pthread_mutex_lock(&engine->lock);
    leave(engine);
    pthread_mutex_unlock(&engine->lock);
}

void tl_engine_give_way(struct tl_engine *engine)
{
    pthread_mutex_lock(&engine->lock);
    uint64_t turn = engine->n_turns;
    leave(engine);
    while (engine->has_thread && engine->waiting && engine->n_turns == turn)
        pthread_cond_wait(&engine->changed, &engine->lock);
    pthread_mutex_unlock(&engine->lock);
}

static bool may_lead(const struct tl_engine *engine) { return !engine->busy && engine->n_entering == 0; }

/* --- the thread that leads -------------------------------------------------------------------------------------------------- */

static void *lead_all(void *context)
{
    struct tl_engine *engine = context;
    pthread_mutex_lock(&engine->lock);
    while (!engine->closing) {
        bool leads = may_lead(engine), led = leads && tl_lead_step(engine);
        if (leads) {
            engine->n_turns++;
            pthread_cond_broadcast(&engine->changed);
        }
        if (!led)
            pthread_cond_wait(&engine->changed, &engine->lock);
    }
    pthread_mutex_unlock(&engine->lock);
    return NULL;
}

/* Signals are for the program's own threads. */
static int start_thread(struct tl_engine *engine)
{
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int r = tl_memory_permit() ? pthread_create(&engine->thread, NULL, lead_all, engine) : -1;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    engine->has_thread = r == 0;
    return r == 0 ? 0 : tl_fail(TL_E_NOMEM, "the thread that leads steps cannot be started");
}

int tl_scheduler_new(struct tl_engine *engine, uint32_t chunk)
{
    engine->step_ids = tl_alloc(chunk, sizeof(*engine->step_ids));
    engine->step_wanted = tl_alloc(chunk, sizeof(*engine->step_wanted));
    engine->step_spans = tl_alloc(chunk, sizeof(*engine->step_spans));
    engine->step_requests = tl_alloc(chunk, sizeof(*engine->step_requests));
    engine->step_rows = tl_alloc(chunk, sizeof(*engine->step_rows));
    if (!engine->step_ids || !engine->step_wanted || !engine->step_spans || !engine->step_requests || !engine->step_rows)
        return TL_E_NOMEM;
    return engine->max_sessions > 1 ? start_thread(engine) : 0;
}

void tl_scheduler_free(struct tl_engine *engine)
{
    if (engine->has_thread) {
        pthread_mutex_lock(&engine->lock);
        engine->closing = true;
        pthread_cond_broadcast(&engine->changed);
        pthread_mutex_unlock(&engine->lock);
        pthread_join(engine->thread, NULL);
    }
    tl_free(engine->step_ids);
    tl_free(engine->step_wanted);
    tl_free(engine->step_spans);
    tl_free(engine->step_requests);
    tl_free(engine->step_rows);
}

/* --- those who ask ---------------------------------------------------------------------------------------------------------- */

static bool has_news(const struct tl_request *r)
{
    return r->news && !r->leaves && (r->n_ids > r->n_told || r->n_done > r->n_done_told);
}

/* Out of the lock: steps go on meanwhile. */
static void tell(struct tl_engine *engine, struct tl_request *r)
{
    uint32_t n_ids = r->n_ids, n_done = r->n_done;
    pthread_mutex_unlock(&engine->lock);
    int status = r->news(r->context, n_ids, n_done);
    pthread_mutex_lock(&engine->lock);
    r->n_told = n_ids;
    r->n_done_told = n_done;
    r->left = status < 0 ? status : 0;
    r->leaves = status != 0;
    r->finished |= status && r->n_now == 0;
    pthread_cond_broadcast(&engine->changed);            /* it may have rested */
}

static void begin(struct tl_engine *engine, struct tl_request *r)
{
    pthread_cond_init(&r->changed, NULL);
    r->n_now = 0;
    r->status = r->left = 0;
    r->leaves = r->finished = false;
    r->text[0] = 0;
    r->fresh = true;
    r->begun = false;
    r->border = 0;
    r->n_ids = r->n_told = r->session->n_ids;
    r->n_done = r->n_done_told = r->session->state->length;
    r->share = (struct tl_share){0};
    r->age = engine->n_asked++;
    tl_request_append(engine, r);
    pthread_cond_broadcast(&engine->changed);
}

int tl_scheduler_run(struct tl_engine *engine, struct tl_request *r)
{
    tl_prefix_fetch(engine->prefix, r);
    pthread_mutex_lock(&engine->lock);
    begin(engine, r);
    while (!r->finished || has_news(r)) {
        if (has_news(r))
            tell(engine, r);
        else if (engine->has_thread)
            pthread_cond_wait(&r->changed, &engine->lock);
        else if (!may_lead(engine) || !tl_lead_step(engine))
            pthread_cond_wait(&engine->changed, &engine->lock);
    }
    tl_request_unlink(engine, r);
    pthread_mutex_unlock(&engine->lock);
    pthread_cond_destroy(&r->changed);
    atomic_store(&r->session->cancel, 0);
    if (r->left < 0)
        return r->left;                  /* this thread knows why */
    return r->status < 0 && !r->leaves ? tl_error_set(r->status, r->text) : 0;
}
