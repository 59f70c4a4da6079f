/* SPDX-License-Identifier: MIT */
/* Masks of the vocabulary: a walk over the trie with the set of stacks behind every byte, but for plain tokens where it matters not which
 * characters they have, as inside a string. The masks of the sets that were
 * asked for last are kept; the one to give up is found as a clock finds pages. */
#include <string.h>

#include "base/array.h"
#include "base/error.h"
#include "base/memory.h"
#include "grammar/matcher.h"

enum { MASK_BYTES = 8 << 20, FEW = 8 };             /* FEW: nodes of a branch that are walked one by one */

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

/* Of the ids of nodes [from, to). */
static void set_bits(const struct tl_trie *trie, uint32_t from, uint32_t to, uint64_t *bits)
{
    for (uint32_t i = trie->node[from].first; i < trie->node[to].first; i++)
        bits[trie->id[i] / 64] |= 1ull << trie->id[i] % 64;
}

/* --- plain tokens ------------------------------------------------------------------------------------------------------------- */

/* The bytes of plain characters; E0, ED, F0 and F4 lead to fewer. */
static const struct { uint8_t n, range[4][2]; } plain_bytes[] = {
    {1, {{0x20, 0x21}}}, {1, {{0x23, 0x5B}}}, {1, {{0x5D, 0x7E}}}, {2, {{0xC2, 0xDF}, {0x80, 0xBF}}}, {3, {{0xE0, 0xE0}, {0xA0, 0xBF}, {0x80, 0xBF}}},
    {3, {{0xE1, 0xEC}, {0x80, 0xBF}, {0x80, 0xBF}}}, {3, {{0xED, 0xED}, {0x80, 0x9F}, {0x80, 0xBF}}}, {3, {{0xEE, 0xEF}, {0x80, 0xBF}, {0x80, 0xBF}}},
    {4, {{0xF0, 0xF0}, {0x90, 0xBF}, {0x80, 0xBF}, {0x80, 0xBF}}}, {4, {{0xF1, 0xF3}, {0x80, 0xBF}, {0x80, 0xBF}, {0x80, 0xBF}}},
    {4, {{0xF4, 0xF4}, {0x80, 0x8F}, {0x80, 0xBF}, {0x80, 0xBF}}},
};

/* Do all bytes of these ranges lead from the node to `to`? TL_GRAMMAR_ACCEPT: to any one node, which is noted. */
static bool leads(const struct tl_grammar *grammar, uint32_t index, const uint8_t (*range)[2], unsigned n, uint32_t *to)
{
    const struct tl_grammar_node *node = &grammar->node[index];
    unsigned covered = 0;
    if (node->kind != TL_GRAMMAR_BYTES)
        return false;
    for (uint32_t i = node->a; i < node->a + node->b; i++) {
        const struct tl_grammar_edge *edge = &grammar->edge[i];
        uint8_t lo = edge->lo > (*range)[0] ? edge->lo : (*range)[0], hi = edge->hi < (*range)[1] ? edge->hi : (*range)[1];
        if (lo > hi)
            continue;
        covered += hi - lo + 1u;
        if (n == 1 && *to == TL_GRAMMAR_ACCEPT)
            *to = edge->to;
        if (n == 1 ? *to != edge->to : !leads(grammar, edge->to, range + 1, n - 1, to))
            return false;
    }
    return covered == (unsigned)((*range)[1] - (*range)[0]) + 1;
}

enum { UNKNOWN, NONE, ALL, SOME };       /* of the plain characters a node reads, all of them to one place */

static uint8_t plain_reads(struct tl_stacks *stacks, uint32_t index)
{
    const struct tl_grammar *grammar = stacks->grammar;
    const struct tl_grammar_node *node = &grammar->node[index];
    uint8_t reads = NONE;
    uint32_t to = TL_GRAMMAR_ACCEPT;
    if (stacks->plain[index] != UNKNOWN)
        return stacks->plain[index];
    for (uint32_t i = node->a; i < node->a + node->b; i++)
        for (size_t k = 0; k < TL_COUNT(plain_bytes); k++)
            if ((grammar->edge[i].lo <= plain_bytes[k].range[0][1] && grammar->edge[i].hi >= plain_bytes[k].range[0][0]) || grammar->edge[i].hi >= 0x80)
                reads = ALL;
    for (size_t k = 0; reads == ALL && k < TL_COUNT(plain_bytes); k++)
        if (!leads(grammar, index, plain_bytes[k].range, plain_bytes[k].n, &to))
            reads = SOME;
    return stacks->plain[index] = reads;
}

