/* SPDX-License-Identifier: MIT */
/* Listening, and requests as they come in: headers, body within bounds, then the handler. */
#include "serve/http_impl.h"

#include <errno.h>
#include <netdb.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/memory.h"
#include "base/parse.h"

enum { BACKLOG = 256, DRAINED_BYTES = 1 << 20, SPARE_FILES = 128, LEAST_CONNECTIONS = 16 };

/* --- connections ---------------------------------------------------------------------------------------------------------- */

static void name_address(const struct sockaddr *address, char *ret_text, size_t room)
{
    socklen_t n = address && address->sa_family == AF_INET6 ? sizeof(struct sockaddr_in6) : sizeof(struct sockaddr_in);
    if (!address || getnameinfo(address, n, ret_text, (socklen_t)room, NULL, 0, NI_NUMERICHOST) != 0)
        snprintf(ret_text, room, "?");
}

static void connection_begins(struct tl_http *http, struct MHD_Connection *mhd, void **slot)
{
    const union MHD_ConnectionInfo *fd = http->mhd.get_connection_info(mhd, MHD_CONNECTION_INFO_CONNECTION_FD);
    const union MHD_ConnectionInfo *address = http->mhd.get_connection_info(mhd, MHD_CONNECTION_INFO_CLIENT_ADDRESS);
    struct tl_http_connection *connection = tl_alloc(1, sizeof(*connection));
    if (!connection)
        return;                              /* its requests will be refused */
    connection->http = http;
    connection->fd = fd ? fd->connect_fd : -1;
    connection->since_ns = tl_clock_ns();
    name_address(address ? address->client_addr : NULL, connection->address, sizeof(connection->address));
    pthread_mutex_lock(&http->lock);
    connection->id = ++http->last_id;
    connection->next = http->connections;
    if (connection->next)
        connection->next->last = connection;
    http->connections = connection;
    pthread_mutex_unlock(&http->lock);
    tl_http_watch_add(http, connection);
    *slot = connection;
}

static void connection_ends(struct tl_http *http, struct tl_http_connection *connection)
{
    pthread_mutex_lock(&http->lock);
    if (connection->next)
        connection->next->last = connection->last;
    *(connection->last ? &connection->last->next : &http->connections) = connection->next;
    pthread_mutex_unlock(&http->lock);
    tl_free(connection);
}

static void on_connection(void *context, struct MHD_Connection *mhd, void **slot, enum MHD_ConnectionNotificationCode code)
{
    if (code == MHD_CONNECTION_NOTIFY_STARTED)
        connection_begins(context, mhd, slot);
    else if (*slot)
        connection_ends(context, *slot);
}

/* --- requests ------------------------------------------------------------------------------------------------------------- */

static uint64_t said_length(const struct tl_http *http, struct MHD_Connection *mhd)
{
    const char *text = http->mhd.lookup_connection_value(mhd, MHD_HEADER_KIND, MHD_HTTP_HEADER_CONTENT_LENGTH);
    uint64_t n;
    if (text)
        return tl_parse_u64(text, strlen(text), &n) ? n : UINT64_MAX;
    return http->mhd.lookup_connection_value(mhd, MHD_HEADER_KIND, MHD_HTTP_HEADER_TRANSFER_ENCODING) ? UINT64_MAX : 0;
}

struct framing { unsigned hosts, lengths, codings; bool chunked; };

static enum MHD_Result note_header(void *context, enum MHD_ValueKind kind, const char *name, const char *value)
{
    struct framing *framing = context;
    (void)kind;
    framing->hosts += strcasecmp(name, MHD_HTTP_HEADER_HOST) == 0;
    framing->lengths += strcasecmp(name, MHD_HTTP_HEADER_CONTENT_LENGTH) == 0;
    if (strcasecmp(name, MHD_HTTP_HEADER_TRANSFER_ENCODING) == 0) {
        framing->codings++;
        framing->chunked = value && strcasecmp(value, "chunked") == 0;
    }
    return MHD_YES;
}

