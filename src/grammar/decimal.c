/* SPDX-License-Identifier: MIT */
/* Decimal numbers digit by digit: read without rounding, and patterns of all that lie on one side of one. Numbers on a side have at most
 * 15 digits (18 where the bound has more than 15) and six behind the point. */
#include "grammar/decimal.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/parse.h"

#define MOST UINT64_C(999999999999999999)
#define USUAL UINT64_C(999999999999999)

/* Where the point stands among the digits, the exponent counted; false: too large to be of use. */
static bool find_point(const char *text, size_t n, char *digits, size_t *ret_n, int64_t *ret_point)
{
    int64_t point = -1, exponent = 0;
    size_t count = 0;
    for (size_t i = 0; i < n; i++) {
        if (text[i] == '.')
            point = (int64_t)count;
        else if (text[i] == 'e' || text[i] == 'E') {
            size_t plus = i + 1 < n && text[i + 1] == '+';
            if (!tl_parse_i64(text + i + 1 + plus, n - i - 1 - plus, &exponent) || exponent > 400 || exponent < -400)
                return false;
            break;
        } else if (count == 64)
            return false;
        else
            digits[count++] = text[i];
    }
    *ret_point = (point < 0 ? (int64_t)count : point) + exponent;
    *ret_n = count;
    return true;
}

bool tl_decimal_read(const char *text, size_t n, struct tl_decimal *ret)
{
    char digits[64];
    size_t count;
    int64_t point;
    struct tl_decimal d = {.negative = n > 0 && *text == '-'};
    if (n == 0 || (text[d.negative] < '0' || text[d.negative] > '9') || !find_point(text + d.negative, n - d.negative, digits, &count, &point))
        return false;
    while (count > 0 && digits[count - 1] == '0' && (int64_t)count > point)
        count--;
    if (point > 400 || point < -(TL_DECIMAL_DIGITS - 1) + (int64_t)count)
        return false;
    for (int64_t i = 0; i < point; i++) {
        if (d.whole > MOST / 10)
            return false;
        d.whole = 10 * d.whole + (uint64_t)(i < (int64_t)count ? digits[i] - '0' : 0);
    }
    size_t k = 0;
    for (int64_t i = point; i < (int64_t)count; i++)
        d.fraction[k++] = i < 0 ? '0' : digits[i];
    while (k > 0 && d.fraction[k - 1] == '0')
        k--;
    d.fraction[k] = 0;
    d.negative = d.negative && (d.whole > 0 || k > 0);
    *ret = d;
    return true;
}

int tl_decimal_compare(const struct tl_decimal *a, const struct tl_decimal *b)
{
    if (a->negative != b->negative)
        return a->negative ? -1 : 1;
    int order = a->whole != b->whole ? (a->whole < b->whole ? -1 : 1) : strcmp(a->fraction, b->fraction);
    return a->negative ? -order : order;
}

/* --- patterns of digits ------------------------------------------------------------------------------------------------------------ */

static void digits_from(struct tl_buffer *out, const char *s)        /* as many digits, not less than s */
{
    size_t n = strlen(s);
    tl_buffer_append(out, "(", 1);
    for (size_t i = 0; i < n; i++)
        if (s[i] < '9')
            tl_buffer_printf(out, "%.*s[%c-9][0-9]{%zu}|", (int)i, s, s[i] + 1, n - i - 1);
    tl_buffer_printf(out, "%s)", s);
}

static void digits_to(struct tl_buffer *out, const char *s)
{
    size_t n = strlen(s);
    tl_buffer_append(out, "(", 1);
    for (size_t i = 0; i < n; i++)
        if (s[i] > '0')
            tl_buffer_printf(out, "%.*s[0-%c][0-9]{%zu}|", (int)i, s, s[i] - 1, n - i - 1);
    tl_buffer_printf(out, "%s)", s);
}

/* Whole numbers from a to b, both of n digits. */
static void between(struct tl_buffer *out, const char *a, const char *b)
{
    size_t same = 0;
    while (a[same] && a[same] == b[same])
        same++;
    tl_buffer_printf(out, "%.*s", (int)same, a);
    if (!a[same])
        return;
    tl_buffer_printf(out, "(%c", a[same]);
    digits_from(out, a + same + 1);
    tl_buffer_printf(out, "|%c", b[same]);
    digits_to(out, b + same + 1);
    if (b[same] - a[same] > 1)
        tl_buffer_printf(out, "|[%c-%c][0-9]{%zu}", a[same] + 1, b[same] - 1, strlen(a + same + 1));
    tl_buffer_append(out, ")", 1);
}

