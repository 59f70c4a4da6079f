/* SPDX-License-Identifier: MIT */
/* Gated delta nets: their geometry, their convolution and gates row by row, and the rule itself, parallel over spans, value
 * heads and strips of columns, each strip passing over all tokens of its span. The new state is written beside the old
 * one (record.h); what a row of the convolution needs from before its step comes from the old one. */
#include "model/delta.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "model/step.h"

enum { STRIP_COLS = 32, MOST_TAPS = 16 };

/* --- geometry --- */

/* Is layer i recurrent, by the value that the metadata has for it? */
static int read_layer(const struct tl_geometry *g, const struct tl_meta *types, uint32_t i, bool *ret)
{
    const char *text = "";
    size_t n_bytes;
    if (g->format == TL_MODELFILE_GGUF)
        return tl_meta_at_bool(types, i, ret);
    int status = tl_meta_at_string(types, i, &text, &n_bytes);
    *ret = !strcmp(text, "linear_attention");
    return status;
}

static int read_layers(const struct tl_modelfile *file, struct tl_geometry *g)
{
    char key[96];
    uint32_t interval = g->full_interval ? g->full_interval : 4;
    snprintf(key, sizeof(key), "%s%s", g->prefix, g->format == TL_MODELFILE_GGUF ? "attention.recurrent_layers" : "layer_types");
    const struct tl_meta *types = tl_modelfile_meta(file, key);
    if (types && types->count < g->n_layers)
        return tl_fail(TL_E_FILE, "%s: %s has %" PRIu64 " entries, expected %u", tl_modelfile_path(file), key, types->count, g->n_layers);
    for (uint32_t i = 0; i < g->n_layers; i++) {
        bool recurrent = (i + 1) % interval != 0;
        int status = types ? read_layer(g, types, i, &recurrent) : 0;
        if (status < 0)
            return tl_fail_in(status, "%s", tl_modelfile_path(file));
        g->layer_recurrent[i] = recurrent;
    }
    return 0;
}

int tl_delta_read(const struct tl_modelfile *file, struct tl_geometry *g)
{
    const char *path = tl_modelfile_path(file);
    if (!g->delta_v_dim && g->delta_v_heads)
        g->delta_v_dim = g->delta_width / g->delta_v_heads;
    if (!g->delta_k_heads || !g->delta_v_heads || g->delta_v_heads % g->delta_k_heads || !g->delta_k_dim || !g->delta_v_dim ||
        (g->delta_width && g->delta_width != g->delta_v_heads * g->delta_v_dim))
        return tl_fail(TL_E_FILE, "%s: delta nets of %u key heads of %u and %u value heads of %u, which cannot be", path, g->delta_k_heads,
                       g->delta_k_dim, g->delta_v_heads, g->delta_v_dim);
    if (!g->conv_taps)
        return tl_fail(TL_E_FILE, "%s: the width of the convolution is missing", path);
    if ((uint64_t)g->delta_k_heads * g->delta_k_dim > 1u << 20 || (uint64_t)g->delta_v_heads * g->delta_v_dim > 1u << 20)
        return tl_fail(TL_E_FILE, "%s: delta nets of %u heads of %u are beyond what is supported", path, g->delta_v_heads, g->delta_v_dim);
    char key[96];
    g->gated = true;
    snprintf(key, sizeof(key), "%sattn_output_gate", g->prefix);
    int status = g->format == TL_MODELFILE_SAFETENSORS ? tl_meta_bool(file, key, &g->gated) : 0;
    return status < 0 ? status : read_layers(file, g);
}

/* --- where a block stands --- */

static const struct tl_cache *cache_of(const struct tl_step *s) { return s->batch->spans[0].state->cache; }

static float *tail_of(const struct tl_step *s, float *record, uint32_t layer)
{
    return tl_record_tail(&cache_of(s)->records, record, cache_of(s)->layer_slot[layer]);
}

/* Tokens from .. to - 1 of a span take the state from one record to another, or on in the same. */
struct stretch { uint32_t from, to; float *old, *new; };

/* Those of the tokens of a span that the block holds; a step has a border inside where the records have a middle. */
static uint32_t stretches_of(const struct tl_step *s, uint32_t span, struct stretch ret[2])
{
    const struct tl_records *r = &s->batch->spans[span].state->records;
    uint32_t first = s->span_first[span], last = first + s->batch->spans[span].n_tokens, n = 0;
    uint32_t from = s->first > first ? s->first - first : 0, to = (s->first + s->n_rows < last ? s->first + s->n_rows : last) - first;
    uint32_t border = r->middle.record ? r->middle.length - r->now.length : 0;
    if (first == last)
        return 0;
    if (from < border) {
        ret[n++] = (struct stretch){ from, to < border ? to : border, from ? r->middle.record : r->now.record, r->middle.record };
        from = ret[0].to;
    }
    if (from < to)
        ret[n++] = (struct stretch){ from, to, from > border ? r->next.record : border ? r->middle.record : r->now.record, r->next.record };
    return n;
}

