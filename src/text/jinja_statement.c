/* SPDX-License-Identifier: MIT */
/* Statements. A block is a list of statements up to one of its end tags.
 *
 * What only matters in Jinja2 on Python is kept where it can be seen: which tags open a scope, which are functions that
 * no break leaves, and where an unknown filter is an error at once (anywhere but inside an if). */
#include <string.h>

#include "base/array.h"
#include "base/error.h"
#include "text/jinja_parser.h"

/* The end of the opening tag, a block, and its end tag's name, which stays as the token. A new scope forgets that it
 * stands inside an if. */
static int parse_body(struct tl_jinja_parser *p, bool scope, const char *const *ends, struct tl_jinja_stmt **ret)
{
    bool soft = p->soft;
    int r = tl_jinja_parser_is(p, TL_JINJA_T_COLON) ? tl_jinja_parser_next(p) : 0;
    if (scope)
        p->soft = false;
    if (r < 0 || (r = tl_jinja_parser_expect(p, TL_JINJA_T_BLOCK_END)) < 0 || (r = tl_jinja_statement_block(p, ends, ret)) < 0)
        return r;
    p->soft = soft;
    return 0;
}

static int parse_whole_body(struct tl_jinja_parser *p, bool scope, const char *end, struct tl_jinja_stmt **ret)
{
    const char *const ends[] = {end, NULL};
    int r = parse_body(p, scope, ends, ret);
    return r < 0 ? r : tl_jinja_parser_next(p);
}

/* A body that is a function of its own in Jinja2: no break out of it. */
static int parse_function_body(struct tl_jinja_parser *p, const char *end, struct tl_jinja_stmt **ret)
{
    bool in_loop = p->in_loop;
    p->in_loop = false;
    int r = parse_whole_body(p, true, end, ret);
    p->in_loop = in_loop;
    return r;
}

static int parse_if(struct tl_jinja_parser *p, struct tl_jinja_stmt *stmt)
{
    static const char *const ends[] = {"elif", "else", "endif", NULL};
    bool soft = p->soft;
    int r;
    p->soft = true;
    for (;;) {
        stmt->kind = TL_JINJA_IF;
        if ((r = tl_jinja_parser_next(p)) < 0 || (r = tl_jinja_expression_tuple(p, TL_JINJA_PLAIN, NULL, &stmt->expr)) < 0 ||
            (r = parse_body(p, false, ends, &stmt->body)) < 0)
            return r;
        if (!tl_jinja_parser_is_name(p, "elif"))
            break;
        if (!(stmt->branch = tl_jinja_parser_take(p, 1, sizeof *stmt)))
            return TL_E_NOMEM;
        stmt = stmt->branch;
        stmt->line = p->token.line;
    }
    bool other = tl_jinja_parser_is_name(p, "else");
    if ((r = tl_jinja_parser_next(p)) < 0 || (other && (r = parse_whole_body(p, false, "endif", &stmt->otherwise)) < 0))
        return r;
    p->soft = soft;
    return 0;
}

static int parse_for_filter(struct tl_jinja_parser *p, struct tl_jinja_stmt *stmt)
{
    bool soft = p->soft;
    p->soft = false;
    int r = tl_jinja_parser_next(p);
    if (r < 0 || (r = tl_jinja_expression_parse(p, &stmt->filter)) < 0)
        return r;
    p->soft = soft;
    return 0;
}

static bool names_loop(const struct tl_template *template, const struct tl_jinja_expr *target)
{
    bool found = target->kind == TL_JINJA_X_NAME && target->name == template->loop;
    for (uint32_t i = 0; target->kind == TL_JINJA_X_TUPLE && i < target->n && !found; i++)
        found = names_loop(template, target->item[i]);
    return found;
}

static int parse_for(struct tl_jinja_parser *p, struct tl_jinja_stmt *stmt)
{
    static const char *const ends[] = {"endfor", "else", NULL};
    bool in_loop = p->in_loop;
    stmt->kind = TL_JINJA_FOR;
    int r = tl_jinja_parser_next(p);
    if (r < 0 || (r = tl_jinja_expression_target(p, false, "in", &stmt->target)) < 0)
        return r;
    if (!tl_jinja_parser_is_name(p, "in"))
        return tl_jinja_parser_fail(p, "'in'");
    if (names_loop(p->template, stmt->target))
        return tl_fail(TL_E_FILE, "template:%u: 'loop' cannot be assigned in a for", stmt->line);
    if ((r = tl_jinja_parser_next(p)) < 0 || (r = tl_jinja_expression_tuple(p, TL_JINJA_PLAIN, "recursive", &stmt->expr)) < 0 ||
        (tl_jinja_parser_is_name(p, "if") && (r = parse_for_filter(p, stmt)) < 0))
        return r;
    stmt->recursive = tl_jinja_parser_is_name(p, "recursive");
    if (stmt->recursive && (r = tl_jinja_parser_next(p)) < 0)
        return r;
    p->in_loop = true;
    if ((r = parse_body(p, true, ends, &stmt->body)) < 0)
        return r;
    p->in_loop = in_loop && !stmt->recursive;
    bool other = tl_jinja_parser_is_name(p, "else");
    if ((r = tl_jinja_parser_next(p)) < 0 || (other && (r = parse_whole_body(p, true, "endfor", &stmt->otherwise)) < 0))
        return r;
    p->in_loop = in_loop;
    return 0;
}

