/* SPDX-License-Identifier: MIT */
/* GBNF, the notation of llama.cpp's grammars: NAME ::= alternatives of sequences of literals, classes, names, groups and
 * `.`, each with * + ? or {m,n} behind it; # begins a comment. A rule ends with its line but inside a group and behind |.
 *
 * What is wrong is refused with the line and what was expected there. */
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "base/hash.h"
#include "base/memory.h"
#include "base/utf8.h"
#include "grammar/draft.h"

enum { CLASS_RANGES = 4096, ITEMS = 65536 };

struct name { uint32_t rule, next; bool defined; };

struct gbnf {
    const char *text, *at, *end;
    struct tl_draft *draft;
    struct name *name;                   /* [rule] */
    uint64_t name_cap;
    uint32_t bucket[1024];               /* rules + 1, by the hash of their names */
    uint32_t *stack;                     /* expressions of the sequences and choices that are being read */
    uint64_t n_stack, stack_cap;
    unsigned depth;
};

static int fail(struct gbnf *g, const char *expected)
{
    unsigned line = 1;
    char found[16];
    for (const char *p = g->text; p < g->at; p++)
        line += *p == '\n';
    unsigned char c = g->at < g->end ? (unsigned char)*g->at : 0;
    if (g->at >= g->end)
        snprintf(found, sizeof found, "the end");
    else
        snprintf(found, sizeof found, c > 0x20 && c < 0x7F ? "'%c'" : "0x%02x", c);
    return g->draft->status < 0 ? g->draft->status :
           tl_draft_fail(g->draft, tl_fail(TL_E_USAGE, "%s: line %u: expected %s, found %s", g->draft->where, line, expected, found));
}

static bool peek(const struct gbnf *g, char c)
{
    return g->at < g->end && *g->at == c;
}

static void skip(struct gbnf *g, bool lines)
{
    while (g->at < g->end) {
        if (*g->at == '#')
            while (g->at < g->end && *g->at != '\n' && *g->at != '\r')
                g->at++;
        else if (*g->at == ' ' || *g->at == '\t' || (lines && (*g->at == '\n' || *g->at == '\r')))
            g->at++;
        else
            break;
    }
}

/* --- names ---------------------------------------------------------------------------------------------------------- */

static bool is_word(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
}

static int read_name(struct gbnf *g, uint32_t *ret_rule)
{
    const char *start = g->at;
    while (g->at < g->end && is_word(*g->at))
        g->at++;
    size_t n = (size_t)(g->at - start);
    if (n == 0)
        return fail(g, "a name");
    struct tl_grammar *grammar = g->draft->grammar;
    uint32_t *bucket = &g->bucket[tl_hash_bytes(start, n, 0) % 1024];
    for (uint32_t i = *bucket; i > 0; i = g->name[i - 1].next)
        if (grammar->rule[i - 1].n_name == n && memcmp(grammar->names.data + grammar->rule[i - 1].name, start, n) == 0) {
            *ret_rule = i - 1;
            return 0;
        }
    uint32_t rule = tl_draft_rule(g->draft, start, n);
    if (tl_draft_fail(g->draft, tl_reserve((void **)&g->name, rule + 1ull, &g->name_cap, sizeof *g->name)) < 0)
        return g->draft->status;
    g->name[rule] = (struct name){.rule = rule, .next = *bucket};
    *bucket = rule + 1;
    *ret_rule = rule;
    return 0;
}

/* --- characters ----------------------------------------------------------------------------------------------------- */

static int read_hex(struct gbnf *g, unsigned n, uint32_t *ret)
{
    uint32_t code = 0;
    for (unsigned i = 0; i < n; i++) {
        char c = g->at < g->end ? *g->at : 0, lower = (char)(c | 0x20);
        bool digit = c >= '0' && c <= '9';
        if (!digit && (lower < 'a' || lower > 'f'))
            return fail(g, "hex digits");
        code = code << 4 | (uint32_t)(digit ? c - '0' : lower - 'a' + 10);
        g->at++;
    }
    *ret = code;
    return code <= 0x10FFFF && (code < 0xD800 || code > 0xDFFF) ? 0 : fail(g, "the number of a character");
}

/* One character of a literal or a class, escaped or not. */
static int read_character(struct gbnf *g, uint32_t *ret)
{
    if (g->at >= g->end)
        return fail(g, "a character");
    if (*g->at != '\\') {
        int n = tl_utf8_decode(g->at, (size_t)(g->end - g->at), ret);
        if (n < 0)
            return fail(g, "UTF-8");
        g->at += n;
        return 0;
    }
    g->at++;
    char c = g->at < g->end ? *g->at : 0;
    if (c == 'x' || c == 'u' || c == 'U') {
        g->at++;
        return read_hex(g, c == 'x' ? 2 : c == 'u' ? 4 : 8, ret);
    }
    static const char letters[] = "nrt\\\"[]-^/", meanings[] = "\n\r\t\\\"[]-^/";
    const char *found = c ? strchr(letters, c) : NULL;
    if (!found)
        return fail(g, "an escape letter");
    *ret = (uint8_t)meanings[found - letters];
    g->at++;
    return 0;
}

