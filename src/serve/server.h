/* SPDX-License-Identifier: MIT */
/* The server's parts, for its handlers. Private to this room. */
#ifndef TL_SERVE_SERVER_H
#define TL_SERVE_SERVER_H

#include "serve/desk.h"
#include "serve/exchange.h"
#include "serve/gate.h"
#include "serve/http.h"
#include "serve/models.h"
#include "serve/serve.h"

struct tl_server {
    const struct tl_serve_options *options;
    struct tl_gate gate;
    struct tl_models models;
    struct tl_desk desk;
    struct tl_http *http;
    uint64_t began_ns;
    int64_t began;                       /* seconds since 1970 */
    bool stopping;
};

/* A model is open: answers may begin. It is about to be closed, and nobody uses it. */
int tl_server_opened(struct tl_server *server, struct trill_model *model, uint32_t sessions);
void tl_server_closing(struct tl_server *server);

void tl_server_log(const struct tl_server *server, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif
