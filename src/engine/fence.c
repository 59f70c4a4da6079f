/* SPDX-License-Identifier: MIT */
/* A matcher as a guide: what the grammar allows may come; where nothing may follow, the answer ends. */
#include "base/error.h"
#include "base/memory.h"
#include "engine/language.h"

struct tl_fence {
    struct tl_guide guide;               /* the first member: what a guide is found by */
    struct tl_matcher *matcher;
};

static int allow(struct tl_guide *guide, uint32_t left, uint64_t *allowed)
{
    int status = tl_matcher_allow(((struct tl_fence *)guide)->matcher, left, allowed);
    return status < 0 ? status : 1;
}

static int take(struct tl_guide *guide, int32_t id)
{
    struct tl_matcher *matcher = ((struct tl_fence *)guide)->matcher;
    int status = tl_matcher_take(matcher, id);
    return status < 0 ? status : !tl_matcher_must_end(matcher);
}

static uint32_t forced(struct tl_guide *guide, int32_t *ret_ids, uint32_t room)
{
    return tl_matcher_forced(((struct tl_fence *)guide)->matcher, ret_ids, room);
}

int tl_fence_new(const struct tl_engine *engine, const struct tl_grammar *grammar, struct tl_fence **ret_fence)
{
    const struct tl_trie *trie;
    int status = tl_language_trie(engine, &trie);
    if (status < 0)
        return status;
    struct tl_fence *fence = tl_alloc(1, sizeof(*fence));
    if (!fence)
        return TL_E_NOMEM;
    fence->guide = (struct tl_guide){.allow = allow, .take = take, .forced = forced};
    status = tl_matcher_new(grammar, trie, &fence->matcher);
    if (status < 0) {
        tl_free(fence);
        return status;
    }
    *ret_fence = fence;
    return 0;
}

void tl_fence_free(struct tl_fence *fence)
{
    if (!fence)
        return;
    tl_matcher_free(fence->matcher);
    tl_free(fence);
}

struct tl_guide *tl_fence_guide(struct tl_fence *fence) { return &fence->guide; }
uint32_t tl_fence_least(const struct tl_fence *fence) { return tl_matcher_least(fence->matcher); }
