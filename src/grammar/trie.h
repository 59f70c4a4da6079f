/* SPDX-License-Identifier: MIT */
/* The tokens of a vocabulary by their bytes: nodes in the order of a walk that goes down first, so that a branch is left by
 * jumping to `skip`. Ids with the same bytes stand behind each other. Control tokens and ends of generation have no place in it. */
#ifndef TL_GRAMMAR_TRIE_H
#define TL_GRAMMAR_TRIE_H

#include "grammar/grammar.h"

enum { TL_TRIE_DEPTH = 255 };            /* longer tokens are left out */

struct tl_trie_node {
    uint32_t skip;           /* the first node behind this branch */
    uint32_t first;          /* its ids: id [first, first of the next node) */
    uint8_t byte, depth;     /* the root has depth 0 */
};

struct tl_trie {
    struct tl_trie_node *node;           /* [n_nodes + 1] */
    int32_t *id;                         /* [n_ids] */
    int32_t *ends;
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
