/* SPDX-License-Identifier: MIT */
/* Masks of the vocabulary: a walk over the trie with the set of stacks behind every byte. The masks of the sets that were
 * asked for last are kept; the one to give up is found as a clock finds pages. */
#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "grammar/matcher.h"

enum { MASK_BYTES = 8 << 20 };

void tl_masks_clear(struct tl_masks *masks)
{
    for (uint32_t i = 0; i < masks->n; i++)
        masks->mask[i].set = TL_STACKS_DEAD;
}

void tl_masks_done(struct tl_masks *masks)
{
    for (uint32_t i = 0; i < masks->n; i++)
        tl_free(masks->mask[i].bits);
    tl_free(masks->mask);
}

static void set_bits(const struct tl_trie *trie, uint32_t node, uint64_t *bits)
{
    for (uint32_t i = trie->node[node].first; i < trie->node[node + 1].first; i++)
        bits[trie->id[i] / 64] |= 1ull << trie->id[i] % 64;
}

/* `left` tokens may come behind the id; UINT32_MAX: no bound. */
static void walk(struct tl_matcher *matcher, uint32_t left, uint64_t *bits, uint32_t *ret_most)
{
    const struct tl_trie *trie = matcher->trie;
    struct tl_stacks *stacks = &matcher->stacks;
    uint32_t way[TL_TRIE_DEPTH + 1] = {matcher->set};
    for (uint32_t i = 1; i < trie->n_nodes;) {
        const struct tl_trie_node *node = &trie->node[i];
        uint32_t to = tl_stacks_step(stacks, way[node->depth - 1], node->byte);
        if (to == TL_STACKS_DEAD) {
            i = node->skip;
            continue;
        }
        way[node->depth] = to;
        if (tl_trie_has_id(trie, i)) {
            uint32_t least = stacks->set[to].least;
            *ret_most = least > *ret_most ? least : *ret_most;
            if (least <= left || tl_matcher_tokens(matcher, to) <= left)
                set_bits(trie, i, bits);
        }
        i++;
    }
}

/* A place for one more mask, another's if need be. */
static struct tl_mask *place(struct tl_matcher *matcher)
{
    struct tl_masks *masks = &matcher->masks;
    if (masks->limit == 0) {
        uint32_t limit = MASK_BYTES / (8 * (matcher->trie->n_words + 1));
        limit = limit < 16 ? 16 : limit > 1024 ? 1024 : limit;
        if (!(masks->mask = tl_alloc(limit, sizeof *masks->mask)))
            return NULL;
        masks->limit = limit;
    }
    if (masks->n < masks->limit) {
        struct tl_mask *mask = &masks->mask[masks->n];
        if (!(mask->bits = tl_alloc(matcher->trie->n_words + 1, sizeof *mask->bits)))
            return NULL;
        masks->n++;
        return mask;
    }
    for (;; masks->hand++) {
        struct tl_mask *mask = &masks->mask[masks->hand % masks->limit];
        if (!mask->used) {
            if (mask->set != TL_STACKS_DEAD)
                matcher->stacks.set[mask->set].mask = 0;
            masks->hand++;
            return mask;
        }
        mask->used = false;
    }
}

static int find(struct tl_matcher *matcher, struct tl_mask **ret_mask)
{
    uint32_t known = matcher->stacks.set[matcher->set].mask;
    struct tl_mask *mask = known ? &matcher->masks.mask[known - 1] : place(matcher);
    if (!mask)
        return TL_E_NOMEM;
    if (!known) {
        mask->set = TL_STACKS_DEAD;
        mask->most = 0;
        memset(mask->bits, 0, matcher->trie->n_words * sizeof *mask->bits);
        walk(matcher, UINT32_MAX, mask->bits, &mask->most);
        if (matcher->stacks.status < 0)
            return matcher->stacks.status;
        mask->set = matcher->set;
        matcher->stacks.set[matcher->set].mask = (uint32_t)(mask - matcher->masks.mask) + 1;
    }
    mask->used = true;
    *ret_mask = mask;
    return 0;
}

int tl_matcher_allow(struct tl_matcher *matcher, uint32_t left, uint64_t *allowed)
{
    const struct tl_trie *trie = matcher->trie;
    struct tl_mask *mask;
    int r = find(matcher, &mask);
    if (r < 0)
        return r;
    uint32_t behind = left == 0 || left == UINT32_MAX ? UINT32_MAX : left - 1;
    if (mask->most <= behind || tl_matcher_tokens(matcher, matcher->set) > left)
        memcpy(allowed, mask->bits, trie->n_words * sizeof *allowed);
    else {
        memset(allowed, 0, trie->n_words * sizeof *allowed);
        walk(matcher, behind, allowed, &(uint32_t){0});
    }
    if (tl_matcher_may_end(matcher))
        for (uint32_t i = 0; i < trie->n_ends; i++)
            allowed[trie->ends[i] / 64] |= 1ull << trie->ends[i] % 64;
    return matcher->stacks.status;
}
