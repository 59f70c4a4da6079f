/* SPDX-License-Identifier: MIT */
/* Filters that give strings. Where Jinja2 turns its input into a string first, so do these. */
#include <string.h>

#include "base/error.h"
#include "base/utf8.h"
#include "text/jinja.h"
#include "text/jinja_builtin.h"
#include "text/jinja_string.h"
#include "text/jinja_text.h"
#include "text/jinja_unicode.h"

#define UNUSED (void)arg, (void)all, (void)self, (void)j

static int change_case(struct tl_jinja *j, const struct tl_jinja_value *v, enum tl_jinja_style style, struct tl_jinja_value *ret)
{
    struct tl_jinja_value string;
    int r = tl_jinja_print_text(j, v, &string);
    return r < 0 ? r : tl_jinja_string_case(j, string.text, style, ret);
}

TL_JINJA_FUNCTION(tl_jinja_filter_upper)
{
    UNUSED;
    return change_case(j, self, TL_JINJA_ALL_UPPER, ret);
}

TL_JINJA_FUNCTION(tl_jinja_filter_lower)
{
    UNUSED;
    return change_case(j, self, TL_JINJA_ALL_LOWER, ret);
}

TL_JINJA_FUNCTION(tl_jinja_filter_capitalize)
{
    UNUSED;
    return change_case(j, self, TL_JINJA_CAPITAL, ret);
}

TL_JINJA_FUNCTION(tl_jinja_filter_title)
{
    UNUSED;
    int r = change_case(j, self, TL_JINJA_WORDS_BY_BLANKS, ret);
    return r < 0 ? r : tl_jinja_text_mark(j, ret->text, false, ret);
}

TL_JINJA_FUNCTION(tl_jinja_filter_string)
{
    UNUSED;
    return tl_jinja_print_text(j, self, ret);
}

TL_JINJA_FUNCTION(tl_jinja_filter_safe)
{
    UNUSED;
    int r = tl_jinja_print_text(j, self, ret);
    return r < 0 ? r : tl_jinja_text_mark(j, ret->text, true, ret);
}

TL_JINJA_FUNCTION(tl_jinja_filter_escape)
{
    UNUSED;
    return tl_jinja_print_escape(j, self, ret);
}

TL_JINJA_FUNCTION(tl_jinja_filter_forceescape)
{
    UNUSED;
    int r = tl_jinja_print_text(j, self, ret);
    if (r < 0 || (r = tl_jinja_text_mark(j, ret->text, false, ret)) < 0)
        return r;
    return tl_jinja_print_escape(j, ret, ret);
}

TL_JINJA_FUNCTION(tl_jinja_filter_trim)
{
    UNUSED;
    struct tl_jinja_value string;
    const struct tl_jinja_text *chars = NULL;
    int r = tl_jinja_print_text(j, self, &string);
    if (r < 0 || (tl_jinja_builtin_given(&arg[0]) && (r = tl_jinja_builtin_text(j, &arg[0], &chars)) < 0))
        return r;
    return tl_jinja_string_strip(j, string.text, chars, TL_JINJA_LEFT | TL_JINJA_RIGHT, ret);
}

TL_JINJA_FUNCTION(tl_jinja_filter_center)
{
    UNUSED;
    struct tl_jinja_value bound[2] = {tl_jinja_is_missing(&arg[0]) ? tl_jinja_int(80) : arg[0]}, string;
    int r = tl_jinja_print_text(j, self, &string);
    return r < 0 ? r : tl_jinja_method_center(j, &string, bound, all, ret);
}

TL_JINJA_FUNCTION(tl_jinja_filter_replace)
{
    UNUSED;
    struct tl_jinja_value string, old, with;
    int64_t count;
    int r = tl_jinja_print_text(j, self, &string);
    if (r < 0 || (r = tl_jinja_print_text(j, &arg[0], &old)) < 0 || (r = tl_jinja_print_text(j, &arg[1], &with)) < 0 ||
        (r = tl_jinja_builtin_int(j, &arg[2], -1, &count)) < 0 || (r = tl_jinja_text_mark(j, string.text, false, &string)) < 0)
        return r;
    return tl_jinja_string_replace(j, string.text, old.text, with.text, count, ret);
}

