/* SPDX-License-Identifier: MIT */
/* A turn from its first byte to its last. Each phase reads what waits as far as it can; text is given out as soon as it cannot
 * be part of a mark any more. */
#include "wire/turn.h"

#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "base/utf8.h"
#include "wire/turn_impl.h"

enum { TAIL_IDS = 24, BLANKS = 1024 };

static bool takes_calls(const struct tl_turn *turn) { return turn->tools.count > 0 && turn->how.choice != TL_TOOLS_NONE; }

/* --- reasoning and content -------------------------------------------------------------------------------------------------- */

/* Blanks that may stand before a mark wait, but not for ever. */
static size_t without_blanks(const struct tl_turn *turn, size_t stop)
{
    size_t at = stop;
    while (at > turn->at && tl_turn_blank(turn->held.data[at - 1]))
        at--;
    return stop - at > BLANKS ? stop : at;
}

static bool blanks(const struct tl_turn *turn, size_t to)
{
    size_t at = turn->at;
    tl_turn_skip_blanks(turn, &at);
    return at >= to;
}

static bool strip(struct tl_turn *turn)
{
    if (!turn->strip)
        return true;
    tl_turn_skip_blanks(turn, &turn->at);
    turn->strip = turn->at == turn->end;
    return !turn->strip;
}

static unsigned controls(const struct tl_turn *turn) { return turn->how.show_special ? 0 : TL_TURN_SIGN_CONTROL; }

/* A control token that is no mark: nothing of it is shown. One that begins a message behind an answer ends the answer. */
static int drop_control(struct tl_turn *turn, enum tl_turn_sign sign, size_t n_bytes)
{
    bool ends = sign == TL_TURN_SIGN_OPENER && (!turn->blank || turn->calls);
    turn->at += n_bytes;
    turn->seen = turn->at;
    if (turn->family->syntax == TL_TURN_HARMONY) {
        turn->phase = TL_TURN_HEADER;
    } else if (ends) {
        turn->phase = TL_TURN_DROP;
    } else if (sign == TL_TURN_SIGN_OPENER) {
        turn->strip = true;
    }
    return TL_TURN_MORE;
}

int tl_turn_read_reasoning(struct tl_turn *turn)
{
    unsigned signs = controls(turn);
    enum tl_turn_sign sign;
    size_t n;
    if (!strip(turn))
        return TL_TURN_WAIT;
    if (turn->family->syntax != TL_TURN_HARMONY)
        signs |= TL_TURN_SIGN_ANSWER | (turn->blank ? TL_TURN_SIGN_THINK : 0) | (takes_calls(turn) ? turn->hard_calls : 0);
    size_t where = tl_turn_marks_find(&turn->marks, signs, turn->held.data, turn->seen > turn->at ? turn->seen : turn->at, turn->end, turn->final, &sign, &n);
    bool again = sign == TL_TURN_SIGN_THINK && !blanks(turn, where);
    if (again)                           /* text came before it: so it is text as well */
        sign = 0;
    size_t stop = turn->final && !sign && !again ? where : without_blanks(turn, where);
    int r = tl_turn_say(turn, TL_EVENT_REASONING, tl_turn_text_at(turn, turn->at), stop - turn->at);
    turn->seen = where;
    turn->at = sign ? where : stop;
    if (r < 0 || !sign)
        return r < 0 ? r : again ? TL_TURN_MORE : TL_TURN_WAIT;
    if (sign == TL_TURN_SIGN_CONTROL || sign == TL_TURN_SIGN_OPENER)
        return drop_control(turn, sign, n);
    if (!(sign & TL_TURN_SIGN_CALLS))
        turn->at += n;
    turn->seen = turn->at;
    turn->phase = sign == TL_TURN_SIGN_THINK ? TL_TURN_REASONING : TL_TURN_CONTENT;
    turn->blank = turn->strip = true;
    return TL_TURN_MORE;
}

/* A mark of a call, or of reasoning before any content. */
static int take_sign(struct tl_turn *turn, enum tl_turn_sign sign, size_t n_bytes)
{
    turn->body = turn->seen = turn->at + n_bytes;
    switch (sign) {
    case TL_TURN_SIGN_THINK:
    case TL_TURN_SIGN_ANSWER:
        turn->at = turn->body;
        turn->strip = turn->blank = true;
        turn->phase = sign == TL_TURN_SIGN_THINK ? TL_TURN_REASONING : TL_TURN_CONTENT;
        break;
    case TL_TURN_SIGN_SECTION:
        turn->section = true;
        turn->phase = TL_TURN_BETWEEN;
        break;
    default:
        if (sign == TL_TURN_SIGN_ALSO && turn->family->syntax == TL_TURN_XML)
            turn->body = turn->at;       /* it is the head as well */
        turn->phase = TL_TURN_CALL;
        turn->object = (struct tl_turn_object){.at = turn->body};
    }
    return TL_TURN_MORE;
}

