/* SPDX-License-Identifier: MIT */
/* libcurl, one easy handle a request, under one multi handle. Redirects are followed here and not by libcurl, because each
 * is to be checked. libcurl itself reads the environment's proxies. */
#include <ctype.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/memory.h"
#include "pull/web_impl.h"

enum { MAX_REDIRECTS = 6, CONNECT_S = 20, SLOW_BYTES_PER_S = 256, ATTEMPTS = 5 };

/* --- beginning ---------------------------------------------------------------------------------------------------- */

static struct tl_web_inside *inside_new(struct tl_web *web)
{
    struct tl_web_inside *in = tl_alloc(1, sizeof *in);
    if (!in)
        return NULL;
    in->web = web;
    in->easy = web->curl.easy_init();
    if (in->easy)
        return in;
    tl_free(in);
    tl_fail(TL_E_NOMEM, "out of memory");
    return NULL;
}

static int add_header(struct tl_web_inside *in, const char *format, const char *value)
{
    struct tl_buffer line;
    tl_buffer_init(&line, 0);
    tl_buffer_printf(&line, format, value);
    struct curl_slist *longer = line.status < 0 ? NULL : in->web->curl.slist_append(in->headers, line.data);
    tl_buffer_done(&line);
    if (!longer)
        return tl_fail(TL_E_NOMEM, "out of memory");
    in->headers = longer;
    return 0;
}

static int set_headers(struct tl_web_inside *in)
{
    const struct tl_web *web = in->web;
    const char *token = web->options.token;
    web->curl.slist_free_all(in->headers);
    in->headers = NULL;
    int r = add_header(in, "Accept-Encoding: %s", "identity");
    if (r >= 0 && in->at_hub && token)
        r = add_header(in, "Authorization: Bearer %s", token);
    if (r >= 0)
        web->curl.easy_setopt(in->easy, CURLOPT_HTTPHEADER, in->headers);
    return r;
}

static void set_options(struct tl_web_request *request, struct tl_web_inside *in)
{
    const struct tl_web *web = in->web;
    web->curl.easy_setopt(in->easy, CURLOPT_PRIVATE, request);
    web->curl.easy_setopt(in->easy, CURLOPT_ERRORBUFFER, in->error);
    web->curl.easy_setopt(in->easy, CURLOPT_HEADERFUNCTION, tl_web_take_header);
    web->curl.easy_setopt(in->easy, CURLOPT_HEADERDATA, request);
    web->curl.easy_setopt(in->easy, CURLOPT_WRITEFUNCTION, tl_web_take_body);
    web->curl.easy_setopt(in->easy, CURLOPT_WRITEDATA, request);
    web->curl.easy_setopt(in->easy, CURLOPT_USERAGENT, "trill");
    web->curl.easy_setopt(in->easy, CURLOPT_NOSIGNAL, 1L);
    web->curl.easy_setopt(in->easy, CURLOPT_FOLLOWLOCATION, 0L);
    web->curl.easy_setopt(in->easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);       /* a connection each: bandwidth adds up */
    web->curl.easy_setopt(in->easy, CURLOPT_CONNECTTIMEOUT, (long)CONNECT_S);
    web->curl.easy_setopt(in->easy, CURLOPT_LOW_SPEED_LIMIT, (long)SLOW_BYTES_PER_S);
    web->curl.easy_setopt(in->easy, CURLOPT_LOW_SPEED_TIME, (long)web->options.stall_s);
    web->curl.easy_setopt(in->easy, CURLOPT_TIMEOUT, (long)request->limit_s);
    web->curl.easy_setopt(in->easy, CURLOPT_BUFFERSIZE, 256L << 10);
    if (web->options.authorities)
        web->curl.easy_setopt(in->easy, CURLOPT_CAINFO, web->options.authorities);
}

/* One step: the address itself, or what it redirects to. */
static int visit(struct tl_web_request *request, const char *url)
{
    struct tl_web_inside *in = request->inside;
    const struct tl_web *web = in->web;
    struct tl_origin origin;
    char range[64];
    int r = tl_origin_of(&web->curl, url, &origin);
    if (r < 0)
        return r;
    if (!tl_origin_may_visit(&web->hub, &origin))
        return tl_fail(TL_E_IO, "an address with https was expected, found %.200s", url);
    in->at_hub = tl_origin_same(&web->hub, &origin);
    in->n_headers = 0;
    in->range_from = in->range_to = 0;
    if (in->at_hub) {
        request->hash[0] = 0;
        request->linked_bytes = UINT64_MAX;
    }
    char *copy = tl_strdup(url);
    if (!copy)
        return TL_E_NOMEM;
    tl_free(in->url);
    in->url = copy;
    web->curl.easy_setopt(in->easy, CURLOPT_URL, url);
    web->curl.easy_setopt(in->easy, CURLOPT_PROXY, origin.here ? "" : NULL);         /* what is not encrypted never leaves this machine */
    snprintf(range, sizeof range, "%" PRIu64 "-%" PRIu64, request->from, request->from + request->n_bytes - 1);
    web->curl.easy_setopt(in->easy, CURLOPT_RANGE, request->n_bytes ? range : NULL);
    r = set_headers(in);
    if (r >= 0 && web->curl.multi_add_handle(web->multi, in->easy) != CURLM_OK)
        r = tl_fail(TL_E_NOMEM, "out of memory");
    return r;
}

