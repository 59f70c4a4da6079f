/* SPDX-License-Identifier: MIT */
/* Classes of single characters, and white space at the ends of a text. */
#include "text/characters.h"

#include <utf8proc.h>

#include "base/utf8.h"

static bool is_space(uint32_t code)
{
    return (code >= 9 && code <= 13) || code == 0x20 || code == 0x85 || code == 0xA0 || code == 0x1680 ||
           (code >= 0x2000 && code <= 0x200A) || code == 0x2028 || code == 0x2029 || code == 0x202F || code == 0x205F ||
           code == 0x3000;
}

/* Letters, marks, digits, connectors. */
static bool is_word(uint32_t code)
{
    switch (utf8proc_category((int32_t)code)) {
    case UTF8PROC_CATEGORY_LU: case UTF8PROC_CATEGORY_LL: case UTF8PROC_CATEGORY_LT: case UTF8PROC_CATEGORY_LM:
    case UTF8PROC_CATEGORY_LO: case UTF8PROC_CATEGORY_MN: case UTF8PROC_CATEGORY_MC: case UTF8PROC_CATEGORY_ME:
    case UTF8PROC_CATEGORY_ND: case UTF8PROC_CATEGORY_NL: case UTF8PROC_CATEGORY_PC:
        return true;
    default:
        return false;
    }
}

/* Where the last character begins. */
static size_t last_start(const char *text, size_t n_bytes)
{
    size_t at = n_bytes - 1;
    while (at > 0 && n_bytes - at < TL_UTF8_MAX_BYTES && (text[at] & 0xC0) == 0x80)
        at--;
    return at;
}

size_t tl_character_leading_space(const char *text, size_t n_bytes)
{
    size_t at = 0;
    while (at < n_bytes) {
        uint32_t code;
        int n = tl_utf8_decode(text + at, n_bytes - at, &code);
        if (n < 0 || !is_space(code))
            break;
        at += (size_t)n;
    }
    return at;
}

size_t tl_character_trailing_space(const char *text, size_t n_bytes)
{
    size_t end = n_bytes;
    while (end > 0) {
        uint32_t code;
        size_t start = last_start(text, end);
        int n = tl_utf8_decode(text + start, end - start, &code);
        if (n < 0 || start + (size_t)n != end || !is_space(code))
            break;
        end = start;
    }
    return n_bytes - end;
}

bool tl_character_word_before(const char *text, size_t n_bytes)
{
    return n_bytes && tl_character_word_after(text + last_start(text, n_bytes), n_bytes - last_start(text, n_bytes));
}

bool tl_character_word_after(const char *text, size_t n_bytes)
{
    uint32_t code;
    return n_bytes && tl_utf8_decode(text, n_bytes, &code) > 0 && is_word(code);
}
