/* SPDX-License-Identifier: MIT */
/* Routed experts and their router. The tokens of an expert are gathered, go through its matrices as one product each, and
 * are added to their tokens expert by expert, so that sums over experts and over tokens have one order. Backwards, gate
 * and up are computed again. */
#include <string.h>

#include "train/graph_impl.h"
#include "train/sums.h"

enum { MOST_USED = 1024 };               /* the bound of fields.def */

void tl_mixture_place(struct tl_graph *g, struct tl_arena *arena)
{
    struct tl_mixture *m = &g->mixture;
    const struct tl_geometry *geometry = g->geometry;
    uint64_t tokens = g->most_tokens, width = geometry->expert_width ? geometry->expert_width : geometry->width, ff = geometry->ff_expert;
    m->first = tl_arena_take(arena, geometry->n_experts + 1u, sizeof(*m->first));
    m->asked = tl_arena_take(arena, geometry->n_experts, sizeof(*m->asked));
    m->pairs = tl_arena_take(arena, tokens * geometry->n_used, sizeof(*m->pairs));
    m->in = tl_arena_take(arena, tokens * width, sizeof(float));
    m->out = tl_arena_take(arena, tokens * width, sizeof(float));
    m->gate = tl_arena_take(arena, tokens * ff, sizeof(float));
    m->up = tl_arena_take(arena, tokens * ff, sizeof(float));
    m->mid = tl_arena_take(arena, tokens * ff, sizeof(float));
    m->slope_gate = tl_arena_take(arena, tokens * ff, sizeof(float));
    m->slope_up = tl_arena_take(arena, tokens * ff, sizeof(float));
    m->slope_weights = tl_arena_take(arena, tokens * geometry->n_used, sizeof(float));
}

/* --- the router ------------------------------------------------------------------------------------------------------- */

/* From slopes of the chosen weights to those of their values before they were scaled and divided by their sum. */
static void back_weigh(const struct tl_geometry *g, const float *weights, const float *values, const float *slopes, float *ret)
{
    float sum = g->router == TL_ROUTER_SIGMOID ? 1e-20f : 0, mean = 0;
    bool divided = g->route_norm && g->router != TL_ROUTER_CHOSEN;       /* what adds up to 1 already is not changed by that */
    for (uint32_t k = 0; k < g->n_used; k++) {
        sum += values[k];
        mean += slopes[k] * weights[k];
    }
    for (uint32_t k = 0; k < g->n_used; k++)
        ret[k] = divided ? (slopes[k] * g->route_scale - mean) / sum : slopes[k] * g->route_scale;
}

static void route_row(void *context, uint32_t row, uint32_t thread)
{
    struct tl_graph *g = context;
    const struct tl_geometry *geometry = g->geometry;
    const struct tl_taped_rows *taped = tl_graph_taped(g);
    uint64_t pair = (uint64_t)row * geometry->n_used, at = (uint64_t)row * geometry->n_experts;
    const uint32_t *chosen = taped->chosen + pair;
    const float *p = tl_graph_version(g, g->at->out) + at, *weights = taped->weights + pair;
    float values[MOST_USED], slopes[MOST_USED], *slope = g->slope[TL_S_R] + at, mean = 0;
    (void)thread;
    for (uint32_t k = 0; k < geometry->n_used; k++)
        values[k] = geometry->router == TL_ROUTER_CHOSEN ? weights[k] / geometry->route_scale : p[chosen[k]];
    back_weigh(geometry, weights, values, g->mixture.slope_weights + pair, slopes);
    uint32_t n_experts = geometry->layer_experts[g->op->layer];
    memset(slope, 0, n_experts * sizeof(float));
    for (uint32_t k = 0; k < geometry->n_used; k++)
        mean += slopes[k] * values[k];
    for (uint32_t i = 0; i < n_experts && geometry->router == TL_ROUTER_SOFTMAX; i++)
        slope[i] = -p[i] * mean;
    for (uint32_t k = 0; k < geometry->n_used; k++)
        switch (geometry->router) {
        case TL_ROUTER_SOFTMAX: slope[chosen[k]] += values[k] * slopes[k]; break;
        case TL_ROUTER_CHOSEN: slope[chosen[k]] = values[k] * (slopes[k] - mean); break;
        case TL_ROUTER_SIGMOID: slope[chosen[k]] = slopes[k] * values[k] * (1.0f - values[k]); break;
        }
}

