/* SPDX-License-Identifier: MIT */
/* Arrays: items by their place (prefixItems, or a list under items), then items of one kind, within minItems and maxItems. Items that
 * must differ are enforced where their values are listed: each comes once at most, in the order of the list. */
#include "base/error.h"
#include "base/memory.h"
#include "grammar/schema.h"

struct array {
    struct tl_schema *schema;
    const struct tl_conjunction *c;
    uint32_t min, max, n_prefix;
    bool closed;                         /* nothing behind the items that have their place */
    const struct tl_json_node *unique;   /* where it is said that items differ */
};

static const struct tl_json_node *prefix_of(const struct tl_schema *schema, const struct tl_json_node *node)
{
    const struct tl_json_node *prefix = tl_schema_member(schema, node, "prefixItems"), *items = tl_schema_member(schema, node, "items");
    return prefix ? prefix : items && items->kind == TL_JSON_ARRAY ? items : NULL;
}

static const struct tl_json_node *rest_of(const struct tl_schema *schema, const struct tl_json_node *node)
{
    const struct tl_json_node *items = tl_schema_member(schema, node, "items");
    return items && items->kind == TL_JSON_ARRAY ? tl_schema_member(schema, node, "additionalItems") : items;
}

static int read_array(struct array *a)
{
    struct tl_schema *schema = a->schema;
    a->max = TL_GRAMMAR_NO_END;
    for (uint32_t i = 0; i < a->c->n; i++) {
        const struct tl_json_node *node = tl_schema_node(schema, a->c->item[i].node), *prefix = prefix_of(schema, node);
        uint32_t min, max, n = 0;
        if (tl_schema_count(schema, node, "minItems", 0, &min) < 0 || tl_schema_count(schema, node, "maxItems", TL_GRAMMAR_NO_END, &max) < 0)
            return schema->draft.status;
        if (tl_json_tree_bool(&schema->tree, node, "uniqueItems", false))
            a->unique = node;
        a->min = min > a->min ? min : a->min;
        a->max = max < a->max ? max : a->max;
        for (const struct tl_json_node *at = prefix ? tl_json_tree_child(&schema->tree, prefix) : NULL; at; at = tl_json_tree_next(&schema->tree, at))
            n++;
        a->n_prefix = n > a->n_prefix ? n : a->n_prefix;
        a->closed = a->closed || (prefix && !rest_of(schema, node));
    }
    return a->n_prefix <= TL_SCHEMA_MEMBERS ? 0 : tl_schema_fail(schema, tl_schema_node(schema, a->c->item[0].node), "more than 1024 items by their place");
}

/* What the item at `place` must fit; place n_prefix stands for all behind. */
static void find_item(struct array *a, uint32_t place, struct tl_conjunction *value)
{
    struct tl_schema *schema = a->schema;
    for (uint32_t i = 0; i < a->c->n; i++) {
        const struct tl_json_node *node = tl_schema_node(schema, a->c->item[i].node), *prefix = prefix_of(schema, node);
        const struct tl_json_node *at = prefix ? tl_json_tree_child(&schema->tree, prefix) : NULL;
        for (uint32_t k = 0; at && k < place; k++)
            at = tl_json_tree_next(&schema->tree, at);
        if (!at)
            at = rest_of(schema, node);
        if (at)
            tl_conjunction_add(schema, value, at, 0);
    }
}

static uint32_t item(struct array *a, uint32_t place)
{
    TL_AUTO struct tl_conjunction *value = tl_alloc(1, sizeof *value);
    if (!value)
        return tl_draft_fail(&a->schema->draft, TL_E_NOMEM) < 0 ? TL_EXPR_DEAD : 0;
    find_item(a, place, value);
    return tl_schema_value(a->schema, value);
}

static uint32_t less(uint32_t bound, uint32_t by)
{
    return bound == TL_GRAMMAR_NO_END ? bound : bound > by ? bound - by : 0;
}

/* --- items that differ --------------------------------------------------------------------------------------------------------- */

/* The values that all items are taken from, as a choice; false where they are not listed. */
static bool listed_items(struct array *a, uint32_t *ret_expr)
{
    struct tl_schema *schema = a->schema;
    TL_AUTO struct tl_conjunction *value = tl_alloc(1, sizeof *value);
    if (!value || a->n_prefix > 0)
        return false;
    find_item(a, 0, value);
    for (uint32_t i = 0; i < value->n; i++) {
        const struct tl_json_node *place = tl_schema_node(schema, value->item[i].node);
        if (tl_schema_member(schema, place, "anyOf") || tl_schema_member(schema, place, "oneOf"))
            return false;
    }
    return tl_schema_listed(schema, value, tl_schema_types_of(schema, value, true), ret_expr);
}

