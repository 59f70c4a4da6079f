/* SPDX-License-Identifier: MIT */
/* What is known of a grammar before it is used: the fewest bytes from each node to the end of its rule, and that no rule
 * calls itself before it has read something.
 *
 * The fewest bytes are found as shortest paths are (Knuth, A Generalization of Dijkstra's Algorithm, 1977): the node with
 * the smallest sum is settled next and offers sums to those that lean on it, so that every node is settled once. */
#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "grammar/grammar_private.h"

struct offer { uint32_t least, node; };

struct search {
    struct tl_grammar *grammar;
    uint32_t *first, *user;              /* CSR: who leans on a node */
    struct offer *heap;
    uint64_t n_heap, heap_cap;
};

static int push(struct search *search, uint64_t least, uint32_t node)
{
    if (least > TL_GRAMMAR_SHORTEST || least >= search->grammar->least[node])
        return 0;
    if (tl_grow((void **)&search->heap, search->n_heap, &search->heap_cap, sizeof *search->heap) < 0)
        return TL_E_NOMEM;
    struct offer *heap = search->heap, offer = {(uint32_t)least, node};
    uint64_t at = search->n_heap++;
    for (; at > 0 && heap[(at - 1) / 2].least > offer.least; at = (at - 1) / 2)
        heap[at] = heap[(at - 1) / 2];
    heap[at] = offer;
    return 0;
}

static struct offer pop(struct search *search)
{
    struct offer *heap = search->heap, top = heap[0], last = heap[--search->n_heap];
    uint64_t at = 0, child;
    for (; (child = 2 * at + 1) < search->n_heap; at = child) {
        if (child + 1 < search->n_heap && heap[child + 1].least < heap[child].least)
            child++;
        if (heap[child].least >= last.least)
            break;
        heap[at] = heap[child];
    }
    if (search->n_heap > 0)
        heap[at] = last;
    return top;
}

/* The sum that node `at` has by what is settled, once all that it needs is. */
static uint64_t sum_of(const struct tl_grammar *grammar, uint32_t at)
{
    const struct tl_grammar_node *node = &grammar->node[at];
    uint64_t rest, item;
    if (node->kind != TL_GRAMMAR_CALL && node->kind != TL_GRAMMAR_REPEAT)
        return TL_GRAMMAR_NEVER;
    rest = grammar->least[node->b];
    item = node->kind == TL_GRAMMAR_REPEAT && node->min == 0 ? 0 : grammar->least[grammar->rule[node->a].start];
    if (rest == TL_GRAMMAR_NEVER || item == TL_GRAMMAR_NEVER)
        return TL_GRAMMAR_NEVER;
    return rest + item * (node->kind == TL_GRAMMAR_REPEAT ? node->min : 1);
}

static void each_need(const struct tl_grammar *grammar, uint32_t at, void (*note)(struct search *, uint32_t need, uint32_t user), struct search *search)
{
    const struct tl_grammar_node *node = &grammar->node[at];
    if (node->kind == TL_GRAMMAR_BYTES)
        for (uint32_t i = 0; i < node->b; i++)
            note(search, grammar->edge[node->a + i].to, at);
    else if (node->kind == TL_GRAMMAR_SPLIT)
        for (uint32_t i = 0; i < node->b; i++)
            note(search, grammar->target[node->a + i], at);
    else if (node->kind != TL_GRAMMAR_END) {
        note(search, node->b, at);
        note(search, grammar->rule[node->a].start, at);
    }
}

static void count(struct search *search, uint32_t need, uint32_t user)
{
    (void)user;
    search->first[need + 1]++;
}

static void place(struct search *search, uint32_t need, uint32_t user)
{
    search->user[search->first[need]++] = user;
}

static int find_users(struct search *search)
{
    struct tl_grammar *grammar = search->grammar;
    uint64_t n = grammar->n_nodes;
    for (uint32_t i = 0; i < n; i++)
        each_need(grammar, i, count, search);
    for (uint64_t i = 0; i < n; i++)
        search->first[i + 1] += search->first[i];
    if (!(search->user = tl_alloc(search->first[n] + 1, sizeof *search->user)))
        return TL_E_NOMEM;
    for (uint32_t i = 0; i < n; i++)
        each_need(grammar, i, place, search);
    memmove(search->first + 1, search->first, n * sizeof *search->first);
    search->first[0] = 0;
    return 0;
}

static int settle(struct search *search)
{
    struct tl_grammar *grammar = search->grammar;
    int r = 0;
    for (uint32_t i = 0; r >= 0 && i < grammar->n_nodes; i++)
        if (grammar->node[i].kind == TL_GRAMMAR_END)
            r = push(search, 0, i);
    while (r >= 0 && search->n_heap > 0) {
        struct offer best = pop(search);
        if (best.least >= grammar->least[best.node])
            continue;
        grammar->least[best.node] = best.least;
        for (uint32_t i = search->first[best.node]; r >= 0 && i < search->first[best.node + 1]; i++) {
            uint32_t user = search->user[i];
            uint8_t kind = grammar->node[user].kind;
            r = push(search, kind == TL_GRAMMAR_BYTES ? best.least + 1ull : kind == TL_GRAMMAR_SPLIT ? best.least : sum_of(grammar, user), user);
        }
    }
    return r;
}

static int find_least(struct tl_grammar *grammar)
{
    struct search search = {.grammar = grammar};
    int r = TL_E_NOMEM;
    if (!(grammar->least = tl_alloc(grammar->n_nodes + 1, sizeof *grammar->least)) ||
        !(search.first = tl_alloc(grammar->n_nodes + 2, sizeof *search.first)))
        goto out;
    for (uint64_t i = 0; i < grammar->n_nodes; i++)
        grammar->least[i] = TL_GRAMMAR_NEVER;
    if ((r = find_users(&search)) >= 0)
        r = settle(&search);
out:
    tl_free(search.first);
    tl_free(search.user);
    tl_free(search.heap);
    return r;
}

