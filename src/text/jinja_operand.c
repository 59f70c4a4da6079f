/* SPDX-License-Identifier: MIT */
/* Operands: a literal, a name or brackets with suffixes behind it (.a [b] (c) | filter is test), maybe signed.
 * As in Jinja2, a sign binds looser than attributes and calls, tighter than filters. */
#include <string.h>

#include "base/error.h"
#include "text/jinja_builtin.h"
#include "text/jinja_parser.h"
#include "text/jinja_text.h"

enum { MAX_NAMED = 64 };

static int parse_one_argument(struct tl_jinja_parser *p, struct tl_jinja_call *call)
{
    struct tl_jinja_expr *expr;
    const struct tl_jinja_text *name = NULL;
    bool star = tl_jinja_parser_is(p, TL_JINJA_T_MUL), stars = tl_jinja_parser_is(p, TL_JINJA_T_POW);
    int r = 0;
    if (p->token.kind == TL_JINJA_T_NAME && (r = tl_jinja_parser_look(p)) >= 0 && p->ahead.kind == TL_JINJA_T_ASSIGN) {
        if ((r = tl_jinja_parser_text(p, p->token.start, p->token.n, &name)) < 0 || (r = tl_jinja_parser_next(p)) < 0)
            return r;
    }
    if (r < 0 || ((star || stars || name) && (r = tl_jinja_parser_next(p)) < 0))
        return r;
    if (call->dict || (star && call->list) || (!star && !stars && !name && (call->list || call->n_named)))
        return tl_jinja_parser_fail(p, "arguments in the order: plain, named, *list, **dict");
    if ((r = tl_jinja_expression_parse(p, &expr)) < 0)
        return r;
    if (star)
        call->list = expr;
    else if (stars)
        call->dict = expr;
    else if ((r = name ? tl_jinja_parser_push(p, (void *)name, 0) : 0) < 0 || (r = tl_jinja_parser_push(p, expr, 0)) < 0)
        return r;
    call->n_pos += !star && !stars && !name;
    call->n_named += name != NULL;
    return 0;
}

/* At "(": all arguments, and the ")". */
static int parse_arguments(struct tl_jinja_parser *p, struct tl_jinja_call *call)
{
    size_t mark = p->n_pile;
    int r = tl_jinja_parser_expect(p, TL_JINJA_T_LPAREN);
    for (bool first = true; r >= 0 && !tl_jinja_parser_is(p, TL_JINJA_T_RPAREN); first = false) {
        if (!first && ((r = tl_jinja_parser_expect(p, TL_JINJA_T_COMMA)) < 0 || tl_jinja_parser_is(p, TL_JINJA_T_RPAREN)))
            break;
        r = parse_one_argument(p, call);
    }
    if (call->n_named > MAX_NAMED)
        return tl_jinja_parser_fail(p, "at most 64 named arguments");
    if (r < 0 || (r = tl_jinja_parser_expect(p, TL_JINJA_T_RPAREN)) < 0)
        return r;
    call->pos = tl_jinja_parser_take(p, call->n_pos, sizeof *call->pos);
    call->named = tl_jinja_parser_take(p, call->n_named, sizeof *call->named);
    call->name = tl_jinja_parser_take(p, call->n_named, sizeof *call->name);
    if (!call->pos || !call->named || !call->name)
        return TL_E_NOMEM;
    for (uint32_t i = 0; i < call->n_pos; i++)
        call->pos[i] = p->pile[mark + i].item;
    for (uint32_t i = 0; i < call->n_named; i++) {
        for (uint32_t k = 0; k < i; k++)
            if (tl_jinja_text_same(call->name[k], p->pile[mark + call->n_pos + 2 * i].item))
                return tl_jinja_parser_fail(p, "each named argument once in front of this");
        call->name[i] = p->pile[mark + call->n_pos + 2 * i].item;
        call->named[i] = p->pile[mark + call->n_pos + 2 * i + 1].item;
    }
    p->n_pile = mark;
    return 0;
}

static int push_suffix(struct tl_jinja_parser *p, enum tl_jinja_suffix_kind kind, struct tl_jinja_suffix **ret)
{
    struct tl_jinja_suffix *suffix = tl_jinja_parser_take(p, 1, sizeof *suffix);
    if (!suffix)
        return TL_E_NOMEM;
    suffix->kind = (uint8_t)kind;
    suffix->line = p->token.line;
    *ret = suffix;
    return tl_jinja_parser_push(p, suffix, 0);
}

static int parse_attribute(struct tl_jinja_parser *p)
{
    struct tl_jinja_suffix *suffix;
    int r = tl_jinja_parser_next(p);
    if (r < 0 || (r = push_suffix(p, TL_JINJA_S_ATTRIBUTE, &suffix)) < 0)
        return r;
    if (tl_jinja_parser_is(p, TL_JINJA_T_INTEGER)) {
        suffix->kind = TL_JINJA_S_ITEM;
        return tl_jinja_primary_number(p, &suffix->part[0]);
    }
    if (!tl_jinja_parser_is(p, TL_JINJA_T_NAME))
        return tl_jinja_parser_fail(p, "a name behind the '.'");
    r = tl_jinja_parser_text(p, p->token.start, p->token.n, &suffix->name);
    return r < 0 ? r : tl_jinja_parser_next(p);
}

