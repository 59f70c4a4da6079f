/* SPDX-License-Identifier: MIT */
/* Tests: what stands behind `is`. */
#include <math.h>

#include "base/error.h"
#include "base/utf8.h"
#include "text/jinja.h"
#include "text/jinja_builtin.h"
#include "text/jinja_text.h"
#include "text/jinja_unicode.h"

#define UNUSED (void)arg, (void)all, (void)self, (void)j

static int answer(int truth, struct tl_jinja_value *ret)
{
    *ret = tl_jinja_bool(truth > 0);
    return truth < 0 ? truth : 0;
}

#define SIMPLE(name, truth) TL_JINJA_FUNCTION(tl_jinja_test_##name) { UNUSED; return answer((truth), ret); }

SIMPLE(defined, self->kind != TL_JINJA_UNDEFINED)
SIMPLE(undefined, self->kind == TL_JINJA_UNDEFINED)
SIMPLE(none, self->kind == TL_JINJA_NONE)
SIMPLE(boolean, self->kind == TL_JINJA_BOOL)
SIMPLE(true, self->kind == TL_JINJA_BOOL && self->boolean)
SIMPLE(false, self->kind == TL_JINJA_BOOL && !self->boolean)
SIMPLE(integer, self->kind == TL_JINJA_INT || self->kind == TL_JINJA_BIG)
SIMPLE(float, self->kind == TL_JINJA_FLOAT)
SIMPLE(string, self->kind == TL_JINJA_STRING)
SIMPLE(mapping, self->kind == TL_JINJA_DICT)
SIMPLE(sameas, tl_jinja_value_same(self, &arg[0]))
SIMPLE(escaped, self->kind == TL_JINJA_STRING && self->text->markup)
SIMPLE(filter, tl_jinja_is_string(self) && tl_jinja_builtin_filter(self->text) != NULL)
SIMPLE(test, tl_jinja_is_string(self) && tl_jinja_builtin_test(self->text) != NULL)
SIMPLE(in, tl_jinja_value_in(j, self, &arg[0]))
SIMPLE(eq, tl_jinja_operator_compare(j, TL_JINJA_T_EQ, self, &arg[0]))
SIMPLE(ne, tl_jinja_operator_compare(j, TL_JINJA_T_NE, self, &arg[0]))
SIMPLE(gt, tl_jinja_operator_compare(j, TL_JINJA_T_GT, self, &arg[0]))
SIMPLE(ge, tl_jinja_operator_compare(j, TL_JINJA_T_GE, self, &arg[0]))
SIMPLE(lt, tl_jinja_operator_compare(j, TL_JINJA_T_LT, self, &arg[0]))
SIMPLE(le, tl_jinja_operator_compare(j, TL_JINJA_T_LE, self, &arg[0]))
SIMPLE(number, self->kind == TL_JINJA_INT || self->kind == TL_JINJA_FLOAT || self->kind == TL_JINJA_BOOL || self->kind == TL_JINJA_BIG)
SIMPLE(sequence, self->kind == TL_JINJA_STRING || tl_jinja_is_list(self) || self->kind == TL_JINJA_DICT || self->kind == TL_JINJA_RANGE ||
       self->kind == TL_JINJA_UNDEFINED)
SIMPLE(iterable, self->kind == TL_JINJA_STRING || tl_jinja_is_list(self) || self->kind == TL_JINJA_DICT || self->kind == TL_JINJA_RANGE ||
       self->kind == TL_JINJA_UNDEFINED || self->kind == TL_JINJA_VIEW || self->kind == TL_JINJA_STREAM || self->kind == TL_JINJA_LOOP)
SIMPLE(callable, self->kind == TL_JINJA_MACRO || self->kind == TL_JINJA_BUILTIN || self->kind == TL_JINJA_METHOD ||
       self->kind == TL_JINJA_LOOP || self->kind == TL_JINJA_UNDEFINED)

/* value % divisor == rest */
static int leaves(struct tl_jinja *j, const struct tl_jinja_value *v, const struct tl_jinja_value *divisor, int64_t rest, struct tl_jinja_value *ret)
{
    struct tl_jinja_value left, wanted = tl_jinja_int(rest);
    int r = tl_jinja_operator_binary(j, TL_JINJA_T_MOD, v, divisor, &left);
    return r < 0 ? r : answer(tl_jinja_value_equal(j, &left, &wanted), ret);
}

TL_JINJA_FUNCTION(tl_jinja_test_odd)
{
    UNUSED;
    const struct tl_jinja_value two = tl_jinja_int(2);
    return leaves(j, self, &two, 1, ret);
}

TL_JINJA_FUNCTION(tl_jinja_test_even)
{
    UNUSED;
    const struct tl_jinja_value two = tl_jinja_int(2);
    return leaves(j, self, &two, 0, ret);
}

TL_JINJA_FUNCTION(tl_jinja_test_divisibleby)
{
    UNUSED;
    return leaves(j, self, &arg[0], 0, ret);
}

/* At least one letter with case, and none of the other case. */
static int one_case(struct tl_jinja *j, const struct tl_jinja_value *v, bool upper, struct tl_jinja_value *ret)
{
    struct tl_jinja_value string;
    bool some = false, other = false;
    int r = tl_jinja_print_text(j, v, &string);
    if (r < 0 || (r = tl_jinja_scan(j, string.text->n)) < 0)
        return r;
    for (size_t at = 0; at < string.text->n;) {
        uint32_t code;
        at += (size_t)tl_utf8_decode(string.text->bytes + at, string.text->n - at, &code);
        bool is_upper = tl_jinja_unicode_is_upper(code), is_lower = tl_jinja_unicode_is_lower(code);
        some = some || (upper ? is_upper : is_lower);
        other = other || (upper ? is_lower : is_upper);
    }
    return answer(some && !other, ret);
}

TL_JINJA_FUNCTION(tl_jinja_test_lower)
{
    UNUSED;
    return one_case(j, self, false, ret);
}

TL_JINJA_FUNCTION(tl_jinja_test_upper)
{
    UNUSED;
    return one_case(j, self, true, ret);
}
