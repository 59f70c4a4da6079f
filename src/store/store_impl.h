/* SPDX-License-Identifier: MIT */
/* What a store is made of. Private to this room. */
#ifndef TL_STORE_STORE_IMPL_H
#define TL_STORE_STORE_IMPL_H

#include "store/store.h"

enum { TL_STAGING_BYTES = 1 << 20 };     /* a thread's share of the file at a time; at least one panel */

struct tl_slot {
    struct tl_matrix matrix;
    uint64_t row_bytes;                  /* of one stored row */
    uint32_t n_panels;                   /* of one matrix */
    uint64_t matrix_bytes, bytes;        /* in memory: of one, of all */
    uint64_t stored_bytes;
    uint8_t *data;
};

struct tl_bank { uint32_t ids[TL_BANK_MATRICES]; };

struct tl_asking { uint32_t bank, n_experts, n_taken; const uint32_t *experts; };

struct tl_store {
    const struct tl_modelfile *file;
    struct tl_meters *meters;
    struct tl_slot *slots;
    struct tl_bank *banks;
    uint32_t n_slots, cap_slots, n_banks;
    uint64_t stored_bytes, staging_bytes;
    struct tl_asking asked;
};

/* load.c: staging that one piece of this slot needs; reads and packs panels from .. to - 1 of matrix m into `ret_panels`. */
uint64_t tl_slot_staging(const struct tl_slot *slot);
int tl_slot_read(const struct tl_store *store, const struct tl_slot *slot, uint32_t m, uint32_t from, uint32_t to, uint8_t *staging,
                 uint8_t *ret_panels);

#endif
