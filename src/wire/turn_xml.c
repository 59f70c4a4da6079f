/* SPDX-License-Identifier: MIT */
/* Arguments written as keys and values between marks, given out as JSON: by the types that the tool's schema allows a value is
 * a string, which streams, or what it reads as, which waits until it is whole. */
#include <string.h>

#include "base/error.h"
#include "base/json.h"
#include "wire/turn_impl.h"

enum { UNDECIDED, STRING, OTHER };
enum { MAX_KEY = 1024 };

/* --- the name --------------------------------------------------------------------------------------------------------------- */

int tl_turn_read_function(struct tl_turn *turn, size_t at)
{
    static const char stops[4] = {'<', '>', '\n', '"'};
    int is = turn->marks.head.n_bytes ? tl_turn_is_at(turn, at, turn->marks.head) : 1;
    if (is <= 0)
        return is < 0 ? TL_TURN_WAIT : tl_turn_no_call(turn);
    size_t name = at += turn->marks.head.n_bytes;
    while (at < turn->end && !memchr(stops, turn->held.data[at], sizeof stops) && at - name <= TL_TURN_NAME_BYTES)
        at++;
    if (at == turn->end)
        return TL_TURN_WAIT;
    size_t behind = at;
    while (behind > name && tl_turn_blank(turn->held.data[behind - 1]))
        behind--;
    if (behind == name || !memchr(stops, turn->held.data[at], sizeof stops))
        return tl_turn_no_call(turn);
    is = tl_turn_is_at(turn, at, turn->marks.mid);
    if (is < 0)
        return TL_TURN_WAIT;
    int r = tl_turn_begin_call(turn, tl_turn_text_at(turn, name), behind - name);
    if (r >= 0)
        r = tl_turn_say_arguments(turn, "{", 1);
    turn->at = turn->body = turn->seen = at + (is ? turn->marks.mid.n_bytes : 0);
    turn->phase = TL_TURN_KEY;
    return r < 0 ? r : TL_TURN_MORE;
}

/* --- keys ------------------------------------------------------------------------------------------------------------------- */

static int end_keys(struct tl_turn *turn)
{
    int r = tl_turn_say_arguments(turn, "}", 1);
    turn->phase = TL_TURN_CLOSE;
    return r < 0 ? r : TL_TURN_MORE;
}

/* `KEY" string="true`: what the model says of the value. */
static size_t without_type(const char *key, size_t n_bytes, unsigned char *ret_value)
{
    static const char yes[] = "\" string=\"true", no[] = "\" string=\"false";
    size_t n_yes = sizeof yes - 1, n_no = sizeof no - 1;
    *ret_value = UNDECIDED;
    if (n_bytes > n_yes && memcmp(key + n_bytes - n_yes, yes, n_yes) == 0) {
        *ret_value = STRING;
        return n_bytes - n_yes;
    }
    if (n_bytes > n_no && memcmp(key + n_bytes - n_no, no, n_no) == 0) {
        *ret_value = OTHER;
        return n_bytes - n_no;
    }
    return n_bytes;
}

static int begin_value(struct tl_turn *turn, const char *key, size_t n_bytes)
{
    unsigned char said = UNDECIDED;
    if (turn->family->typed)
        n_bytes = without_type(key, n_bytes, &said);
    turn->types = turn->tool < 0 ? TL_TURN_ANY : tl_turn_tools_types(&turn->tools.tool[turn->tool], key, n_bytes);
    turn->value = said ? said : turn->types == TL_TURN_STRING ? STRING : OTHER;
    if (said == OTHER)
        turn->types &= (unsigned)~TL_TURN_STRING;
    tl_buffer_clear(&turn->scratch);
    tl_buffer_append(&turn->scratch, ", ", turn->comma ? 2 : 0);
    tl_buffer_json_string(&turn->scratch, key, n_bytes);
    tl_buffer_append(&turn->scratch, ": \"", turn->value == STRING ? 3 : 2);
    turn->comma = true;
    return turn->scratch.status < 0 ? turn->scratch.status : tl_turn_say_arguments(turn, turn->scratch.data, turn->scratch.len);
}

/* Behind the mark that begins a key. GLM's templates have blanks within the mark between key and value. */
static int read_key(struct tl_turn *turn, size_t at)
{
    const struct tl_turn_mark end = turn->marks.key_end;
    const char *inner = memchr(end.bytes, '\n', end.n_bytes);
    struct tl_turn_mark first = {end.bytes, inner ? (size_t)(inner - end.bytes) : end.n_bytes};
    struct tl_turn_mark second = tl_turn_mark_of(inner);
    size_t key = at;
    int is = 0;
    while (at < turn->end && (is = tl_turn_is_at(turn, at, first)) == 0 && at - key < MAX_KEY)
        at++;
    if (at == turn->end || is < 0)
        return TL_TURN_WAIT;
    size_t n_key = at - key;
    at += is ? first.n_bytes : 0;
    if (is && second.n_bytes) {
        tl_turn_skip_blanks(turn, &at);
        if (at == turn->end || (is = tl_turn_is_at(turn, at, second)) < 0)
            return TL_TURN_WAIT;
        at += is ? second.n_bytes : 0;
    }
    int r = begin_value(turn, tl_turn_text_at(turn, key), n_key);
    turn->at = turn->seen = at;
    turn->strip = turn->family->key_end[strlen(turn->family->key_end) - 1] == '\n';
    turn->phase = TL_TURN_VALUE;
    return r < 0 ? r : TL_TURN_MORE;
}

