/* SPDX-License-Identifier: MIT */
/* Attention of whole windows: blocks of queries against the keys that any of them sees. Forward leaves for each row the
 * most and the sum of its exponentials; backwards the scores are computed again from them (Dao et al. 2022, section 3).
 * Documents of a window do not see each other; of latent attention the values are the head of the keys. */
#include <string.h>

#include "train/graph_impl.h"
#include "train/sums.h"

enum { QUERIES = 128 };

void tl_attend_place(struct tl_graph *g, struct tl_arena *arena)
{
    g->attend = tl_arena_take(arena, g->limits.threads, sizeof(*g->attend));
    for (uint32_t i = 0; i < g->limits.threads; i++) {
        struct tl_attend_room room;
        room.scores = tl_arena_take(arena, (uint64_t)QUERIES * g->limits.window, sizeof(float));
        room.slopes = tl_arena_take(arena, (uint64_t)QUERIES * g->limits.window, sizeof(float));
        if (g->attend)
            g->attend[i] = room;
    }
}

/* Some queries of a head in a window, and the keys that they see: positions of the window, as all here. */
struct block {
    struct tl_graph *graph;
    uint32_t window, head, from, to, keys_from, thread;
    uint64_t q_step, k_step, v_step, a_step;
    const float *q, *k, *v;              /* of the first query; of the first key */
    uint64_t row;                        /* of the first query, in all tokens */
    bool has_sink;
    float sink;
};

static uint32_t sees_from(const struct block *b, uint32_t at)
{
    const struct tl_graph *g = b->graph;
    uint32_t first = g->batch->first[(uint64_t)b->window * g->limits.window + at], window = g->geometry->layer_window[g->layer];
    return window && at >= first + window ? at - window + 1 : first;
}

static struct block block_of(struct tl_graph *g, uint32_t thread, uint32_t window, uint32_t head, uint32_t from)
{
    const struct tl_geometry *geometry = g->geometry;
    uint32_t size = g->limits.window, kv_head = head / (geometry->n_heads / geometry->n_kv_heads);
    bool latent = geometry->kv_rank > 0;
    struct block b = { .graph = g, .window = window, .head = head, .from = from, .to = from + QUERIES < size ? from + QUERIES : size, .thread = thread };
    b.q_step = tl_graph_width(g, TL_S_Q);
    b.k_step = tl_graph_width(g, TL_S_K);
    b.v_step = latent ? b.k_step : tl_graph_width(g, TL_S_V);
    b.a_step = tl_graph_width(g, TL_S_A);
    b.row = (uint64_t)window * size + from;
    b.keys_from = from;
    for (uint32_t at = b.from; at < b.to; at++)
        b.keys_from = sees_from(&b, at) < b.keys_from ? sees_from(&b, at) : b.keys_from;
    uint64_t key = (uint64_t)window * size + b.keys_from;
    b.q = tl_graph_version(g, g->at->in) + b.row * b.q_step + head * geometry->head_dim;
    b.k = tl_graph_version(g, g->at->key) + key * b.k_step + kv_head * geometry->head_dim;
    b.v = latent ? b.k : tl_graph_version(g, g->at->value) + key * b.v_step + kv_head * geometry->v_dim;
    b.has_sink = g->op->weight != TL_NO_WEIGHT;
    b.sink = b.has_sink ? tl_graph_weight(g, g->op->weight)->value[head] : 0;
    return b;
}

static void multiply(const struct block *b, struct tl_matmul product)
{
    tl_matmul_piece(b->graph->products, b->thread, b->graph->kernel, &product);
}

/* Scores of the queries, scaled and capped: [queries][keys]. */
static void score(const struct block *b, float *scores, uint32_t n_keys)
{
    const struct tl_geometry *geometry = b->graph->geometry;
    uint32_t n = b->to - b->from;
    multiply(b, (struct tl_matmul){ .a = tl_operand_of(b->q, b->q_step), .b = tl_operand_of(b->k, b->k_step), .m = n, .n = n_keys,
                                    .inner = geometry->head_dim, .c = scores, .c_step = n_keys });
    for (uint32_t i = 0; i < n; i++) {
        uint32_t at = b->from + i, first = sees_from(b, at) - b->keys_from, seen = at + 1 - b->keys_from - first;
        float *row = scores + (uint64_t)i * n_keys;
        b->graph->kernel->scale(row + first, geometry->attention_scale, seen, row + first);
        if (geometry->attention_softcap > 0)
            b->graph->kernel->softcap(row + first, geometry->attention_softcap, seen, row + first);
        memset(row, 0, first * sizeof(float));
        memset(row + first + seen, 0, (n_keys - first - seen) * sizeof(float));
    }
}

