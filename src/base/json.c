/* SPDX-License-Identifier: MIT */
/* The JSON reader: one pass, no tree, no recursion (RFC 8259).
 *
 * `state` says what may come next; `stack` holds one byte an open level. A failure is final: the reader then stays at
 * the byte that was wrong and gives the same code again. */
#include "base/json.h"

#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "base/utf8.h"

enum { VALUE, ARRAY_FIRST, OBJECT_FIRST, AFTER, FAILED };

void tl_json_init(struct tl_json *json, const char *name, const char *text, size_t n_bytes)
{
    *json = (struct tl_json){.name = name, .text = text, .at = text, .end = text + n_bytes, .state = VALUE};
    tl_buffer_init(&json->string, 0);
}

void tl_json_done(struct tl_json *json)
{
    if (json)
        tl_buffer_done(&json->string);
}

int tl_json_fail(const struct tl_json *json, const char *expected)
{
    char found[16];
    unsigned char c = json->at < json->end ? (unsigned char)*json->at : 0;
    if (json->at >= json->end)
        snprintf(found, sizeof found, "the end");
    else
        snprintf(found, sizeof found, c > 0x20 && c < 0x7F ? "'%c'" : "0x%02x", c);
    return tl_fail(TL_E_FILE, "%s: byte %zu: expected %s, found %s", json->name, (size_t)(json->at - json->text),
                   expected, found);
}

static int fail(struct tl_json *json, const char *expected)
{
    json->state = FAILED;
    return tl_json_fail(json, expected);
}

static void skip_blanks(struct tl_json *json)
{
    while (json->at < json->end && (*json->at == ' ' || *json->at == '\n' || *json->at == '\t' || *json->at == '\r'))
        json->at++;
}

static bool peek(const struct tl_json *json, char c)
{
    return json->at < json->end && *json->at == c;
}

/* --- strings ------------------------------------------------------------------------------------------------------ */

/* Four hex digits at `at`; < 0 where there are none. */
static int32_t hex4(const struct tl_json *json, const char *at)
{
    int32_t code = 0;
    for (int i = 0; i < 4; i++) {
        char c = at + i < json->end ? at[i] : 0, lower = (char)(c | 0x20);
        if (c >= '0' && c <= '9')
            code = code << 4 | (c - '0');
        else if (lower >= 'a' && lower <= 'f')
            code = code << 4 | (lower - 'a' + 10);
        else
            return -1;
    }
    return code;
}

/* Behind "\u". A high surrogate takes a low one that follows; every other surrogate becomes U+FFFD. */
static int read_unicode_escape(struct tl_json *json)
{
    char bytes[TL_UTF8_MAX_BYTES];
    int32_t code = hex4(json, json->at);
    if (code < 0)
        return fail(json, "four hex digits");
    json->at += 4;
    if (code >= 0xD800 && code <= 0xDBFF && json->end - json->at >= 6 && json->at[0] == '\\' && json->at[1] == 'u') {
        int32_t low = hex4(json, json->at + 2);
        if (low >= 0xDC00 && low <= 0xDFFF) {
            code = 0x10000 + ((code - 0xD800) << 10) + (low - 0xDC00);
            json->at += 6;
        }
    }
    return tl_buffer_append(&json->string, bytes, tl_utf8_encode((uint32_t)code, bytes));
}

static int read_escape(struct tl_json *json)
{
    static const char letters[] = "\"\\/bfnrt", meanings[] = "\"\\/\b\f\n\r\t";
    json->at++;
    char c = json->at < json->end ? *json->at : 0;
    const char *found = c ? strchr(letters, c) : NULL;
    if (c != 'u' && !found)
        return fail(json, "an escape letter");
    json->at++;
    return found ? tl_buffer_append(&json->string, meanings + (found - letters), 1) : read_unicode_escape(json);
}

