/* SPDX-License-Identifier: MIT */
/* HTTP: listening, reading requests within bounds, sending replies and streams, noticing who has left. What requests mean is
 * left to two callbacks. One thread speaks HTTP, another keeps the time and sees clients leave, also while they wait. */
#ifndef TL_SERVE_HTTP_H
#define TL_SERVE_HTTP_H

#include <stdint.h>

#include "serve/exchange.h"

struct tl_http;

enum {
    TL_HTTP_BODY_BYTES = 64 << 20,               /* of one request */
    TL_HTTP_ALL_BODIES_BYTES = 256 << 20,        /* of all that are being read or worked on */
    TL_HTTP_HEADER_BYTES = 32 << 10,
    TL_HTTP_CONNECTIONS = 2048, TL_HTTP_CONNECTIONS_OF_ONE = 1024,       /* of one address */
    TL_HTTP_LEAST_BYTES_PER_S = 8 << 10,         /* of a body on its way, in or out, after some seconds */
    TL_HTTP_BACKLOG_BYTES = 4 << 20,             /* of a stream that its client does not read */
};

struct tl_http_options {
    struct tl_server *server;
    const char *host;                    /* address or name to listen on */
    uint16_t port;                       /* 0: any that is free */
    double idle_seconds;                 /* until the headers of the next request are there, and between reads and writes */
    double request_seconds;              /* from its headers to the end of its reply at most; 0: no bound */
    /* When the headers are there. May reply (a refusal): the body is then not waited for. */
    void (*admit)(struct tl_exchange *exchange);
    /* When the body is there. Owes the reply. */
    void (*handle)(struct tl_exchange *exchange);
    void (*tick)(struct tl_server *server);          /* some times a second, from the thread that keeps the time */
    void (*done)(struct tl_server *server, const struct tl_exchange *exchange, int http_status, uint64_t n_bytes, double seconds);
};

int tl_http_open(const struct tl_http_options *options, struct tl_http **ret_http);
uint16_t tl_http_port(const struct tl_http *http);
void tl_http_stop_listening(struct tl_http *http);
uint32_t tl_http_busy(struct tl_http *http);         /* exchanges that the library or an owner has not let go of */
void tl_http_hang_up(struct tl_http *http);          /* on all: whoever owes replies learns that the clients are gone */
void tl_http_close(struct tl_http *http);            /* when none is busy; NULL is fine */

#endif
