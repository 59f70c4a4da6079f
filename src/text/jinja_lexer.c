/* SPDX-License-Identifier: MIT */
/* The lexer: data up to the next opening, then the tokens of that tag.
 *
 * Whitespace around tags follows Jinja2's lexer: a '-' strips it all; without '+' a block or comment that stands alone
 * at the start of its line loses the blanks before it, and the newline behind its end. */
#include "text/jinja_lexer.h"

#include <string.h>

#include "base/array.h"
#include "base/error.h"
#include "base/utf8.h"
#include "text/jinja_unicode.h"

void tl_jinja_lexer_init(struct tl_jinja_lexer *lexer, const char *text, size_t n_bytes)
{
    *lexer = (struct tl_jinja_lexer){.at = text, .end = text + n_bytes, .line = 1, .line_starting = true};
}

const char *tl_jinja_token_name(enum tl_jinja_token_kind kind)
{
    switch (kind) {
    case TL_JINJA_T_END: return "the end of the template";
    case TL_JINJA_T_DATA: return "text";
    case TL_JINJA_T_BLOCK_BEGIN: return "'{%'";
    case TL_JINJA_T_BLOCK_END: return "'%}'";
    case TL_JINJA_T_OUTPUT_BEGIN: return "'{{'";
    case TL_JINJA_T_OUTPUT_END: return "'}}'";
    case TL_JINJA_T_NAME: return "a name";
    case TL_JINJA_T_STRING: return "a string";
    case TL_JINJA_T_INTEGER: return "an integer";
    case TL_JINJA_T_FLOAT: return "a number";
#define OPERATOR(name, spelling) case TL_JINJA_T_##name: return "'" spelling "'";
#include "text/jinja_tokens.def"
#undef OPERATOR
    }
    return "?";
}

static bool here(const struct tl_jinja_lexer *lexer, const char *text)
{
    size_t n = strlen(text);
    return (size_t)(lexer->end - lexer->at) >= n && memcmp(lexer->at, text, n) == 0;
}

/* Moves on, counting lines. */
static void advance(struct tl_jinja_lexer *lexer, size_t n)
{
    for (const char *end = lexer->at + n; lexer->at < end; lexer->at++)
        lexer->line += *lexer->at == '\n';
}

static const char *skip_space(const char *at, const char *end)
{
    uint32_t code;
    while (at < end) {
        int n = tl_utf8_decode(at, (size_t)(end - at), &code);
        if (n < 0 || !tl_jinja_unicode_is_space(code))
            break;
        at += n;
    }
    return at;
}

static void skip_blanks(struct tl_jinja_lexer *lexer)
{
    advance(lexer, (size_t)(skip_space(lexer->at, lexer->end) - lexer->at));
}

/* Without the blanks at its end. */
static const char *strip_right(const char *start, const char *end)
{
    uint32_t code;
    while (end > start) {
        const char *last = end - 1;
        while (last > start && ((unsigned char)*last & 0xC0) == 0x80)
            last--;
        if (tl_utf8_decode(last, (size_t)(end - last), &code) < 0 || !tl_jinja_unicode_is_space(code))
            break;
        end = last;
    }
    return end;
}

/* The data [start, end) less what the tag behind it strips; `sign` is the tag's '-', '+' or 0. */
static const char *trim_before(const struct tl_jinja_lexer *lexer, const char *start, const char *end, char sign, bool block)
{
    if (sign == '-')
        return strip_right(start, end);
    if (sign == '+' || !block)
        return end;
    const char *line = end;
    while (line > start && line[-1] != '\n')
        line--;
    if (line == start && !lexer->line_starting)
        return end;
    return skip_space(line, end) == end ? line : end;
}

/* Passes the end of a block, comment or endraw at `at`: "%}", "-%}", "+%}". The newline goes unless '+'. */
static void pass_block_end(struct tl_jinja_lexer *lexer, char sign)
{
    advance(lexer, sign ? 3 : 2);
    if (sign == '-')
        skip_blanks(lexer);
    else if (sign == 0 && here(lexer, "\n"))
        advance(lexer, 1);
    lexer->line_starting = lexer->at[-1] == '\n';
}

