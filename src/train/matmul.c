/* SPDX-License-Identifier: MIT */
/* Products cut into blocks of rows, columns and depth. Both operands of a block are copied into the forms that the product
 * kernels read (rows of activations, panels of 16 rows), which stay in the second cache while the block is computed; sums
 * wait in c from one depth to the next. One accumulator takes the terms of an output in order, however it is cut. */
#include "train/matmul.h"

#include <string.h>

enum { ROWS = 240, COLS = 512, DEPTH = 256, STRIP = 48, TURN = 4, PIECES_A_THREAD = 2 };

struct place { uint8_t *acts; float *panels, *turned, *decoded; uint8_t *scratch; };

struct tl_matmul_room {
    struct place *places;                /* one a thread */
    uint32_t n_threads;
    /* the product that runs */
    const struct tl_kernel *kernel;
    const struct tl_matmul *product;
};

static uint32_t least(uint32_t a, uint32_t b) { return a < b ? a : b; }

int tl_matmul_layout(struct tl_arena *arena, uint32_t n_threads, uint32_t most_inner, struct tl_matmul_room **ret_room)
{
    struct tl_matmul_room *room = tl_arena_take(arena, 1, sizeof(*room));
    struct place *places = tl_arena_take(arena, n_threads, sizeof(*places));
    uint32_t deepest = most_inner > DEPTH ? most_inner : DEPTH;
    for (uint32_t i = 0; i < n_threads; i++) {
        struct place place;
        place.acts = tl_arena_take(arena, 1, tl_acts_bytes(TL_ACTS_F32, ROWS, deepest));
        place.panels = tl_arena_take(arena, (uint64_t)DEPTH * COLS, sizeof(float));
        place.turned = tl_arena_take(arena, (uint64_t)deepest * TL_PANEL_ROWS, sizeof(float));
        place.decoded = tl_arena_take(arena, COLS, sizeof(float));
        place.scratch = tl_arena_take(arena, 1, tl_product_scratch_bytes());
        if (places)
            places[i] = place;
    }
    *ret_room = room;
    if (room)
        *room = (struct tl_matmul_room){ .places = places, .n_threads = n_threads };
    return 0;
}

/* --- copies ----------------------------------------------------------------------------------------------------------- */

typedef float four __attribute__((vector_size(16), aligned(4)));

/* to[k][i] = from[i][k] of four by four */
static inline void turn4(const float *from, size_t step, float *to, size_t to_step)
{
    four a = *(const four *)from, b = *(const four *)(from + step), c = *(const four *)(from + 2 * step), d = *(const four *)(from + 3 * step);
    four ab = __builtin_shufflevector(a, b, 0, 4, 1, 5), ab2 = __builtin_shufflevector(a, b, 2, 6, 3, 7);
    four cd = __builtin_shufflevector(c, d, 0, 4, 1, 5), cd2 = __builtin_shufflevector(c, d, 2, 6, 3, 7);
    *(four *)to = __builtin_shufflevector(ab, cd, 0, 1, 4, 5);
    *(four *)(to + to_step) = __builtin_shufflevector(ab, cd, 2, 3, 6, 7);
    *(four *)(to + 2 * to_step) = __builtin_shufflevector(ab2, cd2, 0, 1, 4, 5);
    *(four *)(to + 3 * to_step) = __builtin_shufflevector(ab2, cd2, 2, 3, 6, 7);
}

/* to[k][i] = from[i][k], i below rows, k below cols */
static void turn(const float *from, size_t step, uint32_t rows, uint32_t cols, float *to, size_t to_step)
{
    uint32_t i = 0;
    for (; i + TURN <= rows; i += TURN) {
        uint32_t k = 0;
        for (; k + TURN <= cols; k += TURN)
            turn4(from + i * step + k, step, to + k * to_step + i, to_step);
        for (; k < cols; k++)
            for (uint32_t r = i; r < i + TURN; r++)
                to[k * to_step + r] = from[r * step + k];
    }
    for (; i < rows; i++)
        for (uint32_t k = 0; k < cols; k++)
            to[k * to_step + i] = from[i * step + k];
}

/* Rows of a, from (row, k) on. */
static void fill_acts(const struct tl_matmul_room *room, const struct place *place, uint32_t row, uint32_t rows, uint32_t k, struct tl_acts *acts)
{
    const struct tl_operand *a = &room->product->a;
    const float *from = a->data + row * a->row_step + k * a->inner_step;
    if (a->inner_step == 1) {
        room->kernel->acts_fill[acts->form](from, a->row_step, 0, rows, acts);
        return;
    }
    for (uint32_t i = 0; i < rows; i += TL_PANEL_ROWS) {
        uint32_t n = least(rows - i, TL_PANEL_ROWS);
        for (uint32_t at = 0; at < acts->cols; at += DEPTH) {        /* of a weight all of the depth at once */
            uint32_t depth = least(acts->cols - at, DEPTH);
            turn(from + i + at * a->inner_step, a->inner_step, depth, n, place->turned + at, acts->cols);
        }
        room->kernel->acts_fill[acts->form](place->turned - (size_t)i * acts->cols, acts->cols, i, i + n, acts);
    }
}

