/* SPDX-License-Identifier: MIT */
/* What each kind of stage does with the rows at hand: one parallel region, or a few, over pieces whose borders change no
 * bit. */
#include "model/adapt.h"
#include "model/step.h"

enum { ROWS_A_PIECE = 4, FEW_TOKENS = 8 };

/* --- rows --- */

static void rows_piece(void *context, uint32_t piece, uint32_t thread)
{
    struct tl_step *s = context;
    uint32_t from = piece * ROWS_A_PIECE, to = from + ROWS_A_PIECE;
    (void)thread;
    tl_step_rows(s, from, to < s->n_rows ? to : s->n_rows);
}

/* --- products --- */

static uint32_t pieces_of(const struct tl_step *s, uint32_t op)
{
    uint32_t panels = (s->weight[op].rows + TL_PANEL_ROWS - 1) / TL_PANEL_ROWS;
    return (panels + s->panels_a_piece - 1) / s->panels_a_piece;
}

static void add_bias(struct tl_step *s, const struct tl_op *op, const float *bias, uint32_t from, uint32_t to)
{
    for (uint32_t row = 0; row < s->n_rows; row++) {
        float *out = tl_step_row(s, op->out, row) + from;
        s->kernel->add(out, bias + from, to - from, out);
    }
}

static void products_piece(void *context, uint32_t piece, uint32_t thread)
{
    struct tl_step *s = context;
    uint32_t i = 0;
    for (; piece >= pieces_of(s, i); i++)
        piece -= pieces_of(s, i);
    const struct tl_op *op = &s->ops[i];
    uint32_t rows = s->weight[i].rows, panels = (rows + TL_PANEL_ROWS - 1) / TL_PANEL_ROWS;
    uint32_t from = piece * s->panels_a_piece, to = from + s->panels_a_piece < panels ? from + s->panels_a_piece : panels;
    struct tl_acts acts = s->acts[op->form];
    acts.cols = op->cols;
    struct tl_product product = {
        .number = s->weight[i].number, .panels = s->weight[i].data, .rows = rows, .cols = op->cols, .acts = &acts,
        .token_from = 0, .token_to = s->n_rows, .out = s->stream[op->out] + s->first_row, .out_stride = tl_stream_width(s->geometry, op->out),
        .scratch = s->product_scratch + thread * s->product_scratch_bytes,
    };
    s->kernel->product[op->form](&product, from, to);
    uint32_t row_to = to * TL_PANEL_ROWS < rows ? to * TL_PANEL_ROWS : rows;
    if (op->bias != TL_NO_WEIGHT)
        add_bias(s, op, s->bias[i].data, from * TL_PANEL_ROWS, row_to);
}

static void run_products(struct tl_step *s, struct tl_pool *pool)
{
    uint32_t pieces = 0;
    s->panels_a_piece = s->n_rows <= FEW_TOKENS ? 8 : 4;
    for (uint32_t i = 0; i < s->n_ops; i++)
        pieces += pieces_of(s, i);
    tl_pool_run(pool, pieces, products_piece, s);
}

/* The head, as many of its panels at a time as are there together. */
static int run_head(struct tl_step *s, struct tl_pool *pool)
{
    uint32_t id = s->ops->weight;
    int status = 0;
    for (s->first_row = 0; s->first_row < s->ops->rows && status >= 0; s->first_row += s->weight[0].rows) {
        status = tl_store_pin_panels(s->store, id, s->first_row / TL_PANEL_ROWS, &s->weight[0]);
        if (status < 0)
            break;
        run_products(s, pool);
        tl_store_unpin_panels(s->store, id, s->first_row / TL_PANEL_ROWS);
    }
    s->first_row = 0;
    return status;
}

/* --- products of each head with a matrix of its own --- */

static void heads_acts_piece(void *context, uint32_t row, uint32_t thread)
{
    struct tl_step *s = context;
    const struct tl_op *op = s->ops;
    uint32_t head = row / s->n_rows, token = row % s->n_rows;
    uint64_t step = tl_stream_width(s->geometry, op->in) / s->geometry->n_heads;
    struct tl_acts acts = s->head_acts[op->form];
    acts.cols = op->cols;
    (void)thread;
    const float *x = tl_step_row(s, op->in, token) + head * step;
    s->kernel->acts_fill[op->form](x - row * step, step, row, row + 1, &acts);
}

static void heads_piece(void *context, uint32_t head, uint32_t thread)
{
    struct tl_step *s = context;
    const struct tl_op *op = s->ops;
    const struct tl_weight *w = &s->weight[0];
    uint64_t width = tl_stream_width(s->geometry, op->out), step = width / s->geometry->n_heads;
    struct tl_acts acts = s->head_acts[op->form];
    acts.cols = op->cols;
    struct tl_product product = {
        .number = w->number, .panels = (const uint8_t *)w->data + head * w->matrix_bytes, .rows = op->rows, .cols = op->cols, .acts = &acts,
        .token_from = head * s->n_rows, .token_to = (head + 1) * s->n_rows, .out_stride = width,
        .out = s->stream[op->out] + head * step - head * s->n_rows * width,       /* token_from lands on the first row */
        .scratch = s->product_scratch + thread * s->product_scratch_bytes,
    };
    s->kernel->product[op->form](&product, 0, (op->rows + TL_PANEL_ROWS - 1) / TL_PANEL_ROWS);
}