/* Where a body ends has to be said once: what is between here and the client must not read it otherwise (RFC 9112, 6.3). */
static void check_framing(struct tl_http *http, struct MHD_Connection *mhd, struct tl_http_exchange *exchange)
{
    struct framing framing = {0};
    http->mhd.get_connection_values(mhd, MHD_HEADER_KIND, note_header, &framing);
    if (framing.hosts > 1)
        tl_exchange_fail(&exchange->public, 400, "more than one header Host", NULL);
    else if (framing.lengths + framing.codings > 1)
        tl_exchange_fail(&exchange->public, 400, "Content-Length and Transfer-Encoding: expected one of them, and once", NULL);
    else if (framing.codings && !framing.chunked)
        tl_exchange_fail(&exchange->public, 501, "Transfer-Encoding: only chunked is known", NULL);
    if (exchange->replied)
        tl_exchange_set_header(&exchange->public, MHD_HTTP_HEADER_CONNECTION, "close");
}

/* Headers are there. A refusal waits for a small body, so that clients that write it all first read the answer; those that ask whether
 * they may write it learn that they may not. */
static enum MHD_Result begin(struct tl_http *http, struct MHD_Connection *mhd, const char *method, const char *path, void **slot)
{
    const union MHD_ConnectionInfo *info = http->mhd.get_connection_info(mhd, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
    struct tl_http_connection *connection = info ? info->socket_context : NULL;
    struct tl_http_exchange *exchange = connection ? tl_http_exchange_new(connection, mhd, method, path) : NULL;
    if (!exchange)
        return MHD_NO;
    *slot = exchange;
    uint64_t length = said_length(http, mhd);
    exchange->refs++;
    check_framing(http, mhd, exchange);
    bool framed = !exchange->replied;
    if (framed)
        http->options.admit(&exchange->public);
    if (!exchange->replied && length != UINT64_MAX && length > TL_HTTP_BODY_BYTES)
        tl_exchange_fail(&exchange->public, 413, "the request has more than 64 MiB", NULL);
    else if (!exchange->replied && http->body_bytes + (length == UINT64_MAX ? 0 : length) > TL_HTTP_ALL_BODIES_BYTES)
        tl_exchange_fail(&exchange->public, 503, "too many bytes of requests at once", NULL);
    exchange->refused = exchange->replied;
    if (!exchange->refused)
        tl_http_exchange_unref(exchange);
    tl_http_state_set(connection, TL_HTTP_BODY, 0);
    bool asks = http->mhd.lookup_connection_value(mhd, MHD_HEADER_KIND, MHD_HTTP_HEADER_EXPECT) != NULL;
    return exchange->refused && (!framed || asks || length > DRAINED_BYTES) ? tl_http_exchange_send(exchange) : MHD_YES;
}

/* A body whose length was not said may turn out to be too long: nobody waits for its end then. */
static enum MHD_Result take_body(struct tl_http_exchange *exchange, const char *bytes, size_t *n_bytes)
{
    struct tl_http_connection *connection = exchange->connection;
    size_t n = *n_bytes;
    *n_bytes = 0;
    tl_http_state_set(connection, TL_HTTP_BODY, connection->n_bytes + n);
    if (exchange->refused)
        return connection->n_bytes > DRAINED_BYTES ? MHD_NO : MHD_YES;
    if (exchange->http->body_bytes + n > TL_HTTP_ALL_BODIES_BYTES || tl_buffer_append(&exchange->body, bytes, n) < 0)
        return MHD_NO;
    exchange->counted_bytes += n;
    exchange->http->body_bytes += n;
    return MHD_YES;
}

static void hand_over(struct tl_http_exchange *exchange)
{
    exchange->handled = true;
    exchange->refs++;
    exchange->public.body = exchange->body.data ? exchange->body.data : "";
    exchange->public.n_bytes = exchange->body.len;
    exchange->http->options.handle(&exchange->public);
}

/* The reply is there, or the connection sleeps until it is. */
static enum MHD_Result send_or_wait(struct tl_http_exchange *exchange)
{
    struct tl_http_connection *connection = exchange->connection;
    pthread_mutex_lock(&exchange->lock);
    bool replied = exchange->replied;
    pthread_mutex_unlock(&exchange->lock);
    if (replied)
        return tl_http_exchange_send(exchange);
    pthread_mutex_lock(&exchange->http->lock);
    bool left = connection->left_ns != 0;
    pthread_mutex_unlock(&exchange->http->lock);
    if (left)
        tl_http_exchange_gone(exchange);
    pthread_mutex_lock(&exchange->lock);
    replied = exchange->replied;
    if (!replied) {
        exchange->suspended = true;
        exchange->http->mhd.suspend_connection(exchange->mhd);
    }
    pthread_mutex_unlock(&exchange->lock);
    return replied ? tl_http_exchange_send(exchange) : MHD_YES;
}

static enum MHD_Result on_request(void *context, struct MHD_Connection *mhd, const char *path, const char *method, const char *version,
                                  const char *bytes, size_t *n_bytes, void **slot)
{
    struct tl_http_exchange *exchange = *slot;
    (void)version;
    if (!exchange)
        return begin(context, mhd, method, path, slot);
    if (*n_bytes)
        return take_body(exchange, bytes, n_bytes);
    if (!exchange->handled && !exchange->refused) {
        tl_http_state_set(exchange->connection, TL_HTTP_WORKING, 0);
        hand_over(exchange);
    }
    return send_or_wait(exchange);
}

static void on_completed(void *context, struct MHD_Connection *mhd, void **slot, enum MHD_RequestTerminationCode code)
{
    struct tl_http *http = context;
    struct tl_http_exchange *exchange = *slot;
    (void)mhd, (void)code;
    *slot = NULL;
    if (!exchange)
        return;
    struct tl_http_connection *connection = exchange->connection;
    pthread_mutex_lock(&http->lock);
    connection->exchange = NULL;
    connection->state = TL_HTTP_WAITING;
    connection->since_ns = tl_clock_ns();
    pthread_mutex_unlock(&http->lock);
    tl_http_exchange_gone(exchange);         /* a stream that was not closed */
    if (http->options.done)
        http->options.done(http->options.server, &exchange->public, exchange->http_status, exchange->sent_bytes,
                           tl_clock_seconds(exchange->began_ns));
    pthread_mutex_lock(&exchange->lock);
    exchange->connection = NULL;
    exchange->mhd = NULL;
    pthread_mutex_unlock(&exchange->lock);
    tl_http_exchange_unref(exchange);
}

/* --- listening ------------------------------------------------------------------------------------------------------------ */

static int listen_on(const struct addrinfo *address, const char *host, uint16_t port, int *ret_fd)
{
    int on = 1, off = 0, fd = socket(address->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return tl_fail(TL_E_IO, "%s port %u: no socket: %s", host, port, strerror(errno));
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
    if (address->ai_family == AF_INET6)
        setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof(off));
    if (bind(fd, address->ai_addr, address->ai_addrlen) != 0 || listen(fd, BACKLOG) != 0) {
        int why = errno;
        close(fd);
        return tl_fail(TL_E_IO, "%s port %u: cannot listen: %s%s", host, port, strerror(why),
                       why == EADDRINUSE ? "; --port takes another one, 0 any that is free" : "");
    }
    *ret_fd = fd;
    return 0;
}

static int listening_socket(const char *host, uint16_t port, int *ret_fd)
{
    struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE | AI_NUMERICSERV}, *found = NULL;
    char service[8];
    snprintf(service, sizeof(service), "%u", port);
    int why = getaddrinfo(host, service, &hints, &found);
    if (why != 0)
        return tl_fail(TL_E_USAGE, "%s: no address to listen on: %s", host, gai_strerror(why));
    int r = listen_on(found, host, port, ret_fd);
    freeaddrinfo(found);
    return r;
}