/* Rows k .. k + depth - 1 of a weight that is transposed, columns j .. j + n - 1, into panels [depth][16]. */
static void decode_panels(const struct tl_matmul_room *room, const struct place *place, uint32_t j, uint32_t n, uint32_t k, uint32_t depth)
{
    const struct tl_weight *w = room->product->b.weight;
    const struct tl_number *number = w->number;
    uint64_t panel_bytes = tl_panel_bytes(number, w->cols), before = j / number->panel_elems * tl_panel_bytes(number, number->panel_elems);
    for (uint32_t i = 0; i < depth; i++) {
        const uint8_t *panel = (const uint8_t *)w->data + (k + i) / TL_PANEL_ROWS * panel_bytes + before;
        tl_panel_row_decode(number, panel, (k + i) % TL_PANEL_ROWS, n, place->decoded);
        for (uint32_t p = 0; p * TL_PANEL_ROWS < n; p++)
            memcpy(place->panels + ((size_t)p * depth + i) * TL_PANEL_ROWS, place->decoded + p * TL_PANEL_ROWS,
                   least(n - p * TL_PANEL_ROWS, TL_PANEL_ROWS) * sizeof(float));
    }
}

/* Rows [depth] of n values, step apart, into panels. */
static void copy_panels(const float *from, size_t step, uint32_t n, uint32_t depth, float *panels)
{
    uint32_t whole = n / TL_PANEL_ROWS, rest = n % TL_PANEL_ROWS;
    for (uint32_t i = 0; i < depth; i++, from += step, panels += TL_PANEL_ROWS) {
        for (uint32_t p = 0; p < whole; p++)
            memcpy(panels + (size_t)p * depth * TL_PANEL_ROWS, from + p * TL_PANEL_ROWS, TL_PANEL_ROWS * sizeof(float));
        memcpy(panels + (size_t)whole * depth * TL_PANEL_ROWS, from + whole * TL_PANEL_ROWS, rest * sizeof(float));
    }
}

static void fill_panels(const struct tl_matmul_room *room, const struct place *place, uint32_t j, uint32_t n, uint32_t k, uint32_t depth)
{
    const struct tl_operand *b = &room->product->b;
    if (b->weight) {
        decode_panels(room, place, j, n, k, depth);
        return;
    }
    if (b->inner_step != 1) {
        copy_panels(b->data + j + k * b->inner_step, b->inner_step, n, depth, place->panels);
        return;
    }
    for (uint32_t p = 0; p * TL_PANEL_ROWS < n; p++)
        turn(b->data + (j + p * TL_PANEL_ROWS) * b->row_step + k, b->row_step, least(n - p * TL_PANEL_ROWS, TL_PANEL_ROWS), depth,
             place->panels + (size_t)p * depth * TL_PANEL_ROWS, TL_PANEL_ROWS);
}

/* To nearest even, subnormals to zero, NaN quiet. */
static inline uint32_t round_bf16(uint32_t bits)
{
    uint32_t rounded = (bits + 0x7fff + (bits >> 16 & 1)) >> 16, size = bits & 0x7fffffff;
    rounded = size < 0x00800000 ? bits >> 31 << 15 : rounded;
    return size > 0x7f800000 ? bits >> 16 | 0x40 : rounded;
}

/* Panels of f32 become panels of bf16 in place: [depth / 2][16][2]. An odd last column is paired with zero. */
static void halve_panels(float *panels, uint32_t n, uint32_t depth)
{
    uint32_t n_panels = (n + TL_PANEL_ROWS - 1) / TL_PANEL_ROWS, pairs = (depth + 1) / 2, from[2][TL_PANEL_ROWS], to[TL_PANEL_ROWS];
    for (uint32_t p = 0; p < n_panels; p++)
        for (uint32_t i = 0; i < pairs; i++) {
            memset(from[1], 0, sizeof(from[1]));
            memcpy(from, panels + ((size_t)p * depth + 2 * i) * TL_PANEL_ROWS, sizeof(from[0]) * (2 * i + 1 < depth ? 2 : 1));
            for (uint32_t r = 0; r < TL_PANEL_ROWS; r++)
                to[r] = round_bf16(from[0][r]) | round_bf16(from[1][r]) << 16;
            memcpy(panels + ((size_t)p * pairs + i) * TL_PANEL_ROWS, to, sizeof(to));
        }
}

/* --- blocks ----------------------------------------------------------------------------------------------------------- */

/* Rows i .. i + m - 1 and columns j .. j + n - 1 of c. */
struct block { uint32_t i, m, j, n; };

