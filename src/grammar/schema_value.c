/* SPDX-License-Identifier: MIT */
/* A conjunction becomes an expression: alternatives first (anyOf, oneOf, nullable), then lists of values, then a choice of what each type
 * that is left may be. A schema that names no type is taken to mean the types that its keywords speak of. */
#include <string.h>

#include "base/array.h"
#include "base/error.h"
#include "base/memory.h"
#include "grammar/schema.h"

enum { ENFORCED, REFUSED };

static const struct { const char *name; int how; } keywords[] = {
#define KEYWORD(name, how) {name, how},
#include "grammar/keywords.def"
#undef KEYWORD
};

static const struct { const char *name; unsigned types; } type_names[] = {
    {"null", TL_SCHEMA_NULL}, {"boolean", TL_SCHEMA_BOOLEAN}, {"integer", TL_SCHEMA_INTEGER}, {"number", TL_SCHEMA_NUMBER},
    {"string", TL_SCHEMA_STRING}, {"array", TL_SCHEMA_ARRAY}, {"object", TL_SCHEMA_OBJECT},
};

static const struct { const char *name; unsigned types; } type_hints[] = {
    {"properties", TL_SCHEMA_OBJECT}, {"required", TL_SCHEMA_OBJECT}, {"additionalProperties", TL_SCHEMA_OBJECT}, {"minProperties", TL_SCHEMA_OBJECT},
    {"maxProperties", TL_SCHEMA_OBJECT}, {"patternProperties", TL_SCHEMA_OBJECT}, {"propertyNames", TL_SCHEMA_OBJECT},
    {"items", TL_SCHEMA_ARRAY}, {"prefixItems", TL_SCHEMA_ARRAY}, {"minItems", TL_SCHEMA_ARRAY}, {"maxItems", TL_SCHEMA_ARRAY}, {"uniqueItems", TL_SCHEMA_ARRAY},
    {"minLength", TL_SCHEMA_STRING}, {"maxLength", TL_SCHEMA_STRING}, {"pattern", TL_SCHEMA_STRING}, {"format", TL_SCHEMA_STRING},
    {"minimum", TL_SCHEMA_NUMBER}, {"maximum", TL_SCHEMA_NUMBER}, {"exclusiveMinimum", TL_SCHEMA_NUMBER}, {"exclusiveMaximum", TL_SCHEMA_NUMBER},
    {"multipleOf", TL_SCHEMA_NUMBER},
};

/* --- types -------------------------------------------------------------------------------------------------------------- */

static int add_type(struct tl_schema *schema, const struct tl_json_node *name, unsigned *types)
{
    for (size_t i = 0; i < TL_COUNT(type_names); i++)
        if (tl_json_tree_is(&schema->tree, name, type_names[i].name)) {
            *types |= type_names[i].types;
            return 0;
        }
    if (schema->flags & TL_GRAMMAR_LOOSE) {                          /* names of other languages: str, any */
        *types = TL_SCHEMA_ANY;
        return tl_schema_drop(schema, name, "type");
    }
    return tl_schema_fail(schema, name, "expected null, boolean, integer, number, string, array or object");
}

int tl_schema_types(struct tl_schema *schema, const struct tl_json_node *node, unsigned *ret_types)
{
    const struct tl_json_node *type = tl_schema_member(schema, node, "type");
    unsigned types = 0;
    int r = 0;
    if (!type)
        types = TL_SCHEMA_ANY;
    else if (type->kind != TL_JSON_ARRAY)
        r = add_type(schema, type, &types);
    else
        for (const struct tl_json_node *name = tl_json_tree_child(&schema->tree, type); r >= 0 && name; name = tl_json_tree_next(&schema->tree, name))
            r = add_type(schema, name, &types);
    if (r >= 0)
        *ret_types = types;
    return r;
}

static unsigned hinted(const struct tl_schema *schema, const struct tl_json_node *node)
{
    unsigned types = 0;
    for (size_t i = 0; i < TL_COUNT(type_hints); i++)
        if (tl_schema_member(schema, node, type_hints[i].name))
            types |= type_hints[i].types;
    return types;
}

unsigned tl_schema_types_of(struct tl_schema *schema, const struct tl_conjunction *c, bool meant)
{
    unsigned types = TL_SCHEMA_ANY, hints = 0, own;
    bool named = false;
    for (uint32_t i = 0; i < c->n; i++) {
        const struct tl_json_node *node = tl_schema_node(schema, c->item[i].node);
        named = named || tl_schema_member(schema, node, "type");
        hints |= hinted(schema, node);
        if (tl_schema_types(schema, node, &own) < 0)
            return 0;
        types &= own;
    }
    return named || hints == 0 || !meant ? types : types & hints;
}

/* --- alternatives --------------------------------------------------------------------------------------------------------- */

static int with_branch(struct tl_schema *schema, const struct tl_conjunction *c, uint32_t index, uint32_t done, const struct tl_json_node *branch, uint32_t *ret_expr)
{
    TL_AUTO struct tl_conjunction *copy = tl_alloc(1, sizeof *copy);
    if (!copy)
        return tl_draft_fail(&schema->draft, TL_E_NOMEM);
    *copy = *c;
    copy->item[index].done |= done;
    if (branch)
        tl_conjunction_add(schema, copy, branch, 0);
    *ret_expr = tl_schema_value(schema, copy);
    return schema->draft.status;
}

