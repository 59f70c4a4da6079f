/* SPDX-License-Identifier: MIT */
/* The server: the one entry of this room. */
#ifndef TL_SERVE_SERVE_H
#define TL_SERVE_SERVE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct trill_model;
struct trill_account;

/* A model that can be asked for. One is open at a time: asking for another one waits until what runs has ended. */
struct tl_serve_model { const char *name, *path; };

struct tl_serve_options {
    const struct tl_serve_model *models; /* the first is opened at once */
    size_t n_models;
    const char *const *aliases;          /* other names of the first */
    size_t n_aliases;
    /* How a model is opened, and closed, with its account (which may be NULL); from the thread that called tl_serve, which listens
     * meanwhile. progress may be called while it loads. */
    int (*open)(void *context, const struct tl_serve_model *model, void (*progress)(void *progress_context, uint64_t done_bytes, uint64_t total_bytes),
                void *progress_context, struct trill_model **ret_model, struct trill_account **ret_account);
    void (*close)(void *context, struct trill_model *model, struct trill_account *account, int status);
    void *context;
    const char *defaults;                /* JSON: fields that requests leave unsaid; NULL: none */
    bool vary_seed;                      /* a request that names no seed has one of its own; `defaults` name none */
    const char *host;                    /* address to listen on; NULL: 127.0.0.1 */
    uint16_t port;                       /* 0: any that is free */
    uint32_t queue;                      /* parts of requests that may wait; beyond: 429 */
    const char *const *keys;             /* any of them is good; none: no key is asked for */
    size_t n_keys;
    bool keyless;                        /* others than this machine may come without a key */
    const char *const *origins;          /* that browsers may come from besides this server's own and localhost */
    size_t n_origins;
    const char *const *hosts;            /* names by which this server may be called besides its addresses and localhost */
    size_t n_hosts;
    const char *state;                   /* folder of conversations; NULL: none are kept */
    const char *metrics_names;           /* "trill" or "vllm"; NULL: trill */
    double ping_seconds;                 /* a sign of life in a stream that is silent for so long */
    double idle_seconds;                 /* that a connection may be silent between requests, and within one */
    double request_seconds;              /* that a request may take; 0: no bound */
    double stop_seconds;                 /* that what runs may take to end when the server is stopped */
    bool access_log;                     /* a line a request */
    void (*ready)(void *context, uint16_t port);     /* it listens; models may still be loading */
    void (*log)(void *context, const char *line);
    const volatile int *stop;            /* non-zero: no more is taken on, what runs may end within some seconds */
};

int tl_serve(const struct tl_serve_options *options);

#endif
