/* SPDX-License-Identifier: MIT */
/* Where weights are. All weights are reached by pin and unpin of an id, nothing else.
 *
 * The model declares what it needs (tl_store_add, tl_store_add_bank), lays the store out on an arena, loads it, and then
 * pins: a pin returns a view whose bytes stay until unpin. Matrices arrive as panels of 16 rows (number/panel.h), vectors
 * as f32. Routed experts form banks, one a layer: they are asked for by number and handed out as they become ready,
 * resident ones at once, streamed ones as the drive brings them. No bit of them depends on which. */
#ifndef TL_STORE_STORE_H
#define TL_STORE_STORE_H

#include "base/arena.h"
#include "base/meter.h"
#include "base/pool.h"
#include "modelfile/modelfile.h"
#include "number/panel.h"

enum tl_weight_form { TL_WEIGHT_PANELS, TL_WEIGHT_VECTOR };

/* Where `count` equal matrices [rows, cols] lie in a file. Row r of matrix m is stored row
 * m * matrix_step + first_row + r * row_step of its tensor; with `each`, matrix m has the tensor each[m] and m counts as 0.
 * Of vectors the three count elements instead of rows. transposed (plain formats only): columns are outermost; each is a
 * line of `line` elements (0: as many as fit), and a matrix's lines lie at the head of its equal share of the tensor.
 * With `number`, tensor and each hold the codes of that format alone, rows as above, and scales and each_scales what belongs
 * to them (number's `apart`): a row of scales serves apart->rows rows, counted from the first of all, or from the first of
 * each matrix, whose scales then are scale_step rows apart. */
struct tl_matrix {
    enum tl_weight_form form;
    uint32_t count, rows, cols;          /* vectors: count rows of [cols], all in one; rows is 1 */
    const struct tl_tensor *tensor;
    const struct tl_tensor **each;       /* [count], from tl_alloc, handed over to the store; or NULL */
    const struct tl_number *number;      /* NULL: the tensors hold whole blocks */
    const struct tl_tensor *scales, **each_scales;
    uint64_t scale_step;                 /* 0: rows are counted from the first of all */
    uint64_t first_row, row_step, matrix_step, line;
    uint32_t stored;                     /* the tensors hold so many, and matrix m is their m mod stored; 0: count */
    bool transposed;
    float add;                           /* added to every value of a vector (norm weights stored minus one) */
};

static inline uint32_t tl_matrix_stored(const struct tl_matrix *matrix) { return matrix->stored ? matrix->stored : matrix->count; }

/* The format of its panels: `number` or that of the tensor; f32 where a transposed matrix cuts through blocks of scales. */
const struct tl_number *tl_matrix_number(const struct tl_matrix *matrix);

/* What a pin gives. */
struct tl_weight {
    enum tl_weight_form form;
    const struct tl_number *number;      /* of the stored bits; vectors are f32 here whatever the file has */
    uint32_t count, rows, cols;
    const void *data;                    /* matrix m begins m * matrix_bytes behind it */
    uint64_t matrix_bytes;
};

struct tl_store;
struct tl_io;
struct tl_policy;

int tl_store_new(const struct tl_modelfile *file, struct tl_meters *meters, struct tl_store **ret_store);
void tl_store_free(struct tl_store *store);

/* Declares matrices or vectors; the same tensor in the same way twice gives the same id. ret_id counts from 0.
 * Takes matrix->each and each_scales whatever it returns. */
int tl_store_add(struct tl_store *store, const struct tl_matrix *matrix, uint32_t *ret_id);

/* Declares the experts of a layer: ids of gate, up and down, added before, each with as many matrices as there are
 * experts. From then on they are reached through the bank alone. */
enum { TL_BANK_GATE, TL_BANK_UP, TL_BANK_DOWN, TL_BANK_MATRICES };
int tl_store_add_bank(struct tl_store *store, const uint32_t ids[TL_BANK_MATRICES], uint32_t *ret_bank);

