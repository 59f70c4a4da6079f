/* SPDX-License-Identifier: MIT */
/* Methods of strings that ask or rebuild, and the methods of lists and dicts. */
#include <string.h>

#include "base/error.h"
#include "base/utf8.h"
#include "text/jinja.h"
#include "text/jinja_builtin.h"
#include "text/jinja_string.h"
#include "text/jinja_text.h"
#include "text/jinja_unicode.h"

#define UNUSED (void)arg, (void)all, (void)self, (void)j

/* Are there characters, and do all pass? */
static int every(struct tl_jinja *j, const struct tl_jinja_text *text, bool (*passes)(uint32_t code), struct tl_jinja_value *ret)
{
    bool yes = text->n > 0;
    for (size_t at = 0; at < text->n && yes;) {
        uint32_t code;
        at += (size_t)tl_utf8_decode(text->bytes + at, text->n - at, &code);
        yes = passes(code);
    }
    *ret = tl_jinja_bool(yes);
    return tl_jinja_scan(j, text->n);
}

TL_JINJA_FUNCTION(tl_jinja_method_isalnum)
{
    UNUSED;
    return every(j, self->text, tl_jinja_unicode_is_alnum, ret);
}

TL_JINJA_FUNCTION(tl_jinja_method_isalpha)
{
    UNUSED;
    return every(j, self->text, tl_jinja_unicode_is_alpha, ret);
}

TL_JINJA_FUNCTION(tl_jinja_method_isdigit)
{
    UNUSED;
    return every(j, self->text, tl_jinja_unicode_is_digit, ret);
}

TL_JINJA_FUNCTION(tl_jinja_method_isspace)
{
    UNUSED;
    return every(j, self->text, tl_jinja_unicode_is_space, ret);
}

TL_JINJA_FUNCTION(tl_jinja_method_isascii)
{
    UNUSED;
    bool ascii = true;
    for (size_t i = 0; i < self->text->n && ascii; i++)
        ascii = (unsigned char)self->text->bytes[i] < 0x80;
    *ret = tl_jinja_bool(ascii);
    return tl_jinja_scan(j, self->text->n);
}

TL_JINJA_FUNCTION(tl_jinja_method_title)
{
    UNUSED;
    return tl_jinja_string_case(j, self->text, TL_JINJA_WORDS, ret);
}

TL_JINJA_FUNCTION(tl_jinja_method_swapcase)
{
    UNUSED;
    return tl_jinja_string_case(j, self->text, TL_JINJA_SWAPPED, ret);
}

TL_JINJA_FUNCTION(tl_jinja_method_format)
{
    UNUSED;
    return tl_jinja_format_braces(j, self->text, all, ret);
}

TL_JINJA_FUNCTION(tl_jinja_method_replace)
{
    UNUSED;
    const struct tl_jinja_text *old, *with;
    struct tl_jinja_value escaped = arg[1];
    int64_t count;
    int r = tl_jinja_builtin_text(j, &arg[0], &old);
    if (r < 0 || (self->text->markup && (r = tl_jinja_print_escape(j, &arg[1], &escaped)) < 0) ||
        (r = tl_jinja_builtin_text(j, &escaped, &with)) < 0 || (r = tl_jinja_builtin_int(j, &arg[2], -1, &count)) < 0)
        return r;
    return tl_jinja_string_replace(j, self->text, old, with, count, ret);
}

TL_JINJA_FUNCTION(tl_jinja_method_join)
{
    UNUSED;
    struct tl_jinja_stream *stream;
    struct tl_jinja_value item;
    size_t mark = j->output.n;
    const struct tl_jinja_text *text;
    bool markup = self->text->markup;
    int r = tl_jinja_stream_open(j, &arg[0], &stream);
    if (r < 0)
        return r;
    for (bool first = true; (r = tl_jinja_stream_next(j, stream, &item)) > 0; first = false) {
        if ((markup && (r = tl_jinja_print_escape(j, &item, &item)) < 0) || (r = tl_jinja_builtin_text(j, &item, &text)) < 0 ||
            (!first && (r = tl_jinja_output_text(j, self->text, 0, self->text->n)) < 0) ||
            (r = tl_jinja_output_text(j, text, 0, text->n)) < 0)
            return r;
    }
    return r < 0 ? r : tl_jinja_output_take(j, mark, markup, ret);
}

/* The string between `left` and `right` fillers. */
static int fill(struct tl_jinja *j, const struct tl_jinja_text *text, size_t left, size_t right, const struct tl_jinja_value *filler,
                struct tl_jinja_value *ret)
{
    static const struct tl_jinja_text blank = {.bytes = " ", .n = 1, .chars = 1};
    const struct tl_jinja_text *with = &blank;
    size_t mark = j->output.n;
    int r = tl_jinja_is_missing(filler) ? 0 : tl_jinja_builtin_text(j, filler, &with);
    if (r >= 0 && tl_jinja_text_chars(with) != 1)
        return tl_jinja_fail(j, TL_E_USAGE, "the filler must be one character");
    if (r < 0 || (r = tl_jinja_step(j, (left + right) / 16)) < 0)
        return r;
    for (size_t i = 0; i < left && r >= 0; i++)
        r = tl_jinja_output_text(j, with, 0, with->n);
    if (r >= 0)
        r = tl_jinja_output_text(j, text, 0, text->n);
    for (size_t i = 0; i < right && r >= 0; i++)
        r = tl_jinja_output_text(j, with, 0, with->n);
    return r < 0 ? r : tl_jinja_output_take(j, mark, text->markup, ret);
}

