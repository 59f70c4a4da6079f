/* SPDX-License-Identifier: MIT */
/* Requests of Anthropic's messages. Private to form_messages.c and messages_*.c. */
#ifndef TL_WIRE_MESSAGES_READ_H
#define TL_WIRE_MESSAGES_READ_H

#include "wire/talk.h"
#include "wire/translate.h"

struct tl_messages {
    struct tl_buffer system;             /* its parts, as JSON */
    struct tl_talk talk;
    bool some;                           /* there were messages */
};

int tl_messages_read(struct tl_openai_request *request, const char *where, const char *text, size_t n_bytes);
/* messages_talk.c: the next value. */
int tl_messages_take_list(struct tl_json *json, struct tl_messages *own);
int tl_messages_take_system(struct tl_json *json, struct tl_messages *own);

#endif