/* Is none of eight bytes a quote, a backslash, a control character, or beyond ASCII? Each test lights the top bit of a byte
 * that it concerns, and perhaps of higher ones (Warren, Hacker's Delight, 6-1). */
static bool plain_word(const char *text)
{
    const uint64_t ones = 0x0101010101010101u, tops = 0x8080808080808080u;
    uint64_t word, quote, backslash;
    memcpy(&word, text, sizeof word);
    quote = word ^ ones * '"';
    backslash = word ^ ones * '\\';
    return !((word | (word - ones * 0x20) | (quote - ones) | (backslash - ones)) & tops);
}

/* Plain characters up to a quote, a backslash or something wrong. */
static int read_run(struct tl_json *json)
{
    const char *start = json->at;
    while (json->at < json->end) {
        uint32_t code;
        if (json->end - json->at >= 8 && plain_word(json->at)) {
            json->at += 8;
            continue;
        }
        unsigned char c = (unsigned char)*json->at;
        if (c == '"' || c == '\\' || c < 0x20)
            break;
        int n = c < 0x80 ? 1 : tl_utf8_decode(json->at, (size_t)(json->end - json->at), &code);
        if (n < 0)
            return fail(json, "UTF-8");
        json->at += n;
    }
    return tl_buffer_append(&json->string, start, (size_t)(json->at - start));
}

static int read_string(struct tl_json *json)
{
    json->raw = json->at++;
    tl_buffer_clear(&json->string);
    if (tl_buffer_append(&json->string, "", 0) < 0) {
        json->state = FAILED;
        return json->string.status;
    }
    while (!peek(json, '"')) {
        const char *before = json->at;
        int r = peek(json, '\\') ? read_escape(json) : read_run(json);
        if (r >= 0 && json->at == before)
            r = fail(json, json->at < json->end ? "an escaped control character" : "the end of a string");
        if (r < 0) {
            json->state = FAILED;
            return r;
        }
    }
    json->at++;
    json->raw_bytes = (size_t)(json->at - json->raw);
    return 0;
}

/* --- other values ------------------------------------------------------------------------------------------------- */

static bool take_digits(struct tl_json *json)
{
    const char *start = json->at;
    while (json->at < json->end && *json->at >= '0' && *json->at <= '9')
        json->at++;
    return json->at > start;
}

/* NaN, Infinity, -Infinity: Python's json writes them, though RFC 8259 has no such numbers. */
static int read_unlimited(struct tl_json *json, const char *word)
{
    size_t n = strlen(word);
    if ((size_t)(json->end - json->at) < n || memcmp(json->at, word, n) != 0)
        return fail(json, "a value");
    json->at += n;
    json->raw_bytes = (size_t)(json->at - json->raw);
    return TL_JSON_NUMBER;
}

static int read_number(struct tl_json *json)
{
    json->raw = json->at;
    if (peek(json, 'N'))
        return read_unlimited(json, "NaN");
    json->at += peek(json, '-');
    if (peek(json, 'I'))
        return read_unlimited(json, "Infinity");
    if (peek(json, '0'))
        json->at++;
    else if (!take_digits(json))
        return fail(json, "a digit");
    if (peek(json, '.')) {
        json->at++;
        if (!take_digits(json))
            return fail(json, "a digit behind the point");
    }
    if (peek(json, 'e') || peek(json, 'E')) {
        json->at++;
        json->at += peek(json, '+') || peek(json, '-');
        if (!take_digits(json))
            return fail(json, "a digit of the exponent");
    }
    json->raw_bytes = (size_t)(json->at - json->raw);
    return TL_JSON_NUMBER;
}

static int read_word(struct tl_json *json, const char *word, int event)
{
    size_t n = strlen(word);
    if ((size_t)(json->end - json->at) < n || memcmp(json->at, word, n) != 0)
        return fail(json, "a value");
    json->at += n;
    return event;
}

