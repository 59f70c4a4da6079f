/* SPDX-License-Identifier: MIT */
/* The tokens of a vocabulary by their bytes: nodes in the order of a walk that goes down first, so that a branch is left by
 * jumping to `skip`. Ids with the same bytes stand behind each other. Control tokens and ends of generation have no place in it.
 *
 * Most tokens are plain: whole characters that a JSON string holds as they are (no control characters, quotes, backslashes). Where all
 * plain characters lead the same way they are allowed together, by their number of characters, and only the others are walked. A branch
 * whose bytes all lead back to the set that its node has led to is allowed at once. */
#ifndef TL_GRAMMAR_TRIE_H
#define TL_GRAMMAR_TRIE_H

#include "grammar/grammar.h"

enum {
    TL_TRIE_DEPTH = 255,                 /* longer tokens are left out */
    TL_TRIE_PLAIN = 32,                  /* characters of a plain token; longer ones are walked */
};

struct tl_trie_node {
    uint32_t skip;           /* the first node behind this branch */
    uint32_t first;          /* its ids: id [first, first of the next node) */
    uint8_t byte, depth;     /* the root has depth 0 */
    bool mixed;              /* the branch has tokens that are not plain */
    uint64_t ranges;         /* tl_byte_ranges of the bytes below it, as bits */
};

struct tl_trie {
    struct tl_trie_node *node;           /* [n_nodes + 1] */
    int32_t *id;                         /* [n_ids] */
    int32_t *ends;
    uint64_t *plain;                     /* [TL_TRIE_PLAIN + 1][n_words]: plain tokens of at most so many characters */
    const struct tl_tokenizer *tokenizer;
    uint64_t n_nodes, n_ids, node_cap;
    uint32_t n_ends, n_vocab, n_words;   /* n_words: of 64 bits, of a mask */
    uint32_t child[256];                 /* of the root; 0: none */
    unsigned depth;                      /* bytes of the longest token */
};

/* The node behind a byte; 0: none. */
uint32_t tl_trie_child(const struct tl_trie *trie, uint32_t node, uint8_t byte);

static inline bool tl_trie_has_id(const struct tl_trie *trie, uint32_t node) { return trie->node[node].first < trie->node[node + 1].first; }

#endif
