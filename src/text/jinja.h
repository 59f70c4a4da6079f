/* SPDX-License-Identifier: MIT */
/* One rendering: its state, and what the files that make it up ask of each other.
 *
 * Every function that can fail returns < 0 with a sentence recorded; a rendering ends with its first failure. All work
 * is paid for in steps, all nesting in depth, all memory in value bytes: no template can run without end. */
#ifndef TL_TEXT_JINJA_H
#define TL_TEXT_JINJA_H

#include "text/jinja_memory.h"
#include "text/jinja_tree.h"
#include "text/jinja_value.h"
#include "text/template.h"

/* What is written, and above it strings that are just being built: a stack of text. `from` [cap] as in strings. */
struct tl_jinja_output {
    char *bytes;
    uint8_t *from;
    size_t n, cap, limit;
};

struct tl_jinja_variable { uint32_t name; struct tl_jinja_value value; };

/* Variables of a block; outside of all scopes are the global ones. */
struct tl_jinja_scope {
    struct tl_jinja_scope *parent;       /* NULL: what is around is global */
    struct tl_jinja_variable *variable;
    uint32_t n, cap;
    bool kept;                           /* a macro was defined here or further in: it may be called when the block is over */
    struct tl_jinja_scope *next_free;
};

struct tl_jinja_macro { const struct tl_jinja_stmt *stmt; struct tl_jinja_scope *scope; };

struct tl_jinja {
    const struct tl_template *template;
    const struct tl_template_input *input;
    struct tl_jinja_memory memory;
    struct tl_jinja_output output;
    struct tl_jinja_value *global;       /* [n_names], MISSING: not set */
    struct tl_jinja_scope *free_scopes;
    uint64_t steps, limit_steps;
    uint32_t depth, limit_depth;
    uint32_t line;                       /* where the template is now, for messages */
};

/* --- jinja.c: failures and bounds -------------------------------------------------------------------------------------- */

/* "template:LINE: sentence". USAGE: the messages are not what the template needs; FILE: the template is broken. */
int tl_jinja_fail(const struct tl_jinja *j, int code, const char *format, ...) __attribute__((format(printf, 3, 4)));
int tl_jinja_fail_undefined(const struct tl_jinja *j, const struct tl_jinja_value *v);
int tl_jinja_step(struct tl_jinja *j, uint64_t n);                    /* pays n steps */
int tl_jinja_scan(struct tl_jinja *j, uint64_t n_bytes);              /* pays for looking at many bytes */
int tl_jinja_enter(struct tl_jinja *j);                               /* one level deeper; leave: depth-- */
int tl_jinja_take(struct tl_jinja *j, size_t count, size_t elem_bytes, void *ret);   /* zeroed; *ret is a pointer */
const char *tl_jinja_kind_name(const struct tl_jinja_value *v);

/* --- jinja_output.c ---------------------------------------------------------------------------------------------------- */

int tl_jinja_output_bytes(struct tl_jinja *j, const char *bytes, size_t n, bool user);
int tl_jinja_output_text(struct tl_jinja *j, const struct tl_jinja_text *text, size_t start, size_t n);
int tl_jinja_output_code(struct tl_jinja *j, uint32_t code, bool user);              /* one character */
/* What was written since it was `mark` long becomes a string. */
int tl_jinja_output_take(struct tl_jinja *j, size_t mark, bool markup, struct tl_jinja_value *ret);
int tl_jinja_output_parts(const struct tl_jinja *j, struct tl_parts *ret_parts);
void tl_jinja_output_done(struct tl_jinja_output *output);

/* --- jinja_value.c ----------------------------------------------------------------------------------------------------- */

bool tl_jinja_value_truth(const struct tl_jinja_value *v);
int tl_jinja_value_equal(struct tl_jinja *j, const struct tl_jinja_value *a, const struct tl_jinja_value *b);        /* 1, 0, < 0 */
int tl_jinja_value_order(struct tl_jinja *j, const struct tl_jinja_value *a, const struct tl_jinja_value *b, int *ret);
int tl_jinja_value_in(struct tl_jinja *j, const struct tl_jinja_value *item, const struct tl_jinja_value *in);       /* 1, 0, < 0 */
bool tl_jinja_value_same(const struct tl_jinja_value *a, const struct tl_jinja_value *b);    /* Python's `is` */
bool tl_jinja_value_number(const struct tl_jinja_value *v, double *ret);     /* BOOL, INT, FLOAT */
int tl_jinja_value_length(struct tl_jinja *j, const struct tl_jinja_value *v, size_t *ret);

/* --- jinja_list.c, jinja_dict.c ---------------------------------------------------------------------------------------- */