/* How streamed experts are read and kept; set before anything is loaded. NULL: chosen here. TL_E_USAGE lists the names. */
enum tl_ahead { TL_AHEAD_AUTO, TL_AHEAD_ON, TL_AHEAD_OFF };
struct tl_store_options {
    const struct tl_io *io;
    const struct tl_policy *policy;
    enum tl_ahead ahead;
    void (*log)(void *context, int level, const char *text);          /* may be NULL */
    void *context;
};
int tl_store_choose(struct tl_store *store, const char *io, const char *policy, const char *ahead);
void tl_store_log(struct tl_store *store, void (*log)(void *context, int level, const char *text), void *context);

/* The trunk: all weights outside the banks. In which order a step pins those that may be streamed, told once behind the
 * last declaration; what is never named stays in memory. Weights of one group may be pinned together; what comes next is
 * unpinned before. The last n_uses - n_body uses are the tail: a step runs it as often as it says (tl_store_begin). */
enum tl_use_kind {
    TL_USE_WHOLE,                        /* pinned as a whole */
    TL_USE_PANELS,                       /* pinned some panels at a time (tl_store_pin_panels); a tail of its own, so rather resident */
    TL_USE_ROWS,                         /* only some rows at a time (tl_store_rows) */
    TL_USE_ANYTIME,                      /* pinned out of order too: always resident */
};
struct tl_use { uint32_t id, group; enum tl_use_kind kind; };
int tl_store_order(struct tl_store *store, const struct tl_use *uses, uint32_t n_uses, uint32_t n_body);

/* What a store is laid out for. frames: places for one expert each, through which the experts of all banks are streamed
 * from the drive; 0: all experts are resident. At least tl_store_least_frames. trunk_bytes: memory for the trunk; what does
 * not fit passes through a ring in its order, always read ahead. 0: all of it is resident; a value below the least counts as the least. */
struct tl_store_limits { uint32_t frames, threads, n_used; uint64_t trunk_bytes; };
uint64_t tl_store_frame_bytes(const struct tl_store *store);          /* of one frame */
uint32_t tl_store_least_frames(const struct tl_store *store);
uint32_t tl_store_easy_frames(const struct tl_store *store, uint32_t n_used);        /* with which the drive need not wait for a free one */
uint32_t tl_store_experts(const struct tl_store *store);              /* in all banks together; 0: none can be streamed */
bool tl_store_may_pass(const struct tl_store *store);                 /* some of the trunk */
uint64_t tl_store_trunk_bytes(const struct tl_store *store);          /* in memory, all of it resident */
/* As laid out: bytes of the trunk that pass through the ring in a step with one tail, and the ring. 0: all is resident. */
uint64_t tl_store_passing_bytes(const struct tl_store *store);
uint64_t tl_store_ring_bytes(const struct tl_store *store);

/* Takes the resident bytes, or those of the frames, from `arena`; on a counting arena this only adds up. */
int tl_store_layout(struct tl_store *store, const struct tl_store_limits *limits, struct tl_arena *arena);
uint32_t tl_store_count(const struct tl_store *store);                /* ids so far */
uint64_t tl_store_bytes(const struct tl_store *store);                /* of all weights declared, as stored */
uint64_t tl_store_staging_bytes(const struct tl_store *store);        /* that one thread takes while loading */

/* Reads and packs everything resident, and starts the drive's queue where experts are streamed; `pool` then packs what
 * arrives, so it must live as long as the store and be free whenever experts are taken. Bounded staging per thread. cancel may be NULL; progress may be NULL (bytes done, total). */
typedef void (*tl_store_progress)(void *context, uint64_t done_bytes, uint64_t total_bytes);
int tl_store_load(struct tl_store *store, struct tl_pool *pool, const volatile int *cancel, tl_store_progress progress,
                  void *context);

/* A step begins, whose tail comes `tails` times: what is not resident is read ahead accordingly. Fails where a file of the
 * model is no longer what was opened. */
int tl_store_begin(struct tl_store *store, uint32_t tails);

/* Waits until it is there. One thread at a time, that of the step. */
int tl_store_pin(struct tl_store *store, uint32_t id, struct tl_weight *ret_weight);
void tl_store_unpin(struct tl_store *store, uint32_t id);
bool tl_store_resident(const struct tl_store *store, uint32_t id);
/* Panels from `panel` on, as many as come together: a weight of their rows. Unpinned with the same panel. */
int tl_store_pin_panels(struct tl_store *store, uint32_t id, uint32_t panel, struct tl_weight *ret_weight);
void tl_store_unpin_panels(struct tl_store *store, uint32_t id, uint32_t panel);
/* Rows of a matrix as f32, ret_values + i * stride each, read for this purpose alone where it is not resident. */
int tl_store_rows(struct tl_store *store, uint32_t id, const int32_t *rows, uint32_t n_rows, float *ret_values, uint64_t stride);

