/* SPDX-License-Identifier: MIT */
/* Inside web: what requests have while they run, and what takes their answers in. */
#ifndef TL_PULL_WEB_IMPL_H
#define TL_PULL_WEB_IMPL_H

#include "pull/curl.h"
#include "pull/origin.h"
#include "pull/web.h"

struct tl_web {
    struct tl_curl curl;
    CURLM *multi;
    struct tl_web_options options;
    struct tl_origin hub;
};

/* What a request has while it runs. */
struct tl_web_inside {
    struct tl_web *web;
    CURL *easy;
    struct curl_slist *headers;
    char *url;
    unsigned n_redirects, n_headers;
    size_t idle_bytes;                   /* of bodies that nobody reads */
    bool at_hub;                         /* the answer comes from the hub itself */
    uint64_t range_from, range_to;       /* Content-Range of the answer; to 0: none */
    char error[CURL_ERROR_SIZE];
};

/* web_answer.c: a header, and bytes of a body, in the form that libcurl calls; the context is the request. */
size_t tl_web_take_header(char *line, size_t size, size_t n_items, void *context);
size_t tl_web_take_body(char *bytes, size_t size, size_t n_items, void *context);
bool tl_web_range_is_good(const struct tl_web_request *request);      /* is this the range that was asked for? */

#endif