TL_JINJA_FUNCTION(tl_jinja_filter_format)
{
    UNUSED;
    struct tl_jinja_value string, values;
    int r = tl_jinja_print_text(j, self, &string);
    if (r < 0)
        return r;
    if (all->n_pos && all->n_named)
        return tl_jinja_fail(j, TL_E_USAGE, "'format' takes plain or named arguments, not both");
    r = all->n_named ? tl_jinja_dict_new(j, TL_JINJA_DICT, all->n_named, &values) : tl_jinja_list_new(j, TL_JINJA_TUPLE, all->n_pos, &values);
    for (size_t i = 0; i < all->n_pos && r >= 0; i++)
        r = tl_jinja_list_push(j, &values, &all->pos[i]);
    for (size_t i = 0; i < all->n_named && r >= 0; i++) {
        struct tl_jinja_value key = tl_jinja_string(all->name[i]);
        r = tl_jinja_dict_put(j, values.dict, &key, &all->named[i]);
    }
    return r < 0 ? r : tl_jinja_format_percent(j, string.text, &values, ret);
}

/* --- indent ---------------------------------------------------------------------------------------------------------- */

static int write_indented(struct tl_jinja *j, const struct tl_jinja_list *lines, const struct tl_jinja_text *indent, bool first, bool blank)
{
    int r = 0;
    for (size_t i = 0; i < lines->n && r >= 0; i++) {
        const struct tl_jinja_text *line = lines->item[i].text;
        bool user = line->n ? tl_jinja_text_user(line, 0) : line->user;
        if (i && (r = tl_jinja_output_bytes(j, "\n", 1, user)) < 0)
            return r;
        if ((i ? blank || line->n : first) && (r = tl_jinja_output_text(j, indent, 0, indent->n)) < 0)
            return r;
        r = tl_jinja_output_text(j, line, 0, line->n);
    }
    return r;
}

TL_JINJA_FUNCTION(tl_jinja_filter_indent)
{
    UNUSED;
    struct tl_jinja_value lines, spaces, string = *self, newline;
    const struct tl_jinja_text *text;
    size_t mark = j->output.n;
    int64_t width = 4;
    int r = tl_jinja_builtin_text(j, self, &text);
    if (r >= 0 && arg[0].kind == TL_JINJA_NONE)
        return tl_jinja_fail(j, TL_E_USAGE, "'indent' needs a width, found none");
    if (r < 0 || (!tl_jinja_is_string(&arg[0]) && (r = tl_jinja_builtin_int(j, &arg[0], 4, &width)) < 0))
        return r;
    if (tl_jinja_is_string(&arg[0]))
        spaces = arg[0];
    else if ((r = tl_jinja_text_literal(j, " ", &spaces)) < 0 ||
             (r = tl_jinja_operator_binary(j, TL_JINJA_T_MUL, &spaces, &(struct tl_jinja_value){.kind = TL_JINJA_INT, .integer = width}, &spaces)) < 0)
        return r;
    if ((r = tl_jinja_text_literal(j, "\n", &newline)) < 0 || (r = tl_jinja_text_concat(j, text, newline.text, &string)) < 0 ||
        (r = tl_jinja_string_lines(j, string.text, false, &lines)) < 0 ||
        (r = write_indented(j, lines.list, spaces.text, tl_jinja_builtin_flag(&arg[1], false), tl_jinja_builtin_flag(&arg[2], false))) < 0)
        return r;
    return tl_jinja_output_take(j, mark, text->markup, ret);
}

/* --- join, tojson ------------------------------------------------------------------------------------------------------ */

TL_JINJA_FUNCTION(tl_jinja_filter_join)
{
    UNUSED;
    struct tl_jinja_value between = {0}, item;
    struct tl_jinja_stream *stream;
    size_t mark = j->output.n;
    bool first = true;
    int r = tl_jinja_is_missing(&arg[0]) ? 0 : tl_jinja_print_text(j, &arg[0], &between);
    if (r < 0 || (r = tl_jinja_stream_open(j, self, &stream)) < 0)
        return r;
    while ((r = tl_jinja_stream_next(j, stream, &item)) > 0) {
        if (tl_jinja_builtin_given(&arg[1]) && (r = tl_jinja_attribute_path(j, &item, &arg[1], &item)) < 0)
            return r;
        if ((!first && between.text && (r = tl_jinja_output_text(j, between.text, 0, between.text->n)) < 0) ||
            (r = tl_jinja_print_str(j, &item)) < 0)
            return r;
        first = false;
    }
    return r < 0 ? r : tl_jinja_output_take(j, mark, false, ret);
}