void tl_mixture_route_back(struct tl_graph *g) { tl_pool_run(g->pool, g->n_tokens, route_row, g); }

/* --- rows of an expert ------------------------------------------------------------------------------------------------ */

static void group_pairs(struct tl_graph *g)
{
    struct tl_mixture *m = &g->mixture;
    const uint32_t *chosen = tl_graph_taped(g)->chosen;
    uint32_t n_pairs = g->n_tokens * g->geometry->n_used, n_experts = g->geometry->n_experts, at = 0;
    memset(m->first, 0, (n_experts + 1u) * sizeof(*m->first));
    for (uint32_t pair = 0; pair < n_pairs; pair++)
        m->first[chosen[pair]]++;
    for (uint32_t expert = 0; expert < n_experts; expert++) {
        uint32_t n = m->first[expert];
        m->first[expert] = at;
        at += n;
    }
    for (uint32_t pair = 0; pair < n_pairs; pair++)
        m->pairs[m->first[chosen[pair]]++] = pair;
    for (uint32_t expert = n_experts; expert > 0; expert--)
        m->first[expert] = m->first[expert - 1];
    m->first[0] = 0;
}

struct expert {
    struct tl_graph *graph;
    uint32_t expert, n, width, ff;
    const uint32_t *pairs;
    const struct tl_parameter *matrix[TL_BANK_MATRICES], *bias[TL_BANK_MATRICES];
    const struct tl_expert *stored;      /* of a frozen model: as its store has it; else NULL */
};

static uint32_t token_of(const struct expert *e, uint32_t row) { return e->pairs[row] / e->graph->geometry->n_used; }

/* b of a product with a matrix, or with its transpose. */
static struct tl_operand operand_of(const struct expert *e, int matrix, bool transposed)
{
    const struct tl_parameter *p = e->matrix[matrix];
    if (e->stored)
        return (struct tl_operand){ .weight = &e->stored->matrix[matrix], .transposed = transposed };
    const float *value = p->value + (uint64_t)e->expert * p->rows * p->cols;
    return transposed ? tl_operand_turned(value, p->cols) : tl_operand_of(value, p->cols);
}

static void add_bias(const struct expert *e, int matrix, float *row)
{
    const struct tl_parameter *bias = e->bias[matrix];
    if (bias)
        e->graph->kernel->add(row, bias->value + (uint64_t)e->expert * bias->cols, bias->cols, row);
}

static void gather_row(void *context, uint32_t row, uint32_t thread)
{
    const struct expert *e = context;
    struct tl_graph *g = e->graph;
    (void)thread;
    memcpy(g->mixture.in + (uint64_t)row * e->width, tl_graph_version(g, g->at->in) + (uint64_t)token_of(e, row) * e->width, e->width * sizeof(float));
}

static void unit_row(void *context, uint32_t row, uint32_t thread)
{
    const struct expert *e = context;
    struct tl_mixture *m = &e->graph->mixture;
    uint64_t at = (uint64_t)row * e->ff;
    (void)thread;
    add_bias(e, TL_BANK_GATE, m->gate + at);
    add_bias(e, TL_BANK_UP, m->up + at);
    tl_step_unit(&e->graph->step, m->gate + at, m->up + at, e->ff, m->mid + at);
}

static void add_row(void *context, uint32_t row, uint32_t thread)
{
    const struct expert *e = context;
    struct tl_graph *g = e->graph;
    float *out = g->mixture.out + (uint64_t)row * e->width;
    (void)thread;
    add_bias(e, TL_BANK_DOWN, out);
    g->kernel->add_scaled(out, tl_graph_taped(g)->weights[e->pairs[row]], e->width, tl_graph_version(g, g->at->out) + (uint64_t)token_of(e, row) * e->width);
}

