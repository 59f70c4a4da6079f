/* SPDX-License-Identifier: MIT */
/* JSON in and out. What is read is the caller's, all of it. What is written equals Python's json.dumps: the bytes of a
 * string keep their origin, punctuation has that of its list or dict. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "base/json.h"
#include "base/parse.h"
#include "base/utf8.h"
#include "text/jinja.h"
#include "text/jinja_text.h"

/* --- reading ---------------------------------------------------------------------------------------------------------- */

static int read_number(struct tl_jinja *j, const struct tl_json *json, struct tl_jinja_value *ret)
{
    const char *raw = json->raw;
    size_t n = json->raw_bytes;
    bool real = memchr(raw, '.', n) || memchr(raw, 'e', n) || memchr(raw, 'E', n) || memchr(raw, 'N', n) || memchr(raw, 'I', n);
    *ret = (struct tl_jinja_value){.kind = real ? TL_JINJA_FLOAT : TL_JINJA_INT};
    if (real && !tl_parse_f64(raw, n, &ret->number))
        ret->number = *raw == 'N' ? NAN : *raw == '-' ? -INFINITY : INFINITY;
    if (real || tl_parse_i64(raw, n, &ret->integer))
        return 0;
    int r = tl_jinja_text_new(j, raw, n, true, ret);
    ret->kind = TL_JINJA_BIG;
    return r;
}

/* The value that an event begins. */
static int read_value(struct tl_jinja *j, const struct tl_json *json, int event, struct tl_jinja_value *ret)
{
    int r = 0;
    switch (event) {
    case TL_JSON_OBJECT: r = tl_jinja_dict_new(j, TL_JINJA_DICT, 4, ret); break;
    case TL_JSON_ARRAY: r = tl_jinja_list_new(j, TL_JINJA_LIST, 4, ret); break;
    case TL_JSON_STRING: return tl_jinja_text_new(j, json->string.data ? json->string.data : "", json->string.len, true, ret);
    case TL_JSON_NUMBER: r = read_number(j, json, ret); break;
    case TL_JSON_NULL: *ret = tl_jinja_none(); break;
    default: *ret = tl_jinja_bool(event == TL_JSON_TRUE); break;
    }
    ret->user = true;
    return r;
}

/* Reads to the end; `open` are the lists and dicts around the place, `key` the key that waits in each. */
static int read_all(struct tl_jinja *j, struct tl_json *json, struct tl_jinja_value *ret)
{
    struct tl_jinja_value open[TL_JSON_DEPTH], key[TL_JSON_DEPTH], value;
    size_t depth = 0;
    int event, r = 0;
    while ((event = tl_json_next(json)) > 0) {
        if (event == TL_JSON_OBJECT_END || event == TL_JSON_ARRAY_END) {
            depth--;
            continue;
        }
        if (event == TL_JSON_KEY) {
            r = tl_jinja_text_new(j, json->string.data ? json->string.data : "", json->string.len, true, &key[depth - 1]);
        } else if ((r = read_value(j, json, event, &value)) >= 0) {
            if (!depth)
                *ret = value;
            else if (open[depth - 1].kind == TL_JINJA_DICT)
                r = tl_jinja_dict_put(j, open[depth - 1].dict, &key[depth - 1], &value);
            else
                r = tl_jinja_list_push(j, &open[depth - 1], &value);
            if (event == TL_JSON_OBJECT || event == TL_JSON_ARRAY)
                open[depth++] = value;
        }
        if (r < 0)
            return r;
    }
    return event == TL_E_FILE ? TL_E_USAGE : event;
}

int tl_jinja_json_read(struct tl_jinja *j, const char *name, const char *text, struct tl_jinja_value *ret)
{
    struct tl_json json;
    uint64_t steps = j->steps;
    j->steps = 0;                                    /* input is bounded by its own size */
    tl_json_init(&json, name, text, strlen(text));
    int r = read_all(j, &json, ret);
    tl_json_done(&json);
    j->steps = steps;
    return r;
}

/* --- writing ---------------------------------------------------------------------------------------------------------- */

struct writer { struct tl_jinja *j; const struct tl_jinja_json_style *style; uint32_t level; };

static int write_value(struct writer *w, const struct tl_jinja_value *v);

static int print(struct writer *w, const char *text, bool user)
{
    return tl_jinja_output_bytes(w->j, text, strlen(text), user);
}

/* The escape of one character, or "" where it stands for itself. */
static void escape_of(uint32_t code, bool ascii, char escape[16])
{
    static const char letters[] = "\"\\\n\r\t\b\f", meanings[] = "\"\\nrtbf";
    const char *found = code && code < 0x80 ? strchr(letters, (int)code) : NULL;
    escape[0] = 0;
    if (found)
        snprintf(escape, 16, "\\%c", meanings[found - letters]);
    else if (code < 0x20 || (ascii && code > 0x7E && code < 0x10000))
        snprintf(escape, 16, "\\u%04x", code);
    else if (ascii && code >= 0x10000)
        snprintf(escape, 16, "\\u%04x\\u%04x", 0xD800 + ((code - 0x10000) >> 10), 0xDC00 + (code & 0x3FF));
}

static bool plain(unsigned char c)
{
    return c >= 0x20 && c < 0x7F && c != '"' && c != '\\';
}

static int write_string(struct writer *w, const struct tl_jinja_text *text)
{
    char escape[16];
    size_t start = 0;
    bool user = text->n ? tl_jinja_text_user(text, 0) : text->user;
    int r = print(w, "\"", user);
    for (size_t at = 0, n; at < text->n && r >= 0; at += n) {
        uint32_t code;
        n = 1;
        if (plain((unsigned char)text->bytes[at]))
            continue;
        n = (size_t)tl_utf8_decode(text->bytes + at, text->n - at, &code);
        escape_of(code, w->style->ascii, escape);
        if (!escape[0])
            continue;
        if ((r = tl_jinja_output_text(w->j, text, start, at - start)) >= 0)
            r = print(w, escape, tl_jinja_text_user(text, at));
        start = at + n;
    }
    if (r < 0 || (r = tl_jinja_output_text(w->j, text, start, text->n - start)) < 0)
        return r;
    return print(w, "\"", user);
}

