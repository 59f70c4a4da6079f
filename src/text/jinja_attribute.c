/* SPDX-License-Identifier: MIT */
/* a.b, a[b] and a[b:c:d].
 *
 * As in Jinja2's sandbox: a.b asks for a method first and for a key then, a["b"] the other way round; what is not there
 * is undefined; names that begin with '_' and methods that would change a value are not there. */
#include <string.h>

#include "base/error.h"
#include "text/jinja.h"
#include "text/jinja_builtin.h"
#include "text/jinja_text.h"

static int make_method(struct tl_jinja *j, const struct tl_jinja_value *v, const struct tl_jinja_builtin *builtin,
                       struct tl_jinja_value *ret)
{
    struct tl_jinja_method *method;
    int r = tl_jinja_take(j, 1, sizeof *method, &method);
    if (r < 0)
        return r;
    *method = (struct tl_jinja_method){*v, builtin};
    *ret = (struct tl_jinja_value){.kind = TL_JINJA_METHOD, .method = method};
    return 0;
}

/* A key of a dict or namespace; 1: found. */
static int find_key(struct tl_jinja *j, const struct tl_jinja_value *v, const struct tl_jinja_value *key, struct tl_jinja_value *ret)
{
    const struct tl_jinja_value *found;
    int r = tl_jinja_dict_find(j, v->dict, key, &found);
    if (r > 0)
        *ret = *found;
    return r;
}

/* What getattr() finds: 1, or 0 where there is nothing. */
static int find_attribute(struct tl_jinja *j, const struct tl_jinja_value *v, const struct tl_jinja_text *name, struct tl_jinja_value *ret)
{
    const struct tl_jinja_builtin *builtin = tl_jinja_builtin_method(v, name);
    struct tl_jinja_value key = tl_jinja_string(name);
    int r;
    if (builtin) {
        *ret = tl_jinja_undefined(name, v->kind);
        return !builtin->function ? 1 : (r = make_method(j, v, builtin, ret)) < 0 ? r : 1;
    }
    if (v->kind == TL_JINJA_NAMESPACE)
        return find_key(j, v, &key, ret);
    if (v->kind == TL_JINJA_LOOP)
        return tl_jinja_loop_attribute(j, v->loop, name, ret);
    if (v->kind != TL_JINJA_MACRO || !tl_jinja_text_is(name, "name"))
        return 0;
    const struct tl_jinja_text *title = v->macro->stmt->signature->name;
    *ret = title ? tl_jinja_string(title) : tl_jinja_none();
    return 1;
}

int tl_jinja_attribute_get(struct tl_jinja *j, const struct tl_jinja_value *v, const struct tl_jinja_text *name, struct tl_jinja_value *ret)
{
    struct tl_jinja_value key = tl_jinja_string(name), found;
    if (v->kind == TL_JINJA_UNDEFINED)
        return tl_jinja_fail_undefined(j, v);
    int r = name->n > 1 && memcmp(name->bytes, "__", 2) == 0 ? 0 : find_attribute(j, v, name, &found);
    if (r == 0 && v->kind == TL_JINJA_DICT)
        r = find_key(j, v, &key, &found);
    if (r >= 0)
        *ret = r ? found : tl_jinja_undefined(name, v->kind);
    return r < 0 ? r : 0;
}

/* Python's index into n items: negative ones count from the end. */
static bool index_into(int64_t index, size_t n, size_t *ret)
{
    if (index < 0)
        index += (int64_t)n;
    *ret = (size_t)index;
    return index >= 0 && (uint64_t)index < n;
}

static int char_at(struct tl_jinja *j, const struct tl_jinja_text *text, size_t index, struct tl_jinja_value *ret)
{
    int r = tl_jinja_text_chars(text) == text->n ? 0 : tl_jinja_scan(j, text->n);
    size_t start = tl_jinja_text_offset(text, index), end = tl_jinja_text_offset(text, index + 1);
    return r < 0 ? r : tl_jinja_text_slice(j, text, start, end - start, ret);
}

