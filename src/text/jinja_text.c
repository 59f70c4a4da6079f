/* SPDX-License-Identifier: MIT */
/* Strings: slices share their bytes; what is joined to the end of a string is written behind it where there is room, so
 * that building a long text piece by piece takes linear time and memory. */
#include "text/jinja_text.h"

#include <string.h>

#include "base/error.h"
#include "text/jinja.h"

enum { TAIL_FROM = 256 };                /* strings shorter than this are simply copied */

uint64_t tl_jinja_text_hash_bytes(const char *bytes, size_t n)
{
    uint64_t hash = 0xCBF29CE484222325 ^ n;          /* FNV-1a, eight bytes at a time */
    for (; n >= 8; n -= 8, bytes += 8) {
        uint64_t word;
        memcpy(&word, bytes, 8);
        hash = (hash ^ word) * 0x100000001B3;
        hash ^= hash >> 32;
    }
    for (; n; n--)
        hash = (hash ^ (uint8_t)*bytes++) * 0x100000001B3;
    hash ^= hash >> 29;
    return hash ? hash : 1;
}

/* Fields that are filled when first asked for; not of a template's constants, which have them all. */
static struct tl_jinja_text *lazy(const struct tl_jinja_text *text)
{
    return (struct tl_jinja_text *)text;
}

uint64_t tl_jinja_text_hash(const struct tl_jinja_text *text)
{
    if (!text->hash)
        lazy(text)->hash = tl_jinja_text_hash_bytes(text->bytes, text->n);
    return text->hash;
}

static size_t count_chars(const char *bytes, size_t n)
{
    size_t chars = 0;
    for (size_t i = 0; i < n; i++)
        chars += ((unsigned char)bytes[i] & 0xC0) != 0x80;
    return chars;
}

size_t tl_jinja_text_chars(const struct tl_jinja_text *text)
{
    if (text->chars == SIZE_MAX)
        lazy(text)->chars = count_chars(text->bytes, text->n);
    return text->chars;
}

bool tl_jinja_text_same(const struct tl_jinja_text *a, const struct tl_jinja_text *b)
{
    return a->n == b->n && (a->bytes == b->bytes || memcmp(a->bytes, b->bytes, a->n) == 0);
}

bool tl_jinja_text_is(const struct tl_jinja_text *text, const char *other)
{
    return text->n == strlen(other) && memcmp(text->bytes, other, text->n) == 0;
}

int tl_jinja_text_order(const struct tl_jinja_text *a, const struct tl_jinja_text *b)
{
    int order = memcmp(a->bytes, b->bytes, a->n < b->n ? a->n : b->n);
    return order ? order : (a->n > b->n) - (a->n < b->n);
}

int tl_jinja_text_constant(struct tl_jinja_memory *memory, const char *bytes, size_t n, struct tl_jinja_text **ret_text)
{
    int status;
    struct tl_jinja_text *text = tl_jinja_memory_take(memory, 1, sizeof *text, &status);
    if (!text)
        return TL_E_NOMEM;
    *text = (struct tl_jinja_text){.bytes = bytes, .n = n, .chars = count_chars(bytes, n),
                                   .hash = tl_jinja_text_hash_bytes(bytes, n)};
    *ret_text = text;
    return 0;
}

/* --- of a rendering -------------------------------------------------------------------------------------------------- */

static int make(struct tl_jinja *j, struct tl_jinja_text text, struct tl_jinja_value *ret)
{
    struct tl_jinja_text *made;
    int r = tl_jinja_take(j, 1, sizeof *made, &made);
    if (r < 0)
        return r;
    *made = text;
    *ret = tl_jinja_string(made);
    return 0;
}

int tl_jinja_text_new(struct tl_jinja *j, const char *bytes, size_t n, bool user, struct tl_jinja_value *ret)
{
    char *copy;
    int r = tl_jinja_take(j, n, 1, &copy);
    if (r < 0)
        return r;
    if (n)
        memcpy(copy, bytes, n);
    return make(j, (struct tl_jinja_text){.bytes = copy, .n = n, .chars = SIZE_MAX, .user = user}, ret);
}

int tl_jinja_text_literal(struct tl_jinja *j, const char *text, struct tl_jinja_value *ret)
{
    return make(j, (struct tl_jinja_text){.bytes = text, .n = strlen(text), .chars = SIZE_MAX}, ret);
}