/* At "{%", maybe a sign, blanks, `word`, blanks, and one of the ends: where that end begins, with its sign; or NULL. */
static const char *match_raw(const struct tl_jinja_lexer *lexer, const char *at, const char *word, char *ret_sign)
{
    size_t n = strlen(word);
    at += 2;
    at += at < lexer->end && (*at == '-' || *at == '+');
    at = skip_space(at, lexer->end);
    if ((size_t)(lexer->end - at) < n || memcmp(at, word, n) != 0)
        return NULL;
    at = skip_space(at + n, lexer->end);
    *ret_sign = at < lexer->end && (*at == '-' || *at == '+') ? *at : 0;
    const char *close = at + (*ret_sign != 0);
    return lexer->end - close >= 2 && memcmp(close, "%}", 2) == 0 ? at : NULL;
}

static char sign_at(const struct tl_jinja_lexer *lexer, const char *at)
{
    return at < lexer->end && (*at == '-' || *at == '+') ? *at : 0;
}

/* Behind "{% raw %}": everything up to "{% endraw %}" is data. */
static int read_raw(struct tl_jinja_lexer *lexer, const char *behind, char sign, struct tl_jinja_token *token)
{
    char end_sign;
    const char *close = NULL;
    advance(lexer, (size_t)(behind - lexer->at) + (sign ? 3 : 2));
    if (sign == '-')
        skip_blanks(lexer);
    lexer->line_starting = lexer->at[-1] == '\n';
    const char *start = lexer->at, *open = start;
    for (; lexer->end - open >= 2; open++)
        if (open[0] == '{' && open[1] == '%' && (close = match_raw(lexer, open, "endraw", &end_sign)))
            break;
    if (!close)
        return tl_fail(TL_E_FILE, "template:%u: the raw block has no end", lexer->line);
    const char *end = trim_before(lexer, start, open, sign_at(lexer, open + 2), true);
    *token = (struct tl_jinja_token){TL_JINJA_T_DATA, lexer->line, start, (size_t)(end - start)};
    advance(lexer, (size_t)(close - lexer->at));
    pass_block_end(lexer, end_sign);
    return 0;
}

static int skip_comment(struct tl_jinja_lexer *lexer)
{
    uint32_t line = lexer->line;
    const char *start = lexer->at + 2;
    start += sign_at(lexer, start) != 0;
    const char *close = start;
    while (lexer->end - close >= 2 && memcmp(close, "#}", 2) != 0)
        close++;
    if (lexer->end - close < 2)
        return tl_fail(TL_E_FILE, "template:%u: the comment has no end", line);
    char sign = close > start && (close[-1] == '-' || close[-1] == '+') ? close[-1] : 0;
    advance(lexer, (size_t)(close - lexer->at) - (sign != 0));
    pass_block_end(lexer, sign);
    return 0;
}

/* Data up to the next opening; what opens is handled here (raw, comment) or left pending. Data may be empty. */
static int read_data(struct tl_jinja_lexer *lexer, struct tl_jinja_token *token)
{
    const char *start = lexer->at, *open = start, *behind = NULL;
    char raw_sign = 0;
    while (lexer->end - open >= 2 && (open[0] != '{' || !strchr("%{#", open[1]) || open[1] == 0))
        open++;
    if (lexer->end - open < 2)
        open = lexer->end;
    char kind = open < lexer->end ? open[1] : 0, sign = kind ? sign_at(lexer, open + 2) : 0;
    if (kind == '%')
        behind = match_raw(lexer, open, "raw", &raw_sign);
    if (raw_sign == '+')
        behind = NULL;
    const char *end = kind ? trim_before(lexer, start, open, sign, kind != '{') : open;
    *token = (struct tl_jinja_token){TL_JINJA_T_DATA, lexer->line, start, (size_t)(end - start)};
    advance(lexer, (size_t)(open - start));
    if (kind == 0)
        return 0;
    if (kind == '#' || behind) {
        if (token->n)                                /* come back for the rest */
            return 0;
        return kind == '#' ? skip_comment(lexer) : read_raw(lexer, behind, raw_sign, token);
    }
    advance(lexer, 2 + (sign != 0));
    lexer->pending = kind == '%' ? TL_JINJA_T_BLOCK_BEGIN : TL_JINJA_T_OUTPUT_BEGIN;
    lexer->mode = kind == '%' ? TL_JINJA_IN_BLOCK : TL_JINJA_IN_OUTPUT;
    return 0;
}

