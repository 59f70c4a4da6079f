/* SPDX-License-Identifier: MIT */
/* Filters on lists, dicts and numbers. */
#include <math.h>
#include <string.h>

#include "base/error.h"
#include "base/parse.h"
#include "text/jinja.h"
#include "text/jinja_builtin.h"
#include "text/jinja_string.h"
#include "text/jinja_text.h"

#define UNUSED (void)arg, (void)all, (void)self, (void)j

TL_JINJA_FUNCTION(tl_jinja_filter_default)
{
    UNUSED;
    bool empty = self->kind == TL_JINJA_UNDEFINED || (tl_jinja_builtin_flag(&arg[1], false) && !tl_jinja_value_truth(self));
    *ret = empty ? arg[0] : *self;
    return empty && tl_jinja_is_missing(&arg[0]) ? tl_jinja_text_literal(j, "", ret) : 0;
}

TL_JINJA_FUNCTION(tl_jinja_filter_length)
{
    UNUSED;
    size_t n;
    int r = tl_jinja_value_length(j, self, &n);
    *ret = tl_jinja_int((int64_t)n);
    return r;
}

TL_JINJA_FUNCTION(tl_jinja_filter_list)
{
    UNUSED;
    return tl_jinja_stream_list(j, self, TL_JINJA_LIST, ret);
}

TL_JINJA_FUNCTION(tl_jinja_filter_attr)
{
    UNUSED;
    const struct tl_jinja_text *name;
    int r = tl_jinja_builtin_text(j, &arg[0], &name);
    if (r < 0)
        return r;
    if (self->kind != TL_JINJA_DICT || tl_jinja_builtin_method(self, name))
        return tl_jinja_attribute_get(j, self, name, ret);
    *ret = tl_jinja_undefined(name, self->kind);     /* without falling back to the key */
    return 0;
}

TL_JINJA_FUNCTION(tl_jinja_filter_first)
{
    UNUSED;
    struct tl_jinja_stream *stream;
    int r = tl_jinja_stream_open(j, self, &stream);
    if (r >= 0 && (r = tl_jinja_stream_next(j, stream, ret)) == 0)
        *ret = tl_jinja_undefined(NULL, TL_JINJA_MISSING);
    return r;
}

TL_JINJA_FUNCTION(tl_jinja_filter_last)
{
    UNUSED;
    struct tl_jinja_value list, last = tl_jinja_int(-1);
    if (self->kind == TL_JINJA_STREAM)
        return tl_jinja_fail(j, TL_E_USAGE, "'last' of a generator: make it a list first");
    if (tl_jinja_is_list(self) || tl_jinja_is_string(self))
        return tl_jinja_attribute_item(j, self, &last, ret);
    int r = tl_jinja_stream_list(j, self, TL_JINJA_LIST, &list);
    return r < 0 ? r : tl_jinja_attribute_item(j, &list, &last, ret);
}

static int next_reversed(struct tl_jinja *j, struct tl_jinja_stream *stream, struct tl_jinja_value *ret)
{
    const struct tl_jinja_list *list = stream->context;
    (void)j;
    if (stream->at >= list->n)
        return 0;
    *ret = list->item[list->n - ++stream->at];
    return 1;
}

TL_JINJA_FUNCTION(tl_jinja_filter_reverse)
{
    UNUSED;
    struct tl_jinja_value list, part[3] = {tl_jinja_none(), tl_jinja_none(), tl_jinja_int(-1)};
    if (tl_jinja_is_string(self))
        return tl_jinja_attribute_slice(j, self, part, ret);
    int r = tl_jinja_stream_list(j, self, TL_JINJA_LIST, &list);
    if (r < 0)
        return r;
    if (self->kind != TL_JINJA_STREAM)
        return tl_jinja_stream_filter(j, &list, (void *)list.list, next_reversed, ret);
    return tl_jinja_attribute_slice(j, &list, part, ret);
}

static int next_of_items(struct tl_jinja *j, struct tl_jinja_stream *stream, struct tl_jinja_value *ret)
{
    if (stream->source.kind != TL_JINJA_DICT && stream->source.kind != TL_JINJA_UNDEFINED)
        return tl_jinja_fail(j, TL_E_USAGE, "'items' needs a mapping, found a %s", tl_jinja_kind_name(&stream->source));
    struct tl_jinja_stream *items = stream->context;
    if (!items && stream->source.kind == TL_JINJA_DICT) {
        struct tl_jinja_value view;
        int r = tl_jinja_method_items(j, &stream->source, NULL, NULL, &view);
        if (r < 0 || (r = tl_jinja_stream_open(j, &view, &items)) < 0)
            return r;
        stream->context = items;
    }
    return items ? tl_jinja_stream_next(j, items, ret) : 0;
}

