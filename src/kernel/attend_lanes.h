/* SPDX-License-Identifier: MIT */
/* Attention over sixteen lanes, once for all levels that have vectors. A level's attend.c includes its lanes.h, says how
 * wide a block of so many rows may be (ATTEND_COLUMNS(rows): accumulators that fit its registers), and includes this.
 *
 * Scores: lanes are the 16 positions of a tile; a block of rows passes over some tiles of a page, accumulating along d.
 * Weights: exp of the scores, tile by tile. Values: lanes are 16 dimensions; a block of rows passes over the positions
 * of a page in order, its sums waiting in `out` between pages. Where rows of a block see different positions, the
 * shared stretch runs as a block and the ragged ends row by row, so every sum has exactly the terms of ref. */
#ifndef TL_KERNEL_ATTEND_LANES_H
#define TL_KERNEL_ATTEND_LANES_H

#include "kernel/fill.h"
#include "kernel/math.h"
#include "kernel/page.h"

#define ATTEND_INLINE static inline __attribute__((always_inline))
#define ATTEND_UNROLL _Pragma("GCC unroll 8")

enum { LANES = TL_TILE_TOKENS, MAX_ROWS = 6, MAX_COLUMNS = 4 };

/* Some rows of a call, against one page. */
struct block {
    uint32_t row, n_rows;
    uint32_t page;                       /* position / TL_PAGE_TOKENS */
    const uint8_t *bytes;                /* of the page */
};

ATTEND_INLINE struct lanes load_plain(const enum tl_number_id id, const void *at)
{
    return id == TL_NUMBER_F32 ? lanes_load(at) : id == TL_NUMBER_F16 ? lanes_load_f16(at) : lanes_load_bf16(at);
}

/* Dimension d of the 16 keys of a tile. */
ATTEND_INLINE struct lanes load_keys(const enum tl_number_id id, const uint8_t *tile, size_t scale_bytes, size_t d)
{
    const uint8_t *codes = tile + scale_bytes + d * (LANES * page_elem_bytes(id));
    if (id != TL_NUMBER_Q8_0)
        return load_plain(id, codes);
    return lanes_mul(lanes_load_f16(tile + d / TL_PAGE_Q8_BLOCK * (LANES * 2)), lanes_load_i8(codes));
}

/* 16 dimensions of a value, from `d` (a multiple of 16) on. */
ATTEND_INLINE struct lanes load_values(const enum tl_number_id id, const uint8_t *value, size_t d)
{
    if (id != TL_NUMBER_Q8_0)
        return load_plain(id, value + d * page_elem_bytes(id));
    const uint8_t *block = value + d / TL_PAGE_Q8_BLOCK * TL_PAGE_Q8_BYTES;
    return lanes_mul(lanes_set_f16(block), lanes_load_i8(block + 2 + d % TL_PAGE_Q8_BLOCK));
}

/* --- where a row keeps its scores --------------------------------------------------------------------------------- */

static size_t row_floats(const struct tl_attend *attend)
{
    uint32_t span = 0;
    for (uint32_t i = 0; i < attend->n_rows; i++)
        if (attend->last[i] - attend->first[i] >= span)
            span = attend->last[i] - attend->first[i] + 1;
    return page_row_tiles(span) * LANES;
}

/* The first float holds the row's sum; the scores follow one tile later, from the tile that holds first[row]. */
static inline float *row_scratch(const struct tl_attend *attend, size_t stride, uint32_t row)
{
    return (float *)attend->scratch + row * stride;
}

static inline float *row_scores(const struct tl_attend *attend, size_t stride, uint32_t row, uint32_t position)
{
    return row_scratch(attend, stride, row) + LANES + (position - attend->first[row] / LANES * LANES);
}

/* --- scores ------------------------------------------------------------------------------------------------------- */

