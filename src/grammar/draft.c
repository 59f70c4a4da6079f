/* SPDX-License-Identifier: MIT */
/* Expressions and what becomes of them. A rule's expression is written from its end to its beginning: each part is told
 * the node behind it. Short repetitions are written out; long ones become a REPEAT node and a rule of their own, so that
 * a count costs nothing. */
#include "grammar/draft.h"

#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"

enum { WRITTEN_OUT = 8 };                /* repetitions of something small */

int tl_draft_fail(struct tl_draft *draft, int status)
{
    if (draft->status >= 0 && status < 0)
        draft->status = status;
    return draft->status;
}

static void full(struct tl_draft *draft)
{
    if (draft->status >= 0)
        draft->status = tl_fail(TL_E_USAGE, "%s: too large a grammar: more than %d nodes", draft->where, TL_GRAMMAR_NODES);
}

/* Room for `n` more elements; false after a failure. */
static bool room(struct tl_draft *draft, void *slot, uint64_t count, uint64_t n, uint64_t *cap, size_t elem_bytes)
{
    void *array;
    if (draft->status < 0)
        return false;
    if (count + n > TL_GRAMMAR_NODES) {
        full(draft);
        return false;
    }
    if (count + n <= *cap)
        return true;
    memcpy(&array, slot, sizeof array);
    tl_draft_fail(draft, tl_reserve(&array, count + n > 2 * *cap ? count + n : 2 * *cap, cap, elem_bytes));
    memcpy(slot, &array, sizeof array);
    return draft->status >= 0;
}

int tl_draft_init(struct tl_draft *draft, const char *where)
{
    *draft = (struct tl_draft){.where = where};
    tl_buffer_init(&draft->text, 4 * TL_GRAMMAR_NODES);
    if (!(draft->grammar = tl_alloc(1, sizeof *draft->grammar)))
        return draft->status = TL_E_NOMEM;
    tl_buffer_init(&draft->grammar->names, 4 * TL_GRAMMAR_NODES);
    tl_buffer_init(&draft->grammar->dropped, 4096);
    if (!room(draft, &draft->expr, 0, 2, &draft->expr_cap, sizeof *draft->expr))
        return draft->status;
    draft->expr[TL_EXPR_NONE] = (struct tl_expr){.kind = TL_EXPR_EMPTY};
    draft->expr[TL_EXPR_DEAD] = (struct tl_expr){.kind = TL_EXPR_NEVER};
    draft->n_exprs = 2;
    return 0;
}

void tl_draft_done(struct tl_draft *draft)
{
    tl_grammar_free(draft->grammar);
    tl_free(draft->expr);
    tl_free(draft->range);
    tl_free(draft->item);
    tl_buffer_done(&draft->text);
}

int tl_draft_finish(struct tl_draft *draft, uint32_t root, struct tl_grammar **ret_grammar)
{
    if (draft->status < 0)
        return draft->status;
    draft->grammar->root = root;
    int r = draft->grammar->names.status < 0 ? draft->grammar->names.status : tl_grammar_finish(draft->grammar, draft->where);
    if (r >= 0) {
        *ret_grammar = draft->grammar;
        draft->grammar = NULL;
    }
    return r;
}

/* --- expressions ---------------------------------------------------------------------------------------------------- */

uint32_t tl_draft_expr(struct tl_draft *draft, struct tl_expr expr)
{
    if (!room(draft, &draft->expr, draft->n_exprs, 1, &draft->expr_cap, sizeof *draft->expr))
        return TL_EXPR_NONE;
    draft->expr[draft->n_exprs] = expr;
    return (uint32_t)draft->n_exprs++;
}

uint32_t tl_draft_literal(struct tl_draft *draft, const char *bytes, size_t n_bytes)
{
    uint32_t at = (uint32_t)draft->text.len;
    if (n_bytes == 0)
        return TL_EXPR_NONE;
    tl_draft_fail(draft, tl_buffer_append(&draft->text, bytes, n_bytes));
    return tl_draft_expr(draft, (struct tl_expr){.kind = TL_EXPR_LITERAL, .a = at, .b = (uint32_t)n_bytes});
}

uint32_t tl_draft_text(struct tl_draft *draft, const char *text)
{
    return tl_draft_literal(draft, text, strlen(text));
}

uint32_t tl_draft_class(struct tl_draft *draft, const struct tl_range *range, size_t n_ranges)
{
    uint32_t at = (uint32_t)draft->n_ranges;
    if (!room(draft, &draft->range, draft->n_ranges, n_ranges + 1, &draft->range_cap, sizeof *draft->range))
        return TL_EXPR_NONE;
    memcpy(draft->range + at, range, n_ranges * sizeof *range);
    size_t n = tl_ranges_tidy(draft->range + at, n_ranges);
    draft->n_ranges += n;
    return n == 0 ? TL_EXPR_DEAD : tl_draft_expr(draft, (struct tl_expr){.kind = TL_EXPR_CLASS, .a = at, .b = (uint32_t)n});
}

