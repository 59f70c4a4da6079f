/* SPDX-License-Identifier: MIT */
/* Lists: enum and const, whose values are written as they stand in the schema, and oneOf, which is enforced where no value can fit two
 * of its schemas: they differ in type, in a listed value, or in the listed value of a property that both require. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "base/parse.h"
#include "grammar/schema.h"

enum { BRANCHES = 256, LOOK = 8 };

static unsigned type_of(const struct tl_schema *schema, const struct tl_json_node *node)
{
    double value;
    switch (node->kind) {
    case TL_JSON_OBJECT: return TL_SCHEMA_OBJECT;
    case TL_JSON_ARRAY:  return TL_SCHEMA_ARRAY;
    case TL_JSON_STRING: return TL_SCHEMA_STRING;
    case TL_JSON_NULL:   return TL_SCHEMA_NULL;
    case TL_JSON_NUMBER:
        return tl_parse_f64(schema->tree.text.data + node->text, node->n_text, &value) && value == floor(value) ? TL_SCHEMA_INTEGER : TL_SCHEMA_FRACTION;
    default:             return TL_SCHEMA_BOOLEAN;
    }
}

static bool same_number(const struct tl_schema *schema, const struct tl_json_node *a, const struct tl_json_node *b)
{
    double x, y;
    return tl_parse_f64(schema->tree.text.data + a->text, a->n_text, &x) && tl_parse_f64(schema->tree.text.data + b->text, b->n_text, &y) && x == y;
}

static bool same(const struct tl_schema *schema, const struct tl_json_node *a, const struct tl_json_node *b)
{
    if (a->kind != b->kind)
        return false;
    if (a->kind == TL_JSON_NUMBER)
        return same_number(schema, a, b);
    if (a->kind == TL_JSON_STRING)
        return a->n_text == b->n_text && memcmp(schema->tree.text.data + a->text, schema->tree.text.data + b->text, a->n_text) == 0;
    struct tl_buffer x, y;
    tl_buffer_init(&x, 0);
    tl_buffer_init(&y, 0);
    bool equal = tl_schema_print(schema, a, &x) >= 0 && tl_schema_print(schema, b, &y) >= 0 && x.len == y.len && memcmp(x.data, y.data, x.len) == 0;
    tl_buffer_done(&x);
    tl_buffer_done(&y);
    return equal;
}

/* The i-th value that a place lists; NULL: no more. */
static const struct tl_json_node *listed(const struct tl_schema *schema, const struct tl_json_node *node, const struct tl_json_node *before)
{
    const struct tl_json_node *one = tl_schema_member(schema, node, "const"), *list = tl_schema_member(schema, node, "enum");
    if (one)
        return before ? NULL : one;
    if (!list || list->kind != TL_JSON_ARRAY)
        return NULL;
    return before ? tl_json_tree_next(&schema->tree, before) : tl_json_tree_child(&schema->tree, list);
}

static bool has_list(const struct tl_schema *schema, const struct tl_json_node *node)
{
    return tl_schema_member(schema, node, "const") || tl_schema_member(schema, node, "enum");
}

static bool lists(const struct tl_schema *schema, const struct tl_json_node *node, const struct tl_json_node *value)
{
    for (const struct tl_json_node *at = listed(schema, node, NULL); at; at = listed(schema, node, at))
        if (same(schema, at, value))
            return true;
    return false;
}

/* `from` is the place that lists the value. */
static bool in_all(struct tl_schema *schema, const struct tl_conjunction *c, const struct tl_json_node *from, const struct tl_json_node *value)
{
    for (uint32_t i = 0; i < c->n; i++) {
        const struct tl_json_node *node = tl_schema_node(schema, c->item[i].node);
        const struct tl_json_node *list = tl_schema_member(schema, node, "enum"), *one = tl_schema_member(schema, node, "const");
        if (node == from)
            continue;
        if (tl_schema_work(schema, node, list ? tl_schema_children(schema, list) : 1) < 0 || (one && !same(schema, one, value)))
            return false;
        if (list && !one && !lists(schema, node, value))
            return false;
    }
    return true;
}

