/* SPDX-License-Identifier: MIT */
/* The pass: embeddings, layer by layer forward, the head with its losses, layer by layer backwards. The tapes of the last
 * layers are kept; the layers before them share one, and are run again from their border before they are walked back. */
#include "train/graph.h"

#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "model/arch.h"
#include "train/graph_impl.h"

uint64_t tl_graph_width(const struct tl_graph *g, enum tl_stream stream) { return tl_stream_width(g->geometry, stream); }
const struct tl_parameter *tl_graph_weight(const struct tl_graph *g, uint32_t id) { return &g->weights->parameters[id]; }

/* Which tape a layer has: the first ones share number 0. */
static uint32_t tape_of(const struct tl_graph *g, uint32_t layer)
{
    uint32_t shared = g->geometry->n_layers - g->n_tapes;
    return layer > shared ? layer - shared : 0;
}

struct tl_taped_rows *tl_graph_taped(const struct tl_graph *g) { return &g->taped[tape_of(g, g->layer)]; }

float *tl_graph_version(const struct tl_graph *g, uint32_t version)
{
    const struct tl_version *v = &g->tapes[g->layer].versions[version];
    switch (v->place) {
    case TL_AT_BORDER: return g->border[g->layer + v->at];
    case TL_ON_TAPE: return g->tape[tape_of(g, g->layer)] + v->at * g->most_tokens;
    default: return g->passing[v->stream];
    }
}

float *tl_graph_slope(struct tl_graph *g, enum tl_stream stream)
{
    if (!g->has_slope[stream])
        memset(g->slope[stream], 0, (uint64_t)g->n_tokens * tl_graph_width(g, stream) * sizeof(float));
    g->has_slope[stream] = true;
    return g->slope[stream];
}

void tl_graph_product(struct tl_graph *g, struct tl_matmul product)
{
    product.bf16 = g->limits.bf16;
    tl_matmul_run(g->products, g->pool, g->kernel, &product);
}

void tl_graph_gradient(struct tl_graph *g, struct tl_operand slope, struct tl_operand in, uint32_t rows, uint32_t cols, uint32_t n, float *gradient)
{
    if (gradient)
        tl_graph_product(g, (struct tl_matmul){ .a = slope, .b = in, .m = rows, .n = cols, .inner = n, .c = gradient, .c_step = cols, .add = true });
}

/* --- new -------------------------------------------------------------------------------------------------------------- */

static int check(const struct tl_graph *g)
{
    const struct tl_program *p = g->program;
    for (uint32_t i = 0; i < p->n_ops; i++)
        if (!tl_graph_kind(p->ops[i].kind))
            return tl_fail(TL_E_USAGE, "%s: models of the architecture %s cannot be trained: one of their operations cannot be walked backwards",
                           tl_model_path(g->weights->model), g->geometry->arch->name);
    return 0;
}

static void part_ops(const struct tl_program *p, uint32_t part, uint32_t *ret_first, uint32_t *ret_n)
{
    const struct tl_stage *first = &p->stages[p->part_stage[part]], *last = &p->stages[p->part_stage[part + 1] - 1];
    *ret_first = first->first_op;
    *ret_n = last->first_op + last->n_ops - first->first_op;
}

static int make_tapes(struct tl_graph *g)
{
    int status = 0;
    for (uint32_t layer = 0; layer < g->geometry->n_layers && status >= 0; layer++) {
        uint32_t first, n;
        part_ops(g->program, 1 + layer, &first, &n);
        status = tl_tape_make(g->geometry, g->program->ops, first, n, tl_graph_needs, &g->tapes[layer]);
    }
    return status;
}

int tl_graph_new(struct tl_weights *weights, const struct tl_kernel *kernel, const struct tl_graph_limits *limits, struct tl_graph **ret_graph)
{
    struct tl_graph *g = tl_alloc(1, sizeof(*g));
    if (!g)
        return TL_E_NOMEM;
    g->weights = weights;
    g->geometry = tl_model_geometry(weights->model);
    g->program = tl_model_program(weights->model);
    g->kernel = kernel;
    g->limits = *limits;
    g->most_tokens = limits->windows * limits->window;
    g->tapes = tl_alloc(g->geometry->n_layers, sizeof(*g->tapes));
    int status = g->tapes ? check(g) : TL_E_NOMEM;
    if (status >= 0)
        status = make_tapes(g);
    if (status < 0) {
        tl_graph_free(g);
        return status;
    }
    *ret_graph = g;
    return 0;
}

