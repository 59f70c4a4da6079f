/* SPDX-License-Identifier: MIT */
/* Stripping, replacing, splitting into lines, and case. */
#include "text/jinja_string.h"

#include <string.h>

#include "base/utf8.h"
#include "text/jinja.h"
#include "text/jinja_text.h"
#include "text/jinja_unicode.h"

/* Is the character at [at, at + n) one to strip? */
static bool strips(const char *at, size_t n, uint32_t code, const struct tl_jinja_text *chars)
{
    if (!chars)
        return tl_jinja_unicode_is_space(code);
    const struct tl_jinja_text one = {.bytes = at, .n = n};
    return tl_jinja_text_find(chars, 0, chars->n, &one) != SIZE_MAX;
}

int tl_jinja_string_strip(struct tl_jinja *j, const struct tl_jinja_text *text, const struct tl_jinja_text *chars, unsigned sides,
                          struct tl_jinja_value *ret)
{
    size_t start = 0, end = text->n;
    uint32_t code;
    while (sides & TL_JINJA_LEFT && start < end) {
        size_t n = (size_t)tl_utf8_decode(text->bytes + start, end - start, &code);
        if (!strips(text->bytes + start, n, code, chars))
            break;
        start += n;
    }
    while (sides & TL_JINJA_RIGHT && end > start) {
        size_t last = end - 1;
        while (last > start && ((unsigned char)text->bytes[last] & 0xC0) == 0x80)
            last--;
        tl_utf8_decode(text->bytes + last, end - last, &code);
        if (!strips(text->bytes + last, end - last, code, chars))
            break;
        end = last;
    }
    int r = tl_jinja_scan(j, (text->n - (end - start)) * (chars ? chars->n / 8 + 1 : 1));
    return r < 0 ? r : tl_jinja_text_slice(j, text, start, end - start, ret);
}

/* Replaces nothing: `with` before each character and at the end. */
static int replace_gaps(struct tl_jinja *j, const struct tl_jinja_text *text, const struct tl_jinja_text *with, int64_t count)
{
    int r = 0;
    size_t at = 0, n;
    for (; at < text->n && r >= 0; at += n) {
        if (count != 0 && (r = tl_jinja_output_text(j, with, 0, with->n)) < 0)
            return r;
        count -= count > 0;
        for (n = 1; at + n < text->n && ((unsigned char)text->bytes[at + n] & 0xC0) == 0x80;)
            n++;
        r = tl_jinja_output_text(j, text, at, n);
    }
    return r < 0 || count == 0 ? r : tl_jinja_output_text(j, with, 0, with->n);
}

int tl_jinja_string_replace(struct tl_jinja *j, const struct tl_jinja_text *text, const struct tl_jinja_text *old,
                            const struct tl_jinja_text *with, int64_t count, struct tl_jinja_value *ret)
{
    size_t mark = j->output.n, at = 0, found;
    int r = tl_jinja_scan(j, text->n);
    if (r >= 0 && old->n == 0)
        r = replace_gaps(j, text, with, count);
    while (r >= 0 && old->n && count-- != 0 && (found = tl_jinja_text_find(text, at, text->n, old)) != SIZE_MAX) {
        if ((r = tl_jinja_output_text(j, text, at, found - at)) >= 0)
            r = tl_jinja_output_text(j, with, 0, with->n);
        at = found + old->n;
    }
    if (r < 0 || (old->n && at == 0)) {
        *ret = tl_jinja_string(text);
        return r;
    }
    if (old->n && (r = tl_jinja_output_text(j, text, at, text->n - at)) < 0)
        return r;
    return tl_jinja_output_take(j, mark, text->markup, ret);
}

