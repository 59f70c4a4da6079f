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

/* --- segments --- */

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

/* The head, where nobody wants logits. A trunk that passes through memory does so whole. */
static bool is_idle(const struct tl_step *s)
{
    return s->batch->normed && !s->batch->logits && s->ops->out == TL_S_LOGITS && !tl_store_passing_bytes(s->store);
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
        if (status >= 0 && !is_idle(s))
            status = tl_stage_run(s, pool, stage->kind);
        if (status < 0)
            return status;
        if (s->batch->tap && !is_idle(s))
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
            tl_stage_items(s);
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

/* X enters complete: a better guess of what the layer's router will choose than the layer before could have. */
static int run_layer(struct tl_step *s, struct tl_pool *pool, uint32_t layer)
{
    const struct tl_program *program = s->program;
    set_rows(s, 0, s->n_tokens);
    tl_lookahead_run(s, program, layer, &program->ops[program->stages[program->part_stage[1 + layer]].first_op]);
    return run_part(s, pool, 1 + layer, s->n_tokens);
}

/* --- a step --- */

void tl_step_turns(struct tl_step *s, uint32_t row)
{
    const struct tl_geometry *g = s->geometry;
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

static void rope_piece(void *context, uint32_t row, uint32_t thread)
{
    (void)thread;
    tl_step_turns(context, row);
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
        if (status >= 0 && batch->normed)
            status = batch->normed(batch->context, tokens, n, s->base[TL_S_OUT]);
        if (status >= 0 && (batch->logits || !batch->normed))
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
    if (s->batch->hidden)
        memcpy(s->base[TL_S_AH], s->batch->hidden, s->n_tokens * (uint64_t)s->geometry->width * sizeof(float));
    int status = from ? 0 : run_part(s, pool, 0, s->n_tokens);
    for (uint32_t part = 0; part < 1 + from && from && status >= 0; part++)
        status = pass_part(s, part);
    for (uint32_t layer = from; layer < n_layers && status >= 0; layer++) {
        status = at_border(s, layer);
        if (status >= 0)
            status = run_layer(s, pool, layer);
    }
    if (status >= 0)
        status = at_border(s, n_layers);
    return status < 0 ? status : give_logits(model, pool);
}

/* A step in which every sequence gets one token only decodes; so do those that say so. */
static void count_step(struct tl_model *model, const struct tl_batch *batch, uint64_t begin_ns, uint64_t missed_before)
{
    bool decodes = batch->decodes || model->step.n_tokens == batch->n_spans;
    uint64_t behind = 0;
    uint64_t missed = tl_meter_get(model->meters, TL_METER_MISSED_BYTES) - missed_before;
    for (uint32_t i = 0; i < batch->n_spans; i++) {
        const struct tl_span *span = &batch->spans[i];
        behind += (uint64_t)span->n_tokens * span->state->length;
        tl_meter_raise(model->meters, TL_METER_LONGEST, (uint64_t)span->state->length + span->n_tokens);
    }
    tl_meter_add(model->meters, TL_METER_STEPS, 1);
    tl_meter_add(model->meters, TL_METER_PREFILL_STEPS, !decodes);
    tl_meter_add(model->meters, decodes ? TL_METER_DECODE_BEHIND : TL_METER_PREFILL_BEHIND, behind);
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
    if (status >= 0 && (s->geometry->ahead > 0) != (batch->hidden != NULL))
        return tl_fail(TL_E_USAGE, "a layer that predicts a further token needs what was said before, and no other does");
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
    if (!s->geometry->ahead)
        count_step(model, batch, begin_ns, missed);
    for (uint32_t i = 0; i < batch->n_spans && status >= 0; i++)
        tl_state_append(batch->spans[i].state, batch->spans[i].n_tokens);
    return status;
}
