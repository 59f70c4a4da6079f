/* SPDX-License-Identifier: MIT */
/* The table of routes, and what stands before every handler. */
#include "serve/routes.h"

#include <string.h>
#include <strings.h>

#include "base/array.h"
#include "base/error.h"
#include "base/text.h"
#include "serve/server.h"

const struct tl_route tl_routes[] = {
#define ROUTE(method, path, who, where, form, handler) {method, path, TL_ROUTE_##who, TL_ROUTE_##where, form, handler},
#include "serve/routes.def"
#undef ROUTE
};
const size_t tl_routes_count = TL_COUNT(tl_routes);

/* The longest path that fits wins. */
const struct tl_route *tl_route_find(const char *method, const char *path, const char **ret_rest, bool *ret_other)
{
    const struct tl_route *best = NULL;
    *ret_other = false;
    if (strcmp(method, "HEAD") == 0)
        method = "GET";
    for (size_t i = 0; i < tl_routes_count; i++) {
        const struct tl_route *row = &tl_routes[i];
        size_t n = strlen(row->path);
        bool below = row->path[n - 1] == '/' && n > 1 && tl_text_begins(path, row->path) && path[n];
        if (!below && strcmp(path, row->path) != 0)
            continue;
        if (strcmp(row->method, method) != 0)
            *ret_other = true;
        else if (!best || n > strlen(best->path))
            best = row;
    }
    *ret_rest = best && best->path[strlen(best->path) - 1] == '/' ? path + strlen(best->path) : "";
    return best;
}

/* --- errors --------------------------------------------------------------------------------------------------------------- */

int tl_routes_http_status(int status)
{
    return status == TL_E_USAGE || status == TL_E_FILE ? 400 : status == TL_E_BUDGET ? 503 : 500;
}

/* What a second try would not cure is not tried again by clients that ask for this. */
static void retry_headers(struct tl_exchange *exchange, int http_status)
{
    bool cured = http_status == 429 || http_status == 503;
    if (cured)
        tl_exchange_set_header(exchange, "Retry-After", "2");
    tl_exchange_set_header(exchange, "x-should-retry", cured ? "true" : "false");
}

int tl_exchange_fail(struct tl_exchange *exchange, int http_status, const char *message, const char *code)
{
    struct tl_buffer body;
    char *document = NULL;
    tl_buffer_init(&body, 0);
    if (trill_form_error(exchange->route ? exchange->route->form : "chat", http_status, message, code, &document) >= 0 ||
        trill_form_error("chat", http_status, message, code, &document) >= 0)
        tl_buffer_append(&body, document, strlen(document));
    else
        tl_buffer_printf(&body, "{\"error\":{\"message\":\"the request failed\",\"type\":\"server_error\",\"param\":null,\"code\":null}}");
    trill_free(document);
    tl_buffer_append(&body, "\n", 1);
    retry_headers(exchange, http_status);
    return tl_exchange_reply(exchange, http_status, NULL, &body);
}

/* --- coming in ------------------------------------------------------------------------------------------------------------ */

/* The one origin that asked, and none where it may not. */
static void cross_headers(struct tl_exchange *exchange, const char *origin)
{
    tl_exchange_set_header(exchange, "Vary", "Origin");
    tl_exchange_set_header(exchange, "Access-Control-Allow-Origin", origin);
    tl_exchange_set_header(exchange, "Access-Control-Expose-Headers", "x-request-id, retry-after, x-should-retry");
}

static void preflight(struct tl_exchange *exchange)
{
    static const char empty[] = "";
    const char *asked = tl_exchange_header(exchange, "Access-Control-Request-Headers");
    bool fine = asked && strlen(asked) < 1024;
    tl_exchange_set_header(exchange, "Allow", "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS");
    tl_exchange_set_header(exchange, "Access-Control-Allow-Methods", "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS");
    tl_exchange_set_header(exchange, "Access-Control-Allow-Headers", fine ? asked : "authorization, content-type, x-api-key");
    tl_exchange_set_header(exchange, "Access-Control-Max-Age", "600");
    tl_exchange_reply_static(exchange, 204, "text/plain", empty, 0);
}

static void refuse_unknown(struct tl_exchange *exchange, bool other_method)
{
    struct tl_buffer text;
    tl_buffer_init(&text, 4096);
    if (other_method)
        tl_buffer_printf(&text, "%s does not answer %s", exchange->path, exchange->method);
    else
        tl_buffer_printf(&text, "there is no %s here", exchange->path);
    tl_exchange_fail(exchange, other_method ? 405 : 404, text.status < 0 ? "there is no such path here" : text.data, NULL);
    tl_buffer_done(&text);
}

void tl_routes_admit(struct tl_exchange *exchange)
{
    const struct tl_gate *gate = &exchange->server->gate;
    const char *host = tl_exchange_header(exchange, "Host"), *origin = tl_exchange_header(exchange, "Origin");
    bool other;
    tl_exchange_set_header(exchange, "Server", "trill");
    tl_exchange_set_header(exchange, "X-Content-Type-Options", "nosniff");
    exchange->route = tl_route_find(exchange->method, exchange->path, &exchange->rest, &other);
    if (!tl_gate_host(gate, host)) {
        tl_exchange_fail(exchange, 403, "this server is not called by the name in the header Host; --allow-host NAME allows it", "host_not_allowed");
        return;
    }
    if (origin && !tl_gate_origin(gate, origin, host)) {
        tl_exchange_fail(exchange, 403, "pages of this origin may not use this server; --origin ORIGIN allows it", "origin_not_allowed");
        return;
    }
    if (origin)
        cross_headers(exchange, origin);
    const char *key = tl_gate_key_of(tl_exchange_header(exchange, "Authorization"), tl_exchange_header(exchange, "x-api-key"));
    if (strcmp(exchange->method, "OPTIONS") == 0)
        preflight(exchange);
    else if ((!exchange->route || exchange->route->who == TL_ROUTE_KEYED) && !tl_gate_key(gate, key))
        tl_exchange_fail(exchange, 401, key ? "the key is not one of this server's" : "a key is needed: Authorization: Bearer KEY, or x-api-key: KEY",
                         "invalid_api_key");
    else if (!exchange->route)
        refuse_unknown(exchange, other);
}

static void handle(void *context)
{
    struct tl_exchange *exchange = context;
    int r = exchange->route->handle(exchange);
    if (r < 0)
        tl_exchange_fail(exchange, tl_routes_http_status(r), tl_error_text(), NULL);
}

void tl_routes_handle(struct tl_exchange *exchange)
{
    if (exchange->route->where == TL_ROUTE_AT_ONCE)
        handle(exchange);
    else if (tl_desk_ask(&exchange->server->desk, handle, exchange) < 0)
        tl_exchange_fail(exchange, 503, tl_error_text(), NULL);
}
