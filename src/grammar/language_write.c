/* SPDX-License-Identifier: MIT */
/* Automata of characters as rules: a state is a branch to what its arcs read, arcs to the same state read as one class. Inside a JSON
 * string each character has one spelling: itself, or the escape of one letter that it must have; other control characters have none. */
#include "grammar/language.h"

#include <string.h>

#include "base/array.h"
#include "base/error.h"
#include "base/memory.h"

static const struct { uint8_t code; char letter; } escapes[] = {{'\b', 'b'}, {'\t', 't'}, {'\n', 'n'}, {'\f', 'f'}, {'\r', 'r'}, {'"', '"'}, {'\\', '\\'}};

struct writer {
    struct tl_draft *draft;
    const struct tl_language *language;
    struct tl_range *range;              /* of one class: the largest number of arcs of a state, and a few */
    uint32_t *target;
    bool *taken;                         /* arcs that are written */
    uint32_t base, end;                  /* the node of state 0; the END of the rule */
    bool quoted;
};

/* The node behind a backslash, for those of the ranges that need one; 0 targets otherwise. Takes them out of the ranges. */
static size_t take_escapes(struct writer *w, size_t *n_ranges, uint32_t next, uint32_t *ret_node)
{
    struct tl_range letters[TL_COUNT(escapes)];
    size_t n_letters = 0, n = *n_ranges;
    for (size_t k = 0; k < TL_COUNT(escapes); k++)
        for (size_t i = 0, count = n; i < count; i++) {
            struct tl_range *range = &w->range[i];
            if (range->lo > range->hi || escapes[k].code < range->lo || escapes[k].code > range->hi)
                continue;
            letters[n_letters++] = (struct tl_range){(uint8_t)escapes[k].letter, (uint8_t)escapes[k].letter};
            w->range[n++] = (struct tl_range){escapes[k].code + 1u, range->hi};
            if (escapes[k].code == range->lo)
                *range = (struct tl_range){1, 0};
            else
                range->hi = escapes[k].code - 1u;
            break;
        }
    for (size_t i = 0; i < n; i++)
        w->range[i].lo = w->range[i].lo < 0x20 ? 0x20 : w->range[i].lo;
    *n_ranges = tl_ranges_tidy(w->range, n);
    if (n_letters == 0)
        return 0;
    uint32_t letter = tl_draft_characters(w->draft, letters, tl_ranges_tidy(letters, n_letters), next);
    tl_draft_edge(w->draft, '\\', '\\', letter);
    *ret_node = tl_draft_node(w->draft, (struct tl_grammar_node){.kind = TL_GRAMMAR_BYTES, .a = (uint32_t)w->draft->grammar->n_edges - 1, .b = 1});
    return 1;
}

/* All arcs of a state that lead where arc `i` leads. */
static size_t write_class(struct writer *w, const struct tl_language_state *state, uint32_t i, uint32_t *target)
{
    const struct tl_arc *arc = w->language->arc + state->first;
    size_t n = 0, n_targets = 0;
    for (uint32_t k = i; k < state->n; k++)
        if (arc[k].to == arc[i].to) {
            w->range[n++] = (struct tl_range){arc[k].lo, arc[k].hi};
            w->taken[k] = true;
        }
    n = tl_ranges_tidy(w->range, n);
    if (w->quoted)
        n_targets = take_escapes(w, &n, w->base + arc[i].to, &target[0]);
    if (n > 0)
        target[n_targets++] = tl_draft_characters(w->draft, w->range, n, w->base + arc[i].to);
    return n_targets;
}

static void write_state(struct writer *w, uint32_t index)
{
    const struct tl_language_state *state = &w->language->state[index];
    size_t n = 0;
    memset(w->taken, 0, state->n * sizeof *w->taken);
    for (uint32_t i = 0; i < state->n && w->draft->status >= 0; i++)
        if (!w->taken[i])
            n += write_class(w, state, i, w->target + n);
    if (state->accepts)
        w->target[n++] = w->end;
    tl_draft_branch(w->draft, w->base + index, w->target, n);
}

uint32_t tl_language_rule(struct tl_draft *draft, const struct tl_language *language, bool quoted)
{
    uint32_t most = 0, rule = tl_draft_rule(draft, "text", 4);
    for (uint64_t i = 0; i < language->n_states; i++)
        most = language->state[i].n > most ? language->state[i].n : most;
    TL_AUTO struct tl_range *range = tl_alloc(most + 16, sizeof *range);
    TL_AUTO uint32_t *target = tl_alloc(2 * most + 2, sizeof *target);
    TL_AUTO bool *taken = tl_alloc(most + 1, sizeof *taken);
    struct writer w = {.draft = draft, .language = language, .range = range, .target = target, .taken = taken, .quoted = quoted};
    if (!range || !target || !taken)
        tl_draft_fail(draft, TL_E_NOMEM);
    w.end = tl_draft_node(draft, (struct tl_grammar_node){.kind = TL_GRAMMAR_END});
    w.base = (uint32_t)draft->grammar->n_nodes;
    for (uint64_t i = 0; i < language->n_states; i++)
        tl_draft_node(draft, (struct tl_grammar_node){.kind = TL_GRAMMAR_SPLIT});
    for (uint32_t i = 0; i < language->n_states && draft->status >= 0; i++)
        write_state(&w, i);
    if (draft->status >= 0)
        draft->grammar->rule[rule].start = w.base;
    return rule;
}
