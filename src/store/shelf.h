/* SPDX-License-Identifier: MIT */
/* Which experts are kept: places that hold keys, and the policy that says who leaves. No bytes, no reads, no threads: the
 * store runs it beside its frames, and replay.c runs it over recorded accesses. A key is an expert of a bank. */
#ifndef TL_STORE_SHELF_H
#define TL_STORE_SHELF_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"

#define TL_NO_PLACE UINT32_MAX

struct tl_place {
    uint64_t last_used;                  /* on the shelf's clock */
    uint32_t key;                        /* TL_NO_PLACE: empty */
    bool busy;                           /* must stay: set by the owner */
};

struct tl_shelf {
    uint32_t n_keys, n_places, n_empty;
    uint64_t clock, until_decay;
    struct tl_place *places;
    uint32_t *place_of;                  /* [keys] */
    uint32_t *uses;                      /* [keys], present or not; halved now and then */
};

struct tl_policy {
    const char *name;
    /* The place with the lowest rank leaves first. */
    uint64_t (*rank)(const struct tl_shelf *shelf, const struct tl_place *place);
    /* May `key` take the place of that one? */
    bool (*admit)(const struct tl_shelf *shelf, uint32_t key, const struct tl_place *place);
};

#define POLICY(name, meaning) extern const struct tl_policy tl_policy_##name;
#include "store/policies.def"
#undef POLICY

const struct tl_policy *tl_policy_by_name(const char *name);          /* NULL: unknown */
const struct tl_policy *tl_policy_at(uint32_t index);                 /* rows in order; NULL behind the last */
/* What is used where none is asked for: recency has hits only where what comes back fits; frequency is safe everywhere.
 * working_set: keys that are used before one of them is used again. */
const struct tl_policy *tl_policy_for(const struct tl_policy *chosen, uint64_t working_set, uint32_t n_places);

void tl_shelf_layout(struct tl_shelf *shelf, uint32_t n_keys, uint32_t n_places, struct tl_arena *arena);
void tl_shelf_clear(struct tl_shelf *shelf);
/* Counts a use of a key, present or not. */
void tl_shelf_use(struct tl_shelf *shelf, uint32_t key);
/* The place that `key` may take: an empty one, or one whose key leaves by the policy. TL_NO_PLACE: it is not kept. */
uint32_t tl_shelf_place(const struct tl_shelf *shelf, const struct tl_policy *policy, uint32_t key);
void tl_shelf_put(struct tl_shelf *shelf, uint32_t place, uint32_t key);      /* whoever is there leaves */
void tl_shelf_drop(struct tl_shelf *shelf, uint32_t place);

#endif
