/* SPDX-License-Identifier: MIT */
/* The memory of one forward step and what its parts share: streams, acts, rope tables, the tokens' places. Private, but for
 * room train, which runs operations on rows of its own streams through tl_step_rows. */
#ifndef TL_MODEL_STEP_H
#define TL_MODEL_STEP_H

#include "model/model.h"

enum { TL_ATTEND_ROWS = 16, TL_LATENT_ROWS = 32, TL_BLOCK_TOKENS = 512, TL_OUT_ROWS = 128 };

enum { TL_EXPERT_ROWS = 512, TL_EXPERTS_TAKEN = 16 };

/* A pair is (token, slot): one of the experts of one token, number token * n_used + slot. A row is a pair in work. */
struct tl_step_experts {
    uint32_t *chosen;                    /* [tokens][n_used], ascending */
    float *weights;                      /* beside them */
    float *scratch;                      /* [tokens of a block][n_experts] */
    uint32_t *pairs, *first;             /* pairs by expert, ascending; [n_experts + 1] where each expert's begin */
    uint32_t *asked;                     /* experts with pairs */
    uint32_t *row_of;                    /* of few pairs: the row whose output waits to be added; UINT32_MAX: none */
    uint32_t *row_pair, *row_expert;     /* [rows]; the expert as its place in `taken` */
    float *gate, *up, *out;              /* [rows][ff_expert], [rows][width] */
    struct tl_acts in[TL_ACTS_FORMS], mid[TL_ACTS_FORMS];
    struct tl_expert taken[TL_EXPERTS_TAKEN];
    uint32_t base_row, n_rows, n_taken, row_first[TL_EXPERTS_TAKEN + 1];        /* rows base_row .. n_rows - 1 are in work */
    bool down;                           /* products that run: down, else gate and up */
};

/* One token through the router of the next layer. */
struct tl_step_lookahead { float *hidden, *logits, *scratch, *weights; uint32_t *chosen, *expected, *all; struct tl_acts acts; };

/* Most query rows of one call of attention: many heads share one latent, which is read and turned once for all of them. */
static inline uint32_t tl_attend_rows(const struct tl_geometry *geometry)
{
    return geometry->kv_rank ? TL_LATENT_ROWS : TL_ATTEND_ROWS;
}

/* Query rows row_from .. row_to - 1 of a span (row = token in span * heads a KV head + head). */
struct tl_attend_item { uint32_t span, row_from, row_to; };

struct tl_step {
    const struct tl_model *model;
    const struct tl_geometry *geometry;
    const struct tl_kernel *kernel;
    const struct tl_batch *batch;
    struct tl_store *store;
    struct tl_adapt *adapt;              /* NULL: no adapters */
    uint32_t n_tokens;                   /* of the batch */
    uint32_t first, n_rows;              /* rows in work are its tokens first .. first + n_rows - 1 */
    float *stream[TL_STREAM_COUNT];      /* where their rows begin */

    /* laid out once for a model */
    uint32_t max_tokens, max_block, max_out, n_threads;
    float *base[TL_STREAM_COUNT];        /* [max_tokens] of wide streams, [max_block] of others */
    struct tl_acts acts[TL_ACTS_FORMS], head_acts[TL_ACTS_FORMS];     /* of HEADS: row head * tokens + token */
    float *rope[TL_ROPES];               /* [tokens][n_rot]: pairs (cos, sin) */
    uint32_t *token_span, *token_position, *span_first;
    struct tl_attend_item *items;        /* of a block */
    uint32_t n_items;
    struct tl_step_experts experts;
    struct tl_step_lookahead lookahead;
    const struct tl_program *program;
    uint8_t *product_scratch, *attend_scratch;
    uint64_t product_scratch_bytes, attend_scratch_bytes;

    /* the stage that runs now */
    const struct tl_op *ops;
    uint32_t n_ops, panels_a_piece, first_row;   /* first_row: of what is there of the weight */
    struct tl_weight *weight, *bias;     /* of its operations, in their order */
    /* the segment that runs now: its operations pinned .. unpinned - 1 hold pins */
    struct tl_weight *segment_weight, *segment_bias;
    uint32_t pinned, unpinned;
};

int tl_step_layout(struct tl_step *step, const struct tl_geometry *geometry, const struct tl_program *program,
                   const struct tl_model_limits *limits, struct tl_arena *arena);

/* stages.c: the stage that runs now, on the rows at hand; before that of a block: what its attention is cut into. */
int tl_stage_run(struct tl_step *step, struct tl_pool *pool, enum tl_stage_kind kind);
void tl_stage_items(struct tl_step *step);

/* rows.c: the stage's operations on rows from .. to - 1. */
void tl_step_rows(struct tl_step *step, uint32_t from, uint32_t to);
void tl_step_turns(struct tl_step *step, uint32_t row);               /* fills its row of the rope tables, by its position */

void tl_step_unit(const struct tl_step *step, const float *gate, const float *up, size_t n, float *out);

/* experts.c */
void tl_experts_layout(struct tl_step *step, const struct tl_program *program, struct tl_arena *arena);
int tl_experts_run(struct tl_step *step, struct tl_pool *pool);

/* delta.c: rows of gated delta nets, and the rule itself as a stage of its own. */
void tl_delta_conv(struct tl_step *step, const struct tl_op *op, const struct tl_weight *weight, uint32_t row);
void tl_delta_decay(struct tl_step *step, const struct tl_op *op, const struct tl_weight *rate, const struct tl_weight *bias, uint32_t row);
void tl_delta_run(struct tl_step *step, struct tl_pool *pool);

/* lookahead.c */
void tl_lookahead_layout(struct tl_step *step, struct tl_arena *arena);
/* Tells the store what a layer will probably ask for, by X as it is; its operations come behind `from`. */
void tl_lookahead_run(struct tl_step *step, const struct tl_program *program, uint32_t layer, const struct tl_op *from);
/* The same of the next layer for steps of so many tokens that it will ask for nearly all; called whenever this layer has given some back. */
void tl_lookahead_all(struct tl_step *step, const struct tl_program *program);

static inline bool tl_step_seen(const struct tl_step *step, const struct tl_op *op)
{
    return step->batch->tap && step->batch->tap->kinds >> op->kind & 1;
}

static inline float *tl_step_row(const struct tl_step *step, enum tl_stream stream, uint32_t row)
{
    return step->stream[stream] + row * tl_stream_width(step->geometry, stream);
}

#endif