/* One expert, pinned. */
struct tl_expert {
    uint32_t expert;
    struct tl_weight matrix[TL_BANK_MATRICES];
};

/* Asks for experts of a bank (ascending, distinct; borrowed until the last is handed out). One asking at a time. */
int tl_store_ask(struct tl_store *store, uint32_t bank, const uint32_t *experts, uint32_t n_experts, bool in_order);
/* Waits for at least one of those asked for and not yet handed out, and hands out all that are ready, at most `most`:
 * in_order: the next ones in ascending order; else whichever are there. 0: all have been handed out. */
int tl_store_take(struct tl_store *store, struct tl_expert *ret_experts, uint32_t most);
/* Gives taken experts back. */
void tl_store_give(struct tl_store *store, uint32_t bank, const struct tl_expert *experts, uint32_t n_experts);

/* Experts of another bank that will probably be asked for next, likeliest first: read while the drive has nothing else to do, and
 * only where that has been of use. Told again, it replaces what was told of the bank before. */
bool tl_store_looks_ahead(const struct tl_store *store);
void tl_store_expect(struct tl_store *store, uint32_t bank, const uint32_t *experts, uint32_t n_experts);

/* Bytes a second that the drive brings through the same queue while nothing else is done; between steps. */
int tl_store_measure_drive(struct tl_store *store, double seconds, double *ret_bytes_per_s);

/* Records every asking from now on (trace.h); NULL ends it. */
struct tl_trace;
void tl_store_record(struct tl_store *store, struct tl_trace *trace);
uint32_t tl_store_banks(const struct tl_store *store);
uint32_t tl_store_bank_experts(const struct tl_store *store, uint32_t bank);

/* What was declared, as a pin would give it but without bytes (data NULL); what it takes in the file. Of a bank's matrix: its id. */
void tl_store_describe(const struct tl_store *store, uint32_t id, struct tl_weight *ret_weight, uint64_t *ret_stored_bytes);
uint32_t tl_store_bank_weight(const struct tl_store *store, uint32_t bank, int matrix);
/* As laid out: frames that keep their expert from step to step; through the others experts only pass. */
uint32_t tl_store_kept_frames(const struct tl_store *store);
uint64_t tl_store_resident_bytes(const struct tl_store *store);       /* as laid out: stored bytes that loading reads and that stay */

/* Matrix m of a weight as f32 [rows][cols], whatever its format and layout; of vectors all, what is added to them included.
 * Reads the file; any thread. */
int tl_store_values(const struct tl_store *store, uint32_t id, uint32_t matrix, float *ret_values);
/* Rows [from, from + n) of matrix m as its panels hold them, one behind the other: tl_number_bytes of cols each. Reads the file; any thread. */
int tl_store_stored_rows(const struct tl_store *store, uint32_t id, uint32_t matrix, uint32_t from, uint32_t n, void *ret_rows);
/* The scales of matrix m, where they are a tensor of their own (they may be those of all matrices); NULL: they are not. */
const struct tl_tensor *tl_store_scales(const struct tl_store *store, uint32_t id, uint32_t matrix);
/* ret_marks [tensors of the file]: 1 for those that a declared weight lies in, scales included; others stay as they are. */
void tl_store_mark(const struct tl_store *store, uint8_t *ret_marks);
/* Puts all values of a weight [count][rows][cols] where `tensor` has them: ret_elements [n_elems], in its own order. 1: some
 * lie there, 0: none; TL_E_USAGE where a weight cannot be taken apart like that. */
int tl_store_place(const struct tl_store *store, uint32_t id, const struct tl_tensor *tensor, const float *values, float *ret_elements);

/* The tensor of the file that holds a weight, or the first one of several; of a bank's matrix. */
const struct tl_tensor *tl_store_tensor(const struct tl_store *store, uint32_t id);
const struct tl_tensor *tl_store_bank_tensor(const struct tl_store *store, uint32_t bank, int matrix);

#endif