ATTEND_INLINE void score_tiles(const enum tl_number_id id, const int n_rows, const int n_tiles, const uint8_t *tile,
                               size_t head_dim, const float *const *q, struct lanes (*ret_scores)[MAX_COLUMNS])
{
    size_t tile_bytes = page_tile_bytes(id, head_dim), scale_bytes = page_scale_bytes(id, head_dim);
    struct lanes sum[MAX_ROWS][MAX_COLUMNS], key[MAX_COLUMNS];
    ATTEND_UNROLL
    for (int i = 0; i < n_rows; i++)
        ATTEND_UNROLL
        for (int t = 0; t < n_tiles; t++)
            sum[i][t] = lanes_set(0.0f);
    for (size_t d = 0; d < head_dim; d++) {
        ATTEND_UNROLL
        for (int t = 0; t < n_tiles; t++)
            key[t] = load_keys(id, tile + t * tile_bytes, scale_bytes, d);
        ATTEND_UNROLL
        for (int i = 0; i < n_rows; i++) {
            struct lanes query = lanes_set(q[i][d]);
            ATTEND_UNROLL
            for (int t = 0; t < n_tiles; t++)
                sum[i][t] = lanes_fma(query, key[t], sum[i][t]);
        }
    }
    ATTEND_UNROLL
    for (int i = 0; i < n_rows; i++)
        ATTEND_UNROLL
        for (int t = 0; t < n_tiles; t++)
            ret_scores[i][t] = sum[i][t];
}

/* The largest of 4, 2, 1 that is at most `left` and that a block of so many rows allows. */
static inline uint32_t columns_of(uint32_t n_rows, size_t left)
{
    uint32_t most = ATTEND_COLUMNS(n_rows);
    uint32_t columns = left >= 4 ? 4 : left >= 2 ? 2 : 1;
    return columns < most ? columns : most;
}

/* Runs FUNCTION(id, rows, columns, ...) with both counts constant. */
#define ATTEND_CASE(rows, columns, FUNCTION, ...) \
    case (rows) * 8 + (columns): \
        if ((columns) <= ATTEND_COLUMNS(rows)) \
            FUNCTION(id, rows, columns, __VA_ARGS__); \
        break;
#define ATTEND_CASES(rows, FUNCTION, ...) \
    ATTEND_CASE(rows, 4, FUNCTION, __VA_ARGS__) \
    ATTEND_CASE(rows, 2, FUNCTION, __VA_ARGS__) \
    ATTEND_CASE(rows, 1, FUNCTION, __VA_ARGS__)
#define ATTEND_SWITCH(n_rows, n_columns, FUNCTION, ...) \
    switch ((n_rows) * 8 + (n_columns)) { \
    ATTEND_CASES(6, FUNCTION, __VA_ARGS__) \
    ATTEND_CASES(4, FUNCTION, __VA_ARGS__) \
    ATTEND_CASES(3, FUNCTION, __VA_ARGS__) \
    ATTEND_CASES(2, FUNCTION, __VA_ARGS__) \
    ATTEND_CASES(1, FUNCTION, __VA_ARGS__) \
    }

/* Scores of a block against the tiles of its page that any of its rows sees; each row keeps those that it sees. */
ATTEND_INLINE void score_block(const enum tl_number_id id, const struct tl_attend *attend, size_t stride,
                               const struct block *block)
{
    uint32_t page_tile = block->page * TL_PAGE_TILES, from = UINT32_MAX, to = 0;
    for (uint32_t row = block->row; row < block->row + block->n_rows; row++) {
        from = attend->first[row] / LANES < from ? attend->first[row] / LANES : from;
        to = attend->last[row] / LANES + 1 > to ? attend->last[row] / LANES + 1 : to;
    }
    from = from > page_tile ? from : page_tile;
    to = to < page_tile + TL_PAGE_TILES ? to : page_tile + TL_PAGE_TILES;
    struct lanes scores[MAX_ROWS][MAX_COLUMNS], scale = lanes_set(attend->scale);
    for (uint32_t n, tile = from; tile < to; tile += n) {
        n = columns_of(block->n_rows, to - tile);
        const uint8_t *bytes = block->bytes + (tile - page_tile) * page_tile_bytes(id, attend->head_dim);
        ATTEND_SWITCH(block->n_rows, n, score_tiles, bytes, attend->head_dim, attend->q + block->row, scores)
        for (uint32_t i = 0; i < block->n_rows; i++)
            for (uint32_t t = 0; t < n; t++) {
                uint32_t row = block->row + i, here = tile + t;
                if (here >= attend->first[row] / LANES && here <= attend->last[row] / LANES)
                    lanes_store(row_scores(attend, stride, row, here * LANES), lanes_mul(scores[i][t], scale));
            }
    }
}

