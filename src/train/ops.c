/* SPDX-License-Identifier: MIT */
/* The table of operations: what each needs on the way back, and what it does in either direction. Rows are run by the
 * interpreter's own functions, on versions of streams; products and their gradients are here. */
#include <string.h>

#include "base/array.h"
#include "train/graph_impl.h"

enum { ROWS_A_PIECE = 16 };

/* --- rows, by the interpreter ----------------------------------------------------------------------------------------- */

static void rows_piece(void *context, uint32_t piece, uint32_t thread)
{
    struct tl_graph *g = context;
    uint32_t from = piece * ROWS_A_PIECE, to = from + ROWS_A_PIECE < g->step.n_rows ? from + ROWS_A_PIECE : g->step.n_rows;
    (void)thread;
    tl_step_rows(&g->step, from, to);
}

void tl_graph_run_rows(struct tl_graph *g, uint32_t n_rows)
{
    g->step.n_rows = n_rows;
    tl_pool_run(g->pool, (n_rows + ROWS_A_PIECE - 1) / ROWS_A_PIECE, rows_piece, g);
}

void tl_graph_prepare(struct tl_graph *g)
{
    struct tl_step *s = &g->step;
    uint32_t ids[4];
    tl_op_weights(g->op, ids);
    s->ops = g->op;
    s->n_ops = 1;
    struct tl_weight *const to[] = { s->weight, s->bias };
    for (int k = 0; k < 2; k++) {
        const struct tl_parameter *p = ids[k] == TL_NO_WEIGHT ? NULL : tl_graph_weight(g, ids[k]);
        *to[k] = (struct tl_weight){ .form = TL_WEIGHT_VECTOR, .number = tl_number(TL_NUMBER_F32) };
        if (p)
            *to[k] = (struct tl_weight){ .form = TL_WEIGHT_VECTOR, .number = tl_number(TL_NUMBER_F32), .count = p->count, .rows = 1, .cols = p->cols, .data = p->value };
    }
}

/* What is written upon goes on from a copy where it must stay as it was. */
static void copied_piece(void *context, uint32_t piece, uint32_t thread)
{
    struct tl_graph *g = context;
    uint64_t width = tl_graph_width(g, g->op->out);
    uint32_t from = piece * ROWS_A_PIECE, to = from + ROWS_A_PIECE < g->n_tokens ? from + ROWS_A_PIECE : g->n_tokens;
    const float *before = tl_graph_version(g, g->at->before);
    float *out = tl_graph_version(g, g->at->out);
    (void)thread;
    for (uint32_t row = from; row < to; row++) {
        memcpy(out + row * width, before + row * width, width * sizeof(float));
        tl_step_rows(&g->step, row, row + 1);
    }
}

/* A norm of a part of a row leaves the rest as it was. */
static bool norms_part(const struct tl_graph *g)
{
    return g->op->kind == TL_OP_NORM && (uint64_t)tl_graph_weight(g, g->op->weight)->cols * g->op->heads < tl_graph_width(g, g->op->out);
}

static void forward_rows(struct tl_graph *g)
{
    bool copies = g->at->out != g->at->before && (g->op->in == g->op->out || tl_graph_needs(g->op) & TL_STAYS || norms_part(g));
    tl_graph_prepare(g);
    g->step.stream[g->op->in] = tl_graph_version(g, g->at->in);
    g->step.stream[g->op->out] = tl_graph_version(g, g->at->out);
    if (copies)
        tl_pool_run(g->pool, (g->n_tokens + ROWS_A_PIECE - 1) / ROWS_A_PIECE, copied_piece, g);
    else
        tl_graph_run_rows(g, g->n_tokens);
}

/* The choice goes beside the streams. */
static void route(struct tl_graph *g)
{
    struct tl_taped_rows *rows = tl_graph_taped(g);
    g->step.experts.chosen = rows->chosen;
    g->step.experts.weights = rows->weights;
    forward_rows(g);
}

/* What multiplies a row by a number does the same to its gradient. */
static void back_temper(struct tl_graph *g)
{
    tl_graph_prepare(g);
    g->step.stream[g->op->out] = g->slope[g->op->out];
    tl_graph_run_rows(g, g->n_tokens);
}