/* --- forward ---------------------------------------------------------------------------------------------------------- */

/* The row's exponentials, with their most and their sum. */
static void soften(const struct block *b, float *scores, uint32_t n, float *ret_most, float *ret_sum)
{
    const struct tl_kernel *kernel = b->graph->kernel;
    float most = kernel->max(scores, n);
    most = b->has_sink && b->sink > most ? b->sink : most;
    kernel->exp(scores, most, n, scores);
    float sum = kernel->sum(scores, n);
    *ret_most = most;
    *ret_sum = b->has_sink ? sum + tl_exp(b->sink - most) : sum;
}

static void forward_piece(void *context, uint32_t piece, uint32_t thread)
{
    struct tl_graph *g = context;
    const struct tl_geometry *geometry = g->geometry;
    struct tl_taped_rows *taped = tl_graph_taped(g);
    uint32_t blocks = (g->limits.window + QUERIES - 1) / QUERIES, heads = geometry->n_heads;
    struct block b = block_of(g, thread, piece / blocks / heads, piece / blocks % heads, piece % blocks * QUERIES);
    float *scores = g->attend[thread].scores, *out = tl_graph_version(g, g->at->out) + b.row * b.a_step + b.head * geometry->v_dim;
    uint32_t n_keys = b.to - b.keys_from, n = b.to - b.from;
    score(&b, scores, n_keys);
    for (uint32_t i = 0; i < n; i++) {
        uint32_t at = b.from + i, first = sees_from(&b, at) - b.keys_from;
        uint64_t kept = (b.row + i) * heads + b.head;
        soften(&b, scores + (uint64_t)i * n_keys + first, at + 1 - b.keys_from - first, &taped->most[kept], &taped->sum[kept]);
    }
    multiply(&b, (struct tl_matmul){ .a = tl_operand_of(scores, n_keys), .b = tl_operand_turned(b.v, b.v_step), .m = n, .n = geometry->v_dim,
                                     .inner = n_keys, .c = out, .c_step = b.a_step });
    for (uint32_t i = 0; i < n; i++)
        g->kernel->scale(out + i * b.a_step, 1.0f / taped->sum[(b.row + i) * heads + b.head], geometry->v_dim, out + i * b.a_step);
}

void tl_attend_forward(struct tl_graph *g)
{
    uint32_t blocks = (g->limits.window + QUERIES - 1) / QUERIES;
    tl_pool_run(g->pool, g->batch->n_windows * g->geometry->n_heads * blocks, forward_piece, g);
}

/* --- backward --------------------------------------------------------------------------------------------------------- */

/* scores -> p = e / sum; slopes of p -> those of the scores before scale: p (slope - D) scale, D = slope of out * out. */
static void back_row(const struct block *b, uint32_t i, float *scores, float *slopes, uint32_t n_keys, float d, float *sink)
{
    const struct tl_graph *g = b->graph;
    const struct tl_geometry *geometry = g->geometry;
    const struct tl_taped_rows *taped = tl_graph_taped(g);
    uint32_t at = b->from + i, first = sees_from(b, at) - b->keys_from, n = at + 1 - b->keys_from - first;
    uint64_t kept = (b->row + i) * geometry->n_heads + b->head;
    float most = taped->most[kept], share = 1.0f / taped->sum[kept], cap = geometry->attention_softcap, scale = geometry->attention_scale;
    float *p = scores + (uint64_t)i * n_keys + first, *slope = slopes + (uint64_t)i * n_keys + first;
    for (uint32_t k = 0; k < n; k++)
        slope[k] = (slope[k] - d) * scale;
    for (uint32_t k = 0; k < n && cap > 0; k++)
        slope[k] *= 1.0f - p[k] / cap * (p[k] / cap);
    g->kernel->exp(p, most, n, p);
    for (uint32_t k = 0; k < n; k++) {
        p[k] *= share;
        slope[k] *= p[k];
    }
    memset(slope - first, 0, first * sizeof(float));
    memset(slope + n, 0, (n_keys - first - n) * sizeof(float));
    if (b->has_sink)
        *sink -= tl_exp(b->sink - most) * share * d;
}

