/* SPDX-License-Identifier: MIT */
/* Oniguruma's Ruby syntax into PCRE2's, one pass over the pattern.
 *
 * Rewritten: \s \w \h \b \v, \u and \x, bracketed classes (regex_class.c), {n,m}+ (a repeat of the repeat, not
 * possessive), {n}? (optional), {,n}, (?m) (the dot matches newlines), script properties. Everything that is passed on is
 * named here; an escape or group that is not named is refused, PCRE2's own verbs and callouts with it. */
#include "text/regex_translate.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>
#include <stdint.h>
#include <string.h>

#include "base/array.h"
#include "base/error.h"
#include "base/utf8.h"

/* From 10.40 on, \p{Han} means the script's extensions too; \p{sc:Han} is the script alone. */
#define SCRIPTS_ARE_EXTENDED (PCRE2_MAJOR > 10 || PCRE2_MINOR >= 40)

int tl_regex_translate_fail(const struct tl_regex_translation *t, const char *what)
{
    return tl_fail(TL_E_FILE, "regular expression '%.*s': byte %zu: %s", (int)(t->end - t->text < 80 ? t->end - t->text : 80),
                   t->text, (size_t)(t->at - t->text), what);
}

static int put(struct tl_regex_translation *t, const char *text)
{
    return tl_buffer_append(t->out, text, strlen(text));
}

static bool starts(const struct tl_regex_translation *t, const char *text)
{
    size_t n = strlen(text);
    return (size_t)(t->end - t->at) >= n && memcmp(t->at, text, n) == 0;
}

/* Puts "(?:" before the last atom and ")" behind it. */
static int wrap_atom(struct tl_regex_translation *t)
{
    size_t at = t->atom;
    int r = put(t, "(?:)");
    if (r < 0)
        return r;
    memmove(t->out->data + at + 3, t->out->data + at, t->out->len - 4 - at);
    memcpy(t->out->data + at, "(?:", 3);
    t->out->data[t->out->len - 1] = ')';
    return 0;
}

/* --- escapes ------------------------------------------------------------------------------------------------------ */

