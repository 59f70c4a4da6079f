/* SPDX-License-Identifier: MIT */
/* Arithmetic and comparisons, as in Python, on integers of 64 bits: what needs more is an error. */
#include <math.h>

#include "base/error.h"
#include "text/jinja.h"
#include "text/jinja_text.h"

static int fail_kinds(struct tl_jinja *j, unsigned op, const struct tl_jinja_value *a, const struct tl_jinja_value *b)
{
    if (a->kind == TL_JINJA_UNDEFINED || b->kind == TL_JINJA_UNDEFINED)
        return tl_jinja_fail_undefined(j, a->kind == TL_JINJA_UNDEFINED ? a : b);
    if (a->kind == TL_JINJA_BIG || b->kind == TL_JINJA_BIG)
        return tl_jinja_fail(j, TL_E_USAGE, "integers of more than 64 bits are not computed with");
    return tl_jinja_fail(j, TL_E_USAGE, "%s is not possible between a %s and a %s", tl_jinja_token_name(op), tl_jinja_kind_name(a),
                         tl_jinja_kind_name(b));
}

static int64_t floor_div(int64_t a, int64_t b)
{
    return a / b - (a % b != 0 && (a < 0) != (b < 0));
}

/* base ** exponent, exponent >= 0; false: too large. */
static bool int_pow(int64_t base, int64_t exponent, int64_t *ret)
{
    int64_t power = 1;
    if (base == 0 || base == 1 || base == -1) {
        *ret = exponent == 0 ? 1 : base == -1 ? (exponent % 2 ? -1 : 1) : base;
        return true;
    }
    for (int64_t i = 0; i < exponent; i++)           /* at most 63 times: |base| >= 2 */
        if (__builtin_mul_overflow(power, base, &power))
            return false;
    *ret = power;
    return true;
}

/* 1: *ret is the result; 0: the result is a float; < 0. */
static int compute_int(struct tl_jinja *j, unsigned op, int64_t a, int64_t b, int64_t *ret)
{
    bool fits = true;
    if (b == 0 && (op == TL_JINJA_T_DIV || op == TL_JINJA_T_FLOORDIV || op == TL_JINJA_T_MOD))
        return tl_jinja_fail(j, TL_E_USAGE, "division by zero");
    switch (op) {
    case TL_JINJA_T_ADD: fits = !__builtin_add_overflow(a, b, ret); break;
    case TL_JINJA_T_SUB: fits = !__builtin_sub_overflow(a, b, ret); break;
    case TL_JINJA_T_MUL: fits = !__builtin_mul_overflow(a, b, ret); break;
    case TL_JINJA_T_FLOORDIV:
        fits = !(a == INT64_MIN && b == -1);
        if (fits)
            *ret = floor_div(a, b);
        break;
    case TL_JINJA_T_MOD: *ret = b == -1 ? 0 : a - floor_div(a, b) * b; break;
    case TL_JINJA_T_POW:
        if (b < 0)
            return 0;
        fits = int_pow(a, b, ret);
        break;
    default: return 0;
    }
    return fits ? 1 : tl_jinja_fail(j, TL_E_USAGE, "the result of %s needs more than 64 bits", tl_jinja_token_name(op));
}

static int compute_float(struct tl_jinja *j, unsigned op, double a, double b, double *ret)
{
    if (b == 0 && (op == TL_JINJA_T_DIV || op == TL_JINJA_T_FLOORDIV || op == TL_JINJA_T_MOD))
        return tl_jinja_fail(j, TL_E_USAGE, "division by zero");
    switch (op) {
    case TL_JINJA_T_ADD: *ret = a + b; break;
    case TL_JINJA_T_SUB: *ret = a - b; break;
    case TL_JINJA_T_MUL: *ret = a * b; break;
    case TL_JINJA_T_DIV: *ret = a / b; break;
    case TL_JINJA_T_FLOORDIV: *ret = floor(a / b); break;
    case TL_JINJA_T_MOD:
        *ret = fmod(a, b);
        if (*ret != 0 && (*ret < 0) != (b < 0))
            *ret += b;
        break;
    default:
        if (a == 0 && b < 0)
            return tl_jinja_fail(j, TL_E_USAGE, "0 cannot be raised to a negative power");
        *ret = pow(a, b);
        break;
    }
    return 0;
}

/* A string or list several times over. */
static int repeat(struct tl_jinja *j, const struct tl_jinja_value *v, int64_t times, struct tl_jinja_value *ret)
{
    size_t mark = j->output.n, n = v->kind == TL_JINJA_STRING ? v->text->n : v->list->n;
    uint64_t total = 0;
    times = times < 0 || n == 0 ? 0 : times;
    int r;
    if (__builtin_mul_overflow((uint64_t)times, n, &total) || total > j->memory.limit_bytes)
        return tl_jinja_fail(j, TL_E_FILE, "'*' makes something longer than %llu", (unsigned long long)j->memory.limit_bytes);
    if ((r = tl_jinja_step(j, total / 256 + (uint64_t)times / 16)) < 0)
        return r;
    if (v->kind == TL_JINJA_STRING) {
        for (int64_t i = 0; i < times && r >= 0; i++)
            r = tl_jinja_output_text(j, v->text, 0, n);
        return r < 0 ? r : tl_jinja_output_take(j, mark, v->text->markup, ret);
    }
    if ((r = tl_jinja_list_new(j, v->kind, total, ret)) < 0)
        return r;
    ret->user = v->user;
    for (int64_t i = 0; i < times; i++)
        for (size_t k = 0; k < n && r >= 0; k++)
            r = tl_jinja_list_push(j, ret, &v->list->item[k]);
    return r;
}

