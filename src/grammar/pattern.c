/* SPDX-License-Identifier: MIT */
/* Patterns of ECMA-262 (2024, 22.2) as schemas have them: alternatives, classes, groups, repetitions, anchors. What readers of patterns
 * disagree on is read in the narrower way: \d and \w are ASCII's, what they leave out too. */
#include "grammar/pattern.h"

#include <string.h>

#include "base/array.h"
#include "base/error.h"
#include "base/memory.h"
#include "base/utf8.h"

enum { RANGES = 2048, ITEMS = 8192 };

struct pattern {
    struct tl_draft *draft;
    const char *at, *end;
    uint32_t *stack;
    uint64_t n_stack, stack_cap;
    unsigned depth;
};

static const struct tl_range digits[] = {{'0', '9'}}, words[] = {{'0', '9'}, {'A', 'Z'}, {'_', '_'}, {'a', 'z'}},
    blanks[] = {{'\t', '\r'}, {' ', ' '}},
    not_digits[] = {{0, '/'}, {':', 0x7F}}, not_words[] = {{0, '/'}, {':', '@'}, {'[', '^'}, {'`', '`'}, {'{', 0x7F}},
    not_blanks[] = {{0, 8}, {0x0E, 0x1B}, {'!', 0x7F}, {0xA1, 0x167F}, {0x1681, 0x180D}, {0x180F, 0x1FFF}, {0x200B, 0x2027}, {0x202A, 0x202E},
                    {0x2030, 0x205E}, {0x2060, 0x2FFF}, {0x3001, 0xFEFE}, {0xFF00, 0x10FFFF}},
    not_lines[] = {{0, 9}, {0x0B, 0x0C}, {0x0E, 0x84}, {0x86, 0x2027}, {0x202A, 0x10FFFF}};

static const struct { char letter; const struct tl_range *range; size_t n; } sets[] = {
    {'d', digits, TL_COUNT(digits)}, {'w', words, TL_COUNT(words)}, {'s', blanks, TL_COUNT(blanks)},
    {'D', not_digits, TL_COUNT(not_digits)}, {'W', not_words, TL_COUNT(not_words)}, {'S', not_blanks, TL_COUNT(not_blanks)},
};

static bool peek(const struct pattern *p, char c)
{
    return p->at < p->end && *p->at == c;
}

static bool peek_text(const struct pattern *p, const char *text)
{
    size_t n = strlen(text);
    return (size_t)(p->end - p->at) >= n && memcmp(p->at, text, n) == 0;
}

/* --- characters --------------------------------------------------------------------------------------------------------------- */

static int read_hex(struct pattern *p, unsigned most, unsigned least, uint32_t *ret)
{
    uint32_t code = 0;
    unsigned n = 0;
    for (; n < most && p->at < p->end; n++, p->at++) {
        char c = *p->at, lower = (char)(c | 0x20);
        if (c >= '0' && c <= '9')
            code = code << 4 | (uint32_t)(c - '0');
        else if (lower >= 'a' && lower <= 'f')
            code = code << 4 | (uint32_t)(lower - 'a' + 10);
        else
            break;
    }
    *ret = code;
    return n >= least && code <= 0x10FFFF ? 0 : TL_LANGUAGE_UNKNOWN;
}

