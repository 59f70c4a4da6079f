/* SPDX-License-Identifier: MIT */
/* Literals, names, lists, dicts and what stands in brackets. */
#include "base/error.h"
#include "base/parse.h"
#include "text/jinja_literal.h"
#include "text/jinja_parser.h"
#include "text/jinja_text.h"

static int new_constant(struct tl_jinja_parser *p, struct tl_jinja_value value, struct tl_jinja_expr **ret)
{
    *ret = tl_jinja_expression_new(p, TL_JINJA_X_CONST);
    if (!*ret)
        return TL_E_NOMEM;
    (*ret)->value = value;
    return 0;
}

int tl_jinja_primary_number(struct tl_jinja_parser *p, struct tl_jinja_expr **ret)
{
    struct tl_jinja_value value = {.kind = TL_JINJA_INT};
    char digits[400];
    size_t n = 0;
    for (size_t i = 0; i < p->token.n && n < sizeof digits; i++)
        if (p->token.start[i] != '_')
            digits[n++] = p->token.start[i];
    bool fits = p->token.kind == TL_JINJA_T_INTEGER ? tl_jinja_literal_integer(p->token.start, p->token.n, &value.integer)
                                                    : tl_parse_f64(digits, n, &value.number);
    if (p->token.kind == TL_JINJA_T_FLOAT)
        value.kind = TL_JINJA_FLOAT;
    if (!fits)
        return tl_jinja_parser_fail(p, "a number of at most 64 bits");
    int r = new_constant(p, value, ret);
    return r < 0 ? r : tl_jinja_parser_next(p);
}

static int parse_one_string(struct tl_jinja_parser *p, struct tl_jinja_expr **ret)
{
    const struct tl_jinja_text *text;
    char *bytes = tl_jinja_parser_take(p, p->token.n, 2);
    if (!bytes)
        return TL_E_NOMEM;
    long n = tl_jinja_literal_unescape(p->token.start, p->token.n, bytes);
    if (n < 0)
        return tl_fail(TL_E_FILE, "template:%u: a broken escape in a string", p->token.line);
    int r = tl_jinja_parser_text(p, bytes, (size_t)n, &text);
    if (r < 0 || (r = new_constant(p, tl_jinja_string(text), ret)) < 0)
        return r;
    return tl_jinja_parser_next(p);
}

/* Strings that stand side by side are one. */
static int parse_string(struct tl_jinja_parser *p, struct tl_jinja_expr **ret)
{
    size_t mark = p->n_pile;
    int r = parse_one_string(p, ret);
    while (r >= 0 && tl_jinja_parser_is(p, TL_JINJA_T_STRING)) {
        struct tl_jinja_expr *more;
        if ((p->n_pile == mark && (r = tl_jinja_parser_push(p, *ret, 0)) < 0) || (r = parse_one_string(p, &more)) < 0 ||
            (r = tl_jinja_parser_push(p, more, 0)) < 0)
            return r;
    }
    return r < 0 || p->n_pile == mark ? r : tl_jinja_expression_finish(p, TL_JINJA_X_CONCAT, mark, ret);
}

/* [a, b] or {a: b}: items up to `close`. */
static int parse_items(struct tl_jinja_parser *p, enum tl_jinja_expr_kind kind, enum tl_jinja_token_kind close,
                       struct tl_jinja_expr **ret)
{
    size_t mark = p->n_pile;
    struct tl_jinja_expr *expr;
    int r = tl_jinja_parser_next(p);
    for (bool first = true; r >= 0 && !tl_jinja_parser_is(p, close); first = false) {
        if (!first && ((r = tl_jinja_parser_expect(p, TL_JINJA_T_COMMA)) < 0 || tl_jinja_parser_is(p, close)))
            break;
        for (int i = 0; i < (kind == TL_JINJA_X_DICT ? 2 : 1); i++) {
            if ((i && (r = tl_jinja_parser_expect(p, TL_JINJA_T_COLON)) < 0) ||
                (r = tl_jinja_expression_parse(p, &expr)) < 0 || (r = tl_jinja_parser_push(p, expr, 0)) < 0)
                return r;
        }
    }
    if (r < 0 || (r = tl_jinja_parser_expect(p, close)) < 0)
        return r;
    return tl_jinja_expression_finish(p, kind, mark, ret);
}

static bool name_constant(const struct tl_jinja_parser *p, struct tl_jinja_value *ret)
{
    bool yes = tl_jinja_parser_is_name(p, "true") || tl_jinja_parser_is_name(p, "True");
    bool no = tl_jinja_parser_is_name(p, "false") || tl_jinja_parser_is_name(p, "False");
    *ret = yes || no ? tl_jinja_bool(yes) : tl_jinja_none();
    return yes || no || tl_jinja_parser_is_name(p, "none") || tl_jinja_parser_is_name(p, "None");
}

int tl_jinja_primary_name(struct tl_jinja_parser *p, struct tl_jinja_expr **ret)
{
    struct tl_jinja_value value;
    int r;
    if (name_constant(p, &value)) {
        r = new_constant(p, value, ret);
        return r < 0 ? r : tl_jinja_parser_next(p);
    }
    if (!(*ret = tl_jinja_expression_new(p, TL_JINJA_X_NAME)))
        return TL_E_NOMEM;
    r = tl_jinja_parser_name(p, &(*ret)->name);
    uint32_t name = (*ret)->name;
    const struct tl_template *t = p->template;
    p->uses |= name == t->caller ? TL_JINJA_USES_CALLER : name == t->kwargs ? TL_JINJA_USES_KWARGS
             : name == t->varargs ? TL_JINJA_USES_VARARGS : 0;
    return r;
}

/* (a), (a, b) or (). */
static int parse_brackets(struct tl_jinja_parser *p, struct tl_jinja_expr **ret)
{
    int r = tl_jinja_parser_next(p);
    if (r < 0)
        return r;
    if (tl_jinja_parser_is(p, TL_JINJA_T_RPAREN))
        r = tl_jinja_expression_finish(p, TL_JINJA_X_TUPLE, p->n_pile, ret);
    else
        r = tl_jinja_expression_tuple(p, 0, NULL, ret);
    return r < 0 ? r : tl_jinja_parser_expect(p, TL_JINJA_T_RPAREN);
}

int tl_jinja_primary_parse(struct tl_jinja_parser *p, struct tl_jinja_expr **ret)
{
    switch (p->token.kind) {
    case TL_JINJA_T_NAME: return tl_jinja_primary_name(p, ret);
    case TL_JINJA_T_STRING: return parse_string(p, ret);
    case TL_JINJA_T_INTEGER: case TL_JINJA_T_FLOAT: return tl_jinja_primary_number(p, ret);
    case TL_JINJA_T_LPAREN: return parse_brackets(p, ret);
    case TL_JINJA_T_LBRACKET: return parse_items(p, TL_JINJA_X_LIST, TL_JINJA_T_RBRACKET, ret);
    case TL_JINJA_T_LBRACE: return parse_items(p, TL_JINJA_X_DICT, TL_JINJA_T_RBRACE, ret);
    default: return tl_jinja_parser_fail(p, "an expression");
    }
}