static int hex(char c)
{
    return c >= '0' && c <= '9' ? c - '0' : c >= 'A' && c <= 'F' ? c - 'A' + 10 : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

int tl_regex_translate_code(struct tl_regex_translation *t, char letter, uint32_t *ret_code)
{
    bool braces = letter == 'x' && t->at < t->end && *t->at == '{';
    int limit = braces ? 8 : letter == 'u' ? 4 : 2, n = 0;
    uint32_t code = 0;
    t->at += braces;
    for (; n < limit && t->at < t->end && hex(*t->at) >= 0; n++)
        code = code << 4 | (uint32_t)hex(*t->at++);
    if (n == 0 || (letter == 'u' && n < 4) || (braces && (t->at == t->end || *t->at++ != '}')))
        return tl_regex_translate_fail(t, "a bad code point escape");
    if (code > 0x10FFFF || (code >= 0xD800 && code <= 0xDFFF) || (letter == 'x' && !braces && code > 0x7F))
        return tl_regex_translate_fail(t, "an escape that is no character");
    *ret_code = code;
    return 0;
}

/* Names that are no scripts, and what they are called in PCRE2. */
static const char *const properties[][2] = {
    {"Letter", "L"}, {"Mark", "M"}, {"Number", "N"}, {"Punctuation", "P"}, {"Symbol", "S"}, {"Separator", "Z"}, {"Other", "C"},
    {"Punct", "P"}, {"Any", "Any"}, {"Alphabetic", "Alphabetic"}, {"Alpha", "Alphabetic"}, {"Uppercase", "Uppercase"},
    {"Lowercase", "Lowercase"}, {"Digit", "Nd"}, {"Uppercase_Letter", "Lu"}, {"Lowercase_Letter", "Ll"}, {"Decimal_Number", "Nd"},
    {"Cntrl", "Cc"}, {"Emoji", "Emoji"}, {"Extended_Pictographic", "Extended_Pictographic"},
};

static const char *known_property(const char *name, size_t n)
{
    for (size_t i = 0; i < TL_COUNT(properties); i++)
        if (strlen(properties[i][0]) == n && memcmp(properties[i][0], name, n) == 0)
            return properties[i][1];
    return NULL;
}

int tl_regex_translate_property(struct tl_regex_translation *t, bool negated, struct tl_buffer *out)
{
    const char *close = t->at < t->end && *t->at == '{' ? memchr(t->at, '}', (size_t)(t->end - t->at)) : NULL;
    if (!close)
        return tl_regex_translate_fail(t, "a property without braces");
    const char *name = t->at + 1;
    if (name < close && *name == '^') {
        negated = !negated;
        name++;
    }
    size_t n = (size_t)(close - name);
    for (size_t i = 0; i < n; i++)
        if (!((name[i] | 0x20) >= 'a' && (name[i] | 0x20) <= 'z') && name[i] != '_')
            return tl_regex_translate_fail(t, "an unknown property");
    const char *known = known_property(name, n), *prefix = "";
    if (!known && n > 2 && SCRIPTS_ARE_EXTENDED)
        prefix = "sc:";
    t->at = close + 1;
    if (known)
        return tl_buffer_printf(out, "\\%c{%s}", negated ? 'P' : 'p', known);
    return tl_buffer_printf(out, "\\%c{%s%.*s}", negated ? 'P' : 'p', prefix, (int)n, name);
}

/* Classes and assertions that are written out. */
static const char *written_out(char letter)
{
    switch (letter) {
    case 's': return "[" TL_REGEX_SPACE "]";
    case 'S': return "[^" TL_REGEX_SPACE "]";
    case 'w': return "[" TL_REGEX_WORD "]";
    case 'W': return "[^" TL_REGEX_WORD "]";
    case 'h': return "[" TL_REGEX_HEX "]";
    case 'H': return "[^" TL_REGEX_HEX "]";
    case 'b': return "(?:(?<=[" TL_REGEX_WORD "])(?![" TL_REGEX_WORD "])|(?<![" TL_REGEX_WORD "])(?=[" TL_REGEX_WORD "]))";
    case 'B': return "(?:(?<=[" TL_REGEX_WORD "])(?=[" TL_REGEX_WORD "])|(?<![" TL_REGEX_WORD "])(?![" TL_REGEX_WORD "]))";
    case 'v': return "\\x{b}";
    case 'O': return "(?s:.)";
    default: return NULL;
    }
}

static int escape(struct tl_regex_translation *t)
{
    char letter = t->at + 1 < t->end ? t->at[1] : 0;
    uint32_t code;
    if (letter == 0)
        return tl_regex_translate_fail(t, "a backslash at the end");
    if (written_out(letter)) {
        t->at += 2;
        return put(t, written_out(letter));
    }
    if (letter == 'x' || letter == 'u') {
        t->at += 2;
        int r = tl_regex_translate_code(t, letter, &code);
        return r < 0 ? r : tl_buffer_printf(t->out, "\\x{%x}", code);
    }
    if (letter == 'p' || letter == 'P') {
        t->at += 2;
        return tl_regex_translate_property(t, letter == 'P', t->out);
    }
    bool word = (letter >= '0' && letter <= '9') || ((letter | 0x20) >= 'a' && (letter | 0x20) <= 'z');
    if ((word && !strchr("dDtnrfaeAzZGRXNK123456789", letter)) || (unsigned char)letter >= 0x80)
        return tl_regex_translate_fail(t, "an escape that is not supported");
    t->at += 2;
    return tl_buffer_append(t->out, t->at - 2, 2);
}

/* --- groups and quantifiers --------------------------------------------------------------------------------------- */

/* Behind "(?": options such as "i", "m-i" up to ":" or ")". */
static int group_options(struct tl_regex_translation *t)
{
    put(t, "(?");
    for (t->at += 2; t->at < t->end && *t->at != ':' && *t->at != ')'; t->at++) {
        if (!strchr("im-", *t->at))
            return tl_regex_translate_fail(t, "a group that is not supported");
        put(t, *t->at == 'm' ? "s" : (char[]){*t->at, 0});
    }
    if (t->at == t->end)
        return tl_regex_translate_fail(t, "an open group");
    if (*t->at == ')')
        t->depth--;
    return tl_buffer_append(t->out, t->at++, 1);
}

static int open_group(struct tl_regex_translation *t)
{
    static const char *const plain[] = {"(?:", "(?=", "(?!", "(?>", "(?<=", "(?<!"};
    if (t->depth == TL_REGEX_DEPTH)
        return tl_regex_translate_fail(t, "groups too deep");
    t->group[t->depth++] = t->out->len;
    t->atom = SIZE_MAX;
    for (size_t i = 0; i < TL_COUNT(plain); i++)
        if (starts(t, plain[i])) {
            t->at += strlen(plain[i]);
            return put(t, plain[i]);
        }
    if (starts(t, "(*"))
        return tl_regex_translate_fail(t, "a group that is not supported");
    if (starts(t, "(?"))
        return group_options(t);
    t->at++;
    return put(t, "(");
}

static int close_group(struct tl_regex_translation *t)
{
    if (t->depth == 0)
        return tl_regex_translate_fail(t, "a ')' too many");
    t->atom = t->group[--t->depth];
    t->at++;
    return put(t, ")");
}

/* At "{": an interval, or a brace that stands for itself. */
static int interval(struct tl_regex_translation *t)
{
    const char *at = t->at + 1;
    uint32_t bound[2] = {0, UINT32_MAX};
    int n = 0, digits[2] = {0, 0};
    for (; at < t->end && n < 2 && *at != '}'; at++) {
        if (*at == ',' && n == 0) {
            n = 1;
        } else if (*at >= '0' && *at <= '9' && digits[n] < 5) {
            bound[n] = (digits[n]++ ? bound[n] : 0) * 10 + (uint32_t)(*at - '0');
        } else {
            break;
        }
    }
    if (at == t->end || *at != '}' || digits[0] + digits[1] == 0) {
        t->atom = t->out->len;
        t->at++;
        return put(t, "\\{");
    }
    if (t->atom == SIZE_MAX || bound[0] > 65535 || (digits[1] && (bound[1] > 65535 || bound[1] < bound[0])))
        return tl_regex_translate_fail(t, "a bad interval");
    if (n == 0)
        tl_buffer_printf(t->out, "{%u}", bound[0]);
    else if (digits[1])
        tl_buffer_printf(t->out, "{%u,%u}", bound[0], bound[1]);
    else
        tl_buffer_printf(t->out, "{%u,}", bound[0]);
    t->at = at + 1;
    bool again = t->at < t->end && (*t->at == '+' || (n == 0 && *t->at == '?'));
    return again ? wrap_atom(t) : t->out->status;
}

/* One character or construct; sets `atom` where a quantifier may follow. */
static int step(struct tl_regex_translation *t)
{
    size_t start = t->out->len;
    uint32_t code;
    switch (*t->at) {
    case '(': return open_group(t);
    case ')': return close_group(t);
    case '{': return interval(t);
    case '*': case '+': case '?':
        return tl_buffer_append(t->out, t->at++, 1);
    case '|':
        t->atom = SIZE_MAX;
        return tl_buffer_append(t->out, t->at++, 1);
    case '[': case '\\': {
        int r = *t->at == '[' ? tl_regex_translate_class(t) : escape(t);
        t->atom = start;
        return r;
    }
    default: {
        int n = tl_utf8_decode(t->at, (size_t)(t->end - t->at), &code);
        if (n < 0 || code == 0)
            return tl_regex_translate_fail(t, "not UTF-8 text");
        t->atom = start;
        t->at += n;
        return tl_buffer_append(t->out, t->at - n, (size_t)n);
    }
    }
}

int tl_regex_translate(const char *pattern, size_t n_bytes, struct tl_buffer *out)
{
    struct tl_regex_translation t = {.text = pattern, .at = pattern, .end = pattern + n_bytes, .out = out, .atom = SIZE_MAX};
    if (n_bytes > TL_REGEX_MAX_BYTES)
        return tl_fail(TL_E_FILE, "regular expression of %zu bytes, at most %d supported", n_bytes, TL_REGEX_MAX_BYTES);
    while (t.at < t.end) {
        int r = step(&t);
        if (r < 0)
            return r;
    }
    return t.depth ? tl_regex_translate_fail(&t, "an open group") : out->status;
}
