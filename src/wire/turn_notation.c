/* SPDX-License-Identifier: MIT */
/* Arguments in the notation of Gemma 4: {key:<|"|>text<|"|>,other:[1,true]}. It becomes JSON as it comes; JSON itself passes. */
#include <string.h>

#include "base/error.h"
#include "base/json.h"
#include "wire/turn_impl.h"

enum { OUTSIDE, QUOTED, JSON_STRING };

static const struct tl_turn_mark quote = {"<|\"|>", 5};

/* A word that stood alone: a number, true, false, null, else a text. */
static void put_word(struct tl_turn *turn, bool key)
{
    struct tl_buffer *word = &turn->key, *out = &turn->scratch;
    struct tl_json json;
    if (!word->len)
        return;
    tl_json_init(&json, "word", word->data, word->len);
    int event = key ? -1 : tl_json_next(&json);
    bool value = event == TL_JSON_NUMBER || event == TL_JSON_TRUE || event == TL_JSON_FALSE || event == TL_JSON_NULL;
    if (value && tl_json_next(&json) == TL_JSON_END)
        tl_buffer_append(out, word->data, word->len);
    else
        tl_buffer_json_string(out, word->data, word->len);
    tl_json_done(&json);
    tl_buffer_clear(word);
}

/* Between the quotes, as far as it is there. True: its end was. */
static bool put_text(struct tl_turn *turn, size_t *at)
{
    size_t from = *at;
    int is = 0;
    while (*at < turn->end && (is = tl_turn_is_at(turn, *at, quote)) == 0)
        ++*at;
    if (*at > from) {
        size_t start = turn->scratch.len;
        tl_buffer_json_string(&turn->scratch, tl_turn_text_at(turn, from), *at - from);
        if (turn->scratch.status >= 0) {             /* without its own quotes */
            memmove(turn->scratch.data + start, turn->scratch.data + start + 1, turn->scratch.len - start - 2);
            turn->scratch.len -= 2;
        }
    }
    if (is != 1)
        return false;
    *at += quote.n_bytes;
    tl_buffer_append(&turn->scratch, "\"", 1);
    return true;
}

static void put_json_byte(struct tl_turn *turn, char c)
{
    struct tl_turn_object *object = &turn->object;
    tl_buffer_append(&turn->scratch, &c, 1);
    if (c == '"' && !object->escape)
        turn->value = OUTSIDE;
    object->escape = c == '\\' && !object->escape;
}

/* One byte outside of texts. */
static void put_byte(struct tl_turn *turn, char c)
{
    struct tl_turn_object *object = &turn->object;
    if (memchr(",:}]", c, 4)) {
        put_word(turn, c == ':');
        object->depth -= c == '}' || c == ']';
        tl_buffer_append(&turn->scratch, &c, 1);
    } else if (c == '{' || c == '[') {
        object->depth++;
        tl_buffer_append(&turn->scratch, &c, 1);
    } else if (c == '"') {
        turn->value = JSON_STRING;
        tl_buffer_append(&turn->scratch, &c, 1);
    } else if (!tl_turn_blank(c)) {
        tl_buffer_append(&turn->key, &c, 1);
    }
}

int tl_turn_read_notation(struct tl_turn *turn)
{
    struct tl_turn_object *object = &turn->object;
    size_t at = turn->at;
    bool ended = false;
    tl_buffer_clear(&turn->scratch);
    while (at < turn->end && !ended) {
        if (turn->value == QUOTED) {
            if (!put_text(turn, &at))
                break;
            turn->value = OUTSIDE;
            continue;
        }
        if (turn->value == JSON_STRING) {
            put_json_byte(turn, turn->held.data[at++]);
            continue;
        }
        int quoted = tl_turn_is_at(turn, at, quote), is = quoted ? 0 : tl_turn_is_at(turn, at, turn->marks.end);
        if (quoted < 0 || is < 0)
            break;
        if (quoted) {
            turn->value = QUOTED;
            at += quote.n_bytes;
            tl_buffer_append(&turn->scratch, "\"", 1);
        } else if (!(ended = is)) {
            put_byte(turn, turn->held.data[at++]);
            ended = object->depth == 0;
        }
    }
    int r = turn->scratch.status < 0 ? turn->scratch.status : tl_turn_say_arguments(turn, turn->scratch.data, turn->scratch.len);
    turn->at = turn->seen = turn->body = at;
    if (ended)
        turn->phase = TL_TURN_CLOSE;
    return r < 0 ? r : ended ? TL_TURN_MORE : TL_TURN_WAIT;
}