static uint32_t any_of(struct tl_schema *schema, const struct tl_conjunction *c, uint32_t index, uint32_t done, const struct tl_json_node *list)
{
    size_t n = 0;
    if (list->kind != TL_JSON_ARRAY || !tl_json_tree_child(&schema->tree, list))
        return tl_schema_fail(schema, list, "expected a list of schemas") < 0 ? TL_EXPR_DEAD : 0;
    for (const struct tl_json_node *child = tl_json_tree_child(&schema->tree, list); child; child = tl_json_tree_next(&schema->tree, child))
        n++;
    TL_AUTO uint32_t *choices = tl_alloc(n, sizeof *choices);
    if (!choices)
        return tl_draft_fail(&schema->draft, TL_E_NOMEM) < 0 ? TL_EXPR_DEAD : 0;
    n = 0;
    for (const struct tl_json_node *child = tl_json_tree_child(&schema->tree, list); child; child = tl_json_tree_next(&schema->tree, child))
        if (with_branch(schema, c, index, done, child, &choices[n++]) < 0)
            return TL_EXPR_DEAD;
    return tl_draft_choice(&schema->draft, choices, n);
}

static uint32_t nullable(struct tl_schema *schema, const struct tl_conjunction *c, uint32_t index)
{
    uint32_t rest = TL_EXPR_DEAD;
    if (with_branch(schema, c, index, TL_DONE_NULLABLE, NULL, &rest) < 0)
        return TL_EXPR_DEAD;
    return tl_draft_choice(&schema->draft, (const uint32_t[]){rest, tl_draft_text(&schema->draft, "null")}, 2);
}

/* True where a place still has alternatives; then *ret_expr is all there is to say. */
static bool write_alternatives(struct tl_schema *schema, const struct tl_conjunction *c, uint32_t *ret_expr)
{
    for (uint32_t i = 0; i < c->n; i++) {
        const struct tl_json_node *node = tl_schema_node(schema, c->item[i].node), *list;
        if (!(c->item[i].done & TL_DONE_NULLABLE) && tl_json_tree_bool(&schema->tree, node, "nullable", false) && c->n == 1) {
            *ret_expr = nullable(schema, c, i);
            return true;
        }
        if (!(c->item[i].done & TL_DONE_ANY_OF) && (list = tl_schema_member(schema, node, "anyOf"))) {
            *ret_expr = any_of(schema, c, i, TL_DONE_ANY_OF, list);
            return true;
        }
        if (!(c->item[i].done & TL_DONE_ONE_OF) && (list = tl_schema_member(schema, node, "oneOf"))) {
            tl_schema_one_of(schema, list);
            *ret_expr = any_of(schema, c, i, TL_DONE_ONE_OF, list);
            return true;
        }
    }
    return false;
}

/* --- keywords --------------------------------------------------------------------------------------------------------------- */

static int refuse_keywords(struct tl_schema *schema, const struct tl_json_node *node)
{
    for (const struct tl_json_node *child = tl_json_tree_child(&schema->tree, node); child; child = tl_json_tree_next(&schema->tree, child))
        for (size_t i = 0; i < TL_COUNT(keywords); i++)
            if (keywords[i].how == REFUSED && child->n_key == strlen(keywords[i].name) &&
                memcmp(tl_json_tree_key(&schema->tree, child), keywords[i].name, child->n_key) == 0 &&
                tl_schema_drop(schema, child, keywords[i].name) < 0)
                return schema->draft.status;
    return 0;
}

uint32_t tl_schema_write(struct tl_schema *schema, const struct tl_conjunction *c)
{
    struct tl_draft *draft = &schema->draft;
    uint32_t choices[8], expr;
    size_t n = 0;
    if (write_alternatives(schema, c, &expr))
        return expr;
    for (uint32_t i = 0; i < c->n; i++)
        if (refuse_keywords(schema, tl_schema_node(schema, c->item[i].node)) < 0)
            return TL_EXPR_DEAD;
    unsigned types = tl_schema_types_of(schema, c, true);
    if (tl_schema_listed(schema, c, types, &expr))
        return expr;
    if (types & TL_SCHEMA_OBJECT)
        choices[n++] = tl_schema_object(schema, c);
    if (types & TL_SCHEMA_ARRAY)
        choices[n++] = tl_schema_array(schema, c);
    if (types & TL_SCHEMA_STRING)
        choices[n++] = tl_schema_string(schema, c);
    if (types & TL_SCHEMA_NUMBER)
        choices[n++] = tl_schema_number(schema, c, !(types & TL_SCHEMA_FRACTION));
    if (types & TL_SCHEMA_BOOLEAN)
        choices[n++] = tl_draft_choice(draft, (const uint32_t[]){tl_draft_text(draft, "true"), tl_draft_text(draft, "false")}, 2);
    if (types & TL_SCHEMA_NULL)
        choices[n++] = tl_draft_text(draft, "null");
    return tl_draft_choice(draft, choices, n);
}
