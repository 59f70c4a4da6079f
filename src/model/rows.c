/* SPDX-License-Identifier: MIT */
/* Operations that treat every token by itself. A stage of them runs token after token, so that a row stays in the cache
 * while all of the stage's operations pass over it. */
#include "model/step.h"

#include <math.h>
#include <string.h>

#include "model/router.h"

static void embed(struct tl_step *s, const struct tl_op *op, const struct tl_weight *w, uint32_t row)
{
    uint32_t id = (uint32_t)s->batch->ids[s->first + row];
    float *out = tl_step_row(s, op->out, row);
    if (tl_store_resident(s->store, op->weight)) {           /* else it is there already */
        const uint8_t *panel = (const uint8_t *)w->data + id / TL_PANEL_ROWS * tl_panel_bytes(w->number, w->cols);
        tl_panel_row_decode(w->number, panel, id % TL_PANEL_ROWS, w->cols, out);
    }
    if (op->scale != 1.0f)
        s->kernel->scale(out, op->scale, s->geometry->width, out);
}

static void norm(struct tl_step *s, const struct tl_op *op, const struct tl_weight *w, uint32_t row)
{
    uint64_t in_step = tl_stream_width(s->geometry, op->in) / op->heads, out_step = tl_stream_width(s->geometry, op->out) / op->heads;
    const float *in = tl_step_row(s, op->in, row);
    float *out = tl_step_row(s, op->out, row);
    for (uint32_t head = 0; head < op->heads; head++)
        s->kernel->rms_norm(in + head * in_step, w->data, w->cols, s->geometry->epsilon, out + head * out_step);
}

/* x / sqrt(sum + e) = x / sqrt(sum / n + e / n) / sqrt(n) */
static void unit_norm(struct tl_step *s, const struct tl_op *op, uint32_t row)
{
    float *heads = tl_step_row(s, op->in, row) + op->offset, scale = op->scale / sqrtf((float)op->cols);
    for (uint32_t head = 0; head < op->heads; head++, heads += op->cols) {
        s->kernel->rms_norm(heads, NULL, op->cols, 1e-6f / (float)op->cols, heads);
        s->kernel->scale(heads, scale, op->cols, heads);
    }
}

static void rope(struct tl_step *s, const struct tl_op *op, uint32_t row)
{
    const struct tl_geometry *g = s->geometry;
    const float *table = s->rope[g->layer_window[op->layer] != 0] + (uint64_t)(s->first + row) * g->n_rot;
    uint64_t step = tl_stream_width(g, op->in) / op->heads;
    float *heads = tl_step_row(s, op->in, row) + op->offset;
    for (uint32_t head = 0; head < op->heads; head++)
        s->kernel->rope(heads + head * step, g->n_rot, table, g->rope_halves);
}

static void temper(struct tl_step *s, const struct tl_op *op, uint32_t row)
{
    const struct tl_geometry *g = s->geometry;
    float times = floorf((float)s->token_position[s->first + row] / g->temper_length), *out = tl_step_row(s, op->out, row);
    if (times > 0)
        s->kernel->scale(out, 1.0f + g->temper_beta * tl_log(1.0f + times), tl_stream_width(g, op->out), out);
}

static void copy(struct tl_step *s, const struct tl_op *op, uint32_t row)
{
    uint64_t in_step = tl_stream_width(s->geometry, op->in) / op->heads;
    const float *in = tl_step_row(s, op->in, row) + op->offset;
    float *out = tl_step_row(s, op->out, row) + op->to;
    for (uint32_t head = 0; head < op->heads; head++)
        memcpy(out + (uint64_t)head * op->step, in + head * in_step, op->cols * sizeof(float));
}

static void keep(struct tl_step *s, const struct tl_op *op, uint32_t row)
{
    const struct tl_geometry *g = s->geometry;
    const struct tl_state *state = s->batch->spans[s->token_span[s->first + row]].state;
    const struct tl_cache *cache = state->cache;
    uint32_t position = s->token_position[s->first + row];
    uint8_t *page = state->table[cache->layer_group[op->layer]][position / TL_PAGE_TOKENS];
    uint32_t v_dim = tl_cache_v_dim(g);
    const float *k = tl_step_row(s, TL_S_K, row), *v = tl_step_row(s, TL_S_V, row);
    for (uint32_t head = 0; head < g->n_kv_heads; head++)
        tl_page_put(cache->format, g->head_dim, v_dim, page + tl_cache_offset(cache, op->layer, head),
                    position % TL_PAGE_TOKENS, k + (uint64_t)head * g->head_dim, v + (uint64_t)head * v_dim);
}