static int open_level(struct tl_json *json, int event)
{
    if (json->depth == TL_JSON_DEPTH)
        return fail(json, "at most 64 levels");
    json->raw = json->at++;
    json->stack[json->depth++] = (unsigned char)event;
    json->state = event == TL_JSON_OBJECT ? OBJECT_FIRST : ARRAY_FIRST;
    return event;
}

static int close_level(struct tl_json *json)
{
    int opened = json->stack[--json->depth];
    json->at++;
    json->state = AFTER;
    return opened == TL_JSON_OBJECT ? TL_JSON_OBJECT_END : TL_JSON_ARRAY_END;
}

static int read_scalar(struct tl_json *json)
{
    switch (json->at < json->end ? *json->at : 0) {
    case '"': {
        int r = read_string(json);
        return r < 0 ? r : TL_JSON_STRING;
    }
    case 't': return read_word(json, "true", TL_JSON_TRUE);
    case 'f': return read_word(json, "false", TL_JSON_FALSE);
    case 'n': return read_word(json, "null", TL_JSON_NULL);
    case '-': case '0': case '1': case '2': case '3': case '4': case '5': case '6': case '7': case '8': case '9': case 'N': case 'I':
        return read_number(json);
    default:
        return fail(json, "a value");
    }
}

static int read_value(struct tl_json *json)
{
    if (peek(json, '{'))
        return open_level(json, TL_JSON_OBJECT);
    if (peek(json, '['))
        return open_level(json, TL_JSON_ARRAY);
    int event = read_scalar(json);
    if (event > 0)
        json->state = AFTER;
    return event;
}

static int read_key(struct tl_json *json)
{
    if (!peek(json, '"'))
        return fail(json, "a key in quotes");
    int r = read_string(json);
    if (r < 0)
        return r;
    skip_blanks(json);
    if (!peek(json, ':'))
        return fail(json, "':'");
    json->at++;
    json->state = VALUE;
    return TL_JSON_KEY;
}

/* --- the reader --------------------------------------------------------------------------------------------------- */

/* Behind a complete value: a comma and what follows it, the end of the level, or the end of the document. */
static int read_after(struct tl_json *json)
{
    if (json->depth == 0)
        return json->at == json->end ? TL_JSON_END : fail(json, "the end");
    bool object = json->stack[json->depth - 1] == TL_JSON_OBJECT;
    if (peek(json, object ? '}' : ']'))
        return close_level(json);
    if (!peek(json, ','))
        return fail(json, object ? "',' or '}'" : "',' or ']'");
    json->at++;
    skip_blanks(json);
    return object ? read_key(json) : read_value(json);
}

static int read_event(struct tl_json *json)
{
    skip_blanks(json);
    switch (json->state) {
    case VALUE:        return read_value(json);
    case ARRAY_FIRST:  return peek(json, ']') ? close_level(json) : read_value(json);
    case OBJECT_FIRST: return peek(json, '}') ? close_level(json) : read_key(json);
    case AFTER:        return read_after(json);
    default:           return json->string.status < 0 ? json->string.status : TL_E_FILE;
    }
}

int tl_json_next(struct tl_json *json)
{
    int event = read_event(json);
    if (event >= 0)
        json->event = (enum tl_json_event)event;
    return event;
}

int tl_json_skip(struct tl_json *json)
{
    int event = (int)json->event;
    unsigned depth = json->depth;
    if (event == TL_JSON_KEY && (event = tl_json_next(json)) < 0)
        return event;
    if (event != TL_JSON_OBJECT && event != TL_JSON_ARRAY)
        return 0;
    if (json->depth == depth)
        depth--;
    while (json->depth > depth)
        if ((event = tl_json_next(json)) < 0)
            return event;
    return 0;
}

bool tl_json_is(const struct tl_json *json, const char *text)
{
    size_t n = strlen(text);
    return json->string.len == n && memcmp(json->string.data, text, n) == 0;
}
