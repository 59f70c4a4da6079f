/* SPDX-License-Identifier: MIT */
/* A turn as the guide of its answer: reasoning that is closed when its tokens are used up, content in a language, calls whose
 * names and arguments fit a tool. Text of the family that must come is put into a queue; a stage follows when that is empty. */
#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "base/utf8.h"
#include "wire/turn_steer.h"

enum { TAIL_BYTES = 512, CLOSE_TOKENS = 4 };

static bool harmony(const struct tl_turn_steer *steer) { return steer->family->syntax == TL_TURN_HARMONY; }
static size_t length(const char *text) { return text ? strlen(text) : 0; }
static bool thinks(const struct tl_turn_steer *steer) { return steer->turn->marks.think.n_bytes && steer->turn->how.think_tokens > 0; }

/* --- stages ----------------------------------------------------------------------------------------------------------------- */

static void enter(struct tl_turn_steer *steer, enum tl_steer_stage stage)
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
    while (harmony(steer) && !steer->thought && at < n && at < steer->n_said && ids[at] == steer->said[at])
        at++;
    at = at == steer->n_said ? at : 0;
    return n > at ? tl_steer_force_ids(steer, ids + at, n - at) : 0;
}

/* What comes behind the reasoning, or first where there is none. */
static int begin_content(struct tl_turn_steer *steer)
{
    int r = 0;
    if (!steer->bound) {
        enter(steer, TL_STEER_FREE);
        return 0;
    }
    if (steer->required) {
        enter(steer, TL_STEER_NAME);
        r = force_unsaid(steer, steer->first.id, steer->first.n_ids);
        return r < 0 ? r : tl_steer_names(steer, steer->first.text, false);
    }
    enter(steer, TL_STEER_CONTENT);
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
    enter(steer, TL_STEER_FREE);
    tl_buffer_append(&steer->tail, channel, strlen(channel));
    return r;
}

/* Its tokens are used up, or are needed for what must follow. */
static int close_reasoning(struct tl_turn_steer *steer)
{
    const char *answer = steer->family->answer;
    int r = tl_steer_force(steer, answer, strlen(answer));
    steer->thought += steer->thought == 0;
    if (r < 0)
        return r;
    return harmony(steer) && !steer->bound ? begin_other_channel(steer, false) : begin_content(steer);
}