/* The convolution's input for token `index` of a span, in this block or, up to taps - 1 before it, in the record there. */
static const float *input_at(const struct tl_step *s, uint32_t layer, uint32_t span, const struct stretch *first, int64_t index)
{
    uint64_t channels = tl_stream_width(s->geometry, TL_S_DI);
    if (index >= first->from)
        return tl_step_row(s, TL_S_DI, s->span_first[span] + (uint32_t)index - s->first);
    return tail_of(s, first->old, layer) + (s->geometry->conv_taps - 1 + index - first->from) * (int64_t)channels;
}

/* --- rows --- */

void tl_delta_conv(struct tl_step *s, const struct tl_op *op, const struct tl_weight *w, uint32_t row)
{
    const float *taps[MOST_TAPS];
    struct stretch stretch[2];
    uint32_t span = s->token_span[s->first + row], n_taps = s->geometry->conv_taps;
    int64_t last = (int64_t)s->first + row - s->span_first[span];
    stretches_of(s, span, stretch);
    for (uint32_t i = 0; i < n_taps; i++)
        taps[i] = input_at(s, op->layer, span, &stretch[0], last - (n_taps - 1) + i);
    s->kernel->conv_silu(taps, w->data, n_taps, w->cols, tl_step_row(s, op->out, row));
}

void tl_delta_decay(struct tl_step *s, const struct tl_op *op, const struct tl_weight *rate, const struct tl_weight *bias, uint32_t row)
{
    float *decay = tl_step_row(s, op->in, row), *beta = tl_step_row(s, op->out, row);
    s->kernel->decay(decay, bias->data, rate->data, s->geometry->rate_log, rate->cols, decay);
    for (uint32_t i = 0; i < rate->cols; i++)
        beta[i] = 1.0f / (1.0f + tl_exp(-beta[i]));
}

/* --- the rule --- */

static uint32_t strips_of(const struct tl_geometry *g) { return (g->delta_v_dim + STRIP_COLS - 1) / STRIP_COLS; }

/* Some columns of a head over the tokens of a stretch. */
static void run_strip(const struct tl_step *s, uint32_t span, uint32_t head, uint32_t col, const struct stretch *stretch)
{
    const struct tl_geometry *g = s->geometry;
    const struct tl_record_pool *pool = &cache_of(s)->records;
    uint32_t slot = cache_of(s)->layer_slot[s->ops->layer], keys = g->delta_k_heads * g->delta_k_dim;
    uint32_t key = g->delta_tiled ? head % g->delta_k_heads : head / (g->delta_v_heads / g->delta_k_heads);
    uint32_t row = s->span_first[span] + stretch->from - s->first;
    uint64_t at = (uint64_t)col * g->delta_k_dim;
    const float *in = tl_step_row(s, TL_S_DC, row);
    s->kernel->delta(&(struct tl_delta){
        .key_dim = g->delta_k_dim, .n_cols = g->delta_v_dim - col < STRIP_COLS ? g->delta_v_dim - col : STRIP_COLS,
        .n_tokens = stretch->to - stretch->from,
        .from = tl_record_head(pool, stretch->old, slot, head) + at, .to = tl_record_head(pool, stretch->new, slot, head) + at,
        .q = in + key * g->delta_k_dim, .k = in + keys + key * g->delta_k_dim, .v = in + 2 * keys + head * g->delta_v_dim + col,
        .beta = tl_step_row(s, TL_S_DB, row) + head, .decay = tl_step_row(s, TL_S_DA, row) + head,
        .out = tl_step_row(s, TL_S_DO, row) + head * g->delta_v_dim + col,
        .stride = tl_stream_width(g, TL_S_DC), .gate_stride = g->delta_v_heads, .out_stride = tl_stream_width(g, TL_S_DO),
    });
}

static void delta_piece(void *context, uint32_t piece, uint32_t thread)
{
    struct tl_step *s = context;
    uint32_t n_strips = strips_of(s->geometry), heads = s->geometry->delta_v_heads;
    uint32_t span = s->token_span[s->first] + piece / n_strips / heads, head = piece / n_strips % heads;
    struct stretch stretch[2];
    (void)thread;
    for (uint32_t i = 0, n = stretches_of(s, span, stretch); i < n; i++)
        run_strip(s, span, head, piece % n_strips * STRIP_COLS, &stretch[i]);
}

/* What the first convolutions behind a stretch will want. The last one first: the one before may shift its record's tail
 * in place, oldest first, and the last one reads there too. */
static void write_tails(struct tl_step *s, uint32_t span)
{
    struct stretch stretch[2];
    uint32_t layer = s->ops->layer, n_kept = s->geometry->conv_taps - 1;
    uint64_t channels = tl_stream_width(s->geometry, TL_S_DI);
    for (uint32_t i = stretches_of(s, span, stretch); i > 0; i--)
        for (uint32_t k = 0; k < n_kept; k++)
            memcpy(tail_of(s, stretch[i - 1].new, layer) + k * channels,
                   input_at(s, layer, span, &stretch[0], (int64_t)stretch[i - 1].to - n_kept + k), channels * sizeof(float));
}

void tl_delta_run(struct tl_step *s, struct tl_pool *pool)
{
    uint32_t first = s->token_span[s->first], n_spans = s->token_span[s->first + s->n_rows - 1] - first + 1;
    for (uint32_t span = first; span < first + n_spans; span++)
        write_tails(s, span);
    tl_pool_run(pool, n_spans * s->geometry->delta_v_heads * strips_of(s->geometry), delta_piece, s);
}
