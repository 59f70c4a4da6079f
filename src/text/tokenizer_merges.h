/* SPDX-License-Identifier: MIT */
/* The merges of a tokenizer as files list them, whatever it is run by. Private to tokenizer_write*.c. */
#ifndef TL_TEXT_TOKENIZER_MERGES_H
#define TL_TEXT_TOKENIZER_MERGES_H

#include "text/tokenizer_private.h"

struct tl_merge_list { struct tl_merge *merge; uint64_t count, capacity; };      /* by rank; ids are those of the vocabulary */

/* Of its table of merges; from scores, or from ranks, those that make tokens. */
int tl_tokenizer_list_merges(const struct tl_tokenizer *tokenizer, struct tl_merge_list *ret_list);
/* All pairs of tokens that are together a token, rank 0. */
int tl_tokenizer_list_pairs(const struct tl_tokenizer *tokenizer, struct tl_merge_list *ret_list);
void tl_merge_list_done(struct tl_merge_list *list);

#endif
