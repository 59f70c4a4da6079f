/* SPDX-License-Identifier: MIT */
/* Tool calls up to their arguments and behind them. Until a call's name is known nothing is taken from what waits, so that text
 * which begins like a call and is none can still be content. */
#include <string.h>

#include "base/error.h"
#include "base/json.h"
#include "wire/turn_impl.h"

enum { MAX_HEAD = 65536, MAX_MID = 160 };

/* --- sections --------------------------------------------------------------------------------------------------------------- */

/* Calls of a section: certain once the first of them has begun; until then everything from `at` on may be content. */
static int go(struct tl_turn *turn, enum tl_turn_phase phase, size_t at)
{
    bool certain = turn->calls && turn->body == turn->at;
    turn->phase = phase;
    turn->body = at;
    if (certain)
        turn->at = at;
    turn->object = (struct tl_turn_object){.at = at};
    return TL_TURN_MORE;
}

int tl_turn_read_between(struct tl_turn *turn)
{
    size_t at = turn->body;
    int is;
    while (at < turn->end && (tl_turn_blank(turn->held.data[at]) || memchr(",;[]", turn->held.data[at], 4))) {
        if (turn->held.data[at] != ',' && (is = tl_turn_is_at(turn, at, turn->marks.section_end)) != 0)
            break;
        if (tl_turn_is_at(turn, at, turn->marks.call) != 0)
            break;
        at++;
    }
    if (at == turn->end)
        return TL_TURN_WAIT;
    if ((is = tl_turn_is_at(turn, at, turn->marks.section_end)) != 0) {
        if (is < 0)
            return TL_TURN_WAIT;
        go(turn, TL_TURN_CONTENT, at + turn->marks.section_end.n_bytes);
        turn->at = turn->seen = turn->body;
        turn->section = false;
        turn->strip = true;
        return TL_TURN_MORE;
    }
    if ((is = tl_turn_is_at(turn, at, turn->marks.call)) != 0)
        return is < 0 ? TL_TURN_WAIT : go(turn, TL_TURN_CALL, at + turn->marks.call.n_bytes);
    if (turn->family->syntax == TL_TURN_XML ? (is = tl_turn_is_at(turn, at, turn->marks.head)) != 0 : turn->held.data[at] == '{')
        return is < 0 ? TL_TURN_WAIT : go(turn, TL_TURN_CALL, at);
    if (turn->body > turn->at)
        return tl_turn_no_call(turn);
    turn->at = turn->seen = at;
    turn->section = false;
    turn->phase = TL_TURN_CONTENT;
    return TL_TURN_MORE;
}

/* --- an object -------------------------------------------------------------------------------------------------------------- */

enum { KEY, COLON, VALUE, COMMA };
enum { OF_NAME = 1, OF_ARGUMENTS, OF_FUNCTION };

static unsigned char key_of(const struct tl_turn *turn, size_t from, size_t to)
{
    static const struct { const char *name; unsigned char key; } keys[] = {
        {"name", OF_NAME}, {"tool_name", OF_NAME}, {"arguments", OF_ARGUMENTS}, {"parameters", OF_ARGUMENTS}, {"function", OF_FUNCTION}};
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++)
        if (strlen(keys[i].name) == to - from && memcmp(keys[i].name, tl_turn_text_at(turn, from), to - from) == 0)
            return keys[i].key;
    return 0;
}

/* The value that begins at `from` ends before `to`. */
static void end_value(struct tl_turn_object *object, const struct tl_turn *turn, size_t to)
{
    bool string = turn->held.data[object->from] == '"';
    if ((object->key == OF_NAME || object->key == OF_FUNCTION) && string && to - object->from > 2 && to - object->from < TL_TURN_NAME_BYTES) {
        object->name = object->from + 1;
        object->n_name = to - 1 - object->name;
        object->has_name = true;
    }
    if (object->key == OF_ARGUMENTS && object->has_args) {
        object->n_args = to - object->args;
        object->args_done = true;
    }
    object->scalar = false;
    object->expects = COMMA;
}

/* 1: `c` at `at` begins a value. */
static bool begin_value(struct tl_turn_object *object, size_t at)
{
    if (object->expects != VALUE || object->scalar)
        return false;
    object->from = at;
    if (object->key == OF_ARGUMENTS) {
        object->args = at;
        object->has_args = true;
    }
    return true;
}

static bool read_string_byte(struct tl_turn_object *object, const struct tl_turn *turn, size_t at, char c)
{
    if (object->escape) {
        object->escape = false;
    } else if (c == '\\') {
        object->escape = true;
    } else if (c == '"') {
        object->string = false;
        if (object->depth == 1 && object->expects == KEY) {
            object->key = key_of(turn, object->from + 1, at);
            object->expects = COLON;
        } else if (object->depth == 1) {
            end_value(object, turn, at + 1);
        }
    }
    return true;
}

