/* SPDX-License-Identifier: MIT */
/* JSON schemas (draft 2020-12 and what agents ship) become grammars: conjunctions, their rules, references, and what is said of
 * keywords that cannot be enforced. */
#include "grammar/schema.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/hash.h"
#include "base/memory.h"
#include "base/parse.h"

enum { DROPPED_BYTES = 2000, MEMOS = 512 };

const struct tl_json_node *tl_schema_member(const struct tl_schema *schema, const struct tl_json_node *object, const char *key)
{
    size_t n = strlen(key);
    if (object->kind != TL_JSON_OBJECT)
        return NULL;
    for (const struct tl_json_node *child = tl_json_tree_child(&schema->tree, object); child; child = tl_json_tree_next(&schema->tree, child))
        if (child->n_key == n && memcmp(tl_json_tree_key(&schema->tree, child), key, n) == 0)
            return child;
    return NULL;
}

/* --- what is said ----------------------------------------------------------------------------------------------------- */

/* "#/properties/name" of a node: nodes lie in the order of the text, so the way down is the last child not behind it. */
static void print_path(const struct tl_schema *schema, const struct tl_json_node *node, struct tl_buffer *out)
{
    const struct tl_json_tree *tree = &schema->tree;
    const struct tl_json_node *at = &tree->node[0];
    tl_buffer_append(out, "#", 1);
    while (at < node && out->len < 300) {
        const struct tl_json_node *down = NULL;
        unsigned index = 0, i = 0;
        for (const struct tl_json_node *child = tl_json_tree_child(tree, at); child && child <= node; child = tl_json_tree_next(tree, child), i++)
            down = child, index = i;
        if (!down)
            break;
        if (at->kind == TL_JSON_ARRAY)
            tl_buffer_printf(out, "/%u", index);
        else
            tl_buffer_printf(out, "/%.*s", (int)(down->n_key < 60 ? down->n_key : 60), tl_json_tree_key(tree, down));
        at = down;
    }
}

int tl_schema_fail(struct tl_schema *schema, const struct tl_json_node *node, const char *sentence)
{
    struct tl_buffer path;
    if (schema->draft.status < 0)
        return schema->draft.status;
    tl_buffer_init(&path, 1024);
    print_path(schema, node, &path);
    int r = tl_draft_fail(&schema->draft, tl_fail(TL_E_USAGE, "%s: %s: %s", schema->draft.where, path.data ? path.data : "#", sentence));
    tl_buffer_done(&path);
    return r;
}

static bool is_noted(const char *list, const char *word)
{
    size_t n = strlen(word);
    for (const char *at = list; at && (at = strstr(at, word)); at += n)
        if ((at == list || at[-1] == ' ') && (at[n] == ',' || at[n] == 0))
            return true;
    return false;
}

int tl_schema_drop(struct tl_schema *schema, const struct tl_json_node *node, const char *keyword)
{
    char sentence[160];
    struct tl_buffer *dropped = &schema->draft.grammar->dropped;
    if (!(schema->flags & TL_GRAMMAR_LOOSE)) {
        snprintf(sentence, sizeof sentence, "keyword %.60s cannot be enforced here", keyword);
        return tl_schema_fail(schema, node, sentence);
    }
    if (dropped->len < DROPPED_BYTES && !is_noted(dropped->data, keyword))
        tl_buffer_printf(dropped, "%s%.60s", dropped->len > 0 ? ", " : "", keyword);
    return 0;
}

int tl_schema_work(struct tl_schema *schema, const struct tl_json_node *node, uint64_t n)
{
    schema->n_work += n;
    return schema->n_work <= TL_SCHEMA_WORK ? schema->draft.status : tl_schema_fail(schema, node, "the schema takes too long to read up to here");
}

uint64_t tl_schema_children(const struct tl_schema *schema, const struct tl_json_node *node)
{
    uint64_t n = 0;
    for (const struct tl_json_node *at = tl_json_tree_child(&schema->tree, node); at; at = tl_json_tree_next(&schema->tree, at))
        n++;
    return n;
}

int tl_schema_spend(struct tl_schema *schema, const struct tl_json_node *node, uint64_t n_states)
{
    schema->n_spent += n_states;
    return schema->n_spent <= TL_SCHEMA_STATES ? schema->draft.status : tl_schema_fail(schema, node, "the patterns up to here are too large together");
}

