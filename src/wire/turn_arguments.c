/* SPDX-License-Identifier: MIT */
/* Arguments that are JSON already: given out as they come. Line ends and the like within strings, which no JSON may hold, are
 * escaped; a value that is no object is held until it is whole. */
#include <string.h>

#include "base/error.h"
#include "base/json.h"
#include "wire/turn_impl.h"

enum { UNDECIDED, CONTAINER, STRING, SCALAR };

static int end_arguments(struct tl_turn *turn)
{
    turn->phase = turn->family->syntax == TL_TURN_HARMONY ? TL_TURN_CONTENT : turn->object.depth ? TL_TURN_BEHIND : TL_TURN_CLOSE;
    turn->object.string = turn->object.escape = false;
    turn->seen = turn->body = turn->at;
    if (turn->family->syntax == TL_TURN_HARMONY)
        turn->strip = turn->over = true;
    return TL_TURN_MORE;
}

/* Does the mark that ends the call stand here, outside of strings? */
static int ends_here(const struct tl_turn *turn, size_t at)
{
    int is = tl_turn_is_at(turn, at, turn->marks.end);
    return is ? is : tl_turn_is_at(turn, at, turn->marks.section_end.n_bytes > 1 ? turn->marks.section_end : turn->marks.end);
}

static int put(struct tl_turn *turn, size_t to)
{
    int r = tl_turn_say_arguments(turn, tl_turn_text_at(turn, turn->at), to - turn->at);
    turn->at = to;
    return r;
}

/* A byte that must not be in a string, as an escape. */
static int put_escaped(struct tl_turn *turn, size_t at)
{
    tl_buffer_clear(&turn->scratch);
    tl_buffer_json_string(&turn->scratch, tl_turn_text_at(turn, at), 1);
    int r = put(turn, at);
    if (r >= 0 && (r = turn->scratch.status) >= 0)
        r = tl_turn_say_arguments(turn, turn->scratch.data + 1, turn->scratch.len - 2);
    turn->at = at + 1;
    return r;
}

static int read_container(struct tl_turn *turn)
{
    struct tl_turn_object *object = &turn->object;
    size_t at = turn->at;
    int r = 0;
    for (; at < turn->end && r >= 0; at++) {
        char c = turn->held.data[at];
        if (object->string) {
            if ((unsigned char)c < 0x20 && !object->escape) {
                r = put_escaped(turn, at);
                continue;
            }
            object->string = object->escape || c != '"';
            object->escape = c == '\\' && !object->escape;
            continue;
        }
        int is = ends_here(turn, at);
        if (is < 0)
            break;
        if (is) {
            r = put(turn, at);
            return r < 0 ? r : end_arguments(turn);
        }
        object->string = c == '"';
        object->n_args += c == '{' || c == '[';
        if ((c == '}' || c == ']') && --object->n_args == 0) {
            r = put(turn, at + 1);
            return r < 0 ? r : end_arguments(turn);
        }
    }
    if (r >= 0)
        r = put(turn, at);
    return r < 0 ? r : TL_TURN_WAIT;
}

/* A string that holds the object, as some models write it. */
static int read_string(struct tl_turn *turn)
{
    struct tl_turn_object *object = &turn->object;
    struct tl_json json;
    for (; object->at < turn->end; object->at++) {
        char c = turn->held.data[object->at];
        if (object->at > turn->at && c == '"' && !object->escape)
            break;
        object->escape = c == '\\' && !object->escape;
    }
    if (object->at == turn->end && !turn->final)
        return TL_TURN_WAIT;
    size_t n = object->at - turn->at + (object->at < turn->end);
    tl_json_init(&json, "arguments", turn->held.data + turn->at, n);
    bool inside = tl_json_next(&json) == TL_JSON_STRING && json.string.len && json.string.data[0] == '{';
    int r = inside ? tl_turn_say_arguments(turn, json.string.data, json.string.len) : tl_turn_say_arguments(turn, tl_turn_text_at(turn, turn->at), n);
    tl_json_done(&json);
    turn->at += n;
    return r < 0 ? r : end_arguments(turn);
}

static int read_scalar(struct tl_turn *turn)
{
    struct tl_turn_object *object = &turn->object;
    for (; object->at < turn->end; object->at++) {
        int is = ends_here(turn, object->at);
        if (is < 0)
            return TL_TURN_WAIT;
        if (is || (object->depth && memchr(",}", turn->held.data[object->at], 2)))
            break;
    }
    if (object->at == turn->end && !turn->final)
        return TL_TURN_WAIT;
    size_t n = object->at - turn->at;
    while (n && tl_turn_blank(turn->held.data[turn->at + n - 1]))
        n--;
    bool none = n == 0 || (n == 4 && memcmp(tl_turn_text_at(turn, turn->at), "null", 4) == 0);
    int r = none ? tl_turn_say_arguments(turn, "{}", 2) : tl_turn_say_arguments(turn, tl_turn_text_at(turn, turn->at), n);
    turn->at = object->at;
    return r < 0 ? r : end_arguments(turn);
}

int tl_turn_read_arguments(struct tl_turn *turn)
{
    struct tl_turn_object *object = &turn->object;
    if (object->key == UNDECIDED) {
        tl_turn_skip_blanks(turn, &turn->at);
        if (turn->at == turn->end)
            return TL_TURN_WAIT;
        char c = turn->held.data[turn->at];
        object->key = c == '{' || c == '[' ? CONTAINER : c == '"' ? STRING : SCALAR;
        object->at = turn->at;
        object->n_args = 0;
        object->string = object->escape = false;
    }
    return object->key == CONTAINER ? read_container(turn) : object->key == STRING ? read_string(turn) : read_scalar(turn);
}
