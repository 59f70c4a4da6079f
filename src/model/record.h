/* SPDX-License-Identifier: MIT */
/* The state of recurrent layers: one record holds that of all of them behind some position, always as f32.
 *
 * A record is never changed once it is current: a step writes a new one beside it, so a step that fails leaves the
 * sequence as it was, and older records are snapshots for nothing. Records are counted by reference; forks share them.
 * A layer's part: the last taps - 1 inputs of its convolution, oldest first, [taps - 1][channels]; then for each value head
 * the state of the delta rule as kernel.h lays it out. */
#ifndef TL_MODEL_RECORD_H
#define TL_MODEL_RECORD_H

#include "base/arena.h"
#include "model/geometry.h"

enum { TL_MOST_RECORDS = 6 };

struct tl_record_pool {
    uint32_t n_layers;                   /* 0: the model has no recurrent layer, and everything here does nothing */
    uint32_t a_sequence;                 /* records for each sequence, 3 to TL_MOST_RECORDS: now, next, middle, kept ones; or now, next */
    uint64_t tail_floats, head_floats, layer_floats, record_bytes;
    uint32_t n_records, n_free;
    uint8_t *records;
    uint32_t *free, *users;
};

/* A record behind `length` positions. border: the end of a step of several tokens, or the last page border in one. */
struct tl_record_at { float *record; uint32_t length; bool border; };

/* Those of one sequence. */
struct tl_records {
    struct tl_record_at now;             /* record NULL: nothing is computed */
    struct tl_record_at middle, next;    /* of the step that runs; record NULL: none */
    struct tl_record_at kept[TL_MOST_RECORDS];   /* older ones, ascending */
    uint32_t n_kept;
    bool passing;                        /* the step that runs continues an answer: its end is no border, however many tokens it has */
};

/* one_layer: all layers share one place (tl_cache_share); a record lives for one step. */
void tl_record_pool_init(struct tl_record_pool *pool, const struct tl_geometry *geometry, bool one_layer);
int tl_record_pool_layout(struct tl_record_pool *pool, uint32_t sequences, struct tl_arena *arena);

/* What the rules of state.h mean for records. reserve: room for a step of n_tokens behind `length` positions. */
int tl_records_reserve(struct tl_record_pool *pool, struct tl_records *records, uint32_t length, uint32_t n_tokens);
void tl_records_append(struct tl_record_pool *pool, struct tl_records *records);
/* The positions of the latest record of at most `length` positions; 0 without one. */
uint32_t tl_records_nearest(const struct tl_records *records, uint32_t length);
/* Back to that record. */
void tl_records_truncate(struct tl_record_pool *pool, struct tl_records *records, uint32_t length);
void tl_records_fork(struct tl_record_pool *pool, const struct tl_records *records, struct tl_records *ret_copy);
void tl_records_drop(struct tl_record_pool *pool, struct tl_records *records);
uint64_t tl_records_bytes(const struct tl_record_pool *pool, const struct tl_records *records);
/* For load: makes room for a record at `length` positions, later than all others; zeros until it is filled. */
int tl_records_add(struct tl_record_pool *pool, struct tl_records *records, uint32_t length, bool border);

/* Of the layer that is number `slot` among the recurrent ones. */
static inline float *tl_record_tail(const struct tl_record_pool *pool, float *record, uint32_t slot)
{
    return record + slot * pool->layer_floats;
}
static inline float *tl_record_head(const struct tl_record_pool *pool, float *record, uint32_t slot, uint32_t head)
{
    return record + slot * pool->layer_floats + pool->tail_floats + head * pool->head_floats;
}

#endif