/* --- weights ------------------------------------------------------------------------------------------------------ */

/* `added` in the lanes whose positions the row sees, `kept` in the others. */
static inline struct lanes seen(const struct tl_attend *attend, uint32_t row, uint32_t tile, struct lanes added,
                                struct lanes kept)
{
    uint32_t first = attend->first[row], last = attend->last[row];
    if (tile == last / LANES)
        added = lanes_select(lanes_first(last % LANES + 1), added, kept);
    if (tile == first / LANES)
        added = lanes_select(lanes_first(first % LANES), kept, added);
    return added;
}

static inline float fold(struct lanes partials, bool maximum)
{
    float partial[LANES];
    lanes_store(partial, partials);
    if (!maximum)
        return tl_tree16(partial);
    for (int i = 1; i < LANES; i++)
        partial[0] = partial[i] > partial[0] ? partial[i] : partial[0];
    return partial[0];
}

static float finish_scores(const struct tl_attend *attend, uint32_t row, float *scores)
{
    struct lanes largest = lanes_set(-__builtin_inff()), cap = lanes_set(attend->softcap);
    uint32_t from = attend->first[row] / LANES, to = attend->last[row] / LANES;
    for (uint32_t tile = from; tile <= to; tile++) {
        float *at = scores + (size_t)(tile - from) * LANES;
        struct lanes score = lanes_load(at);
        if (attend->softcap > 0.0f)
            lanes_store(at, score = lanes_softcap(score, cap));
        largest = seen(attend, row, tile, lanes_larger(score, largest), largest);
    }
    return fold(largest, true);
}

/* Scores -> exp(score - max); the sum is left in the row's scratch. */
static void weigh_row(const struct tl_attend *attend, size_t stride, uint32_t row)
{
    uint32_t from = attend->first[row] / LANES, to = attend->last[row] / LANES;
    float *scores = row_scores(attend, stride, row, from * LANES);
    float max = finish_scores(attend, row, scores);
    if (attend->sinks && attend->sinks[row] > max)
        max = attend->sinks[row];
    struct lanes partial = lanes_set(0.0f), minus = lanes_set(max);
    for (uint32_t tile = from; tile <= to; tile++) {
        float *at = scores + (size_t)(tile - from) * LANES;
        struct lanes weight = lanes_exp(lanes_sub(lanes_load(at), minus));
        lanes_store(at, weight);
        partial = seen(attend, row, tile, lanes_add(partial, weight), partial);
    }
    float sum = fold(partial, false);
    if (attend->sinks)
        sum += tl_exp(attend->sinks[row] - max);
    *row_scratch(attend, stride, row) = sum;
}

/* --- values ------------------------------------------------------------------------------------------------------- */

/* A stretch of positions of a page, for some rows: weights[i][k] belongs to the k-th of them. */
struct stretch {
    const uint8_t *values;
    size_t value_bytes;
    uint32_t count;
    const float *weights[MAX_ROWS];
    float *out[MAX_ROWS];
};

