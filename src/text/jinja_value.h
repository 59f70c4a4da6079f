/* SPDX-License-Identifier: MIT */
/* Values of a template. They behave as Python's do, because templates were written against Jinja2 on Python.
 *
 * Strings are valid UTF-8 and know of every byte whether it came from the caller (`user`) or from the template. Strings,
 * lists and dicts never change once they are visible to a template; joining at the end of one may continue in the room
 * behind it, which older values do not see. All memory is the rendering's (or the template's, for constants). */
#ifndef TL_TEXT_JINJA_VALUE_H
#define TL_TEXT_JINJA_VALUE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum tl_jinja_kind {
#define KIND(name, title) TL_JINJA_##name,
#include "text/jinja_kinds.def"
#undef KIND
    TL_JINJA_KINDS
};

struct tl_jinja;
struct tl_jinja_text;
struct tl_jinja_list;
struct tl_jinja_dict;
struct tl_jinja_stream;
struct tl_jinja_loop;
struct tl_jinja_macro;
struct tl_jinja_method;
struct tl_jinja_builtin;

/* MISSING: no value at all (an unset variable, an argument not given); templates see it as UNDEFINED.
 * UNDEFINED: `text` is the name that was asked for, `owner` the kind of what was asked (MISSING: a variable).
 * BIG: an integer beyond 64 bits; `text` holds its digits. It can be compared and printed, not computed with. */
struct tl_jinja_value {
    uint8_t kind;                        /* enum tl_jinja_kind */
    uint8_t owner;                       /* of UNDEFINED */
    bool user;                           /* not of STRING: is what it prints the caller's? */
    union {
        bool boolean;
        int64_t integer;
        double number;
        const struct tl_jinja_text *text;
        const struct tl_jinja_list *list;        /* LIST and TUPLE */
        struct tl_jinja_dict *dict;              /* DICT, NAMESPACE */
        const struct tl_jinja_view *view;
        const struct tl_jinja_range *range;
        struct tl_jinja_stream *stream;
        struct tl_jinja_loop *loop;
        const struct tl_jinja_macro *macro;
        const struct tl_jinja_method *method;
        const struct tl_jinja_builtin *builtin;
        const void *object;
    };
};

/* A string. `from` [n] tells of each byte whether it is the caller's; NULL: `user` holds for all. */
struct tl_jinja_text {
    const char *bytes;
    const uint8_t *from;
    size_t n;
    size_t chars;                        /* code points; SIZE_MAX: not counted yet */
    uint64_t hash;                       /* 0: not computed yet */
    struct tl_jinja_tail *tail;          /* where it may be continued, or NULL */
    bool user;
    bool markup;                         /* marked safe for HTML: what is joined to it gets escaped, as markupsafe does */
};

/* The room that strings were built in: a string that ends at `n` may be continued in place. */
struct tl_jinja_tail {
    char *bytes;
    uint8_t *from;                       /* NULL: all of one origin */
    size_t n, cap;
};

struct tl_jinja_list {
    struct tl_jinja_value *item;
    size_t n;
    struct tl_jinja_shelf *shelf;        /* as the tail of a string, or NULL */
};

struct tl_jinja_shelf {
    struct tl_jinja_value *item;
    size_t n, cap;
};

struct tl_jinja_pair { struct tl_jinja_value key, value; uint64_t hash; };

/* In order of insertion, with an index when there are more than a few. */
struct tl_jinja_dict {
    struct tl_jinja_pair *pair;
    size_t n, cap;
    uint32_t *slot;                      /* [n_slots] 1 + number of the pair, 0: free */
    size_t n_slots;
};

enum tl_jinja_view_kind { TL_JINJA_KEYS, TL_JINJA_VALUES, TL_JINJA_ITEMS };
struct tl_jinja_view { const struct tl_jinja_dict *dict; enum tl_jinja_view_kind kind; bool user; };

struct tl_jinja_range { int64_t start, stop, step; size_t n; };

/* Arguments of a call as written; `name` [n_named] are the names of `named`. */
struct tl_jinja_args {
    const struct tl_jinja_value *pos;
    size_t n_pos;
    const struct tl_jinja_text *const *name;
    const struct tl_jinja_value *named;
    size_t n_named;
};

/* A filter, a test, a method or a global function. `params` are the names of its parameters, divided by blanks; the
 * first `n_required` must be given; a leading '/' forbids names; "*" takes the arguments as they are in `all`.
 * self: the value filtered, tested or asked; of functions MISSING. arg: one a parameter, MISSING where not given. */
typedef int (*tl_jinja_function)(struct tl_jinja *j, const struct tl_jinja_value *self, const struct tl_jinja_value *arg,
                                 const struct tl_jinja_args *all, struct tl_jinja_value *ret);
struct tl_jinja_builtin {
    const char *name;
    const char *params;
    unsigned n_required;
    tl_jinja_function function;          /* NULL: exists but is forbidden (it changes its value) */
};

struct tl_jinja_method { struct tl_jinja_value self; const struct tl_jinja_builtin *builtin; };

/* --- constructors of what needs no memory --------------------------------------------------------------------------- */

static inline struct tl_jinja_value tl_jinja_none(void)
{
    return (struct tl_jinja_value){.kind = TL_JINJA_NONE};
}

static inline struct tl_jinja_value tl_jinja_bool(bool b)
{
    return (struct tl_jinja_value){.kind = TL_JINJA_BOOL, .boolean = b};
}

static inline struct tl_jinja_value tl_jinja_int(int64_t i)
{
    return (struct tl_jinja_value){.kind = TL_JINJA_INT, .integer = i};
}

static inline struct tl_jinja_value tl_jinja_float(double d)
{
    return (struct tl_jinja_value){.kind = TL_JINJA_FLOAT, .number = d};
}

static inline struct tl_jinja_value tl_jinja_string(const struct tl_jinja_text *text)
{
    return (struct tl_jinja_value){.kind = TL_JINJA_STRING, .text = text};
}

static inline struct tl_jinja_value tl_jinja_undefined(const struct tl_jinja_text *name, enum tl_jinja_kind owner)
{
    return (struct tl_jinja_value){.kind = TL_JINJA_UNDEFINED, .owner = (uint8_t)owner, .text = name};
}

static inline bool tl_jinja_is_string(const struct tl_jinja_value *v) { return v->kind == TL_JINJA_STRING; }
static inline bool tl_jinja_is_missing(const struct tl_jinja_value *v) { return v->kind == TL_JINJA_MISSING; }
static inline bool tl_jinja_is_list(const struct tl_jinja_value *v)
{
    return v->kind == TL_JINJA_LIST || v->kind == TL_JINJA_TUPLE;
}

/* BOOL and INT, as Python's int. */
static inline bool tl_jinja_as_int(const struct tl_jinja_value *v, int64_t *ret)
{
    if (v->kind != TL_JINJA_INT && v->kind != TL_JINJA_BOOL)
        return false;
    *ret = v->kind == TL_JINJA_BOOL ? v->boolean : v->integer;
    return true;
}

#endif
