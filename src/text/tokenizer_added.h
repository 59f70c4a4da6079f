/* SPDX-License-Identifier: MIT */
/* Added tokens as repositories list them (tokenizer.json's added_tokens, tokenizer_config.json's added_tokens_decoder):
 * collected first, then given their ids, then, once the normaliser is known, looked for in text. */
#ifndef TL_TEXT_TOKENIZER_ADDED_H
#define TL_TEXT_TOKENIZER_ADDED_H

#include "text/tokenizer_private.h"

struct tl_tokenizer_added { uint32_t at, n_bytes, id; bool lstrip, rstrip, single_word, normalized, special; };

struct tl_tokenizer_added_list {
    struct tl_tokenizer_added *token;
    uint32_t count;
    uint64_t capacity;
    struct tl_buffer text;               /* a token's text lies at .at */
};

void tl_tokenizer_added_init(struct tl_tokenizer_added_list *list);
void tl_tokenizer_added_done(struct tl_tokenizer_added_list *list);
int tl_tokenizer_added_put(struct tl_tokenizer_added_list *list, const struct tl_tokenizer_added *token);      /* its text is there */
/* Into the vocabulary, which may have a name already: under the same id. Ids above `limit` are refused. */
int tl_tokenizer_added_name(const struct tl_tokenizer_added_list *list, struct tl_tokenizer *tokenizer, const char *where, uint64_t limit);
int tl_tokenizer_added_match(const struct tl_tokenizer_added_list *list, struct tl_tokenizer *tokenizer);

#endif
