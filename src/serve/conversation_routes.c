/* SPDX-License-Identifier: MIT */
/* Conversations over HTTP: /trill/conversations and what lies below it. Without a folder to keep them in there are none, and every
 * path says so. */
#include <string.h>

#include "base/error.h"
#include "base/parse.h"
#include "serve/conversations.h"
#include "serve/routes.h"
#include "serve/server.h"

enum { DEFAULT_LIST = 50, MOST_DOCUMENT = 400 << 20 };

static int http_status(int status)
{
    return status == TL_E_USAGE || status == TL_E_FILE ? 400 : status == TL_E_BUDGET ? 507 : 500;
}

/* Behind an answer, a refusal too, the exchange is gone: there is no failure to tell of. */
static int keeps_none(struct tl_exchange *exchange)
{
    tl_exchange_fail(exchange, 404, "this server keeps no conversations", "no_history");
    return 0;
}

/* What became of one of an id. */
static int conclude(struct tl_exchange *exchange, int status, int http_good, const char *type, struct tl_buffer *out)
{
    if (status > 0) {
        tl_exchange_reply(exchange, http_good, type, out);
        return 0;
    }
    tl_buffer_done(out);
    if (status < 0)
        tl_exchange_fail(exchange, http_status(status), tl_error_text(), status == TL_E_BUDGET ? "no_room" : NULL);
    else
        tl_exchange_fail(exchange, 404, "there is no such conversation", "no_such_conversation");
    return 0;
}

static int refuse(struct tl_exchange *exchange, const char *message)
{
    tl_exchange_fail(exchange, 400, message, NULL);
    return 0;
}

static bool read_limit(const char *text, uint32_t *limit)
{
    uint64_t number;
    if (!tl_parse_u64(text, strlen(text), &number) || number > TL_CONVERSATION_LIST)
        return false;
    *limit = (uint32_t)number;
    return true;
}

/* "CHANGED.NUMBER" */
static bool read_place(const char *text, struct tl_conversation_place *place)
{
    size_t n = strcspn(text, ".");
    return text[n] && tl_parse_i64(text, n, &place->changed) && tl_parse_i64(text + n + 1, strlen(text + n + 1), &place->number);
}

int tl_conversation_routes_list(struct tl_exchange *exchange)
{
    struct tl_conversations *conversations = exchange->server->conversations;
    const char *most = tl_exchange_query(exchange, "limit"), *from = tl_exchange_query(exchange, "from");
    struct tl_conversation_place place;
    uint32_t limit = DEFAULT_LIST;
    struct tl_buffer out;
    if (!conversations)
        return keeps_none(exchange);
    if (most && !read_limit(most, &limit))
        return refuse(exchange, "limit: expected a whole number, not too large");
    if (from && !read_place(from, &place))
        return refuse(exchange, "from: expected what a list says in next");
    tl_buffer_init(&out, MOST_DOCUMENT);
    int status = tl_conversations_list(conversations, tl_exchange_query(exchange, "search"), from ? &place : NULL, limit, &out);
    return conclude(exchange, status < 0 ? status : 1, 200, NULL, &out);
}

int tl_conversation_routes_get(struct tl_exchange *exchange)
{
    struct tl_conversations *conversations = exchange->server->conversations;
    const char *format = tl_exchange_query(exchange, "format");
    struct tl_buffer out;
    if (!conversations)
        return keeps_none(exchange);
    bool markdown = format && strcmp(format, "markdown") == 0;
    if (format && !markdown && strcmp(format, "json") != 0)
        return refuse(exchange, "format: expected json or markdown");
    tl_buffer_init(&out, MOST_DOCUMENT);
    int status = markdown ? tl_conversations_markdown(conversations, exchange->rest, &out) : tl_conversations_get(conversations, exchange->rest, &out);
    return conclude(exchange, status, 200, markdown ? "text/markdown; charset=utf-8" : NULL, &out);
}

int tl_conversation_routes_add(struct tl_exchange *exchange)
{
    struct tl_conversations *conversations = exchange->server->conversations;
    struct tl_buffer out;
    if (!conversations)
        return keeps_none(exchange);
    tl_buffer_init(&out, 0);
    return conclude(exchange, tl_conversations_add(conversations, exchange->body, exchange->n_bytes, &out), 201, NULL, &out);
}

int tl_conversation_routes_change(struct tl_exchange *exchange)
{
    struct tl_conversations *conversations = exchange->server->conversations;
    struct tl_buffer out;
    if (!conversations)
        return keeps_none(exchange);
    tl_buffer_init(&out, 0);
    int status = tl_conversations_change(conversations, exchange->rest, exchange->body, exchange->n_bytes, &out);
    return conclude(exchange, status, 200, NULL, &out);
}

int tl_conversation_routes_remove(struct tl_exchange *exchange)
{
    struct tl_conversations *conversations = exchange->server->conversations;
    struct tl_buffer out;
    if (!conversations)
        return keeps_none(exchange);
    tl_buffer_init(&out, 0);
    tl_buffer_printf(&out, "{}\n");
    return conclude(exchange, tl_conversations_remove(conversations, exchange->rest), 200, NULL, &out);
}
