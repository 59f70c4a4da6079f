/* SPDX-License-Identifier: MIT */
/* Typed values from the JSON reader: each takes the next value and fails, naming the byte where it began, when that is
 * of another kind or out of range. Integers may be written with a point or exponent as long as they are whole. */
#include <float.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "base/json.h"
#include "base/memory.h"
#include "base/parse.h"

/* Fails as if the reader stood at the value that it has just passed. */
static int fail_at_value(struct tl_json *json, const char *start, const char *expected)
{
    struct tl_json there = *json;
    there.at = start;
    return tl_json_fail(&there, expected);
}

/* The next event, which must be `wanted`; *ret_start is where the value begins. */
static int take(struct tl_json *json, int wanted, const char *expected)
{
    int event = tl_json_next(json);
    if (event < 0 || event == wanted)
        return event;
    const char *start = json->at > json->text ? json->at - 1 : json->text;
    if (event == TL_JSON_STRING || event == TL_JSON_NUMBER || event == TL_JSON_OBJECT || event == TL_JSON_ARRAY)
        start = json->raw;
    else if (event == TL_JSON_TRUE || event == TL_JSON_NULL || event == TL_JSON_FALSE)
        start = json->at - (event == TL_JSON_FALSE ? 5 : 4);
    return fail_at_value(json, start, expected);
}

/* The current number as a whole double; false where it is not whole or so large that doubles have gaps. */
static bool whole(const struct tl_json *json, double *ret)
{
    double value;
    if (!tl_parse_f64(json->raw, json->raw_bytes, &value) || value != floor(value) || fabs(value) > 0x1p53)
        return false;
    *ret = value;
    return true;
}

int tl_json_u64(struct tl_json *json, uint64_t max, uint64_t *ret)
{
    char expected[64];
    double value;
    uint64_t number;
    snprintf(expected, sizeof expected, "an integer from 0 to %" PRIu64, max);
    int r = take(json, TL_JSON_NUMBER, expected);
    if (r < 0)
        return r;
    if (!tl_parse_u64(json->raw, json->raw_bytes, &number)) {
        if (!whole(json, &value) || value < 0)
            return fail_at_value(json, json->raw, expected);
        number = (uint64_t)value;
    }
    if (number > max)
        return fail_at_value(json, json->raw, expected);
    *ret = number;
    return 0;
}

int tl_json_i64(struct tl_json *json, int64_t min, int64_t max, int64_t *ret)
{
    char expected[80];
    double value;
    int64_t number;
    snprintf(expected, sizeof expected, "an integer from %" PRId64 " to %" PRId64, min, max);
    int r = take(json, TL_JSON_NUMBER, expected);
    if (r < 0)
        return r;
    if (!tl_parse_i64(json->raw, json->raw_bytes, &number)) {
        if (!whole(json, &value))
            return fail_at_value(json, json->raw, expected);
        number = (int64_t)value;
    }
    if (number < min || number > max)
        return fail_at_value(json, json->raw, expected);
    *ret = number;
    return 0;
}

int tl_json_f64(struct tl_json *json, double *ret)
{
    int r = take(json, TL_JSON_NUMBER, "a number");
    if (r < 0)
        return r;
    return tl_parse_f64(json->raw, json->raw_bytes, ret) ? 0 : fail_at_value(json, json->raw, "a finite number");
}

int tl_json_bool(struct tl_json *json, bool *ret)
{
    int event = tl_json_next(json);
    if (event < 0)
        return event;
    if (event != TL_JSON_TRUE && event != TL_JSON_FALSE)
        return fail_at_value(json, json->at > json->text ? json->at - 1 : json->at, "true or false");
    *ret = event == TL_JSON_TRUE;
    return 0;
}

int tl_json_text(struct tl_json *json, char **ret)
{
    int r = take(json, TL_JSON_STRING, "a string");
    if (r < 0)
        return r;
    if (memchr(json->string.data, 0, json->string.len))
        return fail_at_value(json, json->raw, "a string without NUL");
    char *text = tl_strndup(json->string.data, json->string.len);
    if (!text)
        return TL_E_NOMEM;
    *ret = text;
    return 0;
}