int tl_schema_count(struct tl_schema *schema, const struct tl_json_node *object, const char *key, uint32_t absent, uint32_t *ret)
{
    const struct tl_json_node *node = tl_schema_member(schema, object, key);
    double value;
    *ret = absent;
    if (!node)
        return 0;
    if (node->kind != TL_JSON_NUMBER || !tl_parse_f64(schema->tree.text.data + node->text, node->n_text, &value) || value < 0 || value != floor(value))
        return schema->flags & TL_GRAMMAR_LOOSE ? tl_schema_drop(schema, node, key) : tl_schema_fail(schema, node, "expected a whole number, not negative");
    if (value > TL_GRAMMAR_TIMES && absent == 0)                     /* fewer may be asked for than are allowed, not than are needed */
        return tl_schema_drop(schema, node, key);
    *ret = value > TL_GRAMMAR_TIMES ? TL_GRAMMAR_TIMES : (uint32_t)value;
    return 0;
}

/* --- references ------------------------------------------------------------------------------------------------------- */

/* One part of a JSON pointer (RFC 6901), percent-decoded as it stands in a URI fragment: does it equal the key? */
static bool part_is(const char *part, size_t n, const char *key, size_t n_key)
{
    size_t k = 0;
    for (size_t i = 0; i < n; i++, k++) {
        char c = part[i];
        if (c == '%' && i + 2 < n) {
            char hex[3] = {part[i + 1], part[i + 2], 0};
            c = (char)strtoul(hex, NULL, 16);
            i += 2;
        }
        if (c == '~' && i + 1 < n && (part[i + 1] == '0' || part[i + 1] == '1'))
            c = part[++i] == '0' ? '~' : '/';
        if (k >= n_key || key[k] != c)
            return false;
    }
    return k == n_key;
}

static const struct tl_json_node *step_down(const struct tl_schema *schema, const struct tl_json_node *at, const char *part, size_t n)
{
    uint64_t index = 0, i = 0;
    bool list = at->kind == TL_JSON_ARRAY;
    if (list && !tl_parse_u64(part, n, &index))
        return NULL;
    for (const struct tl_json_node *child = tl_json_tree_child(&schema->tree, at); child; child = tl_json_tree_next(&schema->tree, child), i++)
        if (list ? i == index : part_is(part, n, tl_json_tree_key(&schema->tree, child), child->n_key))
            return child;
    return NULL;
}

/* The place that "$anchor" or "$id" give this name. */
static const struct tl_json_node *named(const struct tl_schema *schema, const char *name)
{
    const struct tl_json_tree *tree = &schema->tree;
    for (uint32_t i = 0; i < tree->count; i++)
        if (tree->node[i].kind == TL_JSON_OBJECT) {
            const char *anchor = tl_json_tree_string(tree, &tree->node[i], "$anchor"), *id = tl_json_tree_string(tree, &tree->node[i], "$id");
            if ((*anchor && *name == '#' && strcmp(anchor, name + 1) == 0) || (*id && strcmp(id, name) == 0))
                return &tree->node[i];
        }
    return NULL;
}

static const struct tl_json_node *resolve(struct tl_schema *schema, const struct tl_json_node *ref)
{
    const char *text = tl_json_tree_text(&schema->tree, ref), *at = text;
    const char *base = tl_json_tree_string(&schema->tree, &schema->tree.node[0], "$id");
    const struct tl_json_node *node = &schema->tree.node[0];
    size_t n_base = strlen(base);
    if (n_base > 0 && strncmp(at, base, n_base) == 0 && (at[n_base] == '#' || at[n_base] == 0))
        at += n_base;
    if (*at == 0 && at != text)
        return node;
    if (*at != '#' || (at[1] != 0 && at[1] != '/'))
        return tl_schema_work(schema, ref, schema->tree.count) < 0 ? NULL : named(schema, at);
    for (at++; node && *at == '/';) {
        size_t n = strcspn(++at, "/");
        node = step_down(schema, node, at, n);
        at += n;
    }
    return node;
}

/* --- conjunctions ----------------------------------------------------------------------------------------------------- */

static int add_item(struct tl_schema *schema, struct tl_conjunction *c, const struct tl_json_node *node, uint32_t done)
{
    uint32_t index = (uint32_t)(node - schema->tree.node), at = 0;
    while (at < c->n && c->item[at].node < index)
        at++;
    if (at < c->n && c->item[at].node == index) {
        c->item[at].done |= done;
        return 0;
    }
    if (c->n == TL_SCHEMA_ITEMS)
        return tl_schema_fail(schema, node, "more than 64 schemas for one value");
    memmove(c->item + at + 1, c->item + at, (c->n - at) * sizeof *c->item);
    c->item[at] = (struct tl_schema_item){index, done};
    c->n++;
    return 1;
}

