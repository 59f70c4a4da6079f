/* SPDX-License-Identifier: MIT */
/* What a turn gives out: text of whole characters, and calls with names, ids and arguments. */
#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "text/random.h"
#include "wire/turn_impl.h"

int tl_turn_say(struct tl_turn *turn, enum tl_event_kind kind, const char *bytes, size_t n_bytes)
{
    struct tl_event event = {.kind = kind, .text = bytes, .n_bytes = n_bytes};
    for (size_t i = 0; i < n_bytes && turn->blank; i++)
        turn->blank = tl_turn_blank(bytes[i]);
    return n_bytes && turn->how.event ? turn->how.event(turn->how.context, &event) : 0;
}

/* --- calls ------------------------------------------------------------------------------------------------------------------ */

/* A function of the seed and the call's number, so that the same answer has the same ids. */
static void make_id(const struct tl_turn *turn, char *ret_id, size_t n_bytes)
{
    static const char letters[] = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    const uint32_t key[2] = {(uint32_t)turn->how.seed, (uint32_t)(turn->how.seed >> 32)};
    uint32_t words[4];
    for (size_t i = 0; i < n_bytes; i++) {
        if (i % 4 == 0)
            tl_random_philox((const uint32_t[4]){turn->calls, (uint32_t)i, 0x63616C6C, 0}, key, words);
        ret_id[i] = letters[words[i % 4] % (sizeof letters - 1)];
    }
    ret_id[n_bytes] = 0;
}

/* "NAME:3": the number of the call is taken off, and is never less than that of the one before. */
static void take_number(struct tl_turn *turn, const char *name, size_t *n_bytes)
{
    size_t at = *n_bytes;
    uint32_t number = turn->last_number;
    while (at && isdigit((unsigned char)name[at - 1]))
        at--;
    if (at > 1 && name[at - 1] == ':' && at < *n_bytes && *n_bytes - at < 9) {
        uint32_t said = 0;
        for (size_t i = at; i < *n_bytes; i++)
            said = said * 10 + (uint32_t)(name[i] - '0');
        number = said > number ? said : number;
        *n_bytes = at - 1;
    }
    turn->last_number = number + 1;
}

int tl_turn_begin_call(struct tl_turn *turn, const char *name, size_t n_bytes)
{
    char id[64 + TL_TURN_NAME_BYTES], text[TL_TURN_NAME_BYTES + 1];
    struct tl_event event = {.kind = TL_EVENT_CALL, .call = turn->calls, .id = id, .name = text};
    if (turn->family->numbered)
        take_number(turn, name, &n_bytes);
    n_bytes = n_bytes < TL_TURN_NAME_BYTES ? n_bytes : TL_TURN_NAME_BYTES;
    memcpy(text, name, n_bytes);
    text[n_bytes] = 0;
    if (turn->family->numbered) {
        snprintf(id, sizeof id, "%s%s:%u", turn->family->head, text, turn->last_number - 1);
    } else if (turn->family->id_bytes) {
        make_id(turn, id, turn->family->id_bytes);
    } else {
        memcpy(id, "call_", 5);
        make_id(turn, id + 5, 24);
    }
    turn->calls++;
    turn->tool = tl_turn_tools_find(&turn->tools, text, n_bytes);
    turn->comma = false;
    return turn->how.event ? turn->how.event(turn->how.context, &event) : 0;
}

int tl_turn_say_arguments(struct tl_turn *turn, const char *bytes, size_t n_bytes)
{
    struct tl_event event = {.kind = TL_EVENT_ARGUMENTS, .text = bytes, .n_bytes = n_bytes, .call = turn->calls - 1};
    return n_bytes && turn->how.event ? turn->how.event(turn->how.context, &event) : 0;
}

int tl_turn_end_call(struct tl_turn *turn)
{
    turn->phase = turn->section ? TL_TURN_BETWEEN : TL_TURN_CONTENT;
    turn->body = turn->seen = turn->at;
    turn->strip = turn->blank = true;
    return TL_TURN_MORE;
}

int tl_turn_no_call(struct tl_turn *turn)
{
    size_t before = turn->at;
    while (turn->at < turn->body) {
        enum tl_turn_sign sign;
        size_t n, where = tl_turn_marks_find(&turn->marks, TL_TURN_SIGN_CONTROL, turn->held.data, turn->at, turn->body, true, &sign, &n);
        int r = tl_turn_say(turn, TL_EVENT_CONTENT, tl_turn_text_at(turn, turn->at), where - turn->at);
        if (r < 0)
            return r;
        turn->at = where + n;
    }
    turn->seen = turn->at + (turn->at == before);
    turn->phase = TL_TURN_CONTENT;
    turn->section = false;
    turn->tried_bare = true;
    return TL_TURN_MORE;
}

/* --- looking ---------------------------------------------------------------------------------------------------------------- */

void tl_turn_skip_blanks(const struct tl_turn *turn, size_t *at)
{
    while (*at < turn->end && tl_turn_blank(turn->held.data[*at]))
        ++*at;
}

int tl_turn_is_at(const struct tl_turn *turn, size_t at, struct tl_turn_mark mark)
{
    size_t n = turn->end - at;
    if (!mark.n_bytes || memcmp(turn->held.data + at, mark.bytes, n < mark.n_bytes ? n : mark.n_bytes) != 0)
        return 0;
    return n >= mark.n_bytes ? 1 : turn->final ? 0 : -1;
}