/* A weight's own panels: all of the depth at once. */
static bool from_panels(const struct tl_matmul *p) { return p->b.weight && !p->b.transposed; }

static void multiply(const struct tl_matmul_room *room, const struct place *place, const struct block *block, uint32_t k, uint32_t depth, bool bf16)
{
    const struct tl_matmul *p = room->product;
    const struct tl_weight *w = p->b.weight;
    struct tl_acts acts = { .form = bf16 ? TL_ACTS_BF16 : TL_ACTS_F32, .cols = depth, .max_tokens = ROWS, .data = place->acts };
    bool own = from_panels(p);
    struct tl_product product = {
        .number = own ? w->number : tl_number(bf16 ? TL_NUMBER_BF16 : TL_NUMBER_F32), .cols = depth, .acts = &acts, .rows = own ? w->rows : block->n,
        .panels = own ? w->data : (const uint8_t *)place->panels, .out_stride = p->c_step, .add = p->add || k > 0, .scratch = place->scratch,
    };
    uint32_t first = own ? block->j / TL_PANEL_ROWS : 0;
    for (uint32_t i = 0; i < block->m; i += ROWS) {
        uint32_t rows = least(block->m - i, ROWS);
        fill_acts(room, place, block->i + i, rows, k, &acts);
        product.token_to = rows;
        product.out = p->c + (block->i + i) * p->c_step + (own ? 0 : block->j);
        room->kernel->product[acts.form](&product, first, first + (block->n + TL_PANEL_ROWS - 1) / TL_PANEL_ROWS);
    }
}

static void run_block(const struct tl_matmul_room *room, const struct place *place, const struct block *block)
{
    const struct tl_matmul *p = room->product;
    bool own = from_panels(p), bf16 = p->bf16 && (!own || p->b.weight->number->id == TL_NUMBER_BF16);
    uint32_t step = own ? p->inner : DEPTH;
    for (uint32_t k = 0; k < p->inner; k += step) {
        uint32_t depth = least(p->inner - k, step);
        if (!own)
            fill_panels(room, place, block->j, block->n, k, depth);
        if (!own && bf16)
            halve_panels(place->panels, block->n, depth);
        multiply(room, place, block, k, depth, bf16);
    }
}

/* --- pieces ----------------------------------------------------------------------------------------------------------- */

struct cut { uint32_t n_rows, rows, n_cols, cols; };

static uint32_t even_share(uint32_t all, uint32_t most, uint32_t multiple)
{
    uint32_t n = (all + most - 1) / most, share = (all + n - 1) / n;
    return least((share + multiple - 1) / multiple * multiple, most);
}

/* A piece is a block of rows by as many columns as its panels have room for, fewer where threads would be without work. A
 * transposed weight is decoded once for all rows. */
static struct cut cut_of(const struct tl_matmul_room *room, const struct tl_matmul *p)
{
    bool decodes = p->b.weight && p->b.transposed;
    struct cut cut = { .rows = decodes ? p->m : even_share(p->m, ROWS, STRIP), .cols = decodes ? TL_NUMBER_MAX_BLOCK : even_share(p->n, COLS, 2 * TL_PANEL_ROWS) };
    cut.n_rows = (p->m + cut.rows - 1) / cut.rows;
    if (!decodes && cut.n_rows * ((p->n + cut.cols - 1) / cut.cols) < PIECES_A_THREAD * room->n_threads)
        cut.cols = even_share(p->n, COLS / 2, 2 * TL_PANEL_ROWS);
    cut.n_cols = (p->n + cut.cols - 1) / cut.cols;
    return cut;
}

static void run_piece(void *context, uint32_t piece, uint32_t thread)
{
    const struct tl_matmul_room *room = context;
    const struct tl_matmul *p = room->product;
    struct cut cut = cut_of(room, p);
    struct block block = { .i = piece / cut.n_cols * cut.rows, .j = piece % cut.n_cols * cut.cols };
    block.m = least(p->m - block.i, cut.rows);
    block.n = least(p->n - block.j, cut.cols);
    run_block(room, &room->places[thread], &block);
}

void tl_matmul_run(struct tl_matmul_room *room, struct tl_pool *pool, const struct tl_kernel *kernel, const struct tl_matmul *product)
{
    if (!product->m || !product->n)
        return;
    struct cut cut = cut_of(room, product);
    room->kernel = kernel;
    room->product = product;
    tl_pool_run(pool, cut.n_rows * cut.n_cols, run_piece, room);
}

void tl_matmul_piece(struct tl_matmul_room *room, uint32_t thread, const struct tl_kernel *kernel, const struct tl_matmul *product)
{
    if (!product->m || !product->n)
        return;
    struct tl_matmul_room own = { .places = room->places, .n_threads = 1, .kernel = kernel, .product = product };
    struct cut cut = cut_of(&own, product);
    for (uint32_t piece = 0; piece < cut.n_rows * cut.n_cols; piece++)
        run_piece(&own, piece, thread);
}
