/* SPDX-License-Identifier: MIT */
/* Which handler a request is for, and whether it may come in. */
#ifndef TL_SERVE_ROUTES_H
#define TL_SERVE_ROUTES_H

#include "serve/exchange.h"

enum tl_route_who { TL_ROUTE_PUBLIC, TL_ROUTE_KEYED };
enum tl_route_where { TL_ROUTE_AT_ONCE, TL_ROUTE_DESK };

struct tl_route {
    const char *method, *path;
    enum tl_route_who who;
    enum tl_route_where where;
    const char *form;
    int (*handle)(struct tl_exchange *exchange);
};

extern const struct tl_route tl_routes[];
extern const size_t tl_routes_count;

/* The handlers. < 0: nothing was replied, and the sentence is to be. */
#define ROUTE(method, path, who, where, form, handler) int handler(struct tl_exchange *exchange);
#include "serve/routes.def"
#undef ROUTE

/* The row for it; NULL: there is none. *ret_other: whether there is one for another method. *ret_rest: of the path. */
const struct tl_route *tl_route_find(const char *method, const char *path, const char **ret_rest, bool *ret_other);

/* For http.h: refuses, or lets in; finds the handler and calls it. */
void tl_routes_admit(struct tl_exchange *exchange);
void tl_routes_handle(struct tl_exchange *exchange);

/* The status for a failure of this program's: 400 where the request is at fault. */
int tl_routes_http_status(int status);

#endif
