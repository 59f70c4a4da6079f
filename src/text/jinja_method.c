/* SPDX-License-Identifier: MIT */
/* Methods of strings that look for something or cut, and those of lists and dicts. */
#include <string.h>

#include "base/error.h"
#include "base/utf8.h"
#include "text/jinja.h"
#include "text/jinja_builtin.h"
#include "text/jinja_string.h"
#include "text/jinja_text.h"
#include "text/jinja_unicode.h"

#define UNUSED (void)arg, (void)all, (void)self, (void)j

/* The bytes [*ret_from, *ret_to) that start and end (in characters, as in Python) mean. */
static int window(struct tl_jinja *j, const struct tl_jinja_value *self, const struct tl_jinja_value *start, const struct tl_jinja_value *end,
                  size_t *ret_from, size_t *ret_to)
{
    struct tl_jinja_value part[3] = {*start, *end, tl_jinja_none()}, cut;
    *ret_from = 0;
    *ret_to = self->text->n;
    if (tl_jinja_is_missing(start) && tl_jinja_is_missing(end))
        return tl_jinja_scan(j, self->text->n);
    int r = tl_jinja_attribute_slice(j, self, part, &cut);
    if (r < 0)
        return r;
    *ret_from = (size_t)(cut.text->bytes - self->text->bytes);
    *ret_to = *ret_from + cut.text->n;
    return tl_jinja_scan(j, cut.text->n);
}

/* Searching backwards may look at the part again and again. */
static int pay_backwards(struct tl_jinja *j, size_t n, const struct tl_jinja_text *part)
{
    return part->n < 16 ? 0 : tl_jinja_scan(j, (uint64_t)n * part->n);
}

static int search(struct tl_jinja *j, const struct tl_jinja_value *self, const struct tl_jinja_value *arg, bool last, bool must,
                  struct tl_jinja_value *ret)
{
    const struct tl_jinja_text *part;
    size_t from, to, at;
    int r = tl_jinja_builtin_text(j, &arg[0], &part);
    if (r < 0 || (r = window(j, self, &arg[1], &arg[2], &from, &to)) < 0 || (last && (r = pay_backwards(j, to - from, part)) < 0))
        return r;
    at = last ? tl_jinja_text_find_last(self->text, from, to, part) : tl_jinja_text_find(self->text, from, to, part);
    if (at == SIZE_MAX && must)
        return tl_jinja_fail(j, TL_E_USAGE, "the part is not in the string");
    int64_t index = -1;
    if (at != SIZE_MAX) {
        struct tl_jinja_text before = {.bytes = self->text->bytes, .n = at, .chars = SIZE_MAX};
        index = (int64_t)tl_jinja_text_chars(&before);
    }
    *ret = tl_jinja_int(index);
    return 0;
}

TL_JINJA_FUNCTION(tl_jinja_method_find)
{
    UNUSED;
    return search(j, self, arg, false, false, ret);
}

TL_JINJA_FUNCTION(tl_jinja_method_rfind)
{
    UNUSED;
    return search(j, self, arg, true, false, ret);
}

TL_JINJA_FUNCTION(tl_jinja_method_index)
{
    UNUSED;
    return search(j, self, arg, false, true, ret);
}

TL_JINJA_FUNCTION(tl_jinja_method_rindex)
{
    UNUSED;
    return search(j, self, arg, true, true, ret);
}

TL_JINJA_FUNCTION(tl_jinja_method_count)
{
    UNUSED;
    const struct tl_jinja_text *part;
    size_t from, to, at;
    int64_t count = 0;
    int r = tl_jinja_builtin_text(j, &arg[0], &part);
    if (r < 0 || (r = window(j, self, &arg[1], &arg[2], &from, &to)) < 0)
        return r;
    if (part->n == 0) {
        struct tl_jinja_text inside = {.bytes = self->text->bytes + from, .n = to - from, .chars = SIZE_MAX};
        count = (int64_t)tl_jinja_text_chars(&inside) + 1;
    }
    for (; part->n && (at = tl_jinja_text_find(self->text, from, to, part)) != SIZE_MAX; from = at + part->n)
        count++;
    *ret = tl_jinja_int(count);
    return 0;
}

/* --- how strings begin and end ------------------------------------------------------------------------------------------ */

static bool has_at_end(const struct tl_jinja_text *text, size_t from, size_t to, const struct tl_jinja_text *part, bool end)
{
    return part->n <= to - from && memcmp(text->bytes + (end ? to - part->n : from), part->bytes, part->n) == 0;
}

