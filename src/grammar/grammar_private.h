/* SPDX-License-Identifier: MIT */
/* What a compiled grammar is: rules, each a graph of nodes that read bytes, branch, call rules, repeat rules or end.
 *
 * A rule is left at an END node. `least` says how many bytes the shortest way from a node to the end of its rule has;
 * TL_GRAMMAR_NEVER where there is none: such nodes are never entered. */
#ifndef TL_GRAMMAR_GRAMMAR_PRIVATE_H
#define TL_GRAMMAR_GRAMMAR_PRIVATE_H

#include <stdbool.h>
#include <stdint.h>

#include "grammar/grammar.h"

enum {
    TL_GRAMMAR_NODES = 1 << 20,          /* of one grammar; edges, targets and text as many */
    TL_GRAMMAR_RULES = 1 << 16,
    TL_GRAMMAR_TIMES = 1 << 20,          /* the largest number of repetitions */
    TL_GRAMMAR_SHORTEST = 1 << 24,       /* bytes that an answer may have to have */
    TL_GRAMMAR_NEVER = 1 << 30,
    TL_GRAMMAR_NESTING = 64,             /* of groups, and of schemas in schemas */
};

#define TL_GRAMMAR_NO_END UINT32_MAX     /* as many times as one likes */
#define TL_GRAMMAR_ACCEPT UINT32_MAX     /* behind the root: the text is complete */

enum tl_grammar_kind { TL_GRAMMAR_BYTES, TL_GRAMMAR_SPLIT, TL_GRAMMAR_CALL, TL_GRAMMAR_REPEAT, TL_GRAMMAR_END };

struct tl_grammar_node {
    uint8_t kind;
    uint32_t a, b;                       /* BYTES: edges [a, a + b); SPLIT: targets [a, a + b); CALL, REPEAT: rule a, then node b */
    uint32_t min, max;                   /* REPEAT: times; max may be TL_GRAMMAR_NO_END */
};

struct tl_grammar_edge { uint8_t lo, hi; uint32_t to; };
struct tl_grammar_rule { uint32_t start, name, n_name; };        /* the name lies in `names` */

struct tl_grammar {
    struct tl_grammar_node *node;
    struct tl_grammar_edge *edge;
    uint32_t *target;
    struct tl_grammar_rule *rule;
    uint64_t n_nodes, n_edges, n_targets, n_rules, node_cap, edge_cap, target_cap, rule_cap;
    uint32_t *least;                     /* [n_nodes] */
    uint32_t root;                       /* a rule */
    struct tl_buffer names, dropped;
};

/* Where ranges of bytes begin that grammars rarely tell apart; behind the last one 256. */
enum { TL_BYTE_RANGES = 50 };
extern const uint16_t tl_byte_ranges[TL_BYTE_RANGES + 1];

/* Fills `least` and refuses what has no text or calls itself without reading. */
int tl_grammar_finish(struct tl_grammar *grammar, const char *where);

/* Bytes from a node, which a REPEAT has entered `count` times, to the end of its rule. */
static inline uint64_t tl_grammar_least(const struct tl_grammar *grammar, uint32_t node, uint32_t count)
{
    if (node == TL_GRAMMAR_ACCEPT)
        return 0;
    const struct tl_grammar_node *n = &grammar->node[node];
    if (n->kind != TL_GRAMMAR_REPEAT)
        return grammar->least[node];
    uint64_t times = count < n->min ? n->min - count : 0;
    uint64_t sum = grammar->least[n->b] + (times ? times * grammar->least[grammar->rule[n->a].start] : 0);
    return sum < TL_GRAMMAR_NEVER ? sum : TL_GRAMMAR_NEVER;
}

#endif
