/* SPDX-License-Identifier: MIT */
/* Chains of places by the hash of the two ids before them; the longest match among the latest places. */
#include "engine/ngrams.h"

#include <string.h>

#include "base/error.h"
#include "base/memory.h"

enum { LOOKS = 48 };                     /* places that one search looks at */

static uint32_t hash_of(const struct tl_ngrams *g, int32_t one, int32_t two)
{
    uint64_t pair = (uint64_t)(uint32_t)one << 32 | (uint32_t)two;
    return (uint32_t)((pair * 0x9e3779b97f4a7c15u) >> 32) & g->mask;
}

static uint32_t slots_of(uint32_t most)
{
    uint32_t n = 64;
    while (n < most && n < 1u << 30)
        n *= 2;
    return n;
}

uint64_t tl_ngrams_bytes(uint32_t most) { return ((uint64_t)slots_of(most) + most + 1) * sizeof(uint32_t); }

int tl_ngrams_init(struct tl_ngrams *g, uint32_t most)
{
    uint32_t slots = slots_of(most);
    *g = (struct tl_ngrams){.mask = slots - 1, .most = most};
    g->first = tl_alloc(slots, sizeof(*g->first));
    g->before = tl_alloc((size_t)most + 1, sizeof(*g->before));
    return g->first && g->before ? 0 : TL_E_NOMEM;
}

void tl_ngrams_done(struct tl_ngrams *g)
{
    tl_free(g->first);
    tl_free(g->before);
    *g = (struct tl_ngrams){0};
}

void tl_ngrams_clear(struct tl_ngrams *g)
{
    if (g->n && g->first)
        memset(g->first, 0, ((size_t)g->mask + 1) * sizeof(*g->first));
    g->n = 0;
}

void tl_ngrams_add(struct tl_ngrams *g, const int32_t *ids, uint32_t n_ids)
{
    uint32_t to = n_ids < g->most ? n_ids : g->most;
    for (uint32_t place = g->n < 1 ? 2 : g->n + 1; place <= to; place++) {       /* behind ids[place - 1] */
        int32_t one = ids[place - 2], two = ids[place - 1];
        if (one < 0 || two < 0)
            continue;
        uint32_t *first = &g->first[hash_of(g, one, two)];
        g->before[place] = *first;
        *first = place;
    }
    g->n = to > g->n ? to : g->n;
}

static uint32_t equal_before(const int32_t *ids, uint32_t place, const int32_t *tail, uint32_t n_tail)
{
    uint32_t n = 0;
    while (n < TL_NGRAM_LONGEST && n < place && n < n_tail && ids[place - 1 - n] == tail[n_tail - 1 - n] && ids[place - 1 - n] >= 0)
        n++;
    return n;
}

bool tl_ngrams_find(const struct tl_ngrams *g, const int32_t *ids, const int32_t *tail, uint32_t n_tail, struct tl_ngram *ret_found)
{
    struct tl_ngram best = {0, TL_NGRAM_LEAST - 1};
    if (n_tail < TL_NGRAM_LEAST || tail[n_tail - 1] < 0 || tail[n_tail - 2] < 0 || !g->first)
        return false;
    uint32_t place = g->first[hash_of(g, tail[n_tail - 2], tail[n_tail - 1])];
    for (int i = 0; i < LOOKS && place && best.length < TL_NGRAM_LONGEST; i++, place = g->before[place]) {
        if (place >= g->n || ids[place] < 0)
            continue;
        uint32_t length = equal_before(ids, place, tail, n_tail);
        if (length > best.length)
            best = (struct tl_ngram){place, length};
    }
    *ret_found = best;
    return best.length >= TL_NGRAM_LEAST;
}
