/* SPDX-License-Identifier: MIT */
/* Requests that are being answered: from the body to the last byte, in sessions of the open model, a thread each.
 *
 * A request is read at the desk, waits in the queue for its turn, part by part, and ends when the last part has. Who has left is
 * cancelled at once, also in its prompt; what was computed for it stays with the model for whoever asks the same again. */
#ifndef TL_SERVE_ANSWERS_H
#define TL_SERVE_ANSWERS_H

#include <stdatomic.h>

#include "serve/exchange.h"
#include "serve/queue.h"
#include "trill.h"

enum { TL_ANSWERS_KEPT = 100, TL_ANSWER_ID_BYTES = 33 };

/* An answer for tables: while it runs, and when it has ended. */
struct tl_answer_note {
    char id[TL_ANSWER_ID_BYTES], form[16], model[64];
    const char *finish;                  /* NULL: it runs */
    int64_t began;                       /* seconds since 1970 */
    uint32_t parts;
    double seconds, queue_seconds;       /* since it came; of these in the queue */
    double joules, money;                /* < 0: unknown */
    struct trill_answered sums;          /* over its parts */
};

/* A request at work. */
struct tl_task {
    struct tl_queue_entry entry;         /* first */
    struct tl_task *next, *last;         /* of those at work */
    struct tl_server *server;
    struct tl_exchange *exchange;        /* until the reply or the stream */
    struct tl_stream *stream;            /* NULL: one document at the end */
    struct tl_buffer document;
    struct trill_request *request;
    const char *form;
    char id[TL_ANSWER_ID_BYTES], model[64];
    int64_t began;
    uint64_t began_ns;
    _Atomic uint64_t first_ns;           /* a part was taken on; 0: it waits */
    _Atomic uint64_t last_piece_ns;      /* when the last piece was written; 0: none was */
    _Atomic uint32_t pieces;             /* that were written, signs of life aside: about a token each */
    atomic_bool gone;
    bool dropped;                        /* what waited of it was taken out of the queue */
    uint64_t prompt_tokens;
    uint32_t left;                       /* parts that have not ended */
    int status;                          /* the first failure */
    char sentence[512];
    struct trill_answered sums;
};

struct tl_answers {
    struct tl_server *server;
    struct tl_queue queue;
    pthread_mutex_t lock;                /* of all below, and of sums and counts in tasks */
    struct tl_task *tasks;
    uint32_t n_running;                  /* parts */
    struct tl_answer_note kept[TL_ANSWERS_KEPT];     /* a ring of those that have ended */
    uint64_t n_kept;
    struct trill_session **sessions;
    pthread_t *threads;
    uint32_t n_threads, n_sessions;
};

void tl_answers_init(struct tl_answers *answers, struct tl_server *server, uint64_t queue);
void tl_answers_done(struct tl_answers *answers);
/* A model is open: so many threads, each with a session. */
int tl_answers_open(struct tl_answers *answers, struct trill_model *model, uint32_t sessions);
void tl_answers_close(struct tl_answers *answers);   /* when no request is at work */
void tl_answers_tick(struct tl_answers *answers, double ping_seconds);

/* "0123...": 32 digits that nobody can guess. */
void tl_answers_make_id(char ret_id[TL_ANSWER_ID_BYTES]);

#endif
