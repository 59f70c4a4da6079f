/* SPDX-License-Identifier: MIT */
/* Conversations kept for the page, in the SQLite file conversations.db of a folder. A conversation is a tree of messages: an edit
 * or a retry is a further child of the same parent, and `head` names the leaf that is shown.
 *
 * Documents are JSON: {"id","title","created","changed","head","settings":{},"messages":[{"id","parent","role","content",
 * "reasoning","data":{}}]}; times are milliseconds since 1970, settings and data the page's own, kept as they are. All calls are
 * safe from any thread. A change is there wholly or not at all, whatever fails.
 * TL_E_USAGE, TL_E_FILE: the request is at fault; TL_E_BUDGET: a bound, or the drive is full; TL_E_IO, TL_E_FAIL: the file is. */
#ifndef TL_SERVE_CONVERSATIONS_H
#define TL_SERVE_CONVERSATIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buffer.h"

enum {
    TL_CONVERSATIONS = 100000, TL_CONVERSATION_MESSAGES = 10000, TL_CONVERSATION_TITLE_BYTES = 1024,
    TL_CONVERSATION_TEXT_BYTES = 16 << 20, TL_CONVERSATION_BYTES = 64 << 20, TL_CONVERSATION_DATA_BYTES = 256 << 10, TL_CONVERSATION_ID_BYTES = 32,
    TL_CONVERSATION_SEARCH_BYTES = 256, TL_CONVERSATION_LIST = 200,
};

struct tl_conversations;

/* The file is opened when it is first used, and again after a failure, so that what is mended meanwhile works. */
int tl_conversations_new(const char *folder, struct tl_conversations **ret_conversations);
void tl_conversations_free(struct tl_conversations *conversations);

/* A place in the list, behind one of its rows: several may have changed in the same millisecond. */
struct tl_conversation_place { int64_t changed, number; };

/* {"conversations":[{"id","title","created","changed","messages","found"}],"next"}, the last changed first. search: words that
 * a title or a message must hold, all of them, each as a part of any word, NULL or "" for none; "found" then is the place, the
 * words between U+0002 and U+0003. from: NULL: the beginning. "next": the place of further ones, "CHANGED.NUMBER"; null: no more. */
int tl_conversations_list(struct tl_conversations *conversations, const char *search, const struct tl_conversation_place *from, uint32_t most,
                          struct tl_buffer *json);

/* 0: there is none of that id; 1: its document. */
int tl_conversations_get(struct tl_conversations *conversations, const char *id, struct tl_buffer *json);
/* The messages that lead to the head, for people. */
int tl_conversations_markdown(struct tl_conversations *conversations, const char *id, struct tl_buffer *markdown);

/* A new one from a document, whose own id counts for nothing. Answers {"id","changed"}. */
int tl_conversations_add(struct tl_conversations *conversations, const char *text, size_t n_bytes, struct tl_buffer *json);
/* What the document names replaces what is there; messages by their ids, others stay. 0: there is none of that id. */
int tl_conversations_change(struct tl_conversations *conversations, const char *id, const char *text, size_t n_bytes, struct tl_buffer *json);
int tl_conversations_remove(struct tl_conversations *conversations, const char *id);       /* 0: there is none of that id */

#endif