static int begins_or_ends(struct tl_jinja *j, const struct tl_jinja_value *self, const struct tl_jinja_value *arg, bool end, struct tl_jinja_value *ret)
{
    const struct tl_jinja_value *part = &arg[0];
    const struct tl_jinja_text *text;
    size_t from, to, n = 1;
    bool found = false;
    int r = tl_jinja_is_missing(&arg[1]) ? 0 : window(j, self, &arg[1], &arg[2], &from, &to);
    if (tl_jinja_is_missing(&arg[1])) {
        from = 0;
        to = self->text->n;
    }
    if (part->kind == TL_JINJA_TUPLE) {
        n = part->list->n;
        part = part->list->item;
    }
    for (size_t i = 0; i < n && r >= 0 && !found; i++)
        if ((r = tl_jinja_builtin_text(j, &part[i], &text)) >= 0 && (r = tl_jinja_scan(j, text->n)) >= 0)
            found = has_at_end(self->text, from, to, text, end);
    *ret = tl_jinja_bool(found);
    return r;
}

TL_JINJA_FUNCTION(tl_jinja_method_startswith)
{
    UNUSED;
    return begins_or_ends(j, self, arg, false, ret);
}

TL_JINJA_FUNCTION(tl_jinja_method_endswith)
{
    UNUSED;
    return begins_or_ends(j, self, arg, true, ret);
}

TL_JINJA_FUNCTION(tl_jinja_method_removeprefix)
{
    UNUSED;
    const struct tl_jinja_text *part, *text = self->text;
    int r = tl_jinja_builtin_text(j, &arg[0], &part);
    if (r < 0)
        return r;
    size_t cut = has_at_end(text, 0, text->n, part, false) ? part->n : 0;
    return tl_jinja_text_slice(j, text, cut, text->n - cut, ret);
}

TL_JINJA_FUNCTION(tl_jinja_method_removesuffix)
{
    UNUSED;
    const struct tl_jinja_text *part, *text = self->text;
    int r = tl_jinja_builtin_text(j, &arg[0], &part);
    if (r < 0)
        return r;
    return tl_jinja_text_slice(j, text, 0, text->n - (has_at_end(text, 0, text->n, part, true) ? part->n : 0), ret);
}

static int strip(struct tl_jinja *j, const struct tl_jinja_value *self, const struct tl_jinja_value *arg, unsigned sides, struct tl_jinja_value *ret)
{
    const struct tl_jinja_text *chars = NULL;
    int r = tl_jinja_builtin_given(arg) ? tl_jinja_builtin_text(j, arg, &chars) : 0;
    return r < 0 ? r : tl_jinja_string_strip(j, self->text, chars, sides, ret);
}

TL_JINJA_FUNCTION(tl_jinja_method_strip)
{
    UNUSED;
    return strip(j, self, arg, TL_JINJA_LEFT | TL_JINJA_RIGHT, ret);
}

TL_JINJA_FUNCTION(tl_jinja_method_lstrip)
{
    UNUSED;
    return strip(j, self, arg, TL_JINJA_LEFT, ret);
}

TL_JINJA_FUNCTION(tl_jinja_method_rstrip)
{
    UNUSED;
    return strip(j, self, arg, TL_JINJA_RIGHT, ret);
}

/* --- splitting --------------------------------------------------------------------------------------------------------- */

static int push_part(struct tl_jinja *j, const struct tl_jinja_text *text, size_t from, size_t to, struct tl_jinja_value *list)
{
    struct tl_jinja_value part;
    int r = tl_jinja_text_slice(j, text, from, to - from, &part);
    return r < 0 ? r : tl_jinja_list_push(j, list, &part);
}

static int split_at(struct tl_jinja *j, const struct tl_jinja_text *text, const struct tl_jinja_text *by, int64_t most, struct tl_jinja_value *ret)
{
    size_t from = 0, at;
    int r = 0;
    while (r >= 0 && most-- != 0 && (at = tl_jinja_text_find(text, from, text->n, by)) != SIZE_MAX) {
        r = push_part(j, text, from, at, ret);
        from = at + by->n;
    }
    return r < 0 ? r : push_part(j, text, from, text->n, ret);
}

static void turn_around(struct tl_jinja_value *list)
{
    struct tl_jinja_value *item = list->list->item;
    for (size_t i = 0, k = list->list->n; i + 1 < k; i++) {
        struct tl_jinja_value other = item[--k];
        item[k] = item[i];
        item[i] = other;
    }
}

static int split_at_last(struct tl_jinja *j, const struct tl_jinja_text *text, const struct tl_jinja_text *by, int64_t most, struct tl_jinja_value *ret)
{
    size_t to = text->n, at;
    int r = pay_backwards(j, text->n, by);
    while (r >= 0 && most-- != 0 && (at = tl_jinja_text_find_last(text, 0, to, by)) != SIZE_MAX) {
        r = push_part(j, text, at + by->n, to, ret);
        to = at;
    }
    if (r < 0 || (r = push_part(j, text, 0, to, ret)) < 0)
        return r;
    turn_around(ret);
    return 0;
}