static int read_literal(struct gbnf *g, uint32_t *ret)
{
    struct tl_buffer bytes;
    int r = 0;
    tl_buffer_init(&bytes, 0);
    for (g->at++; r >= 0 && !peek(g, '"');) {
        char utf8[TL_UTF8_MAX_BYTES];
        uint32_t code;
        r = g->at < g->end ? read_character(g, &code) : fail(g, "'\"' at the end of a literal");
        if (r >= 0)
            r = tl_draft_fail(g->draft, tl_buffer_append(&bytes, utf8, tl_utf8_encode(code, utf8)));
    }
    g->at++;
    *ret = tl_draft_literal(g->draft, bytes.data, bytes.len);
    tl_buffer_done(&bytes);
    return g->draft->status;
}

static int read_class(struct gbnf *g, uint32_t *ret)
{
    TL_AUTO struct tl_range *range = tl_alloc(2 * CLASS_RANGES + 4, sizeof *range);
    size_t n = 0;
    bool negated;
    if (!range)
        return tl_draft_fail(g->draft, TL_E_NOMEM);
    g->at++;
    negated = peek(g, '^');
    g->at += negated;
    while (!peek(g, ']')) {
        if (n == CLASS_RANGES || g->at >= g->end)
            return fail(g, n == CLASS_RANGES ? "at most 4096 ranges in a class" : "']' at the end of a class");
        if (read_character(g, &range[n].lo) < 0)
            return g->draft->status;
        range[n].hi = range[n].lo;
        if (peek(g, '-') && g->at + 1 < g->end && g->at[1] != ']') {
            g->at++;
            if (read_character(g, &range[n].hi) < 0)
                return g->draft->status;
            if (range[n].hi < range[n].lo)
                return fail(g, "a range that goes up");
        }
        n++;
    }
    g->at++;
    if (negated) {
        n = tl_ranges_tidy(range, n);
        struct tl_range *rest = range + CLASS_RANGES + 2;
        n = tl_ranges_negate(range, n, rest);
        memmove(range, rest, n * sizeof *range);
    }
    *ret = tl_draft_class(g->draft, range, n);
    return g->draft->status;
}

/* --- sequences ------------------------------------------------------------------------------------------------------ */

static int read_choices(struct gbnf *g, bool nested, uint32_t *ret);

static int read_number(struct gbnf *g, uint32_t *ret)
{
    uint32_t n = 0;
    const char *start = g->at;
    for (; g->at < g->end && *g->at >= '0' && *g->at <= '9'; g->at++)
        if ((n = 10 * n + (uint32_t)(*g->at - '0')) > TL_GRAMMAR_TIMES)
            return fail(g, "at most 1048576 repetitions");
    *ret = n;
    return g->at > start ? 0 : fail(g, "a number of repetitions");
}

static int read_times(struct gbnf *g, uint32_t *ret_min, uint32_t *ret_max)
{
    char c = *g->at++;
    *ret_min = c == '+';
    *ret_max = c == '?' ? 1 : TL_GRAMMAR_NO_END;
    if (c != '{')
        return 0;
    skip(g, false);
    if (!peek(g, ',') && read_number(g, ret_min) < 0)
        return g->draft->status;
    skip(g, false);
    if (!peek(g, ','))
        *ret_max = *ret_min;
    g->at += peek(g, ',');
    skip(g, false);
    if (!peek(g, '}') && read_number(g, ret_max) < 0)
        return g->draft->status;
    skip(g, false);
    if (!peek(g, '}'))
        return fail(g, "'}'");
    g->at++;
    return *ret_min <= *ret_max ? 0 : fail(g, "repetitions that go up");
}

static int read_group(struct gbnf *g, uint32_t *ret)
{
    g->at++;
    if (++g->depth > TL_GRAMMAR_NESTING)
        return fail(g, "at most 64 groups in each other");
    skip(g, true);
    if (read_choices(g, true, ret) < 0)
        return g->draft->status;
    g->depth--;
    if (!peek(g, ')'))
        return fail(g, "')'");
    g->at++;
    return 0;
}

static int read_any(struct gbnf *g, uint32_t *ret)
{
    g->at++;
    *ret = tl_draft_class(g->draft, &(struct tl_range){0, 0x10FFFF}, 1);
    return g->draft->status;
}

static int read_call(struct gbnf *g, uint32_t *ret)
{
    uint32_t rule;
    if (read_name(g, &rule) < 0)
        return g->draft->status;
    *ret = tl_draft_call(g->draft, rule);
    return g->draft->status;
}

