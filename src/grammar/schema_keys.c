/* SPDX-License-Identifier: MIT */
/* Names of properties that are not listed: patternProperties, additionalProperties and propertyNames. The names are cut into classes by
 * which patterns they match; each class is an automaton, with what the values under its names must fit. */
#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "grammar/schema.h"

int tl_schema_keys_init(struct tl_schema_keys *keys, struct tl_schema *schema, const struct tl_conjunction *c)
{
    *keys = (struct tl_schema_keys){.schema = schema, .c = c};
    for (uint32_t i = 0; i < c->n && schema->draft.status >= 0; i++) {
        const struct tl_json_node *place = tl_schema_node(schema, c->item[i].node), *list = tl_schema_member(schema, place, "patternProperties");
        if (list && list->kind != TL_JSON_OBJECT)
            return tl_schema_fail(schema, list, "expected an object");
        for (const struct tl_json_node *at = list ? tl_json_tree_child(&schema->tree, list) : NULL; at; at = tl_json_tree_next(&schema->tree, at)) {
            struct tl_key_pattern *pattern = &keys->pattern[keys->n_patterns];
            int r = keys->n_patterns == TL_KEY_PATTERNS ? TL_LANGUAGE_LARGE :
                    tl_language_pattern(tl_json_tree_key(&schema->tree, at), at->n_key, &pattern->language);
            tl_schema_spend(schema, at, r == TL_LANGUAGE_UNKNOWN ? 16 : r < 0 ? TL_LANGUAGE_STATES : pattern->language.n_states);
            if (r <= TL_LANGUAGE_LARGE && tl_schema_drop(schema, at, "patternProperties") >= 0)
                continue;
            if (r < 0)
                return tl_draft_fail(&schema->draft, r);
            pattern->item = i;
            pattern->value = at;
            keys->n_patterns++;
        }
    }
    return schema->draft.status < 0 ? schema->draft.status : tl_schema_keys_names(keys);
}

void tl_schema_keys_done(struct tl_schema_keys *keys)
{
    for (uint32_t i = 0; i < TL_KEY_PATTERNS; i++)
        tl_language_done(&keys->pattern[i].language);
    tl_language_done(&keys->names);
}

/* --- propertyNames ---------------------------------------------------------------------------------------------------------------- */

static bool has_branches(const struct tl_schema *schema, const struct tl_conjunction *c)
{
    static const char *const branches[] = {"anyOf", "oneOf", "not", "if"};
    for (uint32_t i = 0; i < c->n; i++)
        for (size_t k = 0; k < sizeof branches / sizeof *branches; k++)
            if (tl_schema_member(schema, tl_schema_node(schema, c->item[i].node), branches[k]))
                return true;
    return false;
}

/* The texts that an enum lists. */
static int listed_names(const struct tl_schema *schema, const struct tl_json_node *list, struct tl_language *ret_language)
{
    size_t n = 0, i = 0;
    for (const struct tl_json_node *at = tl_json_tree_child(&schema->tree, list); at; at = tl_json_tree_next(&schema->tree, at))
        n += at->kind == TL_JSON_STRING;
    TL_AUTO struct tl_text *name = tl_alloc(n + 1, sizeof *name);
    if (!name)
        return TL_E_NOMEM;
    for (const struct tl_json_node *at = tl_json_tree_child(&schema->tree, list); at; at = tl_json_tree_next(&schema->tree, at))
        if (at->kind == TL_JSON_STRING)
            name[i++] = (struct tl_text){schema->tree.text.data + at->text, at->n_text};
    return tl_language_names(name, n, ret_language);
}

static int join(struct tl_schema_keys *keys, struct tl_language *more)
{
    if (keys->bounded)
        return tl_language_narrow(&keys->names, more);
    keys->names = *more;
    keys->bounded = true;
    return 0;
}

