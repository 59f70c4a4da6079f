/* SPDX-License-Identifier: MIT */
/* What may come in each stage. */
#include <string.h>

#include "base/utf8.h"
#include "wire/turn_steer.h"

enum { CLOSE_TOKENS = 4 };

static void set(uint64_t *allowed, int32_t id) { allowed[id / 64] |= UINT64_C(1) << id % 64; }
static void clear(uint64_t *allowed, int32_t id) { allowed[id / 64] &= ~(UINT64_C(1) << id % 64); }

static size_t words(const struct tl_turn_steer *steer) { return ((size_t)tl_tokenizer_size(steer->turn->how.tokenizer) + 63) / 64; }
void tl_steer_fill(const struct tl_turn_steer *steer, uint64_t *allowed, int value) { memset(allowed, value, words(steer) * sizeof *allowed); }

void tl_steer_set_ends(const struct tl_turn_steer *steer, uint64_t *allowed)
{
    for (size_t i = 0; i < steer->n_ends; i++)
        set(allowed, steer->ends[i]);
}

int tl_steer_allow_only(const struct tl_turn_steer *steer, uint64_t *allowed, int32_t id)
{
    tl_steer_fill(steer, allowed, 0);
    set(allowed, id);
    return 1;
}

int tl_steer_allow_all_but(const struct tl_turn_steer *steer, uint64_t *allowed, int32_t id)
{
    tl_steer_fill(steer, allowed, 0xFF);
    clear(allowed, id);
    return 1;
}

/* No room is left for one more call. */
static int close_section(struct tl_turn_steer *steer, uint64_t *allowed)
{
    int r = tl_steer_force(steer, steer->family->section_end, tl_steer_length(steer->family->section_end));
    tl_steer_end_calls(steer);
    return r < 0 ? r : tl_steer_allow_only(steer, allowed, steer->queue[steer->at]);
}

/* Instead of a content in its language, a call may come: where one token marks it. */
bool tl_steer_may_call(const struct tl_turn_steer *steer)
{
    return steer->stage == TL_STEER_CONTENT && steer->fresh && steer->calls && steer->mark >= 0;
}

/* The language, and what may come instead where it may end. */
int tl_steer_allow_matched(struct tl_turn_steer *steer, uint32_t left, uint64_t *allowed)
{
    uint32_t reserve = steer->stage == TL_STEER_CONTENT ? 0 : tl_steer_reserve(steer, steer->stage);
    uint32_t room = left == UINT32_MAX ? left : left > reserve ? left - reserve : 0;
    bool nothing = steer->may_end && !steer->tail.len;
    if (steer->stage == TL_STEER_NAME && steer->again && steer->section && steer->required && !steer->tail.len && left <= steer->least + CLOSE_TOKENS)
        return close_section(steer, allowed);
    if (nothing && steer->required && room < tl_matcher_least(steer->matcher)) {
        tl_steer_fill(steer, allowed, 0);
        tl_steer_set_ends(steer, allowed);
        return 1;
    }
    int r = tl_matcher_allow(steer->matcher, room < tl_matcher_least(steer->matcher) ? UINT32_MAX : room, allowed);
    if (r < 0)
        return r;
    bool may_end = tl_matcher_may_end(steer->matcher);
    if (steer->stage != TL_STEER_CONTENT)          /* an end of the language is none of the answer */
        for (size_t i = 0; i < steer->n_ends; i++)
            clear(allowed, steer->ends[i]);
    if (tl_steer_may_call(steer))
        set(allowed, steer->mark);
    if (may_end && steer->stage == TL_STEER_NAME && steer->mid.n_ids)
        set(allowed, steer->mid.id[0]);
    if (may_end && steer->stage == TL_STEER_ARGUMENTS && steer->tail_text.n_ids)
        set(allowed, steer->tail_text.id[0]);
    else if ((may_end && steer->stage == TL_STEER_ARGUMENTS && !steer->section) || nothing)
        tl_steer_set_ends(steer, allowed);
    return 1;
}

/* Another call, or the end of them. */
int tl_steer_allow_choice(struct tl_turn_steer *steer, uint32_t left, uint64_t *allowed)
{
    uint64_t needed = steer->other.n_ids + tl_matcher_least(steer->matcher) + (uint64_t)tl_steer_reserve(steer, TL_STEER_NAME);
    tl_steer_fill(steer, allowed, 0);
    if (!steer->required || needed <= left)
        set(allowed, steer->other.id[0]);
    if (steer->section)
        set(allowed, steer->close.n_ids ? steer->close.id[0] : steer->other.id[0]);
    else
        tl_steer_set_ends(steer, allowed);
    return 1;
}

/* Before anything: reasoning, or what the answer is bound to. */
int tl_steer_allow_start(struct tl_turn_steer *steer, uint32_t left, uint64_t *allowed)
{
    uint32_t reserve = steer->required ? tl_steer_reserve(steer, TL_STEER_NAME) : 0;
    int r = 1;
    if (steer->required && steer->first.n_ids)
        r = tl_steer_allow_only(steer, allowed, steer->first.id[0]);
    else
        r = tl_matcher_allow(steer->matcher, left == UINT32_MAX || left <= reserve ? UINT32_MAX : left - reserve, allowed);
    if (steer->calls && !steer->required && steer->mark >= 0)
        set(allowed, steer->mark);
    if (left > steer->least + steer->n_answer + 1)
        set(allowed, steer->think);
    return r < 0 ? r : 1;
}

int tl_steer_allow_reasoning(struct tl_turn_steer *steer, uint32_t left, uint64_t *allowed)
{
    const struct tl_turn_how *how = &steer->turn->how;
    uint64_t needed = steer->bound ? (uint64_t)steer->least + steer->n_answer : 0;
    bool whole = !tl_utf8_unfinished(steer->tail.data ? steer->tail.data : "", steer->tail.len);
    if ((whole && steer->thought >= how->think_tokens) || (steer->bound && left <= needed + 1)) {
        int r = tl_steer_close_reasoning(steer);
        return r < 0 ? r : tl_steer_allow_only(steer, allowed, steer->queue[steer->at]);
    }
    if (!steer->bound)
        return 0;
    memcpy(allowed, steer->plain, words(steer) * sizeof *allowed);
    return 1;
}