int tl_steer_begin(struct tl_turn_steer *steer, bool reasons)
{
    enter(steer, TL_STEER_START);
    if (reasons) {
        enter(steer, TL_STEER_REASON);
        return 0;
    }
    if (!harmony(steer)) {
        if (steer->bound && !(thinks(steer) && steer->think >= 0))
            return begin_content(steer);
        if (!steer->bound)
            enter(steer, TL_STEER_FREE);
        return steer->required ? tl_steer_names(steer, steer->first.text, false) : 0;
    }
    if (!steer->bound && steer->turn->how.think_tokens)
        enter(steer, TL_STEER_FREE);
    else if (!steer->bound)
        return begin_other_channel(steer, true);
    else if (!thinks(steer))
        return begin_content(steer);
    else
        enter(steer, TL_STEER_REASON);
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

static int begin_arguments(struct tl_turn_steer *steer, int32_t tool)
{
    const struct tl_grammar *grammar;
    enter(steer, TL_STEER_ARGUMENTS);
    steer->tool = tool;
    int r = tl_steer_arguments(steer, tool, &grammar);
    return r < 0 ? r : tl_steer_match(steer, grammar);
}

/* Nothing may follow where an answer was bound; else the model ends it. */
static void end_calls(struct tl_turn_steer *steer)
{
    enter(steer, steer->bound || !steer->turn->how.parallel ? TL_STEER_OVER : TL_STEER_FREE);
}

static int end_name(struct tl_turn_steer *steer)
{
    int32_t tool = named(steer);
    int r;
    if (tool < 0) {
        r = tl_steer_force_ids(steer, steer->close.id, steer->close.n_ids);
        end_calls(steer);
        return r;
    }
    r = tl_steer_force_ids(steer, steer->mid.id, steer->mid.n_ids);
    return r < 0 ? r : begin_arguments(steer, tool);
}

static int end_arguments(struct tl_turn_steer *steer)
{
    bool parallel = steer->turn->how.parallel && !harmony(steer);
    int r = tl_steer_force_ids(steer, steer->tail_text.id, steer->tail_text.n_ids);
    steer->again = true;
    steer->lead_cut = false;
    if (r < 0)
        return r;
    if (!parallel) {
        if (steer->section)
            r = tl_steer_force(steer, steer->family->section_end, length(steer->family->section_end));
        end_calls(steer);
        return r;
    }
    if (!steer->section && !steer->bound) {
        enter(steer, TL_STEER_FREE);
        return 0;
    }
    enter(steer, steer->other.n_ids ? TL_STEER_CHOICE : TL_STEER_NAME);
    steer->may_end = !steer->section;
    return tl_steer_names(steer, steer->other.text, true);
}

/* --- what may come ---------------------------------------------------------------------------------------------------------- */

static void set(uint64_t *allowed, int32_t id) { allowed[id / 64] |= UINT64_C(1) << id % 64; }
static void clear(uint64_t *allowed, int32_t id) { allowed[id / 64] &= ~(UINT64_C(1) << id % 64); }

static size_t words(const struct tl_turn_steer *steer) { return ((size_t)tl_tokenizer_size(steer->turn->how.tokenizer) + 63) / 64; }
static void fill(const struct tl_turn_steer *steer, uint64_t *allowed, int value) { memset(allowed, value, words(steer) * sizeof *allowed); }

static void set_ends(const struct tl_turn_steer *steer, uint64_t *allowed)
{
    for (size_t i = 0; i < steer->n_ends; i++)
        set(allowed, steer->ends[i]);
}

static int only(const struct tl_turn_steer *steer, uint64_t *allowed, int32_t id)
{
    fill(steer, allowed, 0);
    set(allowed, id);
    return 1;
}

static int all_but(const struct tl_turn_steer *steer, uint64_t *allowed, int32_t id)
{
    fill(steer, allowed, 0xFF);
    clear(allowed, id);
    return 1;
}

/* No room is left for one more call. */
static int close_section(struct tl_turn_steer *steer, uint64_t *allowed)
{
    int r = tl_steer_force(steer, steer->family->section_end, length(steer->family->section_end));
    end_calls(steer);
    return r < 0 ? r : only(steer, allowed, steer->queue[steer->at]);
}

/* Instead of a content in its language, a call may come: where one token marks it. */
static bool may_call(const struct tl_turn_steer *steer)
{
    return steer->stage == TL_STEER_CONTENT && steer->fresh && steer->calls && steer->mark >= 0;
}

/* The language, and what may come instead where it may end. */
static int allow_matched(struct tl_turn_steer *steer, uint32_t left, uint64_t *allowed)
{
    uint32_t reserve = steer->stage == TL_STEER_CONTENT ? 0 : tl_steer_reserve(steer, steer->stage);
    uint32_t room = left == UINT32_MAX ? left : left > reserve ? left - reserve : 0;
    bool nothing = steer->may_end && !steer->tail.len;
    if (steer->stage == TL_STEER_NAME && steer->again && steer->section && steer->required && !steer->tail.len && left <= steer->least + CLOSE_TOKENS)
        return close_section(steer, allowed);
    if (nothing && steer->required && room < tl_matcher_least(steer->matcher)) {
        fill(steer, allowed, 0);
        set_ends(steer, allowed);
        return 1;
    }
    int r = tl_matcher_allow(steer->matcher, room < tl_matcher_least(steer->matcher) ? UINT32_MAX : room, allowed);
    if (r < 0)
        return r;
    bool may_end = tl_matcher_may_end(steer->matcher);
    if (steer->stage != TL_STEER_CONTENT)          /* an end of the language is none of the answer */
        for (size_t i = 0; i < steer->n_ends; i++)
            clear(allowed, steer->ends[i]);
    if (may_call(steer))
        set(allowed, steer->mark);
    if (may_end && steer->stage == TL_STEER_NAME && steer->mid.n_ids)
        set(allowed, steer->mid.id[0]);
    if (may_end && steer->stage == TL_STEER_ARGUMENTS && steer->tail_text.n_ids)
        set(allowed, steer->tail_text.id[0]);
    else if ((may_end && steer->stage == TL_STEER_ARGUMENTS && !steer->section) || nothing)
        set_ends(steer, allowed);
    return 1;
}

/* Another call, or the end of them. */
static int allow_choice(struct tl_turn_steer *steer, uint32_t left, uint64_t *allowed)
{
    uint64_t needed = steer->other.n_ids + tl_matcher_least(steer->matcher) + (uint64_t)tl_steer_reserve(steer, TL_STEER_NAME);
    fill(steer, allowed, 0);
    if (!steer->required || needed <= left)
        set(allowed, steer->other.id[0]);
    if (steer->section)
        set(allowed, steer->close.n_ids ? steer->close.id[0] : steer->other.id[0]);
    else
        set_ends(steer, allowed);
    return 1;
}

/* Before anything: reasoning, or what the answer is bound to. */
static int allow_start(struct tl_turn_steer *steer, uint32_t left, uint64_t *allowed)
{
    uint32_t reserve = steer->required ? tl_steer_reserve(steer, TL_STEER_NAME) : 0;
    int r = 1;
    if (steer->required && steer->first.n_ids)
        r = only(steer, allowed, steer->first.id[0]);
    else
        r = tl_matcher_allow(steer->matcher, left == UINT32_MAX || left <= reserve ? UINT32_MAX : left - reserve, allowed);
    if (steer->calls && !steer->required && steer->mark >= 0)
        set(allowed, steer->mark);
    if (left > steer->least + steer->n_answer + 1)
        set(allowed, steer->think);
    return r < 0 ? r : 1;
}

static int allow_reasoning(struct tl_turn_steer *steer, uint32_t left, uint64_t *allowed)
{
    const struct tl_turn_how *how = &steer->turn->how;
    uint64_t needed = steer->bound ? (uint64_t)steer->least + steer->n_answer : 0;
    bool whole = !tl_utf8_unfinished(steer->tail.data ? steer->tail.data : "", steer->tail.len);
    if ((whole && steer->thought >= how->think_tokens) || (steer->bound && left <= needed + 1)) {
        int r = close_reasoning(steer);
        return r < 0 ? r : only(steer, allowed, steer->queue[steer->at]);
    }
    if (!steer->bound)
        return 0;
    memcpy(allowed, steer->plain, words(steer) * sizeof *allowed);
    return 1;
}

static int allow(struct tl_guide *guide, uint32_t left, uint64_t *allowed)
{
    struct tl_turn_steer *steer = (struct tl_turn_steer *)guide;
    if (steer->at < steer->n_queue)
        return only(steer, allowed, steer->queue[steer->at]);
    switch (steer->stage) {
    case TL_STEER_START: return allow_start(steer, left, allowed);
    case TL_STEER_REASON: return allow_reasoning(steer, left, allowed);
    case TL_STEER_FREE:
        if (steer->banned >= 0)
            return all_but(steer, allowed, steer->banned);
        return steer->blank && steer->think >= 0 && !steer->turn->how.think_tokens ? all_but(steer, allowed, steer->think) : 0;
    case TL_STEER_CHOICE: return allow_choice(steer, left, allowed);
    case TL_STEER_OVER:
        fill(steer, allowed, 0);
        set_ends(steer, allowed);
        return steer->n_ends > 0;
    default: return allow_matched(steer, left, allowed);
    }
}

/* --- what came -------------------------------------------------------------------------------------------------------------- */

static int note(struct tl_turn_steer *steer, const char *bytes, size_t n_bytes, size_t most)
{
    for (size_t i = 0; i < n_bytes && steer->blank; i++)
        steer->blank = tl_turn_blank(bytes[i]);
    if (steer->tail.len > most) {
        size_t n = steer->tail.len - most / 2;
        memmove(steer->tail.data, steer->tail.data + n, most / 2);
        steer->tail.len = most / 2;
    }
    return tl_buffer_append(&steer->tail, bytes, n_bytes);
}

/* Behind the mark, where the tail has it. */
static const char *behind(const struct tl_turn_steer *steer, struct tl_turn_mark mark)
{
    const char *found = mark.n_bytes && steer->tail.len ? memmem(steer->tail.data, steer->tail.len, mark.bytes, mark.n_bytes) : NULL;
    return found ? found + mark.n_bytes : NULL;
}

static int take_reasoning(struct tl_turn_steer *steer, const char *bytes, size_t n_bytes)
{
    const char *answer = steer->family->answer;
    size_t n = strlen(answer);
    int r = note(steer, bytes, n_bytes, TAIL_BYTES);
    steer->thought++;
    const char *rest = behind(steer, steer->turn->marks.answer);
    if (r < 0 || !rest)
        return r;
    bool nothing = rest == steer->tail.data + steer->tail.len;
    while (n && tl_turn_blank(answer[n - 1]))
        n--;
    if (steer->bound && nothing)
        r = tl_steer_force(steer, answer + n, strlen(answer + n));
    return r < 0 ? r : begin_content(steer);
}

/* A mark of a call is there: what of the family's text before the name is still to come. */
static int begin_call(struct tl_turn_steer *steer, const char *to_come, const char *rest)
{
    size_t n_rest = (size_t)(steer->tail.data + steer->tail.len - rest);
    char early[TAIL_BYTES];
    struct tl_steer_text text = {0};
    n_rest = n_rest < sizeof early ? n_rest : 0;
    memcpy(early, rest, n_rest);
    int r = tl_steer_cut(steer, to_come, &text);
    if (r >= 0 && text.n_ids)
        r = tl_steer_force_ids(steer, text.id, text.n_ids);
    tl_free(text.id);
    enter(steer, TL_STEER_NAME);
    steer->lead_cut = true;
    steer->cut_lead = text.text;
    while (steer->cut_lead.n_bytes && tl_turn_blank(*steer->cut_lead.bytes)) {
        steer->cut_lead.bytes++;
        steer->cut_lead.n_bytes--;
    }
    if (r >= 0)
        r = tl_steer_names(steer, text.text, false);
    if (r < 0 || !n_rest)
        return r;
    if (text.n_ids || tl_matcher_take_bytes(steer->matcher, early, n_rest) < 0) {
        steer->at = steer->n_queue = 0;  /* otherwise than its template writes it: as it likes */
        enter(steer, TL_STEER_FREE);
        return 0;
    }
    return note(steer, early, n_rest, SIZE_MAX / 4);
}

static int look_for_call(struct tl_turn_steer *steer)
{
    const struct tl_turn_marks *marks = &steer->turn->marks;
    const struct tl_turn_family *family = steer->family;
    const char *whole = steer->owned[0], *rest;
    struct tl_turn_mark also = family->syntax == TL_TURN_XML && !marks->section.n_bytes ? marks->also : (struct tl_turn_mark){"", 0};
    if ((rest = behind(steer, marks->section)))
        return begin_call(steer, whole + (size_t)(marks->section.bytes - family->section) + marks->section.n_bytes, rest);
    if (!marks->section.n_bytes && (rest = behind(steer, marks->call)))
        return begin_call(steer, whole + (size_t)(marks->call.bytes - family->call) + marks->call.n_bytes, rest);
    if ((rest = behind(steer, also)))
        return begin_call(steer, whole + length(family->call) + length(family->head), rest);
    return 0;
}

/* Of harmony: the head of a message has ended. */
static int take_head(struct tl_turn_steer *steer)
{
    static const char to[] = "to=functions.", analysis[] = "<|channel|>analysis";
    size_t n = 0, n_to = strlen(to);
    const char *head = steer->tail.data, *end = head + steer->tail.len, *name = memmem(head, steer->tail.len, to, n_to);
    bool reasons = memmem(head, steer->tail.len, analysis, strlen(analysis)) != NULL;
    if (name && steer->calls) {
        name += n_to;
        while (name + n < end && name[n] != '<' && !tl_turn_blank(name[n]))
            n++;
        int32_t tool = tl_turn_tools_find(&steer->turn->tools, name, n);
        if (tool >= 0)
            return begin_arguments(steer, tool);
    }
    enter(steer, reasons && steer->turn->how.think_tokens != UINT32_MAX ? TL_STEER_REASON : TL_STEER_FREE);
    return 0;
}

static int take_free(struct tl_turn_steer *steer, const char *bytes, size_t n_bytes)
{
    static const char message[] = "<|message|>", start[] = "<|start|>";
    bool blank = steer->blank;
    int r = note(steer, bytes, n_bytes, TAIL_BYTES);
    steer->banned = -1;
    if (r < 0)
        return r;
    if (harmony(steer)) {
        if (n_bytes == strlen(start) && memcmp(bytes, start, n_bytes) == 0)
            tl_buffer_clear(&steer->tail);
        return n_bytes == strlen(message) && memcmp(bytes, message, n_bytes) == 0 ? take_head(steer) : 0;
    }
    if (blank && steer->turn->how.think_tokens != UINT32_MAX && behind(steer, steer->turn->marks.think)) {
        enter(steer, TL_STEER_REASON);
        return 0;
    }
    struct tl_turn_mark think = steer->turn->marks.think;
    if (steer->tail.len < think.n_bytes && think.n_bytes && memcmp(steer->tail.data, think.bytes, steer->tail.len) == 0)
        steer->blank = true;             /* it may still become the mark */
    return steer->calls ? look_for_call(steer) : 0;
}

/* In a language; or, where it may end, the first id of what is behind it. */
static int take_matched(struct tl_turn_steer *steer, int32_t id, const char *bytes, size_t n_bytes)
{
    enum tl_steer_stage stage = steer->stage;
    if (may_call(steer) && id == steer->mark) {
        int r = note(steer, bytes, n_bytes, TAIL_BYTES);
        r = r < 0 ? r : look_for_call(steer);
        return r < 0 ? r : 1;
    }
    steer->fresh = false;
    struct tl_steer_text *next = stage == TL_STEER_NAME ? &steer->mid : &steer->tail_text;
    bool leaves = stage != TL_STEER_CONTENT && next->n_ids && next->id[0] == id && tl_matcher_may_end(steer->matcher);
    if (!leaves) {
        int r = tl_matcher_take(steer->matcher, id);
        if (r >= 0 && stage == TL_STEER_NAME)
            r = note(steer, bytes, n_bytes, SIZE_MAX / 4);
        if (r < 0 || !tl_matcher_must_end(steer->matcher))
            return r < 0 ? r : 1;
    }
    if (stage == TL_STEER_CONTENT) {
        enter(steer, TL_STEER_OVER);
        return 1;
    }
    int r = stage == TL_STEER_NAME ? end_name(steer) : end_arguments(steer);
    steer->at += leaves;
    return r < 0 ? r : 1;
}

static int take_choice(struct tl_turn_steer *steer, int32_t id)
{
    bool other = id == steer->other.id[0];
    int r = other ? tl_steer_force_ids(steer, steer->other.id, steer->other.n_ids) : tl_steer_force_ids(steer, steer->close.id, steer->close.n_ids);
    steer->at++;
    if (other)
        enter(steer, TL_STEER_NAME);
    else
        end_calls(steer);
    return r;
}

static int take_start(struct tl_turn_steer *steer, int32_t id, const char *bytes, size_t n_bytes)
{
    if (id == steer->think) {
        enter(steer, TL_STEER_REASON);
        return 0;
    }
    int r = begin_content(steer);
    if (r < 0)
        return r;
    if (steer->at < steer->n_queue) {
        steer->at++;
        return 0;
    }
    return take_matched(steer, id, bytes, n_bytes);
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
        case TL_STEER_START: r = take_start(steer, id, bytes, n_bytes); break;
        case TL_STEER_REASON: r = take_reasoning(steer, bytes, n_bytes); break;
        case TL_STEER_FREE: r = take_free(steer, bytes, n_bytes); break;
        case TL_STEER_CHOICE: r = take_choice(steer, id); break;
        case TL_STEER_OVER: return 0;
        default: r = take_matched(steer, id, bytes, n_bytes); break;
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