static uint16_t port_of(int fd)
{
    struct sockaddr_storage address;
    socklen_t n = sizeof(address);
    if (getsockname(fd, (struct sockaddr *)&address, &n) != 0)
        return 0;
    return ntohs(address.ss_family == AF_INET6 ? ((struct sockaddr_in6 *)&address)->sin6_port : ((struct sockaddr_in *)&address)->sin_port);
}

/* As many connections as there may be files, some of them kept for models and state. */
static unsigned most_connections(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < limit.rlim_max) {
        limit.rlim_cur = limit.rlim_max < TL_HTTP_CONNECTIONS + SPARE_FILES ? limit.rlim_max : TL_HTTP_CONNECTIONS + SPARE_FILES;
        setrlimit(RLIMIT_NOFILE, &limit);
    }
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur >= TL_HTTP_CONNECTIONS + SPARE_FILES)
        return TL_HTTP_CONNECTIONS;
    return limit.rlim_cur > SPARE_FILES + LEAST_CONNECTIONS ? (unsigned)limit.rlim_cur - SPARE_FILES : LEAST_CONNECTIONS;
}

static int start(struct tl_http *http, int fd)
{
    unsigned most = most_connections();
    http->daemon = http->mhd.start_daemon(MHD_USE_EPOLL_INTERNAL_THREAD | MHD_ALLOW_SUSPEND_RESUME, 0, NULL, NULL, on_request, http,
        MHD_OPTION_LISTEN_SOCKET, fd, MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)TL_HTTP_HEADER_BYTES,
        MHD_OPTION_CONNECTION_LIMIT, most, MHD_OPTION_PER_IP_CONNECTION_LIMIT, most < TL_HTTP_CONNECTIONS_OF_ONE ? most : TL_HTTP_CONNECTIONS_OF_ONE,
        MHD_OPTION_CONNECTION_TIMEOUT, (unsigned)http->options.idle_seconds + 1, MHD_OPTION_NOTIFY_CONNECTION, on_connection, http,
        MHD_OPTION_NOTIFY_COMPLETED, on_completed, http, MHD_OPTION_SIGPIPE_HANDLED_BY_APP, 1, MHD_OPTION_END);
    if (!http->daemon) {
        close(fd);
        return tl_fail(TL_E_FAIL, "%s: the HTTP library does not start: %s", http->options.host, strerror(errno));
    }
    return 0;
}

