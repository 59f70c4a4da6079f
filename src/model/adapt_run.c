/* SPDX-License-Identifier: MIT */
/* Adapters at work behind a stage of products: the stage's input unrounded, A of it, then B of that, some rows of tokens and
 * panels at a time, added to what is there. Both products take their terms in the order of columns, whatever the pieces. */
#include "model/adapt.h"
#include "model/step.h"

enum { FEW_TOKENS = 8, ROWS_A_PIECE = 4, TOKENS_A_TILE = 32, PANELS_A_PIECE = 8, PANELS_OF_A = 2, ALONE = 1 << 16 };

static uint32_t pieces_of(uint32_t n, uint32_t each) { return (n + each - 1) / each; }
static uint32_t panels_of(uint32_t rows) { return pieces_of(rows, TL_PANEL_ROWS); }

/* --- memory ------------------------------------------------------------------------------------------------------- */

/* Operations of one stage have places of their own, those of another take them again. */
static void lay_mids(struct tl_adapt *adapt, uint32_t max_rows, struct tl_arena *batch)
{
    uint64_t most = 0, most_acts = 0, at = 0, at_acts = 0;
    for (int counted = 0; counted < 2; counted++) {
        float *mid = counted ? tl_arena_take(batch, most, sizeof(float)) : NULL;
        uint8_t *acts = counted ? tl_arena_take(batch, most_acts, 1) : NULL;
        for (uint32_t i = 0; i < adapt->n_matrices; i++) {
            struct tl_adapt_matrix *m = &adapt->matrices[i];
            bool begins = i == 0 || m->stage != m[-1].stage;
            at = begins ? 0 : at;
            at_acts = begins ? 0 : at_acts;
            m->mid = mid ? mid + at : NULL;
            m->mid_acts = (struct tl_acts){ .form = TL_ACTS_F32, .cols = m->rank, .max_tokens = max_rows, .data = acts ? acts + at_acts : NULL };
            at += (uint64_t)max_rows * m->rank;
            at_acts += (tl_acts_bytes(TL_ACTS_F32, max_rows, m->rank) + TL_ARENA_ALIGN - 1) / TL_ARENA_ALIGN * TL_ARENA_ALIGN;
            most = at > most ? at : most;
            most_acts = at_acts > most_acts ? at_acts : most_acts;
        }
    }
}

void tl_adapt_layout(struct tl_adapt *adapt, uint32_t max_rows, uint32_t threads, struct tl_arena *weights, struct tl_arena *batch)
{
    const struct tl_number *f32 = tl_number(TL_NUMBER_F32);
    for (uint32_t i = 0; i < adapt->n_matrices; i++) {
        struct tl_adapt_matrix *m = &adapt->matrices[i];
        m->a = tl_arena_take(weights, panels_of(m->rank), tl_panel_bytes(f32, m->cols));
        m->b = tl_arena_take(weights, panels_of(m->rows), tl_panel_bytes(f32, m->rank));
    }
    lay_mids(adapt, max_rows, batch);
    adapt->in = (struct tl_acts){ .form = TL_ACTS_F32, .max_tokens = max_rows };
    adapt->in.data = tl_arena_take(batch, 1, tl_acts_bytes(TL_ACTS_F32, max_rows, adapt->most_cols));
    adapt->scratch_floats = (uint64_t)TOKENS_A_TILE * PANELS_A_PIECE * TL_PANEL_ROWS;
    adapt->scratch = tl_arena_take(batch, threads, adapt->scratch_floats * sizeof(float));
}

/* --- one stage ---------------------------------------------------------------------------------------------------- */

/* The matrices of a stage; those whose first product runs read `in` and are [from, to). */
struct work {
    struct tl_step *step;
    struct tl_adapt_matrix *matrix[TL_STAGE_OPS];
    uint32_t n, from, to;
    enum tl_stream in;
};

static struct tl_product product_of(const struct tl_step *s, const uint8_t *panels, uint32_t rows, uint32_t cols, const struct tl_acts *acts,
                                    uint32_t thread)
{
    return (struct tl_product){ .number = tl_number(TL_NUMBER_F32), .panels = panels, .rows = rows, .cols = cols, .acts = acts,
                                .scratch = s->product_scratch + thread * s->product_scratch_bytes };
}

static void fill_rows(const struct work *w, uint32_t from, uint32_t to)
{
    const struct tl_step *s = w->step;
    struct tl_acts acts = s->adapt->in;
    s->kernel->acts_fill[TL_ACTS_F32](s->stream[w->in], acts.cols, from, to, &acts);
}

static void fill_piece(void *context, uint32_t piece, uint32_t thread)
{
    const struct work *w = context;
    uint32_t from = piece * ROWS_A_PIECE, to = from + ROWS_A_PIECE;
    (void)thread;
    fill_rows(w, from, to < w->step->n_rows ? to : w->step->n_rows);
}

/* mid = A in: tiles of tokens by pieces of panels. */
static uint32_t down_pieces(const struct work *w, const struct tl_adapt_matrix *m)
{
    return pieces_of(w->step->n_rows, TOKENS_A_TILE) * pieces_of(panels_of(m->rank), PANELS_OF_A);
}

