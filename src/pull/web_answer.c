/* SPDX-License-Identifier: MIT */
/* What comes back: headers that count, and bodies that were asked for. Others end after a little. */
#include <ctype.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/error.h"
#include "base/memory.h"
#include "base/parse.h"
#include "pull/web_impl.h"

enum { MAX_HEADER_BYTES = 8192, MAX_HEADERS = 200, IDLE_BYTES = 64 << 10, MAX_WAIT_S = 120 };

/* The value of this header, trimmed, where the line is one of it. */
static bool header_is(const char *line, size_t n, const char *name, const char **ret_value, size_t *ret_bytes)
{
    size_t m = strlen(name);
    if (n <= m || line[m] != ':' || strncasecmp(line, name, m) != 0)
        return false;
    line += m + 1, n -= m + 1;
    while (n && isspace((unsigned char)*line))
        line++, n--;
    while (n && isspace((unsigned char)line[n - 1]))
        n--;
    *ret_value = line;
    *ret_bytes = n;
    return true;
}

/* W/"abc" -> abc */
static void keep_tag(char *to, size_t room, const char *value, size_t n)
{
    if (n > 2 && value[0] == 'W' && value[1] == '/')
        value += 2, n -= 2;
    if (n > 1 && value[0] == '"' && value[n - 1] == '"')
        value++, n -= 2;
    snprintf(to, room, "%.*s", n < room ? (int)n : 0, value);
}

/* <https://…>; rel="next" */
static void keep_next(struct tl_web_request *request, const char *value, size_t n)
{
    const char *end = memchr(value, '>', n);
    if (request->next || n < 2 || value[0] != '<' || !end || !memmem(end, n - (size_t)(end - value), "rel=\"next\"", 10))
        return;
    request->next = tl_strndup(value + 1, (size_t)(end - value) - 1);
}

/* "bytes 0-99/1234" */
static void read_range(struct tl_web_inside *in, const char *value, size_t n)
{
    const char *dash = memchr(value, '-', n), *slash = memchr(value, '/', n);
    uint64_t from, to;
    if (n > 6 && strncasecmp(value, "bytes ", 6) == 0 && dash && slash && dash < slash &&
        tl_parse_u64(value + 6, (size_t)(dash - value - 6), &from) && tl_parse_u64(dash + 1, (size_t)(slash - dash - 1), &to) && to < UINT64_MAX) {
        in->range_from = from;
        in->range_to = to + 1;
    }
}

size_t tl_web_take_header(char *line, size_t size, size_t n_items, void *context)
{
    struct tl_web_request *request = context;
    struct tl_web_inside *in = request->inside;
    size_t n = size * n_items, m;
    const char *value;
    uint64_t number;
    if (n > MAX_HEADER_BYTES || ++in->n_headers > MAX_HEADERS)
        return 0;
    if (n > 5 && strncmp(line, "HTTP/", 5) == 0)
        in->range_from = in->range_to = 0;               /* another answer begins, behind "100 Continue" or a proxy's */
    if (header_is(line, n, "Content-Range", &value, &m))
        read_range(in, value, m);
    else if (header_is(line, n, "Retry-After", &value, &m) && tl_parse_u64(value, m, &number))
        request->wait_s = number < MAX_WAIT_S ? (unsigned)number : MAX_WAIT_S;
    if (!in->at_hub)
        return n;
    if (header_is(line, n, "X-Linked-Etag", &value, &m))
        keep_tag(request->hash, sizeof request->hash, value, m);
    else if (header_is(line, n, "ETag", &value, &m) && !request->hash[0])
        keep_tag(request->hash, sizeof request->hash, value, m);
    else if (header_is(line, n, "X-Linked-Size", &value, &m) && tl_parse_u64(value, m, &number))
        request->linked_bytes = number;
    else if (header_is(line, n, "X-Error-Code", &value, &m) && m < sizeof request->error_code)
        snprintf(request->error_code, sizeof request->error_code, "%.*s", (int)m, value);
    else if (header_is(line, n, "Link", &value, &m))
        keep_next(request, value, m);
    return n;
}

static int refuse(struct tl_web_request *request, int status)
{
    request->refusal = status;
    return 0;
}

bool tl_web_range_is_good(const struct tl_web_request *request)
{
    const struct tl_web_inside *in = request->inside;
    return in->range_from == request->from && in->range_to == request->from + request->n_bytes;
}

size_t tl_web_take_body(char *bytes, size_t size, size_t n_items, void *context)
{
    struct tl_web_request *request = context;
    struct tl_web_inside *in = request->inside;
    size_t n = size * n_items;
    long status = 0;
    in->web->curl.easy_getinfo(in->easy, CURLINFO_RESPONSE_CODE, &status);
    if (status != 200 && status != 206)                  /* errors and redirects are understood by their headers */
        return (in->idle_bytes += n) > IDLE_BYTES ? 0 : n;
    request->whole = status == 200 && request->n_bytes > 0;
    if (status == 206 && !tl_web_range_is_good(request))
        return (size_t)refuse(request, tl_fail(TL_E_FILE, "the server sends another range than was asked for"));
    int r = request->receive(request, bytes, n);
    return r < 0 ? (size_t)refuse(request, r) : n;
}
