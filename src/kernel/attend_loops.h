/* SPDX-License-Identifier: MIT */
/* The two inner loops of attention over sixteen lanes: scores of a block of rows against some tiles of keys, and values
 * added to a block of outputs. One pair of functions for each stored format and each block (rows x columns of sixteen
 * lanes) that the level lists in ATTEND_BLOCKS because its sums fit the registers. For attend_lanes.h only. */
#ifndef TL_KERNEL_ATTEND_LOOPS_H
#define TL_KERNEL_ATTEND_LOOPS_H

#include "kernel/fill.h"
#include "kernel/math.h"
#include "kernel/page.h"

#define ATTEND_INLINE static inline __attribute__((always_inline))

enum { LANES = TL_TILE_TOKENS, MAX_ROWS = 6, MAX_COLUMNS = 4 };

/* Asks for what comes next while this is computed: `bytes` from `at` on. Blocks of 6 rows wait for arithmetic, not for
 * memory, and every instruction more costs them. */
ATTEND_INLINE void fetch_ahead(const int n_rows, const uint8_t *at, const size_t bytes)
{
    if (n_rows > 4)
        return;
    TL_UNROLL
    for (size_t i = 0; i < bytes; i += 64)
        __builtin_prefetch(at + i, 0, 2);
}

ATTEND_INLINE struct lanes load_plain(const enum tl_number_id id, const void *at)
{
    return id == TL_NUMBER_F32 ? lanes_load(at) : id == TL_NUMBER_F16 ? lanes_load_f16(at) : lanes_load_bf16(at);
}

ATTEND_INLINE struct lanes load_scaled(struct lanes scale, const void *codes)
{
    return lanes_mul(scale, lanes_load_i8(codes));
}

/* Scores of n_rows rows against n_tiles tiles that lie one behind the other, into scores[row] one behind the other. */
ATTEND_INLINE void score_tiles(const enum tl_number_id id, const int n_rows, const int n_tiles,
                               const struct tl_attend *attend, const float *const *q, const uint8_t *tile,
                               const uint8_t *ahead, float *const *scores)
{
    size_t head_dim = attend->head_dim;
    size_t tile_bytes = page_tile_bytes(id, head_dim), scale_bytes = page_scale_bytes(id, head_dim);
    const size_t step_bytes = (size_t)n_tiles * LANES * page_elem_bytes(id);
    const size_t run = id == TL_NUMBER_Q8_0 ? TL_PAGE_Q8_BLOCK : SIZE_MAX;          /* dimensions of one scale */
    struct lanes sum[MAX_ROWS][MAX_COLUMNS], key[MAX_COLUMNS], scale[MAX_COLUMNS];
    TL_UNROLL
    for (int i = 0; i < n_rows; i++)
        TL_UNROLL
        for (int t = 0; t < n_tiles; t++)
            sum[i][t] = lanes_set(0.0f);
    for (size_t to, d = 0; d < head_dim; d = to) {
        to = head_dim - d < run ? head_dim : d + run;
        TL_UNROLL
        for (int t = 0; t < n_tiles && id == TL_NUMBER_Q8_0; t++)
            scale[t] = lanes_load_f16(tile + t * tile_bytes + d / TL_PAGE_Q8_BLOCK * (LANES * 2));
        for (; d < to; d++) {
            fetch_ahead(n_rows, ahead + d * step_bytes, step_bytes);
            TL_UNROLL
            for (int t = 0; t < n_tiles; t++) {
                const uint8_t *elems = tile + t * tile_bytes + scale_bytes + d * (LANES * page_elem_bytes(id));
                key[t] = id == TL_NUMBER_Q8_0 ? load_scaled(scale[t], elems) : load_plain(id, elems);
            }
            TL_UNROLL
            for (int i = 0; i < n_rows; i++) {
                struct lanes query = lanes_set(q[i][d]);
                TL_UNROLL
                for (int t = 0; t < n_tiles; t++)
                    sum[i][t] = lanes_fma(query, key[t], sum[i][t]);
            }
        }
    }
    TL_UNROLL
    for (int i = 0; i < n_rows; i++)
        TL_UNROLL
        for (int t = 0; t < n_tiles; t++)
            lanes_store(scores[i] + t * LANES, lanes_mul(sum[i][t], lanes_set(attend->scale)));
}

/* A stretch of positions of a page, for some rows: weights[i][k] belongs to the k-th of them. */
struct stretch {
    const uint8_t *values, *ahead;
    size_t value_bytes;
    uint32_t count;
    const float *weights[MAX_ROWS];
    float *out[MAX_ROWS];
};

