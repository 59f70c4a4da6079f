/* SPDX-License-Identifier: MIT */
/* The interpreter: runs a program's stages over a batch of tokens, layer by layer.
 *
 * A segment of stages passes over the batch block by block, so that only what crosses segments needs room for all tokens;
 * a stage of experts takes all tokens at once, so that each expert is read once. A stage is one parallel region: rows,
 * products (panel ranges of all its matrices) or attention (query rows by KV head). No result depends on how a region or
 * a batch is cut, so neither do the logits depend on threads, batch, chunk or block. */
#include <math.h>
#include <string.h>

#include "base/clock.h"
#include "base/error.h"
#include "model/model_impl.h"

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
static void list_items(struct tl_step *s)
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

/* --- stages --- */

/* What is pinned for an operation: rows of the embedding and panels of the head are asked for when they are needed. */
static uint32_t weights_of(const struct tl_step *s, const struct tl_op *op, uint32_t ids[4])
{
    uint32_t n = tl_op_weights(op, ids);
    bool rows = op->kind == TL_OP_EMBED && !tl_store_resident(s->store, op->weight);
    if (rows || (op->kind == TL_OP_LINEAR && op->out == TL_S_LOGITS))
        ids[0] = TL_NO_WEIGHT;
    return n;
}

static void unpin(struct tl_step *s, const struct tl_op *op, uint32_t n_held)
{
    uint32_t ids[4], n = weights_of(s, op, ids);
    for (uint32_t k = 0; k < n && k < n_held; k++)
        if (ids[k] != TL_NO_WEIGHT)
            tl_store_unpin(s->store, ids[k]);
}

static int pin(struct tl_step *s, const struct tl_op *op, struct tl_weight *weight, struct tl_weight *bias)
{
    uint32_t ids[4], n = weights_of(s, op, ids);
    struct tl_weight *const to[] = { weight, bias };
    for (uint32_t k = 0; k < n; k++) {
        int status = ids[k] == TL_NO_WEIGHT ? 0 : tl_store_pin(s->store, ids[k], to[k]);
        if (status < 0) {
            unpin(s, op, k);
            return status;
        }
    }
    return 0;
}

/* A weight is pinned when the first block comes to it and unpinned when the last one leaves it. */
static int pin_stage(struct tl_step *s, const struct tl_segment *segment)
{
    for (uint32_t i = 0; i < s->n_ops; i++) {
        uint32_t at = (uint32_t)(s->ops - s->program->ops) + i - segment->first_op;
        int status = pin(s, &s->ops[i], &s->segment_weight[at], &s->segment_bias[at]);
        if (status < 0)
            return status;
        s->pinned++;
    }
    return 0;
}

static void unpin_to(struct tl_step *s, const struct tl_segment *segment, uint32_t to)
{
    for (; s->unpinned < to; s->unpinned++)
        unpin(s, &s->program->ops[segment->first_op + s->unpinned], UINT32_MAX);
}

static int run_stage(struct tl_step *s, struct tl_pool *pool, enum tl_stage_kind kind)
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
            return run_head(s, pool);
        run_products(s, pool);
        break;
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

static void set_rows(struct tl_step *s, uint32_t first, uint32_t n_rows)
{
    s->first = first;
    s->n_rows = n_rows;
    for (int stream = 0; stream < TL_STREAM_COUNT; stream++)
        s->stream[stream] = s->base[stream] + (s->program->wide[stream] ? first * tl_stream_width(s->geometry, (enum tl_stream)stream) : 0);
}

/* What the stage's operations took in and put out is still there. */
static void show_stage(struct tl_step *s)
{
    const struct tl_tap *tap = s->batch->tap;
    for (const struct tl_op *op = s->ops; op < s->ops + s->n_ops; op++) {
        uint64_t pair = (uint64_t)s->first * s->geometry->n_used;
        struct tl_seen seen = {
            .op = op, .first = s->first, .n_rows = s->n_rows, .in = s->stream[op->in], .in_width = tl_stream_width(s->geometry, op->in),
            .out = s->stream[op->out], .out_width = tl_stream_width(s->geometry, op->out),
        };
        if (op->kind == TL_OP_EXPERTS || !tl_step_seen(s, op))
            continue;
        if (op->kind == TL_OP_ROUTE) {
            seen.chosen = s->experts.chosen + pair;
            seen.weights = s->experts.weights + pair;
        }
        tap->seen(tap->context, &seen);
    }
}