/* --- attention --- */

static void attend_piece(void *context, uint32_t piece, uint32_t thread)
{
    struct tl_step *s = context;
    const struct tl_geometry *g = s->geometry;
    const struct tl_op *op = s->ops;
    const struct tl_attend_item *item = &s->items[piece / g->n_kv_heads];
    uint32_t kv_head = piece % g->n_kv_heads, group = g->n_heads / g->n_kv_heads, window = g->layer_window[op->layer];
    const struct tl_state *state = s->batch->spans[item->span].state;
    const float *q[TL_LATENT_ROWS];
    float *out[TL_LATENT_ROWS];
    uint32_t first[TL_LATENT_ROWS], last[TL_LATENT_ROWS], n_rows = item->row_to - item->row_from;
    float sinks[TL_LATENT_ROWS];
    for (uint32_t i = 0; i < n_rows; i++) {
        uint32_t row = item->row_from + i, token = s->span_first[item->span] + row / group, head = kv_head * group + row % group;
        q[i] = tl_step_row(s, TL_S_Q, token - s->first) + (uint64_t)head * g->head_dim;
        out[i] = tl_step_row(s, TL_S_A, token - s->first) + (uint64_t)head * g->v_dim;
        sinks[i] = op->weight == TL_NO_WEIGHT ? 0 : ((const float *)s->weight[0].data)[head];
        last[i] = s->token_position[token];
        first[i] = window && last[i] >= window ? last[i] - window + 1 : 0;
    }
    struct tl_attend attend = {
        .format = state->cache->format, .head_dim = g->head_dim, .v_dim = g->v_dim, .n_rows = n_rows,
        .latent = g->kv_rank > 0,
        .pages = (const void *const *)state->table[state->cache->layer_group[op->layer]],
        .page_offset = tl_cache_offset(state->cache, op->layer, kv_head), .q = q, .out = out, .first = first, .last = last,
        .sinks = op->weight == TL_NO_WEIGHT ? NULL : sinks, .scale = g->attention_scale, .softcap = g->attention_softcap,
        .scratch = s->attend_scratch + thread * s->attend_scratch_bytes,
    };
    s->kernel->attend(&attend);
}

/* Rows of an item of a span of so many: fewer where that leaves threads without work. */
static uint32_t item_rows(const struct tl_step *s, uint32_t n_rows)
{
    uint32_t rows = tl_attend_rows(s->geometry), share = s->batch->n_spans * s->geometry->n_kv_heads;
    if (s->geometry->kv_rank)
        while (rows > 8 && (n_rows + rows - 1) / rows * share < s->n_threads)
            rows /= 2;
    else if (n_rows <= rows && share < 4)
        rows = (n_rows + 1) / 2;
    return rows;
}

/* Query rows of the block's tokens, some at a time. */
void tl_stage_items(struct tl_step *s)
{
    uint32_t group = s->geometry->n_heads / s->geometry->n_kv_heads, end = s->first + s->n_rows;
    s->n_items = 0;
    for (uint32_t token = s->first; token < end;) {
        uint32_t span = s->token_span[token], first = s->span_first[span], stop = first + s->batch->spans[span].n_tokens;
        uint32_t from = (token - first) * group, to = ((stop < end ? stop : end) - first) * group;
        uint32_t rows = item_rows(s, to - from);
        for (uint32_t row = from; row < to; row += rows)
            s->items[s->n_items++] = (struct tl_attend_item){ span, row, row + rows < to ? row + rows : to };
        token = first + to / group;
    }
}

/* --- all kinds --- */

int tl_stage_run(struct tl_step *s, struct tl_pool *pool, enum tl_stage_kind kind)
{
    int status = 0;
    switch (kind) {
    case TL_STAGE_ROWS:
        if (s->ops->kind == TL_OP_EMBED && !tl_store_resident(s->store, s->ops->weight))
            status = tl_store_rows(s->store, s->ops->weight, s->batch->ids + s->first, s->n_rows, tl_step_row(s, s->ops->out, 0), s->geometry->width);
        if (status < 0)
            return status;
        tl_pool_run(pool, (s->n_rows + ROWS_A_PIECE - 1) / ROWS_A_PIECE, rows_piece, s);
        break;
    case TL_STAGE_PRODUCTS:
        if (s->ops->out == TL_S_LOGITS)
            status = run_head(s, pool);
        else
            run_products(s, pool);
        if (s->adapt && status >= 0)
            tl_adapt_run(s, pool);
        return status;
    case TL_STAGE_ATTEND:
        tl_pool_run(pool, s->n_items * s->geometry->n_kv_heads, attend_piece, s);
        break;
    case TL_STAGE_HEADS:
        tl_pool_run(pool, s->geometry->n_heads * s->n_rows, heads_acts_piece, s);
        tl_pool_run(pool, s->geometry->n_heads, heads_piece, s);
        break;
    case TL_STAGE_DELTA:
        tl_delta_run(s, pool);
        break;
    case TL_STAGE_EXPERTS:
        return tl_experts_run(s, pool);
    }
    return 0;
}