static void back_block(const struct block *b, float *sink)
{
    struct tl_graph *g = b->graph;
    const struct tl_geometry *geometry = g->geometry;
    float *scores = g->attend[b->thread].scores, *slopes = g->attend[b->thread].slopes;
    uint32_t n_keys = b->to - b->keys_from, n = b->to - b->from, kv_head = b->head / (geometry->n_heads / geometry->n_kv_heads);
    uint64_t key = (uint64_t)b->window * g->limits.window + b->keys_from;
    bool latent = geometry->kv_rank > 0;
    const float *out = tl_graph_version(g, g->at->out) + b->row * b->a_step + b->head * geometry->v_dim;
    const float *slope = g->slope[TL_S_A] + b->row * b->a_step + b->head * geometry->v_dim;
    float *slope_k = g->slope[TL_S_K] + key * b->k_step + kv_head * geometry->head_dim;
    float *slope_v = latent ? slope_k : g->slope[TL_S_V] + key * b->v_step + kv_head * geometry->v_dim;
    score(b, scores, n_keys);
    multiply(b, (struct tl_matmul){ .a = tl_operand_of(slope, b->a_step), .b = tl_operand_of(b->v, b->v_step), .m = n, .n = n_keys,
                                    .inner = geometry->v_dim, .c = slopes, .c_step = n_keys });
    for (uint32_t i = 0; i < n; i++)
        back_row(b, i, scores, slopes, n_keys, tl_dot(slope + i * b->a_step, out + i * b->a_step, geometry->v_dim), sink);
    multiply(b, (struct tl_matmul){ .a = tl_operand_turned(scores, n_keys), .b = tl_operand_turned(slope, b->a_step), .m = n_keys, .n = geometry->v_dim,
                                    .inner = n, .c = slope_v, .c_step = b->v_step, .add = true });
    multiply(b, (struct tl_matmul){ .a = tl_operand_turned(slopes, n_keys), .b = tl_operand_turned(b->q, b->q_step), .m = n_keys, .n = geometry->head_dim,
                                    .inner = n, .c = slope_k, .c_step = b->k_step, .add = true });
    multiply(b, (struct tl_matmul){ .a = tl_operand_of(slopes, n_keys), .b = tl_operand_turned(b->k, b->k_step), .m = n, .n = geometry->head_dim,
                                    .inner = n_keys, .c = g->slope[TL_S_Q] + b->row * b->q_step + b->head * geometry->head_dim, .c_step = b->q_step });
}

/* All that adds to the keys and values of one head in one window, in order. */
static void backward_piece(void *context, uint32_t piece, uint32_t thread)
{
    struct tl_graph *g = context;
    const struct tl_geometry *geometry = g->geometry;
    uint32_t kv_heads = geometry->n_kv_heads, window = piece / kv_heads, group = geometry->n_heads / kv_heads, first = piece % kv_heads * group;
    for (uint32_t head = first; head < first + group; head++) {
        float *sink = g->sinks + window * geometry->n_heads + head;
        *sink = 0;
        for (uint32_t from = 0; from < g->limits.window; from += QUERIES) {
            struct block b = block_of(g, thread, window, head, from);
            back_block(&b, sink);
        }
    }
}

void tl_attend_backward(struct tl_graph *g)
{
    const struct tl_geometry *geometry = g->geometry;
    tl_graph_slope(g, TL_S_K);
    if (!geometry->kv_rank)
        tl_graph_slope(g, TL_S_V);
    g->has_slope[TL_S_Q] = true;
    g->has_slope[TL_S_A] = false;
    tl_pool_run(g->pool, g->batch->n_windows * geometry->n_kv_heads, backward_piece, g);
    float *gradient = g->op->weight == TL_NO_WEIGHT ? NULL : tl_graph_weight(g, g->op->weight)->gradient;
    for (uint32_t window = 0; window < g->batch->n_windows && gradient; window++)
        g->kernel->add(gradient, g->sinks + window * geometry->n_heads, geometry->n_heads, gradient);
}