/* 1: what begins the content may be a call that nothing marks; 0: it is none; -1: that is not known yet. */
static int may_be_bare(struct tl_turn *turn)
{
    size_t at = turn->at;
    if (!turn->family->bare || turn->tried_bare || !takes_calls(turn))
        return 0;
    while (at < turn->end && (tl_turn_blank(turn->held.data[at]) || (turn->calls && turn->held.data[at] == ';')))
        at++;
    if (at == turn->end)
        return turn->final ? 0 : -1;
    if (turn->held.data[at] == '{' && turn->calls)
        turn->at = at;
    return turn->held.data[at] == '{';
}

/* Behind the arguments of a call nothing of its message is content. */
static int skip_to_control(struct tl_turn *turn)
{
    enum tl_turn_sign sign;
    size_t n;
    turn->at = turn->seen = tl_turn_marks_find(&turn->marks, TL_TURN_SIGN_CONTROL, turn->held.data, turn->at, turn->end, turn->final, &sign, &n);
    return sign ? drop_control(turn, sign, n) : TL_TURN_WAIT;
}

int tl_turn_read_content(struct tl_turn *turn)
{
    unsigned signs = controls(turn);
    enum tl_turn_sign sign;
    size_t n;
    if (!strip(turn))
        return TL_TURN_WAIT;
    int bare = turn->blank ? may_be_bare(turn) : 0;
    if (bare < 0)
        return TL_TURN_WAIT;
    if (bare)
        return take_sign(turn, TL_TURN_SIGN_CALL, 0);
    if (turn->over)
        return skip_to_control(turn);
    if (turn->family->syntax != TL_TURN_HARMONY)
        signs |= (takes_calls(turn) ? TL_TURN_SIGN_CALLS : 0) | (turn->blank ? TL_TURN_SIGN_THINK | TL_TURN_SIGN_ANSWER : 0);
    size_t where = tl_turn_marks_find(&turn->marks, signs, turn->held.data, turn->seen > turn->at ? turn->seen : turn->at, turn->end, turn->final, &sign, &n);
    bool again = (sign & (TL_TURN_SIGN_THINK | TL_TURN_SIGN_ANSWER)) && !blanks(turn, where);
    if (again) {                         /* text came before it: so it is text as well */
        turn->blank = false;
        sign = 0;
    }
    bool mark = sign && sign != TL_TURN_SIGN_CONTROL, waits = !turn->final && (takes_calls(turn) || turn->blank);
    size_t stop = mark || (!sign && waits) ? without_blanks(turn, where) : where;
    int r = tl_turn_say(turn, TL_EVENT_CONTENT, tl_turn_text_at(turn, turn->at), stop - turn->at);
    turn->seen = where;
    turn->at = sign ? where : stop;
    if (r < 0 || !sign)
        return r < 0 ? r : again ? TL_TURN_MORE : TL_TURN_WAIT;
    return mark && sign != TL_TURN_SIGN_OPENER ? take_sign(turn, sign, n) : drop_control(turn, sign, n);
}

/* --- phases ----------------------------------------------------------------------------------------------------------------- */

static int read_dropped(struct tl_turn *turn)
{
    turn->at = turn->end;
    return TL_TURN_WAIT;
}

static int (*const phases[])(struct tl_turn *) = {
    [TL_TURN_REASONING] = tl_turn_read_reasoning, [TL_TURN_CONTENT] = tl_turn_read_content, [TL_TURN_BETWEEN] = tl_turn_read_between,
    [TL_TURN_CALL] = tl_turn_read_call, [TL_TURN_ARGUMENTS] = tl_turn_read_arguments, [TL_TURN_BEHIND] = tl_turn_read_behind,
    [TL_TURN_KEY] = tl_turn_read_key, [TL_TURN_VALUE] = tl_turn_read_value, [TL_TURN_WORDS] = tl_turn_read_notation,
    [TL_TURN_CLOSE] = tl_turn_read_close,
    [TL_TURN_HEADER] = tl_turn_read_header, [TL_TURN_DROP] = read_dropped,
};

static int run(struct tl_turn *turn)
{
    int r = TL_TURN_MORE;
    while (r == TL_TURN_MORE && turn->at < turn->end)
        r = phases[turn->phase](turn);
    return r < 0 ? r : 0;
}

/* What was given out is forgotten, now and then. */
static void forget(struct tl_turn *turn)
{
    size_t n = turn->at;
    if (n < 4096 && n != turn->held.len)
        return;
    memmove(turn->held.data, turn->held.data + n, turn->held.len - n);
    turn->held.len -= n;
    turn->end -= n;
    turn->at = 0;
    size_t *const offsets[] = {&turn->seen, &turn->body, &turn->object.at, &turn->object.from, &turn->object.name, &turn->object.args};
    for (size_t i = 0; i < sizeof offsets / sizeof *offsets; i++)
        *offsets[i] = *offsets[i] > n ? *offsets[i] - n : 0;
}

