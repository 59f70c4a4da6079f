/* SPDX-License-Identifier: MIT */
/* Back through the operations that treat every token by itself. Plain loops over a row, and the kernels where a function
 * of numbers is needed; what is summed over tokens goes by blocks (sums.c). */
#include <math.h>
#include <string.h>

#include "train/graph_impl.h"
#include "train/sums.h"

#if !defined(__clang__)
#pragma GCC optimize("O3")
#endif

struct rows { struct tl_graph *graph; tl_row_function *run; uint32_t sum_width, n_rows; };

static void rows_piece(void *context, uint32_t piece, uint32_t thread)
{
    const struct rows *r = context;
    struct tl_graph *g = r->graph;
    uint32_t from = piece * TL_SUM_ROWS, to = from + TL_SUM_ROWS < r->n_rows ? from + TL_SUM_ROWS : r->n_rows;
    float *partial = g->partial + (uint64_t)piece * r->sum_width;
    memset(partial, 0, r->sum_width * sizeof(float));
    for (uint32_t row = from; row < to; row++)
        r->run(g, row, g->temporary + thread * 2 * g->widest, partial);
}

static void each_row(struct tl_graph *g, uint32_t n_rows, tl_row_function *run, uint32_t sum_width, float *sum)
{
    struct rows r = { g, run, sum_width, n_rows };
    uint32_t pieces = (n_rows + TL_SUM_ROWS - 1) / TL_SUM_ROWS;
    tl_pool_run(g->pool, pieces, rows_piece, &r);
    if (sum)
        tl_sum_blocks(g, pieces, sum_width, sum);
}

void tl_each_row(struct tl_graph *g, tl_row_function *run, uint32_t sum_width, float *sum) { each_row(g, g->n_tokens, run, sum_width, sum); }

static float *row_of(struct tl_graph *g, float *stream, enum tl_stream which, uint32_t row) { return stream + row * tl_graph_width(g, which); }

/* --- norms ------------------------------------------------------------------------------------------------------------ */

/* y = x r w, r = 1 / sqrt(mean x^2 + e): dx = r w dy - x r^3 / n * sum(w dy x); dw = dy x r. in place where slope_in is slope. */
static void norm_head(const float *x, const float *w, const float *slope, uint32_t n, float epsilon, float *slope_in, float *restrict partial)
{
    float r = 1.0f / sqrtf(tl_dot(x, x, n) / (float)n + epsilon);
    float s = tl_dot3(w, slope, x, n) * (r * r * r / (float)n);
    bool adds = slope_in != slope;
    for (uint32_t i = 0; i < n; i++)
        partial[i] += slope[i] * (x[i] * r);
    if (adds)
        for (uint32_t i = 0; i < n; i++)
            slope_in[i] += slope[i] * w[i] * r - x[i] * s;
    else
        for (uint32_t i = 0; i < n; i++)
            slope_in[i] = slope[i] * w[i] * r - x[i] * s;
}

static void norm_row(struct tl_graph *g, uint32_t row, float *temporary, float *partial)
{
    const struct tl_op *op = g->op;
    const struct tl_parameter *w = tl_graph_weight(g, op->weight);
    uint64_t in_step = tl_graph_width(g, op->in) / op->heads, out_step = tl_graph_width(g, op->out) / op->heads;
    const float *x = row_of(g, tl_graph_version(g, g->at->in), op->in, row), *slope = row_of(g, g->slope[op->out], op->out, row);
    float *slope_in = row_of(g, g->slope[op->in], op->in, row);
    (void)temporary;
    for (uint32_t head = 0; head < op->heads; head++)
        norm_head(x + head * in_step, w->value, slope + head * out_step, w->cols, g->geometry->epsilon, slope_in + head * in_step, partial);
}

void tl_back_norm(struct tl_graph *g)
{
    const struct tl_parameter *w = tl_graph_weight(g, g->op->weight);
    tl_graph_slope(g, g->op->in);
    tl_each_row(g, norm_row, w->cols, w->gradient);
    if (g->op->in != g->op->out && (uint64_t)w->cols * g->op->heads == tl_graph_width(g, g->op->out))
        g->has_slope[g->op->out] = false;
}

static void unit_norm_row(struct tl_graph *g, uint32_t row, float *temporary, float *partial)
{
    const struct tl_op *op = g->op;
    float scale = op->scale / sqrtf((float)op->cols), *ones = temporary;
    const float *x = row_of(g, tl_graph_version(g, g->at->in), op->in, row) + op->offset;
    float *slope = row_of(g, g->slope[op->out], op->out, row) + op->offset;
    for (uint32_t i = 0; i < op->cols; i++)
        ones[i] = scale;
    for (uint32_t head = 0; head < op->heads; head++, x += op->cols, slope += op->cols)
        norm_head(x, ones, slope, op->cols, 1e-6f / (float)op->cols, slope, partial);
}

void tl_back_unit_norm(struct tl_graph *g) { tl_each_row(g, unit_norm_row, g->op->cols, NULL); }

/* --- what only moves values ------------------------------------------------------------------------------------------- */

