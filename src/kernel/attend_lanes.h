/* SPDX-License-Identifier: MIT */
/* Attention over sixteen lanes, once for all levels that have vectors. A level's attend.c includes its lanes.h, lists
 * the blocks (rows x columns of sixteen lanes) whose sums fit its registers as ATTEND_BLOCKS, and includes this.
 *
 * Scores: lanes are the 16 positions of a tile; a block of rows passes over some tiles of a page, accumulating along d.
 * Weights: exp of the scores, tile by tile. Values: lanes are 16 dimensions; a block of rows passes over the positions
 * of a page in order, its sums waiting in `out` between pages. Where rows of a block see different positions, the
 * shared stretch runs as a block and the ragged ends row by row, so every sum has exactly the terms of ref. */
#ifndef TL_KERNEL_ATTEND_LANES_H
#define TL_KERNEL_ATTEND_LANES_H

#include "kernel/attend_loops.h"
#include "kernel/latent_lanes.h"

/* Some rows of a call, against one page. */
struct block {
    uint32_t row, n_rows;
    uint32_t page;                       /* position / TL_PAGE_TOKENS */
    const uint8_t *bytes;                /* of the page's keys, or of its values */
    const uint8_t *ahead;                /* the same of the page that comes next */
    enum tl_number_id value_id;          /* how values are stored, and how far apart those of two positions are */
    size_t value_bytes;
    uint32_t d_from, n_dims;             /* values are dimensions d_from .. d_from + n_dims - 1 of the outputs */
    uint32_t any_first, any_last;        /* positions that some row may see */
    uint32_t all_first, all_last;        /* that all rows see; may be none: all_first > all_last */
};

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

/* Scores of a block against tiles from..to-1, of which each row keeps those that it sees. */
static void score_stretch(const struct tl_attend *attend, size_t stride, const struct block *block, uint32_t from,
                          uint32_t to, bool all_see_all)
{
    enum tl_number_id id = attend->format->id;
    float aside[MAX_ROWS][MAX_COLUMNS * LANES], *scores[MAX_ROWS];
    size_t tile_bytes = page_tile_bytes(id, attend->head_dim);
    for (uint32_t n, tile = from; tile < to; tile += n) {
        const struct loops *loops = loops_for(id, block->n_rows, to - tile, &n);
        size_t offset = tile % TL_PAGE_TILES * tile_bytes;
        for (uint32_t i = 0; i < block->n_rows; i++)
            scores[i] = all_see_all ? row_scores(attend, stride, block->row + i, tile * LANES) : aside[i];
        loops->score(attend, attend->q + block->row, block->bytes + offset, block->ahead + offset, scores);
        for (uint32_t k = 0; k < block->n_rows * n && !all_see_all; k++) {
            uint32_t row = block->row + k / n, here = tile + k % n;
            if (here >= attend->first[row] / LANES && here <= attend->last[row] / LANES)
                memcpy(row_scores(attend, stride, row, here * LANES), aside[k / n] + k % n * LANES, LANES * sizeof(float));
        }
    }
}

static inline uint32_t least(uint32_t a, uint32_t b) { return a < b ? a : b; }
static inline uint32_t most(uint32_t a, uint32_t b) { return a > b ? a : b; }

