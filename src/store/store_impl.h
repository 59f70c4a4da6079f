/* SPDX-License-Identifier: MIT */
/* What a store is made of. Private to this room. */
#ifndef TL_STORE_STORE_IMPL_H
#define TL_STORE_STORE_IMPL_H

#include "store/drive.h"
#include "store/shelf.h"
#include "store/store.h"
#include "store/trace.h"

enum { TL_STAGING_BYTES = 1 << 20 };     /* a thread's share of the file at a time; at least one panel */
#define TL_NONE UINT32_MAX

struct tl_slot {
    struct tl_matrix matrix;
    const struct tl_number *number;      /* of the panels */
    uint64_t row_bytes;                  /* of one row as the panels take it */
    uint32_t n_panels;                   /* of one matrix */
    uint64_t matrix_bytes, bytes;        /* in memory: of one, of all */
    uint64_t stored_bytes;
    bool routed;                         /* belongs to a bank */
    uint8_t *data;                       /* NULL: streamed */
};

/* What one read brings: panels of a matrix of an expert; of two where their rows alternate in the file. */
struct tl_piece { uint32_t matrix, n_matrices, panel_from, panel_to; };

struct tl_bank {
    uint32_t ids[TL_BANK_MATRICES], n_experts;
    uint32_t first_key;                  /* of its expert 0, counted through all banks */
    uint32_t first_piece, n_pieces;      /* of store->pieces; the same for each expert */
    uint64_t offset[TL_BANK_MATRICES], bytes;            /* of its matrices in a frame; of all */
    uint32_t n_ahead, n_ahead_used, n_skipped;           /* look-ahead: read and used, lately; times it was passed over */
};

/* What was asked for. frame: where it is; TL_NONE: not begun; TL_TAKEN: handed out. */
#define TL_TAKEN (UINT32_MAX - 1)
struct tl_asking { uint32_t bank, n_experts, n_taken, n_begun; const uint32_t *experts; uint32_t *frame; bool in_order; const struct tl_policy *policy; };

struct tl_store {
    const struct tl_modelfile *file;
    struct tl_meters *meters;
    struct tl_pool *pool;
    struct tl_store_options options;
    struct tl_store_limits limits;
    struct tl_slot *slots;
    struct tl_bank *banks;
    struct tl_piece *pieces;
    uint32_t n_slots, cap_slots, n_banks, n_pieces, n_keys, most_experts;
    uint64_t stored_bytes, staging_bytes, routed_bytes;
    struct tl_asking asked;
    /* streaming: frames of which the shelf's places own one each; the rest is the ring, through which others pass */
    struct tl_drive drive;
    struct tl_shelf shelf;
    uint32_t *frame_of;                  /* [keys] */
    uint32_t *frame_at;                  /* [places] */
    uint32_t *ring, n_ring;
    uint8_t *scratch;                    /* one a thread, for rows that do not lie together */
    uint64_t scratch_bytes;
    struct tl_trace *trace;
};

static inline bool tl_store_streams(const struct tl_store *store) { return store->limits.frames > 0; }

/* load.c: staging that one piece of this slot needs; reads and packs panels from .. to - 1 of matrix m into `ret_panels`. */
uint64_t tl_slot_staging(const struct tl_slot *slot);
int tl_slot_read(const struct tl_store *store, const struct tl_slot *slot, uint32_t m, uint32_t from, uint32_t to, uint8_t *staging,
                 uint8_t *ret_panels);

/* piece.c: cuts a bank into pieces; where a piece of an expert lies; packs panels from .. to - 1 of what was read, one
 * pointer an extent. */
int tl_bank_cut(struct tl_store *store, struct tl_bank *bank);
uint32_t tl_piece_extents(const struct tl_store *store, const struct tl_bank *bank, const struct tl_piece *piece, uint32_t expert,
                          struct tl_extent ret_extents[TL_EXTENTS]);
uint64_t tl_bank_scratch(const struct tl_store *store, const struct tl_bank *bank);
uint64_t tl_bank_raw_bytes(const struct tl_store *store, const struct tl_bank *bank);        /* that a piece takes in a raw buffer, at most */
void tl_piece_pack(const struct tl_store *store, const struct tl_bank *bank, const struct tl_piece *piece, uint32_t expert, uint32_t from,
                   uint32_t to, const uint8_t *const read[TL_EXTENTS], uint8_t *scratch, uint8_t *ret_frame);

/* experts.c */
void tl_experts_place(struct tl_store *store, struct tl_arena *arena);
int tl_experts_open(struct tl_store *store);
void tl_experts_close(struct tl_store *store);

/* apart.c: matrices whose codes and scales are tensors of their own. Which bytes of both make panels from .. to - 1 of
 * matrix m, and these panels out of the bytes; scratch: tl_apart_scratch. Of transposed ones always all bytes. */
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