TL_JINJA_FUNCTION(tl_jinja_filter_items)
{
    UNUSED;
    return tl_jinja_stream_filter(j, self, NULL, next_of_items, ret);
}

/* --- order ----------------------------------------------------------------------------------------------------------- */

/* What a value is compared by: the attribute at `path`, small letters for capitals unless these differ. */
static int key_of(struct tl_jinja *j, const struct tl_jinja_value *v, const struct tl_jinja_value *path, bool exact, struct tl_jinja_value *ret)
{
    int r = tl_jinja_attribute_path(j, v, path, ret);
    return r < 0 || exact || !tl_jinja_is_string(ret) ? r : tl_jinja_string_case(j, ret->text, TL_JINJA_ALL_LOWER, ret);
}

/* The same for "a,b": a list of keys. */
static int keys_of(struct tl_jinja *j, const struct tl_jinja_value *v, const struct tl_jinja_value *path, bool exact, struct tl_jinja_value *ret)
{
    struct tl_jinja_value part, key;
    if (!tl_jinja_is_string(path) || !memchr(path->text->bytes, ',', path->text->n))
        return key_of(j, v, path, exact, ret);
    int r = tl_jinja_list_new(j, TL_JINJA_LIST, 2, ret);
    for (size_t at = 0; at <= path->text->n && r >= 0;) {
        const char *start = path->text->bytes + at, *comma = memchr(start, ',', path->text->n - at);
        size_t n = comma ? (size_t)(comma - start) : path->text->n - at;
        if ((r = tl_jinja_text_slice(j, path->text, at, n, &part)) >= 0 && (r = key_of(j, v, &part, exact, &key)) >= 0)
            r = tl_jinja_list_push(j, ret, &key);
        at += n + 1;
    }
    return r;
}

TL_JINJA_FUNCTION(tl_jinja_filter_sort)
{
    UNUSED;
    struct tl_jinja_value *key;
    int r = tl_jinja_stream_list(j, self, TL_JINJA_LIST, ret);
    if (r < 0 || (r = tl_jinja_take(j, ret->list->n, sizeof *key, &key)) < 0)
        return r;
    for (size_t i = 0; i < ret->list->n && r >= 0; i++)
        r = keys_of(j, &ret->list->item[i], &arg[2], tl_jinja_builtin_flag(&arg[1], false), &key[i]);
    return r < 0 ? r : tl_jinja_list_sort(j, ret->list->item, key, ret->list->n, tl_jinja_builtin_flag(&arg[0], false));
}

TL_JINJA_FUNCTION(tl_jinja_filter_dictsort)
{
    UNUSED;
    struct tl_jinja_value items, pair[3], path = tl_jinja_int(0);
    if (self->kind != TL_JINJA_DICT)
        return self->kind == TL_JINJA_UNDEFINED ? tl_jinja_fail_undefined(j, self)
             : tl_jinja_fail(j, TL_E_USAGE, "'dictsort' needs a mapping, found a %s", tl_jinja_kind_name(self));
    if (!tl_jinja_is_missing(&arg[1])) {
        bool by_value = tl_jinja_is_string(&arg[1]) && tl_jinja_text_is(arg[1].text, "value");
        if (!by_value && !(tl_jinja_is_string(&arg[1]) && tl_jinja_text_is(arg[1].text, "key")))
            return tl_jinja_fail(j, TL_E_USAGE, "'dictsort' sorts by 'key' or 'value'");
        path.integer = by_value;
    }
    int r = tl_jinja_method_items(j, self, NULL, NULL, &items);
    pair[0] = arg[2];
    pair[1] = arg[0];
    pair[2] = path;
    return r < 0 ? r : tl_jinja_filter_sort(j, &items, pair, NULL, ret);
}

static int extreme(struct tl_jinja *j, const struct tl_jinja_value *v, const struct tl_jinja_value *arg, int wanted, struct tl_jinja_value *ret)
{
    struct tl_jinja_stream *stream;
    struct tl_jinja_value item, key, best = {0};
    int order, r = tl_jinja_stream_open(j, v, &stream);
    *ret = tl_jinja_undefined(NULL, TL_JINJA_MISSING);
    if (r < 0)
        return r;
    while ((r = tl_jinja_stream_next(j, stream, &item)) > 0) {
        if ((r = key_of(j, &item, &arg[1], tl_jinja_builtin_flag(&arg[0], false), &key)) < 0)
            return r;
        if (!tl_jinja_is_missing(&best) && (r = tl_jinja_value_order(j, &key, &best, &order)) < 0)
            return r;
        if (tl_jinja_is_missing(&best) || order == wanted) {
            best = key;
            *ret = item;
        }
    }
    return r;
}

TL_JINJA_FUNCTION(tl_jinja_filter_min)
{
    UNUSED;
    return extreme(j, self, arg, -1, ret);
}

