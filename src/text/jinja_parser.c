/* SPDX-License-Identifier: MIT */
/* The parser's tools: the token that stands next, bounds, lists under construction; and its start. */
#include "text/jinja_parser.h"

#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "text/jinja_text.h"

int tl_jinja_parser_fail(const struct tl_jinja_parser *p, const char *expected)
{
    const struct tl_jinja_token *token = &p->token;
    int n = token->n < 40 ? (int)token->n : 40;
    if (token->kind == TL_JINJA_T_NAME)
        return tl_fail(TL_E_FILE, "template:%u: expected %s, found '%.*s'", token->line, expected, n, token->start);
    return tl_fail(TL_E_FILE, "template:%u: expected %s, found %s", token->line, expected, tl_jinja_token_name(token->kind));
}

int tl_jinja_parser_next(struct tl_jinja_parser *p)
{
    if (!p->have_ahead)
        return tl_jinja_lexer_next(&p->lexer, &p->token);
    p->token = p->ahead;
    p->have_ahead = false;
    return 0;
}

int tl_jinja_parser_look(struct tl_jinja_parser *p)
{
    if (p->have_ahead)
        return 0;
    int r = tl_jinja_lexer_next(&p->lexer, &p->ahead);
    p->have_ahead = r >= 0;
    return r;
}

bool tl_jinja_parser_is(const struct tl_jinja_parser *p, enum tl_jinja_token_kind kind)
{
    return p->token.kind == kind;
}

bool tl_jinja_parser_is_name(const struct tl_jinja_parser *p, const char *name)
{
    size_t n = strlen(name);
    return p->token.kind == TL_JINJA_T_NAME && p->token.n == n && memcmp(p->token.start, name, n) == 0;
}

int tl_jinja_parser_expect(struct tl_jinja_parser *p, enum tl_jinja_token_kind kind)
{
    return p->token.kind == kind ? tl_jinja_parser_next(p) : tl_jinja_parser_fail(p, tl_jinja_token_name(kind));
}

int tl_jinja_parser_enter(struct tl_jinja_parser *p)
{
    if (++p->depth <= TL_JINJA_PARSE_DEPTH)
        return 0;
    return tl_fail(TL_E_FILE, "template:%u: more than %d brackets and blocks inside each other", p->token.line,
                   TL_JINJA_PARSE_DEPTH);
}

void *tl_jinja_parser_take(struct tl_jinja_parser *p, size_t count, size_t elem_bytes)
{
    int status;
    return tl_jinja_memory_take(&p->template->memory, count, elem_bytes, &status);
}

int tl_jinja_parser_push(struct tl_jinja_parser *p, void *item, unsigned op)
{
    if (tl_grow((void **)&p->pile, p->n_pile, &p->cap_pile, sizeof(*p->pile)) < 0)
        return TL_E_NOMEM;
    p->pile[p->n_pile++] = (struct tl_jinja_pile){item, (uint16_t)op};
    return 0;
}

int tl_jinja_parser_pop(struct tl_jinja_parser *p, size_t mark, void *ret_item, uint16_t **ret_op, uint32_t *ret_n)
{
    size_t n = p->n_pile - mark;
    void **item = tl_jinja_parser_take(p, n, sizeof *item);
    uint16_t *op = ret_op ? tl_jinja_parser_take(p, n, sizeof *op) : NULL;
    if (!item || (ret_op && !op))
        return TL_E_NOMEM;
    for (size_t i = 0; i < n; i++) {
        item[i] = p->pile[mark + i].item;
        if (op)
            op[i] = p->pile[mark + i].op;
    }
    p->n_pile = mark;
    memcpy(ret_item, &item, sizeof item);
    if (ret_op)
        *ret_op = op;
    *ret_n = (uint32_t)n;
    return 0;
}

int tl_jinja_parser_name(struct tl_jinja_parser *p, uint32_t *ret_number)
{
    if (!tl_jinja_parser_is(p, TL_JINJA_T_NAME))
        return tl_jinja_parser_fail(p, "a name");
    int r = tl_jinja_names_add(p->template, p->token.start, p->token.n, ret_number);
    return r < 0 ? r : tl_jinja_parser_next(p);
}

int tl_jinja_parser_text(struct tl_jinja_parser *p, const char *bytes, size_t n, const struct tl_jinja_text **ret_text)
{
    struct tl_jinja_text *text;
    int r = tl_jinja_text_constant(&p->template->memory, bytes, n, &text);
    if (r >= 0)
        *ret_text = text;
    return r;
}

static int add_special_names(struct tl_template *t)
{
    int r = tl_jinja_names_add(t, "caller", 6, &t->caller);
    if (r < 0 || (r = tl_jinja_names_add(t, "kwargs", 6, &t->kwargs)) < 0 ||
        (r = tl_jinja_names_add(t, "varargs", 7, &t->varargs)) < 0)
        return r;
    return tl_jinja_names_add(t, "loop", 4, &t->loop);
}

int tl_jinja_parser_run(struct tl_template *template, const char *text, size_t n_bytes)
{
    struct tl_jinja_parser p = {.template = template};
    tl_jinja_lexer_init(&p.lexer, text, n_bytes);
    int r = add_special_names(template);
    if (r >= 0 && (r = tl_jinja_parser_next(&p)) >= 0)
        r = tl_jinja_statement_block(&p, NULL, &template->body);
    tl_free(p.pile);
    if (r >= 0 && p.unknown)
        return tl_fail(TL_E_FILE, "template:%u: there is no %s named '%.*s'", p.unknown->line,
                       p.unknown->kind == TL_JINJA_S_TEST ? "test" : "filter",
                       p.unknown->name->n < 40 ? (int)p.unknown->name->n : 40, p.unknown->name->bytes);
    return r < 0 ? r : 0;
}
