/* SPDX-License-Identifier: MIT */
/* One HTTP request and its response, as handlers of routes see it: the library that speaks HTTP is known to http.c alone.
 *
 * A handler (routes.def) is called when the whole body is there, within all bounds, from a thread that must not block for
 * long. It replies at once, or opens a stream and hands the exchange over to whoever writes to it. */
#ifndef TL_SERVE_EXCHANGE_H
#define TL_SERVE_EXCHANGE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buffer.h"

struct tl_server;

struct tl_exchange {
    struct tl_server *server;
    const char *method, *path;
    const char *rest;                    /* of the path behind a route that ends with a slash; "" */
    const char *body;
    size_t n_bytes;
    void *http;                          /* http.c's own */
};

/* The value of a query parameter or a header; NULL: it is not there. Borrowed until the exchange ends. */
const char *tl_exchange_query(const struct tl_exchange *exchange, const char *name);
const char *tl_exchange_header(const struct tl_exchange *exchange, const char *name);
/* Before the reply or the stream. */
int tl_exchange_set_header(struct tl_exchange *exchange, const char *name, const char *value);

/* Takes the body's bytes, whether it succeeds or not. */
int tl_exchange_reply(struct tl_exchange *exchange, int http_status, const char *type, struct tl_buffer *body);
/* {"error": {...}} in the form that the path's clients read. code NULL: as the status says. */
int tl_exchange_fail(struct tl_exchange *exchange, int http_status, const char *message, const char *code);

/* A response whose body comes in pieces, from any thread. `gone` is called at most once, from any thread, when the
 * client has left; until close the stream may be written to, and what is written then is dropped. */
struct tl_stream;
int tl_exchange_stream(struct tl_exchange *exchange, int http_status, const char *type, void (*gone)(void *context), void *context,
                       struct tl_stream **ret_stream);
/* Never blocks; bytes wait for the client, at most so many that a slow reader counts as gone (TL_E_CANCEL). */
int tl_stream_write(struct tl_stream *stream, const char *bytes, size_t n_bytes);
void tl_stream_close(struct tl_stream *stream);      /* what waits is still sent */

#endif
