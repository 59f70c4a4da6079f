/* SPDX-License-Identifier: MIT */
/* Bytes spelled as characters. The three printable runs are 0x21..0x7E, 0xA1..0xAC and 0xAE..0xFF; what is left is
 * numbered from U+0100 upwards. Spelling and unspelling are inverse to each other for every byte. */
#include "text/bytelevel.h"

#include "base/utf8.h"

static uint32_t code_of(uint8_t byte)
{
    if (byte <= 0x20)
        return 0x100u + byte;
    if (byte <= 0x7E)
        return byte;
    if (byte <= 0xA0)
        return 0x121u + (byte - 0x7Fu);
    return byte == 0xAD ? 0x143u : byte;
}

/* Or -1. */
static int byte_of(uint32_t code)
{
    if (code >= 0x100 && code <= 0x120)
        return (int)(code - 0x100);
    if (code >= 0x121 && code <= 0x142)
        return (int)(code - 0x121 + 0x7F);
    if (code == 0x143)
        return 0xAD;
    return code <= 0xFF && code_of((uint8_t)code) == code ? (int)code : -1;
}

size_t tl_bytelevel_spell(const char *bytes, size_t n_bytes, char *ret_text)
{
    size_t n = 0;
    for (size_t i = 0; i < n_bytes; i++) {
        uint32_t code = code_of((uint8_t)bytes[i]);
        if (code < 0x80) {
            ret_text[n++] = (char)code;
        } else {
            ret_text[n++] = (char)(0xC0 | code >> 6);
            ret_text[n++] = (char)(0x80 | (code & 0x3F));
        }
    }
    return n;
}

ptrdiff_t tl_bytelevel_unspell(const char *text, size_t n_bytes, char *ret_bytes)
{
    size_t n = 0;
    for (size_t at = 0; at < n_bytes;) {
        uint32_t code = (uint8_t)text[at];
        int length = code < 0x80 ? 1 : tl_utf8_decode(text + at, n_bytes - at, &code);
        int byte = length < 0 ? -1 : byte_of(code);
        if (byte < 0)
            return -1;
        ret_bytes[n++] = (char)byte;
        at += (size_t)length;
    }
    return (ptrdiff_t)n;
}
