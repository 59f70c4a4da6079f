/* SPDX-License-Identifier: MIT */
/* The smallest automaton of a language: states that lead nowhere go, those that no text tells apart become one. Classes of states are
 * refined until none splits (Moore 1956). It only saves: what would take too long is left as it is. */
#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "grammar/language.h"

enum { WORK = 1 << 21, DEAD = 0 };

struct refinement {
    const struct tl_language *language;
    uint32_t *class, *next_class;        /* of a state, + 1; DEAD: it leads nowhere */
    uint32_t *bucket, *chain;            /* states + 1 that stand for their classes, by hash */
    uint32_t n_buckets, n_classes;
    uint64_t work;
};

/* The arcs of a state as the classes see them, joined where neighbours lead to one class; false behind the last. */
static bool next_arc(struct refinement *r, const struct tl_language_state *state, uint32_t *at, struct tl_arc *ret)
{
    const struct tl_arc *arc = r->language->arc + state->first;
    while (*at < state->n && r->class[arc[*at].to] == DEAD)
        ++*at;
    if (*at >= state->n)
        return false;
    *ret = (struct tl_arc){arc[*at].lo, arc[*at].hi, r->class[arc[*at].to]};
    for (++*at; *at < state->n && arc[*at].lo == ret->hi + 1 && r->class[arc[*at].to] == ret->to; ++*at)
        ret->hi = arc[*at].hi;
    return true;
}

static uint32_t hash_state(struct refinement *r, uint32_t index)
{
    const struct tl_language_state *state = &r->language->state[index];
    uint64_t h = r->class[index];
    struct tl_arc arc;
    for (uint32_t at = 0; next_arc(r, state, &at, &arc);)
        h = ((h ^ arc.lo) * 0x9E3779B97F4A7C15u ^ arc.hi) * 0xBF58476D1CE4E5B9u ^ arc.to ^ h >> 31;
    r->work += state->n + 1;
    return (uint32_t)(h ^ h >> 32);
}

static bool same(struct refinement *r, uint32_t a, uint32_t b)
{
    struct tl_arc x = {0, 0, 0}, y = {0, 0, 0};
    if (r->class[a] != r->class[b])
        return false;
    for (uint32_t i = 0, k = 0;;) {
        bool more = next_arc(r, &r->language->state[a], &i, &x);
        if (more != next_arc(r, &r->language->state[b], &k, &y))
            return false;
        if (!more)
            return true;
        if (x.lo != y.lo || x.hi != y.hi || x.to != y.to)
            return false;
    }
}

/* One round: false once nothing splits. */
static bool refine(struct refinement *r)
{
    uint32_t n = 0, before = r->n_classes;
    memset(r->bucket, 0, r->n_buckets * sizeof *r->bucket);
    for (uint32_t i = 0; i < r->language->n_states; i++) {
        if (r->class[i] == DEAD)
            continue;
        uint32_t *bucket = &r->bucket[hash_state(r, i) % r->n_buckets], at = *bucket;
        while (at > 0 && !same(r, at - 1, i))
            at = r->chain[at - 1];
        if (at > 0) {
            r->next_class[i] = r->next_class[at - 1];
            continue;
        }
        r->next_class[i] = ++n;
        r->chain[i] = *bucket;
        *bucket = i + 1;
    }
    memcpy(r->class, r->next_class, r->language->n_states * sizeof *r->class);
    r->n_classes = n;
    return n > before;
}

/* Those from which no accepting state is reached are DEAD; the start never is. */
static void find_dead(struct refinement *r)
{
    const struct tl_language *language = r->language;
    for (bool more = true; more && r->work < WORK;) {
        more = false;
        for (uint64_t i = language->n_states; i-- > 0;) {
            const struct tl_language_state *state = &language->state[i];
            bool live = state->accepts || i == 0;
            for (uint32_t k = 0; k < state->n && !live && r->class[i] == DEAD; k++)
                live = r->class[language->arc[state->first + k].to] != DEAD;
            if (live && r->class[i] == DEAD) {
                r->class[i] = 1;
                more = true;
            }
            r->work += state->n;
        }
    }
    for (uint64_t i = 0; i < language->n_states; i++)
        r->class[i] = r->class[i] == DEAD ? DEAD : 1u + language->state[i].accepts;
    r->n_classes = 2;
}

/* The classes as states, in the order in which they are found; the start is the first of them. */
static int rebuild(struct refinement *r, struct tl_language *ret_language)
{
    struct tl_language made = {.state = NULL};
    uint32_t n = 0, state;
    int status = 0;
    for (uint32_t i = 0; i < r->language->n_states && status >= 0; i++) {
        struct tl_arc arc;
        if (r->class[i] != n + 1)
            continue;
        n++;
        if ((status = tl_language_add_state(&made, r->language->state[i].accepts, &state)) < 0)
            break;
        made.state[state].first = (uint32_t)made.n_arcs;
        for (uint32_t at = 0; status >= 0 && next_arc(r, &r->language->state[i], &at, &arc);)
            status = tl_language_add_arc(&made, arc.lo, arc.hi, arc.to - 1);
        made.state[state].n = (uint32_t)made.n_arcs - made.state[state].first;
    }
    if (status < 0)
        tl_language_done(&made);
    else
        *ret_language = made;
    return status;
}

int tl_language_minimise(struct tl_language *language)
{
    uint64_t n = language->n_states;
    struct refinement r = {.language = language, .n_buckets = (uint32_t)n + 1};
    struct tl_language made = {.state = NULL};
    TL_AUTO uint32_t *memory = tl_alloc(4 * n + 4, sizeof *memory);
    if (!memory)
        return TL_E_NOMEM;
    r.class = memory, r.next_class = memory + n, r.chain = memory + 2 * n, r.bucket = memory + 3 * n;
    find_dead(&r);
    memcpy(r.next_class, r.class, n * sizeof *r.class);
    bool more = r.work < WORK;
    while (more && r.work < WORK)
        more = refine(&r);
    if (more || r.work >= WORK)
        return 0;
    int status = rebuild(&r, &made);
    if (status >= 0) {
        tl_language_done(language);
        *language = made;
    }
    return status;
}
