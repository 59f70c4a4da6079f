/* SPDX-License-Identifier: MIT */
/* Truth, equality, order, membership and length, as in Python. */
#include "text/jinja_value.h"

#include <string.h>

#include "base/error.h"
#include "text/jinja.h"
#include "text/jinja_text.h"

bool tl_jinja_value_truth(const struct tl_jinja_value *v)
{
    switch (v->kind) {
    case TL_JINJA_MISSING: case TL_JINJA_UNDEFINED: case TL_JINJA_NONE: return false;
    case TL_JINJA_BOOL: return v->boolean;
    case TL_JINJA_INT: return v->integer != 0;
    case TL_JINJA_FLOAT: return v->number != 0;
    case TL_JINJA_STRING: return v->text->n != 0;
    case TL_JINJA_LIST: case TL_JINJA_TUPLE: return v->list->n != 0;
    case TL_JINJA_DICT: return v->dict->n != 0;
    case TL_JINJA_VIEW: return v->view->dict->n != 0;
    case TL_JINJA_RANGE: return v->range->n != 0;
    default: return true;
    }
}

bool tl_jinja_value_number(const struct tl_jinja_value *v, double *ret)
{
    int64_t integer;
    if (v->kind == TL_JINJA_FLOAT)
        *ret = v->number;
    else if (tl_jinja_as_int(v, &integer))
        *ret = (double)integer;
    else
        return false;
    return true;
}

bool tl_jinja_value_same(const struct tl_jinja_value *a, const struct tl_jinja_value *b)
{
    if (a->kind != b->kind)
        return false;
    switch (a->kind) {
    case TL_JINJA_NONE: return true;
    case TL_JINJA_BOOL: return a->boolean == b->boolean;
    case TL_JINJA_INT: return a->integer == b->integer;
    case TL_JINJA_FLOAT: return memcmp(&a->number, &b->number, sizeof a->number) == 0;
    default: return a->object == b->object;
    }
}

/* Integers of more than 64 bits, one at least: by sign, then by their digits. */
static int compare_big(const struct tl_jinja_value *a, const struct tl_jinja_value *b)
{
    if (a->kind != TL_JINJA_BIG)
        return -compare_big(b, a);
    const struct tl_jinja_text *x = a->text, *y = b->text;
    int sign = *x->bytes == '-' ? -1 : 1;
    if (b->kind != TL_JINJA_BIG || (*y->bytes == '-') != (sign < 0))
        return sign;
    return sign * (x->n != y->n ? (x->n > y->n) - (x->n < y->n) : tl_jinja_text_order(x, y));
}

/* Numbers compare by value whatever their kind; long double holds every int64 exactly. false: not both are numbers. */
static bool compare_numbers(const struct tl_jinja_value *a, const struct tl_jinja_value *b, int *ret, bool *ret_unordered)
{
    int64_t ia, ib;
    double fa = a->number, fb = b->number;
    bool int_a = tl_jinja_as_int(a, &ia), int_b = tl_jinja_as_int(b, &ib);
    bool big_a = a->kind == TL_JINJA_BIG, big_b = b->kind == TL_JINJA_BIG;
    *ret_unordered = false;
    if ((big_a && (big_b || int_b)) || (big_b && int_a)) {
        int order = compare_big(a, b);
        *ret = (order > 0) - (order < 0);
        return true;
    }
    if ((!int_a && a->kind != TL_JINJA_FLOAT) || (!int_b && b->kind != TL_JINJA_FLOAT))
        return false;
    if (int_a && int_b) {
        *ret = (ia > ib) - (ia < ib);
        return true;
    }
    long double x = int_a ? (long double)ia : (long double)fa, y = int_b ? (long double)ib : (long double)fb;
    *ret_unordered = x != x || y != y;
    *ret = (x > y) - (x < y);
    return true;
}

static int equal_lists(struct tl_jinja *j, const struct tl_jinja_list *a, const struct tl_jinja_list *b)
{
    int same = tl_jinja_step(j, a->n / 16);
    if (same < 0 || a->n != b->n)
        return same < 0 ? same : 0;
    for (size_t i = 0; i < a->n; i++) {
        same = tl_jinja_value_same(&a->item[i], &b->item[i]) ? 1 : tl_jinja_value_equal(j, &a->item[i], &b->item[i]);
        if (same <= 0)
            return same;
    }
    return 1;
}

static int equal_dicts(struct tl_jinja *j, const struct tl_jinja_dict *a, const struct tl_jinja_dict *b)
{
    const struct tl_jinja_value *other;
    if (a->n != b->n)
        return 0;
    for (size_t i = 0; i < a->n; i++) {
        int r = tl_jinja_dict_find(j, b, &a->pair[i].key, &other);
        if (r <= 0 || (r = tl_jinja_value_equal(j, &a->pair[i].value, other)) <= 0)
            return r;
    }
    return 1;
}

static int equal_nested(struct tl_jinja *j, const struct tl_jinja_value *a, const struct tl_jinja_value *b)
{
    int r = tl_jinja_enter(j);
    if (r < 0)
        return r;
    r = a->kind == TL_JINJA_DICT ? equal_dicts(j, a->dict, b->dict) : equal_lists(j, a->list, b->list);
    j->depth--;
    return r;
}

