/* SPDX-License-Identifier: MIT */
/* The tree of a compiled template. It is never changed by a rendering, so that many may run at once.
 *
 * Chains of operators, of suffixes (attributes, calls, filters) and of elif are lists, not nested nodes: the depth of
 * the tree is the depth of the template's brackets and blocks, which the parser bounds. */
#ifndef TL_TEXT_JINJA_TREE_H
#define TL_TEXT_JINJA_TREE_H

#include "text/jinja_lexer.h"
#include "text/jinja_memory.h"
#include "text/jinja_value.h"

enum tl_jinja_expr_kind {
    TL_JINJA_X_CONST, TL_JINJA_X_NAME,
    TL_JINJA_X_ATTRIBUTE,                /* only as a target: name.attribute of a namespace */
    TL_JINJA_X_LIST, TL_JINJA_X_TUPLE,
    TL_JINJA_X_DICT,                     /* item: key, value, key, value ... */
    TL_JINJA_X_MATH, TL_JINJA_X_COMPARE, /* op[i] stands before item[i]; op[0] is unused */
    TL_JINJA_X_CONCAT, TL_JINJA_X_AND, TL_JINJA_X_OR,
    TL_JINJA_X_NOT, TL_JINJA_X_MINUS, TL_JINJA_X_PLUS,
    TL_JINJA_X_IF,                       /* item: test, value, and maybe the value otherwise */
    TL_JINJA_X_SUFFIX,                   /* item[0] with suffix[0..n_suffix-1] applied */
};

enum { TL_JINJA_OP_IN = 1000, TL_JINJA_OP_NOT_IN };  /* comparisons that are no operator token */

struct tl_jinja_expr {
    uint8_t kind;
    uint32_t line;
    uint32_t name;                       /* NAME, ATTRIBUTE: number of the name */
    uint32_t n, n_suffix;
    struct tl_jinja_expr **item;         /* [n] */
    uint16_t *op;                        /* [n] enum tl_jinja_token_kind or TL_JINJA_OP_ */
    struct tl_jinja_suffix **suffix;     /* [n_suffix] */
    struct tl_jinja_value value;         /* CONST; ATTRIBUTE: its name */
};

/* Arguments as written in a call. */
struct tl_jinja_call {
    uint32_t n_pos, n_named;
    struct tl_jinja_expr **pos, **named;
    const struct tl_jinja_text **name;
    struct tl_jinja_expr *list, *dict;   /* *list, **dict, or NULL */
};

enum tl_jinja_suffix_kind {
    TL_JINJA_S_ATTRIBUTE, TL_JINJA_S_ITEM, TL_JINJA_S_SLICE, TL_JINJA_S_CALL, TL_JINJA_S_FILTER, TL_JINJA_S_TEST,
};

struct tl_jinja_suffix {
    uint8_t kind;
    bool negate;                         /* TEST: "is not" */
    uint32_t line;
    const struct tl_jinja_text *name;    /* ATTRIBUTE, FILTER, TEST */
    const struct tl_jinja_builtin *builtin;          /* FILTER, TEST; NULL: there is none of that name, an error when met */
    struct tl_jinja_expr *part[3];       /* ITEM: [0]; SLICE: start, stop, step, each or NULL */
    struct tl_jinja_call call;           /* CALL, FILTER, TEST */
};

enum tl_jinja_stmt_kind {
    TL_JINJA_DATA, TL_JINJA_OUTPUT, TL_JINJA_IF, TL_JINJA_FOR, TL_JINJA_SET, TL_JINJA_SET_BLOCK, TL_JINJA_MACRO_DEF,
    TL_JINJA_CALL_BLOCK, TL_JINJA_FILTER_BLOCK, TL_JINJA_WITH, TL_JINJA_SCOPE, TL_JINJA_BREAK, TL_JINJA_CONTINUE,
};

struct tl_jinja_stmt {
    uint8_t kind;
    uint32_t line;
    struct tl_jinja_stmt *next;
    const struct tl_jinja_text *text;    /* DATA */
    struct tl_jinja_expr *expr;          /* OUTPUT, IF: test, FOR: what is walked, SET: value, CALL_BLOCK: the call */
    struct tl_jinja_expr *target;        /* FOR, SET, SET_BLOCK */
    struct tl_jinja_expr *filter;        /* FOR: its `if`; SET_BLOCK, FILTER_BLOCK: suffixes on an unused item, or NULL */
    struct tl_jinja_stmt *body, *otherwise;
    struct tl_jinja_stmt *branch;        /* IF: the next elif */
    bool recursive;                      /* FOR */
    struct tl_jinja_signature *signature;            /* MACRO_DEF, CALL_BLOCK */
    uint32_t n;                          /* WITH */
    struct tl_jinja_expr **targets, **values;        /* WITH [n] */
};

enum { TL_JINJA_USES_CALLER = 1, TL_JINJA_USES_KWARGS = 2, TL_JINJA_USES_VARARGS = 4 };

struct tl_jinja_signature {
    const struct tl_jinja_text *name;    /* NULL: of a call block */
    uint32_t id;                         /* of the macro's name */
    unsigned uses;                       /* which special names the body mentions */
    uint32_t n, n_defaults;              /* the last n_defaults parameters have defaults */
    uint32_t *param;                     /* [n] numbers of names */
    struct tl_jinja_expr **fallback;     /* [n_defaults] */
};

struct tl_template {
    struct tl_jinja_memory memory;
    struct tl_jinja_stmt *body;
    uint32_t n_names, n_slots;
    const struct tl_jinja_text **name;   /* [n_names] */
    uint32_t *slot;                      /* [n_slots] hash index: 1 + number, 0: free */
    uint32_t caller, kwargs, varargs, loop;          /* numbers of special names */
};

/* The number of a name in the template, or UINT32_MAX. */
uint32_t tl_jinja_names_find(const struct tl_template *template, const struct tl_jinja_text *name);
int tl_jinja_names_add(struct tl_template *template, const char *bytes, size_t n, uint32_t *ret_number);
void tl_jinja_names_done(struct tl_template *template);

int tl_jinja_parser_run(struct tl_template *template, const char *text, size_t n_bytes);    /* TL_E_FILE */

#endif
