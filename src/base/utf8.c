/* SPDX-License-Identifier: MIT */
/* UTF-8 by the table of well-formed byte sequences (Unicode, table 3-7): the lead byte gives the length and the range
 * of the second byte; all further bytes are 80..BF. */
#include "base/utf8.h"

struct lead { unsigned length, low, high; };

static struct lead lead_of(unsigned char c)
{
    if (c < 0x80)
        return (struct lead){1, 0, 0};
    if (c < 0xC2 || c > 0xF4)
        return (struct lead){0, 0, 0};
    if (c < 0xE0)
        return (struct lead){2, 0x80, 0xBF};
    if (c < 0xF0)
        return (struct lead){3, c == 0xE0 ? 0xA0 : 0x80, c == 0xED ? 0x9F : 0xBF};
    return (struct lead){4, c == 0xF0 ? 0x90 : 0x80, c == 0xF4 ? 0x8F : 0xBF};
}

/* How many bytes at `text` are a prefix of a well-formed sequence (the lead byte counts even alone). */
static unsigned well_formed(const char *text, size_t n_bytes, struct lead lead)
{
    unsigned n = 1;
    for (; n < lead.length && n < n_bytes; n++) {
        unsigned char c = (unsigned char)text[n];
        if (c < (n == 1 ? lead.low : 0x80) || c > (n == 1 ? lead.high : 0xBF))
            break;
    }
    return n;
}

int tl_utf8_decode(const char *text, size_t n_bytes, uint32_t *ret_code)
{
    unsigned char first = (unsigned char)text[0];
    if (first < 0x80) {
        *ret_code = first;
        return 1;
    }
    struct lead lead = lead_of(first);
    unsigned n = well_formed(text, n_bytes, lead);
    if (n != lead.length) {
        *ret_code = TL_UTF8_REPLACEMENT;
        return -(int)n;
    }
    uint32_t code = (unsigned char)text[0] & (n == 1 ? 0x7F : 0x7F >> n);
    for (unsigned i = 1; i < n; i++)
        code = code << 6 | ((unsigned char)text[i] & 0x3F);
    *ret_code = code;
    return (int)n;
}

unsigned tl_utf8_encode(uint32_t code, char ret_bytes[TL_UTF8_MAX_BYTES])
{
    if (code > 0x10FFFF || (code >= 0xD800 && code <= 0xDFFF))
        code = TL_UTF8_REPLACEMENT;
    if (code < 0x80) {
        ret_bytes[0] = (char)code;
        return 1;
    }
    unsigned n = code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
    for (unsigned i = n - 1; i > 0; i--, code >>= 6)
        ret_bytes[i] = (char)(0x80 | (code & 0x3F));
    ret_bytes[0] = (char)((0xF00u >> n & 0xFF) | code);
    return n;
}

size_t tl_utf8_unfinished(const char *text, size_t n_bytes)
{
    for (size_t back = 1; back <= 3 && back <= n_bytes; back++) {
        const char *start = text + n_bytes - back;
        struct lead lead = lead_of((unsigned char)*start);
        if (lead.length > back && well_formed(start, back, lead) == back)
            return back;
    }
    return 0;
}

bool tl_utf8_valid(const char *text, size_t n_bytes)
{
    uint32_t code;
    for (size_t at = 0; at < n_bytes;) {
        int n = tl_utf8_decode(text + at, n_bytes - at, &code);
        if (n < 0)
            return false;
        at += (size_t)n;
    }
    return true;
}