static void rope_row(struct tl_graph *g, uint32_t row, float *temporary, float *partial)
{
    const struct tl_op *op = g->op;
    const float *table = g->turns_back[g->geometry->layer_window[op->layer] != 0] + (uint64_t)row * g->geometry->n_rot;
    uint64_t step = tl_graph_width(g, op->in) / op->heads;
    float *heads = row_of(g, g->slope[op->in], op->in, row) + op->offset;
    (void)temporary;
    (void)partial;
    for (uint32_t head = 0; head < op->heads; head++)
        g->kernel->rope(heads + head * step, g->geometry->n_rot, table, g->geometry->rope_halves);
}

void tl_back_rope(struct tl_graph *g) { tl_each_row(g, rope_row, 0, NULL); }

static void copy_row(struct tl_graph *g, uint32_t row, float *temporary, float *partial)
{
    const struct tl_op *op = g->op;
    uint64_t in_step = tl_graph_width(g, op->in) / op->heads;
    float *in = row_of(g, g->slope[op->in], op->in, row) + op->offset;
    const float *out = row_of(g, g->slope[op->out], op->out, row) + op->to;
    (void)temporary;
    (void)partial;
    for (uint32_t head = 0; head < op->heads; head++)
        g->kernel->add(in + head * in_step, out + (uint64_t)head * op->step, op->cols, in + head * in_step);
}

void tl_back_copy(struct tl_graph *g)
{
    tl_graph_slope(g, g->op->in);
    tl_each_row(g, copy_row, 0, NULL);
}

static void add_row(struct tl_graph *g, uint32_t row, float *temporary, float *partial)
{
    uint64_t width = tl_graph_width(g, g->op->in);
    float *in = row_of(g, g->slope[g->op->in], g->op->in, row);
    const float *out = row_of(g, g->slope[g->op->out], g->op->out, row);
    (void)temporary;
    (void)partial;
    if (g->has_slope[g->op->in])
        g->kernel->add(in, out, width, in);
    else
        memcpy(in, out, width * sizeof(float));
}

void tl_back_add(struct tl_graph *g)
{
    tl_each_row(g, add_row, 0, NULL);
    g->has_slope[g->op->in] = true;
}

/* --- gates ------------------------------------------------------------------------------------------------------------ */

/* silu: g s(g), s' = s (1 - s) */
static void back_silu(const float *restrict gate, const float *restrict up, const float *restrict s, uint32_t n, float *restrict slope, float *restrict ret_up)
{
    for (uint32_t i = 0; i < n; i++) {
        float y = slope[i];
        ret_up[i] = y * (gate[i] * s[i]);
        slope[i] = y * up[i] * (s[i] * (1.0f + gate[i] * (1.0f - s[i])));
    }
}

/* The tanh form is g s(z), z = g (a + b g^2): a = 2 sqrt(2 / pi), b = 0.044715 a */
static void back_gelu(const float *restrict gate, const float *restrict up, const float *restrict s, uint32_t n, float *restrict slope, float *restrict ret_up)
{
    for (uint32_t i = 0; i < n; i++) {
        float y = slope[i], x = gate[i], dz = 1.5957691216f + 3.0f * 0.0713548163f * x * x;
        ret_up[i] = y * (x * s[i]);
        slope[i] = y * up[i] * (s[i] + x * s[i] * (1.0f - s[i]) * dz);
    }
}

/* (u + 1) g s(1.702 g), g at most 7, u within -7 .. 7: what is cut off has no gradient. */
static void back_clamped(const float *restrict gate, const float *restrict up, const float *restrict s, uint32_t n, float *restrict slope, float *restrict ret_up)
{
    for (uint32_t i = 0; i < n; i++) {
        float y = slope[i], x = gate[i] > 7.0f ? 7.0f : gate[i], u = up[i] > 7.0f ? 7.0f : up[i] < -7.0f ? -7.0f : up[i];
        ret_up[i] = u == up[i] ? y * (x * s[i]) : 0.0f;
        slope[i] = x == gate[i] ? y * (u + 1.0f) * (s[i] * (1.0f + 1.702f * x * (1.0f - s[i]))) : 0.0f;
    }
}

/* What the sigmoid of a unit is of. */
static const float *inner_of(enum tl_unit unit, const float *restrict gate, uint32_t n, float *restrict ret)
{
    if (unit == TL_UNIT_SILU)
        return gate;
    for (uint32_t i = 0; i < n && unit == TL_UNIT_GELU; i++)
        ret[i] = gate[i] * (1.5957691216f + 0.0713548163f * gate[i] * gate[i]);
    for (uint32_t i = 0; i < n && unit == TL_UNIT_CLAMPED; i++)
        ret[i] = 1.702f * (gate[i] > 7.0f ? 7.0f : gate[i]);
    return ret;
}