/* 16 n_columns dimensions of a value; of q8_0 the first half of a block or the second, or whole blocks. */
ATTEND_INLINE void load_columns(const enum tl_number_id id, const int n_columns, const uint8_t *from, size_t within,
                                struct lanes *ret_columns)
{
    struct lanes scale = lanes_set(0.0f);
    TL_UNROLL
    for (int c = 0; c < n_columns; c++) {
        if (id != TL_NUMBER_Q8_0) {
            ret_columns[c] = load_plain(id, from + (size_t)c * LANES * page_elem_bytes(id));
            continue;
        }
        const uint8_t *block = from + c / 2 * TL_PAGE_Q8_BYTES;
        scale = c % 2 == 0 ? lanes_set_f16(block) : scale;
        ret_columns[c] = load_scaled(scale, block + 2 + within + c % 2 * LANES);
    }
}

/* Adds the stretch to dimensions d.. of the outputs. */
ATTEND_INLINE void add_values(const enum tl_number_id id, const int n_rows, const int n_columns,
                              const struct stretch *stretch, size_t d)
{
    const size_t step_bytes = (size_t)n_columns * LANES * page_elem_bytes(id);
    size_t offset = id == TL_NUMBER_Q8_0 ? d / TL_PAGE_Q8_BLOCK * TL_PAGE_Q8_BYTES : d * page_elem_bytes(id);
    size_t within = n_columns == 1 ? d % TL_PAGE_Q8_BLOCK : 0, value_bytes = stretch->value_bytes;
    const uint8_t *value = stretch->values + offset, *ahead = stretch->ahead + offset;
    struct lanes sum[MAX_ROWS][MAX_COLUMNS], here[MAX_COLUMNS];
    const float *weights[MAX_ROWS];
    TL_UNROLL
    for (int i = 0; i < n_rows; i++) {
        weights[i] = stretch->weights[i];
        TL_UNROLL
        for (int c = 0; c < n_columns; c++)
            sum[i][c] = lanes_load(stretch->out[i] + d + c * LANES);
    }
    for (size_t k = 0, count = stretch->count; k < count; k++, value += value_bytes, ahead += value_bytes) {
        fetch_ahead(n_rows, ahead, step_bytes);
        load_columns(id, n_columns, value, within, here);
        TL_UNROLL
        for (int i = 0; i < n_rows; i++) {
            struct lanes weight = lanes_set(weights[i][k]);
            TL_UNROLL
            for (int c = 0; c < n_columns; c++)
                sum[i][c] = lanes_fma(weight, here[c], sum[i][c]);
        }
    }
    TL_UNROLL
    for (int i = 0; i < n_rows; i++)
        TL_UNROLL
        for (int c = 0; c < n_columns; c++)
            lanes_store(stretch->out[i] + d + c * LANES, sum[i][c]);
}

/* Both loops for each format, with constant counts. */
struct loops {
    void (*score)(const struct tl_attend *attend, const float *const *q, const uint8_t *tile, const uint8_t *ahead,
                  float *const *scores);
    void (*add)(const struct stretch *stretch, size_t d);
};

#define ATTEND_LOOPS(name, id, rows, columns) \
    static void score_##name##_##rows##_##columns(const struct tl_attend *attend, const float *const *q, \
                                                  const uint8_t *tile, const uint8_t *ahead, float *const *scores) \
    { \
        score_tiles(id, rows, columns, attend, q, tile, ahead, scores); \
    } \
    static void add_##name##_##rows##_##columns(const struct stretch *stretch, size_t d) \
    { \
        add_values(id, rows, columns, stretch, d); \
    }
#define ATTEND_FORMATS(rows, columns) \
    ATTEND_LOOPS(f32, TL_NUMBER_F32, rows, columns) \
    ATTEND_LOOPS(f16, TL_NUMBER_F16, rows, columns) \
    ATTEND_LOOPS(bf16, TL_NUMBER_BF16, rows, columns) \
    ATTEND_LOOPS(q8_0, TL_NUMBER_Q8_0, rows, columns)
ATTEND_BLOCKS(ATTEND_FORMATS)

#define ATTEND_PAIR(name, rows, columns) { score_##name##_##rows##_##columns, add_##name##_##rows##_##columns }
#define ATTEND_ROW(rows, columns) \
    [rows][columns] = { \
        [TL_NUMBER_F32] = ATTEND_PAIR(f32, rows, columns), [TL_NUMBER_F16] = ATTEND_PAIR(f16, rows, columns), \
        [TL_NUMBER_BF16] = ATTEND_PAIR(bf16, rows, columns), [TL_NUMBER_Q8_0] = ATTEND_PAIR(q8_0, rows, columns), \
    },
static const struct loops all_loops[MAX_ROWS + 1][MAX_COLUMNS + 1][TL_NUMBER_Q8_0 + 1] = { ATTEND_BLOCKS(ATTEND_ROW) };

/* The widest block of so many rows that has at most `left` columns. */
static const struct loops *loops_for(enum tl_number_id id, uint32_t n_rows, size_t left, uint32_t *ret_columns)
{
    uint32_t columns = left >= 4 ? 4 : left >= 2 ? 2 : 1;
    while (!all_loops[n_rows][columns][id].score)
        columns /= 2;
    *ret_columns = columns;
    return &all_loops[n_rows][columns][id];
}

#endif