int tl_jinja_list_new(struct tl_jinja *j, enum tl_jinja_kind kind, size_t cap, struct tl_jinja_value *ret);
int tl_jinja_list_push(struct tl_jinja *j, struct tl_jinja_value *list, const struct tl_jinja_value *item);  /* while it is built */
int tl_jinja_list_concat(struct tl_jinja *j, const struct tl_jinja_value *a, const struct tl_jinja_value *b, struct tl_jinja_value *ret);
int tl_jinja_list_sort(struct tl_jinja *j, struct tl_jinja_value *item, const struct tl_jinja_value *key, size_t n, bool reverse);

int tl_jinja_dict_new(struct tl_jinja *j, enum tl_jinja_kind kind, size_t cap, struct tl_jinja_value *ret);
/* 1: *ret_value is what is there (not to be changed); 0: nothing is; < 0: the key cannot be one. */
int tl_jinja_dict_find(struct tl_jinja *j, const struct tl_jinja_dict *dict, const struct tl_jinja_value *key,
                       const struct tl_jinja_value **ret_value);
int tl_jinja_dict_put(struct tl_jinja *j, struct tl_jinja_dict *dict, const struct tl_jinja_value *key, const struct tl_jinja_value *value);
int tl_jinja_dict_update(struct tl_jinja *j, struct tl_jinja_dict *dict, const struct tl_jinja_value *from);         /* a dict or pairs */

/* --- jinja_stream.c: walking through values ------------------------------------------------------------------------------ */

/* What yields values one by one; once it is used up it stays so. `next` returns 1, 0 at the end, or < 0. */
struct tl_jinja_stream {
    int (*next)(struct tl_jinja *j, struct tl_jinja_stream *stream, struct tl_jinja_value *ret);
    struct tl_jinja_value source;
    struct tl_jinja_stream *from;        /* what a filter takes its values from, or NULL */
    size_t at;
    unsigned depth;                      /* streams behind this one */
    void *context;                       /* of `next` */
};

int tl_jinja_stream_open(struct tl_jinja *j, const struct tl_jinja_value *v, struct tl_jinja_stream **ret);
int tl_jinja_stream_next(struct tl_jinja *j, struct tl_jinja_stream *stream, struct tl_jinja_value *ret);            /* 1, 0: end, < 0 */
/* A stream of a filter's: as a value. `v` is what it takes its values from. */
int tl_jinja_stream_filter(struct tl_jinja *j, const struct tl_jinja_value *v, void *context,
                           int (*next)(struct tl_jinja *j, struct tl_jinja_stream *stream, struct tl_jinja_value *ret),
                           struct tl_jinja_value *ret);
int tl_jinja_stream_list(struct tl_jinja *j, const struct tl_jinja_value *v, enum tl_jinja_kind kind, struct tl_jinja_value *ret);

/* --- jinja_print.c, jinja_number.c, jinja_json.c ------------------------------------------------------------------------- */

int tl_jinja_print_str(struct tl_jinja *j, const struct tl_jinja_value *v);          /* to the output, as str() */
int tl_jinja_print_repr(struct tl_jinja *j, const struct tl_jinja_value *v);
int tl_jinja_print_text(struct tl_jinja *j, const struct tl_jinja_value *v, struct tl_jinja_value *ret);     /* a string as it is, else str() */
int tl_jinja_print_escape(struct tl_jinja *j, const struct tl_jinja_value *v, struct tl_jinja_value *ret);   /* for HTML: markup */
enum { TL_JINJA_NUMBER_BYTES = 32 };
size_t tl_jinja_number_repr(double number, char ret_text[TL_JINJA_NUMBER_BYTES]);    /* the shortest that reads back, as Python */
double tl_jinja_number_round(double number, int digits);
struct tl_jinja_json_style { bool ascii, sort; const struct tl_jinja_text *indent, *comma, *colon; };
int tl_jinja_json_write(struct tl_jinja *j, const struct tl_jinja_value *v, const struct tl_jinja_json_style *style);
int tl_jinja_json_read(struct tl_jinja *j, const char *name, const char *text, struct tl_jinja_value *ret);

/* --- jinja_attribute.c, jinja_operator.c, jinja_format.c ------------------------------------------------------------------- */

