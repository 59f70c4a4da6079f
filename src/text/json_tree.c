/* SPDX-License-Identifier: MIT */
/* Nodes in one array, in the order of the text; a stack of open levels links siblings. */
#include "text/json_tree.h"

#include <string.h>

#include "base/error.h"
#include "base/memory.h"

struct level { uint32_t node, last; };

static int keep(struct tl_json_tree *tree, const char *bytes, size_t n, uint32_t *ret_at, uint32_t *ret_n)
{
    if (n > UINT32_MAX - 1 - tree->text.len)
        return tl_fail(TL_E_FILE, "a JSON text of more than 4 GiB");
    *ret_at = (uint32_t)tree->text.len;
    *ret_n = (uint32_t)n;
    tl_buffer_append(&tree->text, bytes, n);
    return tl_buffer_append(&tree->text, "", 1);
}

static int new_node(struct tl_json_tree *tree, enum tl_json_event kind, uint32_t *ret_index)
{
    if (tree->count == TL_JSON_TREE_NODES)
        return tl_fail(TL_E_FILE, "a JSON text of more than %d values", TL_JSON_TREE_NODES);
    if (tl_grow((void **)&tree->node, tree->count, &tree->capacity, sizeof *tree->node) < 0)
        return TL_E_NOMEM;
    *ret_index = tree->count++;
    tree->node[*ret_index] = (struct tl_json_node){.kind = kind};
    return 0;
}

static void link_node(struct tl_json_tree *tree, struct level *level, uint32_t index)
{
    if (level->last)
        tree->node[level->last].next = index;
    else
        tree->node[level->node].child = index;
    level->last = index;
}

int tl_json_tree_read(struct tl_json_tree *tree, struct tl_json *json)
{
    struct level stack[TL_JSON_DEPTH];
    unsigned depth = 0;
    uint32_t key = 0, n_key = 0, index = 0;
    tree->count = 0;
    tl_buffer_clear(&tree->text);
    do {
        int event = tl_json_next(json), r = 0;
        if (event < 0)
            return event;
        if (event == TL_JSON_KEY) {
            if ((r = keep(tree, json->string.data, json->string.len, &key, &n_key)) < 0)
                return r;
            continue;
        }
        if (event == TL_JSON_OBJECT_END || event == TL_JSON_ARRAY_END) {
            depth--;
            continue;
        }
        if ((r = new_node(tree, (enum tl_json_event)event, &index)) < 0)
            return r;
        tree->node[index].key = key;
        tree->node[index].n_key = n_key;
        if (depth)
            link_node(tree, &stack[depth - 1], index);
        if (event == TL_JSON_STRING)
            r = keep(tree, json->string.data, json->string.len, &tree->node[index].text, &tree->node[index].n_text);
        else if (event == TL_JSON_NUMBER)
            r = keep(tree, json->raw, json->raw_bytes, &tree->node[index].text, &tree->node[index].n_text);
        else if (event == TL_JSON_OBJECT || event == TL_JSON_ARRAY)
            stack[depth++] = (struct level){index, 0};
        if (r < 0)
            return r;
    } while (depth);
    return 0;
}

void tl_json_tree_done(struct tl_json_tree *tree)
{
    tl_free(tree->node);
    tl_buffer_done(&tree->text);
    *tree = (struct tl_json_tree){0};
}

const struct tl_json_node *tl_json_tree_root(const struct tl_json_tree *tree)
{
    return tree->count && tree->node[0].kind != TL_JSON_NULL ? &tree->node[0] : NULL;
}

const struct tl_json_node *tl_json_tree_get(const struct tl_json_tree *tree, const struct tl_json_node *node, const char *key)
{
    size_t n = strlen(key);
    if (!node || node->kind != TL_JSON_OBJECT)
        return NULL;
    for (const struct tl_json_node *child = tl_json_tree_child(tree, node); child; child = tl_json_tree_next(tree, child))
        if (child->n_key == n && memcmp(tl_json_tree_key(tree, child), key, n) == 0)
            return child->kind == TL_JSON_NULL ? NULL : child;
    return NULL;
}

const struct tl_json_node *tl_json_tree_child(const struct tl_json_tree *tree, const struct tl_json_node *node)
{
    return node && node->child ? &tree->node[node->child] : NULL;
}

const struct tl_json_node *tl_json_tree_next(const struct tl_json_tree *tree, const struct tl_json_node *node)
{
    return node && node->next ? &tree->node[node->next] : NULL;
}

const char *tl_json_tree_key(const struct tl_json_tree *tree, const struct tl_json_node *node)
{
    return tree->text.data ? tree->text.data + node->key : "";
}

const char *tl_json_tree_text(const struct tl_json_tree *tree, const struct tl_json_node *node)
{
    return node && node->kind == TL_JSON_STRING ? tree->text.data + node->text : "";
}

bool tl_json_tree_is(const struct tl_json_tree *tree, const struct tl_json_node *node, const char *text)
{
    return node && node->kind == TL_JSON_STRING && node->n_text == strlen(text) &&
           memcmp(tree->text.data + node->text, text, node->n_text) == 0;
}

const char *tl_json_tree_string(const struct tl_json_tree *tree, const struct tl_json_node *node, const char *key)
{
    return tl_json_tree_text(tree, tl_json_tree_get(tree, node, key));
}

bool tl_json_tree_bool(const struct tl_json_tree *tree, const struct tl_json_node *node, const char *key, bool absent)
{
    const struct tl_json_node *member = tl_json_tree_get(tree, node, key);
    return member ? member->kind == TL_JSON_TRUE : absent;
}
