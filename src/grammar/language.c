/* SPDX-License-Identifier: MIT */
/* Automata of characters: made of lengths and names, joined two at a time, and asked. */
#include "grammar/language.h"

#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "base/utf8.h"

enum { MOST = 0x10FFFF, BUCKETS = 4096 };

void tl_language_done(struct tl_language *language)
{
    tl_free(language->state);
    tl_free(language->arc);
    *language = (struct tl_language){.state = NULL};
}

int tl_language_add_state(struct tl_language *language, bool accepts, uint32_t *ret_state)
{
    if (language->n_states == TL_LANGUAGE_STATES)
        return TL_LANGUAGE_LARGE;
    if (tl_grow((void **)&language->state, language->n_states, &language->state_cap, sizeof *language->state) < 0 ||
        (!language->arc && tl_grow((void **)&language->arc, 0, &language->arc_cap, sizeof *language->arc) < 0))
        return TL_E_NOMEM;
    language->state[language->n_states] = (struct tl_language_state){.accepts = accepts};
    *ret_state = (uint32_t)language->n_states++;
    return 0;
}

int tl_language_add_arc(struct tl_language *language, uint32_t lo, uint32_t hi, uint32_t to)
{
    if (language->n_arcs == TL_LANGUAGE_ARCS)
        return TL_LANGUAGE_LARGE;
    if (tl_grow((void **)&language->arc, language->n_arcs, &language->arc_cap, sizeof *language->arc) < 0)
        return TL_E_NOMEM;
    language->arc[language->n_arcs++] = (struct tl_arc){lo, hi, to};
    return 0;
}