/* --- inside a tag ---------------------------------------------------------------------------------------------------- */

static size_t digits(const char *at, const char *end, int base)
{
    const char *start = at;
    for (; at < end; at++) {
        int c = *at, value = c >= '0' && c <= '9' ? c - '0' : (c | 32) >= 'a' && (c | 32) <= 'f' ? (c | 32) - 'a' + 10 : 99;
        bool joint = c == '_' && at > start && at + 1 < end;
        if (joint) {
            int d = at[1];
            value = d >= '0' && d <= '9' ? d - '0' : (d | 32) >= 'a' && (d | 32) <= 'f' ? (d | 32) - 'a' + 10 : 99;
        }
        if (value >= base)
            break;
    }
    return (size_t)(at - start);
}

static size_t exponent(const char *at, const char *end)
{
    if (at == end || (*at | 32) != 'e')
        return 0;
    size_t sign = at + 1 < end && (at[1] == '+' || at[1] == '-');
    size_t n = digits(at + 1 + sign, end, 10);
    return n ? 1 + sign + n : 0;
}

/* The number at `at`; the digit before a '.' that follows a '.' stays an integer (x.0.1). */
static size_t match_number(const struct tl_jinja_lexer *lexer, bool behind_dot, enum tl_jinja_token_kind *ret_kind)
{
    const char *at = lexer->at, *end = lexer->end;
    size_t whole = digits(at, end, 10), fraction = 0, power;
    *ret_kind = TL_JINJA_T_FLOAT;
    if (at + whole + 1 < end && at[whole] == '.' && (fraction = digits(at + whole + 1, end, 10)))
        fraction++;
    power = exponent(at + whole + fraction, end);
    if ((fraction || power) && !behind_dot)
        return whole + fraction + power;
    *ret_kind = TL_JINJA_T_INTEGER;
    if (*at != '0')
        return whole;
    int base = end - at < 3 ? 0 : (at[1] | 32) == 'b' ? 2 : (at[1] | 32) == 'o' ? 8 : (at[1] | 32) == 'x' ? 16 : 0;
    size_t skip = base && at[2] == '_' ? 3 : 2, n = base && at + skip < end ? digits(at + skip, end, base) : 0;
    return n ? skip + n : digits(at, end, 1);
}

static size_t match_name(const struct tl_jinja_lexer *lexer)
{
    const char *at = lexer->at;
    uint32_t code;
    while (at < lexer->end) {
        int n = tl_utf8_decode(at, (size_t)(lexer->end - at), &code);
        if (n < 0 || !(code == '_' || tl_jinja_unicode_is_alnum(code)))
            break;
        at += n;
    }
    return (size_t)(at - lexer->at);
}

static int read_string(struct tl_jinja_lexer *lexer, struct tl_jinja_token *token)
{
    char quote = *lexer->at;
    const char *at = lexer->at + 1;
    while (at < lexer->end && *at != quote)
        at += *at == '\\' ? 2 : 1;
    if (at >= lexer->end)
        return tl_fail(TL_E_FILE, "template:%u: the string has no end", lexer->line);
    *token = (struct tl_jinja_token){TL_JINJA_T_STRING, lexer->line, lexer->at + 1, (size_t)(at - lexer->at - 1)};
    advance(lexer, (size_t)(at + 1 - lexer->at));
    return 0;
}

static int balance(struct tl_jinja_lexer *lexer, char c)
{
    if (strchr("([{", c)) {
        if (lexer->n_brackets == TL_JINJA_BRACKETS)
            return tl_fail(TL_E_FILE, "template:%u: more than %d open brackets", lexer->line, TL_JINJA_BRACKETS);
        lexer->bracket[lexer->n_brackets++] = c == '(' ? ')' : (char)(c + 2);
    } else if (strchr(")]}", c)) {
        if (!lexer->n_brackets)
            return tl_fail(TL_E_FILE, "template:%u: '%c' closes nothing", lexer->line, c);
        char expected = lexer->bracket[--lexer->n_brackets];
        if (expected != c)
            return tl_fail(TL_E_FILE, "template:%u: expected '%c', found '%c'", lexer->line, expected, c);
    }
    return 0;
}

