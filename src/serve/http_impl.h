/* SPDX-License-Identifier: MIT */
/* What http*.c share: connections, and exchanges on them.
 *
 * Two locks, the first before the second: that of the list of connections, and that of each exchange. A connection whose reply is
 * not there, or whose stream has nothing to send, is suspended: the library does not look at it, the watcher does. It is resumed by
 * whoever brings the reply, bytes or the end, and only an exchange that is not suspended can end. */
#ifndef TL_SERVE_HTTP_IMPL_H
#define TL_SERVE_HTTP_IMPL_H

#include <pthread.h>
#include <stdatomic.h>

#include "serve/http.h"
#include "serve/mhd.h"

enum { TL_HTTP_HEADERS = 16 };

enum tl_http_state { TL_HTTP_WAITING, TL_HTTP_BODY, TL_HTTP_WORKING, TL_HTTP_SENDING };

struct tl_http_exchange;

struct tl_http_connection {
    struct tl_http_connection *next, *last;
    struct tl_http *http;
    struct tl_http_exchange *exchange;   /* NULL: between requests */
    uint64_t id;
    int fd;
    char address[64];
    enum tl_http_state state;
    uint64_t since_ns;                   /* the state */
    uint64_t n_bytes;                    /* of body that came; to be sent */
    uint64_t left_ns;                    /* when the client has closed its side; 0: it has not */
};

struct tl_http {
    struct tl_http_options options;
    struct tl_mhd mhd;                   /* the library's functions */
    struct MHD_Daemon *daemon;
    uint16_t port;
    pthread_mutex_t lock;                /* of the list and the states in it */
    struct tl_http_connection *connections;
    uint64_t last_id;
    _Atomic uint64_t body_bytes;         /* of all exchanges */
    _Atomic uint32_t busy;
    pthread_t watcher;
    bool watches;
    int epoll, wake;                     /* wake: an eventfd; the watcher ends when it is readable */
};

struct tl_stream {
    struct tl_buffer queue;              /* what waits for the client */
    size_t sent;                         /* of its bytes */
    uint64_t written_ns;
    bool open, closed;
};

struct tl_http_exchange {
    struct tl_exchange public;           /* first */
    struct tl_http *http;
    struct tl_http_connection *connection;       /* NULL: it has ended */
    struct MHD_Connection *mhd;
    pthread_mutex_t lock;
    unsigned refs;                       /* the connection's, the owner's */
    struct tl_buffer body;
    uint64_t counted_bytes;              /* of it in http->body_bytes */
    bool refused, handled, suspended, gone;
    bool replied, queued;                /* the response is there; it was given to the library */
    int http_status;
    const char *headers[TL_HTTP_HEADERS][2];     /* of the response, both texts owned */
    size_t n_headers;
    struct tl_buffer reply;
    const void *fixed;                   /* instead of it */
    size_t n_fixed;
    struct tl_stream stream;
    uint64_t began_ns, sent_bytes;
    void (*on_gone)(void *context);
    void *context;
    char *path;
};

/* http_exchange.c */
struct tl_http_exchange *tl_http_exchange_new(struct tl_http_connection *connection, struct MHD_Connection *mhd, const char *method, const char *path);
void tl_http_exchange_unref(struct tl_http_exchange *exchange);
enum MHD_Result tl_http_exchange_send(struct tl_http_exchange *exchange);        /* what was replied, from the thread that speaks HTTP */
void tl_http_exchange_gone(struct tl_http_exchange *exchange);       /* the client has left */

/* http_watch.c */
int tl_http_watch_start(struct tl_http *http);
void tl_http_watch_stop(struct tl_http *http);
void tl_http_watch_add(struct tl_http *http, struct tl_http_connection *connection);
void tl_http_state_set(struct tl_http_connection *connection, enum tl_http_state state, uint64_t n_bytes);

#endif