/* What strings and numbers must be besides; a value is held against it as it is written. */
struct filter { struct tl_language text, digits; bool has_text, has_digits; };

static int make_filter(struct tl_schema *schema, const struct tl_conjunction *c, struct filter *filter)
{
    int r = tl_schema_text(schema, c, &filter->text);
    filter->has_text = r > 0;
    if (r >= 0)
        r = tl_schema_digits(schema, c, false, &filter->digits);
    filter->has_digits = r > 0;
    return r;
}

static bool passes(const struct tl_schema *schema, const struct filter *filter, const struct tl_json_node *value)
{
    const char *text = schema->tree.text.data + value->text;
    if (value->kind == TL_JSON_STRING && filter->has_text)
        return tl_language_takes(&filter->text, text, value->n_text);
    return value->kind != TL_JSON_NUMBER || !filter->has_digits || tl_language_takes(&filter->digits, text, value->n_text);
}

bool tl_schema_listed(struct tl_schema *schema, const struct tl_conjunction *c, unsigned types, uint32_t *ret_expr)
{
    const struct tl_json_node *first = NULL;
    size_t n = 0;
    for (uint32_t i = 0; i < c->n && !first; i++)
        if (has_list(schema, tl_schema_node(schema, c->item[i].node)))
            first = tl_schema_node(schema, c->item[i].node);
    if (!first)
        return false;
    for (const struct tl_json_node *at = listed(schema, first, NULL); at; at = listed(schema, first, at))
        n++;
    TL_AUTO uint32_t *choices = tl_alloc(n + 1, sizeof *choices);
    struct filter filter = {.has_text = false};
    *ret_expr = TL_EXPR_DEAD;
    if (!choices)
        tl_draft_fail(&schema->draft, TL_E_NOMEM);
    if (!choices || make_filter(schema, c, &filter) < 0)
        goto out;
    n = 0;
    for (const struct tl_json_node *at = listed(schema, first, NULL); at; at = listed(schema, first, at)) {
        struct tl_buffer text;
        if (!(type_of(schema, at) & types) || !in_all(schema, c, first, at) || !passes(schema, &filter, at))
            continue;
        tl_buffer_init(&text, 0);
        tl_draft_fail(&schema->draft, tl_schema_print(schema, at, &text));
        choices[n++] = tl_draft_literal(&schema->draft, text.data, text.len);
        tl_buffer_done(&text);
    }
    *ret_expr = tl_draft_choice(&schema->draft, choices, n);
out:
    tl_language_done(&filter.text);
    tl_language_done(&filter.digits);
    return true;
}

/* --- oneOf ------------------------------------------------------------------------------------------------------------------- */

static bool required(const struct tl_schema *schema, const struct tl_json_node *node, const struct tl_json_node *property)
{
    const struct tl_json_node *list = tl_schema_member(schema, node, "required");
    for (const struct tl_json_node *at = list ? tl_json_tree_child(&schema->tree, list) : NULL; at; at = tl_json_tree_next(&schema->tree, at))
        if (at->kind == TL_JSON_STRING && at->n_text == property->n_key &&
            memcmp(schema->tree.text.data + at->text, tl_json_tree_key(&schema->tree, property), property->n_key) == 0)
            return true;
    return false;
}

static bool apart(struct tl_schema *schema, const struct tl_conjunction *a, const struct tl_conjunction *b, unsigned depth);

static bool places_apart(struct tl_schema *schema, const struct tl_json_node *a, const struct tl_json_node *b, unsigned depth)
{
    TL_AUTO struct tl_conjunction *c = tl_alloc(2, sizeof *c);
    return c && tl_conjunction_add(schema, &c[0], a, 0) >= 0 && tl_conjunction_add(schema, &c[1], b, 0) >= 0 && apart(schema, &c[0], &c[1], depth);
}

static const struct tl_json_node *property_of(const struct tl_schema *schema, const struct tl_json_node *node, const struct tl_json_node *like)
{
    const struct tl_json_node *list = tl_schema_member(schema, node, "properties");
    for (const struct tl_json_node *at = list ? tl_json_tree_child(&schema->tree, list) : NULL; at; at = tl_json_tree_next(&schema->tree, at))
        if (at->n_key == like->n_key && memcmp(tl_json_tree_key(&schema->tree, at), tl_json_tree_key(&schema->tree, like), at->n_key) == 0)
            return at;
    return NULL;
}

