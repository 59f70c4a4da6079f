/* SPDX-License-Identifier: MIT */
/* One sequence: its ids, what of them is computed, and the logits behind the last one. Driven by one thread at a time. */
#ifndef TL_ENGINE_SESSION_H
#define TL_ENGINE_SESSION_H

#include "engine/engine.h"

struct tl_session {
    struct tl_engine *engine;
    struct tl_state *state;              /* its length: how many ids are computed */
    int32_t *ids;                        /* [context] */
    uint32_t n_ids;
    uint32_t n_reused;                   /* ids that were found computed, in this state or others, when it was set or last asked for an answer */
    float *logits;                       /* [vocab] */
    uint32_t logits_at;                  /* they follow this many ids; 0: none */
    struct tl_sampler *sampler;
    struct tl_drafter *drafter;          /* NULL: nothing is drafted */
    _Atomic int cancel;
    struct tl_session *next;             /* open beside it */
    const volatile int *stop;            /* of whoever drives it: while not 0, as good as cancelled; may be NULL */
};

static inline bool tl_session_stops(const struct tl_session *session)
{
    return atomic_load(&session->cancel) || (session->stop && __atomic_load_n(session->stop, __ATOMIC_RELAXED));
}

int tl_session_open(struct tl_engine *engine, struct tl_session **ret_session);
void tl_session_close(struct tl_session *session);
void tl_session_cancel(struct tl_session *session);                   /* async-signal-safe */

/* An empty list forgets: what was computed is not kept for others either. */
int tl_session_set(struct tl_session *session, const int32_t *ids, size_t count);
int tl_session_append(struct tl_session *session, const int32_t *ids, size_t count);
int tl_session_fork(struct tl_session *session, struct tl_session **ret_session);
int tl_session_save(struct tl_session *session, const char *path);
int tl_session_load(struct tl_session *session, const char *path);

/* The state goes back to so many ids at most; the ids stay. */
void tl_session_truncate(struct tl_session *session, uint32_t length);

/* Computes what is not computed yet. row: the logits behind the id at each such place, in order, from some thread of a step; may be
 * NULL; non-zero stops (TL_E_CANCEL). */
int tl_session_compute(struct tl_session *session, int (*row)(void *context, uint32_t place, const float *logits), void *context);
/* The same, and the logits behind the last id; borrowed until the next call. */
int tl_session_logits(struct tl_session *session, const float **ret_logits);
/* ret [width]: the mean of what the last norm puts out for each of these ids, of length 1. The session is set to them. */
int tl_session_embed(struct tl_session *session, const int32_t *ids, size_t count, float *ret);

#endif