/* Whole numbers from a to b without leading zeros; nothing where there are none. */
static void whole_between(struct tl_buffer *out, uint64_t a, uint64_t b)
{
    char low[24], high[24];
    tl_buffer_append(out, "(", 1);
    for (uint64_t end, power = 10; a <= b; a = end + 1, power *= 10, tl_buffer_append(out, a <= b ? "|" : "", a <= b)) {
        while (a >= power)
            power *= 10;
        end = power - 1 < b ? power - 1 : b;
        snprintf(low, sizeof low, "%" PRIu64, a);
        snprintf(high, sizeof high, "%" PRIu64, end);
        between(out, low, high);
    }
    tl_buffer_append(out, ")", 1);
}

/* Digits behind the point up to s (below it where strict), which has no zeros at its end. */
static void fraction_to(struct tl_buffer *out, const char *s, bool strict)
{
    bool first = true;
    for (size_t i = 0; s[i]; i++) {
        if (s[i] > '0') {
            tl_buffer_printf(out, "%s%.*s[0-%c][0-9]{0,5}", first ? "" : "|", (int)i, s, s[i] - 1);
            first = false;
        }
        if (i > 0)
            tl_buffer_printf(out, "%s%.*s", first ? "" : "|", (int)i, s), first = false;
    }
    if (!strict)
        tl_buffer_printf(out, "%s%s0{%d,6}", first ? "" : "|", s, *s ? 0 : 1);
}

static void fraction_from(struct tl_buffer *out, const char *s, bool strict)
{
    bool first = true;
    for (size_t i = 0; s[i]; i++)
        if (s[i] < '9') {
            tl_buffer_printf(out, "%s%.*s[%c-9][0-9]{0,5}", first ? "" : "|", (int)i, s, s[i] + 1);
            first = false;
        }
    tl_buffer_printf(out, "%s%s%s", first ? "" : "|", s, strict ? "0{0,5}[1-9][0-9]{0,5}" : *s ? "[0-9]{0,6}" : "[0-9]{1,6}");
}

/* Numbers that are not negative and at most (strict: below) `at`; `whole` ones have no point. */
static void up_to(struct tl_buffer *out, const struct tl_decimal *at, bool strict, bool whole)
{
    bool fraction = *at->fraction;
    tl_buffer_append(out, "(", 1);
    if (at->whole > 0) {
        whole_between(out, 0, at->whole - 1);
        tl_buffer_printf(out, "%s|", whole ? "" : TL_DECIMAL_FRACTION);
    }
    if (strict && !fraction)
        tl_buffer_append(out, "[]", 2);                              /* nothing */
    else {
        tl_buffer_printf(out, "%" PRIu64, at->whole);
        if (!whole) {
            tl_buffer_append(out, "(\\.(", 4);
            fraction_to(out, at->fraction, strict);
            tl_buffer_append(out, "))?", 3);
        }
    }
    tl_buffer_append(out, ")", 1);
}

static void from(struct tl_buffer *out, const struct tl_decimal *at, bool strict, bool whole)
{
    bool fraction = *at->fraction;
    tl_buffer_append(out, "(", 1);
    if (at->whole < MOST) {
        whole_between(out, at->whole + 1, at->whole < USUAL ? USUAL : MOST);
        tl_buffer_printf(out, "%s|", whole ? "" : TL_DECIMAL_FRACTION);
    }
    if (whole && (strict || fraction))
        tl_buffer_append(out, "[]", 2);
    else {
        tl_buffer_printf(out, "%" PRIu64, at->whole);
        if (!whole) {
            tl_buffer_append(out, "(\\.(", 4);
            fraction_from(out, at->fraction, strict);
            tl_buffer_append(out, strict || fraction ? "))" : "))?", strict || fraction ? 2 : 3);
        }
    }
    tl_buffer_append(out, ")", 1);
}

/* ^ numbers on one side of a bound $ */
void tl_bound_pattern(struct tl_buffer *out, const struct tl_bound *bound, bool most, bool whole)
{
    static const struct tl_decimal zero = {.whole = 0};
    bool negative = bound->at.negative;
    tl_buffer_append(out, "^(", 2);
    if (negative == most) {                                          /* only that side of zero */
        tl_buffer_append(out, negative ? "-" : "", negative);
        from(out, &bound->at, bound->strict, whole);
    } else {
        tl_buffer_append(out, negative ? "-" : "", negative);
        up_to(out, &bound->at, bound->strict, whole);
        tl_buffer_append(out, negative ? "|" : "|-", negative ? 1 : 2);
        from(out, &zero, !negative, whole);
    }
    tl_buffer_append(out, ")$", 2);
}
