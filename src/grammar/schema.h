/* SPDX-License-Identifier: MIT */
/* Inside the compiler of JSON schemas. A value's schema is a conjunction: a sorted list of places in the schema's text, all of which
 * it has to fit. Each conjunction becomes one rule; what stands below it is queued, so that nothing here calls itself. */
#ifndef TL_GRAMMAR_SCHEMA_H
#define TL_GRAMMAR_SCHEMA_H

#include "grammar/language.h"
#include "text/json_tree.h"

enum {
    TL_SCHEMA_ITEMS = 64,                /* of a conjunction */
    TL_SCHEMA_MEMBERS = 1024,            /* properties of an object, values of an enum are bounded by the tree */
    TL_SCHEMA_RULES = 20000,             /* conjunctions of one schema */
    TL_SCHEMA_WORK = 1 << 24,
    TL_SCHEMA_STATES = 1 << 17,          /* of the automata of its patterns, formats, bounds and names */
};

/* Types of values, as bits. A number may be whole. */
enum {
    TL_SCHEMA_NULL = 1, TL_SCHEMA_BOOLEAN = 2, TL_SCHEMA_INTEGER = 4, TL_SCHEMA_FRACTION = 8, TL_SCHEMA_STRING = 16, TL_SCHEMA_ARRAY = 32,
    TL_SCHEMA_OBJECT = 64, TL_SCHEMA_NUMBER = TL_SCHEMA_INTEGER | TL_SCHEMA_FRACTION, TL_SCHEMA_ANY = 127,
};

/* Keywords of a place that have been dealt with. */
enum { TL_DONE_REF = 1, TL_DONE_ALL_OF = 2, TL_DONE_ANY_OF = 4, TL_DONE_ONE_OF = 8, TL_DONE_NULLABLE = 16 };

struct tl_schema_item { uint32_t node, done; };
struct tl_schema_rule { uint32_t rule, first, n, next; };

struct tl_conjunction { struct tl_schema_item item[TL_SCHEMA_ITEMS]; uint32_t n; bool never; };

struct tl_schema {
    struct tl_draft draft;
    struct tl_json_tree tree;
    unsigned flags;
    struct tl_schema_rule *rule;         /* conjunctions that have rules, and those still to be written */
    uint64_t n_rules, rule_cap, n_written;
    struct tl_schema_item *item;         /* theirs */
    uint64_t n_items, item_cap;
    uint32_t bucket[4096];
    struct tl_schema_memo *memo;         /* rules of strings and numbers by what is said of them */
    uint64_t n_memos, memo_cap, n_spent; /* n_spent: states of automata so far */
    uint64_t n_work;                     /* comparisons so far */
    /* expressions that many share */
    uint32_t blank, quote, string, character, number, integer, any, any_object, any_array;
};

struct tl_schema_memo { char *key; uint32_t rule; };

/* One property of an object: what its value must fit. */
struct tl_schema_property { const char *name; size_t n_name; struct tl_conjunction value; bool required; };

/* --- schema.c ------------------------------------------------------------------------------------------------------- */

static inline const struct tl_json_node *tl_schema_node(const struct tl_schema *schema, uint32_t node) { return &schema->tree.node[node]; }
/* The member of an object, null included; NULL: absent. */
const struct tl_json_node *tl_schema_member(const struct tl_schema *schema, const struct tl_json_node *object, const char *key);
/* Adds a place; booleans, references and allOf are resolved. */
int tl_conjunction_add(struct tl_schema *schema, struct tl_conjunction *conjunction, const struct tl_json_node *node, uint32_t done);
/* A call of the rule for a conjunction: written now or later. */
uint32_t tl_schema_value(struct tl_schema *schema, struct tl_conjunction *conjunction);
/* "WHERE: PATH: sentence" as TL_E_USAGE. */
int tl_schema_fail(struct tl_schema *schema, const struct tl_json_node *node, const char *sentence);
/* The keyword cannot be enforced: refused, or its name is noted. */
int tl_schema_drop(struct tl_schema *schema, const struct tl_json_node *node, const char *keyword);
/* Automata of so many states more were made: a schema may make TL_SCHEMA_STATES. */
int tl_schema_spend(struct tl_schema *schema, const struct tl_json_node *node, uint64_t n_states);
/* So many comparisons more were made: a schema may make TL_SCHEMA_WORK. */
int tl_schema_work(struct tl_schema *schema, const struct tl_json_node *node, uint64_t n);
uint64_t tl_schema_children(const struct tl_schema *schema, const struct tl_json_node *node);
/* The member as a number; `absent` where it is not there: 0 of a bound from below, TL_GRAMMAR_NO_END of one from above. */
int tl_schema_count(struct tl_schema *schema, const struct tl_json_node *object, const char *key, uint32_t absent, uint32_t *ret);

