/* SPDX-License-Identifier: MIT */
/* What the two halves of the parser share: statements (jinja_parser.c) and expressions (jinja_expression.c).
 * `token` is the token that stands next. Functions return < 0 with a sentence that names the line. */
#ifndef TL_TEXT_JINJA_PARSER_H
#define TL_TEXT_JINJA_PARSER_H

#include "text/jinja_tree.h"

enum { TL_JINJA_PARSE_DEPTH = 150 };     /* brackets and blocks inside each other */

struct tl_jinja_parser {
    struct tl_template *template;
    struct tl_jinja_lexer lexer;
    struct tl_jinja_token token, ahead;
    bool have_ahead;
    bool in_loop;                        /* break and continue are allowed */
    bool soft;                           /* inside if: an unknown filter fails only when it is met */
    unsigned depth;
    unsigned uses;                       /* special names met, TL_JINJA_USES_ */
    const struct tl_jinja_suffix *unknown;           /* the first unknown filter or test that is not soft */
    struct tl_jinja_pile { void *item; uint16_t op; } *pile;       /* lists under construction */
    size_t n_pile;
    uint64_t cap_pile;
};

int tl_jinja_parser_fail(const struct tl_jinja_parser *parser, const char *expected);    /* "expected ..., found ..." */
int tl_jinja_parser_next(struct tl_jinja_parser *parser);
int tl_jinja_parser_look(struct tl_jinja_parser *parser);            /* fills `ahead` with the token behind `token` */
bool tl_jinja_parser_is(const struct tl_jinja_parser *parser, enum tl_jinja_token_kind kind);
bool tl_jinja_parser_is_name(const struct tl_jinja_parser *parser, const char *name);
int tl_jinja_parser_expect(struct tl_jinja_parser *parser, enum tl_jinja_token_kind kind);
int tl_jinja_parser_enter(struct tl_jinja_parser *parser);           /* one level deeper; leave: depth-- */

void *tl_jinja_parser_take(struct tl_jinja_parser *parser, size_t count, size_t elem_bytes);         /* NULL: recorded */
int tl_jinja_parser_push(struct tl_jinja_parser *parser, void *item, unsigned op);
/* Hands over what was pushed since `mark`: *ret_item [n], and *ret_op [n] when not NULL. */
int tl_jinja_parser_pop(struct tl_jinja_parser *parser, size_t mark, void *ret_item, uint16_t **ret_op, uint32_t *ret_n);
int tl_jinja_parser_name(struct tl_jinja_parser *parser, uint32_t *ret_number);      /* takes a name */
int tl_jinja_parser_text(struct tl_jinja_parser *parser, const char *bytes, size_t n, const struct tl_jinja_text **ret_text);

struct tl_jinja_expr *tl_jinja_expression_new(struct tl_jinja_parser *parser, enum tl_jinja_expr_kind kind);   /* NULL: recorded */
/* A node over what was pushed since `mark`. */
int tl_jinja_expression_finish(struct tl_jinja_parser *parser, enum tl_jinja_expr_kind kind, size_t mark,
                               struct tl_jinja_expr **ret);

enum { TL_JINJA_PLAIN = 1 };             /* of _tuple: without `x if y` at its top */

int tl_jinja_expression_parse(struct tl_jinja_parser *parser, struct tl_jinja_expr **ret);
/* One expression, or several divided by commas as a tuple. `end` (may be NULL): a name that ends it. */
int tl_jinja_expression_tuple(struct tl_jinja_parser *parser, unsigned flags, const char *end, struct tl_jinja_expr **ret);
int tl_jinja_expression_target(struct tl_jinja_parser *parser, bool with_namespace, const char *end, struct tl_jinja_expr **ret);

int tl_jinja_operand_parse(struct tl_jinja_parser *parser, bool with_filters, struct tl_jinja_expr **ret);
/* Filters: `| a | b(c)`, with `inline_start` the first without its bar. *ret is NULL where there is none. */
int tl_jinja_operand_filters(struct tl_jinja_parser *parser, bool inline_start, struct tl_jinja_expr **ret);

int tl_jinja_primary_parse(struct tl_jinja_parser *parser, struct tl_jinja_expr **ret);
int tl_jinja_primary_number(struct tl_jinja_parser *parser, struct tl_jinja_expr **ret);
int tl_jinja_primary_name(struct tl_jinja_parser *parser, struct tl_jinja_expr **ret);

/* Statements up to one of `ends` (a list closed by NULL), whose name stays as the token; `ends` NULL: to the very end. */
int tl_jinja_statement_block(struct tl_jinja_parser *parser, const char *const *ends, struct tl_jinja_stmt **ret);

#endif
