/* SPDX-License-Identifier: MIT */
/* Arenas: memory that is laid out once and freed as a whole.
 *
 * A layout function takes any arena and asks it for memory with tl_arena_take. On a counting arena nothing is allocated
 * and NULL comes back while the size adds up; on a real one the same calls return memory. Plan and run therefore cannot
 * differ. Real arenas are one anonymous mapping, zeroed, on huge pages where the system grants them. */
#ifndef TL_BASE_ARENA_H
#define TL_BASE_ARENA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct tl_arena {
    uint8_t *base;           /* NULL while counting */
    uint64_t size_bytes;     /* of a real arena */
    uint64_t used_bytes;
    bool overflow;           /* a size wrapped or did not fit: the layout is not usable */
};

enum { TL_ARENA_ALIGN = 64 };

void tl_arena_count(struct tl_arena *arena);                          /* becomes a counting arena */
int tl_arena_init(struct tl_arena *arena, uint64_t size_bytes);       /* TL_E_NOMEM */
void tl_arena_done(struct tl_arena *arena);                           /* NULL and zeroed structs are fine */

/* `count` elements of `elem_bytes`, aligned to 64 bytes. NULL while counting. On a real arena that is too small
 * NULL too, with `overflow` set: the caller checks once, after its layout. */
void *tl_arena_take(struct tl_arena *arena, uint64_t count, uint64_t elem_bytes);

static inline bool tl_arena_counting(const struct tl_arena *arena) { return arena->base == NULL; }

#endif
