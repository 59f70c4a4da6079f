/* SPDX-License-Identifier: MIT */
/* Expressions, by recursive descent. Precedence, loosest first: x if y else z; or; and; not; comparisons, in; + -; ~;
 * * / // %; **; then what jinja_operand.c parses: unary - +; attributes, subscripts, calls; filters and tests.
 * As in Jinja2, ** joins to the left, a unary minus binds tighter than it, and filters tighter than everything binary. */
#include <string.h>

#include "base/error.h"
#include "text/jinja_parser.h"

static int parse_or(struct tl_jinja_parser *p, struct tl_jinja_expr **ret);

struct tl_jinja_expr *tl_jinja_expression_new(struct tl_jinja_parser *p, enum tl_jinja_expr_kind kind)
{
    struct tl_jinja_expr *expr = tl_jinja_parser_take(p, 1, sizeof *expr);
    if (expr) {
        expr->kind = (uint8_t)kind;
        expr->line = p->token.line;
    }
    return expr;
}

int tl_jinja_expression_finish(struct tl_jinja_parser *p, enum tl_jinja_expr_kind kind, size_t mark,
                              struct tl_jinja_expr **ret)
{
    struct tl_jinja_expr *expr = tl_jinja_expression_new(p, kind);
    if (!expr)
        return TL_E_NOMEM;
    if (p->n_pile > mark)
        expr->line = ((struct tl_jinja_expr *)p->pile[mark].item)->line;
    *ret = expr;
    return tl_jinja_parser_pop(p, mark, &expr->item, &expr->op, &expr->n);
}

/* --- x if y else z --------------------------------------------------------------------------------------------------- */

/* Behind `value`, at "if": everything so far and the rest of it may name unknown filters. */
static int parse_if(struct tl_jinja_parser *p, struct tl_jinja_expr *value, struct tl_jinja_expr **ret)
{
    struct tl_jinja_expr *test, *otherwise;
    size_t mark = p->n_pile;
    bool soft = p->soft;
    p->soft = true;
    int r = tl_jinja_parser_next(p);
    if (r < 0 || (r = parse_or(p, &test)) < 0 || (r = tl_jinja_parser_push(p, test, 0)) < 0 ||
        (r = tl_jinja_parser_push(p, value, 0)) < 0)
        return r;
    if (tl_jinja_parser_is_name(p, "else")) {
        if ((r = tl_jinja_parser_next(p)) < 0 || (r = tl_jinja_expression_parse(p, &otherwise)) < 0 ||
            (r = tl_jinja_parser_push(p, otherwise, 0)) < 0)
            return r;
    }
    p->soft = soft;
    return tl_jinja_expression_finish(p, TL_JINJA_X_IF, mark, ret);
}

int tl_jinja_expression_parse(struct tl_jinja_parser *p, struct tl_jinja_expr **ret)
{
    const struct tl_jinja_suffix *unknown = p->unknown;
    int r = tl_jinja_parser_enter(p);
    if (r < 0 || (r = parse_or(p, ret)) < 0)
        return r;
    while (tl_jinja_parser_is_name(p, "if")) {
        p->unknown = unknown;
        if ((r = tl_jinja_parser_enter(p)) < 0 || (r = parse_if(p, *ret, ret)) < 0)
            return r;
        p->depth--;
    }
    p->depth--;
    return 0;
}

/* --- binary operators ------------------------------------------------------------------------------------------------ */

typedef int (*level)(struct tl_jinja_parser *p, struct tl_jinja_expr **ret);

/* operand { operator operand }: `match` tells whether an operator stands next and passes it. */
static int parse_chain(struct tl_jinja_parser *p, enum tl_jinja_expr_kind kind, level operand,
                       int (*match)(struct tl_jinja_parser *p, unsigned *ret_op), struct tl_jinja_expr **ret)
{
    struct tl_jinja_expr *expr;
    size_t mark = p->n_pile;
    unsigned op = 0;
    int r = operand(p, ret), more;
    if (r < 0)
        return r;
    while ((more = match(p, &op)) > 0) {
        if (p->n_pile == mark && (r = tl_jinja_parser_push(p, *ret, 0)) < 0)
            return r;
        if ((r = operand(p, &expr)) < 0 || (r = tl_jinja_parser_push(p, expr, op)) < 0)
            return r;
    }
    if (more < 0 || p->n_pile == mark)
        return more;
    return tl_jinja_expression_finish(p, kind, mark, ret);
}

