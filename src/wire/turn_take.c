/* SPDX-License-Identifier: MIT */
/* What came in each stage, and where it leads. */
#include <string.h>

#include "base/memory.h"
#include "wire/turn_steer.h"

enum { TAIL_BYTES = 512 };

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

int tl_steer_take_reasoning(struct tl_turn_steer *steer, const char *bytes, size_t n_bytes)
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
    return r < 0 ? r : tl_steer_content(steer);
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
    tl_steer_enter(steer, TL_STEER_NAME);
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
        tl_steer_enter(steer, TL_STEER_FREE);
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
        return begin_call(steer, whole + tl_steer_length(family->call) + tl_steer_length(family->head), rest);
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
            return tl_steer_call(steer, tool);
    }
    tl_steer_enter(steer, reasons && steer->turn->how.think_tokens != UINT32_MAX ? TL_STEER_REASON : TL_STEER_FREE);
    return 0;
}

int tl_steer_take_free(struct tl_turn_steer *steer, const char *bytes, size_t n_bytes)
{
    static const char message[] = "<|message|>", start[] = "<|start|>";
    bool blank = steer->blank;
    int r = note(steer, bytes, n_bytes, TAIL_BYTES);
    steer->banned = -1;
    if (r < 0)
        return r;
    if (tl_steer_harmony(steer)) {
        if (n_bytes == strlen(start) && memcmp(bytes, start, n_bytes) == 0)
            tl_buffer_clear(&steer->tail);
        return n_bytes == strlen(message) && memcmp(bytes, message, n_bytes) == 0 ? take_head(steer) : 0;
    }
    if (blank && steer->turn->how.think_tokens != UINT32_MAX && behind(steer, steer->turn->marks.think)) {
        tl_steer_enter(steer, TL_STEER_REASON);
        return 0;
    }
    struct tl_turn_mark think = steer->turn->marks.think;
    if (steer->tail.len < think.n_bytes && think.n_bytes && memcmp(steer->tail.data, think.bytes, steer->tail.len) == 0)
        steer->blank = true;             /* it may still become the mark */
    return steer->calls ? look_for_call(steer) : 0;
}

/* In a language; or, where it may end, the first id of what is behind it. */
int tl_steer_take_matched(struct tl_turn_steer *steer, int32_t id, const char *bytes, size_t n_bytes)
{
    enum tl_steer_stage stage = steer->stage;
    if (tl_steer_may_call(steer) && id == steer->mark) {
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
        tl_steer_enter(steer, TL_STEER_OVER);
        return 1;
    }
    int r = stage == TL_STEER_NAME ? tl_steer_end_name(steer) : tl_steer_end_arguments(steer);
    steer->at += leaves;
    return r < 0 ? r : 1;
}

int tl_steer_take_choice(struct tl_turn_steer *steer, int32_t id)
{
    bool other = id == steer->other.id[0];
    int r = other ? tl_steer_force_ids(steer, steer->other.id, steer->other.n_ids) : tl_steer_force_ids(steer, steer->close.id, steer->close.n_ids);
    steer->at++;
    if (other)
        tl_steer_enter(steer, TL_STEER_NAME);
    else
        tl_steer_end_calls(steer);
    return r;
}

int tl_steer_take_start(struct tl_turn_steer *steer, int32_t id, const char *bytes, size_t n_bytes)
{
    if (id == steer->think) {
        tl_steer_enter(steer, TL_STEER_REASON);
        return 0;
    }
    int r = tl_steer_content(steer);
    if (r < 0)
        return r;
    if (steer->at < steer->n_queue) {
        steer->at++;
        return 0;
    }
    return tl_steer_take_matched(steer, id, bytes, n_bytes);
}