static void forget(struct tl_web_request *request)
{
    tl_free(request->next);
    tl_free(request->place);
    request->next = request->place = NULL;
    request->outcome = TL_WEB_GOOD;
    request->status = request->refusal = 0;
    request->problem[0] = request->error_code[0] = request->hash[0] = 0;
    request->linked_bytes = UINT64_MAX;
    request->wait_s = 0;
    request->whole = false;
}

int tl_web_begin(struct tl_web *web, struct tl_web_request *request, const char *url)
{
    struct tl_web_inside *in = inside_new(web);
    if (!in)
        return TL_E_NOMEM;
    forget(request);
    request->inside = in;
    set_options(request, in);
    int r = visit(request, url);
    if (r < 0)
        tl_web_drop(web, request);
    return r;
}

static void end(struct tl_web *web, struct tl_web_request *request)
{
    struct tl_web_inside *in = request->inside;
    if (!in)
        return;
    web->curl.multi_remove_handle(web->multi, in->easy);
    web->curl.easy_cleanup(in->easy);
    web->curl.slist_free_all(in->headers);
    tl_free(in->url);
    tl_free(in);
    request->inside = NULL;
}

void tl_web_drop(struct tl_web *web, struct tl_web_request *request)
{
    end(web, request);
    tl_free(request->next);
    tl_free(request->place);
    request->next = request->place = NULL;
}

/* --- ending ------------------------------------------------------------------------------------------------------- */

static bool is_redirect(long status)
{
    return status == 301 || status == 302 || status == 303 || status == 307 || status == 308;
}

static int judge(struct tl_web_request *request, enum tl_web_outcome outcome, const char *what)
{
    request->outcome = outcome;
    snprintf(request->problem, sizeof request->problem, "%.380s", what);
    return 1;
}

/* 1: it has ended; 0: it goes on elsewhere. */
static int follow(struct tl_web *web, struct tl_web_request *request)
{
    struct tl_web_inside *in = request->inside;
    const char *place = NULL;
    web->curl.easy_getinfo(in->easy, CURLINFO_REDIRECT_URL, &place);
    if (!place || ++in->n_redirects > MAX_REDIRECTS)
        return judge(request, TL_WEB_BAD, place ? "it redirects again and again" : "it redirects to nowhere");
    char *copy = tl_strdup(place);
    if (!copy)
        return TL_E_NOMEM;
    web->curl.multi_remove_handle(web->multi, in->easy);
    tl_free(request->place);
    request->place = copy;
    int r = visit(request, copy);
    return r == TL_E_NOMEM ? r : r < 0 ? judge(request, TL_WEB_BAD, tl_error_text()) : 0;
}

static int judge_curl(struct tl_web_request *request, CURLcode code)
{
    const struct tl_web_inside *in = request->inside;
    char what[400];
    bool hopeless = code == CURLE_PEER_FAILED_VERIFICATION || code == CURLE_SSL_CACERT_BADFILE || code == CURLE_URL_MALFORMAT ||
                    code == CURLE_UNSUPPORTED_PROTOCOL || code == CURLE_SSL_ISSUER_ERROR;
    if (code == CURLE_OPERATION_TIMEDOUT)
        snprintf(what, sizeof what, "the connection stalled (%.200s)", in->error);
    else
        snprintf(what, sizeof what, "%.300s", in->error[0] ? in->error : in->web->curl.easy_strerror(code));
    return judge(request, hopeless ? TL_WEB_BAD : TL_WEB_AGAIN, what);
}

static int judge_status(struct tl_web_request *request)
{
    char what[64];
    long s = request->status;
    bool at_hub = ((const struct tl_web_inside *)request->inside)->at_hub;
    bool later = s == 408 || s == 425 || s == 429 || s >= 500 || !at_hub;        /* elsewhere addresses are good for a while only */
    snprintf(what, sizeof what, "HTTP %ld", s);
    return judge(request, later ? TL_WEB_AGAIN : TL_WEB_BAD, what);
}

static int ended(struct tl_web *web, struct tl_web_request *request, CURLcode code)
{
    struct tl_web_inside *in = request->inside;
    web->curl.easy_getinfo(in->easy, CURLINFO_RESPONSE_CODE, &request->status);
    if (request->refusal < 0)
        return request->refusal == TL_E_NOMEM ? TL_E_NOMEM : judge(request, TL_WEB_REFUSED, tl_error_text());
    bool aborted = code == CURLE_WRITE_ERROR && request->status != 200 && request->status != 206;     /* by tl_web_take_body: the headers say it all */
    if (code != CURLE_OK && !aborted)
        return judge_curl(request, code);
    if (is_redirect(request->status))
        return follow(web, request);
    if (request->status != 200 && request->status != 206)
        return judge_status(request);
    if (request->status == 206 && !tl_web_range_is_good(request))
        return judge(request, TL_WEB_AGAIN, "the server sends another range than was asked for");
    return 1;
}

