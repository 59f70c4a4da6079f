/* SPDX-License-Identifier: MIT */
/* Opening and closing models, and who uses the open one. */
#include "serve/models.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/memory.h"
#include "serve/routes.h"
#include "serve/server.h"

enum { POLL_NS = 100000000 };

void tl_models_init(struct tl_models *models, struct tl_server *server)
{
    *models = (struct tl_models){.server = server, .options = server->options, .last = &models->first, .figures.size = sizeof(models->figures)};
    pthread_mutex_init(&models->lock, NULL);
    tl_clock_cond_init(&models->changed);
}

void tl_models_done(struct tl_models *models)
{
    pthread_cond_destroy(&models->changed);
    pthread_mutex_destroy(&models->lock);
}

const char *tl_models_name(const struct tl_models *models)
{
    return models->options->models[models->current].name;
}

int tl_models_find(const struct tl_models *models, const char *name)
{
    const struct tl_serve_options *options = models->options;
    if (!name || options->n_models == 1)
        return name ? 0 : (int)models->current;
    for (size_t i = 0; i < options->n_models; i++)
        if (strcmp(options->models[i].name, name) == 0)
            return (int)i;
    for (size_t i = 0; i < options->n_aliases; i++)
        if (strcmp(options->aliases[i], name) == 0)
            return 0;
    return -1;
}

/* --- opening -------------------------------------------------------------------------------------------------------------- */

static void note_progress(void *context, uint64_t done_bytes, uint64_t total_bytes)
{
    struct tl_models *models = context;
    models->done_bytes = done_bytes;
    models->total_bytes = total_bytes;
}

static void set_state(struct tl_models *models, enum tl_models_state state)
{
    pthread_mutex_lock(&models->lock);
    models->state = state;
    models->was_ready |= state == TL_MODELS_READY;
    pthread_cond_broadcast(&models->changed);
    pthread_mutex_unlock(&models->lock);
}

/* Handled anew: those for this model, or all. */
static void unpark(struct tl_models *models, bool all)
{
    struct tl_models_parked *out = NULL, **last = &out;
    pthread_mutex_lock(&models->lock);
    for (struct tl_models_parked **at = &models->first, *parked; (parked = *at);) {
        if (!all && parked->index != models->current) {
            at = &parked->next;
            continue;
        }
        *at = parked->next;
        parked->next = NULL;
        *last = parked;
        last = &parked->next;
        models->n_parked--;
    }
    models->last = &models->first;
    while (*models->last)
        models->last = &(*models->last)->next;
    pthread_mutex_unlock(&models->lock);
    while (out) {
        struct tl_models_parked *next = out->next;
        tl_routes_handle(out->exchange);
        tl_free(out);
        out = next;
    }
}

static int open_current(struct tl_models *models)
{
    const struct tl_serve_model *model = &models->options->models[models->current];
    models->done_bytes = models->total_bytes = 0;
    set_state(models, TL_MODELS_LOADING);
    int r = models->options->open(models->options->context, model, note_progress, models, &models->model, &models->account);
    if (r >= 0) {
        models->opened = (int64_t)time(NULL);
        trill_model_figures(models->model, &models->figures, sizeof(models->figures));
        tl_cost_begin(&models->server->cost);
        r = tl_answers_open(&models->server->answers, models->model, models->figures.sessions);
        if (r < 0)
            models->options->close(models->options->context, models->model, models->account, r);
    }
    if (r < 0) {
        snprintf(models->error, sizeof(models->error), "%s", tl_error_text());
        models->model = NULL;
        models->account = NULL;
    }
    set_state(models, r < 0 ? TL_MODELS_FAILED : TL_MODELS_READY);
    unpark(models, false);
    return r;
}

void tl_models_close(struct tl_models *models, int status)
{
    if (!models->model)
        return;
    set_state(models, TL_MODELS_CLOSED);
    tl_answers_close(&models->server->answers);
    models->options->close(models->options->context, models->model, models->account, status);
    models->model = NULL;
    models->account = NULL;
}

