/* SPDX-License-Identifier: MIT */
/* Gated delta nets there and back (Yang et al. 2024, arXiv 2412.06464): the convolution of q, k and v, the gates, and the
 * rule. Every document of a window begins with a state of zeros and sees nothing before itself. Backwards the rule's states
 * are computed again from those kept at the borders of runs of tokens; one head of keys, with its values, is one piece. */
#include <math.h>
#include <string.h>

#include "train/graph_impl.h"

#if !defined(__clang__)
#pragma GCC optimize("O3")
#endif

enum { TILE = 16, MOST_TAPS = 16, MOST_HEADS = 4096 };     /* the bounds of fields.def */

/* --- memory ----------------------------------------------------------------------------------------------------------- */

static uint64_t state_floats(const struct tl_geometry *geometry) { return (uint64_t)geometry->delta_k_dim * ((geometry->delta_v_dim + TILE - 1) / TILE * TILE); }

/* Tokens between two states that are kept: as many runs as tokens in a run. */
static uint32_t run_tokens(const struct tl_graph *g)
{
    uint32_t n = 1;
    while (n * n < g->limits.window)
        n++;
    return n;
}

void tl_delta_place(struct tl_graph *g, struct tl_arena *arena)
{
    uint64_t state = state_floats(g->geometry), keys = (uint64_t)g->geometry->delta_k_dim * TILE, runs = run_tokens(g);
    g->delta = tl_arena_take(arena, g->limits.threads, sizeof(*g->delta));
    for (uint32_t i = 0; i < g->limits.threads; i++) {
        struct tl_delta_room room;
        room.kept = tl_arena_take(arena, (runs + 1) * state, sizeof(float));
        room.run = tl_arena_take(arena, (runs + 1) * state, sizeof(float));
        room.slope = tl_arena_take(arena, state, sizeof(float));
        room.slope_q = tl_arena_take(arena, keys, sizeof(float));
        room.slope_k = tl_arena_take(arena, keys, sizeof(float));
        room.out = tl_arena_take(arena, g->geometry->delta_v_dim + TILE, sizeof(float));
        if (g->delta)
            g->delta[i] = room;
    }
    g->zeros = tl_arena_take(arena, tl_graph_width(g, TL_S_DI), sizeof(float));
}

/* --- the convolution -------------------------------------------------------------------------------------------------- */

/* Tokens of its document before a row. */
static uint32_t behind(const struct tl_graph *g, uint32_t row) { return g->step.token_position[row]; }

static void conv_row(void *context, uint32_t row, uint32_t thread)
{
    struct tl_graph *g = context;
    const struct tl_parameter *w = tl_graph_weight(g, g->op->weight);
    uint32_t n_taps = w->count, width = w->cols;
    const float *in = tl_graph_version(g, g->at->in) + (uint64_t)row * width, *taps[MOST_TAPS];
    (void)thread;
    for (uint32_t t = 0; t < n_taps; t++) {
        uint32_t back = n_taps - 1 - t;
        taps[t] = back > behind(g, row) ? g->zeros : in - (uint64_t)back * width;
    }
    g->kernel->conv_silu(taps, w->value, n_taps, width, tl_graph_version(g, g->at->out) + (uint64_t)row * width);
}

void tl_delta_conv_forward(struct tl_graph *g) { tl_pool_run(g->pool, g->n_tokens, conv_row, g); }

/* The slope behind silu becomes that before it; what the weights get of it is summed for the block. */
static void conv_slope_row(struct tl_graph *g, uint32_t row, float *temporary, float *partial)
{
    const struct tl_parameter *w = tl_graph_weight(g, g->op->weight);
    uint32_t n_taps = w->count, width = w->cols;
    const float *in = tl_graph_version(g, g->at->in) + (uint64_t)row * width, *value = w->value;
    float *slope = g->slope[g->op->out] + (uint64_t)row * width, *z = temporary, *s = temporary + g->widest;
    memset(z, 0, width * sizeof(float));
    for (uint32_t t = 0; t < n_taps; t++)
        for (uint32_t i = 0; n_taps - 1 - t <= behind(g, row) && i < width; i++)
            z[i] += value[t * width + i] * in[i - (int64_t)(n_taps - 1 - t) * width];
    g->kernel->sigmoid_mul(z, g->ones, width, s);
    for (uint32_t i = 0; i < width; i++)
        slope[i] *= s[i] * (1.0f + z[i] * (1.0f - s[i]));
    for (uint32_t t = 0; t < n_taps; t++)
        for (uint32_t i = 0; n_taps - 1 - t <= behind(g, row) && i < width; i++)
            partial[t * width + i] += slope[i] * in[i - (int64_t)(n_taps - 1 - t) * width];
}