void tl_graph_free(struct tl_graph *g)
{
    if (!g)
        return;
    for (uint32_t i = 0; g->tapes && i < g->geometry->n_layers; i++)
        tl_tape_done(&g->tapes[i]);
    tl_free(g->tapes);
    tl_free(g);
}

/* --- memory ----------------------------------------------------------------------------------------------------------- */

static bool has_kind(const struct tl_graph *g, enum tl_op_kind kind)
{
    for (uint32_t i = 0; i < g->program->n_ops; i++)
        if (g->program->ops[i].kind == kind)
            return true;
    return false;
}

/* All tapes are as large as the largest. */
static void place_tapes(struct tl_graph *g, struct tl_arena *arena)
{
    const struct tl_geometry *geometry = g->geometry;
    uint64_t floats = 0, beside = 2 * geometry->n_heads + (has_kind(g, TL_OP_ROUTE) ? 2 * geometry->n_used : 0), tokens = g->most_tokens;
    for (uint32_t i = 0; i < geometry->n_layers; i++)
        floats = g->tapes[i].token_floats > floats ? g->tapes[i].token_floats : floats;
    uint64_t all = g->limits.tape_bytes / ((floats + beside) * tokens * sizeof(float));
    g->n_tapes = all < 1 ? 1 : all > geometry->n_layers ? geometry->n_layers : (uint32_t)all;
    g->tape = tl_arena_take(arena, g->n_tapes, sizeof(*g->tape));
    g->taped = tl_arena_take(arena, g->n_tapes, sizeof(*g->taped));
    for (uint32_t i = 0; i < g->n_tapes; i++) {
        struct tl_taped_rows rows = { 0 };
        float *tape = tl_arena_take(arena, floats * tokens, sizeof(float));
        rows.most = tl_arena_take(arena, tokens * geometry->n_heads, sizeof(float));
        rows.sum = tl_arena_take(arena, tokens * geometry->n_heads, sizeof(float));
        if (has_kind(g, TL_OP_ROUTE)) {
            rows.chosen = tl_arena_take(arena, tokens * geometry->n_used, sizeof(uint32_t));
            rows.weights = tl_arena_take(arena, tokens * geometry->n_used, sizeof(float));
        }
        if (g->tape && g->taped) {
            g->tape[i] = tape;
            g->taped[i] = rows;
        }
    }
}

/* Streams of the layers: gradients, and what is kept nowhere else. */
static void place_streams(struct tl_graph *g, struct tl_arena *arena)
{
    bool used[TL_STREAM_COUNT] = { [TL_S_X] = true }, passes[TL_STREAM_COUNT] = { 0 };
    for (uint32_t i = 0; i < g->geometry->n_layers; i++)
        for (uint32_t v = 0; v < g->tapes[i].n_versions; v++) {
            used[g->tapes[i].versions[v].stream] = true;
            passes[g->tapes[i].versions[v].stream] |= g->tapes[i].versions[v].place == TL_IN_PASSING;
        }
    for (int s = 0; s < TL_STREAM_COUNT; s++) {
        uint64_t width = tl_graph_width(g, (enum tl_stream)s), n = width * g->most_tokens;
        g->slope[s] = used[s] && width ? tl_arena_take(arena, n, sizeof(float)) : NULL;
        g->passing[s] = passes[s] && width ? tl_arena_take(arena, n, sizeof(float)) : NULL;
        g->widest = used[s] && width > g->widest ? width : g->widest;
    }
    g->border = tl_arena_take(arena, g->geometry->n_layers + 1u, sizeof(*g->border));
    for (uint32_t i = 0; i <= g->geometry->n_layers; i++) {
        float *border = tl_arena_take(arena, (uint64_t)g->most_tokens * g->geometry->width, sizeof(float));
        if (g->border)
            g->border[i] = border;
    }
}

static void place_step(struct tl_graph *g, struct tl_arena *arena)
{
    struct tl_step *s = &g->step;
    uint64_t tokens = g->most_tokens;
    *s = (struct tl_step){ .geometry = g->geometry, .kernel = g->kernel, .program = g->program };
    s->token_position = tl_arena_take(arena, tokens, sizeof(*s->token_position));
    for (int set = 0; set < TL_ROPES; set++) {
        s->rope[set] = tl_arena_take(arena, tokens * g->geometry->n_rot, sizeof(float));
        g->turns_back[set] = tl_arena_take(arena, tokens * g->geometry->n_rot, sizeof(float));
    }
    s->weight = tl_arena_take(arena, 1, sizeof(*s->weight));
    s->bias = tl_arena_take(arena, 1, sizeof(*s->bias));
    if (has_kind(g, TL_OP_ROUTE))
        s->experts.scratch = tl_arena_take(arena, tokens * g->geometry->n_experts, sizeof(float));
}