/* Waits for something to do: true where another model is to be opened. */
static bool wait_for_switch(struct tl_models *models)
{
    bool wanted = false;
    pthread_mutex_lock(&models->lock);
    while (!*models->options->stop && !models->ends && !wanted) {
        struct timespec until;
        clock_gettime(CLOCK_MONOTONIC, &until);
        until.tv_nsec += POLL_NS;
        until.tv_sec += until.tv_nsec / 1000000000;
        until.tv_nsec %= 1000000000;
        pthread_cond_timedwait(&models->changed, &models->lock, &until);
        wanted = models->first && models->users == 0;
    }
    if (wanted) {
        models->current = models->first->index;
        models->state = TL_MODELS_CLOSED;
    }
    pthread_mutex_unlock(&models->lock);
    return wanted;
}

int tl_models_run(struct tl_models *models)
{
    int r = open_current(models);
    while (r >= 0 && wait_for_switch(models)) {
        tl_models_close(models, 0);
        if (open_current(models) < 0)
            tl_server_log(models->server, "warning: %s cannot be opened: %s", tl_models_name(models), models->error);
    }
    return r;
}

void tl_models_end(struct tl_models *models)
{
    pthread_mutex_lock(&models->lock);
    models->ends = true;
    pthread_mutex_unlock(&models->lock);
    unpark(models, true);
}

/* --- using ---------------------------------------------------------------------------------------------------------------- */

static int park(struct tl_models *models, struct tl_exchange *exchange, size_t index)
{
    if (models->n_parked >= models->options->queue)
        return tl_fail(TL_E_BUDGET, "%zu requests wait for another model already", models->n_parked);
    struct tl_models_parked *parked = tl_alloc(1, sizeof(*parked));
    if (!parked)
        return TL_E_NOMEM;
    *parked = (struct tl_models_parked){.exchange = exchange, .index = index};
    *models->last = parked;
    models->last = &parked->next;
    models->n_parked++;
    pthread_cond_broadcast(&models->changed);
    return 0;
}

static int refuse(struct tl_models *models, struct tl_exchange *exchange, int r)
{
    if (r == TL_E_BUDGET)
        tl_exchange_fail(exchange, 429, tl_error_text(), "queue_full");
    else if (r < 0)
        tl_exchange_fail(exchange, 500, tl_error_text(), NULL);
    else if (models->ends)
        tl_exchange_fail(exchange, 503, "the server is stopping", "stopping");
    else if (models->state == TL_MODELS_FAILED)
        tl_exchange_fail(exchange, 500, models->error, "model_failed");
    else
        tl_exchange_fail(exchange, 503, "the model is being loaded", "loading");
    return 1;
}

static int fail_unknown(struct tl_exchange *exchange, const char *name)
{
    struct tl_buffer text;
    tl_buffer_init(&text, 1 << 16);
    tl_buffer_printf(&text, "there is no model '%s' here; GET /v1/models lists them", name);
    tl_exchange_fail(exchange, 404, text.status < 0 ? "there is no such model here" : text.data, "model_not_found");
    tl_buffer_done(&text);
    return 1;
}

int tl_models_enter(struct tl_exchange *exchange, const char *name, struct trill_model **ret_model)
{
    struct tl_models *models = &exchange->server->models;
    int index = tl_models_find(models, name), r = 0;
    if (index < 0)
        return fail_unknown(exchange, name);
    pthread_mutex_lock(&models->lock);
    bool ours = models->current == (size_t)index, ready = ours && models->state == TL_MODELS_READY && !models->ends;
    bool first = models->first == NULL || models->first->index == (size_t)index;     /* nobody waits for this one to end */
    bool parks = !models->ends && models->was_ready && !(ours && models->state == TL_MODELS_FAILED) && !(ready && first);
    if (ready && first) {
        models->users++;
        *ret_model = models->model;
    } else if (parks) {
        r = park(models, exchange, (size_t)index);
    }
    pthread_mutex_unlock(&models->lock);
    if (ready && first)
        return 0;
    return parks && r >= 0 ? 1 : refuse(models, exchange, r);
}

struct trill_model *tl_models_glance(struct tl_models *models)
{
    pthread_mutex_lock(&models->lock);
    struct trill_model *model = models->state == TL_MODELS_READY ? models->model : NULL;
    models->users += model != NULL;
    pthread_mutex_unlock(&models->lock);
    return model;
}

void tl_models_leave(struct tl_models *models)
{
    pthread_mutex_lock(&models->lock);
    models->users--;
    pthread_cond_broadcast(&models->changed);
    pthread_mutex_unlock(&models->lock);
}