/* One part of [a:b:c]: nothing where `:` or `]` stands. */
static int parse_slice_part(struct tl_jinja_parser *p, struct tl_jinja_expr **ret)
{
    if (tl_jinja_parser_is(p, TL_JINJA_T_COLON) || tl_jinja_parser_is(p, TL_JINJA_T_RBRACKET))
        return 0;
    return tl_jinja_expression_parse(p, ret);
}

/* [a] or [a:b:c] or [a, b]. */
static int parse_subscript(struct tl_jinja_parser *p)
{
    struct tl_jinja_suffix *suffix;
    int r = push_suffix(p, TL_JINJA_S_ITEM, &suffix);
    size_t mark = p->n_pile;
    if (r < 0 || (r = tl_jinja_parser_next(p)) < 0)
        return r;
    if (tl_jinja_parser_is(p, TL_JINJA_T_RBRACKET))
        return tl_jinja_parser_fail(p, "a subscript");
    if ((r = parse_slice_part(p, &suffix->part[0])) < 0)
        return r;
    for (int i = 1; i < 3 && tl_jinja_parser_is(p, TL_JINJA_T_COLON); i++) {
        suffix->kind = TL_JINJA_S_SLICE;
        if ((r = tl_jinja_parser_next(p)) < 0 || (r = parse_slice_part(p, &suffix->part[i])) < 0)
            return r;
    }
    while (suffix->kind == TL_JINJA_S_ITEM && tl_jinja_parser_is(p, TL_JINJA_T_COMMA)) {
        if ((p->n_pile == mark && (r = tl_jinja_parser_push(p, suffix->part[0], 0)) < 0) ||
            (r = tl_jinja_parser_next(p)) < 0 || (r = tl_jinja_expression_parse(p, &suffix->part[0])) < 0 ||
            (r = tl_jinja_parser_push(p, suffix->part[0], 0)) < 0)
            return r;
    }
    if (p->n_pile != mark && (r = tl_jinja_expression_finish(p, TL_JINJA_X_TUPLE, mark, &suffix->part[0])) < 0)
        return r;
    return tl_jinja_parser_expect(p, TL_JINJA_T_RBRACKET);
}

static int parse_postfix(struct tl_jinja_parser *p)
{
    struct tl_jinja_suffix *suffix;
    int r = 0;
    for (;;) {
        if (tl_jinja_parser_is(p, TL_JINJA_T_DOT))
            r = parse_attribute(p);
        else if (tl_jinja_parser_is(p, TL_JINJA_T_LBRACKET))
            r = parse_subscript(p);
        else if (tl_jinja_parser_is(p, TL_JINJA_T_LPAREN))
            r = (r = push_suffix(p, TL_JINJA_S_CALL, &suffix)) < 0 ? r : parse_arguments(p, &suffix->call);
        else
            return 0;
        if (r < 0)
            return r;
    }
}

/* The name of a filter or test; it may have dots, though no builtin has. */
static int parse_builtin_name(struct tl_jinja_parser *p, struct tl_jinja_suffix *suffix,
                              const struct tl_jinja_builtin *(*find)(const struct tl_jinja_text *name))
{
    const char *start = p->token.start, *end = start + p->token.n;
    int r = tl_jinja_parser_expect(p, TL_JINJA_T_NAME);
    if (r < 0)
        return r;
    while (tl_jinja_parser_is(p, TL_JINJA_T_DOT)) {
        if ((r = tl_jinja_parser_next(p)) < 0)
            return r;
        end = p->token.start + p->token.n;
        if ((r = tl_jinja_parser_expect(p, TL_JINJA_T_NAME)) < 0)
            return r;
    }
    if ((r = tl_jinja_parser_text(p, start, (size_t)(end - start), &suffix->name)) < 0)
        return r;
    suffix->builtin = find(suffix->name);
    if (!suffix->builtin && !p->soft && !p->unknown)
        p->unknown = suffix;
    return 0;
}

static int parse_filter(struct tl_jinja_parser *p)
{
    struct tl_jinja_suffix *suffix;
    int r = push_suffix(p, TL_JINJA_S_FILTER, &suffix);
    if (r < 0 || (r = parse_builtin_name(p, suffix, tl_jinja_builtin_filter)) < 0)
        return r;
    return tl_jinja_parser_is(p, TL_JINJA_T_LPAREN) ? parse_arguments(p, &suffix->call) : 0;
}

/* An argument of a test without brackets: x is divisibleby 3. */
static int parse_bare_argument(struct tl_jinja_parser *p, struct tl_jinja_call *call)
{
    size_t mark = p->n_pile;
    struct tl_jinja_expr *expr, *base;
    if (tl_jinja_parser_is_name(p, "is"))
        return tl_jinja_parser_fail(p, "one test only");
    int r = tl_jinja_primary_parse(p, &base);
    if (r < 0 || (r = parse_postfix(p)) < 0)
        return r;
    call->pos = tl_jinja_parser_take(p, 1, sizeof *call->pos);
    expr = tl_jinja_expression_new(p, TL_JINJA_X_SUFFIX);
    if (!call->pos || !expr || !(expr->item = tl_jinja_parser_take(p, 1, sizeof *expr->item)))
        return TL_E_NOMEM;
    expr->item[0] = base;
    call->pos[0] = expr;
    call->n_pos = 1;
    return tl_jinja_parser_pop(p, mark, &expr->suffix, NULL, &expr->n_suffix);
}

