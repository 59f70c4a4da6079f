/* SPDX-License-Identifier: MIT */
/* Inside a matcher: the stacks of the answer so far, and masks of the vocabulary that are kept. */
#ifndef TL_GRAMMAR_MATCHER_H
#define TL_GRAMMAR_MATCHER_H

#include "grammar/stacks.h"
#include "grammar/trie.h"

/* Which ids may follow a set of stacks, ends aside. */
struct tl_mask {
    uint64_t *bits;          /* [words of the trie] */
    uint32_t set;            /* whose it is */
    uint32_t most;           /* of the sets behind the ids, the largest `least` */
    bool used;               /* since the hand of the clock came by */
};

struct tl_masks {
    struct tl_mask *mask;
    uint32_t n, hand, limit;
};

struct tl_matcher {
    const struct tl_trie *trie;
    struct tl_stacks stacks;
    struct tl_masks masks;
    uint32_t set;
    uint32_t *chain;         /* sets on the way to an end */
    uint64_t chain_cap;
};

void tl_masks_done(struct tl_masks *masks);
void tl_masks_clear(struct tl_masks *masks);
/* Tokens of the shortest text behind a set, an upper bound; UINT32_MAX - 1: the vocabulary has none for it. */
uint32_t tl_matcher_tokens(struct tl_matcher *matcher, uint32_t set);

#endif