static int parse_set(struct tl_jinja_parser *p, struct tl_jinja_stmt *stmt)
{
    int r = tl_jinja_parser_next(p);
    stmt->kind = TL_JINJA_SET;
    if (r < 0 || (r = tl_jinja_expression_target(p, true, NULL, &stmt->target)) < 0)
        return r;
    if (tl_jinja_parser_is(p, TL_JINJA_T_ASSIGN)) {
        r = tl_jinja_parser_next(p);
        return r < 0 ? r : tl_jinja_expression_tuple(p, 0, NULL, &stmt->expr);
    }
    bool soft = p->soft;
    stmt->kind = TL_JINJA_SET_BLOCK;
    p->soft = false;
    if ((r = tl_jinja_operand_filters(p, false, &stmt->filter)) < 0)
        return r;
    p->soft = soft;
    return parse_whole_body(p, true, "endset", &stmt->body);
}

static int parse_parameters(struct tl_jinja_parser *p, struct tl_jinja_signature *signature)
{
    struct tl_jinja_expr *fallback;
    size_t mark = p->n_pile;
    uint32_t id, n = 0;
    unsigned uses = p->uses;
    int r = tl_jinja_parser_expect(p, TL_JINJA_T_LPAREN);
    for (; r >= 0 && !tl_jinja_parser_is(p, TL_JINJA_T_RPAREN); n++) {
        if ((n && (r = tl_jinja_parser_expect(p, TL_JINJA_T_COMMA)) < 0) || (r = tl_jinja_parser_name(p, &id)) < 0)
            return r;
        fallback = NULL;
        if (tl_jinja_parser_is(p, TL_JINJA_T_ASSIGN)) {
            if ((r = tl_jinja_parser_next(p)) < 0 || (r = tl_jinja_expression_parse(p, &fallback)) < 0)
                return r;
            signature->n_defaults++;
        } else if (signature->n_defaults) {
            return tl_jinja_parser_fail(p, "a default as the parameter before has one");
        }
        if ((r = tl_jinja_parser_push(p, (void *)(uintptr_t)id, 0)) < 0 || (r = tl_jinja_parser_push(p, fallback, 0)) < 0)
            return r;
    }
    p->uses = uses;
    signature->n = n;
    signature->param = tl_jinja_parser_take(p, n, sizeof *signature->param);
    signature->fallback = tl_jinja_parser_take(p, n, sizeof *signature->fallback);
    if (r < 0 || !signature->param || !signature->fallback)
        return r < 0 ? r : TL_E_NOMEM;
    for (uint32_t i = 0; i < n; i++) {
        signature->param[i] = (uint32_t)(uintptr_t)p->pile[mark + 2 * i].item;
        if (i >= n - signature->n_defaults)
            signature->fallback[i - (n - signature->n_defaults)] = p->pile[mark + 2 * i + 1].item;
    }
    p->n_pile = mark;
    return tl_jinja_parser_expect(p, TL_JINJA_T_RPAREN);
}

static unsigned special_name(const struct tl_template *t, uint32_t name)
{
    return name == t->caller ? TL_JINJA_USES_CALLER : name == t->kwargs ? TL_JINJA_USES_KWARGS
         : name == t->varargs ? TL_JINJA_USES_VARARGS : 0;
}

/* The body of a macro or call block; finds out which special names it uses. */
static int parse_macro_body(struct tl_jinja_parser *p, struct tl_jinja_stmt *stmt, const char *end)
{
    unsigned uses = p->uses;
    p->uses = 0;
    int r = parse_function_body(p, end, &stmt->body);
    stmt->signature->uses = p->uses;
    p->uses |= uses;
    struct tl_jinja_signature *s = stmt->signature;
    for (uint32_t i = 0; r >= 0 && i < s->n; i++) {
        unsigned special = special_name(p->template, s->param[i]);
        if (special & s->uses & TL_JINJA_USES_CALLER && i < s->n - s->n_defaults)
            r = tl_fail(TL_E_FILE, "template:%u: the parameter 'caller' of a macro needs a default", stmt->line);
        s->uses &= ~special;                         /* a parameter of that name is nothing special */
    }
    return r;
}

