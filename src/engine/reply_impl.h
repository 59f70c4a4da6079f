/* SPDX-License-Identifier: MIT */
/* A reply and what its parts do with it. Private to reply*.c. */
#ifndef TL_ENGINE_REPLY_IMPL_H
#define TL_ENGINE_REPLY_IMPL_H

#include <pthread.h>

#include "engine/reply.h"

enum { TL_REPLY_ID_BYTES = 16 };

struct tl_reply {
    struct tl_reply_how how;
    const struct tl_openai_request *request;
    const struct tl_form *form;
    struct tl_form_writer *writer;
    char id[2 * TL_REPLY_ID_BYTES + 1];
    volatile int cancel;                 /* all parts end soon; watched by sessions */
    pthread_mutex_t lock;                /* of what follows, and of writing */
    struct tl_buffer out;
    uint32_t n_parts, n_left;
    bool begun, failed, gone;            /* how it begins is written; a failure is; nobody reads */
};

/* The first part that comes writes how the answer begins. */
int tl_reply_begin(struct tl_reply *reply);
/* TL_E_CANCEL: nobody wants it any more. */
int tl_reply_event(struct tl_reply *reply, const struct tl_event *event);
/* A part has ended well; the last one writes how the answer ends. */
int tl_reply_end(struct tl_reply *reply);
/* The first failure is written and ends all parts; a reader who is gone is none. */
void tl_reply_fail(struct tl_reply *reply, int status);

/* reply_embed.c: the inputs part, part + n_parts, ... */
int tl_reply_embed(struct tl_reply *reply, uint32_t part, struct tl_session *session, struct tl_replied *replied);

#endif