static uint32_t list(struct tl_draft *draft, enum tl_expr_kind kind, const uint32_t *items, size_t n_items)
{
    uint32_t at = (uint32_t)draft->n_items;
    if (!room(draft, &draft->item, draft->n_items, n_items, &draft->item_cap, sizeof *draft->item))
        return TL_EXPR_NONE;
    memcpy(draft->item + at, items, n_items * sizeof *items);
    draft->n_items += n_items;
    return tl_draft_expr(draft, (struct tl_expr){.kind = (uint8_t)kind, .a = at, .b = (uint32_t)n_items});
}

uint32_t tl_draft_sequence(struct tl_draft *draft, const uint32_t *items, size_t n_items)
{
    return n_items == 0 ? TL_EXPR_NONE : n_items == 1 ? items[0] : list(draft, TL_EXPR_SEQUENCE, items, n_items);
}

uint32_t tl_draft_choice(struct tl_draft *draft, const uint32_t *items, size_t n_items)
{
    return n_items == 0 ? TL_EXPR_DEAD : n_items == 1 ? items[0] : list(draft, TL_EXPR_CHOICE, items, n_items);
}

uint32_t tl_draft_two(struct tl_draft *draft, uint32_t first, uint32_t second)
{
    return tl_draft_sequence(draft, (const uint32_t[]){first, second}, 2);
}

uint32_t tl_draft_repeat(struct tl_draft *draft, uint32_t item, uint32_t min, uint32_t max)
{
    if (max == 0 || item == TL_EXPR_NONE)
        return TL_EXPR_NONE;
    if (min > TL_GRAMMAR_TIMES || (max > TL_GRAMMAR_TIMES && max != TL_GRAMMAR_NO_END) || min > max)
        tl_draft_fail(draft, draft->status < 0 ? 0 : tl_fail(TL_E_USAGE, min > max ? "%s: a repetition from %u to %u times" :
            "%s: a repetition of %u or %u times, at most 1048576 supported", draft->where, min, max));
    return min == 1 && max == 1 ? item : tl_draft_expr(draft, (struct tl_expr){.kind = TL_EXPR_REPEAT, .a = item, .min = min, .max = max});
}

uint32_t tl_draft_optional(struct tl_draft *draft, uint32_t item)
{
    return tl_draft_repeat(draft, item, 0, 1);
}

uint32_t tl_draft_call(struct tl_draft *draft, uint32_t rule)
{
    return tl_draft_expr(draft, (struct tl_expr){.kind = TL_EXPR_RULE, .a = rule});
}

uint32_t tl_draft_rule(struct tl_draft *draft, const char *name, size_t n_name)
{
    struct tl_grammar *grammar = draft->grammar;
    if (draft->status < 0 || !room(draft, &grammar->rule, grammar->n_rules, 1, &grammar->rule_cap, sizeof *grammar->rule))
        return 0;
    if (grammar->n_rules == TL_GRAMMAR_RULES) {
        tl_draft_fail(draft, tl_fail(TL_E_USAGE, "%s: more than %d rules", draft->where, TL_GRAMMAR_RULES));
        return 0;
    }
    grammar->rule[grammar->n_rules] = (struct tl_grammar_rule){.start = TL_GRAMMAR_ACCEPT, .name = (uint32_t)grammar->names.len, .n_name = (uint32_t)n_name};
    tl_draft_fail(draft, tl_buffer_append(&grammar->names, name, n_name));
    return (uint32_t)grammar->n_rules++;
}

/* --- nodes ---------------------------------------------------------------------------------------------------------- */

uint32_t tl_draft_node(struct tl_draft *draft, struct tl_grammar_node node)
{
    struct tl_grammar *grammar = draft->grammar;
    if (draft->status < 0 || !room(draft, &grammar->node, grammar->n_nodes, 1, &grammar->node_cap, sizeof *grammar->node))
        return 0;
    grammar->node[grammar->n_nodes] = node;
    return (uint32_t)grammar->n_nodes++;
}

void tl_draft_edge(struct tl_draft *draft, uint8_t lo, uint8_t hi, uint32_t to)
{
    struct tl_grammar *grammar = draft->grammar;
    if (draft->status >= 0 && room(draft, &grammar->edge, grammar->n_edges, 1, &grammar->edge_cap, sizeof *grammar->edge))
        grammar->edge[grammar->n_edges++] = (struct tl_grammar_edge){.lo = lo, .hi = hi, .to = to};
}