/* --- left recursion ------------------------------------------------------------------------------------------------- */

struct place { uint32_t node, next; };   /* next: which of the node's ways is looked at */

/* Tarjan's strongly connected components (1972) over the ways that read nothing, without recursion. */
struct walk {
    const struct tl_grammar *grammar;
    uint32_t *index, *low, *part;        /* of a node; index and part are 0 until they are known */
    uint32_t n_seen, n_parts;
    struct place *way;                   /* from the node that was begun with to where the walk is */
    uint32_t *open;                      /* nodes whose part is not known yet */
    uint64_t n_way, way_cap, n_open, open_cap;
};

/* The i-th node that is reached from `at` without reading a byte; false behind the last. */
static bool way(const struct tl_grammar *grammar, uint32_t at, uint32_t i, uint32_t *ret_to)
{
    const struct tl_grammar_node *node = &grammar->node[at];
    if (node->kind == TL_GRAMMAR_SPLIT && i < node->b) {
        *ret_to = grammar->target[node->a + i];
        return true;
    }
    if (node->kind != TL_GRAMMAR_CALL && node->kind != TL_GRAMMAR_REPEAT)
        return false;
    bool passes = grammar->least[grammar->rule[node->a].start] == 0 || (node->kind == TL_GRAMMAR_REPEAT && node->min == 0);
    *ret_to = i == 0 ? grammar->rule[node->a].start : node->b;
    return i == 0 || (i == 1 && passes);
}

static int visit(struct walk *walk, uint32_t node)
{
    if (tl_grow((void **)&walk->way, walk->n_way, &walk->way_cap, sizeof *walk->way) < 0 ||
        tl_grow((void **)&walk->open, walk->n_open, &walk->open_cap, sizeof *walk->open) < 0)
        return TL_E_NOMEM;
    walk->way[walk->n_way++] = (struct place){node, 0};
    walk->open[walk->n_open++] = node;
    walk->index[node] = walk->low[node] = ++walk->n_seen;
    return 0;
}

static void lower(struct walk *walk, uint32_t node, uint32_t low)
{
    if (low < walk->low[node])
        walk->low[node] = low;
}

static void leave(struct walk *walk)
{
    uint32_t node = walk->way[--walk->n_way].node;
    if (walk->n_way > 0)
        lower(walk, walk->way[walk->n_way - 1].node, walk->low[node]);
    if (walk->low[node] != walk->index[node])
        return;
    walk->n_parts++;
    do
        walk->part[walk->open[--walk->n_open]] = walk->n_parts;
    while (walk->open[walk->n_open] != node);
}

static int walk_from(struct walk *walk, uint32_t node)
{
    int r = visit(walk, node);
    while (r >= 0 && walk->n_way > 0) {
        struct place *top = &walk->way[walk->n_way - 1];
        uint32_t to;
        if (!way(walk->grammar, top->node, top->next, &to)) {
            leave(walk);
            continue;
        }
        top->next++;
        if (walk->index[to] == 0)
            r = visit(walk, to);
        else if (walk->part[to] == 0)
            lower(walk, top->node, walk->index[to]);
    }
    return r;
}

/* A call from one node to another of the same part comes round to itself. */
static int check_calls(const struct walk *walk, const char *where)
{
    const struct tl_grammar *grammar = walk->grammar;
    for (uint64_t i = 0; i < grammar->n_nodes; i++) {
        const struct tl_grammar_node *node = &grammar->node[i];
        if (node->kind != TL_GRAMMAR_CALL && node->kind != TL_GRAMMAR_REPEAT)
            continue;
        const struct tl_grammar_rule *rule = &grammar->rule[node->a];
        if (walk->part[i] != 0 && walk->part[i] == walk->part[rule->start])
            return tl_fail(TL_E_USAGE, "%s: rule %.*s calls itself before it has read anything (left recursion)", where,
                           (int)(rule->n_name < 80 ? rule->n_name : 80), grammar->names.data + rule->name);
    }
    return 0;
}

static int check_left(const struct tl_grammar *grammar, const char *where)
{
    struct walk walk = {.grammar = grammar};
    TL_AUTO uint32_t *of_node = tl_alloc(3 * (grammar->n_nodes + 1), sizeof *of_node);
    int r = 0;
    if (!of_node)
        return TL_E_NOMEM;
    walk.index = of_node, walk.low = of_node + grammar->n_nodes, walk.part = of_node + 2 * grammar->n_nodes;
    for (uint32_t i = 0; r >= 0 && i < grammar->n_rules; i++)
        if (walk.index[grammar->rule[i].start] == 0)
            r = walk_from(&walk, grammar->rule[i].start);
    if (r >= 0)
        r = check_calls(&walk, where);
    tl_free(walk.way);
    tl_free(walk.open);
    return r;
}

int tl_grammar_finish(struct tl_grammar *grammar, const char *where)
{
    tl_free(grammar->least);
    grammar->least = NULL;
    int r = find_least(grammar);
    if (r >= 0)
        r = check_left(grammar, where);
    if (r >= 0 && grammar->least[grammar->rule[grammar->root].start] == TL_GRAMMAR_NEVER)
        r = tl_fail(TL_E_USAGE, "%s: no text of at most %d bytes fits", where, TL_GRAMMAR_SHORTEST);
    return r < 0 ? r : 0;
}