/* The rule of a language that the same members of other places made; the members are printed to `key`. False: none did. */
bool tl_schema_recall(struct tl_schema *schema, const struct tl_conjunction *conjunction, const char *const *members, size_t n, struct tl_buffer *key, uint32_t *ret_rule);
/* The key is taken. */
void tl_schema_remember(struct tl_schema *schema, struct tl_buffer *key, uint32_t rule);

/* --- schema_common.c: JSON's own syntax ------------------------------------------------------------------------------- */

void tl_schema_common(struct tl_schema *schema);
int tl_schema_print(const struct tl_schema *schema, const struct tl_json_node *node, struct tl_buffer *out);
uint32_t tl_schema_key(struct tl_schema *schema, const char *name, size_t n_name);                     /* "name": and a blank or none */

/* --- schema_keys.c: names that are not listed ------------------------------------------------------------------------- */

enum { TL_KEY_PATTERNS = 4 };

struct tl_key_pattern { struct tl_language language; const struct tl_json_node *value; uint32_t item; };
struct tl_schema_keys {
    struct tl_schema *schema;
    const struct tl_conjunction *c;
    struct tl_key_pattern pattern[TL_KEY_PATTERNS];
    uint32_t n_patterns;
    struct tl_language names;            /* by propertyNames, where `bounded` */
    bool bounded;
};

int tl_schema_keys_init(struct tl_schema_keys *keys, struct tl_schema *schema, const struct tl_conjunction *conjunction);
int tl_schema_keys_names(struct tl_schema_keys *keys);                /* part of it */
void tl_schema_keys_done(struct tl_schema_keys *keys);
/* All that a value under this name must fit. */
int tl_schema_keys_value(struct tl_schema_keys *keys, const char *name, size_t n_name, struct tl_conjunction *value);
/* A pair whose name is none of the listed ones; `open`: also names that no pattern matches. Dead: there is none. */
uint32_t tl_schema_keys_pair(struct tl_schema_keys *keys, const struct tl_text *listed, size_t n, bool open);

/* --- schema_value.c, schema_object.c, schema_array.c ------------------------------------------------------------------ */

uint32_t tl_schema_write(struct tl_schema *schema, const struct tl_conjunction *conjunction);
uint32_t tl_schema_object(struct tl_schema *schema, const struct tl_conjunction *conjunction);
uint32_t tl_schema_array(struct tl_schema *schema, const struct tl_conjunction *conjunction);
uint32_t tl_schema_string(struct tl_schema *schema, const struct tl_conjunction *conjunction);
uint32_t tl_schema_number(struct tl_schema *schema, const struct tl_conjunction *conjunction, bool whole);
/* What patterns, formats and lengths say of strings, bounds of numbers: 1 and a language, or 0: nothing. */
int tl_schema_text(struct tl_schema *schema, const struct tl_conjunction *conjunction, struct tl_language *language);
int tl_schema_digits(struct tl_schema *schema, const struct tl_conjunction *conjunction, bool whole, struct tl_language *language);
/* enum and const: true where there are any; *ret_expr is then the choice of those that fit. */
bool tl_schema_listed(struct tl_schema *schema, const struct tl_conjunction *conjunction, unsigned types, uint32_t *ret_expr);
/* oneOf is written as anyOf: refused, or noted, where a value might fit two of them. */
void tl_schema_one_of(struct tl_schema *schema, const struct tl_json_node *list);
/* The types that a place names, or TL_SCHEMA_ANY. */
int tl_schema_types(struct tl_schema *schema, const struct tl_json_node *node, unsigned *ret_types);

/* The types that a conjunction leaves; `meant`: without those that its keywords do not speak of where no type is named. */
unsigned tl_schema_types_of(struct tl_schema *schema, const struct tl_conjunction *conjunction, bool meant);

#endif