static uint8_t set_reads(struct tl_stacks *stacks, uint32_t set)
{
    uint8_t reads = NONE;
    for (uint32_t i = 0; i < stacks->set[set].n; i++) {
        uint32_t node = stacks->frame[stacks->set[set].first + i].node;
        uint8_t own = node == TL_GRAMMAR_ACCEPT ? NONE : plain_reads(stacks, node);
        if (own != NONE)
            reads = reads == NONE ? own : SOME;
    }
    return reads;
}

/* The sets behind 1, 2 ... plain characters, as long as it matters not which they are. False: it does. */
static bool plain_chain(struct tl_stacks *stacks, uint32_t set, uint32_t chain[TL_TRIE_PLAIN + 1], unsigned *ret_n)
{
    unsigned n = 0;
    chain[0] = set;
    for (; n < TL_TRIE_PLAIN; n++) {
        uint8_t reads = n > 0 && chain[n] == chain[n - 1] ? ALL : set_reads(stacks, chain[n]);
        if (reads == NONE)
            break;
        if (reads == SOME)
            return false;
        chain[n + 1] = n > 0 && chain[n] == chain[n - 1] ? chain[n] : tl_stacks_step(stacks, chain[n], 'a');
        if (chain[n + 1] == TL_STACKS_DEAD)
            break;
    }
    *ret_n = n;
    return n > 0 && stacks->status >= 0;
}

/* Allows plain tokens all at once; false where they must be walked like others. */
static bool allow_plain(struct tl_matcher *matcher, uint32_t left, uint64_t *bits, uint32_t *ret_most)
{
    const struct tl_trie *trie = matcher->trie;
    uint32_t chain[TL_TRIE_PLAIN + 1];
    unsigned n;
    if (!plain_chain(&matcher->stacks, matcher->set, chain, &n))
        return false;
    for (unsigned from = 1, to; from <= n; from = to + 1) {          /* runs of as many characters as are allowed */
        for (to = from - 1; to < n; to++) {
            uint32_t least = matcher->stacks.set[chain[to + 1]].least;
            if (least > left && tl_matcher_tokens(matcher, chain[to + 1]) > left)
                break;
            *ret_most = least > *ret_most ? least : *ret_most;
        }
        const uint64_t *more = trie->plain + (size_t)to * trie->n_words, *less = trie->plain + (size_t)(from - 1) * trie->n_words;
        for (uint32_t i = 0; to >= from && i < trie->n_words; i++)
            bits[i] |= more[i] & ~less[i];
        to += to < n;                                                /* the one that is not allowed */
    }
    return true;
}

/* --- all tokens ---------------------------------------------------------------------------------------------------------------- */

/* `left` tokens may come behind the id; UINT32_MAX: no bound. */
static void walk(struct tl_matcher *matcher, uint32_t left, uint64_t *bits, uint32_t *ret_most)
{
    const struct tl_trie *trie = matcher->trie;
    struct tl_stacks *stacks = &matcher->stacks;
    uint32_t way[TL_TRIE_DEPTH + 1] = {matcher->set};
    bool plain = allow_plain(matcher, left, bits, ret_most);
    for (uint32_t i = 1; i < trie->n_nodes;) {
        const struct tl_trie_node *node = &trie->node[i];
        if (plain && !node->mixed) {
            i = node->skip;
            continue;
        }
        uint32_t to = tl_stacks_step(stacks, way[node->depth - 1], node->byte);
        if (to == TL_STACKS_DEAD) {
            i = node->skip;
            continue;
        }
        way[node->depth] = to;
        bool whole = node->skip - i > FEW && tl_stacks_stay(stacks, to, node->ranges);
        uint32_t next = whole ? node->skip : i + 1;
        if (whole || tl_trie_has_id(trie, i)) {
            uint32_t least = stacks->set[to].least;
            *ret_most = least > *ret_most ? least : *ret_most;
            if (least <= left || tl_matcher_tokens(matcher, to) <= left)
                set_bits(trie, i, next, bits);
        }
        i = next;
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
    matcher->stacks.spent = 0;
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