int tl_turn_text(struct tl_turn *turn, const char *bytes, size_t n_bytes)
{
    int r = tl_buffer_append(&turn->held, bytes, n_bytes);
    if (r < 0)
        return r;
    turn->end = turn->held.len - tl_utf8_unfinished(turn->held.data, turn->held.len);
    r = run(turn);
    forget(turn);
    return r;
}

/* What is no whole call is content. */
int tl_turn_end(struct tl_turn *turn)
{
    turn->final = true;
    int r = run(turn);
    while (r >= 0 && turn->at < turn->end && (turn->phase == TL_TURN_CALL || (turn->phase == TL_TURN_BETWEEN && turn->body > turn->at)))
        if ((r = tl_turn_no_call(turn)) >= 0)
            r = run(turn);
    return r < 0 ? r : 0;
}

uint32_t tl_turn_calls(const struct tl_turn *turn) { return turn->calls; }
bool tl_turn_reasons(const struct tl_turn *turn) { return turn->phase == TL_TURN_REASONING; }

/* --- a new one -------------------------------------------------------------------------------------------------------------- */

/* Is the mark one token of the vocabulary that running text never becomes? */
static bool is_control(const struct tl_turn *turn, struct tl_turn_mark mark)
{
    int32_t id = mark.n_bytes ? tl_tokenizer_id(turn->how.tokenizer, mark.bytes, mark.n_bytes) : -1;
    return id >= 0 && tl_tokenizer_is_control(turn->how.tokenizer, id);
}

/* The end of the prompt as text from its last control token that begins a message, and whether reasoning is open behind it. */
static int look_at_prompt(struct tl_turn *turn)
{
    const struct tl_turn_how *how = &turn->how;
    const struct tl_turn_mark think = turn->marks.think;
    size_t first = how->n_prompt > TAIL_IDS ? how->n_prompt - TAIL_IDS : 0, opener = how->n_prompt, n;
    char *text;
    for (size_t i = first; i < how->n_prompt; i++) {
        if (tl_tokenizer_ends(how->tokenizer, how->prompt[i]))
            opener = how->n_prompt;
        else if (opener == how->n_prompt && tl_tokenizer_is_control(how->tokenizer, how->prompt[i]))
            opener = i;
    }
    int r = tl_tokenizer_decode(how->tokenizer, how->prompt + first, how->n_prompt - first, true, &text, &n);
    if (r < 0)
        return r;
    while (n && tl_turn_blank(text[n - 1]))
        n--;
    if (think.n_bytes && n >= think.n_bytes && memcmp(text + n - think.n_bytes, think.bytes, think.n_bytes) == 0) {
        turn->phase = TL_TURN_REASONING;
        turn->strip = true;
    }
    tl_free(text);
    if (opener == how->n_prompt)
        return 0;
    r = tl_tokenizer_decode(how->tokenizer, how->prompt + opener, how->n_prompt - opener, true, &turn->opener, &n);
    if (r >= 0)
        tl_turn_marks_open(&turn->marks, turn->opener, n);
    return r;
}

int tl_turn_new(const struct tl_turn_how *how, struct tl_turn **ret_turn)
{
    struct tl_turn *turn = tl_alloc(1, sizeof *turn);
    if (!turn)
        return TL_E_NOMEM;
    turn->how = *how;
    turn->how.parallel &= how->choice != TL_TOOLS_ONE;               /* one tool, asked for by its name, is called once */
    turn->family = how->family;
    turn->phase = turn->family->syntax == TL_TURN_HARMONY ? TL_TURN_HEADER : TL_TURN_CONTENT;
    turn->blank = true;
    tl_buffer_init(&turn->held, 0);
    tl_buffer_init(&turn->key, 0);
    tl_buffer_init(&turn->scratch, 0);
    int r = how->tools ? tl_turn_tools_init(&turn->tools, how->tools, strlen(how->tools)) : 0;
    if (r >= 0)
        r = tl_turn_marks_init(&turn->marks, turn->family, how->tokenizer, !how->show_special);
    if (r >= 0 && how->n_prompt)
        r = look_at_prompt(turn);
    if (r >= 0 && takes_calls(turn))
        turn->hard_calls = (is_control(turn, turn->marks.section) ? TL_TURN_SIGN_SECTION : 0) | (is_control(turn, turn->marks.call) ? TL_TURN_SIGN_CALL : 0);
    if (r >= 0)
        r = tl_turn_steer_new(turn);
    if (r < 0) {
        tl_turn_free(turn);
        return r;
    }
    *ret_turn = turn;
    return 0;
}

void tl_turn_free(struct tl_turn *turn)
{
    if (!turn)
        return;
    tl_turn_steer_free(turn);
    tl_turn_marks_done(&turn->marks);
    tl_turn_tools_done(&turn->tools);
    tl_buffer_done(&turn->held);
    tl_buffer_done(&turn->key);
    tl_buffer_done(&turn->scratch);
    tl_free(turn->opener);
    tl_free(turn);
}
