/* SPDX-License-Identifier: MIT */
/* Replays recorded accesses: what a cache of so many places would have hit. */
#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "store/shelf.h"
#include "store/trace.h"

/* One asking: what is there stays until the others are placed, as in the store. */
static uint64_t replay_ask(struct tl_shelf *shelf, const struct tl_policy *policy, const uint32_t *keys, uint32_t n)
{
    uint64_t hits = 0;
    for (uint32_t i = 0; i < n; i++) {
        uint32_t place = shelf->place_of[keys[i]];
        tl_shelf_use(shelf, keys[i]);
        if (place == TL_NO_PLACE)
            continue;
        shelf->places[place].busy = true;
        hits++;
    }
    for (uint32_t i = 0; i < n; i++) {
        uint32_t place = shelf->place_of[keys[i]] == TL_NO_PLACE ? tl_shelf_place(shelf, policy, keys[i]) : TL_NO_PLACE;
        if (place == TL_NO_PLACE)
            continue;
        tl_shelf_put(shelf, place, keys[i]);
        shelf->places[place].busy = true;
    }
    for (uint32_t i = 0; i < n; i++)
        if (shelf->place_of[keys[i]] != TL_NO_PLACE)
            shelf->places[shelf->place_of[keys[i]]].busy = false;
    return hits;
}

int tl_replay(const struct tl_accesses *a, const struct tl_policy *policy, uint32_t n_places, double *ret_hits)
{
    struct tl_arena arena;
    struct tl_shelf shelf;
    uint64_t hits = 0;
    tl_arena_count(&arena);
    tl_shelf_layout(&shelf, a->n_keys, n_places, &arena);
    if (arena.overflow)
        return tl_fail(TL_E_NOMEM, "%u places do not fit in memory", n_places);
    int status = tl_arena_init(&arena, arena.used_bytes);
    if (status < 0)
        return status;
    tl_shelf_layout(&shelf, a->n_keys, n_places, &arena);
    for (uint64_t ask = 0; ask < a->n_asks; ask++) {
        uint32_t n = a->ask_at[ask + 1] - a->ask_at[ask];
        const struct tl_policy *now = policy ? policy : tl_policy_for(NULL, (uint64_t)n * a->n_banks, n_places);
        hits += replay_ask(&shelf, now, a->keys + a->ask_at[ask], n);
    }
    tl_arena_done(&arena);
    *ret_hits = a->n_accesses ? (double)hits / (double)a->n_accesses : 0;
    return 0;
}

/* --- the clairvoyant --- */

struct clairvoyant {
    uint64_t *next;                      /* [accesses]: when that key is used again */
    uint64_t *use_of;                    /* [keys]: the next use of each, while walking */
    uint32_t *place_of, *key_at, n_places, n_held;
};

static void look_forward(const struct tl_accesses *a, struct clairvoyant *c)
{
    for (uint32_t k = 0; k < a->n_keys; k++)
        c->use_of[k] = UINT64_MAX;
    for (uint64_t i = a->n_accesses; i-- > 0;) {
        c->next[i] = c->use_of[a->keys[i]];
        c->use_of[a->keys[i]] = i;
    }
}

static void hold(struct clairvoyant *c, uint32_t key, uint64_t next_use)
{
    uint32_t last = 0;
    c->use_of[key] = next_use;
    if (c->n_held < c->n_places) {
        c->key_at[c->n_held] = key;
        c->place_of[key] = c->n_held++;
        return;
    }
    for (uint32_t i = 1; i < c->n_held; i++)
        if (c->use_of[c->key_at[i]] > c->use_of[c->key_at[last]])
            last = i;
    if (!c->n_held || c->use_of[c->key_at[last]] <= next_use)
        return;
    c->place_of[c->key_at[last]] = TL_NO_PLACE;
    c->key_at[last] = key;
    c->place_of[key] = last;
}

int tl_replay_best(const struct tl_accesses *a, uint32_t n_places, double *ret_hits)
{
    uint64_t hits = 0;
    struct clairvoyant c = {.n_places = n_places};
    c.next = tl_alloc(a->n_accesses, sizeof(*c.next));
    c.use_of = tl_alloc(a->n_keys, sizeof(*c.use_of));
    c.place_of = tl_alloc(a->n_keys, sizeof(*c.place_of));
    c.key_at = tl_alloc(n_places, sizeof(*c.key_at));
    bool complete = c.next && c.use_of && c.place_of && c.key_at;
    if (complete) {
        memset(c.place_of, 0xff, a->n_keys * sizeof(*c.place_of));
        look_forward(a, &c);
    }
    for (uint64_t i = 0; i < a->n_accesses && complete; i++) {
        if (c.place_of[a->keys[i]] != TL_NO_PLACE) {
            hits++;
            c.use_of[a->keys[i]] = c.next[i];
        } else {
            hold(&c, a->keys[i], c.next[i]);
        }
    }
    tl_free(c.next);
    tl_free(c.use_of);
    tl_free(c.place_of);
    tl_free(c.key_at);
    if (complete)
        *ret_hits = a->n_accesses ? (double)hits / (double)a->n_accesses : 0;
    return complete ? 0 : TL_E_NOMEM;
}
