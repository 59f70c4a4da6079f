/* SPDX-License-Identifier: MIT */
/* Arrays: items by their place (prefixItems, or a list under items), then items of one kind, within minItems and maxItems. */
#include "base/error.h"
#include "base/memory.h"
#include "grammar/schema.h"

struct array {
    struct tl_schema *schema;
    const struct tl_conjunction *c;
    uint32_t min, max, n_prefix;
    bool closed;                         /* nothing behind the items that have their place */
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
static uint32_t item(struct array *a, uint32_t place)
{
    struct tl_schema *schema = a->schema;
    TL_AUTO struct tl_conjunction *value = tl_alloc(1, sizeof *value);
    if (!value)
        return tl_draft_fail(&schema->draft, TL_E_NOMEM) < 0 ? TL_EXPR_DEAD : 0;
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
    return tl_schema_value(schema, value);
}

static uint32_t less(uint32_t bound, uint32_t by)
{
    return bound == TL_GRAMMAR_NO_END ? bound : bound > by ? bound - by : 0;
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