static int parse_test(struct tl_jinja_parser *p)
{
    struct tl_jinja_suffix *suffix;
    int r = push_suffix(p, TL_JINJA_S_TEST, &suffix);
    if (r < 0 || (r = tl_jinja_parser_next(p)) < 0)
        return r;
    suffix->negate = tl_jinja_parser_is_name(p, "not");
    if ((suffix->negate && (r = tl_jinja_parser_next(p)) < 0) || (r = parse_builtin_name(p, suffix, tl_jinja_builtin_test)) < 0)
        return r;
    switch (p->token.kind) {
    case TL_JINJA_T_LPAREN:
        return parse_arguments(p, &suffix->call);
    case TL_JINJA_T_NAME:
        if (tl_jinja_parser_is_name(p, "else") || tl_jinja_parser_is_name(p, "or") || tl_jinja_parser_is_name(p, "and"))
            return 0;
        return parse_bare_argument(p, &suffix->call);
    case TL_JINJA_T_STRING: case TL_JINJA_T_INTEGER: case TL_JINJA_T_FLOAT: case TL_JINJA_T_LBRACKET: case TL_JINJA_T_LBRACE:
        return parse_bare_argument(p, &suffix->call);
    default:
        return 0;
    }
}

static int parse_filters_and_tests(struct tl_jinja_parser *p)
{
    struct tl_jinja_suffix *suffix;
    int r = 0;
    while (r >= 0) {
        if (tl_jinja_parser_is(p, TL_JINJA_T_PIPE))
            r = (r = tl_jinja_parser_next(p)) < 0 ? r : parse_filter(p);
        else if (tl_jinja_parser_is_name(p, "is"))
            r = parse_test(p);
        else if (tl_jinja_parser_is(p, TL_JINJA_T_LPAREN))
            r = (r = push_suffix(p, TL_JINJA_S_CALL, &suffix)) < 0 ? r : parse_arguments(p, &suffix->call);
        else
            return 0;
    }
    return r;
}

int tl_jinja_operand_filters(struct tl_jinja_parser *p, bool inline_start, struct tl_jinja_expr **ret)
{
    size_t mark = p->n_pile;
    int r = inline_start ? parse_filter(p) : 0;
    while (r >= 0 && tl_jinja_parser_is(p, TL_JINJA_T_PIPE))
        r = (r = tl_jinja_parser_next(p)) < 0 ? r : parse_filter(p);
    *ret = NULL;
    if (r < 0 || p->n_pile == mark)
        return r;
    if (!(*ret = tl_jinja_expression_new(p, TL_JINJA_X_SUFFIX)))
        return TL_E_NOMEM;
    return tl_jinja_parser_pop(p, mark, &(*ret)->suffix, NULL, &(*ret)->n_suffix);
}

static int parse_sign(struct tl_jinja_parser *p, struct tl_jinja_expr **ret)
{
    size_t mark = p->n_pile;
    struct tl_jinja_expr *expr;
    enum tl_jinja_expr_kind kind = p->token.kind == TL_JINJA_T_SUB ? TL_JINJA_X_MINUS : TL_JINJA_X_PLUS;
    int r = tl_jinja_parser_enter(p);
    if (r < 0 || (r = tl_jinja_parser_next(p)) < 0 || (r = tl_jinja_operand_parse(p, false, &expr)) < 0 ||
        (r = tl_jinja_parser_push(p, expr, 0)) < 0)
        return r;
    p->depth--;
    return tl_jinja_expression_finish(p, kind, mark, ret);
}

int tl_jinja_operand_parse(struct tl_jinja_parser *p, bool with_filters, struct tl_jinja_expr **ret)
{
    bool sign = tl_jinja_parser_is(p, TL_JINJA_T_SUB) || tl_jinja_parser_is(p, TL_JINJA_T_ADD);
    int r = sign ? parse_sign(p, ret) : tl_jinja_primary_parse(p, ret);
    size_t mark = p->n_pile;
    if (r < 0 || (r = parse_postfix(p)) < 0 || (with_filters && (r = parse_filters_and_tests(p)) < 0))
        return r;
    if (p->n_pile == mark)
        return 0;
    struct tl_jinja_expr *expr = tl_jinja_expression_new(p, TL_JINJA_X_SUFFIX);
    if (!expr || !(expr->item = tl_jinja_parser_take(p, 1, sizeof *expr->item)))
        return TL_E_NOMEM;
    expr->line = (*ret)->line;
    expr->item[0] = *ret;
    *ret = expr;
    return tl_jinja_parser_pop(p, mark, &expr->suffix, NULL, &expr->n_suffix);
}