TL_JINJA_FUNCTION(tl_jinja_filter_max)
{
    UNUSED;
    return extreme(j, self, arg, 1, ret);
}

struct unique { struct tl_jinja_value seen, path; bool exact; };

static int next_unique(struct tl_jinja *j, struct tl_jinja_stream *stream, struct tl_jinja_value *ret)
{
    struct unique *u = stream->context;
    struct tl_jinja_value key;
    int r;
    while ((r = tl_jinja_stream_next(j, stream->from, ret)) > 0) {
        size_t n = u->seen.dict->n;
        if ((r = key_of(j, ret, &u->path, u->exact, &key)) < 0 || (r = tl_jinja_dict_put(j, u->seen.dict, &key, &key)) < 0)
            return r;
        if (u->seen.dict->n > n)
            return 1;
    }
    return r;
}

TL_JINJA_FUNCTION(tl_jinja_filter_unique)
{
    UNUSED;
    struct unique *u;
    int r = tl_jinja_take(j, 1, sizeof *u, &u);
    if (r < 0 || (r = tl_jinja_dict_new(j, TL_JINJA_DICT, 8, &u->seen)) < 0)
        return r;
    u->exact = tl_jinja_builtin_flag(&arg[0], false);
    u->path = arg[1];
    return tl_jinja_stream_filter(j, self, u, next_unique, ret);
}

/* --- numbers --------------------------------------------------------------------------------------------------------- */

TL_JINJA_FUNCTION(tl_jinja_filter_abs)
{
    UNUSED;
    double number = 0;
    if (self->kind != TL_JINJA_UNDEFINED && !tl_jinja_value_number(self, &number))
        return tl_jinja_fail(j, TL_E_USAGE, "'abs' needs a number, found a %s", tl_jinja_kind_name(self));
    return tl_jinja_operator_sign(j, self->kind == TL_JINJA_FLOAT ? signbit(number) != 0 : number < 0, self, ret);
}

/* A string as Python's float() reads it. */
static bool parse_float(struct tl_jinja *j, const struct tl_jinja_text *text, double *ret)
{
    struct tl_jinja_value stripped;
    char plain[500];
    size_t n = 0;
    if (tl_jinja_string_strip(j, text, NULL, TL_JINJA_LEFT | TL_JINJA_RIGHT, &stripped) < 0 || stripped.text->n >= sizeof plain)
        return false;
    for (size_t i = 0; i < stripped.text->n; i++)
        if (stripped.text->bytes[i] != '_')
            plain[n++] = (char)(stripped.text->bytes[i] | (stripped.text->bytes[i] >= 'A' && stripped.text->bytes[i] <= 'Z' ? 32 : 0));
    plain[n] = 0;
    const char *digits = plain + (*plain == '+' || *plain == '-');
    bool infinite = strcmp(digits, "inf") == 0 || strcmp(digits, "infinity") == 0;
    if (infinite || strcmp(digits, "nan") == 0) {
        *ret = infinite ? (*plain == '-' ? -INFINITY : INFINITY) : NAN;
        return true;
    }
    const char *exponent = strchr(digits, 'e');
    int64_t power;
    if (tl_parse_f64(plain + (*plain == '+'), n - (*plain == '+'), ret))
        return true;
    *ret = *plain == '-' ? -INFINITY : INFINITY;         /* a number all the same, if only its exponent is too large */
    return exponent && tl_parse_f64(digits, (size_t)(exponent - digits), &(double){0}) &&
           tl_parse_i64(exponent + 1 + (exponent[1] == '+'), strlen(exponent + 1 + (exponent[1] == '+')), &power) && power > 300;
}

/* A string as Python's int(text, base) reads it; false: it is none of 64 bits. */
static bool parse_int(struct tl_jinja *j, const struct tl_jinja_text *text, int64_t base, int64_t *ret)
{
    struct tl_jinja_value stripped;
    if (tl_jinja_string_strip(j, text, NULL, TL_JINJA_LEFT | TL_JINJA_RIGHT, &stripped) < 0)
        return false;
    const char *at = stripped.text->bytes, *end = at + stripped.text->n;
    bool minus = at < end && *at == '-';
    at += at < end && (*at == '-' || *at == '+');
    char letter = base == 16 ? 'x' : base == 8 ? 'o' : base == 2 ? 'b' : 0;
    if (letter && end - at > 2 && *at == '0' && (at[1] | 32) == letter)
        at += 2;
    if (at == end || end[-1] == '_' || *at == '_')
        return false;
    for (*ret = 0; at < end; at++) {
        int64_t digit = *at >= '0' && *at <= '9' ? *at - '0' : (*at | 32) >= 'a' && (*at | 32) <= 'z' ? (*at | 32) - 'a' + 10 : 99;
        if (*at == '_')
            continue;
        if (digit >= base || __builtin_mul_overflow(*ret, base, ret) || __builtin_add_overflow(*ret, minus ? -digit : digit, ret))
            return false;
    }
    return true;
}

