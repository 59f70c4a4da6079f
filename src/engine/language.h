/* SPDX-License-Identifier: MIT */
/* What answers of an engine may be bound to: the trie of its vocabulary, made when it is first needed, the family of its turns,
 * and the grammars that were compiled lately (grammar/cache.h). Any thread. */
#ifndef TL_ENGINE_LANGUAGE_H
#define TL_ENGINE_LANGUAGE_H

#include "engine/engine.h"
#include "wire/turn.h"

enum tl_language_kind { TL_LANGUAGE_GBNF, TL_LANGUAGE_SCHEMA, TL_LANGUAGE_ANY_JSON };

struct tl_languages;
int tl_languages_new(struct tl_engine *engine);
void tl_languages_free(struct tl_engine *engine);

const struct tl_turn_family *tl_language_family(const struct tl_engine *engine);
int tl_language_trie(const struct tl_engine *engine, const struct tl_trie **ret_trie);
/* Compiled, or found; to be given back. `where` begins the sentence of a failure; text NULL for TL_LANGUAGE_ANY_JSON. */
int tl_language_take(const struct tl_engine *engine, enum tl_language_kind kind, const char *where, const char *text, size_t n_bytes,
                     const struct tl_grammar **ret_grammar);
void tl_language_give_back(const struct tl_engine *engine, const struct tl_grammar *grammar);         /* NULL is fine */

/* A turn of the engine's model: fills in family, tokenizer, trie and grammars. */
int tl_language_turn(const struct tl_engine *engine, struct tl_turn_how *how, struct tl_turn **ret_turn);

/* A guide that holds an answer to a grammar. The grammar is borrowed until it is freed. */
struct tl_fence;
int tl_fence_new(const struct tl_engine *engine, const struct tl_grammar *grammar, struct tl_fence **ret_fence);
void tl_fence_free(struct tl_fence *fence);          /* NULL is fine */
struct tl_guide *tl_fence_guide(struct tl_fence *fence);
uint32_t tl_fence_least(const struct tl_fence *fence);               /* tokens that an answer takes at least */

#endif