/* out [n][rows] = in [n][cols] * matrix^T */
static void multiply(const struct expert *e, int matrix, const float *in, float *out)
{
    const struct tl_parameter *p = e->matrix[matrix];
    tl_graph_product(e->graph, (struct tl_matmul){ .a = tl_operand_of(in, p->cols), .b = operand_of(e, matrix, false), .m = e->n, .n = p->rows,
                                                   .inner = p->cols, .c = out, .c_step = p->rows });
}

static void begin_rows(struct expert *e)
{
    struct tl_mixture *m = &e->graph->mixture;
    tl_pool_run(e->graph->pool, e->n, gather_row, e);
    multiply(e, TL_BANK_GATE, m->in, m->gate);
    multiply(e, TL_BANK_UP, m->in, m->up);
    tl_pool_run(e->graph->pool, e->n, unit_row, e);
}

static void run_one(struct expert *e, uint32_t expert, void (*run)(struct expert *e))
{
    const struct tl_mixture *m = &e->graph->mixture;
    e->expert = expert;
    e->pairs = m->pairs + m->first[expert];
    e->n = m->first[expert + 1] - m->first[expert];
    if (e->n)
        run(e);
}

/* Those that have tokens, in their order, as the store brings them. */
static void each_stored(struct expert *e, void (*run)(struct expert *e))
{
    struct tl_graph *g = e->graph;
    struct tl_store *store = tl_model_store(g->weights->model);
    struct tl_expert taken[TL_EXPERTS_TAKEN];
    uint32_t n = 0;
    for (uint32_t i = 0; i < g->geometry->n_experts; i++)
        if (g->mixture.first[i + 1] > g->mixture.first[i])
            g->mixture.asked[n++] = i;
    int status = g->status < 0 ? g->status : tl_store_ask(store, g->op->weight, g->mixture.asked, n, true);
    while (status >= 0 && (status = tl_store_take(store, taken, TL_EXPERTS_TAKEN)) > 0) {
        for (int i = 0; i < status; i++) {
            e->stored = &taken[i];
            run_one(e, taken[i].expert, run);
        }
        tl_store_give(store, g->op->weight, taken, (uint32_t)status);
    }
    g->status = status < 0 ? status : g->status;
}

static void each_expert(struct tl_graph *g, void (*run)(struct expert *e))
{
    struct expert e = { .graph = g, .width = (uint32_t)tl_graph_width(g, g->op->in), .ff = g->geometry->ff_expert };
    for (int i = 0; i < TL_BANK_MATRICES; i++) {
        e.matrix[i] = tl_graph_weight(g, tl_store_bank_weight(tl_model_store(g->weights->model), g->op->weight, i));
        e.bias[i] = g->op->expert_bias[i] == TL_NO_WEIGHT ? NULL : tl_graph_weight(g, g->op->expert_bias[i]);
    }
    group_pairs(g);
    if (!e.matrix[0]->value) {
        each_stored(&e, run);
        return;
    }
    for (uint32_t expert = 0; expert < g->geometry->n_experts; expert++)
        run_one(&e, expert, run);
}

/* --- forward ---------------------------------------------------------------------------------------------------------- */

static void forward(struct expert *e)
{
    begin_rows(e);
    multiply(e, TL_BANK_DOWN, e->graph->mixture.mid, e->graph->mixture.out);
    tl_pool_run(e->graph->pool, e->n, add_row, e);
}

void tl_mixture_forward(struct tl_graph *g)
{
    memset(tl_graph_version(g, g->at->out), 0, (uint64_t)g->n_tokens * tl_graph_width(g, g->op->out) * sizeof(float));
    each_expert(g, forward);
}

/* --- backward --------------------------------------------------------------------------------------------------------- */

static void slope_row(void *context, uint32_t row, uint32_t thread)
{
    const struct expert *e = context;
    struct tl_graph *g = e->graph;
    (void)thread;
    memcpy(g->mixture.out + (uint64_t)row * e->width, g->slope[g->op->out] + (uint64_t)token_of(e, row) * e->width, e->width * sizeof(float));
}