/* Some of the values, in their order: a rule for each place in the list and number of items before it. */
static uint32_t some_of(struct array *a, const uint32_t *value, uint32_t n, uint32_t comma)
{
    struct tl_draft *draft = &a->schema->draft;
    uint32_t counts = a->min > 0 || a->max < n ? (a->max < n ? a->max : n) + 1 : 2, first = 0;
    TL_AUTO uint32_t *rule = tl_alloc(2 * (uint64_t)counts, sizeof *rule);           /* of this place and of the next */
    if (!rule)
        return tl_draft_fail(draft, TL_E_NOMEM) < 0 ? TL_EXPR_DEAD : 0;
    for (uint32_t i = n + 1; i-- > 0 && draft->status >= 0;) {
        uint32_t *here = rule + i % 2 * counts, *next = rule + (i + 1) % 2 * counts;
        for (uint32_t count = 0; count < counts; count++) {
            uint32_t choices[2], n_choices = 0, up = count + 1 < counts ? count + 1 : counts - 1;
            bool room = counts == 2 || count < a->max;
            if (i < n && room && (count + 1 < counts || counts == 2))
                choices[n_choices++] = tl_draft_sequence(draft, (const uint32_t[]){count > 0 ? comma : TL_EXPR_NONE, value[i], tl_draft_call(draft, next[up])}, 3);
            if (i < n)
                choices[n_choices++] = tl_draft_call(draft, next[count]);
            here[count] = tl_draft_rule(draft, "items", 5);
            uint32_t end = count >= a->min ? TL_EXPR_NONE : TL_EXPR_DEAD;
            tl_draft_define(draft, here[count], i < n ? tl_draft_choice(draft, choices, n_choices) : end);
        }
        first = here[0];
    }
    return tl_draft_call(draft, first);
}

static bool write_unique(struct array *a, uint32_t comma, uint32_t *ret_expr)
{
    struct tl_draft *draft = &a->schema->draft;
    uint32_t all, n = 1;
    if (!a->unique || a->max <= 1)
        return false;
    if (!listed_items(a, &all)) {
        tl_schema_drop(a->schema, a->unique, "uniqueItems");
        return false;
    }
    struct tl_expr list = draft->expr[all];
    if (list.kind == TL_EXPR_CHOICE)
        n = list.b;
    TL_AUTO uint32_t *value = tl_alloc(n, sizeof *value);
    if (!value || n > 256) {
        tl_draft_fail(draft, value ? tl_schema_drop(a->schema, a->unique, "uniqueItems") : TL_E_NOMEM);
        return false;
    }
    for (uint32_t i = 0; i < n; i++)
        value[i] = list.kind == TL_EXPR_CHOICE ? draft->item[list.a + i] : all;
    *ret_expr = some_of(a, value, n, comma);
    return true;
}

uint32_t tl_schema_array(struct tl_schema *schema, const struct tl_conjunction *c)
{
    struct array a = {.schema = schema, .c = c};
    struct tl_draft *draft = &schema->draft;
    if (read_array(&a) < 0)
        return TL_EXPR_DEAD;
    uint32_t open = tl_draft_text(draft, "["), close = tl_draft_text(draft, "]"), comma = tl_draft_two(draft, tl_draft_text(draft, ","), schema->blank);
    uint32_t rest = TL_EXPR_NONE, n = a.n_prefix;
    if (a.min > a.max)
        return TL_EXPR_DEAD;
    if (write_unique(&a, comma, &rest))
        return tl_draft_sequence(draft, (const uint32_t[]){open, rest, close}, 3);
    if (a.max > n && (!a.closed || a.min > n)) {
        uint32_t one = item(&a, n), more = tl_draft_two(draft, comma, one);
        if (n > 0)
            rest = tl_draft_repeat(draft, more, less(a.min, n), less(a.max, n));
        else {
            rest = tl_draft_two(draft, one, tl_draft_repeat(draft, more, less(a.min, 1), less(a.max, 1)));
            rest = a.min == 0 ? tl_draft_optional(draft, rest) : rest;
        }
    }
    for (uint32_t i = n < a.max ? n : a.max; i > 0; i--) {
        rest = tl_draft_sequence(draft, (const uint32_t[]){i > 1 ? comma : TL_EXPR_NONE, item(&a, i - 1), rest}, 3);
        rest = i > a.min ? tl_draft_optional(draft, rest) : rest;
    }
    return tl_draft_sequence(draft, (const uint32_t[]){open, rest, close}, 3);
}