static int parse_macro(struct tl_jinja_parser *p, struct tl_jinja_stmt *stmt)
{
    bool soft = p->soft;
    stmt->kind = TL_JINJA_MACRO_DEF;
    stmt->signature = tl_jinja_parser_take(p, 1, sizeof *stmt->signature);
    int r = stmt->signature ? tl_jinja_parser_next(p) : TL_E_NOMEM;
    p->soft = false;
    if (r < 0 || (r = tl_jinja_parser_name(p, &stmt->signature->id)) < 0 || (r = parse_parameters(p, stmt->signature)) < 0)
        return r;
    stmt->signature->name = p->template->name[stmt->signature->id];
    p->soft = soft;
    return parse_macro_body(p, stmt, "endmacro");
}

static int parse_call_block(struct tl_jinja_parser *p, struct tl_jinja_stmt *stmt)
{
    stmt->kind = TL_JINJA_CALL_BLOCK;
    stmt->signature = tl_jinja_parser_take(p, 1, sizeof *stmt->signature);
    int r = stmt->signature ? tl_jinja_parser_next(p) : TL_E_NOMEM;
    if (r < 0 || (tl_jinja_parser_is(p, TL_JINJA_T_LPAREN) && (r = parse_parameters(p, stmt->signature)) < 0) ||
        (r = tl_jinja_expression_parse(p, &stmt->expr)) < 0)
        return r;
    const struct tl_jinja_expr *call = stmt->expr;
    if (call->kind != TL_JINJA_X_SUFFIX || call->suffix[call->n_suffix - 1]->kind != TL_JINJA_S_CALL)
        return tl_jinja_parser_fail(p, "a call in front of this");
    return parse_macro_body(p, stmt, "endcall");
}

static int parse_filter_block(struct tl_jinja_parser *p, struct tl_jinja_stmt *stmt)
{
    bool soft = p->soft;
    stmt->kind = TL_JINJA_FILTER_BLOCK;
    p->soft = false;
    int r = tl_jinja_parser_next(p);
    if (r < 0 || (r = tl_jinja_operand_filters(p, true, &stmt->filter)) < 0)
        return r;
    p->soft = soft;
    return parse_whole_body(p, true, "endfilter", &stmt->body);
}

static int parse_with(struct tl_jinja_parser *p, struct tl_jinja_stmt *stmt)
{
    size_t mark = p->n_pile;
    struct tl_jinja_expr *target, *value;
    stmt->kind = TL_JINJA_WITH;
    int r = tl_jinja_parser_next(p);
    while (r >= 0 && !tl_jinja_parser_is(p, TL_JINJA_T_BLOCK_END)) {
        if (p->n_pile > mark && (r = tl_jinja_parser_expect(p, TL_JINJA_T_COMMA)) < 0)
            return r;
        if ((r = tl_jinja_expression_target(p, false, NULL, &target)) < 0 ||
            (r = tl_jinja_parser_expect(p, TL_JINJA_T_ASSIGN)) < 0 || (r = tl_jinja_expression_parse(p, &value)) < 0 ||
            (r = tl_jinja_parser_push(p, target, 0)) < 0 || (r = tl_jinja_parser_push(p, value, 0)) < 0)
            return r;
    }
    stmt->n = (uint32_t)(p->n_pile - mark) / 2;
    stmt->targets = tl_jinja_parser_take(p, stmt->n, sizeof *stmt->targets);
    stmt->values = tl_jinja_parser_take(p, stmt->n, sizeof *stmt->values);
    if (r < 0 || !stmt->targets || !stmt->values)
        return r < 0 ? r : TL_E_NOMEM;
    for (uint32_t i = 0; i < stmt->n; i++) {
        stmt->targets[i] = p->pile[mark + 2 * i].item;
        stmt->values[i] = p->pile[mark + 2 * i + 1].item;
    }
    p->n_pile = mark;
    return parse_whole_body(p, true, "endwith", &stmt->body);
}

static int parse_generation(struct tl_jinja_parser *p, struct tl_jinja_stmt *stmt)
{
    stmt->kind = TL_JINJA_SCOPE;
    int r = tl_jinja_parser_next(p);
    return r < 0 ? r : parse_function_body(p, "endgeneration", &stmt->body);
}