int tl_jinja_value_equal(struct tl_jinja *j, const struct tl_jinja_value *a, const struct tl_jinja_value *b)
{
    int order, r;
    bool unordered;
    if (compare_numbers(a, b, &order, &unordered))
        return order == 0 && !unordered;
    if (a->kind != b->kind)
        return 0;
    switch (a->kind) {
    case TL_JINJA_UNDEFINED:
        return 1;
    case TL_JINJA_STRING: case TL_JINJA_BIG:
        if (a->text->n != b->text->n)
            return 0;
        r = tl_jinja_scan(j, a->text->n);
        return r < 0 ? r : tl_jinja_text_same(a->text, b->text);
    case TL_JINJA_LIST: case TL_JINJA_TUPLE: case TL_JINJA_DICT:
        return equal_nested(j, a, b);
    case TL_JINJA_RANGE:
        return a->range->n == b->range->n && (!a->range->n || (a->range->start == b->range->start &&
                                                               (a->range->n == 1 || a->range->step == b->range->step)));
    default:
        return tl_jinja_value_same(a, b);
    }
}

static int order_lists(struct tl_jinja *j, const struct tl_jinja_list *a, const struct tl_jinja_list *b, int *ret)
{
    int r = tl_jinja_enter(j);
    if (r < 0)
        return r;
    for (size_t i = 0; i < a->n && i < b->n; i++) {
        if ((r = tl_jinja_value_equal(j, &a->item[i], &b->item[i])) < 0)
            return r;
        if (!r) {
            j->depth--;
            return tl_jinja_value_order(j, &a->item[i], &b->item[i], ret);
        }
    }
    j->depth--;
    *ret = (a->n > b->n) - (a->n < b->n);
    return 0;
}

int tl_jinja_value_order(struct tl_jinja *j, const struct tl_jinja_value *a, const struct tl_jinja_value *b, int *ret)
{
    bool unordered;
    int r = tl_jinja_step(j, 1);
    if (r < 0)
        return r;
    if (compare_numbers(a, b, ret, &unordered)) {
        *ret = unordered ? 2 : *ret;                 /* NaN: neither less nor greater nor equal */
        return 0;
    }
    if (a->kind == TL_JINJA_UNDEFINED || b->kind == TL_JINJA_UNDEFINED)
        return tl_jinja_fail_undefined(j, a->kind == TL_JINJA_UNDEFINED ? a : b);
    if (a->kind == TL_JINJA_STRING && b->kind == TL_JINJA_STRING) {
        r = tl_jinja_text_order(a->text, b->text);
        *ret = (r > 0) - (r < 0);
        return tl_jinja_scan(j, a->text->n < b->text->n ? a->text->n : b->text->n);
    }
    if (a->kind == b->kind && tl_jinja_is_list(a))
        return order_lists(j, a->list, b->list, ret);
    return tl_jinja_fail(j, TL_E_USAGE, "a %s and a %s have no order", tl_jinja_kind_name(a), tl_jinja_kind_name(b));
}

static int in_stream(struct tl_jinja *j, const struct tl_jinja_value *item, const struct tl_jinja_value *in)
{
    struct tl_jinja_stream *stream;
    struct tl_jinja_value other;
    int r = tl_jinja_stream_open(j, in, &stream);
    if (r < 0)
        return r;
    while ((r = tl_jinja_stream_next(j, stream, &other)) > 0)
        if (tl_jinja_value_same(item, &other) || (r = tl_jinja_value_equal(j, item, &other)) != 0)
            return r;
    return r;
}

int tl_jinja_value_in(struct tl_jinja *j, const struct tl_jinja_value *item, const struct tl_jinja_value *in)
{
    const struct tl_jinja_value *found;
    int r;
    switch (in->kind) {
    case TL_JINJA_STRING:
        if (!tl_jinja_is_string(item))
            return tl_jinja_fail(j, TL_E_USAGE, "'in' a string needs a string before it, found a %s", tl_jinja_kind_name(item));
        r = tl_jinja_scan(j, in->text->n);
        return r < 0 ? r : tl_jinja_text_find(in->text, 0, in->text->n, item->text) != SIZE_MAX;
    case TL_JINJA_DICT:
        return tl_jinja_dict_find(j, in->dict, item, &found);
    case TL_JINJA_LIST: case TL_JINJA_TUPLE:
        if ((r = tl_jinja_step(j, in->list->n / 16)) < 0)
            return r;
        for (size_t i = 0; i < in->list->n; i++)
            if (tl_jinja_value_same(item, &in->list->item[i]) || (r = tl_jinja_value_equal(j, item, &in->list->item[i])) > 0)
                return 1;
            else if (r < 0)
                return r;
        return 0;
    default:
        return in_stream(j, item, in);
    }
}

int tl_jinja_value_length(struct tl_jinja *j, const struct tl_jinja_value *v, size_t *ret)
{
    switch (v->kind) {
    case TL_JINJA_UNDEFINED: *ret = 0; return 0;
    case TL_JINJA_STRING: *ret = tl_jinja_text_chars(v->text); return tl_jinja_scan(j, v->text->n / 16);
    case TL_JINJA_LIST: case TL_JINJA_TUPLE: *ret = v->list->n; return 0;
    case TL_JINJA_DICT: *ret = v->dict->n; return 0;
    case TL_JINJA_VIEW: *ret = v->view->dict->n; return 0;
    case TL_JINJA_RANGE: *ret = v->range->n; return 0;
    case TL_JINJA_LOOP: return tl_jinja_loop_length(j, v->loop, ret);
    default: return tl_jinja_fail(j, TL_E_USAGE, "a %s has no length", tl_jinja_kind_name(v));
    }
}