void tl_draft_branch(struct tl_draft *draft, uint32_t split, const uint32_t *targets, size_t n)
{
    struct tl_grammar *grammar = draft->grammar;
    if (draft->status < 0 || !room(draft, &grammar->target, grammar->n_targets, n, &grammar->target_cap, sizeof *grammar->target))
        return;
    grammar->node[split].a = (uint32_t)grammar->n_targets;
    grammar->node[split].b = (uint32_t)n;
    if (n > 0)
        memcpy(grammar->target + grammar->n_targets, targets, n * sizeof *targets);
    grammar->n_targets += n;
}

static uint32_t split(struct tl_draft *draft, const uint32_t *targets, size_t n)
{
    uint32_t node = n == 1 ? targets[0] : tl_draft_node(draft, (struct tl_grammar_node){.kind = TL_GRAMMAR_SPLIT});
    if (n != 1)
        tl_draft_branch(draft, node, targets, n);
    return node;
}

static uint32_t write(struct tl_draft *draft, uint32_t expr, uint32_t next);

struct literal { const uint8_t *bytes; uint32_t n_bytes; };

static int compare_literals(const void *a, const void *b)
{
    const struct literal *x = a, *y = b;
    int order = memcmp(x->bytes, y->bytes, x->n_bytes < y->n_bytes ? x->n_bytes : y->n_bytes);
    return order ? order : (x->n_bytes > y->n_bytes) - (x->n_bytes < y->n_bytes);
}

static uint32_t write_bytes(struct tl_draft *draft, const uint8_t *bytes, uint32_t n_bytes, uint32_t next)
{
    while (n_bytes > 0 && draft->status >= 0) {
        n_bytes--;
        tl_draft_edge(draft, bytes[n_bytes], bytes[n_bytes], next);
        next = tl_draft_node(draft, (struct tl_grammar_node){.kind = TL_GRAMMAR_BYTES, .a = (uint32_t)draft->grammar->n_edges - 1, .b = 1});
    }
    return next;
}

static uint32_t write_literals(struct tl_draft *draft, const struct literal *literal, size_t n, uint32_t at, uint32_t next);

/* An edge for each byte that sorted literals have at `at`. */
static uint32_t write_forks(struct tl_draft *draft, const struct literal *literal, size_t n, uint32_t at, uint32_t next)
{
    size_t n_forks = 0, from = 0;
    for (size_t i = 0; i < n; i++)
        n_forks += i == 0 || literal[i].bytes[at] != literal[i - 1].bytes[at];
    TL_AUTO uint32_t *to = tl_alloc(n_forks, sizeof *to);
    if (!to)
        tl_draft_fail(draft, TL_E_NOMEM);
    for (size_t i = 1, k = 0; i <= n && draft->status >= 0; i++)
        if (i == n || literal[i].bytes[at] != literal[from].bytes[at]) {
            to[k++] = write_literals(draft, literal + from, i - from, at + 1, next);
            from = i;
        }
    uint32_t first = (uint32_t)draft->grammar->n_edges;
    for (size_t i = 0, k = 0; i < n && draft->status >= 0; i++)
        if (i == 0 || literal[i].bytes[at] != literal[i - 1].bytes[at])
            tl_draft_edge(draft, literal[i].bytes[at], literal[i].bytes[at], to[k++]);
    return tl_draft_node(draft, (struct tl_grammar_node){.kind = TL_GRAMMAR_BYTES, .a = first, .b = (uint32_t)n_forks});
}

/* Sorted literals from their byte `at` on. What they begin with is written once, so that a place in many of them is one frame. */
static uint32_t write_literals(struct tl_draft *draft, const struct literal *literal, size_t n, uint32_t at, uint32_t next)
{
    const struct literal *last = &literal[n - 1];
    uint32_t to = at, n_ended = 0, rest = next;
    while (to < literal->n_bytes && to < last->n_bytes && literal->bytes[to] == last->bytes[to])
        to++;
    while (n_ended < n && literal[n_ended].n_bytes == to)            /* the same ones stand beside each other */
        n_ended++;
    if (n_ended < n)
        rest = write_forks(draft, literal + n_ended, n - n_ended, to, next);
    if (n_ended > 0 && n_ended < n)
        rest = split(draft, (const uint32_t[]){next, rest}, 2);
    return write_bytes(draft, last->bytes + at, to - at, rest);
}

