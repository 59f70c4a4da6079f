/* SPDX-License-Identifier: MIT */
/* Floats as Python prints and rounds them, whatever the locale's decimal point. */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/parse.h"
#include "text/jinja.h"

/* Significant digits of |number| at this precision, without trailing zeros; returns the power of ten of the first. */
static int digits_of(double number, int precision, char digits[20], bool *ret_exact)
{
    char text[40], plain[40];
    int n = 0, exponent = 0;
    double back = 0;
    snprintf(text, sizeof text, "%.*e", precision - 1, fabs(number));
    const char *e = strchr(text, 'e');
    for (const char *c = text; c < e; c++)
        if (*c >= '0' && *c <= '9')
            digits[n++] = *c;
    sscanf(e + 1, "%d", &exponent);
    while (n > 1 && digits[n - 1] == '0')
        n--;
    digits[n] = 0;
    int length = snprintf(plain, sizeof plain, "%se%d", digits, exponent - (n - 1));
    *ret_exact = tl_parse_f64(plain, (size_t)length, &back) && back == fabs(number);
    return exponent;
}

size_t tl_jinja_number_repr(double number, char text[TL_JINJA_NUMBER_BYTES])
{
    char digits[20];
    bool exact = false;
    int exponent = 0, n;
    const char *sign = signbit(number) ? "-" : "";
    if (!isfinite(number))
        return (size_t)snprintf(text, TL_JINJA_NUMBER_BYTES, "%s", isnan(number) ? "nan" : number < 0 ? "-inf" : "inf");
    if (number == floor(number) && fabs(number) < 1e16)
        return (size_t)snprintf(text, TL_JINJA_NUMBER_BYTES, "%s%" PRId64 ".0", sign, (int64_t)fabs(number));
    for (int precision = 1; precision <= 17 && !exact; precision++)
        exponent = digits_of(number, precision, digits, &exact);
    n = (int)strlen(digits);
    if (exponent < -4 || exponent >= 16)
        return (size_t)snprintf(text, TL_JINJA_NUMBER_BYTES, "%s%c%s%se%c%02d", sign, digits[0], n > 1 ? "." : "", digits + 1,
                                exponent < 0 ? '-' : '+', abs(exponent));
    if (exponent < 0)
        return (size_t)snprintf(text, TL_JINJA_NUMBER_BYTES, "%s0.%.*s%s", sign, -exponent - 1, "000", digits);
    return (size_t)snprintf(text, TL_JINJA_NUMBER_BYTES, "%s%.*s.%s", sign, exponent + 1, digits, digits + exponent + 1);
}

double tl_jinja_number_round(double number, int digits)
{
    char text[400];
    double rounded;
    if (!isfinite(number) || digits > 300)
        return number;
    if (digits < 0) {
        double unit = pow(10, -digits);
        return nearbyint(number / unit) * unit;
    }
    int n = snprintf(text, sizeof text, "%.*f", digits, number);
    for (char *c = text; *c; c++)
        if ((*c < '0' || *c > '9') && *c != '-')
            *c = '.';
    return n < (int)sizeof text && tl_parse_f64(text, (size_t)n, &rounded) ? rounded : number;
}