int tl_http_open(const struct tl_http_options *options, struct tl_http **ret_http)
{
    struct tl_http *http = tl_alloc(1, sizeof(*http));
    int fd = -1;
    if (!http)
        return TL_E_NOMEM;
    http->options = *options;
    http->epoll = http->wake = -1;
    pthread_mutex_init(&http->lock, NULL);
    int r = tl_mhd_load(&http->mhd);
    if (r >= 0)
        r = listening_socket(options->host, options->port, &fd);
    if (r >= 0) {
        http->port = port_of(fd);
        r = tl_http_watch_start(http);
        if (r < 0)
            close(fd);
    }
    if (r >= 0)
        r = start(http, fd);
    if (r < 0)
        tl_http_close(http);
    else
        *ret_http = http;
    return r;
}

uint16_t tl_http_port(const struct tl_http *http)
{
    return http->port;
}

void tl_http_stop_listening(struct tl_http *http)
{
    MHD_socket fd = http->mhd.quiesce_daemon(http->daemon);
    if (fd != MHD_INVALID_SOCKET)
        close(fd);
}

uint32_t tl_http_busy(struct tl_http *http)
{
    return http->busy;
}

void tl_http_close(struct tl_http *http)
{
    if (!http)
        return;
    if (http->daemon)
        http->mhd.stop_daemon(http->daemon);
    tl_http_watch_stop(http);
    pthread_mutex_destroy(&http->lock);
    tl_free(http);
}