ATTEND_INLINE void add_values(const enum tl_number_id id, const int n_rows, const int n_columns,
                              const struct stretch *stretch, size_t d)
{
    const uint8_t *value = stretch->values;
    struct lanes sum[MAX_ROWS][MAX_COLUMNS], here[MAX_COLUMNS];
    const float *weights[MAX_ROWS];
    ATTEND_UNROLL
    for (int i = 0; i < n_rows; i++) {
        weights[i] = stretch->weights[i];
        ATTEND_UNROLL
        for (int c = 0; c < n_columns; c++)
            sum[i][c] = lanes_load(stretch->out[i] + d + c * LANES);
    }
    for (size_t k = 0; k < stretch->count; k++, value += stretch->value_bytes) {
        ATTEND_UNROLL
        for (int c = 0; c < n_columns; c++)
            here[c] = load_values(id, value, d + c * LANES);
        ATTEND_UNROLL
        for (int i = 0; i < n_rows; i++) {
            struct lanes weight = lanes_set(weights[i][k]);
            ATTEND_UNROLL
            for (int c = 0; c < n_columns; c++)
                sum[i][c] = lanes_fma(weight, here[c], sum[i][c]);
        }
    }
    ATTEND_UNROLL
    for (int i = 0; i < n_rows; i++)
        ATTEND_UNROLL
        for (int c = 0; c < n_columns; c++)
            lanes_store(stretch->out[i] + d + c * LANES, sum[i][c]);
}

/* The last v_dim mod 16 dimensions, which must not be read or written beyond. */
ATTEND_INLINE void add_value_tail(const enum tl_number_id id, const struct stretch *stretch, uint32_t n_rows, size_t d,
                                  size_t count)
{
    for (uint32_t i = 0; i < n_rows; i++) {
        struct lanes sum = lanes_load_first(stretch->out[i] + d, count);
        for (uint32_t k = 0; k < stretch->count; k++) {
            const uint8_t *value = stretch->values + k * stretch->value_bytes;
            uint8_t copy[LANES * sizeof(float)] = { 0 };
            if (id != TL_NUMBER_Q8_0)
                memcpy(copy, value + d * page_elem_bytes(id), count * page_elem_bytes(id));
            struct lanes here = id == TL_NUMBER_Q8_0 ? load_values(id, value, d) : load_plain(id, copy);
            sum = lanes_fma(lanes_set(stretch->weights[i][k]), here, sum);
        }
        lanes_store_first(stretch->out[i] + d, count, sum);
    }
}

/* Slots from..to-1 of the block's page, seen by all of its rows. */
ATTEND_INLINE void add_stretch(const enum tl_number_id id, const struct tl_attend *attend, size_t stride,
                               const struct block *block, uint32_t from, uint32_t to)
{
    if (from >= to)
        return;
    struct stretch stretch = { .value_bytes = page_value_bytes(id, attend->v_dim), .count = to - from };
    stretch.values = block->bytes + page_values_offset(id, attend->head_dim) + from * stretch.value_bytes;
    for (uint32_t i = 0; i < block->n_rows; i++) {
        stretch.weights[i] = row_scores(attend, stride, block->row + i, block->page * TL_PAGE_TOKENS + from);
        stretch.out[i] = attend->out[block->row + i];
    }
    size_t whole = attend->v_dim / LANES * LANES;
    for (size_t n, d = 0; d < whole; d += n * LANES) {
        n = columns_of(block->n_rows, (whole - d) / LANES);
        ATTEND_SWITCH(block->n_rows, n, add_values, &stretch, d)
    }
    if (whole < attend->v_dim)
        add_value_tail(id, &stretch, block->n_rows, whole, attend->v_dim - whole);
}

/* Slots of the page that a row sees: from..to-1. */
static inline void slots_of(const struct tl_attend *attend, const struct block *block, uint32_t row, uint32_t *ret_from,
                            uint32_t *ret_to)
{
    uint32_t start = block->page * TL_PAGE_TOKENS, first = attend->first[row], last = attend->last[row];
    *ret_from = first > start ? first - start : 0;
    *ret_to = last < start ? 0 : last - start >= TL_PAGE_TOKENS ? TL_PAGE_TOKENS : last - start + 1;
}