static int read_item(struct gbnf *g, bool nested, uint32_t *ret)
{
    unsigned postfix = 0;
    int r = peek(g, '"') ? read_literal(g, ret) : peek(g, '[') ? read_class(g, ret) : peek(g, '(') ? read_group(g, ret) :
            peek(g, '.') ? read_any(g, ret) : read_call(g, ret);
    for (skip(g, nested); r >= 0 && g->at < g->end && strchr("*+?{", *g->at) && *g->at; skip(g, nested)) {
        uint32_t min, max;
        if (++postfix > TL_GRAMMAR_NESTING)
            return fail(g, "at most 64 repetitions of one thing");
        if (read_times(g, &min, &max) < 0)
            return g->draft->status;
        *ret = tl_draft_repeat(g->draft, *ret, min, max);
        r = g->draft->status;
    }
    return r;
}

static int push(struct gbnf *g, uint32_t expr)
{
    if (tl_draft_fail(g->draft, tl_grow((void **)&g->stack, g->n_stack, &g->stack_cap, sizeof *g->stack)) < 0)
        return g->draft->status;
    g->stack[g->n_stack++] = expr;
    return 0;
}

static bool begins_item(const struct gbnf *g)
{
    return g->at < g->end && (is_word(*g->at) || *g->at == '"' || *g->at == '[' || *g->at == '(' || *g->at == '.');
}

static int read_sequence(struct gbnf *g, bool nested, uint32_t *ret)
{
    uint64_t base = g->n_stack;
    while (begins_item(g)) {
        uint32_t item;
        if (read_item(g, nested, &item) < 0 || push(g, item) < 0)
            return g->draft->status;
    }
    *ret = tl_draft_sequence(g->draft, g->stack ? g->stack + base : NULL, g->n_stack - base);
    g->n_stack = base;
    return g->draft->status;
}

static int read_choices(struct gbnf *g, bool nested, uint32_t *ret)
{
    uint64_t base = g->n_stack;
    for (;;) {
        uint32_t sequence = TL_EXPR_NONE;
        if (read_sequence(g, nested, &sequence) < 0 || push(g, sequence) < 0)
            return g->draft->status;
        if (!peek(g, '|'))
            break;
        g->at++;
        skip(g, true);
    }
    *ret = tl_draft_choice(g->draft, g->stack + base, g->n_stack - base);
    g->n_stack = base;
    return g->draft->status;
}

/* --- rules ---------------------------------------------------------------------------------------------------------- */

static int read_rule(struct gbnf *g)
{
    uint32_t rule, expr;
    if (read_name(g, &rule) < 0)
        return g->draft->status;
    skip(g, false);
    if (g->end - g->at < 3 || memcmp(g->at, "::=", 3) != 0)
        return fail(g, "'::='");
    g->at += 3;
    skip(g, true);
    if (g->name[rule].defined)
        return fail(g, "one definition of each rule");
    if (read_choices(g, false, &expr) < 0)
        return g->draft->status;
    if (g->at < g->end && *g->at != '\n' && *g->at != '\r')
        return fail(g, "the end of the line or of the rule");
    tl_draft_define(g->draft, rule, expr);
    g->name[rule].defined = true;
    return g->draft->status;
}

static int read_all(struct gbnf *g, uint32_t *ret_root)
{
    bool has_root = false;
    for (skip(g, true); g->at < g->end; skip(g, true))
        if (read_rule(g) < 0)
            return g->draft->status;
    const struct tl_grammar *grammar = g->draft->grammar;
    for (uint32_t i = 0; i < grammar->n_rules; i++) {
        const struct tl_grammar_rule *rule = &grammar->rule[i];
        if (rule->start == TL_GRAMMAR_ACCEPT)
            return tl_fail(TL_E_USAGE, "%s: rule %.*s is not defined", g->draft->where, (int)(rule->n_name < 80 ? rule->n_name : 80), grammar->names.data + rule->name);
        if (rule->n_name == 4 && memcmp(grammar->names.data + rule->name, "root", 4) == 0 && i < g->name_cap && g->name[i].defined)
            *ret_root = i, has_root = true;
    }
    return has_root ? 0 : tl_fail(TL_E_USAGE, "%s: no rule is called root", g->draft->where);
}

int tl_grammar_from_gbnf(const char *where, const char *text, size_t n_bytes, struct tl_grammar **ret_grammar)
{
    struct tl_draft draft;
    struct gbnf *g = tl_alloc(1, sizeof *g);
    uint32_t root = 0;
    if (!g)
        return TL_E_NOMEM;
    tl_draft_init(&draft, where);
    *g = (struct gbnf){.text = text, .at = text, .end = text + n_bytes, .draft = &draft};
    int r = draft.status < 0 ? draft.status : read_all(g, &root);
    if (r >= 0)
        r = tl_draft_finish(&draft, root, ret_grammar);
    tl_free(g->name);
    tl_free(g->stack);
    tl_free(g);
    tl_draft_done(&draft);
    return r;
}