/* Without a separator: words between blanks. `last`: counted from the end. */
static int split_words(struct tl_jinja *j, const struct tl_jinja_value *self, int64_t most, bool last, struct tl_jinja_value *ret)
{
    struct tl_jinja_value rest = *self;
    unsigned near = last ? TL_JINJA_RIGHT : TL_JINJA_LEFT;
    int r;
    for (;;) {
        if ((r = tl_jinja_string_strip(j, rest.text, NULL, near, &rest)) < 0 || rest.text->n == 0)
            break;
        const struct tl_jinja_text *text = rest.text;
        size_t from = 0, to = text->n, at = last ? to : 0;
        uint32_t code = 0;
        while (most != 0 && (last ? at > 0 : at < to)) {
            size_t next = at;
            if (last)
                do next--; while (((unsigned char)text->bytes[next] & 0xC0) == 0x80);
            int n = tl_utf8_decode(text->bytes + next, text->n - next, &code);
            if (tl_jinja_unicode_is_space(code))
                break;
            at = last ? next : at + (size_t)n;
        }
        if (most == 0)
            at = last ? from : to;
        if ((r = last ? push_part(j, text, at, to, ret) : push_part(j, text, from, at, ret)) < 0 || most-- == 0)
            break;
        if ((r = last ? tl_jinja_text_slice(j, text, 0, at, &rest) : tl_jinja_text_slice(j, text, at, to - at, &rest)) < 0)
            break;
    }
    if (last && r >= 0)
        turn_around(ret);
    return r;
}

static int split(struct tl_jinja *j, const struct tl_jinja_value *self, const struct tl_jinja_value *arg, bool last, struct tl_jinja_value *ret)
{
    const struct tl_jinja_text *by;
    int64_t most;
    int r = tl_jinja_builtin_int(j, &arg[1], -1, &most);
    if (r < 0 || (r = tl_jinja_list_new(j, TL_JINJA_LIST, 4, ret)) < 0 || (r = tl_jinja_scan(j, self->text->n)) < 0)
        return r;
    if (!tl_jinja_builtin_given(&arg[0]))
        return split_words(j, self, most, last, ret);
    if ((r = tl_jinja_builtin_text(j, &arg[0], &by)) < 0)
        return r;
    if (by->n == 0)
        return tl_jinja_fail(j, TL_E_USAGE, "the separator of 'split' is empty");
    return last ? split_at_last(j, self->text, by, most, ret) : split_at(j, self->text, by, most, ret);
}

TL_JINJA_FUNCTION(tl_jinja_method_split)
{
    UNUSED;
    return split(j, self, arg, false, ret);
}

TL_JINJA_FUNCTION(tl_jinja_method_rsplit)
{
    UNUSED;
    return split(j, self, arg, true, ret);
}

TL_JINJA_FUNCTION(tl_jinja_method_splitlines)
{
    UNUSED;
    return tl_jinja_string_lines(j, self->text, tl_jinja_builtin_flag(&arg[0], false), ret);
}

static int partition(struct tl_jinja *j, const struct tl_jinja_value *self, const struct tl_jinja_value *arg, bool last, struct tl_jinja_value *ret)
{
    const struct tl_jinja_text *by, *text = self->text;
    int r = tl_jinja_builtin_text(j, &arg[0], &by);
    if (r < 0 || (r = tl_jinja_scan(j, text->n)) < 0 || (last && (r = pay_backwards(j, text->n, by)) < 0))
        return r;
    if (by->n == 0)
        return tl_jinja_fail(j, TL_E_USAGE, "the separator of 'partition' is empty");
    size_t at = last ? tl_jinja_text_find_last(text, 0, text->n, by) : tl_jinja_text_find(text, 0, text->n, by);
    size_t begin = at != SIZE_MAX ? at : last ? 0 : text->n, end = at != SIZE_MAX ? at + by->n : begin;
    if ((r = tl_jinja_list_new(j, TL_JINJA_TUPLE, 3, ret)) < 0 || (r = push_part(j, text, 0, begin, ret)) < 0 ||
        (r = push_part(j, text, begin, end, ret)) < 0)
        return r;
    return push_part(j, text, end, text->n, ret);
}

TL_JINJA_FUNCTION(tl_jinja_method_partition)
{
    UNUSED;
    return partition(j, self, arg, false, ret);
}

TL_JINJA_FUNCTION(tl_jinja_method_rpartition)
{
    UNUSED;
    return partition(j, self, arg, true, ret);
}
