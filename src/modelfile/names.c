/* SPDX-License-Identifier: MIT */
/* Names to indices. The table is at most half full; slots are probed one after the other. */
#include "modelfile/names.h"

#include <string.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/hash.h"
#include "base/memory.h"
#include "base/utf8.h"

enum { FIRST_SLOTS = 64 };

void tl_names_done(struct tl_names *names)
{
    tl_free(names->slots);
    *names = (struct tl_names){0};
}

static uint32_t hash_of(const struct tl_names *names, const char *name)
{
    return (uint32_t)(tl_hash_bytes(name, strlen(name), names->seed) >> 32);
}

/* The slot that holds the name, or the free one where it belongs. */
static struct tl_name_slot *slot_of(const struct tl_names *names, const char *name, uint32_t hash)
{
    uint64_t at = hash & (names->n_slots - 1);
    while (names->slots[at].name && (names->slots[at].hash != hash || strcmp(names->slots[at].name, name) != 0))
        at = (at + 1) & (names->n_slots - 1);
    return &names->slots[at];
}

static int grow(struct tl_names *names)
{
    struct tl_names larger = *names;
    larger.n_slots = names->n_slots ? 2 * names->n_slots : FIRST_SLOTS;
    larger.slots = tl_alloc(larger.n_slots, sizeof *larger.slots);
    if (!larger.slots)
        return TL_E_NOMEM;
    if (!names->slots)
        larger.seed = tl_clock_ns() ^ (uintptr_t)larger.slots;
    for (uint64_t i = 0; i < names->n_slots; i++) {
        uint64_t at = names->slots[i].hash & (larger.n_slots - 1);
        if (!names->slots[i].name)
            continue;
        while (larger.slots[at].name)
            at = (at + 1) & (larger.n_slots - 1);
        larger.slots[at] = names->slots[i];
    }
    tl_free(names->slots);
    *names = larger;
    return 0;
}

int tl_names_add(struct tl_names *names, const char *name, uint32_t index, uint32_t *ret_index)
{
    if (2 * (names->n + 1) > names->n_slots && grow(names) < 0)
        return TL_E_NOMEM;
    uint32_t hash = hash_of(names, name);
    struct tl_name_slot *slot = slot_of(names, name, hash);
    if (slot->name) {
        *ret_index = slot->index;
        return 0;
    }
    *slot = (struct tl_name_slot){name, hash, index};
    names->n++;
    return 1;
}

bool tl_names_find(const struct tl_names *names, const char *name, uint32_t *ret_index)
{
    if (!names->slots)
        return false;
    const struct tl_name_slot *slot = slot_of(names, name, hash_of(names, name));
    if (slot->name)
        *ret_index = slot->index;
    return slot->name;
}

bool tl_name_valid(const char *text, size_t n_bytes)
{
    if (n_bytes == 0 || n_bytes > TL_NAME_BYTES)
        return false;
    for (size_t at = 0; at < n_bytes;) {
        uint32_t code;
        if (text[at] >= 0x20 && text[at] < 0x7f) {       /* most names are plain */
            at++;
            continue;
        }
        int n = tl_utf8_decode(text + at, n_bytes - at, &code);
        if (n <= 0 || code < 0x20 || (code >= 0x7f && code < 0xa0))
            return false;
        at += (size_t)n;
    }
    return true;
}
