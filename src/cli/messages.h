/* SPDX-License-Identifier: MIT */
/* A conversation: the JSON list of messages that chat templates read. The system message stands first and can be
 * replaced; turns are appended, and taken back to a mark when one fails. */
#ifndef TL_CLI_MESSAGES_H
#define TL_CLI_MESSAGES_H

#include <stddef.h>

#include "base/buffer.h"

struct tl_messages {
    struct tl_buffer system; /* one message object, or empty */
    struct tl_buffer turns;  /* message objects, separated by commas */
};

void tl_messages_init(struct tl_messages *messages);
void tl_messages_done(struct tl_messages *messages);
int tl_messages_system(struct tl_messages *messages, const char *text);       /* NULL or "": none */
int tl_messages_add(struct tl_messages *messages, const char *role, const char *text, size_t n_bytes);
size_t tl_messages_mark(const struct tl_messages *messages);
void tl_messages_back(struct tl_messages *messages, size_t mark);
int tl_messages_json(const struct tl_messages *messages, struct tl_buffer *buffer);  /* replaces what is in the buffer */
int tl_messages_save(const struct tl_messages *messages, const char *path);
/* Replaces the conversation by the list in the file; on failure it stays as it was. */
int tl_messages_load(struct tl_messages *messages, const char *path, size_t *ret_count);

#endif
