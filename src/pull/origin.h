/* SPDX-License-Identifier: MIT */
/* Where an address leads to: scheme, host and port. Decides which addresses are visited and which may see the token. */
#ifndef TL_PULL_ORIGIN_H
#define TL_PULL_ORIGIN_H

#include <stdbool.h>

struct tl_curl;

struct tl_origin {
    bool secure;                         /* https; else http */
    bool here;                           /* the host is this machine by its name: localhost, 127.x.x.x, [::1] */
    char host[256], port[8];             /* small letters */
};

int tl_origin_of(const struct tl_curl *curl, const char *url, struct tl_origin *ret_origin);  /* TL_E_IO where it is neither http nor https */
bool tl_origin_same(const struct tl_origin *a, const struct tl_origin *b);
/* https anywhere; http where both the hub and the address are on this machine. */
bool tl_origin_may_visit(const struct tl_origin *hub, const struct tl_origin *origin);

#endif
