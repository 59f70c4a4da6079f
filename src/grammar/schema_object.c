/* SPDX-License-Identifier: MIT */
/* Objects: the properties of all schemas of a conjunction, in the order in which they are named, those that are not required left
 * out or not, and behind them others where the schemas speak of them. No name that is listed comes twice.
 *
 * What may still follow is a rule a property, once for when nothing stands before it and once for when something does. */
#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "grammar/schema.h"

struct object {
    struct tl_schema *schema;
    const struct tl_conjunction *c;
    struct tl_schema_property *property;
    uint64_t n, cap;
    struct tl_schema_keys keys;
    bool open;                           /* other names may come */
    uint32_t other;                      /* one pair of them */
    uint32_t min, max, n_required;
    uint32_t *rule;                      /* (place, properties before it): rule + 1 */
    uint32_t counts;                     /* how many numbers of properties are told apart */
};

static struct tl_schema_property *get_property(struct object *o, const char *name, size_t n_name)
{
    for (uint64_t i = 0; i < o->n; i++)
        if (o->property[i].n_name == n_name && memcmp(o->property[i].name, name, n_name) == 0)
            return &o->property[i];
    if (o->n == TL_SCHEMA_MEMBERS) {
        tl_schema_fail(o->schema, tl_schema_node(o->schema, o->c->item[0].node), "more than 1024 properties");
        return NULL;
    }
    if (tl_draft_fail(&o->schema->draft, tl_grow((void **)&o->property, o->n, &o->cap, sizeof *o->property)) < 0)
        return NULL;
    o->property[o->n] = (struct tl_schema_property){.name = name, .n_name = n_name};
    return tl_schema_keys_value(&o->keys, name, n_name, &o->property[o->n].value) < 0 ? NULL : &o->property[o->n++];
}

static int read_names(struct object *o, const struct tl_json_node *node)
{
    struct tl_schema *schema = o->schema;
    const struct tl_json_node *list = tl_schema_member(schema, node, "properties");
    if (list && list->kind != TL_JSON_OBJECT)
        return tl_schema_fail(schema, list, "expected an object");
    for (const struct tl_json_node *at = list ? tl_json_tree_child(&schema->tree, list) : NULL; at; at = tl_json_tree_next(&schema->tree, at))
        if (!get_property(o, tl_json_tree_key(&schema->tree, at), at->n_key))
            return schema->draft.status;
    return schema->draft.status;
}

static int read_required(struct object *o, const struct tl_json_node *node)
{
    struct tl_schema *schema = o->schema;
    const struct tl_json_node *list = tl_schema_member(schema, node, "required");
    if (!list || list->kind == TL_JSON_TRUE || list->kind == TL_JSON_FALSE)              /* draft 3 has it in the property */
        return 0;
    if (list->kind != TL_JSON_ARRAY)
        return tl_schema_fail(schema, list, "expected a list of names");
    for (const struct tl_json_node *at = tl_json_tree_child(&schema->tree, list); at; at = tl_json_tree_next(&schema->tree, at)) {
        struct tl_schema_property *property = at->kind == TL_JSON_STRING ? get_property(o, schema->tree.text.data + at->text, at->n_text) : NULL;
        if (!property)
            return tl_schema_fail(schema, at, "expected a name");
        property->required = true;
    }
    return 0;
}

static int read_bounds(struct object *o, const struct tl_json_node *node)
{
    uint32_t min, max;
    if (tl_schema_count(o->schema, node, "minProperties", 0, &min) < 0 || tl_schema_count(o->schema, node, "maxProperties", TL_GRAMMAR_NO_END, &max) < 0)
        return o->schema->draft.status;
    o->min = min > o->min ? min : o->min;
    o->max = max < o->max ? max : o->max;
    return 0;
}

static int find_others(struct object *o, bool open)
{
    TL_AUTO struct tl_text *listed = tl_alloc(o->n + 1, sizeof *listed);
    if (!listed)
        return tl_draft_fail(&o->schema->draft, TL_E_NOMEM);
    for (uint64_t i = 0; i < o->n; i++)
        listed[i] = (struct tl_text){o->property[i].name, o->property[i].n_name};
    o->other = open || o->keys.n_patterns > 0 ? tl_schema_keys_pair(&o->keys, listed, o->n, open) : TL_EXPR_DEAD;
    o->open = o->other != TL_EXPR_DEAD;
    return o->schema->draft.status;
}

static int read_object(struct object *o)
{
    struct tl_schema *schema = o->schema;
    bool spoken = false;                                             /* of other names */
    o->max = TL_GRAMMAR_NO_END;
    for (int pass = 0; pass < 2; pass++)
        for (uint32_t i = 0; i < o->c->n; i++) {
            const struct tl_json_node *node = tl_schema_node(schema, o->c->item[i].node);
            if ((pass == 0 ? read_names(o, node) : read_required(o, node)) < 0 || (pass == 0 && read_bounds(o, node) < 0))
                return schema->draft.status;
            spoken = spoken || tl_schema_member(schema, node, "additionalProperties");
        }
    for (uint64_t i = 0; i < o->n; i++)
        o->n_required += o->property[i].required;
    return find_others(o, spoken || (o->n == 0 && o->keys.n_patterns == 0) || o->min > o->n);
}

