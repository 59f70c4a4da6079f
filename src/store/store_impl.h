/* SPDX-License-Identifier: MIT */
/* What a store is made of. Private to this room. */
#ifndef TL_STORE_STORE_IMPL_H
#define TL_STORE_STORE_IMPL_H

#include "store/drive.h"
#include "store/shelf.h"
#include "store/store.h"
#include "store/trace.h"

enum { TL_STAGING_BYTES = 1 << 20 };     /* a thread's share of the file at a time; at least one panel */
enum { TL_PIECE_BYTES = 2 << 20 };       /* that one read of the drive brings, about; at least one panel */
#define TL_NONE UINT32_MAX

/* May it be elsewhere than in memory, and what is then read of it? */
enum tl_passes { TL_PASSES_NEVER, TL_PASSES_WHOLE, TL_PASSES_PANELS, TL_PASSES_ROWS };

struct tl_slot {
    struct tl_matrix matrix;
    const struct tl_number *number;      /* of the panels */
    uint64_t row_bytes;                  /* of one row as the panels take it */
    uint32_t n_panels;                   /* of one matrix */
    uint64_t matrix_bytes, bytes;        /* in memory: of one, of all */
    uint64_t stored_bytes;
    bool routed;                         /* belongs to a bank */
    enum tl_passes passes;
    bool resident;                       /* as split; of routed ones: where no frames are laid out */
    uint8_t *data;                       /* NULL: streamed */
};

/* What one read brings: panels of a matrix of an expert; of two where their rows alternate in the file. */
struct tl_piece { uint32_t matrix, n_matrices, panel_from, panel_to; };

struct tl_bank {
    uint32_t ids[TL_BANK_MATRICES], n_experts;
    uint32_t first_key;                  /* of its expert 0, counted through all banks */
    uint32_t first_piece, n_pieces;      /* of store->pieces; the same for each expert */
    uint64_t offset[TL_BANK_MATRICES], bytes;            /* of its matrices in a frame; of all */
    uint64_t stored_bytes;               /* of an expert */
    uint64_t raw_bytes;                  /* that a piece takes in a raw buffer, at most; 0: not yet looked for */
    uint32_t n_ahead, n_ahead_used, n_skipped;           /* look-ahead: read and used, lately; times it was passed over */
};

/* A use of a weight of the trunk, or of some panels of it: what passes through the ring as one. */
struct tl_use_cut {
    uint32_t slot, group, panel_from, panel_to, first_piece, n_pieces;
    enum tl_use_kind kind;
    uint64_t bytes, stored_bytes;        /* in the ring, a multiple of the alignment; of the file */
    uint64_t raw_bytes;                  /* that a piece of it takes in a raw buffer, at most */
};

/* One of them in the ring. */
struct tl_pass { uint32_t use, pins; bool gone; uint64_t at; };
enum { TL_IN_RING = 256 };

/* Rows that are read for one call. */
struct tl_rows { uint32_t slot, n_rows; const int32_t *rows; float *values; uint64_t stride; };