/* The deepest sum of a product whose weight is a store's own panels. */
static uint32_t deepest(const struct tl_graph *g)
{
    uint32_t most = 0;
    for (uint32_t i = 0; i < g->weights->n; i++)
        most = g->weights->parameters[i].cols > most ? g->weights->parameters[i].cols : most;
    return most;
}

/* Of what is summed over tokens: a row's values, the taps of a convolution, rates and biases of a delta net. */
static uint64_t widest_sum(const struct tl_graph *g)
{
    uint64_t taps = has_kind(g, TL_OP_CONV) ? g->geometry->conv_taps * tl_graph_width(g, TL_S_DI) : 0;
    uint64_t rates = 2 * (uint64_t)g->geometry->delta_v_heads, most = g->widest > taps ? g->widest : taps;
    return most > rates ? most : rates;
}

int tl_graph_layout(struct tl_graph *g, struct tl_arena *arena)
{
    uint32_t threads = g->limits.threads;
    g->widest = g->geometry->width > g->geometry->ff_expert ? g->geometry->width : g->geometry->ff_expert;
    place_tapes(g, arena);
    place_streams(g, arena);
    place_step(g, arena);
    uint64_t blocks = (g->most_tokens + TL_SUM_ROWS - 1) / TL_SUM_ROWS;
    g->partial = tl_arena_take(arena, blocks * widest_sum(g), sizeof(float));
    g->sinks = tl_arena_take(arena, (uint64_t)g->limits.windows * g->geometry->n_heads, sizeof(float));
    g->ones = tl_arena_take(arena, g->widest, sizeof(float));
    g->temporary = tl_arena_take(arena, 2 * threads * g->widest, sizeof(float));
    for (uint64_t i = 0; g->ones && i < g->widest; i++)
        g->ones[i] = 1.0f;
    tl_attend_place(g, arena);
    if (has_kind(g, TL_OP_DELTA))
        tl_delta_place(g, arena);
    if (has_kind(g, TL_OP_EXPERTS))
        tl_mixture_place(g, arena);
    tl_head_place(g, arena);
    if (g->weights->frozen)
        tl_frozen_place(g, arena);
    int status = tl_matmul_layout(arena, threads, deepest(g), &g->products);
    return status >= 0 && arena->overflow ? tl_fail(TL_E_NOMEM, "the memory of a training pass of %u tokens does not fit", g->most_tokens) : status;
}

uint32_t tl_graph_recomputed(const struct tl_graph *g) { return g->geometry->n_layers - g->n_tapes; }

double tl_graph_operations(const struct tl_graph *g)
{
    const struct tl_geometry *geometry = g->geometry;
    double attention = 0, positions = g->limits.window;
    for (uint32_t i = 0; i < geometry->n_layers; i++) {
        double seen = geometry->layer_window[i] && geometry->layer_window[i] < positions ? geometry->layer_window[i] : (positions + 1) / 2;
        attention += 2.0 * seen * geometry->n_heads * (geometry->head_dim + geometry->v_dim);
    }
    double embedding = (double)geometry->vocab * geometry->width;
    double weights = (double)g->program->active_parameters - (geometry->tied ? 0 : embedding);
    return (g->weights->frozen ? 4.0 : 6.0) * weights + 3.0 * attention;
}

/* --- a pass ----------------------------------------------------------------------------------------------------------- */

static void turns_piece(void *context, uint32_t row, uint32_t thread)
{
    struct tl_graph *g = context;
    uint32_t n = g->geometry->n_rot;
    (void)thread;
    tl_step_turns(&g->step, row);
    for (int set = 0; set < TL_ROPES; set++)
        for (uint32_t i = 0; i < n; i++) {
            float value = g->step.rope[set][(uint64_t)row * n + i];
            g->turns_back[set][(uint64_t)row * n + i] = i % 2 ? -value : value;
        }
}