/* One block through a segment. */
static int run_block(struct tl_step *s, struct tl_pool *pool, const struct tl_segment *segment, bool is_first, bool is_last)
{
    for (uint32_t i = segment->first_stage; i < segment->first_stage + segment->n_stages; i++) {
        const struct tl_stage *stage = &s->program->stages[i];
        if (s->batch->stop && s->batch->stop(s->batch->context))
            return tl_fail(TL_E_CANCEL, "interrupted");
        uint32_t at = stage->first_op - segment->first_op;
        s->ops = s->program->ops + stage->first_op;
        s->n_ops = stage->n_ops;
        s->weight = s->segment_weight + at;
        s->bias = s->segment_bias + at;
        int status = is_first ? pin_stage(s, segment) : 0;
        if (status >= 0)
            status = run_stage(s, pool, stage->kind);
        if (status < 0)
            return status;
        if (s->batch->tap)
            show_stage(s);
        if (is_last)
            unpin_to(s, segment, at + stage->n_ops);
    }
    return 0;
}

static int run_segment(struct tl_step *s, struct tl_pool *pool, const struct tl_segment *segment, uint32_t n_rows)
{
    uint32_t block = segment->whole || n_rows < s->max_block ? n_rows : s->max_block;
    int status = 0;
    s->pinned = s->unpinned = 0;
    for (uint32_t first = 0; first < n_rows && status >= 0; first += block) {
        bool is_last = n_rows - first <= block;
        set_rows(s, first, is_last ? n_rows - first : block);
        if (!segment->whole)
            list_items(s);
        status = run_block(s, pool, segment, first == 0, is_last);
    }
    unpin_to(s, segment, s->pinned);
    return status;
}

static int run_part(struct tl_step *s, struct tl_pool *pool, uint32_t part, uint32_t n_rows)
{
    int status = 0;
    for (uint32_t i = s->program->part_segment[part]; i < s->program->part_segment[part + 1] && status >= 0; i++)
        status = run_segment(s, pool, &s->program->segments[i], n_rows);
    return status;
}

/* --- a step --- */

static void rope_piece(void *context, uint32_t row, uint32_t thread)
{
    struct tl_step *s = context;
    const struct tl_geometry *g = s->geometry;
    (void)thread;
    for (int set = 0; set < TL_ROPES; set++) {
        const struct tl_rope *rope = &g->rope[set];
        float *pair = s->rope[set] + (uint64_t)row * g->n_rot;
        for (uint32_t i = 0; i < g->n_rot / 2; i++, pair += 2) {
            float sine, cosine;
            tl_sin_cos((float)s->token_position[row] * rope->inv_freq[i], &sine, &cosine);
            pair[0] = cosine * rope->scale;
            pair[1] = sine * rope->scale;
        }
    }
}

static int check_batch(struct tl_step *s, const struct tl_batch *batch)
{
    uint32_t n = 0;
    for (uint32_t span = 0; span < batch->n_spans; span++) {
        const struct tl_state *state = batch->spans[span].state;
        if (state->cache->one_layer && state->length)
            return tl_fail(TL_E_USAGE, "a sweep holds the keys and values of one layer alone: its sequences cannot go on");
        if (batch->spans[span].n_tokens > s->max_tokens - n)
            return tl_fail(TL_E_USAGE, "a step of more than %u tokens", s->max_tokens);
        for (uint32_t i = 0; i < batch->spans[span].n_tokens; i++, n++) {
            if (batch->ids[n] < 0 || (uint32_t)batch->ids[n] >= s->geometry->vocab)
                return tl_fail(TL_E_USAGE, "token id %d is outside the vocabulary of %u", batch->ids[n], s->geometry->vocab);
            s->token_span[n] = span;
            s->token_position[n] = state->length + i;
        }
        s->span_first[span] = n - batch->spans[span].n_tokens;
    }
    s->n_tokens = n;
    return 0;
}

/* One scale that is NaN somewhere in the file makes all that follows NaN: no answer is better than a made-up one. */
static int check_logits(const struct tl_model *model, uint32_t n_rows)
{
    for (uint32_t i = 0; i < n_rows; i++) {
        const float *row = tl_step_row(&model->step, TL_S_LOGITS, i);
        if (isnan(row[0]) && isnan(row[model->geometry.vocab - 1]))
            return tl_fail(TL_E_FILE, "%s: computes logits that are NaN, expected numbers; there must be NaN or infinities among its weights",
                           tl_modelfile_path(model->file));
    }
    return 0;
}

static int give_logits(struct tl_model *model, struct tl_pool *pool)
{
    struct tl_step *s = &model->step;
    const struct tl_batch *batch = s->batch;
    uint32_t tokens[TL_OUT_ROWS];
    for (uint32_t t = 0, n = 0; t < s->n_tokens; t++) {
        if (batch->wanted && batch->wanted[t]) {
            memcpy(s->base[TL_S_OUT] + n * (uint64_t)s->geometry->width, s->base[TL_S_X] + t * (uint64_t)s->geometry->width,
                   s->geometry->width * sizeof(float));
            tokens[n++] = t;
        }
        if (n == 0 || (n < s->max_out && t + 1 < s->n_tokens))
            continue;
        int status = run_part(s, pool, s->program->n_parts - 1, n);
        if (status >= 0)
            status = check_logits(model, n);
        if (status >= 0 && batch->logits)
            status = batch->logits(batch->context, tokens, n, tl_step_row(s, TL_S_LOGITS, 0));
        if (status > 0)
            status = tl_fail(TL_E_CANCEL, "interrupted");
        if (status < 0)
            return status;
        n = 0;
    }
    return 0;
}