/* A bracket. False: not here. */
static bool read_bracket(struct tl_turn_object *object, const struct tl_turn *turn, size_t at, char c)
{
    if (c == '{' || c == '[') {
        if (object->depth == 0)
            object->expects = KEY;
        else if (object->depth == 1 && !begin_value(object, at))
            return false;
        if (object->depth == 1 && object->key == OF_FUNCTION && c == '{') {
            object->wraps++;
            object->expects = KEY;
        } else {
            object->depth++;
        }
        return object->depth > 1 || c == '{';
    }
    if (object->depth == 1 && object->scalar)
        end_value(object, turn, at);
    if (object->depth == 1 && object->wraps) {
        object->wraps--;
        object->expects = COMMA;
    } else if (--object->depth == 1) {
        end_value(object, turn, at + 1);
    }
    return true;
}

/* One byte of the object. False: this is none. */
static bool read_byte(struct tl_turn_object *object, const struct tl_turn *turn, size_t at)
{
    char c = turn->held.data[at];
    if (object->string)
        return read_string_byte(object, turn, at, c);
    if (tl_turn_blank(c))
        return true;
    if (object->depth == 0)
        return c == '{' && read_bracket(object, turn, at, c);
    if (memchr("{[}]", c, 4))
        return read_bracket(object, turn, at, c);
    if (c == '"') {
        if (object->depth == 1 && object->expects == KEY)
            object->from = at;
        else if (object->depth == 1 && !begin_value(object, at))
            return false;
        return object->string = true;
    }
    if (object->depth > 1)
        return true;
    if (c == ',' && object->scalar)
        end_value(object, turn, at);
    if (c == ',' ? object->expects == COMMA : c == ':' && object->expects == COLON) {
        object->expects = c == ',' ? KEY : VALUE;
        return true;
    }
    if (object->scalar || begin_value(object, at))
        return object->scalar = c != ',' && c != ':';
    return false;
}

/* --- where a call begins ---------------------------------------------------------------------------------------------------- */

static int begin_named(struct tl_turn *turn, const char *name, size_t n_bytes, enum tl_turn_phase phase, size_t at)
{
    int r = tl_turn_begin_call(turn, name, n_bytes);
    turn->at = turn->body = turn->seen = at;
    turn->phase = phase;
    return r < 0 ? r : TL_TURN_MORE;
}

/* The name is a JSON string; the arguments follow, or were there before it. */
static int begin_object(struct tl_turn *turn, size_t behind)
{
    struct tl_turn_object *object = &turn->object;
    struct tl_json json;
    size_t from = object->name - 1, at = object->args_done ? behind : object->has_args ? object->args : behind;
    unsigned wraps = object->wraps;
    bool ended = object->depth == 0, done = object->args_done;
    struct tl_turn_object next = {.at = at, .depth = !ended, .wraps = wraps};
    tl_json_init(&json, "name", turn->held.data + from, object->n_name + 2);
    int r = tl_json_next(&json);
    bool known = r == TL_JSON_STRING && tl_turn_tools_find(&turn->tools, json.string.data, json.string.len) >= 0;
    if (r != TL_JSON_STRING || (turn->family->bare && !known && turn->body == turn->at)) {
        tl_json_done(&json);
        return tl_turn_no_call(turn);
    }
    size_t args = object->args, n_args = object->n_args;
    r = tl_turn_begin_call(turn, json.string.data, json.string.len);
    tl_json_done(&json);
    if (r >= 0 && done)
        r = tl_turn_say_arguments(turn, tl_turn_text_at(turn, args), n_args);
    else if (r >= 0 && ended)
        r = tl_turn_say_arguments(turn, "{}", 2);
    turn->at = turn->body = turn->seen = at;
    turn->object = next;
    turn->phase = ended ? TL_TURN_CLOSE : done ? TL_TURN_BEHIND : TL_TURN_ARGUMENTS;
    return r < 0 ? r : TL_TURN_MORE;
}

int tl_turn_read_object(struct tl_turn *turn)
{
    struct tl_turn_object *object = &turn->object;
    while (object->at < turn->end) {
        if (object->at - turn->body > MAX_HEAD || !read_byte(object, turn, object->at))
            return tl_turn_no_call(turn);
        object->at++;
        if (object->has_name && (object->has_args || object->depth == 0))
            return begin_object(turn, object->at);
        if (object->depth == 0 && object->at > turn->body && turn->held.data[object->at - 1] == '}')
            return tl_turn_no_call(turn);
    }
    return TL_TURN_WAIT;
}

