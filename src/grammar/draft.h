/* SPDX-License-Identifier: MIT */
/* A grammar that is being written: expressions are put together first, then a rule is defined by one and becomes nodes.
 *
 * Failures stick: every call may be made after one, `status` is looked at in the end. Expressions are numbers; 0 is the
 * empty text. Classes are ranges of code points and become the bytes of their UTF-8. */
#ifndef TL_GRAMMAR_DRAFT_H
#define TL_GRAMMAR_DRAFT_H

#include "grammar/grammar_private.h"

enum tl_expr_kind { TL_EXPR_EMPTY, TL_EXPR_NEVER, TL_EXPR_LITERAL, TL_EXPR_CLASS, TL_EXPR_SEQUENCE, TL_EXPR_CHOICE, TL_EXPR_REPEAT, TL_EXPR_RULE,
                    TL_EXPR_BEGIN, TL_EXPR_STOP };                    /* ^ and $ of patterns; never in a rule */

struct tl_expr {
    uint8_t kind;
    uint32_t a, b;           /* LITERAL: bytes of text; CLASS: ranges; SEQUENCE, CHOICE: items; [a, a + b). REPEAT: item a. RULE: rule a */
    uint32_t min, max;       /* REPEAT */
};

struct tl_range { uint32_t lo, hi; };

struct tl_draft {
    struct tl_grammar *grammar;
    const char *where;                   /* for messages; borrowed */
    int status;                          /* the first failure */
    struct tl_expr *expr;
    struct tl_range *range;
    uint32_t *item;
    struct tl_buffer text;
    uint64_t n_exprs, n_ranges, n_items, expr_cap, range_cap, item_cap;
};

enum { TL_EXPR_NONE = 0, TL_EXPR_DEAD = 1 };                          /* the empty text; no text at all */

int tl_draft_init(struct tl_draft *draft, const char *where);
void tl_draft_done(struct tl_draft *draft);
/* Hands the finished grammar over. */
int tl_draft_finish(struct tl_draft *draft, uint32_t root, struct tl_grammar **ret_grammar);
/* Records a failure unless there is one already. */
int tl_draft_fail(struct tl_draft *draft, int status);

uint32_t tl_draft_expr(struct tl_draft *draft, struct tl_expr expr);
uint32_t tl_draft_literal(struct tl_draft *draft, const char *bytes, size_t n_bytes);
uint32_t tl_draft_text(struct tl_draft *draft, const char *text);
uint32_t tl_draft_class(struct tl_draft *draft, const struct tl_range *range, size_t n_ranges);      /* any order, may overlap */
uint32_t tl_draft_sequence(struct tl_draft *draft, const uint32_t *items, size_t n_items);
uint32_t tl_draft_choice(struct tl_draft *draft, const uint32_t *items, size_t n_items);
uint32_t tl_draft_two(struct tl_draft *draft, uint32_t first, uint32_t second);                      /* a sequence */
uint32_t tl_draft_repeat(struct tl_draft *draft, uint32_t item, uint32_t min, uint32_t max);
uint32_t tl_draft_optional(struct tl_draft *draft, uint32_t item);
uint32_t tl_draft_call(struct tl_draft *draft, uint32_t rule);

uint32_t tl_draft_rule(struct tl_draft *draft, const char *name, size_t n_name);                     /* a rule without a body yet */
void tl_draft_define(struct tl_draft *draft, uint32_t rule, uint32_t expr);

/* --- nodes, for those who write graphs of their own ---------------------------------------------------------------- */

uint32_t tl_draft_node(struct tl_draft *draft, struct tl_grammar_node node);
void tl_draft_edge(struct tl_draft *draft, uint8_t lo, uint8_t hi, uint32_t to);                     /* of the BYTES node made next */
void tl_draft_branch(struct tl_draft *draft, uint32_t split, const uint32_t *targets, size_t n);      /* gives a SPLIT node its targets */
/* A node that reads one character of the ranges (sorted, disjoint) and goes on at `next`. */
uint32_t tl_draft_characters(struct tl_draft *draft, const struct tl_range *range, size_t n_ranges, uint32_t next);
/* Sorts, joins and clips ranges to scalar values in place: how many are left. */
size_t tl_ranges_tidy(struct tl_range *range, size_t n_ranges);
/* What lies between ranges that are tidied; room for one more than they are. */
size_t tl_ranges_negate(const struct tl_range *range, size_t n, struct tl_range *ret);

#endif