/* Objects differ where both require a property whose values differ, or where one requires what the other rules out. */
static bool objects_apart(struct tl_schema *schema, const struct tl_json_node *a, const struct tl_json_node *b, unsigned depth)
{
    const struct tl_json_node *list = tl_schema_member(schema, a, "properties"), *more = tl_schema_member(schema, b, "additionalProperties");
    for (const struct tl_json_node *at = list ? tl_json_tree_child(&schema->tree, list) : NULL; at; at = tl_json_tree_next(&schema->tree, at)) {
        const struct tl_json_node *other = property_of(schema, b, at), *names = tl_schema_member(schema, b, "properties");
        if (tl_schema_work(schema, at, names ? tl_schema_children(schema, names) : 1) < 0)
            return false;
        if (!required(schema, a, at))
            continue;
        if (!other && more && more->kind == TL_JSON_FALSE && !tl_schema_member(schema, b, "patternProperties"))
            return true;
        if (other && required(schema, b, at) && places_apart(schema, at, other, depth + 1))
            return true;
    }
    return false;
}

static bool lists_apart(struct tl_schema *schema, const struct tl_json_node *a, const struct tl_json_node *b)
{
    if (!has_list(schema, a) || !has_list(schema, b))
        return false;
    const struct tl_json_node *list = tl_schema_member(schema, b, "enum");
    for (const struct tl_json_node *at = listed(schema, a, NULL); at; at = listed(schema, a, at))
        if (tl_schema_work(schema, a, list ? tl_schema_children(schema, list) : 1) < 0 || lists(schema, b, at))
            return false;
    return true;
}

static unsigned possible(struct tl_schema *schema, const struct tl_conjunction *c, bool meant)
{
    unsigned types = tl_schema_types_of(schema, c, meant);
    for (uint32_t i = 0; i < c->n; i++) {
        const struct tl_json_node *node = tl_schema_node(schema, c->item[i].node);
        unsigned values = 0;
        for (const struct tl_json_node *at = listed(schema, node, NULL); at; at = listed(schema, node, at))
            values |= type_of(schema, at);
        types &= has_list(schema, node) ? values : TL_SCHEMA_ANY;
    }
    return types;
}

static bool apart(struct tl_schema *schema, const struct tl_conjunction *a, const struct tl_conjunction *b, unsigned depth)
{
    /* what is written for one, as far as the other would take it */
    unsigned both = (possible(schema, a, true) & possible(schema, b, false)) | (possible(schema, a, false) & possible(schema, b, true));
    if (a->never || b->never || both == 0)
        return true;
    if (depth > LOOK || tl_schema_work(schema, tl_schema_node(schema, 0), (uint64_t)a->n * b->n * 16) < 0)
        return false;
    for (uint32_t i = 0; i < a->n; i++)
        for (uint32_t k = 0; k < b->n; k++) {
            const struct tl_json_node *x = tl_schema_node(schema, a->item[i].node), *y = tl_schema_node(schema, b->item[k].node);
            if (lists_apart(schema, x, y) || (both == TL_SCHEMA_OBJECT && (objects_apart(schema, x, y, depth) || objects_apart(schema, y, x, depth))))
                return true;
        }
    return false;
}

void tl_schema_one_of(struct tl_schema *schema, const struct tl_json_node *list)
{
    const struct tl_json_node *branch[BRANCHES];
    bool differ = tl_schema_children(schema, list) <= BRANCHES;
    size_t n = 0;
    for (const struct tl_json_node *at = differ ? tl_json_tree_child(&schema->tree, list) : NULL; at; at = tl_json_tree_next(&schema->tree, at))
        branch[n++] = at;
    for (size_t i = 0; i < n && differ; i++)
        for (size_t k = i + 1; k < n && differ; k++)
            differ = places_apart(schema, branch[i], branch[k], 0);
    if (!differ && schema->draft.status >= 0)
        tl_schema_drop(schema, list, "oneOf");
}
