/* SPDX-License-Identifier: MIT */
/* The stages of an answer that is guided, and how one follows another: reasoning, content, names and arguments of calls. Text of
 * the family that must come is put into a queue. */
#include <string.h>

#include "wire/turn_steer.h"

void tl_steer_enter(struct tl_turn_steer *steer, enum tl_steer_stage stage)
{
    steer->stage = stage;
    steer->fresh = true;
    steer->may_end = false;
    tl_buffer_clear(&steer->tail);
}

/* "assistant" has been said where the prompt ends so: ids of a message's head that are not to come again are left out. */
static int force_unsaid(struct tl_turn_steer *steer, const int32_t *ids, size_t n)
{
    size_t at = 0;
    while (tl_steer_harmony(steer) && !steer->thought && at < n && at < steer->n_said && ids[at] == steer->said[at])
        at++;
    at = at == steer->n_said ? at : 0;
    return n > at ? tl_steer_force_ids(steer, ids + at, n - at) : 0;
}

/* What comes behind the reasoning, or first where there is none. */
int tl_steer_content(struct tl_turn_steer *steer)
{
    int r = 0;
    if (!steer->bound) {
        tl_steer_enter(steer, TL_STEER_FREE);
        return 0;
    }
    if (steer->required) {
        tl_steer_enter(steer, TL_STEER_NAME);
        r = force_unsaid(steer, steer->first.id, steer->first.n_ids);
        return r < 0 ? r : tl_steer_names(steer, steer->first.text, false);
    }
    tl_steer_enter(steer, TL_STEER_CONTENT);
    r = force_unsaid(steer, steer->content, steer->n_content);
    return r < 0 ? r : tl_steer_match(steer, steer->turn->how.content);
}

/* Of harmony: a message that must not be reasoning again. */
static int begin_other_channel(struct tl_turn_steer *steer, bool first)
{
    static const char head[] = "<|start|>assistant", channel[] = "<|channel|>";
    int r = first ? 0 : tl_steer_force(steer, head, strlen(head));
    if (r >= 0 && steer->calls)
        r = tl_steer_force(steer, channel, strlen(channel));
    else if (r >= 0)
        r = tl_steer_force(steer, steer->family->content + strlen(head), strlen(steer->family->content) - strlen(head));
    steer->banned = steer->calls ? steer->analysis : -1;
    tl_steer_enter(steer, TL_STEER_FREE);
    tl_buffer_append(&steer->tail, channel, strlen(channel));
    return r;
}

/* Its tokens are used up, or are needed for what must follow. */
int tl_steer_close_reasoning(struct tl_turn_steer *steer)
{
    const char *answer = steer->family->answer;
    int r = tl_steer_force(steer, answer, strlen(answer));
    steer->thought += steer->thought == 0;
    if (r < 0)
        return r;
    return tl_steer_harmony(steer) && !steer->bound ? begin_other_channel(steer, false) : tl_steer_content(steer);
}

int tl_steer_begin(struct tl_turn_steer *steer, bool reasons)
{
    tl_steer_enter(steer, TL_STEER_START);
    if (reasons) {
        tl_steer_enter(steer, TL_STEER_REASON);
        return 0;
    }
    if (!tl_steer_harmony(steer)) {
        if (steer->bound && !(tl_steer_thinks(steer) && steer->think >= 0))
            return tl_steer_content(steer);
        if (!steer->bound)
            tl_steer_enter(steer, TL_STEER_FREE);
        return steer->required ? tl_steer_names(steer, steer->first.text, false) : 0;
    }
    if (!steer->bound && steer->turn->how.think_tokens)
        tl_steer_enter(steer, TL_STEER_FREE);
    else if (!steer->bound)
        return begin_other_channel(steer, true);
    else if (!tl_steer_thinks(steer))
        return tl_steer_content(steer);
    else
        tl_steer_enter(steer, TL_STEER_REASON);
    return steer->bound ? tl_steer_force(steer, steer->family->think, strlen(steer->family->think)) : 0;
}

/* --- calls ------------------------------------------------------------------------------------------------------------------ */

/* The tool that the text of NAME has named; -1: the section was closed instead. */
static int32_t named(const struct tl_turn_steer *steer)
{
    const struct tl_turn_tools *tools = &steer->turn->tools;
    struct tl_turn_span lead = steer->again ? steer->other.text : steer->first.text;
    const char *text = steer->tail.data, *end = text + steer->tail.len;
    int32_t best = -1;
    while (lead.n_bytes && tl_turn_blank(*lead.bytes)) {
        lead.bytes++;
        lead.n_bytes--;
    }
    while (text < end && tl_turn_blank(*text))
        text++;
    if (steer->lead_cut)
        lead = steer->cut_lead;
    if ((size_t)(end - text) < lead.n_bytes || memcmp(text, lead.bytes, lead.n_bytes) != 0)
        return -1;
    text += lead.n_bytes;
    for (size_t i = 0; i < tools->count; i++) {
        const struct tl_turn_tool *tool = &tools->tool[i];
        if (tool->n_name <= (size_t)(end - text) && memcmp(text, tool->name, tool->n_name) == 0 && (best < 0 || tool->n_name > tools->tool[best].n_name))
            best = (int32_t)i;
    }
    return best;
}

int tl_steer_call(struct tl_turn_steer *steer, int32_t tool)
{
    const struct tl_grammar *grammar;
    tl_steer_enter(steer, TL_STEER_ARGUMENTS);
    steer->tool = tool;
    int r = tl_steer_arguments(steer, tool, &grammar);
    return r < 0 ? r : tl_steer_match(steer, grammar);
}

/* Nothing may follow where an answer was bound; else the model ends it. */
void tl_steer_end_calls(struct tl_turn_steer *steer)
{
    tl_steer_enter(steer, steer->bound || !steer->turn->how.parallel ? TL_STEER_OVER : TL_STEER_FREE);
}

int tl_steer_end_name(struct tl_turn_steer *steer)
{
    int32_t tool = named(steer);
    int r;
    if (tool < 0) {
        r = tl_steer_force_ids(steer, steer->close.id, steer->close.n_ids);
        tl_steer_end_calls(steer);
        return r;
    }
    r = tl_steer_force_ids(steer, steer->mid.id, steer->mid.n_ids);
    return r < 0 ? r : tl_steer_call(steer, tool);
}

int tl_steer_end_arguments(struct tl_turn_steer *steer)
{
    bool parallel = steer->turn->how.parallel && !tl_steer_harmony(steer);
    int r = tl_steer_force_ids(steer, steer->tail_text.id, steer->tail_text.n_ids);
    steer->again = true;
    steer->lead_cut = false;
    if (r < 0)
        return r;
    if (!parallel) {
        if (steer->section)
            r = tl_steer_force(steer, steer->family->section_end, tl_steer_length(steer->family->section_end));
        tl_steer_end_calls(steer);
        return r;
    }
    if (!steer->section && !steer->bound) {
        tl_steer_enter(steer, TL_STEER_FREE);
        return 0;
    }
    tl_steer_enter(steer, steer->other.n_ids ? TL_STEER_CHOICE : TL_STEER_NAME);
    steer->may_end = !steer->section;
    return tl_steer_names(steer, steer->other.text, true);
}