/* How many characters lack to the width. */
static int lacking(struct tl_jinja *j, const struct tl_jinja_text *text, const struct tl_jinja_value *width, size_t *ret)
{
    int64_t wanted, chars = (int64_t)tl_jinja_text_chars(text);
    int r = width->kind == TL_JINJA_NONE ? tl_jinja_fail(j, TL_E_USAGE, "expected a width, found none")
                                         : tl_jinja_builtin_int(j, width, 0, &wanted);
    *ret = r < 0 ? 0 : wanted > chars ? (size_t)(wanted - chars) : 0;
    return r;
}

TL_JINJA_FUNCTION(tl_jinja_method_ljust)
{
    UNUSED;
    size_t n;
    int r = lacking(j, self->text, &arg[0], &n);
    return r < 0 ? r : fill(j, self->text, 0, n, &arg[1], ret);
}

TL_JINJA_FUNCTION(tl_jinja_method_rjust)
{
    UNUSED;
    size_t n;
    int r = lacking(j, self->text, &arg[0], &n);
    return r < 0 ? r : fill(j, self->text, n, 0, &arg[1], ret);
}

TL_JINJA_FUNCTION(tl_jinja_method_center)
{
    UNUSED;
    size_t n;
    int r = lacking(j, self->text, &arg[0], &n);
    size_t left = n / 2 + (n & (n + tl_jinja_text_chars(self->text)) & 1);           /* as CPython breaks the tie */
    return r < 0 ? r : fill(j, self->text, left, n - left, &arg[1], ret);
}

TL_JINJA_FUNCTION(tl_jinja_method_zfill)
{
    UNUSED;
    struct tl_jinja_value digits, zero;
    const struct tl_jinja_text *text = self->text;
    size_t n, mark = j->output.n, sign = text->n && (*text->bytes == '-' || *text->bytes == '+');
    int r = lacking(j, text, &arg[0], &n);
    if (r < 0 || (r = tl_jinja_text_slice(j, text, sign, text->n - sign, &digits)) < 0 || (r = tl_jinja_text_literal(j, "0", &zero)) < 0 ||
        (r = fill(j, digits.text, n, 0, &zero, &digits)) < 0 || (r = tl_jinja_output_text(j, text, 0, sign)) < 0 ||
        (r = tl_jinja_output_text(j, digits.text, 0, digits.text->n)) < 0)
        return r;
    return tl_jinja_output_take(j, mark, text->markup, ret);
}

/* --- lists and dicts ---------------------------------------------------------------------------------------------------- */

TL_JINJA_FUNCTION(tl_jinja_method_list_count)
{
    UNUSED;
    int64_t count = 0;
    int r = tl_jinja_step(j, self->list->n / 16);
    for (size_t i = 0; i < self->list->n && r >= 0; i++)
        if ((r = tl_jinja_value_equal(j, &self->list->item[i], &arg[0])) > 0)
            count++;
    *ret = tl_jinja_int(count);
    return r < 0 ? r : 0;
}

TL_JINJA_FUNCTION(tl_jinja_method_list_index)
{
    UNUSED;
    int64_t start, stop, n = (int64_t)self->list->n;
    int r = tl_jinja_builtin_int(j, &arg[1], 0, &start);
    if (r < 0 || (r = tl_jinja_builtin_int(j, &arg[2], n, &stop)) < 0 || (r = tl_jinja_step(j, self->list->n / 16)) < 0)
        return r;
    start = start < -n ? 0 : start < 0 ? start + n : start;
    stop = stop < -n ? 0 : stop < 0 ? stop + n : stop > n ? n : stop;
    for (int64_t i = start; i < stop; i++) {
        if ((r = tl_jinja_value_equal(j, &self->list->item[i], &arg[0])) < 0)
            return r;
        if (r) {
            *ret = tl_jinja_int(i);
            return 0;
        }
    }
    return tl_jinja_fail(j, TL_E_USAGE, "the item is not in the list");
}

TL_JINJA_FUNCTION(tl_jinja_method_copy)
{
    UNUSED;
    *ret = *self;                                    /* nothing can change either */
    return 0;
}

TL_JINJA_FUNCTION(tl_jinja_method_get)
{
    UNUSED;
    const struct tl_jinja_value *found;
    int r = tl_jinja_dict_find(j, self->dict, &arg[0], &found);
    if (r >= 0)
        *ret = r ? *found : tl_jinja_is_missing(&arg[1]) ? tl_jinja_none() : arg[1];
    return r;
}

static int make_view(struct tl_jinja *j, const struct tl_jinja_value *self, enum tl_jinja_view_kind kind, struct tl_jinja_value *ret)
{
    struct tl_jinja_view *view;
    int r = tl_jinja_take(j, 1, sizeof *view, &view);
    if (r < 0)
        return r;
    *view = (struct tl_jinja_view){self->dict, kind, self->user};
    *ret = (struct tl_jinja_value){.kind = TL_JINJA_VIEW, .user = self->user, .view = view};
    return 0;
}

TL_JINJA_FUNCTION(tl_jinja_method_items)
{
    UNUSED;
    return make_view(j, self, TL_JINJA_ITEMS, ret);
}

TL_JINJA_FUNCTION(tl_jinja_method_keys)
{
    UNUSED;
    return make_view(j, self, TL_JINJA_KEYS, ret);
}

TL_JINJA_FUNCTION(tl_jinja_method_values)
{
    UNUSED;
    return make_view(j, self, TL_JINJA_VALUES, ret);
}
