/* SPDX-License-Identifier: MIT */
/* Grammars of answers: a language of bytes, compiled from GBNF (the notation of llama.cpp's grammars) or from a JSON schema
 * (draft 2020-12, as agents ship it), and matchers that follow an answer through one.
 *
 * A compiled grammar is never changed and may be shared by threads. What cannot be enforced is refused by its name; what only
 * narrows the language of a tool's arguments (flag LOOSE) may be dropped instead. Sizes, depth and work are bounded. */
#ifndef TL_GRAMMAR_GRAMMAR_H
#define TL_GRAMMAR_GRAMMAR_H

#include "base/buffer.h"
#include "text/tokenizer.h"

struct tl_grammar;

enum {
    TL_GRAMMAR_LOOSE = 1,                /* keywords that cannot be enforced widen the language; tl_grammar_dropped names them */
};

int tl_grammar_from_gbnf(const char *where, const char *text, size_t n_bytes, struct tl_grammar **ret_grammar);
int tl_grammar_from_schema(const char *where, const char *json, size_t n_bytes, unsigned flags, struct tl_grammar **ret_grammar);
int tl_grammar_any_json(struct tl_grammar **ret_grammar);             /* an object: response_format json_object */
/* One behind the other: literals before and after, choices between several. The parts are borrowed until it returns. For
 * tool calls: {"name": "f", "arguments": <schema>}. */
struct tl_grammar_part { const char *literal; size_t n_bytes; const struct tl_grammar *grammar; };      /* one of the two */
int tl_grammar_join(const struct tl_grammar_part *parts, size_t n_parts, struct tl_grammar **ret_grammar);
int tl_grammar_either(const struct tl_grammar *const *choices, size_t n_choices, struct tl_grammar **ret_grammar);
void tl_grammar_free(struct tl_grammar *grammar);
const char *tl_grammar_dropped(const struct tl_grammar *grammar);     /* names of keywords, commas between them; "" */
/* Bytes of the shortest text of the language, and that text (tl_free). */
int tl_grammar_shortest(const struct tl_grammar *grammar, char **ret_text, size_t *ret_bytes);

/* A vocabulary as the trie of its tokens' bytes; built once a tokenizer, which it borrows, and shared by threads. */
struct tl_trie;
int tl_trie_new(const struct tl_tokenizer *tokenizer, struct tl_trie **ret_trie);
void tl_trie_free(struct tl_trie *trie);

/* Where an answer is in a grammar. One thread's at a time. Grammar and trie are borrowed. Without a trie only take_bytes, may_end
 * and must_end may be asked. */
struct tl_matcher;
int tl_matcher_new(const struct tl_grammar *grammar, const struct tl_trie *trie, struct tl_matcher **ret_matcher);
void tl_matcher_free(struct tl_matcher *matcher);
/* Sets the bit of every id whose bytes the grammar allows here, and, where it may end, of the ends of generation. Clears the others.
 * With `left` tokens still to come (this one included, ends of generation not) only ids behind which a way to the end is left; where
 * there is none, because `left` is below tl_matcher_least, it is not looked at. allowed: [(vocabulary + 63) / 64]. */
int tl_matcher_allow(struct tl_matcher *matcher, uint32_t left, uint64_t *allowed);
int tl_matcher_take(struct tl_matcher *matcher, int32_t id);          /* TL_E_USAGE: not allowed here */
int tl_matcher_take_bytes(struct tl_matcher *matcher, const char *bytes, size_t n_bytes);
bool tl_matcher_may_end(const struct tl_matcher *matcher);
bool tl_matcher_must_end(const struct tl_matcher *matcher);           /* nothing else may come */
uint32_t tl_matcher_least(const struct tl_matcher *matcher);          /* tokens that still must come, an upper bound of the least */
/* The ids that the grammar leaves no choice of, as a tokenizer would write them: how many of `room`. A draft: with few tokens
 * left the first may yet be one that tl_matcher_allow does not allow. */
uint32_t tl_matcher_forced(struct tl_matcher *matcher, int32_t *ret_ids, uint32_t room);

#endif