static int float_to_int(struct tl_jinja *j, double number, struct tl_jinja_value *ret)
{
    if (fabs(number) >= 0x1p63)
        return tl_jinja_fail(j, TL_E_USAGE, "the result of 'int' needs more than 64 bits");
    *ret = tl_jinja_int((int64_t)number);
    return 0;
}

TL_JINJA_FUNCTION(tl_jinja_filter_int)
{
    UNUSED;
    int64_t base, integer;
    double number;
    bool user = tl_jinja_is_string(self) ? self->text->user : self->user;
    int r = tl_jinja_builtin_int(j, &arg[1], 10, &base);
    if (self->kind == TL_JINJA_UNDEFINED)
        return tl_jinja_fail_undefined(j, self);
    *ret = tl_jinja_is_missing(&arg[0]) ? tl_jinja_int(0) : arg[0];
    if (r < 0)
        return r;
    if (tl_jinja_as_int(self, &integer) || (tl_jinja_is_string(self) && parse_int(j, self->text, base, &integer)))
        *ret = tl_jinja_int(integer);
    else if (self->kind == TL_JINJA_BIG)
        *ret = *self;
    else if (tl_jinja_is_string(self) ? parse_float(j, self->text, &number) && isfinite(number)
                                      : tl_jinja_value_number(self, &number) && !isnan(number))
        r = float_to_int(j, number, ret);
    if (ret->kind == TL_JINJA_INT)
        ret->user = user;
    return r;
}

TL_JINJA_FUNCTION(tl_jinja_filter_float)
{
    UNUSED;
    double number;
    if (self->kind == TL_JINJA_UNDEFINED)
        return tl_jinja_fail_undefined(j, self);
    *ret = tl_jinja_is_missing(&arg[0]) ? tl_jinja_float(0) : arg[0];
    if (tl_jinja_is_string(self) || self->kind == TL_JINJA_BIG ? parse_float(j, self->text, &number) : tl_jinja_value_number(self, &number)) {
        *ret = tl_jinja_float(number);
        ret->user = tl_jinja_is_string(self) ? self->text->user : self->user;
    }
    return 0;
}

TL_JINJA_FUNCTION(tl_jinja_filter_round)
{
    UNUSED;
    const struct tl_jinja_text *method = NULL;
    int64_t precision, integer;
    double number;
    int r = tl_jinja_builtin_int(j, &arg[0], 0, &precision);
    if (r < 0 || (!tl_jinja_is_missing(&arg[1]) && (r = tl_jinja_builtin_text(j, &arg[1], &method)) < 0))
        return r;
    bool up = method && tl_jinja_text_is(method, "ceil"), down = method && tl_jinja_text_is(method, "floor");
    if (method && !up && !down && !tl_jinja_text_is(method, "common"))
        return tl_jinja_fail(j, TL_E_USAGE, "'round' knows 'common', 'ceil' and 'floor'");
    if (!tl_jinja_value_number(self, &number))
        return self->kind == TL_JINJA_UNDEFINED ? tl_jinja_fail_undefined(j, self)
             : tl_jinja_fail(j, TL_E_USAGE, "'round' needs a number, found a %s", tl_jinja_kind_name(self));
    precision = precision < -300 ? -300 : precision > 300 ? 300 : precision;
    if (!up && !down && tl_jinja_as_int(self, &integer) && precision >= 0)
        *ret = tl_jinja_int(integer);
    else if (!up && !down)
        *ret = tl_jinja_float(tl_jinja_number_round(number, (int)precision));
    else {
        double unit = pow(10, (double)precision);
        *ret = tl_jinja_float((up ? ceil(number * unit) : floor(number * unit)) / unit);
    }
    ret->user = self->user;
    return 0;
}

TL_JINJA_FUNCTION(tl_jinja_filter_sum)
{
    UNUSED;
    struct tl_jinja_stream *stream;
    struct tl_jinja_value item;
    int r = tl_jinja_stream_open(j, self, &stream);
    *ret = tl_jinja_is_missing(&arg[1]) ? tl_jinja_int(0) : arg[1];
    if (r >= 0 && tl_jinja_is_string(ret))
        return tl_jinja_fail(j, TL_E_USAGE, "'sum' does not join strings");
    while (r >= 0 && (r = tl_jinja_stream_next(j, stream, &item)) > 0) {
        struct tl_jinja_value so_far = *ret;
        if ((r = tl_jinja_attribute_path(j, &item, &arg[0], &item)) >= 0)
            r = tl_jinja_operator_binary(j, TL_JINJA_T_ADD, &so_far, &item, ret);
    }
    return r;
}
