/* SPDX-License-Identifier: MIT */
/* Private to this room: a set of names, each with an index. Open addressing under a seeded hash, so that names from a
 * hostile file cannot be chosen to collide. Names are borrowed and must stay where they are. */
#ifndef TL_MODELFILE_NAMES_H
#define TL_MODELFILE_NAMES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct tl_name_slot { const char *name; uint32_t hash, index; };

struct tl_names {
    struct tl_name_slot *slots;          /* a power of two of them, or NULL */
    uint64_t n_slots, n;
    uint64_t seed;
};

void tl_names_done(struct tl_names *names);
/* 1: added; 0: there already (then *ret_index is its index); TL_E_NOMEM. */
int tl_names_add(struct tl_names *names, const char *name, uint32_t index, uint32_t *ret_index);
bool tl_names_find(const struct tl_names *names, const char *name, uint32_t *ret_index);

/* Is this fit to be a name of a key or a tensor: 1 to TL_NAME_BYTES bytes of UTF-8 without control characters? */
enum { TL_NAME_BYTES = 256 };
bool tl_name_valid(const char *text, size_t n_bytes);

#endif
