/* SPDX-License-Identifier: MIT */
/* A small JSON value as a tree, for the parts of tokenizer.json whose keys may come in any order. Bounded. */
#ifndef TL_TEXT_JSON_TREE_H
#define TL_TEXT_JSON_TREE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/json.h"

enum { TL_JSON_TREE_NODES = 65536 };

struct tl_json_node {
    enum tl_json_event kind;     /* OBJECT, ARRAY, STRING, NUMBER, TRUE, FALSE, NULL */
    uint32_t key, n_key;         /* in the tree's text; of a member of an object */
    uint32_t text, n_text;       /* STRING: its text; NUMBER: its digits */
    uint32_t child, next;        /* first child, next sibling; 0: none */
};

struct tl_json_tree {
    struct tl_json_node *node;   /* [0] is the value itself */
    uint32_t count;
    uint64_t capacity;
    struct tl_buffer text;       /* every text is NUL-terminated */
};

int tl_json_tree_read(struct tl_json_tree *tree, struct tl_json *json);          /* the reader's next value */
void tl_json_tree_done(struct tl_json_tree *tree);

/* NULL: nothing was read, or it was null. */
const struct tl_json_node *tl_json_tree_root(const struct tl_json_tree *tree);
/* The member of an object; NULL: absent, null, or `node` is no object. */
const struct tl_json_node *tl_json_tree_get(const struct tl_json_tree *tree, const struct tl_json_node *node, const char *key);
const struct tl_json_node *tl_json_tree_child(const struct tl_json_tree *tree, const struct tl_json_node *node);
const struct tl_json_node *tl_json_tree_next(const struct tl_json_tree *tree, const struct tl_json_node *node);
const char *tl_json_tree_key(const struct tl_json_tree *tree, const struct tl_json_node *node);
/* A string's text ("" where it is none; n_text bytes). */
const char *tl_json_tree_text(const struct tl_json_tree *tree, const struct tl_json_node *node);
bool tl_json_tree_is(const struct tl_json_tree *tree, const struct tl_json_node *node, const char *text);
/* The member's text as above, and "" where it is absent. */
const char *tl_json_tree_string(const struct tl_json_tree *tree, const struct tl_json_node *node, const char *key);
/* The member's truth, or `absent`. */
bool tl_json_tree_bool(const struct tl_json_tree *tree, const struct tl_json_node *node, const char *key, bool absent);

#endif