/* --- writing --------------------------------------------------------------------------------------------------------------------- */

static uint32_t pair(struct object *o, uint64_t i)
{
    struct tl_schema *schema = o->schema;
    uint32_t value = tl_schema_value(schema, &o->property[i].value);
    return tl_draft_two(&schema->draft, tl_schema_key(schema, o->property[i].name, o->property[i].n_name), value);
}

static uint32_t comma(struct object *o, uint32_t count)
{
    return count == 0 ? TL_EXPR_NONE : tl_draft_two(&o->schema->draft, tl_draft_text(&o->schema->draft, ","), o->schema->blank);
}

static uint32_t count_up(const struct object *o, uint32_t count)
{
    return count + 1 < o->counts ? count + 1 : o->counts - 1;
}

/* What may follow once all listed names are through and `count` of them stand there. */
static uint32_t write_others(struct object *o, uint32_t count)
{
    struct tl_draft *draft = &o->schema->draft;
    uint32_t min = o->min > count ? o->min - count : 0, max = o->max == TL_GRAMMAR_NO_END ? o->max : o->max > count ? o->max - count : 0;
    if (!o->open || max == 0)
        return min > 0 ? TL_EXPR_DEAD : TL_EXPR_NONE;
    if (min > 1)
        tl_schema_drop(o->schema, tl_schema_node(o->schema, o->c->item[0].node), "minProperties");       /* names might be the same */
    uint32_t one = o->other, next = tl_draft_two(draft, comma(o, 1), one);
    if (count > 0)
        return tl_draft_repeat(draft, next, min, max);
    uint32_t all = tl_draft_two(draft, one, tl_draft_repeat(draft, next, min > 0 ? min - 1 : 0, max == TL_GRAMMAR_NO_END ? max : max - 1));
    return min > 0 ? all : tl_draft_optional(draft, all);
}

/* From property i on, `count` standing before it. Written from the last to the first. */
static void write_rest(struct object *o, uint64_t i, uint32_t count)
{
    struct tl_draft *draft = &o->schema->draft;
    uint32_t choices[2], n = 0, *rule = &o->rule[i * o->counts + count];
    *rule = tl_draft_rule(draft, "properties", 10);
    if (i == o->n) {
        tl_draft_define(draft, *rule, write_others(o, count));
        return;
    }
    if (!o->property[i].value.never && count < o->max) {
        uint32_t rest = tl_draft_call(draft, o->rule[(i + 1) * o->counts + count_up(o, count)]);
        choices[n++] = tl_draft_sequence(draft, (const uint32_t[]){comma(o, count), pair(o, i), rest}, 3);
    }
    if (!o->property[i].required)
        choices[n++] = tl_draft_call(draft, o->rule[(i + 1) * o->counts + count]);
    tl_draft_define(draft, *rule, tl_draft_choice(draft, choices, n));
}

static uint32_t write_object(struct object *o)
{
    struct tl_draft *draft = &o->schema->draft;
    bool counted = o->min > o->n_required || (o->max != TL_GRAMMAR_NO_END && (o->open || o->max < o->n));
    uint64_t most = o->max != TL_GRAMMAR_NO_END && o->max < o->n ? o->max : o->min > o->n ? o->n : o->max != TL_GRAMMAR_NO_END ? o->n : o->min;
    o->counts = counted ? (uint32_t)most + 2 : 2;
    if (!(o->rule = tl_alloc((o->n + 1) * o->counts, sizeof *o->rule)))
        return tl_draft_fail(draft, TL_E_NOMEM) < 0 ? TL_EXPR_DEAD : 0;
    for (uint64_t i = o->n + 1; i-- > 0 && draft->status >= 0;)
        for (uint32_t count = o->counts; count-- > 0;)
            if (count <= i)
                write_rest(o, i, count);
    return tl_draft_sequence(draft, (const uint32_t[]){tl_draft_text(draft, "{"), tl_draft_call(draft, o->rule[0]), tl_draft_text(draft, "}")}, 3);
}

uint32_t tl_schema_object(struct tl_schema *schema, const struct tl_conjunction *c)
{
    struct object o = {.schema = schema, .c = c};
    uint32_t expr = TL_EXPR_DEAD;
    if (tl_schema_keys_init(&o.keys, schema, c) >= 0 && read_object(&o) >= 0)
        expr = write_object(&o);
    tl_schema_keys_done(&o.keys);
    tl_free(o.property);
    tl_free(o.rule);
    return expr;
}
