/* SPDX-License-Identifier: MIT */
/* Exchanges: replies and streams from any thread, given to the library in the thread that speaks HTTP. */
#include "serve/http_impl.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/memory.h"

enum { BLOCK_BYTES = 16 << 10 };

/* --- lives ---------------------------------------------------------------------------------------------------------------- */

struct tl_http_exchange *tl_http_exchange_new(struct tl_http_connection *connection, struct MHD_Connection *mhd, const char *method, const char *path)
{
    struct tl_http *http = connection->http;
    struct tl_http_exchange *exchange = tl_alloc(1, sizeof(*exchange));
    char *copy = exchange ? tl_strdup(path) : NULL;
    if (!copy) {
        tl_free(exchange);
        return NULL;
    }
    exchange->path = copy;
    exchange->public = (struct tl_exchange){.server = http->options.server, .method = method, .path = copy, .rest = "",
                                            .client = connection->address, .body = ""};
    exchange->http = http;
    exchange->connection = connection;
    exchange->mhd = mhd;
    exchange->refs = 1;
    exchange->began_ns = tl_clock_ns();
    pthread_mutex_init(&exchange->lock, NULL);
    tl_buffer_init(&exchange->body, TL_HTTP_BODY_BYTES);
    tl_buffer_init(&exchange->reply, 0);
    tl_buffer_init(&exchange->stream.queue, TL_HTTP_BACKLOG_BYTES);
    http->busy++;
    pthread_mutex_lock(&http->lock);
    connection->exchange = exchange;
    pthread_mutex_unlock(&http->lock);
    return exchange;
}

static void free_body(struct tl_http_exchange *exchange)
{
    tl_buffer_done(&exchange->body);
    tl_buffer_init(&exchange->body, TL_HTTP_BODY_BYTES);
    exchange->http->body_bytes -= exchange->counted_bytes;
    exchange->counted_bytes = 0;
    exchange->public.body = "";
    exchange->public.n_bytes = 0;
}

void tl_http_exchange_unref(struct tl_http_exchange *exchange)
{
    pthread_mutex_lock(&exchange->lock);
    unsigned left = --exchange->refs;
    pthread_mutex_unlock(&exchange->lock);
    if (left)
        return;
    struct tl_http *http = exchange->http;
    free_body(exchange);
    tl_buffer_done(&exchange->reply);
    tl_buffer_done(&exchange->stream.queue);
    for (size_t i = 0; i < exchange->n_headers; i++)
        for (int half = 0; half < 2; half++)
            tl_free((char *)exchange->headers[i][half]);
    tl_free(exchange->path);
    pthread_mutex_destroy(&exchange->lock);
    tl_free(exchange);
    http->busy--;                            /* the last that is done with http */
}

void tl_http_exchange_gone(struct tl_http_exchange *exchange)
{
    pthread_mutex_lock(&exchange->lock);
    bool owed = exchange->stream.open ? !exchange->stream.closed : !exchange->replied;
    if (owed && !exchange->gone) {
        exchange->gone = true;
        if (exchange->on_gone)
            exchange->on_gone(exchange->context);
    }
    pthread_mutex_unlock(&exchange->lock);
}

/* --- what the client said ------------------------------------------------------------------------------------------------- */

static struct tl_http_exchange *of(const struct tl_exchange *exchange)
{
    return (struct tl_http_exchange *)(void *)(uintptr_t)exchange;
}

const char *tl_exchange_query(const struct tl_exchange *exchange, const char *name)
{
    return of(exchange)->http->mhd.lookup_connection_value(of(exchange)->mhd, MHD_GET_ARGUMENT_KIND, name);
}

const char *tl_exchange_header(const struct tl_exchange *exchange, const char *name)
{
    return of(exchange)->http->mhd.lookup_connection_value(of(exchange)->mhd, MHD_HEADER_KIND, name);
}

void tl_exchange_drop_body(struct tl_exchange *exchange)
{
    free_body(of(exchange));
}

void tl_exchange_watch(struct tl_exchange *exchange, void (*gone)(void *context), void *context)
{
    struct tl_http_exchange *self = of(exchange);
    pthread_mutex_lock(&self->lock);
    self->on_gone = gone;
    self->context = context;
    if (self->gone && gone)
        gone(context);
    pthread_mutex_unlock(&self->lock);
}

/* --- replies -------------------------------------------------------------------------------------------------------------- */

