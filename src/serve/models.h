/* SPDX-License-Identifier: MIT */
/* The models of a server: one is open at a time. Requests for it enter and leave; requests for another one are parked until what
 * runs has left, and are then handled anew. Opening and closing happen in the thread that called tl_models_run. */
#ifndef TL_SERVE_MODELS_H
#define TL_SERVE_MODELS_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>

#include "serve/exchange.h"
#include "serve/serve.h"
#include "trill.h"

enum { TL_MODELS_WHY_BYTES = 512 };
enum tl_models_state { TL_MODELS_CLOSED, TL_MODELS_LOADING, TL_MODELS_READY, TL_MODELS_FAILED };

struct tl_models_parked {
    struct tl_models_parked *next;
    struct tl_exchange *exchange;
    size_t index;
    atomic_bool left;                    /* its client has */
};

struct tl_models {
    struct tl_server *server;
    const struct tl_serve_options *options;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    enum tl_models_state state;
    _Atomic size_t current;              /* the one that is open, or was to be */
    bool was_ready, ends;
    struct trill_model *model;
    struct trill_account *account;
    struct trill_model_figures figures;  /* as it was opened; of one that is not open the numbers alone may be used */
    uint32_t users;
    struct tl_models_parked *first, **last;
    size_t n_parked;
    char error[TL_MODELS_WHY_BYTES];     /* of TL_MODELS_FAILED */
    _Atomic uint64_t done_bytes, total_bytes;
};

void tl_models_init(struct tl_models *models, struct tl_server *server);
/* Opens the first, then others as they are asked for, until the server is stopped. What fails to open first is returned. */
int tl_models_run(struct tl_models *models);
/* Nothing is opened any more; what is parked is refused. */
void tl_models_end(struct tl_models *models);
void tl_models_close(struct tl_models *models, int status);          /* when all have left */
void tl_models_done(struct tl_models *models);

/* Index of the model of this name or alias; < 0: there is none. */
int tl_models_find(const struct tl_serve_options *options, const char *name);

/* By the name in a request: NULL means the current model, any name the only one there is.
 * 0: *ret_model may be used until tl_models_leave. 1: the exchange is taken care of: it was refused, or will be handled anew. */
int tl_models_enter(struct tl_exchange *exchange, const char *name, struct trill_model **ret_model);
void tl_models_leave(struct tl_models *models);
/* The open model without waiting for it, NULL where there is none; leave as above. */
struct trill_model *tl_models_glance(struct tl_models *models);

/* NULL: a model is ready. Else a code for clients, "stopping", "model_failed" or "loading"; ret_why always is a sentence. */
const char *tl_models_hindrance(struct tl_models *models, char ret_why[TL_MODELS_WHY_BYTES]);
const char *tl_models_name(const struct tl_models *models);           /* of the current one */

#endif
