/* SPDX-License-Identifier: MIT */
/* A sorted list, narrowed byte by byte: the tokens that share the bytes read so far are always one range of it. */
#include "text/added.h"

#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "text/characters.h"

void tl_added_done(struct tl_added *added)
{
    tl_buffer_done(&added->text);
    tl_free(added->token);
    *added = (struct tl_added){0};
}

int tl_added_add(struct tl_added *added, const char *text, size_t n_bytes, int32_t id, unsigned flags)
{
    if (n_bytes == 0)
        return 0;
    if (n_bytes > TL_ADDED_MAX_BYTES)
        return tl_fail(TL_E_FILE, "added token %d has %zu bytes, at most %d supported", id, n_bytes, TL_ADDED_MAX_BYTES);
    if (tl_grow((void **)&added->token, added->count, &added->capacity, sizeof *added->token) < 0)
        return TL_E_NOMEM;
    if (added->text.len > UINT32_MAX - n_bytes)
        return tl_fail(TL_E_FILE, "added tokens of more than 4 GiB");
    added->token[added->count++] = (struct tl_added_token){(uint32_t)added->text.len, (uint32_t)n_bytes, id, flags};
    return tl_buffer_append(&added->text, text, n_bytes);
}

static int compare(const void *a, const void *b, void *context)
{
    const struct tl_added *added = context;
    const struct tl_added_token *left = a, *right = b;
    uint32_t n = left->n_bytes < right->n_bytes ? left->n_bytes : right->n_bytes;
    int order = memcmp(added->text.data + left->at, added->text.data + right->at, n);
    if (order == 0)
        order = (left->n_bytes > right->n_bytes) - (left->n_bytes < right->n_bytes);
    return order ? order : (left->id > right->id) - (left->id < right->id);
}

static uint8_t byte_at(const struct tl_added *added, uint32_t index, uint32_t depth)
{
    return (uint8_t)added->text.data[added->token[index].at + depth];
}

void tl_added_finish(struct tl_added *added)
{
    if (added->count)
        qsort_r(added->token, added->count, sizeof *added->token, compare, added);
    for (uint32_t byte = 0, i = 0; byte <= 256; byte++) {
        while (i < added->count && byte_at(added, i, 0) < byte)
            i++;
        added->first[byte] = i;
    }
}

/* The first index in [low, high) whose byte at `depth` is at least `byte`. */
static uint32_t lower_bound(const struct tl_added *added, uint32_t low, uint32_t high, uint32_t depth, unsigned byte)
{
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (byte_at(added, middle, depth) < byte)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* The longest token that `text` begins with, special ones of at most special_bytes; or -1. */
static int64_t longest(const struct tl_added *added, const char *text, size_t n_bytes, size_t special_bytes)
{
    uint8_t byte = (uint8_t)*text;
    uint32_t low = added->first[byte], high = added->first[byte + 1];
    int64_t best = -1;
    for (uint32_t depth = 1; low < high; depth++) {
        for (; low < high && added->token[low].n_bytes == depth; low++)
            if (depth <= special_bytes || !(added->token[low].flags & TL_ADDED_SPECIAL))
                best = best >= 0 && added->token[best].n_bytes == depth ? best : (int64_t)low;
        if (depth == n_bytes)
            break;
        low = lower_bound(added, low, high, depth, (uint8_t)text[depth]);
        high = lower_bound(added, low, high, depth, (uint8_t)text[depth] + 1u);
    }
    return best;
}

/* How long a special token at the head of `plain` may be: up to the first marked byte. */
static size_t unmarked(const uint8_t *plain, size_t n_bytes)
{
    n_bytes = n_bytes < TL_ADDED_MAX_BYTES ? n_bytes : TL_ADDED_MAX_BYTES;
    const uint8_t *mark = plain ? memchr(plain, 1, n_bytes) : NULL;
    return mark ? (size_t)(mark - plain) : n_bytes;
}

static bool inside_word(const char *text, size_t n_bytes, size_t start, size_t end)
{
    return tl_character_word_before(text, start) || tl_character_word_after(text + end, n_bytes - end);
}

bool tl_added_find(const struct tl_added *added, const char *text, size_t n_bytes, size_t from, bool special,
                   const uint8_t *plain, struct tl_added_match *ret_match)
{
    if (!added->count)
        return false;
    for (size_t at = from; at < n_bytes;) {
        uint8_t byte = (uint8_t)text[at];
        bool begins = added->first[byte] < added->first[byte + 1];
        size_t special_bytes = begins && special ? unmarked(plain ? plain + at : NULL, n_bytes - at) : 0;
        int64_t index = begins ? longest(added, text + at, n_bytes - at, special_bytes) : -1;
        if (index < 0) {
            at++;
            continue;
        }
        const struct tl_added_token *token = &added->token[index];
        size_t start = at, end = at + token->n_bytes;
        at = end;
        if ((token->flags & TL_ADDED_WORD) && inside_word(text, n_bytes, start, end))
            continue;
        if (token->flags & TL_ADDED_LSTRIP)
            start -= tl_character_trailing_space(text + from, start - from);
        if (token->flags & TL_ADDED_RSTRIP)
            end += tl_character_leading_space(text + end, n_bytes - end);
        *ret_match = (struct tl_added_match){start, end, token->id};
        return true;
    }
    return false;
}
