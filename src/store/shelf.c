/* SPDX-License-Identifier: MIT */
/* Places and keys. Finding who leaves walks all places: some microseconds, while the drive reads what was asked before. */
#include "store/shelf.h"

#include <stddef.h>
#include <string.h>

enum { USES_A_KEY = 16 };                /* counts are halved after that many uses a key on average */

static const struct tl_policy *const policies[] = {
#define POLICY(name, meaning) &tl_policy_##name,
#include "base/array.h"
#include "store/policies.def"
#undef POLICY
    NULL,
};

const struct tl_policy *tl_policy_at(uint32_t index)
{
    return index < TL_COUNT(policies) ? policies[index] : NULL;
}

const struct tl_policy *tl_policy_by_name(const char *name)
{
    for (uint32_t i = 0; policies[i]; i++)
        if (!strcmp(policies[i]->name, name))
            return policies[i];
    return NULL;
}

const struct tl_policy *tl_policy_for(const struct tl_policy *chosen, uint64_t working_set, uint32_t n_places)
{
    if (working_set > n_places)
        return &tl_policy_lfru;
    return chosen ? chosen : working_set + working_set / 2 > n_places ? &tl_policy_lfru : &tl_policy_lru;
}

void tl_shelf_layout(struct tl_shelf *shelf, uint32_t n_keys, uint32_t n_places, struct tl_arena *arena)
{
    *shelf = (struct tl_shelf){.n_keys = n_keys, .n_places = n_places};
    shelf->places = tl_arena_take(arena, n_places, sizeof(*shelf->places));
    shelf->place_of = tl_arena_take(arena, n_keys, sizeof(*shelf->place_of));
    shelf->uses = tl_arena_take(arena, n_keys, sizeof(*shelf->uses));
    if (!tl_arena_counting(arena) && !arena->overflow)
        tl_shelf_clear(shelf);
}

void tl_shelf_clear(struct tl_shelf *shelf)
{
    for (uint32_t i = 0; i < shelf->n_places; i++)
        shelf->places[i] = (struct tl_place){.key = TL_NO_PLACE};
    memset(shelf->place_of, 0xff, shelf->n_keys * sizeof(*shelf->place_of));
    memset(shelf->uses, 0, shelf->n_keys * sizeof(*shelf->uses));
    shelf->n_empty = shelf->n_places;
    shelf->clock = 0;
    shelf->until_decay = (uint64_t)USES_A_KEY * shelf->n_keys;
}

void tl_shelf_use(struct tl_shelf *shelf, uint32_t key)
{
    uint32_t place = shelf->place_of[key];
    shelf->clock++;
    shelf->uses[key]++;
    if (place != TL_NO_PLACE)
        shelf->places[place].last_used = shelf->clock;
    if (--shelf->until_decay)
        return;
    shelf->until_decay = (uint64_t)USES_A_KEY * shelf->n_keys / 2;
    for (uint32_t i = 0; i < shelf->n_keys; i++)
        shelf->uses[i] /= 2;
}

uint32_t tl_shelf_place(const struct tl_shelf *shelf, const struct tl_policy *policy, uint32_t key)
{
    uint32_t found = TL_NO_PLACE;
    uint64_t lowest = UINT64_MAX;
    for (uint32_t i = 0; i < shelf->n_places; i++) {
        const struct tl_place *place = &shelf->places[i];
        if (place->busy)
            continue;
        if (place->key == TL_NO_PLACE)
            return i;
        uint64_t rank = policy->rank(shelf, place);
        if (rank < lowest) {
            lowest = rank;
            found = i;
        }
    }
    return found != TL_NO_PLACE && policy->admit(shelf, key, &shelf->places[found]) ? found : TL_NO_PLACE;
}

void tl_shelf_put(struct tl_shelf *shelf, uint32_t place, uint32_t key)
{
    tl_shelf_drop(shelf, place);
    shelf->places[place].key = key;
    shelf->places[place].last_used = shelf->clock;
    shelf->place_of[key] = place;
    shelf->n_empty--;
}

void tl_shelf_drop(struct tl_shelf *shelf, uint32_t place)
{
    if (shelf->places[place].key == TL_NO_PLACE)
        return;
    shelf->place_of[shelf->places[place].key] = TL_NO_PLACE;
    shelf->places[place].key = TL_NO_PLACE;
    shelf->n_empty++;
}
