/* SPDX-License-Identifier: MIT */
/* What a server tells of itself: whether it is well, and which models it has. */
#include <inttypes.h>
#include <string.h>

#include "base/clock.h"
#include "base/error.h"
#include "serve/routes.h"
#include "serve/server.h"
#include "serve/state.h"

/* --- health --------------------------------------------------------------------------------------------------------------- */

void tl_state_write_model(const struct tl_models *models, struct tl_buffer *out)
{
    static const char *const words[] = {"closed", "loading", "ok", "failed"};
    enum tl_models_state state = models->state;
    uint64_t done = models->done_bytes, total = models->total_bytes;
    tl_buffer_printf(out, "\"status\":\"%s\",\"model\":", words[state]);
    tl_buffer_json_string(out, tl_models_name(models), strlen(tl_models_name(models)));
    if (state == TL_MODELS_LOADING)
        tl_buffer_printf(out, ",\"done_bytes\":%" PRIu64 ",\"total_bytes\":%" PRIu64 ",\"progress\":%.4f", done, total,
                         total ? (double)done / (double)total : 0.0);
}

int tl_health_get(struct tl_exchange *exchange)
{
    struct tl_models *models = &exchange->server->models;
    struct tl_buffer body;
    char why[TL_MODELS_WHY_BYTES];
    bool well = !tl_models_hindrance(models, why);
    tl_buffer_init(&body, 0);
    tl_buffer_append(&body, "{", 1);
    pthread_mutex_lock(&models->lock);
    tl_state_write_model(models, &body);
    pthread_mutex_unlock(&models->lock);
    if (!well) {
        tl_buffer_printf(&body, ",\"error\":{\"code\":503,\"type\":\"unavailable_error\",\"message\":");
        tl_buffer_json_string(&body, why, strlen(why));
        tl_buffer_append(&body, "}", 1);
        tl_exchange_set_header(exchange, "Retry-After", "2");
    }
    tl_buffer_append(&body, "}\n", 2);
    tl_exchange_reply(exchange, well ? 200 : 503, NULL, &body);
    return 0;
}

/* --- models --------------------------------------------------------------------------------------------------------------- */

/* The context is the one that requests have, not the one that the model was trained with. */
static void write_open(const struct trill_model_figures *f, struct tl_buffer *out)
{
    tl_buffer_printf(out, ",\"max_model_len\":%u,\"meta\":{\"n_ctx\":%u,\"n_ctx_train\":%u,\"n_vocab\":%u,\"n_embd\":%u,\"n_params\":%" PRIu64
                     ",\"size\":%" PRIu64, f->context, f->context, f->trained_context, f->vocabulary, f->width, f->parameters, f->weight_bytes);
    tl_buffer_json_member(out, "architecture", f->architecture);
    tl_buffer_json_member(out, "format", f->format);
    tl_buffer_append(out, "}", 1);
}

static void write_model(const struct tl_server *server, const char *name, bool open, struct tl_buffer *out)
{
    tl_buffer_append(out, "{", 1);
    tl_buffer_json_member(out, "id", name);
    tl_buffer_printf(out, ",\"object\":\"model\",\"created\":%" PRId64 ",\"owned_by\":\"trill\",\"type\":\"model\"", server->began);
    tl_buffer_json_member(out, "display_name", name);
    tl_buffer_printf(out, ",\"loaded\":%s", open ? "true" : "false");
    if (open)
        write_open(&server->models.figures, out);
    tl_buffer_append(out, "}", 1);
}

/* As Codex lists models. */
static void write_for_codex(const struct tl_server *server, const char *name, bool open, struct tl_buffer *out)
{
    tl_buffer_append(out, "{", 1);
    tl_buffer_json_member(out, "slug", name);
    tl_buffer_json_member(out, "name", name);
    tl_buffer_json_member(out, "model", name);
    tl_buffer_json_member(out, "display_name", name);
    tl_buffer_printf(out, ",\"type\":\"model\",\"capabilities\":[\"completion\"],\"supported_in_api\":true,\"visibility\":\"list\"");
    if (open)
        tl_buffer_printf(out, ",\"context_window\":%u", server->models.figures.context);
    tl_buffer_append(out, "}", 1);
}

static void write_all(const struct tl_server *server, void (*write)(const struct tl_server *, const char *, bool, struct tl_buffer *), struct tl_buffer *out)
{
    const struct tl_serve_options *options = server->options;
    const struct tl_models *models = &server->models;
    for (size_t i = 0; i < options->n_models; i++) {
        tl_buffer_append(out, ",", i > 0);
        write(server, options->models[i].name, i == models->current && models->state == TL_MODELS_READY, out);
    }
    for (size_t i = 0; i < options->n_aliases; i++) {
        tl_buffer_append(out, ",", 1);
        write(server, options->aliases[i], models->current == 0 && models->state == TL_MODELS_READY, out);
    }
}

int tl_models_list(struct tl_exchange *exchange)
{
    struct tl_server *server = exchange->server;
    struct tl_buffer body;
    tl_buffer_init(&body, 0);
    pthread_mutex_lock(&server->models.lock);
    tl_buffer_printf(&body, "{\"object\":\"list\",\"data\":[");
    write_all(server, write_model, &body);
    tl_buffer_printf(&body, "],\"models\":[");
    write_all(server, write_for_codex, &body);
    tl_buffer_printf(&body, "],\"has_more\":false}\n");
    pthread_mutex_unlock(&server->models.lock);
    tl_exchange_reply(exchange, 200, NULL, &body);
    return 0;
}

int tl_models_get(struct tl_exchange *exchange)
{
    struct tl_server *server = exchange->server;
    int index = tl_models_find(server->options, exchange->rest);
    struct tl_buffer body;
    if (index < 0) {
        tl_exchange_fail(exchange, 404, "there is no model of this name here; GET /v1/models lists them", "model_not_found");
        return 0;
    }
    tl_buffer_init(&body, 0);
    pthread_mutex_lock(&server->models.lock);
    write_model(server, exchange->rest, server->models.state == TL_MODELS_READY && (size_t)index == server->models.current, &body);
    tl_buffer_append(&body, "\n", 1);
    pthread_mutex_unlock(&server->models.lock);
    tl_exchange_reply(exchange, 200, NULL, &body);
    return 0;
}