void tl_back_unit(const struct tl_kernel *kernel, enum tl_unit unit, const float *ones, const float *gate, const float *up, float *temporary, uint32_t n,
                  float *slope, float *ret_up)
{
    kernel->sigmoid_mul(inner_of(unit, gate, n, temporary), ones, n, temporary);
    switch (unit) {
    case TL_UNIT_SILU: back_silu(gate, up, temporary, n, slope, ret_up); break;
    case TL_UNIT_GELU: back_gelu(gate, up, temporary, n, slope, ret_up); break;
    case TL_UNIT_CLAMPED: back_clamped(gate, up, temporary, n, slope, ret_up); break;
    }
}

static void glu_row(struct tl_graph *g, uint32_t row, float *temporary, float *partial)
{
    const struct tl_op *op = g->op;
    (void)partial;
    tl_back_unit(g->kernel, g->geometry->unit, g->ones, row_of(g, tl_graph_version(g, g->at->before), op->out, row),
                 row_of(g, tl_graph_version(g, g->at->in), op->in, row), temporary, (uint32_t)tl_graph_width(g, op->out),
                 row_of(g, g->slope[op->out], op->out, row), row_of(g, g->slope[op->in], op->in, row));
}

void tl_back_glu(struct tl_graph *g)
{
    tl_each_row(g, glu_row, 0, NULL);
    g->has_slope[g->op->in] = true;
}

/* out s(x) of one x a row */
static void switch_row(struct tl_graph *g, uint32_t row, float *temporary, float *partial)
{
    const struct tl_op *op = g->op;
    uint64_t width = tl_graph_width(g, op->out);
    float s = 1.0f / (1.0f + tl_exp(-row_of(g, tl_graph_version(g, g->at->in), op->in, row)[0])), *slope = row_of(g, g->slope[op->out], op->out, row);
    const float *before = row_of(g, tl_graph_version(g, g->at->before), op->out, row);
    (void)temporary;
    (void)partial;
    row_of(g, g->slope[op->in], op->in, row)[0] = tl_dot(slope, before, width) * (s * (1.0f - s));
    g->kernel->scale(slope, s, width, slope);
}

void tl_back_switch(struct tl_graph *g)
{
    tl_each_row(g, switch_row, 0, NULL);
    g->has_slope[g->op->in] = true;
}

static void gate_row(struct tl_graph *g, uint32_t row, float *temporary, float *partial)
{
    const struct tl_op *op = g->op;
    uint64_t in_step = tl_graph_width(g, op->in) / op->heads, n = tl_graph_width(g, op->out) / op->heads;
    const float *gate = row_of(g, tl_graph_version(g, g->at->in), op->in, row) + (in_step - n);
    const float *before = row_of(g, tl_graph_version(g, g->at->before), op->out, row);
    float *slope = row_of(g, g->slope[op->out], op->out, row), *slope_in = row_of(g, g->slope[op->in], op->in, row) + (in_step - n);
    (void)partial;
    for (uint32_t head = 0; head < op->heads; head++, gate += in_step, slope_in += in_step, before += n, slope += n) {
        g->kernel->sigmoid_mul(gate, g->ones, n, temporary);
        for (uint64_t i = 0; i < n; i++) {
            slope_in[i] += slope[i] * before[i] * (temporary[i] * (1.0f - temporary[i]));
            slope[i] *= temporary[i];
        }
    }
}

void tl_back_gate(struct tl_graph *g)
{
    tl_graph_slope(g, g->op->in);
    tl_each_row(g, gate_row, 0, NULL);
}

/* --- the embedding ---------------------------------------------------------------------------------------------------- */

enum { EMBED_COLS = 64 };

/* Some columns of all tokens, in their order: a row of the embedding may be that of many. */
static void embed_piece(void *context, uint32_t piece, uint32_t thread)
{
    struct tl_graph *g = context;
    const struct tl_parameter *p = tl_graph_weight(g, g->op->weight);
    uint32_t from = piece * EMBED_COLS, n = p->cols - from < EMBED_COLS ? p->cols - from : EMBED_COLS;
    (void)thread;
    for (uint32_t t = 0; t < g->n_tokens; t++)
        g->kernel->add_scaled(g->slope[TL_S_X] + (uint64_t)t * p->cols + from, g->op->scale, n, p->gradient + (uint64_t)g->batch->ids[t] * p->cols + from);
}

void tl_back_embed(struct tl_graph *g)
{
    const struct tl_parameter *p = tl_graph_weight(g, g->op->weight);
    if (p->gradient)
        tl_pool_run(g->pool, (p->cols + EMBED_COLS - 1) / EMBED_COLS, embed_piece, g);
}

/* --- the norm of the head --------------------------------------------------------------------------------------------- */

static void head_norm_row(struct tl_graph *g, uint32_t row, float *temporary, float *partial)
{
    const struct tl_parameter *w = tl_graph_weight(g, g->op->weight);
    uint64_t at = (uint64_t)row * w->cols;
    (void)temporary;
    norm_head(g->head.out + at, w->value, g->head.slope + at, w->cols, g->geometry->epsilon, g->head.slope + at, partial);
}

void tl_back_head_norm(struct tl_graph *g, uint32_t n)
{
    const struct tl_parameter *w = tl_graph_weight(g, g->op->weight);
    each_row(g, n, head_norm_row, w->cols, w->gradient);
}
