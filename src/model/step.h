/* SPDX-License-Identifier: MIT */
/* The memory of one forward step and what its parts share: streams, acts, rope tables, the tokens' places. Private. */
#ifndef TL_MODEL_STEP_H
#define TL_MODEL_STEP_H

#include "model/model.h"

enum { TL_STAGE_OPS = 16, TL_ATTEND_ROWS = 16 };

/* Query rows row_from .. row_to - 1 of a span (row = token in span * heads a KV head + head). */
struct tl_attend_item { uint32_t span, row_from, row_to; };

struct tl_step {
    const struct tl_model *model;
    const struct tl_geometry *geometry;
    const struct tl_kernel *kernel;
    const struct tl_batch *batch;
    struct tl_store *store;
    uint32_t n_tokens, n_rows;           /* of the batch; of the part that runs now */

    /* laid out once for a model */
    uint32_t max_tokens, max_out, n_threads;
    float *stream[TL_STREAM_COUNT];
    struct tl_acts acts[TL_ACTS_FORMS];
    float *rope[TL_ROPES];               /* [tokens][n_rot]: pairs (cos, sin) */
    uint32_t *token_span, *token_position, *span_first;
    struct tl_attend_item *items;
    uint32_t n_items;
    uint8_t *product_scratch, *attend_scratch;
    uint64_t product_scratch_bytes, attend_scratch_bytes;

    /* the stage that runs now */
    const struct tl_op *ops;
    uint32_t n_ops, panels_a_piece;
    struct tl_weight weight[TL_STAGE_OPS], bias[TL_STAGE_OPS];
};

int tl_step_layout(struct tl_step *step, const struct tl_geometry *geometry, const struct tl_program *program,
                   const struct tl_model_limits *limits, struct tl_arena *arena);

/* rows.c: the stage's operations on rows from .. to - 1. */
void tl_step_rows(struct tl_step *step, uint32_t from, uint32_t to);

static inline float *tl_step_row(const struct tl_step *step, enum tl_stream stream, uint32_t row)
{
    return step->stream[stream] + row * tl_stream_width(step->geometry, stream);
}

#endif
