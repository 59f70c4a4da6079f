/* SPDX-License-Identifier: MIT */
/* An answer in a grammar: the set of its stacks, moved on by the bytes of each token.
 *
 * In how many tokens a text can be ended is bounded from above by writing its shortest end with the longest tokens there
 * are, one after the other. Of texts equally short the one with the smaller bytes is taken, so that the end of an end is
 * the end that is found from there: going that way, each token lowers the bound by one. */
#include "grammar/matcher.h"

#include <string.h>

#include "base/error.h"
#include "base/memory.h"

int tl_matcher_new(const struct tl_grammar *grammar, const struct tl_trie *trie, struct tl_matcher **ret_matcher)
{
    struct tl_matcher *matcher = tl_alloc(1, sizeof *matcher);
    if (!matcher)
        return TL_E_NOMEM;
    matcher->trie = trie;
    int r = tl_stacks_init(&matcher->stacks, grammar);
    if (r >= 0) {
        matcher->set = tl_stacks_start(&matcher->stacks);
        r = matcher->stacks.status;
    }
    if (r < 0)
        tl_matcher_free(matcher);
    else
        *ret_matcher = matcher;
    return r;
}

void tl_matcher_free(struct tl_matcher *matcher)
{
    if (!matcher)
        return;
    tl_stacks_done(&matcher->stacks);
    tl_masks_done(&matcher->masks);
    tl_free(matcher->chain);
    tl_free(matcher);
}

/* --- moving --------------------------------------------------------------------------------------------------------- */

static int step(struct tl_matcher *matcher, uint32_t *set, uint8_t byte)
{
    matcher->stacks.spent = 0;
    uint32_t keep[2] = {matcher->set, tl_stacks_step(&matcher->stacks, *set, byte)};
    if (tl_stacks_full(&matcher->stacks) && tl_stacks_clear(&matcher->stacks, keep, 2) >= 0) {
        tl_masks_clear(&matcher->masks);
        matcher->set = keep[0];
    }
    *set = keep[1];
    return matcher->stacks.status;
}

int tl_matcher_take_bytes(struct tl_matcher *matcher, const char *bytes, size_t n_bytes)
{
    uint32_t set = matcher->set;
    int r = matcher->stacks.status;
    for (size_t i = 0; i < n_bytes && set != TL_STACKS_DEAD && r >= 0; i++)
        r = step(matcher, &set, (uint8_t)bytes[i]);
    if (r < 0)
        return r;
    if (set == TL_STACKS_DEAD)
        return tl_fail(TL_E_USAGE, "the grammar does not allow this text here");
    matcher->set = set;
    return 0;
}

int tl_matcher_take(struct tl_matcher *matcher, int32_t id)
{
    const char *bytes = "";
    size_t n_bytes = 0;
    if (tl_tokenizer_ends(matcher->trie->tokenizer, id))
        return tl_matcher_may_end(matcher) ? 0 : tl_fail(TL_E_USAGE, "the grammar does not allow the end here");
    if (id >= 0 && (uint32_t)id < matcher->trie->n_vocab && !tl_tokenizer_is_control(matcher->trie->tokenizer, id))
        tl_tokenizer_piece(matcher->trie->tokenizer, id, false, &bytes, &n_bytes);
    if (n_bytes == 0)
        return tl_fail(TL_E_USAGE, "the grammar does not allow token %d here", id);
    return tl_matcher_take_bytes(matcher, bytes, n_bytes);
}

bool tl_matcher_may_end(const struct tl_matcher *matcher)
{
    return matcher->stacks.set[matcher->set].accepts;
}

bool tl_matcher_must_end(const struct tl_matcher *matcher)
{
    return matcher->stacks.set[matcher->set].accepts && matcher->stacks.set[matcher->set].n == 1;
}

/* --- ends in tokens ------------------------------------------------------------------------------------------------- */

/* The set behind the longest token that begins the shortest end of `set`; DEAD: there is none. */
static uint32_t longest(struct tl_matcher *matcher, uint32_t set, int32_t *ret_id)
{
    const struct tl_trie *trie = matcher->trie;
    uint32_t node = 0, found = TL_STACKS_DEAD;
    int byte;
    while ((byte = tl_stacks_best(&matcher->stacks, set)) >= 0 && (node = tl_trie_child(trie, node, (uint8_t)byte)) != 0) {
        set = tl_stacks_step(&matcher->stacks, set, (uint8_t)byte);
        if (tl_trie_has_id(trie, node)) {
            found = set;
            *ret_id = trie->id[trie->node[node].first];
        }
    }
    return found;
}

uint32_t tl_matcher_tokens(struct tl_matcher *matcher, uint32_t set)
{
    struct tl_stacks *stacks = &matcher->stacks;
    uint32_t n = 0, tokens;
    int32_t id;
    while (stacks->set[set].tokens == 0 && stacks->set[set].least > 0 && stacks->status >= 0) {
        if (tl_grow((void **)&matcher->chain, n, &matcher->chain_cap, sizeof *matcher->chain) < 0)
            return UINT32_MAX;
        matcher->chain[n++] = set;
        if ((set = longest(matcher, set, &id)) == TL_STACKS_DEAD)
            break;
    }
    tokens = set == TL_STACKS_DEAD ? UINT32_MAX - 1 : stacks->set[set].tokens ? stacks->set[set].tokens - 1 : 0;
    if (stacks->set[set].least == 0)
        tokens = 0;
    while (n-- > 0) {
        tokens = tokens >= UINT32_MAX - 1 ? UINT32_MAX - 1 : tokens + 1;
        stacks->set[matcher->chain[n]].tokens = tokens + 1;
    }
    return tokens;
}

uint32_t tl_matcher_least(const struct tl_matcher *matcher)
{
    return tl_matcher_tokens((struct tl_matcher *)matcher, matcher->set);
}

/* --- what is forced ------------------------------------------------------------------------------------------------- */

/* The only byte that may come; -1: there are several, or the text may end. */
static int only_byte(struct tl_matcher *matcher, uint32_t set)
{
    struct tl_stacks *stacks = &matcher->stacks;
    int byte = tl_stacks_best(stacks, set);
    if (stacks->set[set].accepts || byte < 0)
        return -1;
    for (uint32_t i = 0; i < stacks->set[set].n; i++) {
        const struct tl_grammar_node *node = &stacks->grammar->node[stacks->frame[stacks->set[set].first + i].node];
        for (uint32_t k = node->a; k < node->a + node->b; k++) {
            const struct tl_grammar_edge *edge = &stacks->grammar->edge[k];
            if ((edge->lo != byte || edge->hi != byte) && stacks->grammar->least[edge->to] != TL_GRAMMAR_NEVER)
                return -1;
        }
    }
    return byte;
}

uint32_t tl_matcher_forced(struct tl_matcher *matcher, int32_t *ret_ids, uint32_t room)
{
    uint32_t count = 0, set = matcher->set, found = 0;
    while (count < room && matcher->stacks.status >= 0) {
        uint32_t node = 0, at = set;
        int byte;
        found = TL_STACKS_DEAD;
        while ((byte = only_byte(matcher, at)) >= 0 && (node = tl_trie_child(matcher->trie, node, (uint8_t)byte)) != 0) {
            at = tl_stacks_step(&matcher->stacks, at, (uint8_t)byte);
            if (tl_trie_has_id(matcher->trie, node)) {
                found = at;
                ret_ids[count] = matcher->trie->id[matcher->trie->node[node].first];
            }
        }
        if (found == TL_STACKS_DEAD)
            break;
        set = found;
        count++;
    }
    return count;
}
