/* SPDX-License-Identifier: MIT */
/* Tokens that are found in text by their name: control tokens and what vocabularies call added or user-defined.
 * The longest one at the leftmost place wins. */
#ifndef TL_TEXT_ADDED_H
#define TL_TEXT_ADDED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buffer.h"

enum { TL_ADDED_MAX_BYTES = 1024 };

enum {
    TL_ADDED_SPECIAL = 1,        /* found only where control tokens are asked for */
    TL_ADDED_LSTRIP = 2,         /* takes the white space before it along */
    TL_ADDED_RSTRIP = 4,
    TL_ADDED_WORD = 8,           /* not inside a word */
};

struct tl_added_token { uint32_t at, n_bytes; int32_t id; unsigned flags; };

struct tl_added {
    struct tl_buffer text;
    struct tl_added_token *token;        /* sorted by their bytes once finished */
    uint32_t count;
    uint64_t capacity;
    uint32_t first[257];                 /* [first[b], first[b + 1]): those that begin with byte b */
};

void tl_added_done(struct tl_added *added);
int tl_added_add(struct tl_added *added, const char *text, size_t n_bytes, int32_t id, unsigned flags);
void tl_added_finish(struct tl_added *added);    /* after the last add, before the first find */

struct tl_added_match { size_t start, end; int32_t id; };        /* stripped white space included */
/* The first token at or behind `from`; special ones only where asked for, and with `plain` (or NULL) only where no byte of
 * theirs is marked in it. */
bool tl_added_find(const struct tl_added *added, const char *text, size_t n_bytes, size_t from, bool special,
                   const uint8_t *plain, struct tl_added_match *ret_match);

#endif
