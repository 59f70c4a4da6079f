/* SPDX-License-Identifier: MIT */
/* Which weights of the trunk stay in memory when not all of them fit, and how large the ring is for the others. What must
 * stay stays; of the rest every k-th passes through, so that reading spreads evenly over a step. The same bytes always
 * give the same split: planning and laying out call this alike. */
#include "store/store_impl.h"

static const uint64_t ahead_bytes = 128 << 20;           /* of the ring beyond what may be pinned at a time */

static uint64_t aligned(uint64_t bytes) { return (bytes + TL_ARENA_ALIGN - 1) / TL_ARENA_ALIGN * TL_ARENA_ALIGN; }

struct share { uint64_t must, may; };   /* stays in any case; passes or stays */

static struct share measure(const struct tl_store *s)
{
    struct share share = {0};
    for (uint32_t i = 0; i < s->n_slots; i++) {
        const struct tl_slot *slot = &s->slots[i];
        if (slot->routed || slot->passes == TL_PASSES_ROWS)
            continue;
        *(slot->passes ? &share.may : &share.must) += aligned(slot->bytes);
    }
    return share;
}

static void keep(struct tl_slot *slot, uint64_t *left)
{
    slot->resident = true;
    *left -= aligned(slot->bytes);
}

/* Spreads `most` bytes: what is read several times a step first, then evenly in the order of use. Gives what is kept. */
static uint64_t spread(struct tl_store *s, uint64_t most, uint64_t all)
{
    uint64_t left = most, seen = 0, whole;
    for (uint32_t i = 0; i < s->n_slots; i++) {
        struct tl_slot *slot = &s->slots[i];
        slot->resident = !slot->routed && !slot->passes;
        if (slot->passes == TL_PASSES_PANELS && aligned(slot->bytes) <= most / 4) {
            keep(slot, &left);
            all -= aligned(slot->bytes);
        }
    }
    whole = left;
    for (uint32_t i = 0; i < s->n_slots; i++) {
        struct tl_slot *slot = &s->slots[i];
        uint64_t bytes = aligned(slot->bytes);
        if (slot->resident || !slot->passes || slot->passes == TL_PASSES_ROWS)
            continue;
        seen += bytes;
        double due = (double)whole * ((double)seen / (double)all) - (double)(whole - left);
        if (bytes <= left && due >= (double)bytes / 2)
            keep(slot, &left);
    }
    for (uint32_t i = 0; i < s->n_slots; i++)
        if (!s->slots[i].resident && s->slots[i].passes && s->slots[i].passes != TL_PASSES_ROWS && aligned(s->slots[i].bytes) <= left)
            keep(&s->slots[i], &left);
    return most - left;
}

/* What the ring takes at least: all of a group, wherever its parts begin. */
static uint64_t least_ring(const struct tl_store *s)
{
    uint64_t most = 0, largest = 0, group = 0;
    for (uint32_t i = 0; i < s->trunk.n_uses; i++) {
        const struct tl_use_cut *use = &s->trunk.uses[i];
        bool alone = i == 0 || use->kind == TL_USE_PANELS || use->group != use[-1].group;
        group = alone ? 0 : group;
        if (s->slots[use->slot].resident)
            continue;
        group += use->bytes;
        most = group > most ? group : most;
        largest = use->bytes > largest ? use->bytes : largest;
    }
    return most + largest;
}

static void keep_all(struct tl_store *s)
{
    for (uint32_t i = 0; i < s->n_slots; i++)
        s->slots[i].resident = !s->slots[i].routed;
}

void tl_trunk_split(struct tl_store *s, uint64_t trunk_bytes)
{
    struct tl_trunk *t = &s->trunk;
    if (t->is_split && t->split_bytes == trunk_bytes)
        return;
    struct share share = measure(s);
    uint64_t ahead = ahead_bytes < trunk_bytes / 16 ? ahead_bytes : trunk_bytes / 16, low = 0, high = share.may;
    t->is_split = true;
    t->split_bytes = trunk_bytes;
    t->ring_bytes = t->passing_bytes = 0;
    t->streams = trunk_bytes && t->n_uses && trunk_bytes < tl_store_trunk_bytes(s);
    if (!t->streams) {
        keep_all(s);
        return;
    }
    while (low < high) {
        uint64_t middle = low + (high - low + 1) / 2, kept = spread(s, middle, share.may);
        uint64_t ring = least_ring(s);
        if (share.must + kept + ring + (ring ? ahead : 0) <= trunk_bytes)
            low = middle;
        else
            high = middle - 1;
    }
    uint64_t taken = share.must + spread(s, low, share.may), ring = least_ring(s);
    uint64_t left = trunk_bytes > taken + ring ? trunk_bytes - taken - ring : 0;
    t->ring_bytes = ring ? ring + (left < ahead ? left : ahead) / TL_ARENA_ALIGN * TL_ARENA_ALIGN : 0;
    for (uint32_t i = 0; i < t->n_uses; i++)
        t->passing_bytes += s->slots[t->uses[i].slot].resident ? 0 : t->uses[i].stored_bytes;
}

uint64_t tl_store_trunk_bytes(const struct tl_store *s)
{
    uint64_t bytes = 0;
    for (uint32_t i = 0; i < s->n_slots; i++)
        bytes += s->slots[i].routed ? 0 : aligned(s->slots[i].bytes);
    return bytes;
}

uint64_t tl_store_passing_bytes(const struct tl_store *s) { return s->trunk.passing_bytes; }
uint64_t tl_store_ring_bytes(const struct tl_store *s) { return s->trunk.ring_bytes; }

bool tl_store_may_pass(const struct tl_store *s)
{
    bool may = false;
    for (uint32_t i = 0; i < s->n_slots; i++)
        may = may || s->slots[i].passes != TL_PASSES_NEVER;
    return may;
}
