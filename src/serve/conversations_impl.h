/* SPDX-License-Identifier: MIT */
/* What the files of the conversations share. */
#ifndef TL_SERVE_CONVERSATIONS_IMPL_H
#define TL_SERVE_CONVERSATIONS_IMPL_H

#include <pthread.h>

#include "serve/conversations.h"
#include "serve/sql.h"

struct tl_conversations {
    pthread_mutex_t lock;
    char *path;
    struct tl_sql sql;                   /* database NULL: not open */
};

/* Takes the lock and opens the file where it is not; leave gives the lock back, and gives up a file that failed. */
int tl_conversations_enter(struct tl_conversations *conversations);
int tl_conversations_leave(struct tl_conversations *conversations, int status);        /* returns status */

/* The row of a conversation; 0: there is none. */
int tl_conversations_find(const struct tl_sql *sql, const char *id, int64_t *ret_number);

/* conversation_read.c: a document into the rows of a conversation that is there, within the caller's transaction. */
int tl_conversation_read(const struct tl_sql *sql, int64_t number, bool times, const char *text, size_t n_bytes);

#endif