static int pass(struct tl_jinja_parser *p, bool matches)
{
    int r = matches ? tl_jinja_parser_next(p) : 0;
    return r < 0 ? r : matches;
}

static int match_pow(struct tl_jinja_parser *p, unsigned *ret_op)
{
    *ret_op = p->token.kind;
    return pass(p, tl_jinja_parser_is(p, TL_JINJA_T_POW));
}

static int match_product(struct tl_jinja_parser *p, unsigned *ret_op)
{
    *ret_op = p->token.kind;
    return pass(p, *ret_op == TL_JINJA_T_MUL || *ret_op == TL_JINJA_T_DIV || *ret_op == TL_JINJA_T_FLOORDIV ||
                       *ret_op == TL_JINJA_T_MOD);
}

static int match_tilde(struct tl_jinja_parser *p, unsigned *ret_op)
{
    *ret_op = p->token.kind;
    return pass(p, tl_jinja_parser_is(p, TL_JINJA_T_TILDE));
}

static int match_sum(struct tl_jinja_parser *p, unsigned *ret_op)
{
    *ret_op = p->token.kind;
    return pass(p, *ret_op == TL_JINJA_T_ADD || *ret_op == TL_JINJA_T_SUB);
}

static int match_comparison(struct tl_jinja_parser *p, unsigned *ret_op)
{
    enum tl_jinja_token_kind kind = p->token.kind;
    *ret_op = kind;
    if (kind == TL_JINJA_T_EQ || kind == TL_JINJA_T_NE || kind == TL_JINJA_T_LT || kind == TL_JINJA_T_LE ||
        kind == TL_JINJA_T_GT || kind == TL_JINJA_T_GE)
        return pass(p, true);
    if (tl_jinja_parser_is_name(p, "in")) {
        *ret_op = TL_JINJA_OP_IN;
        return pass(p, true);
    }
    if (!tl_jinja_parser_is_name(p, "not"))
        return 0;
    int r = tl_jinja_parser_look(p);
    if (r < 0 || p->ahead.kind != TL_JINJA_T_NAME || p->ahead.n != 2 || memcmp(p->ahead.start, "in", 2) != 0)
        return r < 0 ? r : 0;
    *ret_op = TL_JINJA_OP_NOT_IN;
    r = tl_jinja_parser_next(p);
    return r < 0 ? r : pass(p, true);
}

static int match_and(struct tl_jinja_parser *p, unsigned *ret_op)
{
    *ret_op = 0;
    return pass(p, tl_jinja_parser_is_name(p, "and"));
}

static int match_or(struct tl_jinja_parser *p, unsigned *ret_op)
{
    *ret_op = 0;
    return pass(p, tl_jinja_parser_is_name(p, "or"));
}

static int parse_operand(struct tl_jinja_parser *p, struct tl_jinja_expr **ret)
{
    return tl_jinja_operand_parse(p, true, ret);
}

static int parse_pow(struct tl_jinja_parser *p, struct tl_jinja_expr **ret)
{
    return parse_chain(p, TL_JINJA_X_MATH, parse_operand, match_pow, ret);
}

static int parse_product(struct tl_jinja_parser *p, struct tl_jinja_expr **ret)
{
    return parse_chain(p, TL_JINJA_X_MATH, parse_pow, match_product, ret);
}

static int parse_concat(struct tl_jinja_parser *p, struct tl_jinja_expr **ret)
{
    return parse_chain(p, TL_JINJA_X_CONCAT, parse_product, match_tilde, ret);
}

static int parse_sum(struct tl_jinja_parser *p, struct tl_jinja_expr **ret)
{
    return parse_chain(p, TL_JINJA_X_MATH, parse_concat, match_sum, ret);
}

static int parse_not(struct tl_jinja_parser *p, struct tl_jinja_expr **ret)
{
    size_t mark = p->n_pile;
    struct tl_jinja_expr *expr;
    if (!tl_jinja_parser_is_name(p, "not"))
        return parse_chain(p, TL_JINJA_X_COMPARE, parse_sum, match_comparison, ret);
    int r = tl_jinja_parser_enter(p);
    if (r < 0 || (r = tl_jinja_parser_next(p)) < 0 || (r = parse_not(p, &expr)) < 0 ||
        (r = tl_jinja_parser_push(p, expr, 0)) < 0)
        return r;
    p->depth--;
    return tl_jinja_expression_finish(p, TL_JINJA_X_NOT, mark, ret);
}