static int join_names(struct tl_schema_keys *keys, const struct tl_conjunction *names)
{
    struct tl_language more = {.state = NULL};
    int r = tl_schema_text(keys->schema, names, &more);
    if (r > 0)
        r = join(keys, &more);
    for (uint32_t i = 0; i < names->n && r >= 0; i++) {
        const struct tl_json_node *list = tl_schema_member(keys->schema, tl_schema_node(keys->schema, names->item[i].node), "enum");
        if (list && (r = listed_names(keys->schema, list, &more)) >= 0)
            r = join(keys, &more);
    }
    return r;
}

int tl_schema_keys_names(struct tl_schema_keys *keys)
{
    struct tl_schema *schema = keys->schema;
    TL_AUTO struct tl_conjunction *names = tl_alloc(1, sizeof *names);
    if (!names)
        return tl_draft_fail(&schema->draft, TL_E_NOMEM);
    for (uint32_t i = 0; i < keys->c->n; i++) {
        const struct tl_json_node *place = tl_schema_node(schema, keys->c->item[i].node), *own = tl_schema_member(schema, place, "propertyNames");
        if (own && tl_conjunction_add(schema, names, own, 0) < 0)
            return schema->draft.status;
    }
    if (names->n == 0)
        return 0;
    int r = has_branches(schema, names) ? TL_LANGUAGE_LARGE : join_names(keys, names);
    if (r <= TL_LANGUAGE_LARGE)
        return tl_schema_drop(schema, tl_schema_node(schema, keys->c->item[0].node), "propertyNames");
    return r < 0 ? tl_draft_fail(&schema->draft, r) : 0;
}

/* --- values ------------------------------------------------------------------------------------------------------------------------- */

/* Does place i of the conjunction list this name, or match it by a pattern? */
static const struct tl_json_node *own_property(const struct tl_schema *schema, const struct tl_json_node *place, const char *name, size_t n)
{
    const struct tl_json_node *list = tl_schema_member(schema, place, "properties");
    const struct tl_json_node *at = list && list->kind == TL_JSON_OBJECT ? tl_json_tree_child(&schema->tree, list) : NULL;
    while (at && (at->n_key != n || memcmp(tl_json_tree_key(&schema->tree, at), name, n) != 0))
        at = tl_json_tree_next(&schema->tree, at);
    return at;
}

int tl_schema_keys_value(struct tl_schema_keys *keys, const char *name, size_t n_name, struct tl_conjunction *value)
{
    struct tl_schema *schema = keys->schema;
    for (uint32_t i = 0; i < keys->c->n; i++) {
        const struct tl_json_node *place = tl_schema_node(schema, keys->c->item[i].node), *own = own_property(schema, place, name, n_name);
        bool spoken = own != NULL;
        if (own)
            tl_conjunction_add(schema, value, own, 0);
        for (uint32_t k = 0; k < keys->n_patterns; k++)
            if (keys->pattern[k].item == i && tl_language_takes(&keys->pattern[k].language, name, n_name)) {
                tl_conjunction_add(schema, value, keys->pattern[k].value, 0);
                spoken = true;
            }
        const struct tl_json_node *more = spoken ? NULL : tl_schema_member(schema, place, "additionalProperties");
        if (more)
            tl_conjunction_add(schema, value, more, 0);
    }
    value->never = value->never || (keys->bounded && !tl_language_takes(&keys->names, name, n_name));
    return schema->draft.status;
}

/* What must fit under names that match just the patterns of the set. False: there are no such values, or none are spoken of. */
static bool class_value(struct tl_schema_keys *keys, uint32_t set, bool open, struct tl_conjunction *value)
{
    struct tl_schema *schema = keys->schema;
    *value = (struct tl_conjunction){.n = 0};
    for (uint32_t i = 0; i < keys->c->n; i++) {
        bool spoken = false;
        for (uint32_t k = 0; k < keys->n_patterns; k++)
            if (keys->pattern[k].item == i && (set >> k & 1)) {
                tl_conjunction_add(schema, value, keys->pattern[k].value, 0);
                spoken = true;
            }
        const struct tl_json_node *more = spoken ? NULL : tl_schema_member(schema, tl_schema_node(schema, keys->c->item[i].node), "additionalProperties");
        if (more)
            tl_conjunction_add(schema, value, more, 0);
    }
    return !value->never && (set != 0 || open);
}