static int add_parts(struct tl_schema *schema, struct tl_conjunction *c, const struct tl_json_node *node, unsigned depth);

static int add_deep(struct tl_schema *schema, struct tl_conjunction *c, const struct tl_json_node *node, uint32_t done, unsigned depth)
{
    if (depth > TL_GRAMMAR_NESTING)
        return tl_schema_fail(schema, node, "more than 64 schemas that refer to each other");
    if (node->kind == TL_JSON_TRUE)
        return 0;
    if (node->kind == TL_JSON_FALSE) {
        c->never = true;
        return 0;
    }
    if (node->kind != TL_JSON_OBJECT)
        return tl_schema_fail(schema, node, "expected a schema: an object, true or false");
    int r = add_item(schema, c, node, done);
    return r > 0 ? add_parts(schema, c, node, depth) : r;
}

static int add_parts(struct tl_schema *schema, struct tl_conjunction *c, const struct tl_json_node *node, unsigned depth)
{
    const struct tl_json_node *ref = tl_schema_member(schema, node, "$ref"), *all = tl_schema_member(schema, node, "allOf"), *target = NULL;
    if (ref && ref->kind != TL_JSON_STRING)
        return tl_schema_fail(schema, ref, "expected a string");
    if (ref && !(target = resolve(schema, ref))) {
        if (tl_schema_drop(schema, ref, "$ref") < 0)
            return schema->draft.status;
    } else if (ref && add_deep(schema, c, target, 0, depth + 1) < 0) {
        return schema->draft.status;
    }
    if (all && all->kind != TL_JSON_ARRAY)
        return tl_schema_fail(schema, all, "expected a list of schemas");
    for (const struct tl_json_node *child = all ? tl_json_tree_child(&schema->tree, all) : NULL; child; child = tl_json_tree_next(&schema->tree, child))
        if (add_deep(schema, c, child, 0, depth + 1) < 0)
            return schema->draft.status;
    return 0;
}

int tl_conjunction_add(struct tl_schema *schema, struct tl_conjunction *conjunction, const struct tl_json_node *node, uint32_t done)
{
    return schema->draft.status < 0 ? schema->draft.status : add_deep(schema, conjunction, node, done, 0);
}

static struct tl_schema_rule *find_rule(struct tl_schema *schema, const struct tl_conjunction *c)
{
    uint32_t *bucket = &schema->bucket[tl_hash_bytes(c->item, c->n * sizeof *c->item, 0) % 4096];
    for (uint32_t i = *bucket; i > 0; i = schema->rule[i - 1].next)
        if (schema->rule[i - 1].n == c->n && memcmp(schema->item + schema->rule[i - 1].first, c->item, c->n * sizeof *c->item) == 0)
            return &schema->rule[i - 1];
    if (schema->n_rules == TL_SCHEMA_RULES) {
        tl_schema_fail(schema, tl_schema_node(schema, c->item[0].node), "more than 20000 combinations of schemas");
        return NULL;
    }
    int r = tl_grow((void **)&schema->rule, schema->n_rules, &schema->rule_cap, sizeof *schema->rule);
    if (r >= 0)
        r = tl_reserve((void **)&schema->item, schema->n_items + c->n, &schema->item_cap, sizeof *schema->item);
    if (tl_draft_fail(&schema->draft, r) < 0)
        return NULL;
    memcpy(schema->item + schema->n_items, c->item, c->n * sizeof *c->item);
    struct tl_schema_rule *rule = &schema->rule[schema->n_rules++];
    *rule = (struct tl_schema_rule){.rule = tl_draft_rule(&schema->draft, "schema", 6), .first = (uint32_t)schema->n_items, .n = c->n, .next = *bucket};
    *bucket = (uint32_t)schema->n_rules;
    schema->n_items += c->n;
    return rule;
}

uint32_t tl_schema_value(struct tl_schema *schema, struct tl_conjunction *conjunction)
{
    if (conjunction->never)
        return TL_EXPR_DEAD;
    if (conjunction->n == 0)
        return schema->any;
    struct tl_schema_rule *rule = schema->draft.status < 0 ? NULL : find_rule(schema, conjunction);
    return rule ? tl_draft_call(&schema->draft, rule->rule) : TL_EXPR_DEAD;
}

