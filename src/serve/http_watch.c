/* SPDX-License-Identifier: MIT */
/* The watcher: sees clients leave, whether or not the library looks at their connections, and ends what takes too long. */
#include "serve/http_impl.h"

#include <errno.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/error.h"

enum { TICK_MS = 250, EVENTS = 64 };
#define FORGOTTEN_SECONDS 0.5

static struct tl_http_connection *find(struct tl_http *http, uint64_t id)
{
    struct tl_http_connection *at = http->connections;
    while (at && at->id != id)
        at = at->next;
    return at;
}

static void client_left(struct tl_http *http, uint64_t id)
{
    pthread_mutex_lock(&http->lock);
    struct tl_http_connection *connection = find(http, id);
    if (connection) {
        connection->left_ns = tl_clock_ns();
        if (connection->exchange && connection->state == TL_HTTP_WORKING)
            tl_http_exchange_gone(connection->exchange);
    }
    pthread_mutex_unlock(&http->lock);
}

/* Seconds that a connection may stay as it is; 0: as long as it likes. */
static double patience(const struct tl_http *http, const struct tl_http_connection *connection)
{
    switch (connection->state) {
    case TL_HTTP_WAITING: return http->options.idle_seconds;
    case TL_HTTP_BODY: case TL_HTTP_SENDING: return http->options.idle_seconds + (double)connection->n_bytes / TL_HTTP_LEAST_BYTES_PER_S;
    case TL_HTTP_WORKING: return http->options.request_seconds;
    }
    return 0;
}

/* The library misses the end of a client's side where it comes together with bytes of a request that is not whole. */
static bool is_forgotten(const struct tl_http_connection *connection)
{
    bool reads = connection->state == TL_HTTP_WAITING || connection->state == TL_HTTP_BODY;
    return reads && connection->left_ns && tl_clock_seconds(connection->left_ns) > FORGOTTEN_SECONDS;
}

/* A connection that is shut down is closed by the library, or, where that does not look at it, seen to be left. */
static void end_the_slow(struct tl_http *http)
{
    pthread_mutex_lock(&http->lock);
    for (struct tl_http_connection *at = http->connections; at; at = at->next) {
        double most = patience(http, at);
        if ((most > 0 && tl_clock_seconds(at->since_ns) > most) || is_forgotten(at))
            shutdown(at->fd, SHUT_RDWR);
    }
    pthread_mutex_unlock(&http->lock);
}

static void *watch(void *context)
{
    struct tl_http *http = context;
    struct epoll_event events[EVENTS];
    uint64_t ticked_ns = tl_clock_ns();
    for (;;) {
        int n = epoll_wait(http->epoll, events, EVENTS, TICK_MS);
        for (int i = 0; i < n; i++) {
            if (!events[i].data.u64)
                return NULL;
            client_left(http, events[i].data.u64);
        }
        if (tl_clock_ns() - ticked_ns >= TICK_MS * UINT64_C(1000000)) {
            ticked_ns = tl_clock_ns();
            end_the_slow(http);
            http->options.tick(http->options.server);
        }
    }
}

void tl_http_watch_add(struct tl_http *http, struct tl_http_connection *connection)
{
    struct epoll_event event = {.events = EPOLLRDHUP | EPOLLET, .data.u64 = connection->id};
    epoll_ctl(http->epoll, EPOLL_CTL_ADD, connection->fd, &event);
}

int tl_http_watch_start(struct tl_http *http)
{
    struct epoll_event event = {.events = EPOLLIN, .data.u64 = 0};
    http->epoll = epoll_create1(EPOLL_CLOEXEC);
    http->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (http->epoll < 0 || http->wake < 0 || epoll_ctl(http->epoll, EPOLL_CTL_ADD, http->wake, &event) != 0)
        return tl_fail(TL_E_FAIL, "no way to watch connections: %s", strerror(errno));
    int why = pthread_create(&http->watcher, NULL, watch, http);
    if (why != 0)
        return tl_fail(TL_E_FAIL, "no thread to watch connections: %s", strerror(why));
    http->watches = true;
    return 0;
}

void tl_http_watch_stop(struct tl_http *http)
{
    uint64_t one = 1;
    if (http->watches && write(http->wake, &one, sizeof(one)) == (ssize_t)sizeof(one))
        pthread_join(http->watcher, NULL);
    if (http->epoll >= 0)
        close(http->epoll);
    if (http->wake >= 0)
        close(http->wake);
}

void tl_http_state_set(struct tl_http_connection *connection, enum tl_http_state state, uint64_t n_bytes)
{
    pthread_mutex_lock(&connection->http->lock);
    if (connection->state != state)
        connection->since_ns = tl_clock_ns();
    connection->state = state;
    connection->n_bytes = n_bytes;
    pthread_mutex_unlock(&connection->http->lock);
}

void tl_http_hang_up(struct tl_http *http)
{
    pthread_mutex_lock(&http->lock);
    for (struct tl_http_connection *at = http->connections; at; at = at->next)
        shutdown(at->fd, SHUT_RDWR);
    pthread_mutex_unlock(&http->lock);
}