int tl_jinja_text_slice(struct tl_jinja *j, const struct tl_jinja_text *text, size_t start, size_t n, struct tl_jinja_value *ret)
{
    if (start == 0 && n == text->n) {
        *ret = tl_jinja_string(text);
        return 0;
    }
    struct tl_jinja_text part = {.bytes = text->bytes + start, .from = text->from ? text->from + start : NULL, .n = n,
                                 .chars = text->chars == text->n ? n : SIZE_MAX, .user = text->user,
                                 .markup = text->markup};
    if (text->tail && start + n == text->n)
        part.tail = text->tail;
    return make(j, part, ret);
}

int tl_jinja_text_mark(struct tl_jinja *j, const struct tl_jinja_text *text, bool markup, struct tl_jinja_value *ret)
{
    struct tl_jinja_text copy = *text;
    *ret = tl_jinja_string(text);
    copy.markup = markup;
    return text->markup == markup ? 0 : make(j, copy, ret);
}

/* Are all bytes of both of one origin? */
static bool uniform(const struct tl_jinja_text *a, const struct tl_jinja_text *b)
{
    return !a->from && !b->from && (a->n == 0 || b->n == 0 || a->user == b->user);
}

static void put(const struct tl_jinja_text *text, char *bytes, uint8_t *from)
{
    if (text->n)
        memcpy(bytes, text->bytes, text->n);
    if (from && text->from)
        memcpy(from, text->from, text->n);
    else if (from)
        memset(from, text->user, text->n);
}

/* Can `b` be written right behind `a`, in a's tail? */
static bool fits_behind(const struct tl_jinja_text *a, const struct tl_jinja_text *b)
{
    const struct tl_jinja_tail *tail = a->tail;
    return tail && a->bytes + a->n == tail->bytes + tail->n && b->n <= tail->cap - tail->n &&
           (tail->from ? a->from != NULL : uniform(a, b));
}

int tl_jinja_text_concat(struct tl_jinja *j, const struct tl_jinja_text *a, const struct tl_jinja_text *b, struct tl_jinja_value *ret)
{
    struct tl_jinja_text joined = {.n = a->n + b->n, .markup = a->markup, .user = a->n ? a->user : b->user,
                                   .chars = a->chars == SIZE_MAX || b->chars == SIZE_MAX ? SIZE_MAX : a->chars + b->chars};
    struct tl_jinja_tail *tail = a->tail;
    char *bytes;
    uint8_t *from = NULL;
    int r = tl_jinja_scan(j, b->n);
    if (r < 0)
        return r;
    if (fits_behind(a, b)) {
        put(b, tail->bytes + tail->n, tail->from ? tail->from + tail->n : NULL);
        tail->n += b->n;
        joined.bytes = a->bytes;
        joined.from = a->from;
        joined.tail = tail;
        return make(j, joined, ret);
    }
    size_t cap = joined.n >= TAIL_FROM ? 2 * joined.n : joined.n;
    if ((r = tl_jinja_scan(j, a->n)) < 0 || (r = tl_jinja_take(j, cap, 1, &bytes)) < 0 ||
        (!uniform(a, b) && (r = tl_jinja_take(j, cap, 1, &from)) < 0))
        return r;
    if (cap > joined.n) {
        if ((r = tl_jinja_take(j, 1, sizeof *tail, &tail)) < 0)
            return r;
        *tail = (struct tl_jinja_tail){bytes, from, joined.n, cap};
        joined.tail = tail;
    }
    put(a, bytes, from);
    put(b, bytes + a->n, from ? from + a->n : NULL);
    joined.bytes = bytes;
    joined.from = from;
    return make(j, joined, ret);
}

size_t tl_jinja_text_offset(const struct tl_jinja_text *text, size_t index)
{
    if (tl_jinja_text_chars(text) == text->n || index == 0)
        return index;
    for (size_t at = 0; at < text->n; at++)
        if (((unsigned char)text->bytes[at] & 0xC0) != 0x80 && index-- == 0)
            return at;
    return text->n;
}

size_t tl_jinja_text_find(const struct tl_jinja_text *text, size_t from, size_t to, const struct tl_jinja_text *part)
{
    if (from > to || part->n > to - from)
        return SIZE_MAX;
    if (part->n == 0)
        return from;
    const char *found = memmem(text->bytes + from, to - from, part->bytes, part->n);
    return found ? (size_t)(found - text->bytes) : SIZE_MAX;
}

size_t tl_jinja_text_find_last(const struct tl_jinja_text *text, size_t from, size_t to, const struct tl_jinja_text *part)
{
    if (from > to || part->n > to - from)
        return SIZE_MAX;
    for (size_t at = to - part->n + 1; at-- > from;)
        if (memcmp(text->bytes + at, part->bytes, part->n) == 0)
            return at;
    return SIZE_MAX;
}
