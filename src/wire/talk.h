/* SPDX-License-Identifier: MIT */
/* A conversation written as messages of chat completions from pieces in the order in which other APIs have them: what an
 * assistant thinks, says and calls one behind the other is one message. Private to the forms that translate. */
#ifndef TL_WIRE_TALK_H
#define TL_WIRE_TALK_H

#include <stdbool.h>

#include "base/buffer.h"

struct tl_talk_call { char *id, *name; };

struct tl_talk {
    struct tl_buffer out;                /* messages, commas between them */
    struct tl_buffer reasoning, text, calls;         /* of the assistant's message that is open */
    bool open, said;                     /* said: it has a text */
    struct tl_talk_call *call;           /* all of them, for the names of their results */
    uint64_t n_calls, room;
    uint32_t *slot;                      /* [n_slots] by the hash of an id: a call, + 1 */
    uint64_t n_slots;
};

void tl_talk_init(struct tl_talk *talk);
void tl_talk_done(struct tl_talk *talk);
/* A part of a content that is a list, behind those that are there. */
int tl_talk_part(struct tl_buffer *out, const char *text, size_t n_bytes);
/* content: JSON, a string or a list of parts. */
int tl_talk_message(struct tl_talk *talk, const char *role, const char *content, size_t n_bytes);
int tl_talk_result(struct tl_talk *talk, const char *id, const char *content, size_t n_bytes);
int tl_talk_reasoning(struct tl_talk *talk, const char *text, size_t n_bytes);
int tl_talk_text(struct tl_talk *talk, const char *text, size_t n_bytes);
int tl_talk_call(struct tl_talk *talk, const char *id, const char *name, const char *arguments, size_t n_bytes);
int tl_talk_flush(struct tl_talk *talk);             /* the assistant's message ends */

#endif
