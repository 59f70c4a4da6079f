/* SPDX-License-Identifier: MIT */
/* Routed experts: out[t] = sum over the experts of token t, ascending, of weight * expert(in[t]), one fma each from 0.
 *
 * Pairs of (token, expert) are grouped by expert. The store hands out experts as they become ready; their rows go through
 * gate and up, the unit, and down, as matrix products over all rows of an expert. With few pairs every row keeps its
 * place until the end, so experts may come in any order; with many the store is asked to keep the order and rows are
 * added at once. The bits are the same. */
#include <string.h>

#include "model/step.h"

enum { PANELS_A_PIECE = 8, ADD_PIECES = 64, CLEAR_ROWS = 64 };
#define NONE UINT32_MAX

void tl_experts_layout(struct tl_step *step, const struct tl_program *program, struct tl_arena *arena)
{
    const struct tl_geometry *g = step->geometry;
    struct tl_step_experts *e = &step->experts;
    uint64_t tokens = step->max_tokens, pairs = tokens * g->n_used;
    if (!g->n_experts)
        return;
    e->chosen = tl_arena_take(arena, pairs, sizeof(*e->chosen));
    e->weights = tl_arena_take(arena, pairs, sizeof(*e->weights));
    e->scratch = tl_arena_take(arena, (uint64_t)step->max_block * g->n_experts, sizeof(*e->scratch));
    e->pairs = tl_arena_take(arena, pairs, sizeof(*e->pairs));
    e->row_of = tl_arena_take(arena, TL_EXPERT_ROWS, sizeof(*e->row_of));
    e->first = tl_arena_take(arena, g->n_experts + 1u, sizeof(*e->first));
    e->asked = tl_arena_take(arena, g->n_experts, sizeof(*e->asked));
    e->row_pair = tl_arena_take(arena, TL_EXPERT_ROWS, sizeof(*e->row_pair));
    e->row_expert = tl_arena_take(arena, TL_EXPERT_ROWS, sizeof(*e->row_expert));
    e->gate = tl_arena_take(arena, (uint64_t)TL_EXPERT_ROWS * g->ff_expert, sizeof(float));
    e->up = tl_arena_take(arena, (uint64_t)TL_EXPERT_ROWS * g->ff_expert, sizeof(float));
    e->out = tl_arena_take(arena, (uint64_t)TL_EXPERT_ROWS * g->width, sizeof(float));
    for (int form = 0; form < TL_ACTS_FORMS; form++) {
        if (!program->acts_cols[form])
            continue;
        e->in[form] = (struct tl_acts){ .form = (enum tl_acts_form)form, .cols = g->width, .max_tokens = TL_EXPERT_ROWS };
        e->mid[form] = (struct tl_acts){ .form = (enum tl_acts_form)form, .cols = g->ff_expert, .max_tokens = TL_EXPERT_ROWS };
        e->in[form].data = tl_arena_take(arena, 1, tl_acts_bytes((enum tl_acts_form)form, TL_EXPERT_ROWS, g->width));
        e->mid[form].data = tl_arena_take(arena, 1, tl_acts_bytes((enum tl_acts_form)form, TL_EXPERT_ROWS, g->ff_expert));
    }
}

/* --- who goes where --- */

/* Groups the pairs by expert; returns how many experts are asked for. */
static uint32_t group_pairs(struct tl_step *s)
{
    const struct tl_geometry *g = s->geometry;
    struct tl_step_experts *e = &s->experts;
    uint32_t n_pairs = s->n_rows * g->n_used, n_asked = 0, at = 0;
    memset(e->first, 0, (g->n_experts + 1u) * sizeof(*e->first));
    for (uint32_t pair = 0; pair < n_pairs; pair++)
        e->first[e->chosen[pair]]++;
    for (uint32_t expert = 0; expert < g->n_experts; expert++) {
        uint32_t count = e->first[expert];
        e->first[expert] = at;
        at += count;
        if (count)
            e->asked[n_asked++] = expert;
    }
    for (uint32_t pair = 0; pair < n_pairs; pair++)
        e->pairs[e->first[e->chosen[pair]]++] = pair;
    for (uint32_t expert = g->n_experts; expert > 0; expert--)
        e->first[expert] = e->first[expert - 1];
    e->first[0] = 0;
    memset(e->row_of, 0xff, TL_EXPERT_ROWS * sizeof(*e->row_of));
    return n_asked;
}

/* --- work on rows --- */

static bool lone(const struct tl_step *s) { return s->n_rows == 1; }

static void gather_piece(void *context, uint32_t piece, uint32_t thread)
{
    struct tl_step *s = context;
    struct tl_step_experts *e = &s->experts;
    uint32_t row = lone(s) ? 0 : e->base_row + piece;
    enum tl_acts_form form = s->ops->form;
    uint32_t token = e->row_pair[row] / s->geometry->n_used;
    (void)thread;
    const float *x = tl_step_row(s, s->ops->in, token);
    s->kernel->acts_fill[form](x - (uint64_t)row * s->geometry->width, s->geometry->width, row, row + 1, &e->in[form]);
}