static int begin(struct tl_graph *g, const struct tl_windows_batch *batch)
{
    uint32_t window = g->limits.window;
    g->batch = batch;
    g->n_tokens = batch->n_windows * window;
    if (!batch->n_windows || batch->n_windows > g->limits.windows)
        return tl_fail(TL_E_USAGE, "a pass of %u windows, laid out for %u", batch->n_windows, g->limits.windows);
    for (uint32_t t = 0; t < g->n_tokens; t++) {
        if (batch->ids[t] < 0 || (uint32_t)batch->ids[t] >= g->geometry->vocab || batch->targets.next[t] >= (int32_t)g->geometry->vocab)
            return tl_fail(TL_E_USAGE, "token id %d, followed by %d, is outside the vocabulary of %u", batch->ids[t], batch->targets.next[t], g->geometry->vocab);
        if (batch->targets.draws && batch->targets.draws[t].n_ids > TL_MOST_DRAWS)
            return tl_fail(TL_E_USAGE, "%u draws of a token, expected at most %d", batch->targets.draws[t].n_ids, TL_MOST_DRAWS);
        if (batch->first[t] > t % window)
            return tl_fail(TL_E_USAGE, "token %u of a window is of a document that begins at %u", t % window, batch->first[t]);
        g->step.token_position[t] = t % window - batch->first[t];
    }
    g->step.n_tokens = g->step.n_rows = g->n_tokens;
    tl_pool_run(g->pool, g->n_tokens, turns_piece, g);
    return 0;
}

enum walk { FORWARD, AGAIN, BACKWARD };

static void walk_layer(struct tl_graph *g, uint32_t layer, enum walk walk)
{
    const struct tl_tape *tape = &g->tapes[layer];
    bool backward = walk == BACKWARD;
    for (uint32_t i = 0; i < tape->n_ops; i++) {
        uint32_t at = backward ? tape->n_ops - 1 - i : i;
        g->op = &g->program->ops[tape->first_op + at];
        g->at = &tape->ops[at];
        const struct tl_graph_kind *kind = tl_graph_kind(g->op->kind);
        if (!backward && kind->forward && (walk == FORWARD || g->at->again))
            kind->forward(g);
        if (backward && kind->backward && g->has_slope[g->op->out])
            kind->backward(g);
    }
}

static int run_layer(struct tl_graph *g, uint32_t layer, bool backward)
{
    g->layer = layer;
    int status = tl_progress_check(g->progress);
    if (status >= 0 && g->weights->frozen)
        status = tl_frozen_pin(g, layer);
    if (status < 0)
        return status;
    if (!backward)
        walk_layer(g, layer, FORWARD);
    else if (layer < tl_graph_recomputed(g))
        walk_layer(g, layer, AGAIN);
    for (int s = 0; s < TL_STREAM_COUNT && backward; s++)
        g->has_slope[s] = s == TL_S_X;
    if (backward)
        walk_layer(g, layer, BACKWARD);
    if (g->weights->frozen)
        tl_frozen_unpin(g, layer);
    return g->status;
}

static int forward(struct tl_graph *g)
{
    g->op = g->program->ops;
    tl_graph_kind(TL_OP_EMBED)->forward(g);
    int status = 0;
    for (uint32_t layer = 0; layer < g->geometry->n_layers && status >= 0; layer++)
        status = run_layer(g, layer, false);
    return status;
}

/* Behind the head, which left the gradient of X. */
static int walk_back(struct tl_graph *g)
{
    int status = 0;
    for (uint32_t layer = g->geometry->n_layers; layer-- > 0 && status >= 0;)
        status = run_layer(g, layer, true);
    if (status < 0)
        return status;
    g->op = g->program->ops;
    tl_graph_kind(TL_OP_EMBED)->backward(g);
    return 0;
}

int tl_graph_run(struct tl_graph *g, struct tl_pool *pool, const struct tl_windows_batch *batch, float scale, bool backward,
                 const struct tl_progress *progress, struct tl_pass *ret_pass)
{
    uint32_t mode = tl_pool_float_mode();
    g->pool = pool;
    g->progress = progress;
    g->status = 0;
    int status = begin(g, batch);
    if (status >= 0 && g->weights->frozen)
        status = tl_store_begin(tl_model_store(g->weights->model), 1);
    if (status >= 0)
        status = forward(g);
    if (status >= 0)
        status = tl_head_run(g, scale, backward, ret_pass);
    if (status >= 0 && backward)
        status = walk_back(g);
    tl_pool_float_restore(mode);
    return status;
}