static const struct tl_arc *find_arc(const struct tl_language *language, uint32_t state, uint32_t code)
{
    const struct tl_arc *arc = language->arc + language->state[state].first;
    uint32_t lo = 0, hi = language->state[state].n;
    while (lo < hi) {
        uint32_t mid = (lo + hi) / 2;
        if (arc[mid].hi < code)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo < language->state[state].n && arc[lo].lo <= code ? &arc[lo] : NULL;
}

bool tl_language_takes(const struct tl_language *language, const char *text, size_t n_bytes)
{
    uint32_t state = 0;
    for (size_t i = 0; i < n_bytes;) {
        uint32_t code;
        int n = tl_utf8_decode(text + i, n_bytes - i, &code);
        const struct tl_arc *arc = n < 0 ? NULL : find_arc(language, state, code);
        if (!arc)
            return false;
        state = arc->to;
        i += (size_t)n;
    }
    return language->state[state].accepts;
}

bool tl_language_empty(const struct tl_language *language)
{
    for (uint64_t i = 0; i < language->n_states; i++)                /* every state is reached: they are made when they are */
        if (language->state[i].accepts)
            return false;
    return true;
}

/* --- simple ones ------------------------------------------------------------------------------------------------------------ */

int tl_language_lengths(uint32_t min, uint32_t max, struct tl_language *ret_language)
{
    struct tl_language made = {.state = NULL};
    uint32_t last = max == TL_GRAMMAR_NO_END ? min : max, state;
    int r = last >= TL_LANGUAGE_STATES ? TL_LANGUAGE_LARGE : 0;
    for (uint32_t i = 0; r >= 0 && i <= last; i++) {
        if ((r = tl_language_add_state(&made, i >= min, &state)) < 0)
            break;
        made.state[state].first = (uint32_t)made.n_arcs;
        if (i < last || max == TL_GRAMMAR_NO_END) {
            r = tl_language_add_arc(&made, 0, MOST, i < last ? i + 1 : i);
            made.state[state].n = 1;
        }
    }
    if (r < 0)
        tl_language_done(&made);
    else
        *ret_language = made;
    return r;
}

static int compare_names(const void *a, const void *b)
{
    const struct tl_text *x = a, *y = b;
    int order = memcmp(x->bytes, y->bytes, x->n_bytes < y->n_bytes ? x->n_bytes : y->n_bytes);
    return order ? order : x->n_bytes < y->n_bytes ? -1 : x->n_bytes > y->n_bytes;
}

struct span { uint32_t state, first, n, depth; };                     /* names [first, first + n) share `depth` bytes that lead to the state */

/* The arcs of one state of the tree of names; what lies behind them is put on the list. */
static int spread(struct tl_language *made, const struct tl_text *name, struct span span, struct span *list, uint64_t *n_list)
{
    uint32_t i = span.first, end = span.first + span.n;
    made->state[span.state].first = (uint32_t)made->n_arcs;
    for (; i < end && name[i].n_bytes == span.depth; i++)
        made->state[span.state].accepts = true;
    while (i < end) {
        uint32_t code, first = i, state;
        int n = tl_utf8_decode(name[i].bytes + span.depth, name[i].n_bytes - span.depth, &code);
        size_t depth = span.depth + (size_t)(n < 0 ? -n : n);
        while (i < end && name[i].n_bytes >= depth && memcmp(name[i].bytes, name[first].bytes, depth) == 0)
            i++;
        int r = tl_language_add_state(made, false, &state);
        if (r >= 0)
            r = tl_language_add_arc(made, code, code, state);
        if (r < 0)
            return r;
        made->state[span.state].n++;
        list[(*n_list)++] = (struct span){state, first, i - first, (uint32_t)depth};
    }
    return 0;
}

int tl_language_names(const struct tl_text *name, size_t n, struct tl_language *ret_language)
{
    struct tl_language made = {.state = NULL};
    TL_AUTO struct span *list = tl_alloc(TL_LANGUAGE_STATES + 1, sizeof *list);
    TL_AUTO struct tl_text *sorted = tl_alloc(n + 1, sizeof *sorted);
    uint64_t n_list = 1;
    uint32_t start;
    int r = list && sorted ? tl_language_add_state(&made, false, &start) : TL_E_NOMEM;
    if (r >= 0) {
        if (n > 0)
            memcpy(sorted, name, n * sizeof *name);
        qsort(sorted, n, sizeof *sorted, compare_names);
        list[0] = (struct span){0, 0, (uint32_t)n, 0};
    }
    for (uint64_t i = 0; r >= 0 && i < n_list; i++)
        r = spread(&made, sorted, list[i], list, &n_list);
    if (r < 0)
        tl_language_done(&made);
    else
        *ret_language = made;
    return r;
}

/* --- two at a time ------------------------------------------------------------------------------------------------------------ */

struct pair { uint32_t a, b, next; };    /* b: its state + 1, 0 once it is nowhere */

struct product {
    const struct tl_language *a, *b;
    bool without;
    struct tl_language made;
    struct pair *pair;                   /* [state] */
    uint64_t pair_cap;
    uint32_t bucket[BUCKETS];            /* state + 1 */
};

static int find_pair(struct product *p, uint32_t a, uint32_t b, uint32_t *ret_state)
{
    uint32_t *bucket = &p->bucket[(a * 2654435761u ^ b * 2246822519u) % BUCKETS];
    for (uint32_t i = *bucket; i > 0; i = p->pair[i - 1].next)
        if (p->pair[i - 1].a == a && p->pair[i - 1].b == b) {
            *ret_state = i - 1;
            return 0;
        }
    bool in_b = b > 0 && p->b->state[b - 1].accepts;
    int r = tl_grow((void **)&p->pair, p->made.n_states, &p->pair_cap, sizeof *p->pair);
    if (r >= 0)
        r = tl_language_add_state(&p->made, p->a->state[a].accepts && in_b != p->without, ret_state);
    if (r < 0)
        return r;
    p->pair[*ret_state] = (struct pair){a, b, *bucket};
    *bucket = *ret_state + 1;
    return 0;
}

static int add_pair_arc(struct product *p, uint32_t state, uint32_t lo, uint32_t hi, uint32_t a, uint32_t b)
{
    uint32_t to;
    if (b == 0 && !p->without)
        return 0;
    int r = find_pair(p, a, b, &to);
    if (r >= 0)
        r = tl_language_add_arc(&p->made, lo, hi, to);
    p->made.state[state].n += r >= 0;
    return r;
}

/* One arc of a, cut where b's arcs begin and end. */
static int cut_arc(struct product *p, uint32_t state, const struct tl_arc *arc, uint32_t b)
{
    uint32_t at = arc->lo, n = b ? p->b->state[b - 1].n : 0;
    const struct tl_arc *other = b ? p->b->arc + p->b->state[b - 1].first : NULL;
    int r = 0;
    for (uint32_t i = 0; r >= 0 && i < n && at <= arc->hi; i++) {
        if (other[i].hi < at || other[i].lo > arc->hi)
            continue;
        if (other[i].lo > at)
            r = add_pair_arc(p, state, at, other[i].lo - 1, arc->to, 0);
        uint32_t lo = other[i].lo > at ? other[i].lo : at, hi = other[i].hi < arc->hi ? other[i].hi : arc->hi;
        if (r >= 0)
            r = add_pair_arc(p, state, lo, hi, arc->to, other[i].to + 1);
        at = hi + 1;
    }
    return r >= 0 && at <= arc->hi ? add_pair_arc(p, state, at, arc->hi, arc->to, 0) : r;
}

static int multiply(const struct tl_language *a, const struct tl_language *b, bool without, struct tl_language *ret_language)
{
    TL_AUTO struct product *p = tl_alloc(1, sizeof *p);
    uint32_t start;
    if (!p)
        return TL_E_NOMEM;
    *p = (struct product){.a = a, .b = b, .without = without};
    int r = find_pair(p, 0, 1, &start);
    for (uint32_t state = 0; r >= 0 && state < p->made.n_states; state++) {
        struct pair pair = p->pair[state];
        p->made.state[state].first = (uint32_t)p->made.n_arcs;
        for (uint32_t i = 0; r >= 0 && i < a->state[pair.a].n; i++)
            r = cut_arc(p, state, &a->arc[a->state[pair.a].first + i], pair.b);
    }
    tl_free(p->pair);
    if (r >= 0)
        r = tl_language_minimise(&p->made);
    if (r < 0)
        tl_language_done(&p->made);
    else
        *ret_language = p->made;
    return r;
}

int tl_language_both(const struct tl_language *a, const struct tl_language *b, struct tl_language *ret_language)
{
    return multiply(a, b, false, ret_language);
}

int tl_language_without(const struct tl_language *a, const struct tl_language *b, struct tl_language *ret_language)
{
    return multiply(a, b, true, ret_language);
}

int tl_language_narrow(struct tl_language *language, struct tl_language *take_more)
{
    struct tl_language both;
    int r = tl_language_both(language, take_more, &both);
    tl_language_done(take_more);
    if (r >= 0) {
        tl_language_done(language);
        *language = both;
    }
    return r;
}