/* The tiles of the page that all rows of the block see, those before and those after them. */
static void score_block(const struct tl_attend *attend, size_t stride, const struct block *block)
{
    uint32_t page_from = block->page * TL_PAGE_TILES, page_to = page_from + TL_PAGE_TILES;
    uint32_t from = most(block->any_first / LANES, page_from), to = least(block->any_last / LANES + 1, page_to);
    uint32_t all_from = most(block->all_first / LANES, page_from), all_to = least(block->all_last / LANES + 1, page_to);
    if (all_from >= all_to)
        all_from = all_to = to;
    score_stretch(attend, stride, block, from, all_from, false);
    score_stretch(attend, stride, block, all_from, all_to, true);
    score_stretch(attend, stride, block, all_to, to, false);
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

/* The maximum of whole tiles and `largest`: the order does not matter, so four run side by side. */
static inline struct lanes largest_of(const float *at, uint32_t n_tiles, struct lanes largest)
{
    struct lanes some[4] = { largest, largest, largest, largest };
    for (; n_tiles >= 4; n_tiles -= 4, at += 4 * LANES)
        TL_UNROLL
        for (int t = 0; t < 4; t++)
            some[t] = lanes_larger(lanes_load(at + t * LANES), some[t]);
    for (; n_tiles > 0; n_tiles--, at += LANES)
        some[0] = lanes_larger(lanes_load(at), some[0]);
    return lanes_larger(lanes_larger(some[0], some[1]), lanes_larger(some[2], some[3]));
}

static float finish_scores(const struct tl_attend *attend, uint32_t row, float *scores)
{
    struct lanes largest = lanes_set(-__builtin_inff()), cap = lanes_set(attend->softcap);
    uint32_t from = attend->first[row] / LANES, n_tiles = attend->last[row] / LANES - from + 1;
    for (uint32_t tile = 0; tile < n_tiles && attend->softcap > 0.0f; tile++)
        lanes_store(scores + tile * LANES, lanes_softcap(lanes_load(scores + tile * LANES), cap));
    for (uint32_t tile = 0; tile < n_tiles; tile += n_tiles > 1 ? n_tiles - 1 : 1)
        largest = seen(attend, row, from + tile, lanes_larger(lanes_load(scores + tile * LANES), largest), largest);
    if (n_tiles > 2)
        largest = largest_of(scores + LANES, n_tiles - 2, largest);
    return fold(largest, true);
}

/* Weights of tiles from..to-1, all of whose positions the row sees: four chains of exp run side by side, the sums
 * stay in order. */
static inline struct lanes weigh_whole(float *at, uint32_t n_tiles, struct lanes minus, struct lanes partial)
{
    struct lanes weight[4];
    for (; n_tiles >= 4; n_tiles -= 4, at += 4 * LANES) {
        TL_UNROLL
        for (int t = 0; t < 4; t++)
            weight[t] = lanes_sub(lanes_load(at + t * LANES), minus);
        lanes_exp_several(weight, 4);
        TL_UNROLL
        for (int t = 0; t < 4; t++) {
            lanes_store(at + t * LANES, weight[t]);
            partial = lanes_add(partial, weight[t]);
        }
    }
    for (; n_tiles > 0; n_tiles--, at += LANES) {
        weight[0] = lanes_exp(lanes_sub(lanes_load(at), minus));
        lanes_store(at, weight[0]);
        partial = lanes_add(partial, weight[0]);
    }
    return partial;
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
    for (uint32_t tile = from; tile <= to; tile++, scores += LANES) {
        struct lanes weight = lanes_exp(lanes_sub(lanes_load(scores), minus));
        lanes_store(scores, weight);
        partial = seen(attend, row, tile, lanes_add(partial, weight), partial);
        if (tile == from && to > from + 1) {
            partial = weigh_whole(scores + LANES, to - from - 1, minus, partial);
            scores += (size_t)(to - from - 1) * LANES;
            tile = to - 1;
        }
    }
    float sum = fold(partial, false);
    if (attend->sinks)
        sum += tl_exp(attend->sinks[row] - max);
    *row_scratch(attend, stride, row) = sum;
}

/* --- values ------------------------------------------------------------------------------------------------------- */

/* The last v_dim mod 16 dimensions, which must not be read or written beyond. */
static void add_value_tail(enum tl_number_id id, const struct stretch *stretch, uint32_t n_rows, size_t d, size_t count)
{
    const bool blocks = id == TL_NUMBER_Q8_0;                   /* these are stored whole */
    size_t offset = blocks ? d / TL_PAGE_Q8_BLOCK * TL_PAGE_Q8_BYTES : d * page_elem_bytes(id);
    for (uint32_t i = 0; i < n_rows; i++) {
        struct lanes here, sum = lanes_load_first(stretch->out[i] + d, count);
        for (uint32_t k = 0; k < stretch->count; k++) {
            const uint8_t *value = stretch->values + k * stretch->value_bytes + offset;
            uint8_t copy[LANES * sizeof(float)] = { 0 };
            if (!blocks)
                memcpy(copy, value, count * page_elem_bytes(id));
            load_columns(id, 1, blocks ? value : copy, d % TL_PAGE_Q8_BLOCK, &here);
            sum = lanes_fma(lanes_set(stretch->weights[i][k]), here, sum);
        }
        lanes_store_first(stretch->out[i] + d, count, sum);
    }
}

/* Positions from..to-1 of the block's page, seen by all of its rows. */
static void add_stretch(const struct tl_attend *attend, size_t stride, const struct block *block, uint32_t from,
                        uint32_t to)
{
    enum tl_number_id id = block->value_id;
    struct stretch stretch = { .value_bytes = block->value_bytes, .count = to - from };
    stretch.values = block->bytes + from % TL_PAGE_TOKENS * stretch.value_bytes;
    stretch.ahead = block->ahead + from % TL_PAGE_TOKENS * stretch.value_bytes;
    for (uint32_t i = 0; i < block->n_rows; i++) {
        stretch.weights[i] = row_scores(attend, stride, block->row + i, from);
        stretch.out[i] = attend->out[block->row + i] + block->d_from;
    }
    size_t whole = block->n_dims / LANES * LANES;
    uint32_t n;
    for (size_t d = 0; d < whole; d += n * LANES)
        loops_for(id, block->n_rows, (whole - d) / LANES, &n)->add(&stretch, d);
    if (whole < block->n_dims)
        add_value_tail(id, &stretch, block->n_rows, whole, block->n_dims - whole);
}

/* Adds what one row sees of positions from..to-1. */
static void add_single(const struct tl_attend *attend, size_t stride, const struct block *block, uint32_t row,
                       uint32_t from, uint32_t to)
{
    struct block single = *block;
    single.row = row;
    single.n_rows = 1;
    from = most(from, attend->first[row]);
    to = least(to, attend->last[row] + 1);
    if (from < to)
        add_stretch(attend, stride, &single, from, to);
}

/* First the rows one by one up to the stretch that all of them see, then that, then the rows one by one from there. */
static void value_block(const struct tl_attend *attend, size_t stride, const struct block *block)
{
    uint32_t page_from = block->page * TL_PAGE_TOKENS, page_to = page_from + TL_PAGE_TOKENS;
    uint32_t from = most(block->all_first, page_from), to = least(block->all_last + 1, page_to);
    if (from >= to)
        from = to = page_to;
    for (uint32_t i = 0; i < block->n_rows && from > page_from; i++)
        add_single(attend, stride, block, block->row + i, page_from, from);
    if (from < to)
        add_stretch(attend, stride, block, from, to);
    for (uint32_t i = 0; i < block->n_rows && to < page_to; i++)
        add_single(attend, stride, block, block->row + i, to, page_to);
}

/* --- the passes --------------------------------------------------------------------------------------------------- */

static bool page_is_seen(const struct tl_attend *attend, uint32_t page, uint32_t row, uint32_t n_rows)
{
    for (uint32_t i = row; i < row + n_rows; i++)
        if (attend->first[i] / TL_PAGE_TOKENS <= page && attend->last[i] / TL_PAGE_TOKENS >= page)
            return true;
    return false;
}

static void see(const struct tl_attend *attend, struct block *block)
{
    block->any_first = block->all_last = UINT32_MAX;
    block->any_last = block->all_first = 0;
    for (uint32_t i = block->row; i < block->row + block->n_rows; i++) {
        uint32_t first = attend->first[i], last = attend->last[i];
        block->any_first = least(first, block->any_first);
        block->any_last = most(last, block->any_last);
        block->all_first = most(first, block->all_first);
        block->all_last = least(last, block->all_last);
    }
}

/* Blocks of 6, 4, 3, 2 rows; one row stays alone only where there is one. Six in all are two blocks of three: that is
 * decoding, where blocks that fetch ahead are better. */
static uint32_t block_rows(uint32_t n_rows, uint32_t left)
{
    return n_rows == 6 || left == 5 ? 3 : left == 7 || left == 8 ? 4 : left > 6 ? 6 : left;
}

/* The first page that some row sees, from `page` on; `end`: none. */
static uint32_t next_page(const struct tl_attend *attend, uint32_t page, uint32_t end)
{
    while (page < end && !page_is_seen(attend, page, 0, attend->n_rows))
        page++;
    return page;
}

static const uint8_t *page_bytes_at(const struct tl_attend *attend, uint32_t page, size_t offset)
{
    return (const uint8_t *)attend->pages[page] + attend->page_offset + offset;
}

/* Every block of rows takes the page while it is near. */
static void pass_page(const struct tl_attend *attend, size_t stride, struct block *block, bool values)
{
    for (block->row = 0; block->row < attend->n_rows; block->row += block->n_rows) {
        block->n_rows = block_rows(attend->n_rows, attend->n_rows - block->row);
        see(attend, block);
        if (!page_is_seen(attend, block->page, block->row, block->n_rows))
            continue;
        if (values)
            value_block(attend, stride, block);
        else
            score_block(attend, stride, block);
    }
}

/* The values of latent attention, strip by strip of the page's keys. */
static void pass_latent(const struct tl_attend *attend, size_t stride, const struct block *keys)
{
    struct strip strip;
    struct block block = *keys;
    block.bytes = block.ahead = (const uint8_t *)strip.at;
    block.value_id = TL_NUMBER_F32;
    block.value_bytes = sizeof(strip.at[0]);
    for (; block.d_from < attend->v_dim; block.d_from += STRIP_DIMS) {
        block.n_dims = least(attend->v_dim - block.d_from, STRIP_DIMS);
        open_strip(attend->format->id, attend->head_dim, keys->bytes, block.d_from, block.d_from + block.n_dims, &strip);
        pass_page(attend, stride, &block, true);
    }
}

/* One pass over the pages. */
static void pass(const struct tl_attend *attend, size_t stride, bool values)
{
    enum tl_number_id id = attend->format->id;
    size_t values_offset = attend->latent ? 0 : page_values_offset(id, attend->head_dim), offset = values ? values_offset : 0;
    uint32_t from = UINT32_MAX, end = 0;
    for (uint32_t i = 0; i < attend->n_rows; i++) {
        from = least(attend->first[i] / TL_PAGE_TOKENS, from);
        end = most(attend->last[i] / TL_PAGE_TOKENS + 1, end);
    }
    for (uint32_t next, page = from; page < end; page = next) {
        next = next_page(attend, page + 1, end);
        struct block block = { .page = page, .bytes = page_bytes_at(attend, page, offset), .value_id = id,
                               .value_bytes = page_value_bytes(id, attend->v_dim), .n_dims = attend->v_dim };
        block.ahead = next < end ? page_bytes_at(attend, next, offset) : page_bytes_at(attend, from, values_offset);
        if (values && attend->latent)
            pass_latent(attend, stride, &block);
        else
            pass_page(attend, stride, &block, values);
    }
}

static void attend_all(const struct tl_attend *attend)
{
    size_t stride = row_floats(attend);
    pass(attend, stride, false);
    for (uint32_t row = 0; row < attend->n_rows; row++) {
        weigh_row(attend, stride, row);
        memset(attend->out[row], 0, attend->v_dim * sizeof(float));
    }
    pass(attend, stride, true);
    for (uint32_t row = 0; row < attend->n_rows; row++) {
        struct lanes sum = lanes_set(*row_scratch(attend, stride, row));
        for (size_t n, d = 0; d < attend->v_dim; d += n) {
            n = attend->v_dim - d < LANES ? attend->v_dim - d : LANES;
            lanes_store_first(attend->out[row] + d, n, lanes_div(lanes_load_first(attend->out[row] + d, n), sum));
        }
    }
}

#endif
