/* SPDX-License-Identifier: MIT */
/* Amounts as people read them. */
#include "base/amount.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/array.h"

/* Thousands apart from each other. */
static void put_whole(double value, char *text)
{
    char digits[TL_AMOUNT_BYTES];
    int n = snprintf(digits, 16, "%.0f", value < 1e12 ? value : 1e12), at = 0;
    for (int i = 0; i < n; i++) {
        if (i && (n - i) % 3 == 0)
            text[at++] = ',';
        text[at++] = digits[i];
    }
    text[at] = 0;
}

/* Three figures, at most two behind the point unless the value is small. */
static void put_value(double value, char *text)
{
    if (value >= 99.95)
        put_whole(value, text);
    else if (value >= 9.995)
        snprintf(text, 12, "%.1f", value);
    else if (value >= 0.0995 || value == 0)
        snprintf(text, 12, "%.2f", value);
    else
        snprintf(text, 12, "%.2g", value);
}

static const char *scaled(double value, const char *const *units, int n_units, char *text)
{
    int i = 0;
    for (; value >= 999.5 && i + 1 < n_units; i++)
        value /= 1000;
    if (i == 0 && value == floor(value))
        put_whole(value, text);
    else
        put_value(value, text);
    size_t n = strlen(text);
    snprintf(text + n, TL_AMOUNT_BYTES - n, "%s%s", *units[i] ? " " : "", units[i]);
    return text;
}

#define SCALED(value, text, ...)                                                                                       \
    static const char *const units[] = {__VA_ARGS__};                                                                  \
    return scaled(value, units, TL_COUNT(units), text)

const char *tl_amount_of_bytes(double bytes, char *text) { SCALED(bytes, text, "bytes", "kB", "MB", "GB", "TB", "PB"); }
const char *tl_amount_of_rate(double rate, char *text) { SCALED(rate, text, "B/s", "kB/s", "MB/s", "GB/s", "TB/s"); }
const char *tl_amount_of_operations(double n, char *text) { SCALED(n, text, "ops", "kops", "Mops", "Gops", "Tops", "Pops"); }
const char *tl_amount_of_grams(double grams, char *text) { SCALED(grams, text, "g", "kg", "t", "kt"); }

const char *tl_amount_of_count(double count, char *text)
{
    if (count < 1e6) {
        put_whole(count, text);
        return text;
    }
    count *= 1e-6;
    SCALED(count, text, "million", "billion", "trillion", "quadrillion");
}

const char *tl_amount_of_number(double value, char *text)
{
    put_value(value, text);
    return text;
}

const char *tl_amount_of_seconds(double seconds, char *text)
{
    static const struct { double from, unit; const char *name; } rows[] = {
        {2 * 86400.0 * 365, 86400.0 * 365, "years"}, {2 * 86400.0, 86400, "days"}, {2 * 3600.0, 3600, "h"}, {120, 60, "min"}, {1, 1, "s"}, {0, 1e-3, "ms"},
    };
    for (size_t i = 0; i < TL_COUNT(rows); i++)
        if (seconds >= rows[i].from) {
            put_value(seconds / rows[i].unit, text);
            size_t n = strlen(text);
            snprintf(text + n, TL_AMOUNT_BYTES - n, " %s", rows[i].name);
            break;
        }
    return text;
}