static uint32_t write_choice(struct tl_draft *draft, const struct tl_expr *expr, uint32_t next)
{
    TL_AUTO uint32_t *targets = tl_alloc(expr->b, sizeof *targets);
    TL_AUTO struct literal *literal = tl_alloc(expr->b, sizeof *literal);
    size_t n_targets = 0, n_literals = 0;
    if (!targets || !literal) {
        tl_draft_fail(draft, TL_E_NOMEM);
        return 0;
    }
    for (uint32_t i = 0; i < expr->b; i++) {
        const struct tl_expr *item = &draft->expr[draft->item[expr->a + i]];
        if (item->kind == TL_EXPR_LITERAL)
            literal[n_literals++] = (struct literal){(const uint8_t *)draft->text.data + item->a, item->b};
        else
            targets[n_targets++] = write(draft, draft->item[expr->a + i], next);
    }
    qsort(literal, n_literals, sizeof *literal, compare_literals);
    if (n_literals > 0)
        targets[n_targets++] = write_literals(draft, literal, n_literals, 0, next);
    return split(draft, targets, n_targets);
}

static bool is_small(const struct tl_draft *draft, uint32_t expr)
{
    const struct tl_expr *e = &draft->expr[expr];
    return e->kind == TL_EXPR_CLASS || e->kind == TL_EXPR_RULE || (e->kind == TL_EXPR_LITERAL && e->b <= WRITTEN_OUT);
}

/* Any number of times, or, entered at the body, once at least. The branch's first target is written behind it. */
static uint32_t write_loop(struct tl_draft *draft, uint32_t item, uint32_t next, bool once)
{
    uint32_t loop = split(draft, (const uint32_t[]){next, next}, 2);
    uint32_t body = write(draft, item, loop);
    if (draft->status >= 0)
        draft->grammar->target[draft->grammar->node[loop].a] = body;
    return once ? body : loop;
}

static uint32_t write_repeat(struct tl_draft *draft, const struct tl_expr *expr, uint32_t next)
{
    uint32_t at = next, last = expr->max == TL_GRAMMAR_NO_END ? expr->min : expr->max;
    if (last > 1 && (last > WRITTEN_OUT || !is_small(draft, expr->a))) {
        uint32_t rule = tl_draft_rule(draft, "repetition", 10), end = tl_draft_node(draft, (struct tl_grammar_node){.kind = TL_GRAMMAR_END});
        uint32_t start = write(draft, expr->a, end);
        if (draft->status >= 0)
            draft->grammar->rule[rule].start = start;
        return tl_draft_node(draft, (struct tl_grammar_node){.kind = TL_GRAMMAR_REPEAT, .a = rule, .b = next, .min = expr->min, .max = expr->max});
    }
    if (expr->max == TL_GRAMMAR_NO_END)
        at = write_loop(draft, expr->a, next, expr->min > 0);
    else
        for (uint32_t i = expr->min; i < expr->max; i++)
            at = split(draft, (const uint32_t[]){write(draft, expr->a, at), next}, 2);
    for (uint32_t i = expr->max == TL_GRAMMAR_NO_END; i < expr->min; i++)
        at = write(draft, expr->a, at);
    return at;
}

static uint32_t write(struct tl_draft *draft, uint32_t index, uint32_t next)
{
    if (draft->status < 0)
        return 0;
    struct tl_expr expr = draft->expr[index];
    switch ((enum tl_expr_kind)expr.kind) {
    case TL_EXPR_EMPTY:   return next;
    case TL_EXPR_LITERAL: return write_bytes(draft, (const uint8_t *)draft->text.data + expr.a, expr.b, next);
    case TL_EXPR_CLASS:   return tl_draft_characters(draft, draft->range + expr.a, expr.b, next);
    case TL_EXPR_CHOICE:  return write_choice(draft, &expr, next);
    case TL_EXPR_REPEAT:  return write_repeat(draft, &expr, next);
    case TL_EXPR_RULE:    return tl_draft_node(draft, (struct tl_grammar_node){.kind = TL_GRAMMAR_CALL, .a = expr.a, .b = next});
    case TL_EXPR_SEQUENCE:
        for (uint32_t i = expr.b; i > 0; i--)
            next = write(draft, draft->item[expr.a + i - 1], next);
        return next;
    case TL_EXPR_NEVER: case TL_EXPR_BEGIN: case TL_EXPR_STOP: break;
    }
    return tl_draft_node(draft, (struct tl_grammar_node){.kind = TL_GRAMMAR_BYTES});
}

void tl_draft_define(struct tl_draft *draft, uint32_t rule, uint32_t expr)
{
    uint32_t end = tl_draft_node(draft, (struct tl_grammar_node){.kind = TL_GRAMMAR_END}), start = write(draft, expr, end);
    if (draft->status >= 0)
        draft->grammar->rule[rule].start = start;
}