/* Strings; where one of both is marked as safe for HTML the other is escaped. */
static int add_strings(struct tl_jinja *j, const struct tl_jinja_value *a, const struct tl_jinja_value *b, struct tl_jinja_value *ret)
{
    struct tl_jinja_value left = *a, right = *b;
    int r = 0;
    if (a->text->markup != b->text->markup && ((r = tl_jinja_print_escape(j, a, &left)) < 0 || (r = tl_jinja_print_escape(j, b, &right)) < 0))
        return r;
    return tl_jinja_text_concat(j, left.text, right.text, ret);
}

/* Operators on what is no number: 1, or 0 where there is none. */
static int compute_other(struct tl_jinja *j, unsigned op, const struct tl_jinja_value *a, const struct tl_jinja_value *b, struct tl_jinja_value *ret)
{
    int64_t times;
    int r = 0;
    bool string_a = tl_jinja_is_string(a), list_a = tl_jinja_is_list(a), many_b = tl_jinja_is_string(b) || tl_jinja_is_list(b);
    if (op == TL_JINJA_T_ADD && string_a && tl_jinja_is_string(b))
        r = add_strings(j, a, b, ret);
    else if (op == TL_JINJA_T_ADD && list_a && b->kind == a->kind)
        r = tl_jinja_list_concat(j, a, b, ret);
    else if (op == TL_JINJA_T_MOD && string_a)
        r = tl_jinja_format_percent(j, a->text, b, ret);
    else if (op == TL_JINJA_T_MUL && (string_a || list_a) && tl_jinja_as_int(b, &times))
        r = repeat(j, a, times, ret);
    else if (op == TL_JINJA_T_MUL && many_b && tl_jinja_as_int(a, &times))
        r = repeat(j, b, times, ret);
    else
        return 0;
    return r < 0 ? r : 1;
}

int tl_jinja_operator_binary(struct tl_jinja *j, unsigned op, const struct tl_jinja_value *a, const struct tl_jinja_value *b, struct tl_jinja_value *ret)
{
    int64_t ia, ib;
    double fa, fb;
    bool user = a->user || b->user;
    int r = 0;
    if (tl_jinja_as_int(a, &ia) && tl_jinja_as_int(b, &ib) && (r = compute_int(j, op, ia, ib, &ib)) != 0) {
        *ret = tl_jinja_int(ib);
        ret->user = user;
        return r < 0 ? r : 0;
    }
    if (tl_jinja_value_number(a, &fa) && tl_jinja_value_number(b, &fb)) {
        r = compute_float(j, op, fa, fb, &fa);
        *ret = tl_jinja_float(fa);
        ret->user = user;
        return r;
    }
    r = compute_other(j, op, a, b, ret);
    return r == 0 ? fail_kinds(j, op, a, b) : r < 0 ? r : 0;
}

int tl_jinja_operator_compare(struct tl_jinja *j, unsigned op, const struct tl_jinja_value *a, const struct tl_jinja_value *b)
{
    int order, r;
    switch (op) {
    case TL_JINJA_T_EQ: return tl_jinja_value_equal(j, a, b);
    case TL_JINJA_T_NE: return (r = tl_jinja_value_equal(j, a, b)) < 0 ? r : !r;
    case TL_JINJA_OP_IN: return tl_jinja_value_in(j, a, b);
    case TL_JINJA_OP_NOT_IN: return (r = tl_jinja_value_in(j, a, b)) < 0 ? r : !r;
    default: break;
    }
    if ((r = tl_jinja_value_order(j, a, b, &order)) < 0)
        return r;
    switch (op) {
    case TL_JINJA_T_LT: return order == -1;
    case TL_JINJA_T_LE: return order == -1 || order == 0;
    case TL_JINJA_T_GT: return order == 1;
    default: return order == 1 || order == 0;
    }
}

int tl_jinja_operator_sign(struct tl_jinja *j, bool minus, const struct tl_jinja_value *v, struct tl_jinja_value *ret)
{
    int64_t i;
    if (v->kind == TL_JINJA_UNDEFINED)
        return tl_jinja_fail_undefined(j, v);
    *ret = *v;
    if (v->kind == TL_JINJA_FLOAT) {
        ret->number = minus ? -v->number : v->number;
        return 0;
    }
    if (!tl_jinja_as_int(v, &i))
        return tl_jinja_fail(j, TL_E_USAGE, "a %s has no sign", tl_jinja_kind_name(v));
    if (minus && i == INT64_MIN)
        return tl_jinja_fail(j, TL_E_USAGE, "the result of '-' needs more than 64 bits");
    *ret = tl_jinja_int(minus ? -i : i);
    ret->user = v->user;
    return 0;
}