int tl_turn_read_key(struct tl_turn *turn)
{
    const struct tl_turn_mark ends[] = {turn->marks.tail, turn->marks.end, turn->marks.section_end};
    tl_turn_skip_blanks(turn, &turn->at);
    if (turn->at == turn->end)
        return TL_TURN_WAIT;
    int is = tl_turn_is_at(turn, turn->at, turn->marks.key);
    if (is == 0) {
        for (int i = 0; i < 3 && is == 0; i++)
            is = tl_turn_is_at(turn, turn->at, ends[i]);
        if (is > 0)
            return end_keys(turn);
        if (is == 0)
            turn->at++;                  /* nothing of a call: passed over */
        return is < 0 ? TL_TURN_WAIT : TL_TURN_MORE;
    }
    return is < 0 ? TL_TURN_WAIT : read_key(turn, turn->at + turn->marks.key.n_bytes);
}

/* --- values ----------------------------------------------------------------------------------------------------------------- */

static bool is_json(const char *text, size_t n_bytes, unsigned types)
{
    struct tl_json json;
    unsigned found = 0;
    tl_json_init(&json, "value", text, n_bytes);
    int event = tl_json_next(&json), r = event;
    if (event == TL_JSON_OBJECT || event == TL_JSON_ARRAY)
        r = tl_json_skip(&json);
    bool good = r >= 0 && tl_json_next(&json) == TL_JSON_END;
    tl_json_done(&json);
    switch (event) {
    case TL_JSON_STRING: found = TL_TURN_STRING; break;
    case TL_JSON_NUMBER: found = memchr(text, 'N', n_bytes) || memchr(text, 'I', n_bytes) ? 0 : TL_TURN_NUMBER; break;
    case TL_JSON_TRUE: case TL_JSON_FALSE: found = TL_TURN_BOOLEAN; break;
    case TL_JSON_NULL: found = TL_TURN_NULL; break;
    case TL_JSON_OBJECT: found = TL_TURN_OBJECT; break;
    case TL_JSON_ARRAY: found = TL_TURN_ARRAY; break;
    default: break;
    }
    /* Of a value that may be a string and a number the text is taken as it stands. */
    if (types & TL_TURN_STRING && types != TL_TURN_ANY)
        found &= TL_TURN_NULL | TL_TURN_OBJECT | TL_TURN_ARRAY;
    return good && (found & types);
}

/* A whole value that need not be a string. */
static int put_value(struct tl_turn *turn, const char *text, size_t n_bytes)
{
    static const struct { const char *python, *json; unsigned type; } words[] = {
        {"True", "true", TL_TURN_BOOLEAN}, {"False", "false", TL_TURN_BOOLEAN}, {"None", "null", TL_TURN_NULL}};
    for (size_t i = 0; i < 3; i++)
        if (strlen(words[i].python) == n_bytes && memcmp(words[i].python, text, n_bytes) == 0 && turn->types & words[i].type && turn->types != TL_TURN_ANY)
            return tl_turn_say_arguments(turn, words[i].json, strlen(words[i].json));
    if (is_json(text, n_bytes, turn->types))
        return tl_turn_say_arguments(turn, text, n_bytes);
    tl_buffer_clear(&turn->scratch);
    tl_buffer_json_string(&turn->scratch, text, n_bytes);
    return turn->scratch.status < 0 ? turn->scratch.status : tl_turn_say_arguments(turn, turn->scratch.data, turn->scratch.len);
}

static int put_piece(struct tl_turn *turn, size_t to)
{
    tl_buffer_clear(&turn->scratch);
    tl_buffer_json_string(&turn->scratch, tl_turn_text_at(turn, turn->at), to - turn->at);
    int r = turn->scratch.status;
    turn->at = to;
    return r < 0 ? r : tl_turn_say_arguments(turn, turn->scratch.data + 1, turn->scratch.len - 2);
}

/* The end of the value: where its mark begins. *ret_safe: no mark begins before it. */
static bool find_end(const struct tl_turn *turn, size_t *ret_at, size_t *ret_safe)
{
    size_t at = turn->seen > turn->at ? turn->seen : turn->at;
    int is = 0;
    while (at < turn->end && (is = tl_turn_is_at(turn, at, turn->marks.value_end)) == 0)
        at++;
    *ret_at = *ret_safe = at;
    return is == 1;
}

int tl_turn_read_value(struct tl_turn *turn)
{
    bool lines = turn->family->value_end[0] == '\n';
    size_t to, safe;
    if (turn->strip && turn->held.data[turn->at] == '\n')
        turn->at++;
    turn->strip = false;
    bool ends = find_end(turn, &to, &safe);
    turn->seen = safe;
    if (lines && (ends || !turn->final) && to > turn->at && turn->held.data[to - 1] == '\n')
        to--;                            /* the line end before the mark, or what may be it */
    if (turn->value == STRING) {
        int r = put_piece(turn, to);
        if (r < 0 || !ends)
            return r < 0 ? r : TL_TURN_WAIT;
        r = tl_turn_say_arguments(turn, "\"", 1);
        if (r < 0)
            return r;
    } else if (!ends) {
        return TL_TURN_WAIT;
    } else {
        int r = put_value(turn, tl_turn_text_at(turn, turn->at), to - turn->at);
        if (r < 0)
            return r;
    }
    turn->at = turn->seen = safe + turn->marks.value_end.n_bytes;
    turn->phase = TL_TURN_KEY;
    return TL_TURN_MORE;
}