/* Each row takes from those of its document that saw it. */
static void conv_back_row(void *context, uint32_t row, uint32_t thread)
{
    struct tl_graph *g = context;
    const struct tl_parameter *w = tl_graph_weight(g, g->op->weight);
    uint32_t n_taps = w->count, width = w->cols;
    float *slope = g->slope[g->op->in] + (uint64_t)row * width;
    (void)thread;
    for (uint32_t ahead = 0; ahead < n_taps && row + ahead < g->n_tokens && behind(g, row + ahead) == behind(g, row) + ahead; ahead++) {
        const float *from = g->slope[g->op->out] + (uint64_t)(row + ahead) * width, *value = w->value + (uint64_t)(n_taps - 1 - ahead) * width;
        for (uint32_t i = 0; i < width; i++)
            slope[i] += value[i] * from[i];
    }
}

void tl_delta_conv_backward(struct tl_graph *g)
{
    const struct tl_parameter *w = tl_graph_weight(g, g->op->weight);
    tl_graph_slope(g, g->op->in);
    tl_each_row(g, conv_slope_row, w->count * w->cols, w->gradient);
    tl_pool_run(g->pool, g->n_tokens, conv_back_row, g);
    g->has_slope[g->op->out] = false;
}

/* --- the gates -------------------------------------------------------------------------------------------------------- */

/* a = exp(r softplus(x + bias)), b = sigmoid(y): slopes of a and b become those of x and y. */
static void decay_row(struct tl_graph *g, uint32_t row, float *temporary, float *partial)
{
    const struct tl_parameter *rate = tl_graph_weight(g, g->op->weight), *bias = tl_graph_weight(g, g->op->bias);
    uint32_t n = rate->cols;
    const float *x = tl_graph_version(g, g->at->in) + (uint64_t)row * n, *a = tl_graph_version(g, g->at->in_after) + (uint64_t)row * n;
    const float *b = tl_graph_version(g, g->at->out) + (uint64_t)row * n;
    float *slope_a = g->slope[g->op->in] + (uint64_t)row * n, *slope_b = g->slope[g->op->out] + (uint64_t)row * n;
    (void)temporary;
    for (uint32_t i = 0; i < n; i++) {
        float z = x[i] + bias->value[i], r = g->geometry->rate_log ? -tl_exp(rate->value[i]) : rate->value[i], e = tl_exp(z < 0 ? z : -z);
        float soft = (z > 0 ? z : 0) + tl_log(1.0f + e), slope = slope_a[i] * a[i];
        partial[i] += slope * soft * (g->geometry->rate_log ? r : 1.0f);
        slope_a[i] = slope * r * ((z < 0 ? e : 1.0f) / (1.0f + e));
        partial[n + i] += slope_a[i];
        slope_b[i] *= b[i] * (1.0f - b[i]);
    }
}

void tl_delta_decay_backward(struct tl_graph *g)
{
    const struct tl_parameter *rate = tl_graph_weight(g, g->op->weight), *bias = tl_graph_weight(g, g->op->bias);
    float sums[2 * MOST_HEADS];
    uint32_t n = rate->cols;
    tl_graph_slope(g, g->op->in);
    memset(sums, 0, 2 * n * sizeof(float));
    tl_each_row(g, decay_row, 2 * n, sums);
    if (rate->gradient)
        g->kernel->add(rate->gradient, sums, n, rate->gradient);
    if (bias->gradient)
        g->kernel->add(bias->gradient, sums + n, n, bias->gradient);
}

/* --- the rule --------------------------------------------------------------------------------------------------------- */

/* A head of values over tokens of a window. */
struct head { struct tl_graph *graph; uint32_t first, value, key; struct tl_delta_room *room; };

static uint32_t key_of(const struct tl_geometry *geometry, uint32_t value)
{
    return geometry->delta_tiled ? value % geometry->delta_k_heads : value / (geometry->delta_v_heads / geometry->delta_k_heads);
}