int tl_web_wait(struct tl_web *web, int wait_ms, struct tl_web_request **ret_request)
{
    int running = 0, left = 0;
    *ret_request = NULL;
    for (int round = 0; round < 2; round++) {
        if (web->curl.multi_perform(web->multi, &running) != CURLM_OK)
            return tl_fail(TL_E_IO, "libcurl does not go on");
        for (CURLMsg *message; (message = web->curl.multi_info_read(web->multi, &left));) {
            struct tl_web_request *request = NULL;
            if (message->msg != CURLMSG_DONE)
                continue;
            web->curl.easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &request);
            int r = ended(web, request, message->data.result);
            if (r < 0)
                return r;
            if (r > 0) {
                end(web, request);
                *ret_request = request;
                return 0;
            }
        }
        if (round == 0)
            web->curl.multi_poll(web->multi, NULL, 0, wait_ms, NULL);
    }
    return 0;
}

void tl_web_wake(struct tl_web *web)
{
    web->curl.multi_wakeup(web->multi);
}

/* --- one document ------------------------------------------------------------------------------------------------- */

double tl_web_patience(unsigned n, unsigned wait_s)
{
    if (n >= ATTEMPTS)
        return -1;
    double seconds = 0.25 * (1u << n);
    return wait_s > seconds ? wait_s : seconds;
}

static int append(struct tl_web_request *request, const char *bytes, size_t n_bytes)
{
    struct tl_buffer *body = request->context;
    if (body->len + n_bytes > body->limit)
        return tl_fail(TL_E_FILE, "its answer is longer than %zu bytes", body->limit);
    return tl_buffer_append(body, bytes, n_bytes);
}

/* Until it has ended, or for so many seconds where it is NULL. */
static int wait_for(struct tl_web *web, struct tl_web_request *request, double seconds, const struct tl_progress *progress)
{
    struct tl_web_request *done = NULL;
    uint64_t began_ns = tl_clock_ns();
    while (!done && (request || tl_clock_seconds(began_ns) < seconds)) {
        int r = tl_progress_check(progress);
        if (r < 0 || (r = tl_web_wait(web, 50, &done)) < 0)
            return r;
    }
    return 0;
}

int tl_web_get(struct tl_web *web, const char *url, size_t limit, const struct tl_progress *progress, struct tl_web_request *request,
               struct tl_buffer *body)
{
    for (unsigned attempt = 0;;) {
        tl_buffer_done(body);
        tl_buffer_init(body, limit);
        request->receive = append;
        request->context = body;
        int r = tl_web_begin(web, request, url);
        if (r >= 0)
            r = wait_for(web, request, 0, progress);
        if (r < 0)
            return r;
        double seconds = request->outcome == TL_WEB_AGAIN ? tl_web_patience(++attempt, request->wait_s) : -1;
        if (seconds < 0)
            return 0;
        if ((r = wait_for(web, NULL, seconds, progress)) < 0)
            return r;
    }
}

/* --- opening ------------------------------------------------------------------------------------------------------ */

void tl_web_escape(struct tl_buffer *url, const char *path)
{
    for (; *path; path++) {
        bool plain = isalnum((unsigned char)*path) || strchr("-._~/", *path);
        tl_buffer_printf(url, plain ? "%c" : "%%%02X", (unsigned char)*path);
    }
}

static int check(const struct tl_web_options *options, const struct tl_web *web)
{
    if (tl_origin_of(&web->curl, options->endpoint, &(struct tl_origin){0}) < 0 || !tl_origin_may_visit(&web->hub, &web->hub))
        return tl_fail(TL_E_USAGE, "%.200s: no address of a hub, expected https://HOST, or http://localhost for one on this machine", options->endpoint);
    for (const char *at = options->token; at && *at; at++)
        if ((unsigned char)*at <= 0x20 || (unsigned char)*at >= 0x7F)
            return tl_fail(TL_E_USAGE, "the token holds a character that no token has");
    return 0;
}

static int start(const struct tl_web_options *options, struct tl_web *web)
{
    web->options = *options;
    int r = tl_curl_load(&web->curl);
    if (r < 0)
        return r;
    (void)tl_origin_of(&web->curl, options->endpoint, &web->hub);
    if ((r = check(options, web)) < 0)
        return r;
    if (web->curl.global_init(CURL_GLOBAL_DEFAULT) != 0)
        return tl_fail(TL_E_NOMEM, "libcurl cannot be started");
    if ((web->multi = web->curl.multi_init()))
        return 0;
    web->curl.global_cleanup();
    return tl_fail(TL_E_NOMEM, "libcurl cannot be started");
}

int tl_web_open(const struct tl_web_options *options, struct tl_web **ret_web)
{
    struct tl_web *web = tl_alloc(1, sizeof *web);
    int r = web ? start(options, web) : TL_E_NOMEM;
    if (r < 0) {
        tl_free(web);
        return r;
    }
    *ret_web = web;
    return 0;
}

void tl_web_close(struct tl_web *web)
{
    if (!web)
        return;
    web->curl.multi_cleanup(web->multi);
    web->curl.global_cleanup();
    tl_free(web);
}