ATTEND_INLINE void value_block(const enum tl_number_id id, const struct tl_attend *attend, size_t stride,
                               const struct block *block)
{
    uint32_t from = 0, to = TL_PAGE_TOKENS, row_from, row_to, end = block->row + block->n_rows;
    for (uint32_t row = block->row; row < end; row++) {
        slots_of(attend, block, row, &row_from, &row_to);
        from = row_from > from ? row_from : from;
        to = row_to < to ? row_to : to;
    }
    bool shared = from < to;
    for (uint32_t row = block->row; row < end; row++) {
        struct block single = { row, 1, block->page, block->bytes };
        slots_of(attend, block, row, &row_from, &row_to);
        add_stretch(id, attend, stride, &single, row_from, shared ? from : row_to);
    }
    if (!shared)
        return;
    add_stretch(id, attend, stride, block, from, to);
    for (uint32_t row = block->row; row < end; row++) {
        struct block single = { row, 1, block->page, block->bytes };
        slots_of(attend, block, row, &row_from, &row_to);
        add_stretch(id, attend, stride, &single, to, row_to);
    }
}

/* --- the passes --------------------------------------------------------------------------------------------------- */

static bool page_is_seen(const struct tl_attend *attend, uint32_t page, uint32_t row, uint32_t n_rows)
{
    for (uint32_t i = row; i < row + n_rows; i++)
        if (attend->first[i] / TL_PAGE_TOKENS <= page && attend->last[i] / TL_PAGE_TOKENS >= page)
            return true;
    return false;
}

/* Blocks of 6, 4, 3, 2 rows; one row stays alone only where there is one. */
static uint32_t block_rows(uint32_t left)
{
    return left == 7 || left == 8 ? 4 : left >= 6 ? 6 : left == 5 ? 3 : left;
}

/* One pass over the pages; every block of rows takes a page while it is near. */
ATTEND_INLINE void pass(const enum tl_number_id id, const struct tl_attend *attend, size_t stride, const bool values)
{
    uint32_t from = UINT32_MAX, to = 0;
    for (uint32_t i = 0; i < attend->n_rows; i++) {
        from = attend->first[i] / TL_PAGE_TOKENS < from ? attend->first[i] / TL_PAGE_TOKENS : from;
        to = attend->last[i] / TL_PAGE_TOKENS + 1 > to ? attend->last[i] / TL_PAGE_TOKENS + 1 : to;
    }
    struct block block;
    for (block.page = from; block.page < to; block.page++)
        for (block.row = 0; block.row < attend->n_rows; block.row += block.n_rows) {
            block.n_rows = block_rows(attend->n_rows - block.row);
            if (!page_is_seen(attend, block.page, block.row, block.n_rows))
                continue;
            block.bytes = (const uint8_t *)attend->pages[block.page] + attend->page_offset;
            if (values)
                value_block(id, attend, stride, &block);
            else
                score_block(id, attend, stride, &block);
        }
}

ATTEND_INLINE void attend_format(const enum tl_number_id id, const struct tl_attend *attend)
{
    size_t stride = row_floats(attend);
    pass(id, attend, stride, false);
    for (uint32_t row = 0; row < attend->n_rows; row++) {
        weigh_row(attend, stride, row);
        memset(attend->out[row], 0, attend->v_dim * sizeof(float));
    }
    pass(id, attend, stride, true);
    for (uint32_t row = 0; row < attend->n_rows; row++) {
        struct lanes sum = lanes_set(*row_scratch(attend, stride, row));
        for (size_t n, d = 0; d < attend->v_dim; d += n) {
            n = attend->v_dim - d < LANES ? attend->v_dim - d : LANES;
            lanes_store_first(attend->out[row] + d, n, lanes_div(lanes_load_first(attend->out[row] + d, n), sum));
        }
    }
}

static void attend_f32(const struct tl_attend *attend) { attend_format(TL_NUMBER_F32, attend); }
static void attend_f16(const struct tl_attend *attend) { attend_format(TL_NUMBER_F16, attend); }
static void attend_bf16(const struct tl_attend *attend) { attend_format(TL_NUMBER_BF16, attend); }
static void attend_q8_0(const struct tl_attend *attend) { attend_format(TL_NUMBER_Q8_0, attend); }

static inline void attend_any(const struct tl_attend *attend)
{
    switch (attend->format->id) {
    case TL_NUMBER_F32: attend_f32(attend); break;
    case TL_NUMBER_F16: attend_f16(attend); break;
    case TL_NUMBER_BF16: attend_bf16(attend); break;
    default: attend_q8_0(attend); break;
    }
}

#endif