static int read_operator(struct tl_jinja_lexer *lexer, struct tl_jinja_token *token)
{
    static const struct { const char *spelling; enum tl_jinja_token_kind kind; } operators[] = {
#define OPERATOR(name, spelling) {spelling, TL_JINJA_T_##name},
#include "text/jinja_tokens.def"
#undef OPERATOR
    };
    for (size_t i = 0; i < TL_COUNT(operators); i++) {
        size_t n = strlen(operators[i].spelling);
        if (!here(lexer, operators[i].spelling))
            continue;
        *token = (struct tl_jinja_token){operators[i].kind, lexer->line, lexer->at, n};
        advance(lexer, n);
        return n == 1 ? balance(lexer, *token->start) : 0;
    }
    return tl_fail(TL_E_FILE, "template:%u: unexpected character 0x%02x in a tag", lexer->line, (unsigned char)*lexer->at);
}

/* The end of the tag at `at`, if no bracket is open: true when it was passed. */
static bool read_end(struct tl_jinja_lexer *lexer, struct tl_jinja_token *token)
{
    bool block = lexer->mode == TL_JINJA_IN_BLOCK;
    const char *close = block ? "%}" : "}}", *at = lexer->at;
    char sign = *at == '-' || (block && *at == '+') ? *at : 0;
    if (lexer->n_brackets || lexer->end - at < 2 + (sign != 0) || memcmp(at + (sign != 0), close, 2) != 0)
        return false;
    *token = (struct tl_jinja_token){block ? TL_JINJA_T_BLOCK_END : TL_JINJA_T_OUTPUT_END, lexer->line, at, 2};
    if (block) {
        pass_block_end(lexer, sign);
    } else {
        advance(lexer, sign ? 3 : 2);
        if (sign)
            skip_blanks(lexer);
        lexer->line_starting = lexer->at[-1] == '\n';
    }
    lexer->mode = TL_JINJA_IN_DATA;
    return true;
}

static int read_in_tag(struct tl_jinja_lexer *lexer, struct tl_jinja_token *token)
{
    enum tl_jinja_token_kind kind = TL_JINJA_T_NAME;
    if (lexer->at < lexer->end && read_end(lexer, token))
        return 0;
    skip_blanks(lexer);
    if (lexer->at == lexer->end) {
        *token = (struct tl_jinja_token){TL_JINJA_T_END, lexer->line, lexer->at, 0};
        return 0;
    }
    if (read_end(lexer, token))
        return 0;
    if (*lexer->at == '"' || *lexer->at == '\'')
        return read_string(lexer, token);
    size_t n = *lexer->at >= '0' && *lexer->at <= '9' ? match_number(lexer, lexer->at[-1] == '.', &kind) : match_name(lexer);
    if (!n)
        return read_operator(lexer, token);
    *token = (struct tl_jinja_token){kind, lexer->line, lexer->at, n};
    advance(lexer, n);
    return 0;
}

int tl_jinja_lexer_next(struct tl_jinja_lexer *lexer, struct tl_jinja_token *token)
{
    if (lexer->pending != TL_JINJA_T_END) {
        *token = (struct tl_jinja_token){lexer->pending, lexer->line, lexer->at, 0};
        lexer->pending = TL_JINJA_T_END;
        return 0;
    }
    if (lexer->mode != TL_JINJA_IN_DATA)
        return read_in_tag(lexer, token);
    while (lexer->at < lexer->end) {
        int r = read_data(lexer, token);
        if (r < 0 || token->n)
            return r;
        if (lexer->pending != TL_JINJA_T_END)
            return tl_jinja_lexer_next(lexer, token);
    }
    *token = (struct tl_jinja_token){TL_JINJA_T_END, lexer->line, lexer->at, 0};
    return 0;
}