int tl_jinja_attribute_get(struct tl_jinja *j, const struct tl_jinja_value *v, const struct tl_jinja_text *name, struct tl_jinja_value *ret);
int tl_jinja_attribute_item(struct tl_jinja *j, const struct tl_jinja_value *v, const struct tl_jinja_value *key, struct tl_jinja_value *ret);
int tl_jinja_attribute_slice(struct tl_jinja *j, const struct tl_jinja_value *v, const struct tl_jinja_value part[3], struct tl_jinja_value *ret);
/* "a.b.0" from a value; `path` is a string, an integer, or none for the value itself. */
int tl_jinja_attribute_path(struct tl_jinja *j, const struct tl_jinja_value *v, const struct tl_jinja_value *path, struct tl_jinja_value *ret);
int tl_jinja_operator_binary(struct tl_jinja *j, unsigned op, const struct tl_jinja_value *a, const struct tl_jinja_value *b, struct tl_jinja_value *ret);
int tl_jinja_operator_compare(struct tl_jinja *j, unsigned op, const struct tl_jinja_value *a, const struct tl_jinja_value *b);      /* 1, 0, < 0 */
int tl_jinja_operator_sign(struct tl_jinja *j, bool minus, const struct tl_jinja_value *v, struct tl_jinja_value *ret);
int tl_jinja_format_percent(struct tl_jinja *j, const struct tl_jinja_text *format, const struct tl_jinja_value *values, struct tl_jinja_value *ret);
int tl_jinja_format_braces(struct tl_jinja *j, const struct tl_jinja_text *format, const struct tl_jinja_args *args, struct tl_jinja_value *ret);

/* --- jinja_builtin.c, jinja_call.c, jinja_scope.c -------------------------------------------------------------------------- */

int tl_jinja_builtin_call(struct tl_jinja *j, const struct tl_jinja_builtin *builtin, const struct tl_jinja_value *self,
                          const struct tl_jinja_args *args, struct tl_jinja_value *ret);
int tl_jinja_call_value(struct tl_jinja *j, const struct tl_jinja_value *callee, const struct tl_jinja_args *args, struct tl_jinja_value *ret);
int tl_jinja_call_new_macro(struct tl_jinja *j, const struct tl_jinja_stmt *stmt, struct tl_jinja_scope *scope, struct tl_jinja_value *ret);

int tl_jinja_scope_open(struct tl_jinja *j, struct tl_jinja_scope *parent, struct tl_jinja_scope **ret);
void tl_jinja_scope_close(struct tl_jinja *j, struct tl_jinja_scope *scope);         /* used again unless it is kept */
void tl_jinja_scope_keep(struct tl_jinja_scope *scope);                              /* and all around it */
/* scope NULL: global. */
int tl_jinja_scope_set(struct tl_jinja *j, struct tl_jinja_scope *scope, uint32_t name, const struct tl_jinja_value *value);
struct tl_jinja_value tl_jinja_scope_get(const struct tl_jinja *j, const struct tl_jinja_scope *scope, uint32_t name);

/* --- jinja_evaluate.c, jinja_execute.c, jinja_loop.c ------------------------------------------------------------------------ */

int tl_jinja_evaluate(struct tl_jinja *j, const struct tl_jinja_expr *expr, struct tl_jinja_scope *scope, struct tl_jinja_value *ret);
/* The suffixes of `expr` on *value instead of its own item. */
int tl_jinja_evaluate_suffixes(struct tl_jinja *j, const struct tl_jinja_expr *expr, struct tl_jinja_scope *scope, struct tl_jinja_value *value);
/* `expr` ends in a call, which gets `caller` as one more named argument. */
int tl_jinja_evaluate_call(struct tl_jinja *j, const struct tl_jinja_expr *expr, struct tl_jinja_scope *scope,
                           const struct tl_jinja_value *caller, struct tl_jinja_value *ret);

enum { TL_JINJA_FLOW_ON, TL_JINJA_FLOW_BREAK, TL_JINJA_FLOW_CONTINUE };
int tl_jinja_execute(struct tl_jinja *j, const struct tl_jinja_stmt *block, struct tl_jinja_scope *scope);   /* a FLOW, or < 0 */
int tl_jinja_execute_assign(struct tl_jinja *j, const struct tl_jinja_expr *target, struct tl_jinja_scope *scope, const struct tl_jinja_value *value);

int tl_jinja_loop_run(struct tl_jinja *j, const struct tl_jinja_stmt *stmt, struct tl_jinja_scope *scope);   /* a FLOW, or < 0 */
int tl_jinja_loop_attribute(struct tl_jinja *j, struct tl_jinja_loop *loop, const struct tl_jinja_text *name, struct tl_jinja_value *ret);  /* 1, 0, < 0 */
int tl_jinja_loop_call(struct tl_jinja *j, struct tl_jinja_loop *loop, const struct tl_jinja_args *args, struct tl_jinja_value *ret);
size_t tl_jinja_loop_index(const struct tl_jinja_loop *loop);
int tl_jinja_loop_length(struct tl_jinja *j, struct tl_jinja_loop *loop, size_t *ret);

#endif