/* A new line with its indent, where there is one. */
static int break_line(struct writer *w, bool user)
{
    const struct tl_jinja_text *indent = w->style->indent;
    int r = indent ? print(w, "\n", user) : 0;
    for (uint32_t i = 0; indent && i < w->level && r >= 0; i++)
        r = tl_jinja_output_bytes(w->j, indent->bytes, indent->n, user);
    return r;
}

/* What stands before an item. */
static int begin_item(struct writer *w, size_t i, bool user)
{
    int r = i ? tl_jinja_output_bytes(w->j, w->style->comma->bytes, w->style->comma->n, user) : 0;
    return r < 0 ? r : break_line(w, user);
}

static int write_list(struct writer *w, const struct tl_jinja_value *v)
{
    int r = print(w, v->list->n ? "[" : "[]", v->user);
    w->level++;
    for (size_t i = 0; i < v->list->n && r >= 0; i++)
        if ((r = begin_item(w, i, v->user)) >= 0)
            r = write_value(w, &v->list->item[i]);
    w->level--;
    if (r < 0 || !v->list->n || (r = break_line(w, v->user)) < 0)
        return r;
    return print(w, "]", v->user);
}

static int write_key(struct writer *w, const struct tl_jinja_value *key)
{
    switch (key->kind) {
    case TL_JINJA_STRING:
        return write_string(w, key->text);
    case TL_JINJA_BOOL: case TL_JINJA_NONE: case TL_JINJA_INT: case TL_JINJA_FLOAT: case TL_JINJA_BIG: {
        int r = print(w, "\"", key->user);
        if (r < 0 || (r = write_value(w, key)) < 0)
            return r;
        return print(w, "\"", key->user);
    }
    default:
        return tl_jinja_fail(w->j, TL_E_USAGE, "a %s cannot be a key of JSON", tl_jinja_kind_name(key));
    }
}

static int sorted_pairs(struct writer *w, const struct tl_jinja_dict *dict, struct tl_jinja_value *ret_keys)
{
    int r = tl_jinja_list_new(w->j, TL_JINJA_LIST, dict->n, ret_keys);
    for (size_t i = 0; i < dict->n && r >= 0; i++)
        r = tl_jinja_list_push(w->j, ret_keys, &dict->pair[i].key);
    return r < 0 ? r : tl_jinja_list_sort(w->j, ret_keys->list->item, ret_keys->list->item, dict->n, false);
}

static int write_pair(struct writer *w, const struct tl_jinja_dict *dict, const struct tl_jinja_value *key, bool user)
{
    const struct tl_jinja_value *value;
    int r = tl_jinja_dict_find(w->j, dict, key, &value);
    if (r < 0 || (r = write_key(w, key)) < 0 ||
        (r = tl_jinja_output_bytes(w->j, w->style->colon->bytes, w->style->colon->n, user)) < 0)
        return r;
    return write_value(w, value);
}

static int write_dict(struct writer *w, const struct tl_jinja_value *v)
{
    const struct tl_jinja_dict *dict = v->dict;
    struct tl_jinja_value keys = {0};
    int r = w->style->sort ? sorted_pairs(w, dict, &keys) : 0;
    if (r < 0 || (r = print(w, dict->n ? "{" : "{}", v->user)) < 0)
        return r;
    w->level++;
    for (size_t i = 0; i < dict->n && r >= 0; i++)
        if ((r = begin_item(w, i, v->user)) >= 0)
            r = write_pair(w, dict, w->style->sort ? &keys.list->item[i] : &dict->pair[i].key, v->user);
    w->level--;
    if (r < 0 || !dict->n || (r = break_line(w, v->user)) < 0)
        return r;
    return print(w, "}", v->user);
}

static int write_nested(struct writer *w, const struct tl_jinja_value *v)
{
    int r = tl_jinja_enter(w->j);
    if (r < 0)
        return r;
    r = v->kind == TL_JINJA_DICT ? write_dict(w, v) : write_list(w, v);
    w->j->depth--;
    return r;
}

static int write_value(struct writer *w, const struct tl_jinja_value *v)
{
    switch (v->kind) {
    case TL_JINJA_NONE: return print(w, "null", v->user);
    case TL_JINJA_BOOL: return print(w, v->boolean ? "true" : "false", v->user);
    case TL_JINJA_FLOAT:
        if (isinf(v->number) || isnan(v->number))
            return print(w, isnan(v->number) ? "NaN" : v->number < 0 ? "-Infinity" : "Infinity", v->user);
        return tl_jinja_print_repr(w->j, v);
    case TL_JINJA_INT: case TL_JINJA_BIG: return tl_jinja_print_repr(w->j, v);
    case TL_JINJA_STRING: return write_string(w, v->text);
    case TL_JINJA_LIST: case TL_JINJA_TUPLE: case TL_JINJA_DICT: return write_nested(w, v);
    case TL_JINJA_UNDEFINED: return tl_jinja_fail_undefined(w->j, v);
    default: return tl_jinja_fail(w->j, TL_E_USAGE, "a %s cannot be written as JSON", tl_jinja_kind_name(v));
    }
}

int tl_jinja_json_write(struct tl_jinja *j, const struct tl_jinja_value *v, const struct tl_jinja_json_style *style)
{
    struct writer w = {j, style, 0};
    return write_value(&w, v);
}
