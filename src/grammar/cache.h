/* SPDX-License-Identifier: MIT */
/* Compiled grammars that are kept, as clients send the same schemas and tools again and again: found by the digest of what they
 * are made of. Those used last stay, within a bound of bytes; those in use always do. Any thread. */
#ifndef TL_GRAMMAR_CACHE_H
#define TL_GRAMMAR_CACHE_H

#include "base/hash.h"
#include "grammar/grammar.h"

struct tl_grammar_cache;
int tl_grammar_cache_new(struct tl_grammar_cache **ret_cache);
void tl_grammar_cache_free(struct tl_grammar_cache *cache);           /* NULL is fine; all were given back */

/* The grammar of that key, or the one that `make` makes, which is asked without the lock. To be given back. */
int tl_grammar_cache_take(struct tl_grammar_cache *cache, const uint8_t key[TL_SHA256_BYTES],
                          int (*make)(const void *context, struct tl_grammar **ret_grammar), const void *context,
                          const struct tl_grammar **ret_grammar);
/* tl_matcher_least before the first token, of a grammar that was taken from the cache: measured once, as all who ask have the same trie. */
int tl_grammar_cache_least(struct tl_grammar_cache *cache, const struct tl_grammar *grammar, const struct tl_trie *trie, uint32_t *ret_least);
void tl_grammar_cache_give_back(struct tl_grammar_cache *cache, const struct tl_grammar *grammar);    /* NULL is fine */

#endif
