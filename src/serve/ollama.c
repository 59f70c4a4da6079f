/* SPDX-License-Identifier: MIT */
/* What tools that know ollama only ask first: its version and its models. They then speak OpenAI's API. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "serve/routes.h"
#include "serve/server.h"

enum { DATE_BYTES = 32 };

static const char *date_of(int64_t seconds, char text[DATE_BYTES])
{
    time_t when = (time_t)seconds;
    struct tm parts;
    if (!gmtime_r(&when, &parts) || !strftime(text, DATE_BYTES, "%Y-%m-%dT%H:%M:%SZ", &parts))
        snprintf(text, DATE_BYTES, "1970-01-01T00:00:00Z");
    return text;
}

int tl_ollama_version(struct tl_exchange *exchange)
{
    struct tl_buffer body;
    tl_buffer_init(&body, 0);
    tl_buffer_printf(&body, "{\"version\":\"0.6.4\",\"trill\":\"%s\"}\n", trill_version());
    tl_exchange_reply(exchange, 200, NULL, &body);
    return 0;
}

static void write_details(const struct trill_model_figures *f, struct tl_buffer *out)
{
    char size[32];
    snprintf(size, sizeof(size), "%.1fM", (double)f->parameters * 1e-6);
    tl_buffer_printf(out, ",\"details\":{\"format\":\"gguf\"");
    tl_buffer_json_member(out, "family", f->architecture);
    tl_buffer_json_member(out, "parameter_size", size);
    tl_buffer_json_member(out, "quantization_level", f->format);
    tl_buffer_append(out, "}", 1);
}

static void write_model(const struct tl_server *server, const char *name, bool open, struct tl_buffer *out)
{
    static const struct trill_model_figures unknown = {.architecture = "", .format = ""};
    const struct trill_model_figures *f = open ? &server->models.figures : &unknown;
    char date[DATE_BYTES];
    tl_buffer_append(out, "{", 1);
    tl_buffer_json_member(out, "name", name);
    tl_buffer_json_member(out, "model", name);
    tl_buffer_printf(out, ",\"modified_at\":\"%s\",\"size\":%" PRIu64 ",\"digest\":\"\"", date_of(server->began, date), f->weight_bytes);
    if (open)
        tl_buffer_printf(out, ",\"size_vram\":0,\"expires_at\":\"9999-12-31T00:00:00Z\",\"context_length\":%u", f->context);
    write_details(f, out);
    tl_buffer_append(out, "}", 1);
}

static int list(struct tl_exchange *exchange, bool open_only)
{
    struct tl_server *server = exchange->server;
    struct tl_models *models = &server->models;
    struct tl_buffer body;
    bool more = false;
    tl_buffer_init(&body, 0);
    tl_buffer_printf(&body, "{\"models\":[");
    pthread_mutex_lock(&models->lock);
    for (size_t i = 0; i < models->options->n_models; i++) {
        bool open = i == models->current && models->state == TL_MODELS_READY;
        if (open_only && !open)
            continue;
        tl_buffer_append(&body, ",", more);
        more = true;
        write_model(server, models->options->models[i].name, open, &body);
    }
    pthread_mutex_unlock(&models->lock);
    tl_buffer_append(&body, "]}\n", 3);
    tl_exchange_reply(exchange, 200, NULL, &body);
    return 0;
}

int tl_ollama_tags(struct tl_exchange *exchange) { return list(exchange, false); }
int tl_ollama_ps(struct tl_exchange *exchange) { return list(exchange, true); }