/* slope_gate holds what arrives at mid, not yet weighed: with mid it gives the slope of the weight. */
static void middle_row(void *context, uint32_t row, uint32_t thread)
{
    const struct expert *e = context;
    struct tl_graph *g = e->graph;
    struct tl_mixture *m = &g->mixture;
    uint64_t at = (uint64_t)row * e->ff;
    float weight = tl_graph_taped(g)->weights[e->pairs[row]], *out = m->out + (uint64_t)row * e->width;
    float slope = tl_dot(m->mid + at, m->slope_gate + at, e->ff);
    if (e->bias[TL_BANK_DOWN])
        slope += tl_dot(out, e->bias[TL_BANK_DOWN]->value + (uint64_t)e->expert * e->width, e->width);
    m->slope_weights[e->pairs[row]] = slope;
    g->kernel->scale(m->slope_gate + at, weight, e->ff, m->slope_gate + at);
    g->kernel->scale(out, weight, e->width, out);
    tl_back_unit(g->kernel, g->geometry->unit, g->ones, m->gate + at, m->up + at, g->temporary + thread * 2 * g->widest, e->ff, m->slope_gate + at, m->slope_up + at);
}

static void give_row(void *context, uint32_t row, uint32_t thread)
{
    const struct expert *e = context;
    struct tl_graph *g = e->graph;
    float *slope = g->slope[g->op->in] + (uint64_t)token_of(e, row) * e->width;
    (void)thread;
    g->kernel->add(slope, g->mixture.in + (uint64_t)row * e->width, e->width, slope);
}

/* gradient [rows][cols] += slope [n][rows]^T * in [n][cols], and that of the bias */
static void add_gradient(const struct expert *e, int matrix, const float *slope, const float *in)
{
    const struct tl_parameter *p = e->matrix[matrix], *bias = e->bias[matrix];
    float *gradient = p->gradient ? p->gradient + (uint64_t)e->expert * p->rows * p->cols : NULL;
    tl_graph_gradient(e->graph, tl_operand_turned(slope, p->rows), tl_operand_turned(in, p->cols), p->rows, p->cols, e->n, gradient);
    if (bias && bias->gradient)
        tl_sum_rows(e->graph, slope, p->rows, e->n, p->rows, bias->gradient + (uint64_t)e->expert * p->rows);
}

/* in [n][cols] (+)= slope [n][rows] * matrix */
static void multiply_back(const struct expert *e, int matrix, const float *slope, float *in, bool adds)
{
    const struct tl_parameter *p = e->matrix[matrix];
    tl_graph_product(e->graph, (struct tl_matmul){ .a = tl_operand_of(slope, p->rows), .b = operand_of(e, matrix, true), .m = e->n, .n = p->cols,
                                                   .inner = p->rows, .c = in, .c_step = p->cols, .add = adds });
}

static void backward(struct expert *e)
{
    struct tl_mixture *m = &e->graph->mixture;
    begin_rows(e);
    tl_pool_run(e->graph->pool, e->n, slope_row, e);
    multiply_back(e, TL_BANK_DOWN, m->out, m->slope_gate, false);
    tl_pool_run(e->graph->pool, e->n, middle_row, e);
    add_gradient(e, TL_BANK_DOWN, m->out, m->mid);
    add_gradient(e, TL_BANK_GATE, m->slope_gate, m->in);
    add_gradient(e, TL_BANK_UP, m->slope_up, m->in);
    multiply_back(e, TL_BANK_GATE, m->slope_gate, m->in, false);
    multiply_back(e, TL_BANK_UP, m->slope_up, m->in, true);
    tl_pool_run(e->graph->pool, e->n, give_row, e);
}

void tl_mixture_backward(struct tl_graph *g)
{
    tl_graph_slope(g, g->op->in);
    tl_graph_slope(g, TL_S_R);
    each_expert(g, backward);
    g->has_slope[g->op->out] = false;
}