static int read_indent(struct tl_jinja *j, const struct tl_jinja_value *arg, const struct tl_jinja_text **ret)
{
    struct tl_jinja_value spaces;
    int64_t width;
    if (!tl_jinja_builtin_given(arg) || tl_jinja_is_string(arg)) {
        *ret = tl_jinja_is_string(arg) ? arg->text : NULL;
        return 0;
    }
    int r = tl_jinja_builtin_int(j, arg, 0, &width);
    if (r < 0 || (r = tl_jinja_text_literal(j, "                                ", &spaces)) < 0)
        return r;
    r = tl_jinja_text_slice(j, spaces.text, 0, width < 0 ? 0 : width > 32 ? 32 : (size_t)width, &spaces);
    *ret = spaces.text;
    return r;
}

TL_JINJA_FUNCTION(tl_jinja_filter_tojson)
{
    UNUSED;
    static const struct tl_jinja_text comma_blank = {.bytes = ", ", .n = 2}, comma = {.bytes = ",", .n = 1},
                                      colon_blank = {.bytes = ": ", .n = 2};
    struct tl_jinja_json_style style = {.ascii = tl_jinja_builtin_flag(&arg[0], false), .sort = tl_jinja_builtin_flag(&arg[3], false),
                                        .colon = &colon_blank};
    const struct tl_jinja_value *separators = &arg[2];
    size_t mark = j->output.n;
    int r = read_indent(j, &arg[1], &style.indent);
    style.comma = style.indent ? &comma : &comma_blank;
    if (r >= 0 && tl_jinja_builtin_given(separators)) {
        if (!tl_jinja_is_list(separators) || separators->list->n != 2)
            return tl_jinja_fail(j, TL_E_USAGE, "'separators' of tojson are two strings");
        if ((r = tl_jinja_builtin_text(j, &separators->list->item[0], &style.comma)) >= 0)
            r = tl_jinja_builtin_text(j, &separators->list->item[1], &style.colon);
    }
    if (r < 0 || (r = tl_jinja_json_write(j, self, &style)) < 0)
        return r;
    return tl_jinja_output_take(j, mark, false, ret);
}

/* --- truncate, wordcount ----------------------------------------------------------------------------------------------- */

TL_JINJA_FUNCTION(tl_jinja_filter_truncate)
{
    UNUSED;
    static const struct tl_jinja_text dots = {.bytes = "...", .n = 3, .chars = 3};
    const struct tl_jinja_text *text, *end = &dots;
    struct tl_jinja_value cut;
    int64_t length, leeway;
    int r = tl_jinja_builtin_text(j, self, &text);
    if (r < 0 || (r = tl_jinja_builtin_int(j, &arg[0], 255, &length)) < 0 || (r = tl_jinja_builtin_int(j, &arg[3], 5, &leeway)) < 0 ||
        (!tl_jinja_is_missing(&arg[2]) && (r = tl_jinja_builtin_text(j, &arg[2], &end)) < 0))
        return r;
    if (arg[0].kind == TL_JINJA_NONE)
        return tl_jinja_fail(j, TL_E_USAGE, "'truncate' needs a length, found none");
    int64_t room = length - (int64_t)tl_jinja_text_chars(end);
    if (room < 0 || leeway < 0)
        return tl_jinja_fail(j, TL_E_USAGE, "'truncate' needs room for its end");
    *ret = *self;
    if ((int64_t)tl_jinja_text_chars(text) - length <= leeway)
        return 0;
    size_t n = tl_jinja_text_offset(text, (size_t)room);
    for (size_t at = n; !tl_jinja_builtin_flag(&arg[1], false) && at-- > 0;)
        if (text->bytes[at] == ' ') {
            n = at;
            break;
        }
    if ((r = tl_jinja_text_slice(j, text, 0, n, &cut)) < 0)
        return r;
    struct tl_jinja_value tail = tl_jinja_string(end);
    return tl_jinja_operator_binary(j, TL_JINJA_T_ADD, &cut, &tail, ret);
}

TL_JINJA_FUNCTION(tl_jinja_filter_wordcount)
{
    UNUSED;
    struct tl_jinja_value string;
    int64_t count = 0;
    bool inside = false;
    int r = tl_jinja_print_text(j, self, &string);
    if (r < 0 || (r = tl_jinja_scan(j, string.text->n)) < 0)
        return r;
    for (size_t at = 0; at < string.text->n;) {
        uint32_t code;
        at += (size_t)tl_utf8_decode(string.text->bytes + at, string.text->n - at, &code);
        bool word = code == '_' || tl_jinja_unicode_is_alnum(code);
        count += word && !inside;
        inside = word;
    }
    *ret = tl_jinja_int(count);
    return 0;
}
