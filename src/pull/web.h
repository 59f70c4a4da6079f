/* SPDX-License-Identifier: MIT */
/* Requests to a hub and to where it redirects: several at a time, from one thread. What holds for each of them:
 * only https, but for a hub on this machine; the token goes to the hub's own host and nowhere else; redirects are followed
 * one by one under the same rules; bodies that were not asked for are not read; a connection that stalls is given up. */
#ifndef TL_PULL_WEB_H
#define TL_PULL_WEB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buffer.h"
#include "base/progress.h"

struct tl_web;

struct tl_web_options {
    const char *endpoint;                /* "https://huggingface.co" */
    const char *token, *authorities;     /* may be NULL */
    unsigned stall_s;
};

enum tl_web_outcome {
    TL_WEB_GOOD,
    TL_WEB_AGAIN,            /* may be better a little later */
    TL_WEB_BAD,              /* will be the same */
    TL_WEB_REFUSED,          /* `receive` did not want it: its status is `refusal`, its sentence `problem` */
};

struct tl_web_request {
    /* The caller's. */
    int (*receive)(struct tl_web_request *request, const char *bytes, size_t n_bytes);       /* of good answers; < 0 ends it */
    void *context;
    uint64_t from, n_bytes;              /* the range wanted; n_bytes 0: everything */
    unsigned limit_s;                    /* for all of it; 0: none */
    /* What is known at the end. */
    enum tl_web_outcome outcome;
    int refusal;
    long status;                         /* of HTTP; 0: it did not come to that */
    char problem[400];                   /* of what is not good: "HTTP 503" */
    char error_code[32];                 /* "GatedRepo", "RevisionNotFound": of the hub */
    char hash[72];                       /* the hub's X-Linked-Etag, else its ETag; "" where it said none */
    uint64_t linked_bytes;               /* its X-Linked-Size; UINT64_MAX: none */
    unsigned wait_s;                     /* Retry-After */
    char *next;                          /* Link: rel="next"; NULL: none */
    char *place;                         /* where the last redirect led to; NULL: nowhere */
    bool whole;                          /* a range was asked for and everything comes (status 200) */
    void *inside;
};

/* TL_E_USAGE where the endpoint is no address of a hub: https, or http on this machine. Texts are borrowed. */
int tl_web_open(const struct tl_web_options *options, struct tl_web **ret_web);
void tl_web_close(struct tl_web *web);                                /* NULL is fine; after all requests were dropped */

/* Begins; the request must stay where it is until it is dropped. */
int tl_web_begin(struct tl_web *web, struct tl_web_request *request, const char *url);
void tl_web_drop(struct tl_web *web, struct tl_web_request *request); /* at any time; what is known stays, texts are freed */
/* Moves all requests on, waiting for at most so long; *ret_request is one that has ended, NULL where none has. */
int tl_web_wait(struct tl_web *web, int wait_ms, struct tl_web_request **ret_request);
void tl_web_wake(struct tl_web *web);                                 /* ends a wait; any thread */

/* A document of at most `limit` bytes, with retries. Other outcomes than good ones are left to the caller: 0, see
 * request->outcome. < 0: cancelled, or out of memory. request is dropped by the caller, for `next` is in it. */
int tl_web_get(struct tl_web *web, const char *url, size_t limit, const struct tl_progress *progress, struct tl_web_request *request,
               struct tl_buffer *body);

/* How long to wait before attempt n (1 is the second), what the server said included; seconds. < 0: there is none any more. */
double tl_web_patience(unsigned n, unsigned wait_s);

/* A path with what may not stand in an address as %XX; slashes stay. */
void tl_web_escape(struct tl_buffer *url, const char *path);

#endif