/* How often the last part will run. */
static uint32_t head_runs(const struct tl_step *s)
{
    uint32_t n = 0;
    for (uint32_t t = 0; t < s->n_tokens && s->batch->wanted; t++)
        n += s->batch->wanted[t] != 0;
    return (n + s->max_out - 1) / s->max_out;
}

static int at_border(struct tl_step *s, uint32_t layer)
{
    const struct tl_tap *tap = s->batch->tap;
    return tap && tap->border ? tap->border(tap->context, layer, s->n_tokens, s->base[TL_S_X]) : 0;
}

/* A part that has run before: a trunk that passes through its ring does so in its order, from the first weight on. */
static int pass_part(struct tl_step *s, uint32_t part)
{
    const struct tl_segment *from = &s->program->segments[s->program->part_segment[part]];
    const struct tl_segment *to = &s->program->segments[s->program->part_segment[part + 1]];
    struct tl_weight weight, bias;
    int status = tl_store_passing_bytes(s->store) ? 0 : 1;
    for (uint32_t op = from->first_op; status == 0 && op < to->first_op; op++) {
        status = pin(s, &s->program->ops[op], &weight, &bias);
        if (status >= 0)
            unpin(s, &s->program->ops[op], UINT32_MAX);
    }
    return status < 0 ? status : 0;
}

static int run_step(struct tl_model *model, struct tl_pool *pool)
{
    struct tl_step *s = &model->step;
    uint32_t from = s->batch->first_layer, n_layers = s->geometry->n_layers;
    tl_pool_run(pool, s->n_tokens, rope_piece, s);
    int status = from ? 0 : run_part(s, pool, 0, s->n_tokens);
    for (uint32_t part = 0; part < 1 + from && from && status >= 0; part++)
        status = pass_part(s, part);
    for (uint32_t layer = from; layer < n_layers && status >= 0; layer++) {
        status = at_border(s, layer);
        if (status >= 0)
            status = run_part(s, pool, 1 + layer, s->n_tokens);
    }
    if (status >= 0)
        status = at_border(s, n_layers);
    return status < 0 ? status : give_logits(model, pool);
}

/* A step in which every sequence gets one token only decodes. */
static void count_step(struct tl_model *model, const struct tl_batch *batch, uint64_t begin_ns, uint64_t missed_before)
{
    bool decodes = model->step.n_tokens == batch->n_spans;
    uint64_t missed = tl_meter_get(model->meters, TL_METER_MISSED_BYTES) - missed_before;
    tl_meter_add(model->meters, TL_METER_STEPS, 1);
    tl_meter_add(model->meters, TL_METER_MEMORY_BYTES, model->program.product_bytes);
    tl_meter_add(model->meters, decodes ? TL_METER_DECODE_TOKENS : TL_METER_PREFILL_TOKENS, model->step.n_tokens);
    tl_meter_add(model->meters, decodes ? TL_METER_DECODE_NS : TL_METER_PREFILL_NS, tl_clock_ns() - begin_ns);
    tl_meter_add(model->meters, TL_METER_DECODE_MISSED_BYTES, decodes ? missed : 0);
}

int tl_model_forward(struct tl_model *model, struct tl_pool *pool, const struct tl_kernel *kernel, const struct tl_batch *batch)
{
    struct tl_step *s = &model->step;
    s->kernel = kernel;
    s->batch = batch;
    int status = check_batch(s, batch);
    for (uint32_t i = 0; i < batch->n_spans && status >= 0; i++)
        status = tl_state_reserve(batch->spans[i].state, batch->spans[i].n_tokens);
    if (status < 0 || s->n_tokens == 0)
        return status;
    uint64_t begin_ns = tl_clock_ns(), missed = tl_meter_get(model->meters, TL_METER_MISSED_BYTES);
    status = tl_store_begin(s->store, head_runs(s));
    if (status < 0)
        return status;
    uint32_t mode = tl_pool_float_mode();
    status = run_step(model, pool);
    tl_pool_float_restore(mode);
    count_step(model, batch, begin_ns, missed);
    for (uint32_t i = 0; i < batch->n_spans && status >= 0; i++)
        tl_state_append(batch->spans[i].state, batch->spans[i].n_tokens);
    return status;
}