static int parse_jump(struct tl_jinja_parser *p, struct tl_jinja_stmt *stmt)
{
    stmt->kind = tl_jinja_parser_is_name(p, "break") ? TL_JINJA_BREAK : TL_JINJA_CONTINUE;
    return p->in_loop ? tl_jinja_parser_next(p) : tl_jinja_parser_fail(p, "a for around this");
}

/* {% print a, b %} is an output of each. */
static int parse_print(struct tl_jinja_parser *p, struct tl_jinja_stmt *stmt)
{
    stmt->kind = TL_JINJA_OUTPUT;
    int r = tl_jinja_parser_next(p);
    for (bool first = true; r >= 0 && !tl_jinja_parser_is(p, TL_JINJA_T_BLOCK_END); first = false) {
        if (!first) {
            if ((r = tl_jinja_parser_expect(p, TL_JINJA_T_COMMA)) < 0)
                break;
            if (!(stmt->next = tl_jinja_parser_take(p, 1, sizeof *stmt)))
                return TL_E_NOMEM;
            stmt->next->kind = TL_JINJA_OUTPUT;
            stmt->next->line = stmt->line;
            stmt = stmt->next;
        }
        r = tl_jinja_expression_parse(p, &stmt->expr);
    }
    return r;
}

static const struct { const char *tag; int (*parse)(struct tl_jinja_parser *p, struct tl_jinja_stmt *stmt); } tags[] = {
    {"if", parse_if}, {"for", parse_for}, {"set", parse_set}, {"macro", parse_macro}, {"call", parse_call_block},
    {"filter", parse_filter_block}, {"with", parse_with}, {"generation", parse_generation}, {"break", parse_jump},
    {"continue", parse_jump}, {"print", parse_print},
};

static int parse_statement(struct tl_jinja_parser *p, struct tl_jinja_stmt *stmt)
{
    for (size_t i = 0; i < TL_COUNT(tags); i++)
        if (tl_jinja_parser_is_name(p, tags[i].tag)) {
            int r = tl_jinja_parser_enter(p);
            if (r < 0 || (r = tags[i].parse(p, stmt)) < 0)
                return r;
            p->depth--;
            return 0;
        }
    return tl_jinja_parser_fail(p, "a tag");
}

/* One statement, or more where {% print %} has several; 0 past the end of the block. */
static int parse_item(struct tl_jinja_parser *p, const char *const *ends, struct tl_jinja_stmt *stmt)
{
    int r;
    stmt->line = p->token.line;
    if (tl_jinja_parser_is(p, TL_JINJA_T_DATA)) {
        stmt->kind = TL_JINJA_DATA;
        r = tl_jinja_parser_text(p, p->token.start, p->token.n, &stmt->text);
        return r < 0 || (r = tl_jinja_parser_next(p)) < 0 ? r : 1;
    }
    if (tl_jinja_parser_is(p, TL_JINJA_T_OUTPUT_BEGIN)) {
        stmt->kind = TL_JINJA_OUTPUT;
        if ((r = tl_jinja_parser_next(p)) < 0 || (r = tl_jinja_expression_tuple(p, 0, NULL, &stmt->expr)) < 0 ||
            (r = tl_jinja_parser_expect(p, TL_JINJA_T_OUTPUT_END)) < 0)
            return r;
        return 1;
    }
    if ((r = tl_jinja_parser_expect(p, TL_JINJA_T_BLOCK_BEGIN)) < 0)
        return r;
    for (; ends && *ends; ends++)
        if (tl_jinja_parser_is_name(p, *ends))
            return 0;
    if ((r = parse_statement(p, stmt)) < 0 || (r = tl_jinja_parser_expect(p, TL_JINJA_T_BLOCK_END)) < 0)
        return r;
    return 1;
}

int tl_jinja_statement_block(struct tl_jinja_parser *p, const char *const *ends, struct tl_jinja_stmt **ret)
{
    struct tl_jinja_stmt **tail = ret;
    uint32_t line = p->token.line;
    while (!tl_jinja_parser_is(p, TL_JINJA_T_END)) {
        struct tl_jinja_stmt *stmt = tl_jinja_parser_take(p, 1, sizeof *stmt);
        int r = stmt ? parse_item(p, ends, stmt) : TL_E_NOMEM;
        if (r <= 0)
            return r;
        *tail = stmt;
        while (*tail)
            tail = &(*tail)->next;
    }
    if (!ends)
        return 0;
    while (ends[1])
        ends++;
    return tl_fail(TL_E_FILE, "template:%u: this block has no '%s'", line, *ends);
}
