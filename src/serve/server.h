/* SPDX-License-Identifier: MIT */
/* The server's parts, for its handlers. Private to this room. */
#ifndef TL_SERVE_SERVER_H
#define TL_SERVE_SERVER_H

#include "serve/answers.h"
#include "serve/cost.h"
#include "serve/conversations.h"
#include "serve/desk.h"
#include "serve/exchange.h"
#include "serve/gate.h"
#include "serve/http.h"
#include "serve/metrics.h"
#include "serve/models.h"
#include "serve/serve.h"

struct tl_server {
    const struct tl_serve_options *options;
    struct tl_gate gate;
    struct tl_models models;
    struct tl_answers answers;
    struct tl_metrics metrics;
    struct tl_cost cost;
    struct tl_desk desk;
    struct tl_http *http;
    struct tl_conversations *conversations;          /* NULL: none are kept */
    uint64_t began_ns;
    int64_t began;                       /* seconds since 1970 */
};

void tl_server_log(const struct tl_server *server, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif
