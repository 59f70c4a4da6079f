/* SPDX-License-Identifier: MIT */
/* tl_serve: what is started in which order, and how it ends. The server listens before its model is open. */
#include "serve/serve.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "base/error.h"
#include "serve/routes.h"
#include "serve/server.h"

enum { LINE_BYTES = 1024, POLL_NS = 20000000 };

void tl_server_log(const struct tl_server *server, const char *format, ...)
{
    char line[LINE_BYTES];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(line, sizeof(line), format, arguments);
    va_end(arguments);
    if (server->options->log)
        server->options->log(server->options->context, line);
}

static void tick(struct tl_server *server)
{
    tl_answers_tick(&server->answers, server->options->ping_seconds);
    tl_cost_tick(server);
}

static void log_done(struct tl_server *server, const struct tl_exchange *exchange, int http_status, uint64_t n_bytes, double seconds)
{
    tl_metrics_replied(&server->metrics, http_status);
    if (server->options->access_log)
        tl_server_log(server, "%s %s %s %d %llu bytes %.3f s", exchange->client, exchange->method, exchange->path, http_status,
                      (unsigned long long)n_bytes, seconds);
}

static const char *host_of(const struct tl_serve_options *options)
{
    return options->host ? options->host : "127.0.0.1";
}

/* Strangers do not come in by oversight. */
static int check(const struct tl_serve_options *options)
{
    const char *host = host_of(options);
    if (!options->n_models)
        return tl_fail(TL_E_USAGE, "no model to serve");
    if (options->n_keys || options->keyless || tl_gate_is_local(host, strlen(host)))
        return 0;
    return tl_fail(TL_E_USAGE, "%s can be reached from other machines, and no key is asked for: --key-file FILE names keys, --no-key goes without", host);
}

static void nap(void)
{
    nanosleep(&(struct timespec){.tv_nsec = POLL_NS}, NULL);
}

/* What runs may end within its time; then the clients are hung up on, which cancels it. */
static void stop(struct tl_server *server)
{
    uint64_t began_ns = tl_clock_ns();
    tl_http_stop_listening(server->http);
    tl_models_end(&server->models);
    while (tl_http_busy(server->http) && tl_clock_seconds(began_ns) < server->options->stop_seconds)
        nap();
    tl_http_hang_up(server->http);
    while (tl_http_busy(server->http))
        nap();
}

static int start(struct tl_server *server)
{
    const struct tl_serve_options *options = server->options;
    struct tl_http_options http = {
        .server = server, .host = host_of(options), .port = options->port, .idle_seconds = options->idle_seconds,
        .request_seconds = options->request_seconds,
        .admit = tl_routes_admit, .handle = tl_routes_handle, .tick = tick, .done = log_done,
    };
    int r = tl_gate_init(&server->gate, options->keys, options->n_keys);
    server->gate.origins = options->origins;
    server->gate.n_origins = options->n_origins;
    server->gate.hosts = options->hosts;
    server->gate.n_hosts = options->n_hosts;
    server->gate.host = host_of(options);
    if (r >= 0)
        r = tl_desk_init(&server->desk);
    if (r >= 0 && options->state)
        r = tl_conversations_new(options->state, &server->conversations);
    if (r >= 0)
        r = tl_http_open(&http, &server->http);
    return r;
}

int tl_serve(const struct tl_serve_options *options)
{
    struct tl_server server = {.options = options, .began_ns = tl_clock_ns(), .began = (int64_t)time(NULL)};
    int r = check(options);
    if (r < 0)
        return r;
    tl_models_init(&server.models, &server);
    tl_answers_init(&server.answers, &server, options->queue);
    tl_cost_init(&server.cost);
    r = start(&server);
    if (r >= 0) {
        if (options->ready)
            options->ready(options->context, tl_http_port(server.http));
        r = tl_models_run(&server.models);
        r = *options->stop ? 0 : r;          /* being stopped is no failure */
        stop(&server);
        tl_http_close(server.http);          /* with it whoever asks something of the desk */
        server.http = NULL;
        tl_desk_done(&server.desk);
        tl_models_close(&server.models, r);
    }
    tl_http_close(server.http);
    tl_desk_done(&server.desk);
    tl_cost_done(&server.cost);
    tl_answers_done(&server.answers);
    tl_conversations_free(server.conversations);
    tl_models_done(&server.models);
    tl_gate_done(&server.gate);
    return r;
}