static int parse_and(struct tl_jinja_parser *p, struct tl_jinja_expr **ret)
{
    return parse_chain(p, TL_JINJA_X_AND, parse_not, match_and, ret);
}

static int parse_or(struct tl_jinja_parser *p, struct tl_jinja_expr **ret)
{
    return parse_chain(p, TL_JINJA_X_OR, parse_and, match_or, ret);
}

/* --- tuples and targets ---------------------------------------------------------------------------------------------- */

static bool ends_tuple(const struct tl_jinja_parser *p, const char *end)
{
    return tl_jinja_parser_is(p, TL_JINJA_T_OUTPUT_END) || tl_jinja_parser_is(p, TL_JINJA_T_BLOCK_END) ||
           tl_jinja_parser_is(p, TL_JINJA_T_RPAREN) || (end && tl_jinja_parser_is_name(p, end));
}

static int parse_target_item(struct tl_jinja_parser *p, struct tl_jinja_expr **ret)
{
    int r = tl_jinja_parser_is(p, TL_JINJA_T_NAME) ? tl_jinja_parser_look(p) : 0;
    if (r < 0 || !tl_jinja_parser_is(p, TL_JINJA_T_NAME) || p->ahead.kind != TL_JINJA_T_DOT)
        return r < 0 ? r : tl_jinja_primary_parse(p, ret);
    const struct tl_jinja_text *attribute;
    if ((r = tl_jinja_primary_name(p, ret)) < 0 || (r = tl_jinja_parser_next(p)) < 0)
        return r;
    if (!tl_jinja_parser_is(p, TL_JINJA_T_NAME) || (*ret)->kind != TL_JINJA_X_NAME)
        return tl_jinja_parser_fail(p, "a name");
    if ((r = tl_jinja_parser_text(p, p->token.start, p->token.n, &attribute)) < 0)
        return r;
    (*ret)->kind = TL_JINJA_X_ATTRIBUTE;
    (*ret)->value = tl_jinja_string(attribute);
    return tl_jinja_parser_next(p);
}

/* Items divided by commas; a comma makes it a tuple. */
static int parse_list(struct tl_jinja_parser *p, level item, const char *end, struct tl_jinja_expr **ret)
{
    size_t mark = p->n_pile;
    bool tuple = false;
    int r = 0;
    while (!ends_tuple(p, end)) {
        struct tl_jinja_expr *expr;
        if ((r = item(p, &expr)) < 0 || (r = tl_jinja_parser_push(p, expr, 0)) < 0)
            return r;
        if (!tl_jinja_parser_is(p, TL_JINJA_T_COMMA))
            break;
        tuple = true;
        if ((r = tl_jinja_parser_next(p)) < 0)
            return r;
    }
    if (p->n_pile == mark)
        return tl_jinja_parser_fail(p, "an expression");
    if (tuple)
        return tl_jinja_expression_finish(p, TL_JINJA_X_TUPLE, mark, ret);
    *ret = p->pile[mark].item;
    p->n_pile = mark;
    return 0;
}

int tl_jinja_expression_tuple(struct tl_jinja_parser *p, unsigned flags, const char *end, struct tl_jinja_expr **ret)
{
    int r = tl_jinja_parser_enter(p);
    if (r < 0 || (r = parse_list(p, flags & TL_JINJA_PLAIN ? parse_or : tl_jinja_expression_parse, end, ret)) < 0)
        return r;
    p->depth--;
    return 0;
}

static int check_target(const struct tl_jinja_parser *p, const struct tl_jinja_expr *expr, bool with_namespace)
{
    if (expr->kind == TL_JINJA_X_NAME || (expr->kind == TL_JINJA_X_ATTRIBUTE && with_namespace))
        return 0;
    if (expr->kind != TL_JINJA_X_TUPLE)
        return tl_fail(TL_E_FILE, "template:%u: expected names to assign to, found an expression", p->token.line);
    for (uint32_t i = 0; i < expr->n; i++) {
        int r = check_target(p, expr->item[i], with_namespace);
        if (r < 0)
            return r;
    }
    return 0;
}

int tl_jinja_expression_target(struct tl_jinja_parser *p, bool with_namespace, const char *end, struct tl_jinja_expr **ret)
{
    unsigned uses = p->uses;
    int r = parse_list(p, with_namespace ? parse_target_item : tl_jinja_primary_parse, end, ret);
    p->uses = uses;
    return r < 0 ? r : check_target(p, *ret, with_namespace);
}
