/* SPDX-License-Identifier: MIT */
/* str() and repr() of Python, and HTML escaping of markupsafe. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "base/utf8.h"
#include "text/jinja.h"
#include "text/jinja_text.h"
#include "text/jinja_unicode.h"

static int print(struct tl_jinja *j, const char *text, bool user)
{
    return tl_jinja_output_bytes(j, text, strlen(text), user);
}

/* The escape of one character in a repr, or "" where it stands for itself. */
static void escape_of(uint32_t code, char quote, char escape[12])
{
    static const char letters[] = "\t\n\r\\", meanings[] = "tnr\\";
    const char *found = code && code < 0x80 ? strchr(letters, (int)code) : NULL;
    escape[0] = 0;
    if (found)
        snprintf(escape, 12, "\\%c", meanings[found - letters]);
    else if (code == (unsigned char)quote)
        snprintf(escape, 12, "\\%c", quote);
    else if (!tl_jinja_unicode_is_printable(code))
        snprintf(escape, 12, code < 0x100 ? "\\x%02x" : code < 0x10000 ? "\\u%04x" : "\\U%08x", code);
}

static int repr_text(struct tl_jinja *j, const struct tl_jinja_text *text)
{
    char quote = memchr(text->bytes, '\'', text->n) && !memchr(text->bytes, '"', text->n) ? '"' : '\'', escape[12];
    size_t start = 0;
    bool user = text->n ? tl_jinja_text_user(text, 0) : text->user;
    int r = tl_jinja_output_bytes(j, &quote, 1, user);
    for (size_t at = 0, n; at < text->n && r >= 0; at += n) {
        uint32_t code;
        n = (size_t)tl_utf8_decode(text->bytes + at, text->n - at, &code);
        escape_of(code, quote, escape);
        if (!escape[0])
            continue;
        if ((r = tl_jinja_output_text(j, text, start, at - start)) >= 0)
            r = print(j, escape, tl_jinja_text_user(text, at));
        start = at + n;
    }
    if (r < 0 || (r = tl_jinja_output_text(j, text, start, text->n - start)) < 0)
        return r;
    return tl_jinja_output_bytes(j, &quote, 1, user);
}

static int repr_list(struct tl_jinja *j, const struct tl_jinja_value *v)
{
    bool tuple = v->kind == TL_JINJA_TUPLE;
    int r = print(j, tuple ? "(" : "[", v->user);
    for (size_t i = 0; i < v->list->n && r >= 0; i++)
        if ((r = print(j, i ? ", " : "", v->user)) >= 0)
            r = tl_jinja_print_repr(j, &v->list->item[i]);
    return r < 0 ? r : print(j, !tuple ? "]" : v->list->n == 1 ? ",)" : ")", v->user);
}

static int repr_pairs(struct tl_jinja *j, const struct tl_jinja_dict *dict, bool user)
{
    int r = print(j, "{", user);
    for (size_t i = 0; i < dict->n && r >= 0; i++)
        if ((r = print(j, i ? ", " : "", user)) >= 0 && (r = tl_jinja_print_repr(j, &dict->pair[i].key)) >= 0 &&
            (r = print(j, ": ", user)) >= 0)
            r = tl_jinja_print_repr(j, &dict->pair[i].value);
    return r < 0 ? r : print(j, "}", user);
}

static int repr_namespace(struct tl_jinja *j, const struct tl_jinja_value *v)
{
    int r = print(j, "<Namespace ", false);
    if (r < 0 || (r = repr_pairs(j, v->dict, false)) < 0)
        return r;
    return print(j, ">", false);
}

static int repr_view(struct tl_jinja *j, const struct tl_jinja_value *v)
{
    static const char *const names[] = {"dict_keys(", "dict_values(", "dict_items("};
    struct tl_jinja_value list;
    int r = print(j, names[v->view->kind], v->user);
    if (r < 0 || (r = tl_jinja_stream_list(j, v, TL_JINJA_LIST, &list)) < 0 || (r = repr_list(j, &list)) < 0)
        return r;
    return print(j, ")", v->user);
}

static int repr_macro(struct tl_jinja *j, const struct tl_jinja_text *name)
{
    int r = print(j, name ? "<Macro " : "<Macro anonymous>", false);
    if (r < 0 || !name || (r = repr_text(j, name)) < 0)
        return r;
    return print(j, ">", false);
}

static int repr_nested(struct tl_jinja *j, const struct tl_jinja_value *v)
{
    int r = tl_jinja_enter(j);
    if (r < 0)
        return r;
    r = v->kind == TL_JINJA_DICT ? repr_pairs(j, v->dict, v->user) : v->kind == TL_JINJA_NAMESPACE ? repr_namespace(j, v)
      : v->kind == TL_JINJA_VIEW ? repr_view(j, v) : repr_list(j, v);
    j->depth--;
    return r;
}