/* Behind a backslash: one character. */
static int read_escape(struct pattern *p, uint32_t *ret)
{
    static const char letters[] = "nrtfv0", meanings[] = "\n\r\t\f\v\0";
    if (p->at >= p->end)
        return TL_LANGUAGE_UNKNOWN;
    char c = *p->at++;
    const char *found = strchr(letters, c);
    if (found && c) {
        *ret = (uint8_t)meanings[found - letters];
        return c == '0' && p->at < p->end && *p->at >= '0' && *p->at <= '9' ? TL_LANGUAGE_UNKNOWN : 0;
    }
    if (c == 'x')
        return read_hex(p, 2, 2, ret);
    if (c == 'u' && peek(p, '{')) {
        p->at++;
        int r = read_hex(p, 6, 1, ret);
        p->at += r >= 0 && peek(p, '}');
        return r >= 0 && p->at[-1] == '}' ? 0 : TL_LANGUAGE_UNKNOWN;
    }
    if (c == 'u')
        return read_hex(p, 4, 4, ret);
    *ret = (uint8_t)c;                                               /* punctuation stands for itself */
    return (uint8_t)c >= 0x80 || (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ? TL_LANGUAGE_UNKNOWN : 0;
}

static int read_character(struct pattern *p, uint32_t *ret)
{
    int n = tl_utf8_decode(p->at, (size_t)(p->end - p->at), ret);
    p->at += n < 0 ? -n : n;
    return n < 0 ? TL_LANGUAGE_UNKNOWN : 0;
}

/* \d and its like, where one stands: its ranges; the reader is behind it. */
static bool read_set(struct pattern *p, const struct tl_range **ret_range, size_t *ret_n)
{
    for (size_t i = 0; i < TL_COUNT(sets); i++)
        if (p->end - p->at >= 2 && p->at[0] == '\\' && p->at[1] == sets[i].letter) {
            *ret_range = sets[i].range;
            *ret_n = sets[i].n;
            p->at += 2;
            return true;
        }
    return false;
}

struct class { struct tl_range *range; size_t n; bool has_set; };

static int read_class_character(struct pattern *p, uint32_t *ret)
{
    if (!peek(p, '\\'))
        return p->at < p->end ? read_character(p, ret) : TL_LANGUAGE_UNKNOWN;
    p->at++;
    if (peek(p, 'b')) {
        p->at++;
        *ret = '\b';
        return 0;
    }
    return read_escape(p, ret);
}

static int read_class_item(struct pattern *p, struct class *class)
{
    const struct tl_range *set;
    size_t n_set;
    if (class->n + TL_COUNT(not_blanks) >= RANGES)
        return TL_LANGUAGE_UNKNOWN;
    if (read_set(p, &set, &n_set)) {
        memcpy(class->range + class->n, set, n_set * sizeof *set);
        class->n += n_set;
        class->has_set = true;
        return 0;
    }
    struct tl_range range;
    int r = read_class_character(p, &range.lo);
    range.hi = range.lo;
    if (r >= 0 && peek(p, '-') && p->end - p->at >= 2 && p->at[1] != ']') {
        p->at++;
        if (peek(p, '\\') && p->end - p->at >= 2 && strchr("dwsDWS", p->at[1]))
            return TL_LANGUAGE_UNKNOWN;
        r = read_class_character(p, &range.hi);
    }
    if (r < 0 || range.hi < range.lo)
        return TL_LANGUAGE_UNKNOWN;
    class->range[class->n++] = range;
    return 0;
}

static int read_class(struct pattern *p, uint32_t *ret)
{
    TL_AUTO struct tl_range *range = tl_alloc(2 * RANGES + 8, sizeof *range);
    struct class class = {.range = range};
    if (!range)
        return TL_E_NOMEM;
    p->at++;
    bool negated = peek(p, '^');
    p->at += negated;
    while (!peek(p, ']')) {
        int r = p->at < p->end ? read_class_item(p, &class) : TL_LANGUAGE_UNKNOWN;
        if (r < 0)
            return r;
    }
    p->at++;
    if (negated && class.has_set)
        class.range[class.n++] = (struct tl_range){0x80, 0x10FFFF};
    if (negated) {
        struct tl_range *rest = range + RANGES + 4;
        class.n = tl_ranges_negate(range, tl_ranges_tidy(range, class.n), rest);
        memmove(range, rest, class.n * sizeof *range);
    }
    *ret = tl_draft_class(p->draft, range, class.n);
    return p->draft->status;
}

/* --- structure ------------------------------------------------------------------------------------------------------------------ */

static int read_choices(struct pattern *p, uint32_t *ret);

static int read_group(struct pattern *p, uint32_t *ret)
{
    p->at++;
    if (peek_text(p, "?:"))
        p->at += 2;
    else if (peek_text(p, "?<") || peek_text(p, "?P<")) {
        p->at += p->at[1] == 'P' ? 3 : 2;
        if (peek(p, '=') || peek(p, '!'))
            return TL_LANGUAGE_UNKNOWN;
        while (p->at < p->end && *p->at != '>')
            p->at++;
        p->at += p->at < p->end;
    } else if (peek(p, '?')) {
        return TL_LANGUAGE_UNKNOWN;
    }
    if (++p->depth > TL_GRAMMAR_NESTING)
        return TL_LANGUAGE_UNKNOWN;
    int r = read_choices(p, ret);
    p->depth--;
    if (r >= 0 && !peek(p, ')'))
        r = TL_LANGUAGE_UNKNOWN;
    p->at += r >= 0;
    return r;
}

static int read_atom(struct pattern *p, uint32_t *ret)
{
    const struct tl_range *set;
    size_t n_set;
    uint32_t code;
    int r = 0;
    if (peek(p, '(') || peek(p, '['))
        return *p->at == '(' ? read_group(p, ret) : read_class(p, ret);
    if (peek(p, '^') || peek(p, '$')) {
        *ret = tl_draft_expr(p->draft, (struct tl_expr){.kind = *p->at++ == '^' ? TL_EXPR_BEGIN : TL_EXPR_STOP});
        return p->draft->status;
    }
    if (peek(p, '*') || peek(p, '+') || peek(p, '?'))
        return TL_LANGUAGE_UNKNOWN;
    if (peek(p, '.')) {
        p->at++;
        *ret = tl_draft_class(p->draft, not_lines, TL_COUNT(not_lines));
        return p->draft->status;
    }
    if (read_set(p, &set, &n_set)) {
        *ret = tl_draft_class(p->draft, set, n_set);
        return p->draft->status;
    }
    if (peek(p, '\\')) {
        p->at++;
        r = read_escape(p, &code);
    } else {
        r = read_character(p, &code);
    }
    if (r >= 0)
        *ret = tl_draft_class(p->draft, &(struct tl_range){code, code}, 1);
    return r < 0 ? r : p->draft->status;
}

static bool read_number(struct pattern *p, uint32_t *ret)
{
    uint32_t n = 0;
    const char *start = p->at;
    for (; p->at < p->end && *p->at >= '0' && *p->at <= '9'; p->at++)
        n = n > TL_LANGUAGE_STATES ? n : 10 * n + (uint32_t)(*p->at - '0');
    *ret = n;
    return p->at > start;
}

/* {m}, {m,} or {m,n}; false, and nothing read, where a brace stands for itself. */
static bool read_times(struct pattern *p, uint32_t *ret_min, uint32_t *ret_max)
{
    const char *start = p->at++;
    bool good = read_number(p, ret_min);
    *ret_max = *ret_min;
    if (good && peek(p, ',')) {
        p->at++;
        if (!read_number(p, ret_max))
            *ret_max = TL_GRAMMAR_NO_END;
    }
    good = good && peek(p, '}');
    p->at = good ? p->at + 1 : start;
    return good;
}

static int read_item(struct pattern *p, uint32_t *ret)
{
    uint32_t min = 0, max = TL_GRAMMAR_NO_END;
    bool repeated = false;
    int r = read_atom(p, ret);
    if (r < 0)
        return r;
    if (peek(p, '{'))
        repeated = read_times(p, &min, &max);
    else if (peek(p, '*') || peek(p, '+') || peek(p, '?')) {
        min = *p->at == '+';
        max = *p->at == '?' ? 1 : TL_GRAMMAR_NO_END;
        repeated = true;
        p->at++;
    }
    if (!repeated)
        return 0;
    if (peek(p, '+') || max < min)                                   /* possessive, or wrong */
        return TL_LANGUAGE_UNKNOWN;
    p->at += peek(p, '?');                                           /* lazy: the same language */
    if (peek(p, '*') || peek(p, '+') || peek(p, '?'))
        return TL_LANGUAGE_UNKNOWN;
    *ret = tl_draft_repeat(p->draft, *ret, min, max);
    return p->draft->status;
}

static int push(struct pattern *p, uint32_t expr)
{
    if (p->n_stack == ITEMS)
        return TL_LANGUAGE_UNKNOWN;
    if (tl_grow((void **)&p->stack, p->n_stack, &p->stack_cap, sizeof *p->stack) < 0)
        return TL_E_NOMEM;
    p->stack[p->n_stack++] = expr;
    return 0;
}

static int read_sequence(struct pattern *p, uint32_t *ret)
{
    uint64_t base = p->n_stack;
    int r = 0;
    while (r >= 0 && p->at < p->end && *p->at != '|' && *p->at != ')') {
        uint32_t item = TL_EXPR_NONE;
        r = read_item(p, &item);
        if (r >= 0)
            r = push(p, item);
    }
    if (r >= 0) {
        *ret = tl_draft_sequence(p->draft, p->stack ? p->stack + base : NULL, p->n_stack - base);
        r = p->draft->status;
    }
    p->n_stack = base;
    return r;
}

static int read_choices(struct pattern *p, uint32_t *ret)
{
    uint64_t base = p->n_stack;
    int r = 0;
    for (bool more = true; r >= 0 && more;) {
        uint32_t sequence = TL_EXPR_NONE;
        r = read_sequence(p, &sequence);
        if (r >= 0)
            r = push(p, sequence);
        more = peek(p, '|');
        p->at += more;
    }
    if (r >= 0) {
        *ret = tl_draft_choice(p->draft, p->stack + base, p->n_stack - base);
        r = p->draft->status;
    }
    p->n_stack = base;
    return r;
}

int tl_pattern_read(struct tl_draft *draft, const char *text, size_t n_bytes, uint32_t *ret_expr)
{
    struct pattern p = {.draft = draft, .at = text, .end = text + n_bytes};
    int r = read_choices(&p, ret_expr);
    if (r >= 0 && p.at != p.end)
        r = TL_LANGUAGE_UNKNOWN;
    tl_free(p.stack);
    return r;
}
