/* SPDX-License-Identifier: MIT */
/* Numbers from text. Decimal fractions go through strtod in the C locale; what it would accept beyond plain decimals
 * (hex, inf, nan, leading blanks) is refused before. */
#include "base/parse.h"

#include <ctype.h>
#include <locale.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "base/checked.h"

bool tl_parse_u64(const char *text, size_t n_bytes, uint64_t *ret)
{
    uint64_t value = 0;
    for (size_t i = 0; i < n_bytes; i++) {
        unsigned digit = (unsigned char)text[i] - (unsigned)'0';
        if (digit > 9 || !tl_checked_mul(value, 10, &value) || !tl_checked_add(value, digit, &value))
            return false;
    }
    if (n_bytes == 0)
        return false;
    *ret = value;
    return true;
}

bool tl_parse_i64(const char *text, size_t n_bytes, int64_t *ret)
{
    uint64_t magnitude;
    bool minus = n_bytes > 0 && text[0] == '-';
    if (!tl_parse_u64(text + minus, n_bytes - minus, &magnitude) || magnitude > (uint64_t)INT64_MAX + minus)
        return false;
    *ret = minus ? (int64_t)(0 - magnitude) : (int64_t)magnitude;
    return true;
}

static bool is_decimal(char c)
{
    return (c >= '0' && c <= '9') || c == '+' || c == '-' || c == '.' || c == 'e' || c == 'E';
}

bool tl_parse_f64(const char *text, size_t n_bytes, double *ret)
{
    char copy[512], *end;
    if (n_bytes == 0 || n_bytes > 500)
        return false;
    for (size_t i = 0; i < n_bytes; i++)
        if (!is_decimal(text[i]))
            return false;
    memcpy(copy, text, n_bytes);
    copy[n_bytes] = 0;
    locale_t plain = newlocale(LC_ALL_MASK, "C", (locale_t)0);
    if (!plain)
        return false;
    double value = strtod_l(copy, &end, plain);
    freelocale(plain);
    if (end != copy + n_bytes || !isfinite(value))
        return false;
    *ret = value;
    return true;
}

bool tl_parse_count(const char *text, size_t n_bytes, double *ret)
{
    static const struct { char letter; double times; } units[] = {{'k', 1e3}, {'m', 1e6}, {'b', 1e9}, {'g', 1e9}, {'t', 1e12}};
    double times = 1, value;
    for (size_t i = 0; i < TL_COUNT(units) && n_bytes > 1 && times == 1; i++)
        if (tolower((unsigned char)text[n_bytes - 1]) == units[i].letter)
            times = units[i].times;
    if (!tl_parse_f64(text, n_bytes - (times > 1), &value) || value < 0)
        return false;
    *ret = value * times;
    return true;
}

/* Takes "K", "KB", "KiB" … "T" from the end; returns the power of two, 0 without a unit. */
static unsigned take_unit(const char *text, size_t *n_bytes)
{
    static const char units[] = "KMGT";
    size_t n = *n_bytes;
    if (n > 1 && (text[n - 1] == 'B' || text[n - 1] == 'b'))
        n -= n > 2 && text[n - 2] == 'i' ? 2 : 1;
    const char *unit = n > 1 ? memchr(units, toupper((unsigned char)text[n - 1]), 4) : NULL;
    if (!unit)
        return 0;
    *n_bytes = n - 1;
    return 10 * (unsigned)(unit - units + 1);
}

bool tl_parse_bytes(const char *text, size_t n_bytes, uint64_t *ret)
{
    unsigned shift = take_unit(text, &n_bytes);
    uint64_t whole;
    if (tl_parse_u64(text, n_bytes, &whole)) {
        if (whole > UINT64_MAX >> shift)
            return false;
        *ret = whole << shift;
        return true;
    }
    double value;
    if (shift == 0 || !tl_parse_f64(text, n_bytes, &value))
        return false;
    value = ldexp(value, (int)shift);
    if (!(value >= 0 && value < 0x1p64))
        return false;
    *ret = (uint64_t)value;
    return true;
}

size_t tl_parse_scaled(const char *text, double *ret_number)
{
    const char *colon = strrchr(text, ':');
    return colon && tl_parse_f64(colon + 1, strlen(colon + 1), ret_number) ? (size_t)(colon - text) : strlen(text);
}