static int repr_range(struct tl_jinja *j, const struct tl_jinja_range *range)
{
    char text[80];
    int n = snprintf(text, sizeof text, "range(%" PRId64 ", %" PRId64, range->start, range->stop);
    if (range->step != 1)
        n += snprintf(text + n, sizeof text - (size_t)n, ", %" PRId64, range->step);
    snprintf(text + n, sizeof text - (size_t)n, ")");
    return print(j, text, false);
}

static int repr_loop(struct tl_jinja *j, struct tl_jinja_loop *loop)
{
    char text[64];
    size_t length;
    int r = tl_jinja_loop_length(j, loop, &length);
    snprintf(text, sizeof text, "<LoopContext %zu/%zu>", tl_jinja_loop_index(loop), length);
    return r < 0 ? r : print(j, text, false);
}

static int repr_markup(struct tl_jinja *j, const struct tl_jinja_text *text)
{
    int r = text->markup ? print(j, "Markup(", text->user) : 0;
    if (r < 0 || (r = repr_text(j, text)) < 0)
        return r;
    return text->markup ? print(j, ")", text->user) : 0;
}

int tl_jinja_print_repr(struct tl_jinja *j, const struct tl_jinja_value *v)
{
    char text[TL_JINJA_NUMBER_BYTES];
    switch (v->kind) {
    case TL_JINJA_MISSING: case TL_JINJA_UNDEFINED: return print(j, "Undefined", false);
    case TL_JINJA_NONE: return print(j, "None", v->user);
    case TL_JINJA_BOOL: return print(j, v->boolean ? "True" : "False", v->user);
    case TL_JINJA_INT:
        snprintf(text, sizeof text, "%" PRId64, v->integer);
        return print(j, text, v->user);
    case TL_JINJA_FLOAT: return tl_jinja_output_bytes(j, text, tl_jinja_number_repr(v->number, text), v->user);
    case TL_JINJA_BIG: return tl_jinja_output_text(j, v->text, 0, v->text->n);
    case TL_JINJA_STRING: return repr_markup(j, v->text);
    case TL_JINJA_LIST: case TL_JINJA_TUPLE: case TL_JINJA_DICT: case TL_JINJA_VIEW: case TL_JINJA_NAMESPACE:
        return repr_nested(j, v);
    case TL_JINJA_RANGE: return repr_range(j, v->range);
    case TL_JINJA_LOOP: return repr_loop(j, v->loop);
    case TL_JINJA_MACRO: return repr_macro(j, v->macro->stmt->signature->name);
    case TL_JINJA_STREAM: return print(j, "<generator object>", false);
    case TL_JINJA_METHOD: return print(j, "<built-in method>", false);
    default: return print(j, "<function>", false);
    }
}

int tl_jinja_print_str(struct tl_jinja *j, const struct tl_jinja_value *v)
{
    if (v->kind == TL_JINJA_STRING)
        return tl_jinja_output_text(j, v->text, 0, v->text->n);
    return v->kind == TL_JINJA_UNDEFINED ? 0 : tl_jinja_print_repr(j, v);
}

int tl_jinja_print_text(struct tl_jinja *j, const struct tl_jinja_value *v, struct tl_jinja_value *ret)
{
    size_t mark = j->output.n;
    if (v->kind == TL_JINJA_STRING) {
        *ret = *v;
        return 0;
    }
    int r = tl_jinja_print_str(j, v);
    return r < 0 ? r : tl_jinja_output_take(j, mark, false, ret);
}

int tl_jinja_print_escape(struct tl_jinja *j, const struct tl_jinja_value *v, struct tl_jinja_value *ret)
{
    struct tl_jinja_value string;
    size_t mark = j->output.n, start = 0;
    int r = tl_jinja_print_text(j, v, &string);
    if (r < 0 || string.text->markup) {
        *ret = string;
        return r;
    }
    const struct tl_jinja_text *text = string.text;
    for (size_t at = 0; at < text->n && r >= 0; at++) {
        const char *escape = text->bytes[at] == '&' ? "&amp;" : text->bytes[at] == '<' ? "&lt;" : text->bytes[at] == '>' ? "&gt;"
                           : text->bytes[at] == '\'' ? "&#39;" : text->bytes[at] == '"' ? "&#34;" : NULL;
        if (!escape)
            continue;
        if ((r = tl_jinja_output_text(j, text, start, at - start)) >= 0)
            r = print(j, escape, tl_jinja_text_user(text, at));
        start = at + 1;
    }
    if (r < 0 || (r = tl_jinja_output_text(j, text, start, text->n - start)) < 0)
        return r;
    return tl_jinja_output_take(j, mark, true, ret);
}