static void add_bias(const struct tl_step *s, int matrix, uint32_t expert, uint32_t width, float *row)
{
    struct tl_weight bias;
    if (s->ops->expert_bias[matrix] == TL_NO_WEIGHT)
        return;
    tl_store_pin(s->store, s->ops->expert_bias[matrix], &bias);
    s->kernel->add(row, (const float *)bias.data + (uint64_t)expert * width, width, row);
    tl_store_unpin(s->store, s->ops->expert_bias[matrix]);
}

static void unit_piece(void *context, uint32_t piece, uint32_t thread)
{
    struct tl_step *s = context;
    struct tl_step_experts *e = &s->experts;
    uint32_t row = e->base_row + piece, ff = s->geometry->ff_expert, expert = e->taken[e->row_expert[row]].expert;
    float *gate = e->gate + (uint64_t)row * ff, *up = e->up + (uint64_t)row * ff;
    (void)thread;
    add_bias(s, TL_BANK_GATE, expert, ff, gate);
    add_bias(s, TL_BANK_UP, expert, ff, up);
    tl_step_unit(s, gate, up, ff, gate);
    s->kernel->acts_fill[s->ops->down_form](e->gate, ff, row, row + 1, &e->mid[s->ops->down_form]);
}

static void add_pair(struct tl_step *s, uint32_t pair, uint32_t row)
{
    struct tl_step_experts *e = &s->experts;
    uint32_t width = s->geometry->width;
    float *from = e->out + (uint64_t)row * width;
    add_bias(s, TL_BANK_DOWN, e->chosen[pair], width, from);
    s->kernel->add_scaled(from, e->weights[pair], width, tl_step_row(s, s->ops->out, pair / s->geometry->n_used));
}

/* Few pairs: adds what waits for a token, in the order of its slots, which is that of the experts. */
static void sum_piece(void *context, uint32_t token, uint32_t thread)
{
    struct tl_step *s = context;
    struct tl_step_experts *e = &s->experts;
    (void)thread;
    for (uint32_t slot = 0; slot < s->geometry->n_used; slot++) {
        uint32_t pair = token * s->geometry->n_used + slot;
        if (e->row_of[pair] != NONE)
            add_pair(s, pair, e->row_of[pair]);
    }
}

/* Many pairs: adds the rows in work, whose order is that of the experts, to a share of the tokens. */
static void add_piece(void *context, uint32_t piece, uint32_t thread)
{
    struct tl_step *s = context;
    struct tl_step_experts *e = &s->experts;
    uint32_t share = (s->n_rows + ADD_PIECES - 1) / ADD_PIECES, from = piece * share;
    (void)thread;
    for (uint32_t row = e->base_row; row < e->n_rows; row++) {
        uint32_t token = e->row_pair[row] / s->geometry->n_used;
        if (token - from < share)        /* unsigned: from <= token too */
            add_pair(s, e->row_pair[row], row);
    }
}

static void clear_piece(void *context, uint32_t piece, uint32_t thread)
{
    struct tl_step *s = context;
    uint64_t width = s->geometry->width;
    uint32_t from = piece * CLEAR_ROWS, to = from + CLEAR_ROWS < s->n_rows ? from + CLEAR_ROWS : s->n_rows;
    (void)thread;
    memset(tl_step_row(s, s->ops->out, from), 0, (to - from) * width * sizeof(float));
}

/* --- products --- */

static uint32_t pieces_of(const struct tl_weight *weight)
{
    return ((weight->rows + TL_PANEL_ROWS - 1) / TL_PANEL_ROWS + PANELS_A_PIECE - 1) / PANELS_A_PIECE;
}

static void run_product(struct tl_step *s, uint32_t index, int matrix, uint32_t piece, uint32_t thread)
{
    struct tl_step_experts *e = &s->experts;
    const struct tl_weight *w = &e->taken[index].matrix[matrix];
    bool down = matrix == TL_BANK_DOWN;
    float *to = down ? e->out : matrix == TL_BANK_GATE ? e->gate : e->up;
    uint32_t panels = (w->rows + TL_PANEL_ROWS - 1) / TL_PANEL_ROWS, from = piece * PANELS_A_PIECE, first = e->row_first[index];
    bool shared = lone(s) && !down;              /* one token: all experts read the same row of acts */
    struct tl_product product = {
        .number = w->number, .panels = w->data, .rows = w->rows, .cols = w->cols,
        .acts = down ? &e->mid[s->ops->down_form] : &e->in[s->ops->form],
        .token_from = shared ? 0 : first, .token_to = shared ? 1 : e->row_first[index + 1],
        .out = shared ? to + (uint64_t)first * w->rows : to, .out_stride = w->rows,
        .scratch = s->product_scratch + thread * s->product_scratch_bytes,
    };
    enum tl_acts_form form = down ? s->ops->down_form : s->ops->form;
    s->kernel->product[form](&product, from, from + PANELS_A_PIECE < panels ? from + PANELS_A_PIECE : panels);
}