/* An item by number: 1, or 0 where there is none. */
static int find_index(struct tl_jinja *j, const struct tl_jinja_value *v, int64_t index, struct tl_jinja_value *ret)
{
    size_t at;
    int r;
    switch (v->kind) {
    case TL_JINJA_STRING:
        if (!index_into(index, tl_jinja_text_chars(v->text), &at))
            return 0;
        return (r = char_at(j, v->text, at, ret)) < 0 ? r : 1;
    case TL_JINJA_LIST: case TL_JINJA_TUPLE:
        if (!index_into(index, v->list->n, &at))
            return 0;
        *ret = v->list->item[at];
        return 1;
    case TL_JINJA_RANGE:
        if (!index_into(index, v->range->n, &at))
            return 0;
        *ret = tl_jinja_int(v->range->start + (int64_t)at * v->range->step);
        return 1;
    default:
        return 0;
    }
}

static bool cannot_be_key(const struct tl_jinja_value *key)
{
    return key->kind == TL_JINJA_LIST || key->kind == TL_JINJA_DICT || key->kind == TL_JINJA_VIEW;
}

int tl_jinja_attribute_item(struct tl_jinja *j, const struct tl_jinja_value *v, const struct tl_jinja_value *key, struct tl_jinja_value *ret)
{
    struct tl_jinja_value found;
    int64_t index;
    int r = 0;
    if (v->kind == TL_JINJA_UNDEFINED)
        return tl_jinja_fail_undefined(j, v);
    if (v->kind == TL_JINJA_DICT && !cannot_be_key(key))
        r = find_key(j, v, key, &found);
    else if (tl_jinja_as_int(key, &index))
        r = find_index(j, v, index, &found);
    if (r == 0 && tl_jinja_is_string(key) && !(key->text->n && key->text->bytes[0] == '_'))
        r = find_attribute(j, v, key->text, &found);
    if (r < 0)
        return r;
    *ret = r ? found : tl_jinja_undefined(tl_jinja_is_string(key) ? key->text : NULL, v->kind);
    return 0;
}

/* --- slices ---------------------------------------------------------------------------------------------------------- */

struct slice { int64_t start, stop, step; size_t count; };

static int64_t clamp(int64_t index, int64_t n, int64_t low, int64_t high)
{
    if (index < 0)
        index = index < -n ? low : index + n;
    return index < low ? low : index > high ? high : index;
}

/* Python's slice.indices for n items. */
static int read_slice(struct tl_jinja *j, const struct tl_jinja_value part[3], int64_t n, struct slice *ret)
{
    int64_t number[3] = {0, 0, 1};
    bool given[3];
    for (int i = 0; i < 3; i++) {
        given[i] = part[i].kind != TL_JINJA_NONE && part[i].kind != TL_JINJA_MISSING;
        if (part[i].kind == TL_JINJA_BIG)
            number[i] = *part[i].text->bytes == '-' ? INT64_MIN : INT64_MAX;
        else if (given[i] && !tl_jinja_as_int(&part[i], &number[i]))
            return tl_jinja_fail(j, TL_E_USAGE, "a slice is made of integers, found a %s", tl_jinja_kind_name(&part[i]));
    }
    int64_t step = number[2], low = step < 0 ? -1 : 0, high = step < 0 ? n - 1 : n;
    if (step == 0)
        return tl_jinja_fail(j, TL_E_USAGE, "the step of a slice is 0");
    step = step < -INT32_MAX ? -INT32_MAX : step > INT32_MAX ? INT32_MAX : step;
    ret->step = step;
    ret->start = given[0] ? clamp(number[0], n, low, high) : step < 0 ? high : low;
    ret->stop = given[1] ? clamp(number[1], n, low, high) : step < 0 ? low : high;
    int64_t span = step > 0 ? ret->stop - ret->start : ret->start - ret->stop, width = step > 0 ? step : -step;
    ret->count = span > 0 ? (size_t)((span - 1) / width + 1) : 0;
    return 0;
}

