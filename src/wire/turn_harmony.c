/* SPDX-License-Identifier: MIT */
/* Harmony: an answer is several messages, each with a head that names a channel and, of a tool call, to whom it goes (OpenAI,
 * "Harmony response format"). Control tokens alone are marks. */
#include <string.h>

#include "base/error.h"
#include "wire/turn_impl.h"

enum { MAX_HEADER = 1024 };

/* The word behind `key` in the head. */
static size_t word(const char *head, size_t n_bytes, const char *key, const char **ret_word)
{
    size_t n_key = strlen(key), n = 0;
    for (size_t i = 0; i + n_key <= n_bytes; i++) {
        if (memcmp(head + i, key, n_key) != 0)
            continue;
        *ret_word = head + i + n_key;
        while (i + n_key + n < n_bytes && !tl_turn_blank((*ret_word)[n]) && (*ret_word)[n] != '<')
            n++;
        return n;
    }
    return 0;
}

static bool is(const char *text, size_t n_bytes, const char *word) { return strlen(word) == n_bytes && memcmp(text, word, n_bytes) == 0; }

static int begin_message(struct tl_turn *turn, const char *head, size_t n_bytes, size_t at)
{
    static const char functions[] = "functions.";
    const char *channel = "", *to = "";
    size_t n_channel = word(head, n_bytes, "<|channel|>", &channel), n_to = word(head, n_bytes, "to=", &to), n = sizeof functions - 1;
    bool call = n_to && turn->tools.count && turn->how.choice != TL_TOOLS_NONE;
    if (n_to > n && memcmp(to, functions, n) == 0) {
        to += n;
        n_to -= n;
    }
    int r = call ? tl_turn_begin_call(turn, to, n_to) : 0;
    turn->at = turn->seen = turn->body = at;
    turn->object = (struct tl_turn_object){0};
    turn->phase = call ? TL_TURN_ARGUMENTS : is(channel, n_channel, "analysis") ? TL_TURN_REASONING : TL_TURN_CONTENT;
    turn->over = false;
    return r < 0 ? r : TL_TURN_MORE;
}

int tl_turn_read_header(struct tl_turn *turn)
{
    static const char message[] = "<|message|>";
    size_t n_message = sizeof message - 1, n = turn->end - turn->at;
    const char *head = tl_turn_text_at(turn, turn->at), *found = memmem(head, n, message, n_message);
    if (found)
        return begin_message(turn, head, (size_t)(found - head), turn->at + (size_t)(found - head) + n_message);
    if (n < MAX_HEADER && !turn->final)
        return TL_TURN_WAIT;
    bool plain = head[0] != '<' && !memmem(head, n, "<|", 2);
    turn->phase = plain ? TL_TURN_CONTENT : TL_TURN_DROP;         /* a model that writes no heads */
    return TL_TURN_MORE;
}