static void product_piece(void *context, uint32_t piece, uint32_t thread)
{
    struct tl_step *s = context;
    struct tl_step_experts *e = &s->experts;
    for (uint32_t i = 0; i < e->n_taken; i++) {
        for (int matrix = e->down ? TL_BANK_DOWN : TL_BANK_GATE; matrix <= (e->down ? TL_BANK_DOWN : TL_BANK_UP); matrix++) {
            uint32_t pieces = e->row_first[i + 1] > e->row_first[i] ? pieces_of(&e->taken[i].matrix[matrix]) : 0;
            if (piece < pieces) {
                run_product(s, i, matrix, piece, thread);
                return;
            }
            piece -= pieces;
        }
    }
}

static void run_products(struct tl_step *s, struct tl_pool *pool, bool down)
{
    struct tl_step_experts *e = &s->experts;
    uint32_t pieces = 0;
    e->down = down;
    for (uint32_t i = 0; i < e->n_taken; i++)
        if (e->row_first[i + 1] > e->row_first[i])
            pieces += down ? pieces_of(&e->taken[i].matrix[TL_BANK_DOWN])
                           : pieces_of(&e->taken[i].matrix[TL_BANK_GATE]) + pieces_of(&e->taken[i].matrix[TL_BANK_UP]);
    tl_pool_run(pool, pieces, product_piece, s);
}

/* --- all of it --- */

static void run_rows(struct tl_step *s, struct tl_pool *pool)
{
    uint32_t n = s->experts.n_rows - s->experts.base_row;
    tl_pool_run(pool, lone(s) ? 1 : n, gather_piece, s);
    run_products(s, pool, false);
    tl_pool_run(pool, n, unit_piece, s);
    run_products(s, pool, true);
}

/* Where the experts just taken have got to: expert `index` of them has `done` of its pairs behind it. */
struct place { uint32_t index, done; };

/* Puts pairs into rows base_row, base_row + 1, ... until the experts or the rows are used up. */
static void fill_rows(struct tl_step *s, struct place *at, bool few)
{
    struct tl_step_experts *e = &s->experts;
    e->n_rows = e->base_row;
    for (uint32_t i = 0; i < e->n_taken; i++) {
        uint32_t first = e->first[e->taken[i].expert], n = e->first[e->taken[i].expert + 1] - first;
        e->row_first[i] = e->n_rows;
        for (; i == at->index && at->done < n && e->n_rows < TL_EXPERT_ROWS; at->done++, e->n_rows++) {
            uint32_t pair = e->pairs[first + at->done];
            e->row_pair[e->n_rows] = pair;
            e->row_expert[e->n_rows] = i;
            if (few)
                e->row_of[pair] = e->n_rows;
        }
        if (i == at->index && at->done == n)
            *at = (struct place){ i + 1, 0 };
    }
    e->row_first[e->n_taken] = e->n_rows;
}

/* Shows rows from .. n_rows - 1, their outputs complete. */
static void show(struct tl_step *s, uint32_t from)
{
    const struct tl_step_experts *e = &s->experts;
    const struct tl_geometry *g = s->geometry;
    struct tl_seen seen = {
        .op = s->ops, .n_rows = e->n_rows - from, .in = e->gate + (uint64_t)from * g->ff_expert, .in_width = g->ff_expert,
        .out = e->out + (uint64_t)from * g->width, .out_width = g->width, .chosen = e->chosen, .weights = e->weights,
        .pair = e->row_pair + from,
    };
    if (tl_step_seen(s, s->ops) && seen.n_rows)
        s->batch->tap->seen(s->batch->tap->context, &seen);
}

/* All pairs of the experts just taken. `few`: every row keeps its place until all experts have come. */
static void work_off(struct tl_step *s, struct tl_pool *pool, bool few)
{
    struct tl_step_experts *e = &s->experts;
    for (struct place at = { 0, 0 }; at.index < e->n_taken;) {
        fill_rows(s, &at, few);
        run_rows(s, pool);
        if (few) {
            e->base_row = e->n_rows;
        } else {
            tl_pool_run(pool, ADD_PIECES, add_piece, s);
            show(s, e->base_row);
        }
    }
}

int tl_experts_run(struct tl_step *s, struct tl_pool *pool)
{
    struct tl_step_experts *e = &s->experts;
    uint32_t n_asked = group_pairs(s), bank = s->ops->weight;
    tl_pool_run(pool, (s->n_rows + CLEAR_ROWS - 1) / CLEAR_ROWS, clear_piece, s);
    bool few = s->n_rows * s->geometry->n_used <= TL_EXPERT_ROWS;
    e->base_row = 0;
    int status = tl_store_ask(s->store, bank, e->asked, n_asked, !few);
    if (status >= 0)
        tl_lookahead_run(s, s->program, s->ops->layer + 1, s->ops);
    while (status >= 0 && (status = tl_store_take(s->store, e->taken, TL_EXPERTS_TAKEN)) > 0) {
        e->n_taken = (uint32_t)status;
        work_off(s, pool, few);
        tl_store_give(s->store, bank, e->taken, e->n_taken);
        tl_lookahead_all(s, s->program);
    }
    if (few && status >= 0) {
        tl_pool_run(pool, s->n_rows, sum_piece, s);
        show(s, 0);
    }
    return status;
}
