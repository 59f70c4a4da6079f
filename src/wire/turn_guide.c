/* SPDX-License-Identifier: MIT */
/* A turn as the guide of its answer: reasoning that is closed when its tokens are used up, content in a language, calls whose
 * names and arguments fit a tool. A stage follows another (turn_stage.c) when what must come has come; what may come in it is
 * in turn_allow.c, what came in turn_take.c. */
#include "base/error.h"
#include "wire/turn_steer.h"

static int allow(struct tl_guide *guide, uint32_t left, uint64_t *allowed)
{
    struct tl_turn_steer *steer = (struct tl_turn_steer *)guide;
    if (steer->at < steer->n_queue)
        return tl_steer_allow_only(steer, allowed, steer->queue[steer->at]);
    switch (steer->stage) {
    case TL_STEER_START: return tl_steer_allow_start(steer, left, allowed);
    case TL_STEER_REASON: return tl_steer_allow_reasoning(steer, left, allowed);
    case TL_STEER_FREE:
        if (steer->banned >= 0)
            return tl_steer_allow_all_but(steer, allowed, steer->banned);
        return steer->blank && steer->think >= 0 && !steer->turn->how.think_tokens ? tl_steer_allow_all_but(steer, allowed, steer->think) : 0;
    case TL_STEER_CHOICE: return tl_steer_allow_choice(steer, left, allowed);
    case TL_STEER_OVER:
        tl_steer_fill(steer, allowed, 0);
        tl_steer_set_ends(steer, allowed);
        return steer->n_ends > 0;
    default: return tl_steer_allow_matched(steer, left, allowed);
    }
}

static int take(struct tl_guide *guide, int32_t id)
{
    struct tl_turn_steer *steer = (struct tl_turn_steer *)guide;
    const char *bytes = "";
    size_t n_bytes = 0;
    int r = tl_tokenizer_piece(steer->turn->how.tokenizer, id, true, &bytes, &n_bytes);
    if (r < 0 || tl_tokenizer_ends(steer->turn->how.tokenizer, id))
        return r < 0 ? r : 0;
    if (steer->at < steer->n_queue) {
        r = id == steer->queue[steer->at] ? 0 : tl_fail(TL_E_USAGE, "token %d where %d must come", id, steer->queue[steer->at]);
        steer->at++;
    } else {
        switch (steer->stage) {
        case TL_STEER_START: r = tl_steer_take_start(steer, id, bytes, n_bytes); break;
        case TL_STEER_REASON: r = tl_steer_take_reasoning(steer, bytes, n_bytes); break;
        case TL_STEER_FREE: r = tl_steer_take_free(steer, bytes, n_bytes); break;
        case TL_STEER_CHOICE: r = tl_steer_take_choice(steer, id); break;
        case TL_STEER_OVER: return 0;
        default: r = tl_steer_take_matched(steer, id, bytes, n_bytes); break;
        }
    }
    if (r < 0)
        return r;
    if (steer->at < steer->n_queue)
        return 1;
    steer->at = steer->n_queue = 0;
    return steer->stage != TL_STEER_OVER;
}

static uint32_t forced(struct tl_guide *guide, int32_t *ret_ids, uint32_t room)
{
    struct tl_turn_steer *steer = (struct tl_turn_steer *)guide;
    uint32_t n = 0;
    for (uint64_t i = steer->at; i < steer->n_queue && n < room; i++)
        ret_ids[n++] = steer->queue[i];
    bool matched = steer->stage == TL_STEER_CONTENT || steer->stage == TL_STEER_NAME || steer->stage == TL_STEER_ARGUMENTS;
    if (matched && n < room && !steer->may_end && !tl_matcher_may_end(steer->matcher))
        n += tl_matcher_forced(steer->matcher, ret_ids + n, room - n);
    return n;
}

struct tl_guide *tl_turn_guide(struct tl_turn *turn)
{
    struct tl_turn_steer *steer = turn->steer;
    if (!steer)
        return NULL;
    steer->guide = (struct tl_guide){.allow = allow, .take = take, .forced = forced};
    return &steer->guide;
}