static bool names(char c) { return (c >= '0' && c <= ':') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || c == '_' || c == '-' || c == '.' || c == '/' || (signed char)c < 0; }

/* NAME, a mark, then arguments: found where they begin, with or without the mark. */
static int read_named(struct tl_turn *turn, size_t at)
{
    int is = tl_turn_is_at(turn, at, turn->marks.head);
    if (is < 0)
        return TL_TURN_WAIT;
    at += is ? turn->marks.head.n_bytes : 0;
    size_t name = at;
    while (at < turn->end && names(turn->held.data[at]) && at - name <= TL_TURN_NAME_BYTES)
        at++;
    size_t behind = at;
    if (at == name || at - name > TL_TURN_NAME_BYTES)
        return at == turn->end ? TL_TURN_WAIT : tl_turn_no_call(turn);
    for (; at < turn->end && at - behind < MAX_MID; at++) {
        if ((is = tl_turn_is_at(turn, at, turn->marks.mid)) < 0)
            return TL_TURN_WAIT;
        if (!is && turn->held.data[at] != '{')
            continue;
        bool words = turn->family->syntax == TL_TURN_NOTATION;
        turn->object = (struct tl_turn_object){.depth = 0};
        turn->value = 0;
        tl_buffer_clear(&turn->key);
        return begin_named(turn, tl_turn_text_at(turn, name), behind - name, words ? TL_TURN_WORDS : TL_TURN_ARGUMENTS, at + (is ? turn->marks.mid.n_bytes : 0));
    }
    return at == turn->end ? TL_TURN_WAIT : tl_turn_no_call(turn);
}

int tl_turn_read_call(struct tl_turn *turn)
{
    size_t at = turn->body;
    tl_turn_skip_blanks(turn, &at);
    if (at == turn->end)
        return TL_TURN_WAIT;
    char c = turn->held.data[at];
    if (turn->family->syntax == TL_TURN_XML)
        return tl_turn_read_function(turn, at);
    if (turn->family->syntax == TL_TURN_JSON || c == '{')
        return tl_turn_read_object(turn);
    if (c != '[')
        return read_named(turn, at);
    turn->section = true;                /* a list where a name should be */
    turn->phase = TL_TURN_BETWEEN;
    return TL_TURN_MORE;
}

/* --- behind the arguments --------------------------------------------------------------------------------------------------- */

int tl_turn_read_behind(struct tl_turn *turn)
{
    struct tl_turn_object *object = &turn->object;
    for (; turn->at < turn->end; turn->at++) {
        char c = turn->held.data[turn->at];
        int is = object->string ? 0 : tl_turn_is_at(turn, turn->at, turn->marks.end);
        if (is < 0)
            return TL_TURN_WAIT;
        if (is || (!object->string && object->depth == 0))
            break;
        if (object->string)
            object->string = object->escape || c != '"';
        else if (c == '"')
            object->string = true;
        else if (c == '{' || c == '[')
            object->depth++;
        else if (c == '}' || c == ']')
            object->wraps ? object->wraps-- : object->depth--;
        object->escape = object->string && c == '\\' && !object->escape;
    }
    if (turn->at == turn->end && object->depth)
        return TL_TURN_WAIT;
    turn->phase = TL_TURN_CLOSE;
    return TL_TURN_MORE;
}

/* The marks that end a call, as far as they are there. */
int tl_turn_read_close(struct tl_turn *turn)
{
    const struct tl_turn_mark marks[] = {turn->marks.tail, turn->marks.end};
    size_t at = turn->at;
    bool ended = false;
    for (int i = turn->family->syntax == TL_TURN_JSON; i < 2; i++) {
        tl_turn_skip_blanks(turn, &at);
        if (at == turn->end)
            break;
        int is = tl_turn_is_at(turn, at, marks[i]);
        if (is < 0)
            return TL_TURN_WAIT;
        at += is ? marks[i].n_bytes : 0;
        ended |= is && i == 1;
    }
    if (at == turn->end && !ended && !turn->final && marks[1].n_bytes)
        return TL_TURN_WAIT;
    turn->at = at;
    bool another = turn->family->syntax == TL_TURN_JSON && !ended && marks[1].n_bytes && at < turn->end && turn->held.data[at] == '{';
    if (!another)
        return tl_turn_end_call(turn);
    turn->phase = TL_TURN_CALL;          /* one more before the same mark */
    turn->body = at;
    turn->object = (struct tl_turn_object){.at = at};
    return TL_TURN_MORE;
}
