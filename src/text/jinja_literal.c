/* SPDX-License-Identifier: MIT */
/* Literals. String escapes are those of Python's "unicode_escape" codec, which Jinja2 uses; \N{...} is refused. */
#include "text/jinja_literal.h"

#include <string.h>

#include "base/utf8.h"

size_t tl_jinja_literal_normalise(const char *text, size_t n_bytes, char *to)
{
    size_t n = 0;
    for (size_t i = 0; i < n_bytes; i++) {
        if (text[i] == '\r') {
            to[n++] = '\n';
            i += i + 1 < n_bytes && text[i + 1] == '\n';
        } else {
            to[n++] = text[i];
        }
    }
    return n && to[n - 1] == '\n' ? n - 1 : n;
}

static int hex_digit(char c)
{
    char lower = (char)(c | 32);
    return c >= '0' && c <= '9' ? c - '0' : lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
}

/* Exactly `count` hex digits as UTF-8: bytes written, or -1. */
static long unescape_hex(const char *at, const char *end, unsigned count, char *to)
{
    uint32_t code = 0;
    if ((size_t)(end - at) < count)
        return -1;
    for (unsigned i = 0; i < count; i++) {
        int digit = hex_digit(at[i]);
        if (digit < 0)
            return -1;
        code = code << 4 | (uint32_t)digit;
    }
    return code > 0x10FFFF ? -1 : (long)tl_utf8_encode(code, to);
}

static unsigned hex_length(char letter)
{
    return letter == 'x' ? 2 : letter == 'u' ? 4 : letter == 'U' ? 8 : 0;
}

/* A backslash before a character that is not ASCII: the codec sees that character already escaped, so that its
 * backslash is the one escaped. Writes \xe9, \u20ac, \U0001f600. */
static size_t write_escaped(uint32_t code, char *to)
{
    static const char hex[] = "0123456789abcdef";
    unsigned count = code < 0x100 ? 2 : code < 0x10000 ? 4 : 8;
    to[0] = '\\';
    to[1] = count == 2 ? 'x' : count == 4 ? 'u' : 'U';
    for (unsigned i = 0; i < count; i++)
        to[2 + i] = hex[code >> 4 * (count - 1 - i) & 15];
    return 2 + count;
}

/* One escape, `at` behind its backslash: *ret_used characters read, returns bytes written or -1. */
static long unescape_one(const char *at, const char *end, char *to, size_t *ret_used)
{
    static const char letters[] = "\\'\"abfnrtv", meanings[] = "\\'\"\a\b\f\n\r\t\v";
    uint32_t code = 0;
    const char *found = strchr(letters, *at);
    *ret_used = 1;
    if (*at && found) {
        to[0] = meanings[found - letters];
        return 1;
    }
    if (*at == '\n')
        return 0;
    if (hex_length(*at)) {
        *ret_used = 1 + hex_length(*at);
        return unescape_hex(at + 1, end, hex_length(*at), to);
    }
    if (*at >= '0' && *at <= '7') {
        for (*ret_used = 0; *ret_used < 3 && at < end && *at >= '0' && *at <= '7'; at++, ++*ret_used)
            code = code << 3 | (uint32_t)(*at - '0');
        return (long)tl_utf8_encode(code, to);
    }
    if (*at == 'N')
        return -1;
    int n = tl_utf8_decode(at, (size_t)(end - at), &code);
    if (n > 1) {
        *ret_used = (size_t)n;
        return (long)write_escaped(code, to);
    }
    to[0] = '\\';
    to[1] = *at;
    return 2;
}

long tl_jinja_literal_unescape(const char *text, size_t n_bytes, char *to)
{
    const char *end = text + n_bytes;
    long n = 0;
    while (text < end) {
        size_t used;
        if (*text != '\\') {
            to[n++] = *text++;
            continue;
        }
        if (++text == end)
            return -1;
        long written = unescape_one(text, end, to + n, &used);
        if (written < 0)
            return -1;
        n += written;
        text += used;
    }
    return n;
}

bool tl_jinja_literal_integer(const char *text, size_t n_bytes, int64_t *ret)
{
    uint64_t value = 0;
    unsigned base = 10;
    size_t i = 0;
    if (n_bytes > 2 && text[0] == '0') {
        char letter = (char)(text[1] | 32);
        base = letter == 'x' ? 16 : letter == 'o' ? 8 : letter == 'b' ? 2 : 10;
        i = base == 10 ? 0 : 2;
    }
    for (; i < n_bytes; i++) {
        if (text[i] == '_')
            continue;
        if (__builtin_mul_overflow(value, (uint64_t)base, &value) ||
            __builtin_add_overflow(value, (uint64_t)hex_digit(text[i]), &value))
            return false;
    }
    if (value > INT64_MAX)
        return false;
    *ret = (int64_t)value;
    return true;
}