static void acts(struct tl_step *s, const struct tl_op *op, uint32_t row)
{
    struct tl_acts form = s->acts[op->form];
    form.cols = (uint32_t)tl_stream_width(s->geometry, op->in);
    s->kernel->acts_fill[op->form](s->stream[op->in], form.cols, row, row + 1, &form);
}

void tl_step_unit(const struct tl_step *s, const float *gate, const float *up, size_t n, float *out)
{
    switch (s->geometry->unit) {
    case TL_UNIT_SILU: s->kernel->silu_mul(gate, up, n, out); break;
    case TL_UNIT_GELU: s->kernel->gelu_mul(gate, up, n, out); break;
    case TL_UNIT_CLAMPED: s->kernel->clamped_mul(gate, up, n, out); break;
    }
}

static void route(struct tl_step *s, const struct tl_op *op, const struct tl_weight *w, uint32_t row)
{
    const struct tl_geometry *g = s->geometry;
    uint64_t pair = (uint64_t)(s->first + row) * g->n_used;
    tl_router_choose(s->kernel, g, op->layer, tl_step_row(s, op->in, row), op->weight == TL_NO_WEIGHT ? NULL : w->data,
                     s->experts.scratch + (uint64_t)row * g->n_experts, s->experts.chosen + pair, s->experts.weights + pair);
}

static void turn(struct tl_step *s, const struct tl_op *op, uint32_t row)
{
    float *out = tl_step_row(s, op->out, row), gate = tl_step_row(s, op->in, row)[0];
    s->kernel->scale(out, 1.0f / (1.0f + tl_exp(-gate)), tl_stream_width(s->geometry, op->out), out);
}

static void gate(struct tl_step *s, const struct tl_op *op, uint32_t row)
{
    uint64_t in_step = tl_stream_width(s->geometry, op->in) / op->heads, n = tl_stream_width(s->geometry, op->out) / op->heads;
    const float *in = tl_step_row(s, op->in, row) + (in_step - n);
    float *out = tl_step_row(s, op->out, row);
    for (uint32_t head = 0; head < op->heads; head++)
        s->kernel->sigmoid_mul(in + head * in_step, out + head * n, n, out + head * n);
}

static void run(struct tl_step *s, uint32_t index, uint32_t row)
{
    const struct tl_op *op = &s->ops[index];
    const struct tl_kernel *kernel = s->kernel;
    uint64_t width = tl_stream_width(s->geometry, op->in);
    float *in = tl_step_row(s, op->in, row), *out = tl_step_row(s, op->out, row);
    switch (op->kind) {
    case TL_OP_EMBED: embed(s, op, &s->weight[index], row); break;
    case TL_OP_NORM: norm(s, op, &s->weight[index], row); break;
    case TL_OP_ROPE: rope(s, op, row); break;
    case TL_OP_TEMPER: temper(s, op, row); break;
    case TL_OP_COPY: copy(s, op, row); break;
    case TL_OP_KEEP: keep(s, op, row); break;
    case TL_OP_ADD: kernel->add(out, in, width, out); break;
    case TL_OP_GLU: tl_step_unit(s, out, in, width, out); break;
    case TL_OP_SOFTCAP: kernel->softcap(in, s->geometry->logit_softcap, width, out); break;
    case TL_OP_ACTS: acts(s, op, row); break;
    case TL_OP_ROUTE: route(s, op, &s->weight[index], row); break;
    case TL_OP_SWITCH: turn(s, op, row); break;
    case TL_OP_GATE: gate(s, op, row); break;
    case TL_OP_UNIT_NORM: unit_norm(s, op, row); break;
    case TL_OP_CONV: tl_delta_conv(s, op, &s->weight[index], row); break;
    case TL_OP_DECAY: tl_delta_decay(s, op, &s->weight[index], &s->bias[index], row); break;
    case TL_OP_DELTA: case TL_OP_LINEAR: case TL_OP_HEADS: case TL_OP_ATTEND: case TL_OP_EXPERTS: case TL_OP_PLANNED: break;
    }
}

void tl_step_rows(struct tl_step *s, uint32_t from, uint32_t to)
{
    for (uint32_t row = from; row < to; row++)
        for (uint32_t i = 0; i < s->n_ops; i++)
            run(s, i, row);
}