/* Where q, k and v of a token begin, in DC or its slopes. */
static uint64_t q_at(const struct head *h, uint32_t row) { return row * tl_graph_width(h->graph, TL_S_DC) + (uint64_t)h->key * h->graph->geometry->delta_k_dim; }
static uint64_t k_at(const struct head *h, uint32_t row) { return q_at(h, row) + (uint64_t)h->graph->geometry->delta_k_heads * h->graph->geometry->delta_k_dim; }
static uint64_t v_at(const struct head *h, uint32_t row)
{
    const struct tl_geometry *geometry = h->graph->geometry;
    return row * tl_graph_width(h->graph, TL_S_DC) + 2 * (uint64_t)geometry->delta_k_heads * geometry->delta_k_dim + (uint64_t)h->value * geometry->delta_v_dim;
}

/* Tokens from .. from + n - 1, of one document, take the state on. */
static void advance(const struct head *h, uint32_t row, uint32_t n, const float *from, float *to, float *out, size_t out_step)
{
    struct tl_graph *g = h->graph;
    const struct tl_geometry *geometry = g->geometry;
    const float *in = tl_graph_version(g, g->at->in);
    uint64_t gate = (uint64_t)row * geometry->delta_v_heads + h->value;
    g->kernel->delta(&(struct tl_delta){
        .key_dim = geometry->delta_k_dim, .n_cols = geometry->delta_v_dim, .n_tokens = n, .from = from, .to = to,
        .q = in + q_at(h, row), .k = in + k_at(h, row), .v = in + v_at(h, row),
        .beta = tl_graph_version(g, g->at->key) + gate, .decay = tl_graph_version(g, g->at->value) + gate,
        .out = out, .stride = tl_graph_width(g, TL_S_DC), .gate_stride = geometry->delta_v_heads, .out_stride = out_step,
    });
}

static void forward_piece(void *context, uint32_t piece, uint32_t thread)
{
    struct tl_graph *g = context;
    uint32_t heads = g->geometry->delta_v_heads, size = g->limits.window;
    struct head h = { g, piece / heads * size, piece % heads, key_of(g->geometry, piece % heads), &g->delta[thread] };
    uint64_t width = tl_graph_width(g, TL_S_DO);
    for (uint32_t row = h.first, n; row < h.first + size; row += n) {
        for (n = 1; row + n < h.first + size && behind(g, row + n); n++)
            ;
        memset(h.room->run, 0, state_floats(g->geometry) * sizeof(float));
        advance(&h, row, n, h.room->run, h.room->run, tl_graph_version(g, g->at->out) + row * width + (uint64_t)h.value * g->geometry->delta_v_dim, width);
    }
}

void tl_delta_rule_forward(struct tl_graph *g) { tl_pool_run(g->pool, g->batch->n_windows * g->geometry->delta_v_heads, forward_piece, g); }

/* One token back through 16 columns of the state. m = S'k of the state before, d = (v - a m) b, S = a S' + k d^T, out = S q;
 * G, the slope of S, becomes that of S'. Adds to the slopes of q and k [key_dim][16], and gives those of v, and of a and b
 * lane by lane. */
struct lanes_back { float v[TILE], a[TILE], b[TILE]; };

static void back_tile(uint32_t keys, const float *restrict state, const float *restrict before, const float *restrict q, const float *restrict k,
                      const float v[TILE], const float slope_out[TILE], float a, float b, float *restrict slope, float *restrict slope_q,
                      float *restrict slope_k, struct lanes_back *ret)
{
    float m[TILE] = { 0 }, back_d[TILE] = { 0 }, d[TILE], back_m[TILE], back_a[TILE] = { 0 };
    for (uint32_t i = 0; i < keys; i++)
        for (int l = 0; l < TILE; l++) {
            float g = slope[i * TILE + l] + q[i] * slope_out[l];
            slope[i * TILE + l] = g;
            slope_q[i * TILE + l] += state[i * TILE + l] * slope_out[l];
            back_d[l] += g * k[i];
            m[l] += before[i * TILE + l] * k[i];
        }
    for (int l = 0; l < TILE; l++) {
        float free_value = v[l] - a * m[l];
        d[l] = free_value * b;
        back_m[l] = -a * b * back_d[l];
        ret->v[l] = back_d[l] * b;
        ret->b[l] = back_d[l] * free_value;
        back_a[l] = -back_d[l] * b * m[l];
    }
    for (uint32_t i = 0; i < keys; i++)
        for (int l = 0; l < TILE; l++) {
            float g = slope[i * TILE + l], old = before[i * TILE + l];
            slope_k[i * TILE + l] += g * d[l] + old * back_m[l];
            back_a[l] += g * old;
            slope[i * TILE + l] = a * g + k[i] * back_m[l];
        }
    memcpy(ret->a, back_a, sizeof(back_a));
}