int tl_exchange_set_header(struct tl_exchange *exchange, const char *name, const char *value)
{
    struct tl_http_exchange *self = of(exchange);
    size_t at = 0;
    char *copy = tl_strdup(value);
    if (!copy)
        return TL_E_NOMEM;
    while (at < self->n_headers && strcasecmp(self->headers[at][0], name) != 0)
        at++;
    if (at < self->n_headers) {
        tl_free((char *)self->headers[at][1]);
        self->headers[at][1] = copy;
        return 0;
    }
    char *own = at < TL_HTTP_HEADERS ? tl_strdup(name) : NULL;
    if (!own) {
        tl_free(copy);
        return at < TL_HTTP_HEADERS ? TL_E_NOMEM : tl_fail(TL_E_FAIL, "too many headers in a response");
    }
    self->headers[self->n_headers][0] = own;
    self->headers[self->n_headers++][1] = copy;
    return 0;
}

/* The response is complete, or begins. The connection goes on with it; what is not a stream is no longer its owner's. */
static int give(struct tl_http_exchange *self, int http_status, bool streams)
{
    pthread_mutex_lock(&self->lock);
    self->http_status = http_status;
    self->replied = true;
    int r = self->gone ? tl_error_set(TL_E_CANCEL, "the client has left") : 0;
    if (self->suspended && !(streams && self->gone)) {
        self->suspended = false;
        self->http->mhd.resume_connection(self->mhd);
    }
    pthread_mutex_unlock(&self->lock);
    if (!streams)
        tl_http_exchange_unref(self);
    return r;
}

int tl_exchange_reply(struct tl_exchange *exchange, int http_status, const char *type, struct tl_buffer *body)
{
    struct tl_http_exchange *self = of(exchange);
    int r = body->status;
    if (r >= 0)
        r = tl_exchange_set_header(exchange, MHD_HTTP_HEADER_CONTENT_TYPE, type ? type : "application/json");
    if (r >= 0) {
        self->reply = *body;
        tl_buffer_init(body, 0);
    }
    tl_buffer_done(body);
    tl_buffer_init(body, 0);
    int given = give(self, r < 0 ? 500 : http_status, false);
    return r < 0 ? r : given;
}

int tl_exchange_reply_static(struct tl_exchange *exchange, int http_status, const char *type, const void *bytes, size_t n_bytes)
{
    struct tl_http_exchange *self = of(exchange);
    int r = tl_exchange_set_header(exchange, MHD_HTTP_HEADER_CONTENT_TYPE, type);
    self->fixed = bytes;
    self->n_fixed = n_bytes;
    int given = give(self, r < 0 ? 500 : http_status, false);
    return r < 0 ? r : given;
}

/* --- streams -------------------------------------------------------------------------------------------------------------- */

int tl_exchange_stream(struct tl_exchange *exchange, int http_status, const char *type, void (*gone)(void *context), void *context,
                       struct tl_stream **ret_stream)
{
    struct tl_http_exchange *self = of(exchange);
    int r = tl_exchange_set_header(exchange, MHD_HTTP_HEADER_CONTENT_TYPE, type);
    if (r >= 0)
        r = tl_exchange_set_header(exchange, MHD_HTTP_HEADER_CACHE_CONTROL, "no-cache");
    if (r >= 0)
        r = tl_exchange_set_header(exchange, "X-Accel-Buffering", "no");
    if (r < 0)
        return r;
    pthread_mutex_lock(&self->lock);
    self->stream.open = true;
    self->stream.written_ns = tl_clock_ns();
    self->on_gone = gone;
    self->context = context;
    if (self->gone)
        gone(context);
    pthread_mutex_unlock(&self->lock);
    *ret_stream = &self->stream;
    give(self, http_status, true);
    return 0;
}

static struct tl_http_exchange *owner(struct tl_stream *stream)
{
    return (struct tl_http_exchange *)(void *)((char *)stream - offsetof(struct tl_http_exchange, stream));
}

/* Unread bytes move to the front before the buffer would grow over them. */
static void compact(struct tl_stream *stream, size_t n_bytes)
{
    struct tl_buffer *queue = &stream->queue;
    if (!stream->sent || queue->len + n_bytes < queue->cap)
        return;
    memmove(queue->data, queue->data + stream->sent, queue->len - stream->sent);
    queue->len -= stream->sent;
    queue->data[queue->len] = 0;
    stream->sent = 0;
}

