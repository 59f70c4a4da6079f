/* SPDX-License-Identifier: MIT */
/* Grammars as wholes: made of others by copying their nodes, and freed. */
#include "grammar/grammar.h"

#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "grammar/draft.h"

void tl_grammar_free(struct tl_grammar *grammar)
{
    if (!grammar)
        return;
    tl_free(grammar->node);
    tl_free(grammar->edge);
    tl_free(grammar->target);
    tl_free(grammar->rule);
    tl_free(grammar->least);
    tl_buffer_done(&grammar->names);
    tl_buffer_done(&grammar->dropped);
    tl_free(grammar);
}

const char *tl_grammar_dropped(const struct tl_grammar *grammar)
{
    return grammar->dropped.data ? grammar->dropped.data : "";
}

static void copy_nodes(struct tl_draft *draft, const struct tl_grammar *from, uint32_t edges, uint32_t targets, uint32_t nodes, uint32_t rules)
{
    for (uint64_t i = 0; i < from->n_nodes; i++) {
        struct tl_grammar_node node = from->node[i];
        if (node.kind == TL_GRAMMAR_BYTES)
            node.a += edges;
        else if (node.kind == TL_GRAMMAR_SPLIT)
            node.a += targets;
        else if (node.kind != TL_GRAMMAR_END)
            node.a += rules, node.b += nodes;
        tl_draft_node(draft, node);
    }
}

static void copy_targets(struct tl_draft *draft, const struct tl_grammar *from, uint32_t nodes)
{
    struct tl_grammar *to = draft->grammar;
    if (draft->status < 0 || tl_draft_fail(draft, tl_reserve((void **)&to->target, to->n_targets + from->n_targets, &to->target_cap, sizeof *to->target)) < 0)
        return;
    for (uint64_t i = 0; i < from->n_targets; i++)
        to->target[to->n_targets++] = from->target[i] + nodes;
}

/* The rules of `from` behind those of the draft: the number of its root there. */
static uint32_t copy(struct tl_draft *draft, const struct tl_grammar *from)
{
    struct tl_grammar *to = draft->grammar;
    uint32_t nodes = (uint32_t)to->n_nodes, edges = (uint32_t)to->n_edges, targets = (uint32_t)to->n_targets, rules = (uint32_t)to->n_rules;
    copy_nodes(draft, from, edges, targets, nodes, rules);
    for (uint64_t i = 0; i < from->n_edges; i++)
        tl_draft_edge(draft, from->edge[i].lo, from->edge[i].hi, from->edge[i].to + nodes);
    copy_targets(draft, from, nodes);
    for (uint64_t i = 0; i < from->n_rules && draft->status >= 0; i++) {
        uint32_t rule = tl_draft_rule(draft, from->names.data + from->rule[i].name, from->rule[i].n_name);
        if (draft->status >= 0)
            to->rule[rule].start = from->rule[i].start + nodes;
    }
    if (from->dropped.len > 0)
        tl_buffer_printf(&to->dropped, "%s%s", to->dropped.len > 0 ? ", " : "", from->dropped.data);
    return rules + from->root;
}

static int define_root(struct tl_draft *draft, uint32_t expr, struct tl_grammar **ret_grammar)
{
    uint32_t root = tl_draft_rule(draft, "root", 4);
    tl_draft_define(draft, root, expr);
    int r = tl_draft_finish(draft, root, ret_grammar);
    tl_draft_done(draft);
    return r;
}

int tl_grammar_join(const struct tl_grammar_part *parts, size_t n_parts, struct tl_grammar **ret_grammar)
{
    struct tl_draft draft;
    uint32_t expr = TL_EXPR_NONE;
    tl_draft_init(&draft, "grammar");
    for (size_t i = 0; i < n_parts && draft.status >= 0; i++) {
        uint32_t part = parts[i].grammar ? tl_draft_call(&draft, copy(&draft, parts[i].grammar)) :
                                           tl_draft_literal(&draft, parts[i].literal, parts[i].n_bytes);
        expr = tl_draft_two(&draft, expr, part);
    }
    return define_root(&draft, expr, ret_grammar);
}

int tl_grammar_either(const struct tl_grammar *const *choices, size_t n_choices, struct tl_grammar **ret_grammar)
{
    struct tl_draft draft;
    TL_AUTO uint32_t *calls = tl_alloc(n_choices + 1, sizeof *calls);
    if (!calls)
        return TL_E_NOMEM;
    tl_draft_init(&draft, "grammar");
    for (size_t i = 0; i < n_choices && draft.status >= 0; i++)
        calls[i] = tl_draft_call(&draft, copy(&draft, choices[i]));
    return define_root(&draft, tl_draft_choice(&draft, calls, n_choices), ret_grammar);
}