struct tl_trunk {
    struct tl_slot *cuts;                /* [slots] as pieces see them: equal matrices that follow each other are one */
    struct tl_use_cut *uses;
    uint32_t n_uses, n_body;
    uint64_t cap_uses;
    bool streams;                        /* not all is resident */
    bool is_split;                       /* for split_bytes; forgotten where anything is declared */
    uint64_t split_bytes;
    uint64_t bytes, passing_bytes;       /* of all of it in memory; of what passes in a step with one tail */
    uint8_t *ring;
    uint64_t ring_bytes;                 /* 0: nothing passes */
    struct tl_pass *passes;              /* [TL_IN_RING]: number n at n mod TL_IN_RING, in frame first_frame + that */
    uint32_t first_frame;
    uint64_t first, end;                 /* numbers: of the oldest; behind the newest */
    uint64_t next_at;                    /* where the next one goes, its place being modulo the ring */
    uint32_t next_use, tails, tails_left;        /* what is queued next; tails of a step, and of that step not yet queued */
    struct tl_rows rows;
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
    uint32_t *known, n_known;            /* slots by what they declare: a table at most half full, TL_NONE: free */
    uint64_t cap_slots, cap_pieces;
    uint32_t n_slots, n_banks, n_pieces, n_keys, most_experts;
    uint64_t stored_bytes, staging_bytes, routed_bytes, read_bytes;     /* read_bytes: stored ones of what is resident */
    struct tl_asking asked;
    struct tl_trunk trunk;
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

static inline bool tl_experts_stream(const struct tl_store *store) { return store->limits.frames > 0; }
static inline bool tl_trunk_streams(const struct tl_store *store) { return store->trunk.streams; }
static inline bool tl_store_streams(const struct tl_store *store) { return tl_experts_stream(store) || tl_trunk_streams(store); }

/* load.c: staging that one piece of this slot needs; reads and packs panels from .. to - 1 of matrix m into `ret_panels`. */
uint64_t tl_slot_staging(const struct tl_slot *slot);
int tl_slot_read(const struct tl_store *store, const struct tl_slot *slot, uint32_t m, uint32_t from, uint32_t to, uint8_t *staging,
                 uint8_t *ret_panels);
/* All vectors of a slot as f32. */
int tl_slot_read_vector(const struct tl_store *store, const struct tl_slot *slot, uint8_t *staging, float *ret_values);

/* piece.c: cuts a bank into pieces; where a piece of an expert lies; packs panels from .. to - 1 of what was read, one
 * pointer an extent. */
int tl_bank_cut(struct tl_store *store, struct tl_bank *bank);
uint32_t tl_piece_extents(const struct tl_store *store, const struct tl_bank *bank, const struct tl_piece *piece, uint32_t expert,
                          struct tl_extent ret_extents[TL_EXTENTS]);
uint64_t tl_bank_scratch(const struct tl_store *store, const struct tl_bank *bank);
uint64_t tl_bank_raw_bytes(const struct tl_store *store, const struct tl_bank *bank);        /* that a piece takes in a raw buffer, at most */
void tl_piece_pack(const struct tl_store *store, const struct tl_bank *bank, const struct tl_piece *piece, uint32_t expert, uint32_t from,
                   uint32_t to, const uint8_t *const read[TL_EXTENTS], uint8_t *scratch, uint8_t *ret_frame);

/* The same of a use of the trunk: its pieces, whose matrix is one of the slot's; the first panel goes to ret_panels. */
int tl_use_cut(struct tl_store *store, const struct tl_slot *slot, struct tl_use_cut *use);
uint32_t tl_panels_extents(const struct tl_slot *slot, const struct tl_piece *piece, struct tl_extent ret_extents[TL_EXTENTS]);
uint64_t tl_panels_raw_bytes(const struct tl_slot *slot, const struct tl_piece *piece);
uint64_t tl_slot_scratch(const struct tl_slot *slot);
void tl_panels_pack(const struct tl_slot *slot, const struct tl_piece *piece, uint32_t from, uint32_t to,
                    const uint8_t *const read[TL_EXTENTS], uint8_t *scratch, uint8_t *ret_panels);

/* split.c: which slots are resident with these bytes for the trunk, and the ring that the others need; sets routed ones aside. */
void tl_trunk_split(struct tl_store *store, uint64_t trunk_bytes);

/* trunk.c, trunk_read.c */
static inline struct tl_pass *tl_pass_at(const struct tl_store *s, uint64_t number) { return &s->trunk.passes[number % TL_IN_RING]; }
static inline uint32_t tl_rows_frame(const struct tl_store *s) { return s->trunk.first_frame + TL_IN_RING; }       /* through which rows come */
void tl_trunk_place(struct tl_store *store, struct tl_arena *arena);
void tl_trunk_done(struct tl_store *store);
void tl_trunk_fill(struct tl_store *store);              /* under lock: queues as much as there is room for */
void tl_trunk_finish(struct tl_store *store, uint32_t frame);        /* under lock: a frame of the trunk has lost a piece */
void tl_trunk_drop(struct tl_store *store, uint32_t frame);          /* under lock: its last piece came to nothing */
void tl_trunk_rewind(struct tl_store *store);            /* under lock, between steps: the next step's reading begins anew */
uint64_t tl_trunk_raw_bytes(const struct tl_store *store);
uint64_t tl_trunk_scratch(const struct tl_store *store);
uint32_t tl_trunk_extents(const struct tl_store *store, const struct tl_frame *frame, uint32_t piece, struct tl_extent ret_extents[TL_EXTENTS]);
void tl_trunk_pack(const struct tl_store *store, const struct tl_frame *frame, const struct tl_raw *raw, uint32_t cut, uint32_t cuts,
                   uint8_t *scratch);

/* frames.c */
void tl_frames_place(struct tl_store *store, struct tl_arena *arena);
int tl_frames_open(struct tl_store *store);
void tl_frames_close(struct tl_store *store);

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
