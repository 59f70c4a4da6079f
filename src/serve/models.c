/* SPDX-License-Identifier: MIT */
/* Opening and closing models, and who uses the open one. */
#include "serve/models.h"

#include <stdio.h>
#include <string.h>

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

int tl_models_find(const struct tl_serve_options *options, const char *name)
{
    for (size_t i = 0; i < options->n_models; i++)
        if (strcmp(options->models[i].name, name) == 0)
            return (int)i;
    for (size_t i = 0; i < options->n_aliases; i++)
        if (strcmp(options->aliases[i], name) == 0)
            return 0;
    return -1;
}

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
    pthread_cond_broadcast(&models->changed);
    pthread_mutex_unlock(&models->lock);
}

/* --- those who wait for another model --------------------------------------------------------------------------------------- */

enum which { ALL, FOR_CURRENT, LEFT };

/* Out of the list, under the lock, in their order. */
static struct tl_models_parked *take_out(struct tl_models *models, enum which which)
{
    struct tl_models_parked *out = NULL, **last = &out, **at = &models->first;
    for (struct tl_models_parked *parked; (parked = *at);) {
        if (which == LEFT ? !parked->left : which == FOR_CURRENT && parked->index != models->current) {
            at = &parked->next;
            continue;
        }
        *at = parked->next;
        parked->next = NULL;
        *last = parked;
        last = &parked->next;
        models->n_parked--;
        tl_exchange_watch(parked->exchange, NULL, NULL);
    }
    models->last = at;
    return out;
}

static void handle_anew(struct tl_models_parked *parked)
{
    while (parked) {
        struct tl_models_parked *next = parked->next;
        tl_routes_handle(parked->exchange);
        tl_free(parked);
        parked = next;
    }
}

/* No model is opened for who is gone; a reply is owed all the same. */
static void forget_who_left(struct tl_models *models)
{
    for (struct tl_models_parked *parked = take_out(models, LEFT), *next; parked; parked = next) {
        next = parked->next;
        tl_exchange_fail(parked->exchange, 503, "the client has left", NULL);
        tl_free(parked);
    }
}

static void leave(void *context)
{
    struct tl_models_parked *parked = context;
    parked->left = true;
}

static int park(struct tl_models *models, struct tl_exchange *exchange, size_t index)
{
    if (models->n_parked >= models->options->queue)
        return tl_fail(TL_E_BUDGET, "%zu requests wait for another model already", models->n_parked);
    struct tl_models_parked *parked = tl_alloc(1, sizeof(*parked));
    if (!parked)
        return TL_E_NOMEM;
    parked->exchange = exchange;
    parked->index = index;
    *models->last = parked;
    models->last = &parked->next;
    models->n_parked++;
    tl_exchange_watch(exchange, leave, parked);
    pthread_cond_broadcast(&models->changed);
    return 0;
}

/* --- opening -------------------------------------------------------------------------------------------------------------- */

/* What is told of it becomes that of the open model, or why there is none; those who waited for it are handled. */
static void conclude_opening(struct tl_models *models, const struct trill_model_figures *figures, int r)
{
    pthread_mutex_lock(&models->lock);
    if (r >= 0) {
        models->figures = *figures;
        models->was_ready = true;
    } else {
        snprintf(models->error, sizeof(models->error), "%s", tl_error_text());
        models->model = NULL;
        models->account = NULL;
    }
    models->state = r < 0 ? TL_MODELS_FAILED : TL_MODELS_READY;
    struct tl_models_parked *out = take_out(models, FOR_CURRENT);
    pthread_mutex_unlock(&models->lock);
    handle_anew(out);
}

static int open_current(struct tl_models *models)
{
    const struct tl_serve_model *model = &models->options->models[models->current];
    struct trill_model_figures figures = {.size = sizeof(figures)};
    models->done_bytes = models->total_bytes = 0;
    set_state(models, TL_MODELS_LOADING);
    int r = models->options->open(models->options->context, model, note_progress, models, &models->model, &models->account);
    if (r >= 0) {
        trill_model_figures(models->model, &figures, sizeof(figures));
        tl_cost_begin(&models->server->cost);
        r = tl_answers_open(&models->server->answers, models->model, figures.sessions);
        if (r < 0)
            models->options->close(models->options->context, models->model, models->account, r);
    }
    conclude_opening(models, &figures, r);
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
        forget_who_left(models);
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
    struct tl_models_parked *out = take_out(models, ALL);
    pthread_mutex_unlock(&models->lock);
    handle_anew(out);
}

/* --- using ---------------------------------------------------------------------------------------------------------------- */

const char *tl_models_hindrance(struct tl_models *models, char ret_why[TL_MODELS_WHY_BYTES])
{
    pthread_mutex_lock(&models->lock);
    const char *code = models->ends ? "stopping" : models->state == TL_MODELS_FAILED ? "model_failed" : models->state == TL_MODELS_READY ? NULL : "loading";
    bool failed = !models->ends && models->state == TL_MODELS_FAILED;
    snprintf(ret_why, TL_MODELS_WHY_BYTES, "%s", models->ends ? "the server is stopping" : failed ? models->error : "the model is being loaded");
    pthread_mutex_unlock(&models->lock);
    return code;
}

static int refuse(struct tl_models *models, struct tl_exchange *exchange)
{
    char why[TL_MODELS_WHY_BYTES];
    const char *code = tl_models_hindrance(models, why);
    tl_exchange_fail(exchange, code && strcmp(code, "model_failed") == 0 ? 500 : 503, why, code ? code : "loading");
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
    int named = name && models->options->n_models > 1 ? tl_models_find(models->options, name) : 0, r = 0;
    if (named < 0)
        return fail_unknown(exchange, name);
    pthread_mutex_lock(&models->lock);
    size_t index = name ? (size_t)named : models->current;
    bool ours = models->current == index, ready = ours && models->state == TL_MODELS_READY && !models->ends;
    bool first = models->first == NULL || models->first->index == index;     /* nobody waits for this one to end */
    bool parks = !models->ends && models->was_ready && !(ours && models->state == TL_MODELS_FAILED) && !(ready && first);
    if (ready && first) {
        models->users++;
        *ret_model = models->model;
    } else if (parks) {
        r = park(models, exchange, index);
    }
    pthread_mutex_unlock(&models->lock);
    if (ready && first)
        return 0;
    if (!parks)
        return refuse(models, exchange);
    if (r < 0)
        tl_exchange_fail(exchange, r == TL_E_BUDGET ? 429 : 500, tl_error_text(), r == TL_E_BUDGET ? "queue_full" : NULL);
    return 1;
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