/* Both of its streams are written upon. */
static void decay(struct tl_graph *g)
{
    uint64_t n = (uint64_t)g->n_tokens * tl_graph_width(g, g->op->in);
    const uint32_t from[] = { g->at->in, g->at->before }, to[] = { g->at->in_after, g->at->out };
    for (int i = 0; i < 2; i++)
        if (from[i] != to[i])
            memcpy(tl_graph_version(g, to[i]), tl_graph_version(g, from[i]), n * sizeof(float));
    tl_graph_prepare(g);
    g->step.stream[g->op->in] = tl_graph_version(g, g->at->in_after);
    g->step.stream[g->op->out] = tl_graph_version(g, g->at->out);
    tl_graph_run_rows(g, g->n_tokens);
}

static void embed_piece(void *context, uint32_t row, uint32_t thread)
{
    struct tl_graph *g = context;
    const struct tl_parameter *p = tl_graph_weight(g, g->op->weight);
    float *out = g->border[0] + (uint64_t)row * p->cols;
    (void)thread;
    memcpy(out, p->value + (uint64_t)g->batch->ids[row] * p->cols, p->cols * sizeof(float));
    if (g->op->scale != 1.0f)
        g->kernel->scale(out, g->op->scale, p->cols, out);
}

static void embed(struct tl_graph *g)
{
    if (tl_graph_weight(g, g->op->weight)->value)
        tl_pool_run(g->pool, g->n_tokens, embed_piece, g);
    else
        tl_frozen_embed(g);
}

/* --- products --------------------------------------------------------------------------------------------------------- */

static void bias_piece(void *context, uint32_t row, uint32_t thread)
{
    struct tl_graph *g = context;
    const struct tl_parameter *bias = tl_graph_weight(g, g->op->bias);
    float *out = tl_graph_version(g, g->at->out) + row * tl_graph_width(g, g->op->out);
    (void)thread;
    g->kernel->add(out, bias->value, bias->cols, out);
}

static void linear(struct tl_graph *g)
{
    const struct tl_op *op = g->op;
    struct tl_weight room;
    tl_graph_product(g, (struct tl_matmul){ .a = tl_operand_of(tl_graph_version(g, g->at->in), op->cols), .b = tl_graph_matrix(g, op, 0, false, &room),
                                            .m = g->n_tokens, .n = op->rows, .inner = op->cols, .c = tl_graph_version(g, g->at->out),
                                            .c_step = tl_graph_width(g, op->out) });
    if (op->bias != TL_NO_WEIGHT)
        tl_pool_run(g->pool, g->n_tokens, bias_piece, g);
    tl_lora_forward(g);
}

/* The leading n columns of rows of an input have a gradient now: through a product with a matrix [rows][cols]. */
struct factor { const float *in; uint64_t in_step; const float *slope_out; uint64_t out_step; uint32_t rows, cols, matrix; float *gradient; };

static void back_product(struct tl_graph *g, const struct factor *f, float *slope_in, bool adds)
{
    struct tl_weight room;
    tl_graph_gradient(g, tl_operand_turned(f->slope_out, f->out_step), tl_operand_turned(f->in, f->in_step), f->rows, f->cols, g->n_tokens, f->gradient);
    tl_graph_product(g, (struct tl_matmul){ .a = tl_operand_of(f->slope_out, f->out_step), .b = tl_graph_matrix(g, g->op, f->matrix, true, &room),
                                            .m = g->n_tokens, .n = f->cols, .inner = f->rows, .c = slope_in, .c_step = f->in_step, .add = adds });
}

static void linear_back(struct tl_graph *g)
{
    const struct tl_op *op = g->op;
    const struct tl_parameter *p = tl_graph_weight(g, op->weight);
    uint64_t width = tl_graph_width(g, op->out);
    struct factor f = { tl_graph_version(g, g->at->in), op->cols, g->slope[op->out], width, op->rows, op->cols, 0, p->gradient };
    if (op->bias != TL_NO_WEIGHT && tl_graph_weight(g, op->bias)->gradient)
        tl_sum_rows(g, g->slope[op->out], width, g->n_tokens, op->rows, tl_graph_weight(g, op->bias)->gradient);
    back_product(g, &f, g->slope[op->in], g->has_slope[op->in]);
    tl_lora_backward(g);
    g->has_slope[op->in] = true;
    g->has_slope[op->out] = false;
}