int tl_jinja_string_lines(struct tl_jinja *j, const struct tl_jinja_text *text, bool keep_ends, struct tl_jinja_value *ret)
{
    struct tl_jinja_value line;
    int r = tl_jinja_list_new(j, TL_JINJA_LIST, 4, ret);
    if (r < 0 || (r = tl_jinja_scan(j, text->n)) < 0)
        return r;
    for (size_t start = 0, at = 0; at < text->n && r >= 0;) {
        uint32_t code;
        size_t n = (size_t)tl_utf8_decode(text->bytes + at, text->n - at, &code), end = at;
        bool last = at + n == text->n, ends = tl_jinja_unicode_is_line_end(code);
        at += n;
        if (!ends && !last)
            continue;
        if (code == '\r' && at < text->n && text->bytes[at] == '\n')
            at++;
        if (!ends || keep_ends)
            end = at;
        if ((r = tl_jinja_text_slice(j, text, start, end - start, &line)) >= 0)
            r = tl_jinja_list_push(j, ret, &line);
        start = at;
    }
    return r;
}

/* --- case ------------------------------------------------------------------------------------------------------------ */

static uint32_t code_before(const struct tl_jinja_text *text, size_t at)
{
    uint32_t code = 0;
    size_t start = at;
    while (start > 0 && (start == at || ((unsigned char)text->bytes[start] & 0xC0) == 0x80))
        start--;
    if (start < at)
        tl_utf8_decode(text->bytes + start, at - start, &code);
    return code;
}

/* A sigma that ends a word has another lower case. */
static bool is_final_sigma(const struct tl_jinja_text *text, size_t at, size_t n)
{
    uint32_t next = 0;
    if (at + n < text->n)
        tl_utf8_decode(text->bytes + at + n, text->n - at - n, &next);
    return tl_jinja_unicode_is_alpha(code_before(text, at)) && !tl_jinja_unicode_is_alpha(next);
}

static bool is_cased(uint32_t code)
{
    return tl_jinja_unicode_is_upper(code) || tl_jinja_unicode_is_lower(code);
}

static bool begins_word(uint32_t before)
{
    return before == 0 || tl_jinja_unicode_is_space(before) || (before < 0x80 && strchr("-({[<", (int)before));
}

static enum tl_jinja_case pick_case(const struct tl_jinja_text *text, size_t at, uint32_t code, uint32_t before, enum tl_jinja_style style)
{
    (void)text;
    switch (style) {
    case TL_JINJA_ALL_UPPER: return TL_JINJA_UPPER;
    case TL_JINJA_ALL_LOWER: return TL_JINJA_LOWER;
    case TL_JINJA_CAPITAL: return at == 0 ? TL_JINJA_TITLE : TL_JINJA_LOWER;
    case TL_JINJA_WORDS: return is_cased(before) ? TL_JINJA_LOWER : TL_JINJA_TITLE;
    case TL_JINJA_WORDS_BY_BLANKS: return begins_word(before) ? TL_JINJA_UPPER : TL_JINJA_LOWER;
    case TL_JINJA_SWAPPED: return tl_jinja_unicode_is_upper(code) ? TL_JINJA_LOWER : TL_JINJA_UPPER;
    }
    return TL_JINJA_LOWER;
}

int tl_jinja_string_case(struct tl_jinja *j, const struct tl_jinja_text *text, enum tl_jinja_style style, struct tl_jinja_value *ret)
{
    size_t mark = j->output.n;
    uint32_t code, before = 0, codes[3];
    int r = tl_jinja_scan(j, 8 * text->n);
    for (size_t at = 0, n; at < text->n && r >= 0; at += n) {
        n = (size_t)tl_utf8_decode(text->bytes + at, text->n - at, &code);
        enum tl_jinja_case to = pick_case(text, at, code, before, style);
        unsigned count = tl_jinja_unicode_case(code, to, codes);
        if (to == TL_JINJA_LOWER && code == 0x3A3 && is_final_sigma(text, at, n))
            codes[0] = 0x3C2;
        for (unsigned i = 0; i < count && r >= 0; i++)
            r = tl_jinja_output_code(j, codes[i], tl_jinja_text_user(text, at));
        before = code;
    }
    return r < 0 ? r : tl_jinja_output_take(j, mark, text->markup, ret);
}