int tl_stream_write(struct tl_stream *stream, const char *bytes, size_t n_bytes)
{
    struct tl_http_exchange *self = owner(stream);
    pthread_mutex_lock(&self->lock);
    int r = self->gone || stream->closed ? TL_E_CANCEL : 0;
    if (r >= 0) {
        compact(stream, n_bytes);
        stream->written_ns = tl_clock_ns();
        if (tl_buffer_append(&stream->queue, bytes, n_bytes) < 0) {
            r = TL_E_CANCEL;
            self->gone = true;               /* it does not read */
        }
        if (self->suspended) {
            self->suspended = false;
            self->http->mhd.resume_connection(self->mhd);
        }
    }
    pthread_mutex_unlock(&self->lock);
    return r;
}

uint64_t tl_stream_silent_ns(struct tl_stream *stream)
{
    struct tl_http_exchange *self = owner(stream);
    pthread_mutex_lock(&self->lock);
    uint64_t ns = tl_clock_ns() - stream->written_ns;
    pthread_mutex_unlock(&self->lock);
    return ns;
}

void tl_stream_close(struct tl_stream *stream)
{
    struct tl_http_exchange *self = owner(stream);
    pthread_mutex_lock(&self->lock);
    stream->closed = true;
    if (self->suspended) {
        self->suspended = false;
        self->http->mhd.resume_connection(self->mhd);
    }
    pthread_mutex_unlock(&self->lock);
    tl_http_exchange_unref(self);
}

/* The library asks for bytes of a stream. */
static ssize_t read_stream(void *context, uint64_t position, char *ret_bytes, size_t room)
{
    struct tl_http_exchange *self = context;
    struct tl_stream *stream = &self->stream;
    ssize_t n = 0;
    (void)position;
    pthread_mutex_lock(&self->lock);
    size_t waiting = stream->queue.len - stream->sent;
    bool closed = stream->closed;
    if (self->gone) {
        n = MHD_CONTENT_READER_END_WITH_ERROR;
    } else if (waiting) {
        n = (ssize_t)(waiting < room ? waiting : room);
        memcpy(ret_bytes, stream->queue.data + stream->sent, (size_t)n);
        stream->sent += (size_t)n;
        self->sent_bytes += (size_t)n;
        if (stream->sent == stream->queue.len) {
            tl_buffer_clear(&stream->queue);
            stream->sent = 0;
        }
    } else if (stream->closed) {
        n = MHD_CONTENT_READER_END_OF_STREAM;
    } else {
        self->suspended = true;
        self->http->mhd.suspend_connection(self->mhd);
    }
    pthread_mutex_unlock(&self->lock);
    if (closed && self->connection->state != TL_HTTP_SENDING)
        tl_http_state_set(self->connection, TL_HTTP_SENDING, waiting);
    return n;
}

/* --- to the library ------------------------------------------------------------------------------------------------------- */

static struct MHD_Response *response_of(struct tl_http_exchange *exchange)
{
    if (exchange->stream.open)
        return exchange->http->mhd.create_response_from_callback(MHD_SIZE_UNKNOWN, BLOCK_BYTES, read_stream, exchange, NULL);
    void *bytes = exchange->fixed ? (void *)(uintptr_t)exchange->fixed : exchange->reply.data;
    size_t n_bytes = exchange->fixed ? exchange->n_fixed : exchange->reply.len;
    exchange->sent_bytes = n_bytes;
    return exchange->http->mhd.create_response_from_buffer(n_bytes, bytes ? bytes : (void *)(uintptr_t)"", MHD_RESPMEM_PERSISTENT);
}

enum MHD_Result tl_http_exchange_send(struct tl_http_exchange *exchange)
{
    pthread_mutex_lock(&exchange->lock);
    bool gone = exchange->gone || exchange->queued;
    exchange->queued = true;
    pthread_mutex_unlock(&exchange->lock);
    struct MHD_Response *response = gone ? NULL : response_of(exchange);
    if (!response)
        return MHD_NO;
    for (size_t i = 0; i < exchange->n_headers; i++)
        exchange->http->mhd.add_response_header(response, exchange->headers[i][0], exchange->headers[i][1]);
    if (!exchange->stream.open)
        tl_http_state_set(exchange->connection, TL_HTTP_SENDING, exchange->sent_bytes);
    enum MHD_Result result = exchange->http->mhd.queue_response(exchange->mhd, (unsigned)exchange->http_status, response);
    exchange->http->mhd.destroy_response(response);
    return result;
}