static void heads(struct tl_graph *g)
{
    const struct tl_op *op = g->op;
    const struct tl_parameter *p = tl_graph_weight(g, op->weight);
    struct tl_weight room;
    uint64_t in = tl_graph_width(g, op->in), out = tl_graph_width(g, op->out);
    for (uint32_t head = 0; head < p->count; head++)
        tl_graph_product(g, (struct tl_matmul){ .a = tl_operand_of(tl_graph_version(g, g->at->in) + head * (in / p->count), in),
                                                .b = tl_graph_matrix(g, op, head, false, &room), .m = g->n_tokens, .n = p->rows, .inner = p->cols,
                                                .c = tl_graph_version(g, g->at->out) + head * (out / p->count), .c_step = out });
}

static void heads_back(struct tl_graph *g)
{
    const struct tl_op *op = g->op;
    const struct tl_parameter *p = tl_graph_weight(g, op->weight);
    uint64_t in = tl_graph_width(g, op->in), out = tl_graph_width(g, op->out), n = (uint64_t)p->rows * p->cols;
    float *slope = tl_graph_slope(g, op->in);
    for (uint32_t head = 0; head < p->count; head++) {
        struct factor f = { tl_graph_version(g, g->at->in) + head * (in / p->count), in, g->slope[op->out] + head * (out / p->count), out, p->rows, p->cols,
                            head, p->gradient ? p->gradient + head * n : NULL };
        back_product(g, &f, slope + head * (in / p->count), true);
    }
}

/* --- the table -------------------------------------------------------------------------------------------------------- */

static const struct tl_graph_kind kinds[] = {
    [TL_OP_EMBED] = { 0, embed, tl_back_embed },
    [TL_OP_NORM] = { TL_NEEDS_IN, forward_rows, tl_back_norm },
    [TL_OP_UNIT_NORM] = { TL_NEEDS_IN | TL_STAYS, forward_rows, tl_back_unit_norm },
    [TL_OP_ROPE] = { TL_STAYS, forward_rows, tl_back_rope },
    [TL_OP_TEMPER] = { TL_STAYS, forward_rows, back_temper },
    [TL_OP_COPY] = { TL_STAYS, forward_rows, tl_back_copy },
    [TL_OP_KEEP] = { TL_DOES_NOTHING, NULL, NULL },
    [TL_OP_ADD] = { TL_STAYS, forward_rows, tl_back_add },
    [TL_OP_GLU] = { TL_STAYS | TL_NEEDS_IN | TL_NEEDS_BEFORE, forward_rows, tl_back_glu },
    [TL_OP_SOFTCAP] = { TL_DOES_NOTHING, NULL, NULL },       /* of logits, by the head */
    [TL_OP_ACTS] = { TL_DOES_NOTHING, NULL, NULL },
    [TL_OP_LINEAR] = { TL_NEEDS_IN, linear, linear_back },
    [TL_OP_HEADS] = { TL_NEEDS_IN | TL_STAYS, heads, heads_back },
    [TL_OP_ATTEND] = { TL_NEEDS_IN | TL_NEEDS_AFTER | TL_NEEDS_KEYS, tl_attend_forward, tl_attend_backward },
    [TL_OP_CONV] = { TL_NEEDS_IN, tl_delta_conv_forward, tl_delta_conv_backward },
    [TL_OP_DECAY] = { TL_STAYS | TL_NEEDS_IN | TL_NEEDS_AFTER | TL_WRITES_IN, decay, tl_delta_decay_backward },
    [TL_OP_DELTA] = { TL_NEEDS_IN | TL_NEEDS_GATES, tl_delta_rule_forward, tl_delta_rule_backward },
    [TL_OP_ROUTE] = { TL_STAYS | TL_NEEDS_AFTER, route, tl_mixture_route_back },
    [TL_OP_EXPERTS] = { TL_NEEDS_IN, tl_mixture_forward, tl_mixture_backward },
    [TL_OP_SWITCH] = { TL_STAYS | TL_NEEDS_IN | TL_NEEDS_BEFORE, forward_rows, tl_back_switch },
    [TL_OP_GATE] = { TL_STAYS | TL_NEEDS_IN | TL_NEEDS_BEFORE, forward_rows, tl_back_gate },
};

const struct tl_graph_kind *tl_graph_kind(enum tl_op_kind kind)
{
    const struct tl_graph_kind *row = kind < TL_COUNT(kinds) ? &kinds[kind] : NULL;
    return row && (row->needs || row->forward) ? row : NULL;
}

unsigned tl_graph_needs(const struct tl_op *op) { return tl_graph_kind(op->kind)->needs; }