static void down_piece(void *context, uint32_t piece, uint32_t thread)
{
    const struct work *w = context;
    struct tl_step *s = w->step;
    uint32_t i = w->from;
    for (; piece >= down_pieces(w, w->matrix[i]); i++)
        piece -= down_pieces(w, w->matrix[i]);
    const struct tl_adapt_matrix *m = w->matrix[i];
    uint32_t of_a = pieces_of(panels_of(m->rank), PANELS_OF_A), tile = piece / of_a * TOKENS_A_TILE, from = piece % of_a * PANELS_OF_A;
    struct tl_product product = product_of(s, m->a, m->rank, m->cols, &s->adapt->in, thread);
    product.token_from = tile;
    product.token_to = tile + TOKENS_A_TILE < s->n_rows ? tile + TOKENS_A_TILE : s->n_rows;
    product.out = m->mid;
    product.out_stride = m->rank;
    s->kernel->product[TL_ACTS_F32](&product, from, from + PANELS_OF_A < panels_of(m->rank) ? from + PANELS_OF_A : panels_of(m->rank));
}

/* out += B mid: pieces of panels, all tokens. */
static void up_tile(struct tl_step *s, struct tl_product *product, const struct tl_adapt_matrix *m, uint32_t from, uint32_t to, float *scratch)
{
    uint32_t row = from * TL_PANEL_ROWS, n = (to * TL_PANEL_ROWS < m->rows ? to * TL_PANEL_ROWS : m->rows) - row;
    product->out_stride = PANELS_A_PIECE * TL_PANEL_ROWS;
    product->out = scratch - product->token_from * product->out_stride - row;
    s->kernel->product[TL_ACTS_F32](product, from, to);
    for (uint32_t token = product->token_from; token < product->token_to; token++) {
        float *out = tl_step_row(s, m->out, token) + row;
        s->kernel->add(out, scratch + (token - product->token_from) * product->out_stride, n, out);
    }
}

static void up_piece(void *context, uint32_t piece, uint32_t thread)
{
    const struct work *w = context;
    struct tl_step *s = w->step;
    uint32_t i = 0;
    for (; piece >= pieces_of(panels_of(w->matrix[i]->rows), PANELS_A_PIECE); i++)
        piece -= pieces_of(panels_of(w->matrix[i]->rows), PANELS_A_PIECE);
    const struct tl_adapt_matrix *m = w->matrix[i];
    uint32_t from = piece * PANELS_A_PIECE, to = from + PANELS_A_PIECE < panels_of(m->rows) ? from + PANELS_A_PIECE : panels_of(m->rows);
    struct tl_product product = product_of(s, m->b, m->rows, m->rank, &m->mid_acts, thread);
    for (uint32_t tile = 0; tile < s->n_rows; tile += TOKENS_A_TILE) {
        product.token_from = tile;
        product.token_to = tile + TOKENS_A_TILE < s->n_rows ? tile + TOKENS_A_TILE : s->n_rows;
        up_tile(s, &product, m, from, to, s->adapt->scratch + thread * s->adapt->scratch_floats);
    }
}

/* So few multiplications are done before other threads would have begun. */
static void run_pieces(struct work *w, struct tl_pool *pool, uint32_t pieces, tl_pool_work run, uint64_t multiplications)
{
    if (multiplications > ALONE)
        tl_pool_run(pool, pieces, run, w);
    else
        for (uint32_t i = 0; i < pieces; i++)
            run(w, i, 0);
}

/* The first products of matrices that follow each other and read the same stream. */
static void run_down(struct work *w, struct tl_pool *pool)
{
    struct tl_step *s = w->step;
    uint32_t pieces = 0;
    uint64_t multiplications = 0;
    w->in = w->matrix[w->from]->in;
    s->adapt->in.cols = w->matrix[w->from]->cols;
    if (s->n_rows <= FEW_TOKENS)
        fill_rows(w, 0, s->n_rows);
    else
        tl_pool_run(pool, pieces_of(s->n_rows, ROWS_A_PIECE), fill_piece, w);
    for (w->to = w->from; w->to < w->n && w->matrix[w->to]->in == w->in; w->to++) {
        pieces += down_pieces(w, w->matrix[w->to]);
        multiplications += (uint64_t)s->n_rows * w->matrix[w->to]->rank * w->matrix[w->to]->cols;
    }
    run_pieces(w, pool, pieces, down_piece, multiplications);
    for (uint32_t i = w->from; i < w->to; i++)
        s->kernel->acts_fill[TL_ACTS_F32](w->matrix[i]->mid, w->matrix[i]->rank, 0, s->n_rows, &w->matrix[i]->mid_acts);
}

void tl_adapt_run(struct tl_step *s, struct tl_pool *pool)
{
    struct work w = { .step = s };
    uint32_t first = (uint32_t)(s->ops - s->program->ops), pieces = 0;
    uint64_t multiplications = 0;
    for (uint32_t i = 0; i < s->n_ops; i++)
        if (s->adapt->of_op[first + i] != UINT32_MAX) {
            w.matrix[w.n++] = &s->adapt->matrices[s->adapt->of_op[first + i]];
            pieces += pieces_of(panels_of(w.matrix[w.n - 1]->rows), PANELS_A_PIECE);
            multiplications += (uint64_t)s->n_rows * w.matrix[w.n - 1]->rank * w.matrix[w.n - 1]->rows;
        }
    for (; w.from < w.n; w.from = w.to)
        run_down(&w, pool);
    run_pieces(&w, pool, pieces, up_piece, multiplications);
}