static void back_token(const struct head *h, uint32_t row, const float *state, const float *before)
{
    struct tl_graph *g = h->graph;
    const struct tl_geometry *geometry = g->geometry;
    const float *in = tl_graph_version(g, g->at->in), *slope_out = g->slope[TL_S_DO] + row * tl_graph_width(g, TL_S_DO) + (uint64_t)h->value * geometry->delta_v_dim;
    uint64_t gate = (uint64_t)row * geometry->delta_v_heads + h->value;
    uint32_t keys = geometry->delta_k_dim, cols = geometry->delta_v_dim;
    float a = tl_graph_version(g, g->at->value)[gate], b = tl_graph_version(g, g->at->key)[gate], sum_a = 0, sum_b = 0, *slope_in = g->slope[TL_S_DC];
    memset(h->room->slope_q, 0, (uint64_t)keys * TILE * sizeof(float));
    memset(h->room->slope_k, 0, (uint64_t)keys * TILE * sizeof(float));
    for (uint32_t col = 0; col < cols; col += TILE) {
        uint32_t n = cols - col < TILE ? cols - col : TILE;
        float v[TILE] = { 0 }, slope[TILE] = { 0 };
        struct lanes_back back;
        memcpy(v, in + v_at(h, row) + col, n * sizeof(float));
        memcpy(slope, slope_out + col, n * sizeof(float));
        back_tile(keys, state + (uint64_t)col * keys, before + (uint64_t)col * keys, in + q_at(h, row), in + k_at(h, row), v, slope, a, b,
                  h->room->slope + (uint64_t)col * keys, h->room->slope_q, h->room->slope_k, &back);
        for (uint32_t l = 0; l < n; l++)
            slope_in[v_at(h, row) + col + l] += back.v[l];
        sum_a += tl_tree16(back.a);
        sum_b += tl_tree16(back.b);
    }
    for (uint32_t i = 0; i < keys; i++) {
        slope_in[q_at(h, row) + i] += tl_tree16(h->room->slope_q + i * TILE);
        slope_in[k_at(h, row) + i] += tl_tree16(h->room->slope_k + i * TILE);
    }
    g->slope[TL_S_DA][gate] = sum_a;
    g->slope[TL_S_DB][gate] = sum_b;
}

/* A document: states at the borders of its runs first, then run by run from the last. */
static void back_document(const struct head *h, uint32_t row, uint32_t n)
{
    uint64_t state = state_floats(h->graph->geometry);
    uint32_t each = run_tokens(h->graph), runs = (n + each - 1) / each;
    float *kept = h->room->kept, *run = h->room->run;
    memset(kept, 0, state * sizeof(float));
    for (uint32_t i = 0; i + 1 < runs; i++)
        advance(h, row + i * each, each, kept + i * state, kept + (i + 1) * state, h->room->out, 0);
    memset(h->room->slope, 0, state * sizeof(float));
    for (uint32_t i = runs; i-- > 0;) {
        uint32_t from = row + i * each, tokens = n - i * each < each ? n - i * each : each;
        memcpy(run, kept + i * state, state * sizeof(float));
        for (uint32_t t = 0; t < tokens; t++)
            advance(h, from + t, 1, run + t * state, run + (t + 1) * state, h->room->out, 0);
        for (uint32_t t = tokens; t-- > 0;)
            back_token(h, from + t, run + (t + 1) * state, run + t * state);
    }
}

/* All heads of values of one head of keys, in order. */
static void backward_piece(void *context, uint32_t piece, uint32_t thread)
{
    struct tl_graph *g = context;
    const struct tl_geometry *geometry = g->geometry;
    uint32_t key = piece % geometry->delta_k_heads, first = piece / geometry->delta_k_heads * g->limits.window, last = first + g->limits.window;
    for (uint32_t value = 0; value < geometry->delta_v_heads; value++) {
        struct head h = { g, first, value, key, &g->delta[thread] };
        for (uint32_t row = first, n; row < last && key_of(geometry, value) == key; row += n) {
            for (n = 1; row + n < last && behind(g, row + n); n++)
                ;
            back_document(&h, row, n);
        }
    }
}

void tl_delta_rule_backward(struct tl_graph *g)
{
    tl_graph_slope(g, TL_S_DC);
    g->has_slope[TL_S_DA] = g->has_slope[TL_S_DB] = true;
    g->has_slope[TL_S_DO] = false;
    tl_pool_run(g->pool, g->batch->n_windows * g->geometry->delta_k_heads, backward_piece, g);
}
