/* SPDX-License-Identifier: MIT */
/* One HTTP request and its response, as handlers of routes see it: the library that speaks HTTP is known to http*.c alone.
 *
 * A handler (routes.def) is called when the whole body is there, within all bounds. It owes exactly one of tl_exchange_reply,
 * tl_exchange_fail and tl_exchange_stream, at once or later and from any thread; behind that the exchange is no longer its own.
 * A handler that fails before it has given one of them returns < 0, and the reply says the sentence. */
#ifndef TL_SERVE_EXCHANGE_H
#define TL_SERVE_EXCHANGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buffer.h"

struct tl_server;
struct tl_route;

struct tl_exchange {
    struct tl_server *server;
    const struct tl_route *route;        /* NULL: there is none for it */
    const char *method, *path;
    const char *rest;                    /* of the path behind a route that ends with a slash; "" */
    const char *client;                  /* its address */
    const char *body;                    /* NUL-terminated behind n_bytes; "" where there is none */
    size_t n_bytes;
};

/* The value of a query parameter or a header; NULL: it is not there. Borrowed until the reply or the stream. */
const char *tl_exchange_query(const struct tl_exchange *exchange, const char *name);
const char *tl_exchange_header(const struct tl_exchange *exchange, const char *name);
/* Before the reply or the stream. Of the response; a name that is set again has the last value. */
int tl_exchange_set_header(struct tl_exchange *exchange, const char *name, const char *value);
/* The body is no longer needed. */
void tl_exchange_drop_body(struct tl_exchange *exchange);
/* For replies that come later: `gone` is called at most once, from any thread and before the reply only, when the client has
 * left; at once where it has. It must not block and must not call back. The reply is owed all the same. */
void tl_exchange_watch(struct tl_exchange *exchange, void (*gone)(void *context), void *context);

/* Takes the body's bytes (it is as after tl_buffer_done), whether it succeeds or not. type NULL: JSON. */
int tl_exchange_reply(struct tl_exchange *exchange, int http_status, const char *type, struct tl_buffer *body);
/* Bytes that outlive the server. */
int tl_exchange_reply_static(struct tl_exchange *exchange, int http_status, const char *type, const void *bytes, size_t n_bytes);
/* {"error": {...}} in the form that the path's clients read. code NULL: as the status says. */
int tl_exchange_fail(struct tl_exchange *exchange, int http_status, const char *message, const char *code);

/* A response whose body comes in pieces, from any thread. `gone` is called at most once, from any thread, when the
 * client has left; it must not block and must not call back. Until close the stream may be written to, and what is written
 * then is dropped. */
struct tl_stream;
int tl_exchange_stream(struct tl_exchange *exchange, int http_status, const char *type, void (*gone)(void *context), void *context,
                       struct tl_stream **ret_stream);
/* Never blocks; bytes wait for the client, at most so many that a slow reader counts as gone (TL_E_CANCEL). */
int tl_stream_write(struct tl_stream *stream, const char *bytes, size_t n_bytes);
uint64_t tl_stream_silent_ns(struct tl_stream *stream);      /* since something was written */
void tl_stream_close(struct tl_stream *stream);      /* what waits is still sent */

#endif
