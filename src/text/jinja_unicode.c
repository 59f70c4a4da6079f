/* SPDX-License-Identifier: MIT */
/* Unicode through utf8proc; what Python defines otherwise is spelled out. */
#include "text/jinja_unicode.h"

#include <utf8proc.h>

/* Bidirectional type WS, B or S, or category Zs: str.isspace(). */
bool tl_jinja_unicode_is_space(uint32_t code)
{
    if (code < 0x80)
        return code == ' ' || (code >= 0x09 && code <= 0x0D) || (code >= 0x1C && code <= 0x1F);
    return code == 0x85 || code == 0xA0 || code == 0x1680 || (code >= 0x2000 && code <= 0x200A) || code == 0x2028 ||
           code == 0x2029 || code == 0x202F || code == 0x205F || code == 0x3000;
}

/* str.splitlines(). */
bool tl_jinja_unicode_is_line_end(uint32_t code)
{
    return (code >= 0x0A && code <= 0x0D) || (code >= 0x1C && code <= 0x1E) || code == 0x85 || code == 0x2028 || code == 0x2029;
}

bool tl_jinja_unicode_is_printable(uint32_t code)
{
    if (code < 0x7F)
        return code >= 0x20;
    switch (utf8proc_category((utf8proc_int32_t)code)) {
    case UTF8PROC_CATEGORY_CN: case UTF8PROC_CATEGORY_CC: case UTF8PROC_CATEGORY_CF: case UTF8PROC_CATEGORY_CS:
    case UTF8PROC_CATEGORY_CO: case UTF8PROC_CATEGORY_ZS: case UTF8PROC_CATEGORY_ZL: case UTF8PROC_CATEGORY_ZP:
        return false;
    default:
        return true;
    }
}

bool tl_jinja_unicode_is_alpha(uint32_t code)
{
    utf8proc_category_t category = utf8proc_category((utf8proc_int32_t)code);
    return category >= UTF8PROC_CATEGORY_LU && category <= UTF8PROC_CATEGORY_LO;
}

bool tl_jinja_unicode_is_digit(uint32_t code)
{
    return code < 0x80 ? code >= '0' && code <= '9' : utf8proc_category((utf8proc_int32_t)code) == UTF8PROC_CATEGORY_ND;
}

bool tl_jinja_unicode_is_alnum(uint32_t code)
{
    if (code < 0x80)
        return (code >= '0' && code <= '9') || ((code | 32) >= 'a' && (code | 32) <= 'z');
    utf8proc_category_t category = utf8proc_category((utf8proc_int32_t)code);
    return (category >= UTF8PROC_CATEGORY_LU && category <= UTF8PROC_CATEGORY_LO) ||
           (category >= UTF8PROC_CATEGORY_ND && category <= UTF8PROC_CATEGORY_NO);
}

bool tl_jinja_unicode_is_upper(uint32_t code)
{
    return code < 0x80 ? code >= 'A' && code <= 'Z' : utf8proc_isupper((utf8proc_int32_t)code) != 0;
}

bool tl_jinja_unicode_is_lower(uint32_t code)
{
    return code < 0x80 ? code >= 'a' && code <= 'z' : utf8proc_islower((utf8proc_int32_t)code) != 0;
}

struct special { uint32_t code, upper[3], title[3]; };

/* The row for a character whose case is several, or NULL. */
static const struct special *find_special(uint32_t code)
{
#define UNPACK(...) {__VA_ARGS__}
    static const struct special table[] = {
#define SPECIAL(code, upper, title) {code, UNPACK upper, UNPACK title},
#include "base/array.h"
#include "text/jinja_special_case.def"
#undef SPECIAL
    };
    size_t low = 0, high = TL_COUNT(table);
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (table[middle].code == code)
            return &table[middle];
        if (table[middle].code < code)
            low = middle + 1;
        else
            high = middle;
    }
    return NULL;
}

unsigned tl_jinja_unicode_case(uint32_t code, enum tl_jinja_case to, uint32_t ret_codes[3])
{
    if (code < 0x80) {
        bool upper = code >= 'A' && code <= 'Z', lower = code >= 'a' && code <= 'z';
        ret_codes[0] = to == TL_JINJA_LOWER ? code + (upper ? 32 : 0) : code - (lower ? 32 : 0);
        return 1;
    }
    if (to == TL_JINJA_LOWER && code == 0x130) {     /* the only lower case of two */
        ret_codes[0] = 'i';
        ret_codes[1] = 0x307;
        return 2;
    }
    const struct special *special = to == TL_JINJA_LOWER ? NULL : find_special(code);
    if (special) {
        const uint32_t *codes = to == TL_JINJA_UPPER ? special->upper : special->title;
        unsigned n = 0;
        for (; n < 3 && codes[n]; n++)
            ret_codes[n] = codes[n];
        return n;
    }
    utf8proc_int32_t c = (utf8proc_int32_t)code;
    ret_codes[0] = (uint32_t)(to == TL_JINJA_LOWER ? utf8proc_tolower(c) : to == TL_JINJA_UPPER ? utf8proc_toupper(c)
                              : utf8proc_totitle(c));
    return 1;
}
