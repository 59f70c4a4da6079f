/* SPDX-License-Identifier: MIT */
/* Bracketed classes of Oniguruma: nested sets and intersections ("[a[bc]]", "[\p{L}&&[^\p{Han}]]").
 *
 * A set without these becomes a PCRE2 class. Others become groups that match exactly one character: a union an
 * alternation, an intersection a look-ahead before its second half, a negation a negative look-ahead before any. */
#include "text/regex_translate.h"

#include <stdint.h>
#include <string.h>

#include "base/array.h"
#include "base/error.h"
#include "base/utf8.h"

/* One operand of "&&": members of a plain class, and alternatives that are no plain class. */
struct operand { struct tl_buffer members, others; };

static void operand_done(struct operand *operand)
{
    tl_buffer_done(&operand->members);
    tl_buffer_done(&operand->others);
}
#define AUTO_OPERAND __attribute__((cleanup(operand_done))) struct operand

static int put(struct tl_buffer *out, const char *text)
{
    return tl_buffer_append(out, text, strlen(text));
}

static int add_other(struct operand *operand, const char *text)
{
    put(&operand->others, operand->others.len ? "|" : "");
    return put(&operand->others, text);
}

static int read_posix(struct tl_regex_translation *t, struct operand *operand)
{
    static const char *const classes[][2] = {
        {"[:space:]", TL_REGEX_SPACE}, {"[:word:]", TL_REGEX_WORD}, {"[:xdigit:]", TL_REGEX_HEX}, {"[:digit:]", "\\p{Nd}"},
        {"[:punct:]", "\\p{P}\\p{S}"}, {"[:cntrl:]", "\\p{Cc}"}, {"[:alpha:]", "\\p{Alphabetic}"},
        {"[:alnum:]", "\\p{Alphabetic}\\p{Nd}"}, {"[:upper:]", "\\p{Uppercase}"}, {"[:lower:]", "\\p{Lowercase}"},
    };
    for (size_t i = 0; i < TL_COUNT(classes); i++) {
        size_t n = strlen(classes[i][0]);
        if ((size_t)(t->end - t->at) < n || memcmp(t->at, classes[i][0], n) != 0)
            continue;
        t->at += n;
        return put(&operand->members, classes[i][1]);
    }
    return tl_regex_translate_fail(t, "a named class that is not supported");
}

/* An escape that stands for several characters; 0 where it is a single one, nothing read. */
static int read_set_escape(struct tl_regex_translation *t, struct operand *operand)
{
    char letter = t->at + 1 < t->end ? t->at[1] : 0;
    const char *members = letter == 's' ? TL_REGEX_SPACE : letter == 'w' ? TL_REGEX_WORD : letter == 'h' ? TL_REGEX_HEX :
                          letter == 'd' ? "\\p{Nd}" : letter == 'D' ? "\\P{Nd}" : NULL;
    const char *others = letter == 'S' ? "[^" TL_REGEX_SPACE "]" : letter == 'W' ? "[^" TL_REGEX_WORD "]" :
                         letter == 'H' ? "[^" TL_REGEX_HEX "]" : NULL;
    if (!members && !others && letter != 'p' && letter != 'P')
        return 0;
    t->at += 2;
    int r = members ? put(&operand->members, members) : others ? add_other(operand, others) :
            tl_regex_translate_property(t, letter == 'P', &operand->members);
    return r < 0 ? r : 1;
}

/* One character: as it is, or escaped. */
static int read_char(struct tl_regex_translation *t, uint32_t *ret_code)
{
    static const char letters[] = "tnrfaevb", meanings[] = "\t\n\r\f\a\033\v\b";
    int n = tl_utf8_decode(t->at, (size_t)(t->end - t->at), ret_code);
    if (n < 0)
        return tl_regex_translate_fail(t, "not UTF-8 text");
    t->at += n;
    if (*ret_code != '\\')
        return 0;
    char letter = t->at < t->end ? *t->at++ : 0;
    const char *found = letter ? strchr(letters, letter) : NULL;
    if (letter == 'x' || letter == 'u')
        return tl_regex_translate_code(t, letter, ret_code);
    bool word = (letter >= '0' && letter <= '9') || ((letter | 0x20) >= 'a' && (letter | 0x20) <= 'z');
    if (!letter || (!found && word) || (unsigned char)letter >= 0x80)
        return tl_regex_translate_fail(t, "an escape that is not supported in a class");
    *ret_code = (uint8_t)(found ? meanings[found - letters] : letter);
    return 0;
}