static int slice_text(struct tl_jinja *j, const struct tl_jinja_text *text, const struct slice *s, struct tl_jinja_value *ret)
{
    size_t mark = j->output.n, start = tl_jinja_text_offset(text, (size_t)(s->start < 0 ? 0 : s->start));
    int r = tl_jinja_scan(j, text->n / 4);
    if (r >= 0 && s->step == 1)
        return tl_jinja_text_slice(j, text, start, s->count ? tl_jinja_text_offset(text, (size_t)s->stop) - start : 0, ret);
    for (size_t i = 0; i < s->count && r >= 0; i++) {
        if (i > 0 && s->step > 0)
            for (int64_t k = 0; k < s->step; k++)
                do start++; while (((unsigned char)text->bytes[start] & 0xC0) == 0x80);
        else if (i > 0)
            for (int64_t k = 0; k > s->step; k--)
                do start--; while (((unsigned char)text->bytes[start] & 0xC0) == 0x80);
        size_t end = start + 1;
        while (end < text->n && ((unsigned char)text->bytes[end] & 0xC0) == 0x80)
            end++;
        r = tl_jinja_output_text(j, text, start, end - start);
    }
    return r < 0 ? r : tl_jinja_output_take(j, mark, text->markup, ret);
}

static int slice_list(struct tl_jinja *j, const struct tl_jinja_value *v, const struct slice *s, struct tl_jinja_value *ret)
{
    int r;
    if (s->step == 1) {
        struct tl_jinja_list *part;
        if ((r = tl_jinja_take(j, 1, sizeof *part, &part)) < 0)
            return r;
        *part = (struct tl_jinja_list){.item = v->list->item + (s->count ? s->start : 0), .n = s->count};
        *ret = *v;
        ret->list = part;
        return 0;
    }
    if ((r = tl_jinja_list_new(j, v->kind, s->count, ret)) < 0)
        return r;
    ret->user = v->user;
    for (size_t i = 0; i < s->count && r >= 0; i++)
        r = tl_jinja_list_push(j, ret, &v->list->item[s->start + (int64_t)i * s->step]);
    return r;
}

int tl_jinja_attribute_slice(struct tl_jinja *j, const struct tl_jinja_value *v, const struct tl_jinja_value part[3], struct tl_jinja_value *ret)
{
    struct slice s = {0};
    size_t n = 0;
    if (v->kind == TL_JINJA_UNDEFINED)
        return tl_jinja_fail_undefined(j, v);
    if (!tl_jinja_is_list(v) && v->kind != TL_JINJA_STRING)
        return tl_jinja_fail(j, TL_E_USAGE, "a %s cannot be sliced", tl_jinja_kind_name(v));
    int r = tl_jinja_value_length(j, v, &n);
    if (r < 0 || (r = read_slice(j, part, (int64_t)n, &s)) < 0)
        return r;
    return v->kind == TL_JINJA_STRING ? slice_text(j, v->text, &s, ret) : slice_list(j, v, &s, ret);
}

/* --- paths ----------------------------------------------------------------------------------------------------------- */

static bool part_as_index(const char *bytes, size_t n, int64_t *ret)
{
    *ret = 0;
    for (size_t i = 0; i < n; i++) {
        if (bytes[i] < '0' || bytes[i] > '9' || i > 17)
            return false;
        *ret = *ret * 10 + (bytes[i] - '0');
    }
    return n > 0;
}

int tl_jinja_attribute_path(struct tl_jinja *j, const struct tl_jinja_value *v, const struct tl_jinja_value *path, struct tl_jinja_value *ret)
{
    struct tl_jinja_value item = *v, key;
    int64_t index;
    int r = 0;
    if (path->kind == TL_JINJA_NONE || path->kind == TL_JINJA_MISSING) {
        *ret = item;
        return 0;
    }
    if (!tl_jinja_is_string(path))
        return tl_jinja_attribute_item(j, v, path, ret);
    for (size_t at = 0; at <= path->text->n && r >= 0;) {
        const char *start = path->text->bytes + at, *dot = memchr(start, '.', path->text->n - at);
        size_t n = dot ? (size_t)(dot - start) : path->text->n - at;
        if (part_as_index(start, n, &index))
            key = tl_jinja_int(index);
        else
            r = tl_jinja_text_slice(j, path->text, at, n, &key);
        if (r < 0 || (r = tl_jinja_attribute_item(j, &item, &key, ret)) < 0)
            return r;
        item = *ret;
        at += n + 1;
    }
    return r;
}
