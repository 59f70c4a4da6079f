/* SPDX-License-Identifier: MIT */
/* A request that is being answered, part by part, in sessions that the caller provides: the prompt is set, the answer
 * generated, told apart into events, and written in the request's form.
 *
 * Several threads may answer parts at once; what is written goes out one piece at a time. */
#ifndef TL_ENGINE_REPLY_H
#define TL_ENGINE_REPLY_H

#include "engine/ask.h"
#include "engine/session.h"

struct tl_reply;

struct tl_reply_how {
    struct tl_engine *engine;
    const struct tl_ask *ask;            /* borrowed until the reply is freed */
    const char *id;                      /* without a prefix; NULL: made up */
    const char *model;                   /* name in the answer; NULL: the request's, or "" */
    int64_t created;                     /* seconds since 1970; 0: now */
    int (*write)(void *context, const char *bytes, size_t n_bytes);   /* non-zero: the reader is gone */
    void *context;
};

struct tl_replied {
    const char *finish;                  /* "stop", "length", "tool_calls", "cancelled" */
    struct tl_usage usage;
    uint32_t calls;
    double first_token_seconds;
};

/* One for each answer to each prompt; of embeddings a few, each of several inputs. */
uint32_t tl_reply_parts(const struct tl_ask *ask);
int tl_reply_new(const struct tl_reply_how *how, struct tl_reply **ret_reply);
void tl_reply_free(struct tl_reply *reply);                           /* NULL is fine */
/* Each part once; the first begins what is written, the last to end ends it. A failure is written where a stream has begun, and
 * ends the other parts too. ret may be NULL. */
int tl_reply_part(struct tl_reply *reply, uint32_t part, struct tl_session *session, struct tl_replied *ret_replied);
int tl_reply_beat(struct tl_reply *reply);           /* a sign of life in a stream */
void tl_reply_cancel(struct tl_reply *reply);        /* async-signal-safe */

#endif