bool tl_schema_recall(struct tl_schema *schema, const struct tl_conjunction *c, const char *const *members, size_t n, struct tl_buffer *key, uint32_t *ret_rule)
{
    tl_buffer_append(key, "", 0);
    for (uint32_t i = 0; i < c->n; i++)
        for (size_t k = 0; k < n; k++) {
            const struct tl_json_node *node = tl_schema_member(schema, tl_schema_node(schema, c->item[i].node), members[k]);
            if (node && tl_buffer_printf(key, "%s:", members[k]) >= 0)
                tl_schema_print(schema, node, key);
        }
    if (tl_draft_fail(&schema->draft, key->status) < 0)
        return false;
    for (uint64_t i = 0; i < schema->n_memos; i++)
        if (strcmp(schema->memo[i].key, key->data) == 0) {
            *ret_rule = schema->memo[i].rule;
            return true;
        }
    return false;
}

void tl_schema_remember(struct tl_schema *schema, struct tl_buffer *key, uint32_t rule)
{
    if (schema->draft.status < 0 || schema->n_memos == MEMOS ||
        tl_draft_fail(&schema->draft, tl_grow((void **)&schema->memo, schema->n_memos, &schema->memo_cap, sizeof *schema->memo)) < 0)
        return;
    char *text = tl_buffer_take(key, NULL);
    if (text)
        schema->memo[schema->n_memos++] = (struct tl_schema_memo){text, rule};
}

/* --- the whole ---------------------------------------------------------------------------------------------------------- */

static int write_rules(struct tl_schema *schema)
{
    while (schema->n_written < schema->n_rules && schema->draft.status >= 0) {
        struct tl_schema_rule rule = schema->rule[schema->n_written++];
        struct tl_conjunction conjunction = {.n = rule.n};
        memcpy(conjunction.item, schema->item + rule.first, rule.n * sizeof *conjunction.item);
        uint32_t expr = tl_schema_write(schema, &conjunction);
        tl_draft_define(&schema->draft, rule.rule, expr);
    }
    return schema->draft.status;
}

static int read_tree(struct tl_schema *schema, const char *where, const char *text, size_t n_bytes)
{
    struct tl_json json;
    tl_json_init(&json, where, text, n_bytes);
    int r = tl_json_tree_read(&schema->tree, &json);
    if (r >= 0)
        r = tl_json_next(&json);
    tl_json_done(&json);
    return r < 0 ? tl_fail_in(r == TL_E_FILE ? TL_E_USAGE : r, "schema") : r;
}

static int compile(struct tl_schema *schema, bool any_object, struct tl_grammar **ret_grammar)
{
    struct tl_conjunction root = {.n = 0};
    uint32_t rule = tl_draft_rule(&schema->draft, "root", 4), expr;
    tl_schema_common(schema);
    if (any_object)
        expr = schema->any_object;
    else {
        tl_conjunction_add(schema, &root, &schema->tree.node[0], 0);
        expr = tl_schema_value(schema, &root);
    }
    write_rules(schema);
    tl_draft_define(&schema->draft, rule, expr);
    return tl_draft_finish(&schema->draft, rule, ret_grammar);
}

static int run(const char *where, const char *text, size_t n_bytes, unsigned flags, struct tl_grammar **ret_grammar)
{
    struct tl_schema *schema = tl_alloc(1, sizeof *schema);
    if (!schema)
        return TL_E_NOMEM;
    schema->flags = flags;
    int r = tl_draft_init(&schema->draft, where);
    if (r >= 0 && text)
        r = read_tree(schema, where, text, n_bytes);
    if (r >= 0)
        r = compile(schema, !text, ret_grammar);
    tl_draft_done(&schema->draft);
    tl_json_tree_done(&schema->tree);
    tl_free(schema->rule);
    tl_free(schema->item);
    for (uint64_t i = 0; i < schema->n_memos; i++)
        tl_free(schema->memo[i].key);
    tl_free(schema->memo);
    tl_free(schema);
    return r < 0 ? r : 0;
}

int tl_grammar_from_schema(const char *where, const char *json, size_t n_bytes, unsigned flags, struct tl_grammar **ret_grammar)
{
    return run(where, json ? json : "", n_bytes, flags, ret_grammar);
}

int tl_grammar_any_json(struct tl_grammar **ret_grammar)
{
    return run("JSON", NULL, 0, 0, ret_grammar);
}