static int read_range(struct tl_regex_translation *t, struct operand *operand)
{
    uint32_t first, last;
    int r = read_char(t, &first);
    if (r < 0)
        return r;
    bool range = t->end - t->at >= 2 && t->at[0] == '-' && t->at[1] != ']' && t->at[1] != '[';
    last = first;
    if (range) {
        t->at++;
        if ((r = read_char(t, &last)) < 0)
            return r;
        if (last < first)
            return tl_regex_translate_fail(t, "an empty range");
    }
    return range ? tl_buffer_printf(&operand->members, "\\x{%x}-\\x{%x}", first, last) :
                   tl_buffer_printf(&operand->members, "\\x{%x}", first);
}

static int emit_operand(struct operand *operand, bool negated, struct tl_buffer *out)
{
    bool both = operand->members.len && operand->others.len;
    const char *members = operand->members.data, *others = operand->others.data;
    if (operand->members.status < 0 || operand->others.status < 0)
        return operand->members.status < 0 ? operand->members.status : operand->others.status;
    if (!operand->others.len) {
        if (!operand->members.len)
            return put(out, negated ? "(?s:.)" : "(?!)");
        put(out, negated ? "[^" : "[");
        put(out, members);
        return put(out, "]");
    }
    put(out, negated ? "(?:(?!" : "(?:");
    if (both) {
        put(out, "[");
        put(out, members);
        put(out, "]|");
    }
    put(out, others);
    return put(out, negated ? ")(?s:.))" : ")");
}

static int read_set(struct tl_regex_translation *t, unsigned depth, struct tl_buffer *out);

/* Members up to "]" or "&&", which are left in place. */
static int read_operand(struct tl_regex_translation *t, unsigned depth, bool first, struct operand *operand)
{
    for (; t->at < t->end; first = false) {
        int r = 0;
        if (*t->at == ']' && !first)
            return 0;
        if (t->end - t->at >= 2 && t->at[0] == '&' && t->at[1] == '&')
            return 0;
        if (t->end - t->at >= 2 && t->at[0] == '[' && t->at[1] == ':') {
            r = read_posix(t, operand);
        } else if (*t->at == '[') {
            put(&operand->others, operand->others.len ? "|" : "");
            r = read_set(t, depth + 1, &operand->others);
        } else {
            r = *t->at == '\\' ? read_set_escape(t, operand) : 0;
            if (r == 0)
                r = read_range(t, operand);
        }
        if (r < 0)
            return r;
    }
    return tl_regex_translate_fail(t, "an open class");
}

/* "A && B && ..." up to "]"; each further operand narrows what is in `out` so far. */
static int read_intersection(struct tl_regex_translation *t, unsigned depth, bool negated, struct tl_buffer *out)
{
    bool several = false;
    for (bool first = true;; first = false) {
        AUTO_OPERAND operand = {0};
        int r = read_operand(t, depth, first, &operand);
        if (r < 0)
            return r;
        bool more = *t->at == '&';
        if (!several && !more)
            return emit_operand(&operand, negated, out);
        if (first)
            put(out, negated ? "(?:(?!" : "(?:");
        several = true;
        put(out, more ? "(?=" : "");
        if ((r = emit_operand(&operand, false, out)) < 0)
            return r;
        put(out, more ? ")" : "");
        if (!more)
            return put(out, negated ? ")(?s:.))" : ")");
        t->at += 2;
    }
}

static int read_set(struct tl_regex_translation *t, unsigned depth, struct tl_buffer *out)
{
    if (depth > TL_REGEX_DEPTH)
        return tl_regex_translate_fail(t, "classes too deep");
    bool negated = t->end - t->at >= 2 && t->at[1] == '^';
    t->at += negated ? 2 : 1;
    int r = read_intersection(t, depth, negated, out);
    t->at++;
    return r;
}

int tl_regex_translate_class(struct tl_regex_translation *t)
{
    return read_set(t, 0, t->out);
}
