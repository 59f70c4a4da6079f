/* SPDX-License-Identifier: MIT */
/* What a store is made of. Private to this room. */
#ifndef TL_STORE_STORE_IMPL_H
#define TL_STORE_STORE_IMPL_H

#include "store/store.h"

enum { TL_STAGING_BYTES = 1 << 20 };     /* a thread's share of the file at a time; at least one panel */

struct tl_slot {
    struct tl_matrix matrix;
    const struct tl_number *number;      /* of the panels */
    uint64_t row_bytes;                  /* of one row as the panels take it */
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

/* apart.c: matrices whose codes and scales are tensors of their own. Which bytes of both make panels from .. to - 1 of
 * matrix m, and these panels out of the bytes; scratch: tl_apart_scratch. Transposed ones can only be read. */
struct tl_apart_span { uint64_t codes_at, codes_bytes, scales_at, scales_bytes; };
struct tl_apart_span tl_apart_span(const struct tl_slot *slot, uint32_t m, uint32_t from, uint32_t to);
uint64_t tl_apart_scratch(const struct tl_slot *slot);
void tl_apart_pack(const struct tl_slot *slot, uint32_t m, uint32_t from, uint32_t to, const uint8_t *codes, const uint8_t *scales,
                   uint8_t *scratch, uint8_t *ret_panels);
/* The same from the file: for one panel's reading, staging of tl_apart_staging; for more, as many times that. */
uint64_t tl_apart_staging(const struct tl_slot *slot);
int tl_apart_read(const struct tl_store *store, const struct tl_slot *slot, uint32_t m, uint32_t from, uint32_t to, uint8_t *staging,
                  uint8_t *ret_panels);
uint64_t tl_apart_stored_bytes(const struct tl_matrix *matrix);
bool tl_apart_reaches(const struct tl_matrix *matrix);        /* do codes and scales hold all of the matrices? */

#endif