/* --- classes of names ------------------------------------------------------------------------------------------------------------------ */

static int replace(struct tl_language *language, const struct tl_language *by, bool without)
{
    struct tl_language made = {.state = NULL};
    int r = without ? tl_language_without(language, by, &made) : tl_language_both(language, by, &made);
    if (r >= 0) {
        tl_language_done(language);
        *language = made;
    }
    return r;
}

static int class_names(const struct tl_schema_keys *keys, uint32_t set, const struct tl_language *listed, struct tl_language *names)
{
    int r = tl_language_lengths(0, TL_GRAMMAR_NO_END, names);
    if (r >= 0)
        r = replace(names, listed, true);
    if (r >= 0 && keys->bounded)
        r = replace(names, &keys->names, false);
    for (uint32_t k = 0; k < keys->n_patterns && r >= 0; k++)
        r = replace(names, &keys->pattern[k].language, !(set >> k & 1));
    return r;
}

/* A pair of a name of this class and its value. */
static int write_class(struct tl_schema_keys *keys, uint32_t set, const struct tl_language *listed, struct tl_conjunction *value, uint32_t *ret_expr)
{
    struct tl_draft *draft = &keys->schema->draft;
    struct tl_language names = {.state = NULL};
    int r = class_names(keys, set, listed, &names);
    tl_schema_spend(keys->schema, tl_schema_node(keys->schema, keys->c->item[0].node), r < 0 ? TL_LANGUAGE_STATES : names.n_states + listed->n_states);
    if (r >= 0 && !tl_language_empty(&names)) {
        bool all = names.n_states == 1 && !keys->bounded && keys->n_patterns == 0;
        uint32_t quote = keys->schema->quote, key = all ? keys->schema->string :
            tl_draft_sequence(draft, (const uint32_t[]){quote, tl_draft_call(draft, tl_language_rule(draft, &names, true)), quote}, 3);
        *ret_expr = tl_draft_sequence(draft, (const uint32_t[]){key, tl_draft_text(draft, ":"), keys->schema->blank, tl_schema_value(keys->schema, value)}, 4);
    } else {
        *ret_expr = TL_EXPR_DEAD;
    }
    tl_language_done(&names);
    return r;
}

uint32_t tl_schema_keys_pair(struct tl_schema_keys *keys, const struct tl_text *listed, size_t n, bool open)
{
    struct tl_schema *schema = keys->schema;
    struct tl_language names = {.state = NULL};
    TL_AUTO struct tl_conjunction *value = tl_alloc(1, sizeof *value);
    uint32_t choices[1 << TL_KEY_PATTERNS], n_choices = 0;
    int r = value ? tl_language_names(listed, n, &names) : TL_E_NOMEM;
    for (uint32_t set = 0; set < 1u << keys->n_patterns && r >= 0; set++)
        if (class_value(keys, set, open, value)) {
            r = write_class(keys, set, &names, value, &choices[n_choices]);
            n_choices += r >= 0 && choices[n_choices] != TL_EXPR_DEAD;
        }
    tl_language_done(&names);
    if (r <= TL_LANGUAGE_LARGE) {                                    /* without them it is narrower, and good */
        n_choices = 0;
        r = keys->n_patterns > 0 ? tl_schema_drop(schema, tl_schema_node(schema, keys->c->item[0].node), "patternProperties") : 0;
    }
    if (r < 0)
        tl_draft_fail(&schema->draft, r);
    return tl_draft_choice(&schema->draft, choices, n_choices);
}
