/* SPDX-License-Identifier: MIT */
/* Lays out the sums on an arena, once for plans and once for use, and adds to them what is observed. */
#include <math.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "engine/taps_impl.h"

enum { CHANNELS_A_PIECE = 256, MOST_ROWS = 512 };

/* --- layout ------------------------------------------------------------------------------------------------------- */

/* Neighbours that multiply the same stream share one moment. */
static bool shares(const struct tl_program *p, uint32_t i)
{
    const struct tl_op *op = &p->ops[i];
    return i > 0 && op->kind == TL_OP_LINEAR && op[-1].kind == TL_OP_LINEAR && op[-1].in == op->in && op[-1].layer == op->layer;
}

static bool shape_of(const struct tl_geometry *g, const struct tl_op *op, struct tl_moment *ret)
{
    *ret = (struct tl_moment){ .op = op, .count = 1, .channels = op->cols };
    if (op->kind == TL_OP_HEADS)
        ret->count = g->n_heads;
    if (op->kind == TL_OP_EXPERTS)
        *ret = (struct tl_moment){ .op = op, .count = g->layer_experts[op->layer], .channels = g->ff_expert };
    return op->kind == TL_OP_LINEAR || op->kind == TL_OP_HEADS || op->kind == TL_OP_EXPERTS;
}

static void lay_moments(const struct tl_geometry *g, const struct tl_program *p, struct tl_arena *arena, struct tl_taps *taps)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < p->n_ops; i++) {
        struct tl_moment moment;
        bool has = shape_of(g, &p->ops[i], &moment);
        if (taps)
            taps->moment_of[i] = !has ? TL_NO_MOMENT : shares(p, i) ? n - 1 : n;
        if (!has || shares(p, i))
            continue;
        moment.sums = tl_arena_take(arena, (uint64_t)moment.count * moment.channels, sizeof(double));
        moment.tokens = tl_arena_take(arena, moment.count, sizeof(uint64_t));
        if (taps)
            taps->moments[n] = moment;
        n++;
    }
    if (taps)
        taps->n_moments = n;
}

/* taps NULL: only counts. */
static void lay_out(const struct tl_model *model, unsigned kinds, struct tl_arena *arena, struct tl_taps *taps)
{
    const struct tl_geometry *g = tl_model_geometry(model);
    uint64_t cells = (uint64_t)g->n_layers * g->n_experts;
    uint64_t *tokens = tl_arena_take(arena, 1, sizeof(uint64_t)), *counts[2];
    double *sums[3];
    for (int i = 0; i < 2; i++)
        counts[i] = tl_arena_take(arena, kinds & (i ? TL_TAP_EXPERTS : TL_TAP_ROUTER) ? cells : 0, sizeof(uint64_t));
    for (int i = 0; i < 3; i++)
        sums[i] = tl_arena_take(arena, kinds & (i ? TL_TAP_EXPERTS : TL_TAP_ROUTER) ? cells : 0, sizeof(double));
    if (taps) {
        taps->tokens = tokens;
        taps->chosen = counts[0];
        taps->answers = counts[1];
        taps->weight = sums[0];
        taps->norm = sums[1];
        taps->weighted = sums[2];
    }
    if (kinds & TL_TAP_MOMENTS)
        lay_moments(g, tl_model_program(model), arena, taps);
}

uint64_t tl_taps_bytes(const struct tl_model *model, unsigned kinds)
{
    struct tl_arena arena;
    const struct tl_program *p = tl_model_program(model);
    if (!kinds)
        return 0;
    tl_arena_count(&arena);
    lay_out(model, kinds, &arena, NULL);
    return arena.used_bytes + p->n_ops * (sizeof(struct tl_moment) + sizeof(uint32_t));
}

int tl_taps_new(struct tl_engine *engine, unsigned kinds, struct tl_taps **ret_taps)
{
    const struct tl_program *p = tl_model_program(engine->model);
    struct tl_taps *taps = tl_alloc(1, sizeof(*taps));
    struct tl_arena counting;
    if (!taps)
        return TL_E_NOMEM;
    *taps = (struct tl_taps){ .engine = engine, .geometry = tl_model_geometry(engine->model), .program = p, .kinds = kinds };
    taps->moments = tl_alloc(p->n_ops, sizeof(*taps->moments));
    taps->moment_of = tl_alloc(p->n_ops, sizeof(*taps->moment_of));
    taps->row_norm = tl_alloc(MOST_ROWS, sizeof(*taps->row_norm));
    tl_arena_count(&counting);
    lay_out(engine->model, kinds, &counting, NULL);
    int status = taps->moments && taps->moment_of && taps->row_norm ? tl_arena_init(&taps->sums, counting.used_bytes) : TL_E_NOMEM;
    if (status >= 0) {
        lay_out(engine->model, kinds, &taps->sums, taps);
        status = taps->sums.overflow ? TL_E_NOMEM : 0;
    }
    if (status < 0) {
        tl_taps_free(taps);
        return status;
    }
    *ret_taps = taps;
    return 0;
}

void tl_taps_free(struct tl_taps *taps)
{
    if (!taps)
        return;
    tl_arena_done(&taps->sums);
    tl_free(taps->moments);
    tl_free(taps->moment_of);
    tl_free(taps->row_norm);
    tl_free(taps);
}

uint32_t tl_taps_kinds(const struct tl_taps *taps)
{
    uint32_t kinds = 0;
    kinds |= taps->kinds & TL_TAP_ROUTER ? 1u << TL_OP_ROUTE : 0;
    kinds |= taps->kinds & TL_TAP_EXPERTS ? 1u << TL_OP_EXPERTS : 0;
    kinds |= taps->kinds & TL_TAP_MOMENTS ? 1u << TL_OP_LINEAR | 1u << TL_OP_HEADS | 1u << TL_OP_EXPERTS : 0;
    return kinds;
}

void *tl_taps_sums(struct tl_taps *taps, uint64_t *ret_bytes)
{
    *ret_bytes = taps->sums.used_bytes;
    return taps->sums.base;
}

/* --- observing ---------------------------------------------------------------------------------------------------- */

void tl_taps_begin(struct tl_taps *taps, const uint8_t *counted, uint64_t n_counted)
{
    taps->counted = counted;
    *taps->tokens += n_counted;
}

static bool counts(const struct tl_taps *t, uint32_t row)
{
    const struct tl_seen *seen = t->seen;
    if (seen->op->kind == TL_OP_EXPERTS)
        return t->counted[seen->pair[row] / t->geometry->n_used];
    return seen->op->layer == t->geometry->n_layers || t->counted[seen->first + row];    /* the head sees wanted rows alone */
}

static uint32_t cell_of(const struct tl_taps *t, uint32_t row)
{
    const struct tl_seen *seen = t->seen;
    return seen->op->kind == TL_OP_EXPERTS ? seen->chosen[seen->pair[row]] : 0;
}

static void add_squares(double *sums, const float *x, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++)
        sums[i] += (double)x[i] * (double)x[i];
}

/* Some channels of all rows, row after row. */
static void moment_piece(void *context, uint32_t piece, uint32_t thread)
{
    struct tl_taps *t = context;
    const struct tl_seen *seen = t->seen;
    const struct tl_moment *m = &t->moments[t->moment_of[seen->op - t->program->ops]];
    uint32_t cuts = (m->channels + CHANNELS_A_PIECE - 1) / CHANNELS_A_PIECE, head = piece / cuts, from = piece % cuts * CHANNELS_A_PIECE;
    uint32_t n = m->channels - from < CHANNELS_A_PIECE ? m->channels - from : CHANNELS_A_PIECE;
    uint64_t step = seen->op->kind == TL_OP_HEADS ? seen->in_width / m->count : 0;
    (void)thread;
    for (uint32_t row = 0; row < seen->n_rows; row++)
        if (counts(t, row))
            add_squares(m->sums + (uint64_t)(head + cell_of(t, row)) * m->channels + from,
                        seen->in + row * seen->in_width + head * step + from, n);
}

static void add_moments(struct tl_taps *t)
{
    const struct tl_op *op = t->seen->op;
    uint32_t i = (uint32_t)(op - t->program->ops);
    const struct tl_moment *m = &t->moments[t->moment_of[i]];
    if (m->op != op)                     /* a neighbour has added the same */
        return;
    uint32_t heads = op->kind == TL_OP_HEADS ? m->count : 1;
    tl_pool_run(t->engine->pool, heads * ((m->channels + CHANNELS_A_PIECE - 1) / CHANNELS_A_PIECE), moment_piece, t);
    for (uint32_t row = 0; row < t->seen->n_rows; row++)
        for (uint32_t head = 0; head < heads && counts(t, row); head++)
            m->tokens[head + cell_of(t, row)]++;
}

static void add_choices(struct tl_taps *t)
{
    const struct tl_seen *seen = t->seen;
    uint32_t n_used = t->geometry->n_used;
    uint64_t layer = (uint64_t)seen->op->layer * t->geometry->n_experts;
    for (uint32_t row = 0; row < seen->n_rows; row++)
        for (uint32_t k = 0; k < n_used && counts(t, row); k++) {
            uint64_t cell = layer + seen->chosen[row * n_used + k];
            t->chosen[cell]++;
            t->weight[cell] += (double)seen->weights[row * n_used + k];
        }
}

/* Euclidean; eight partial sums, folded in order. */
static void norm_piece(void *context, uint32_t row, uint32_t thread)
{
    struct tl_taps *t = context;
    const float *x = t->seen->out + row * t->seen->out_width;
    double partial[8] = { 0 }, sum = 0;
    (void)thread;
    for (uint64_t i = 0; i < t->seen->out_width; i++)
        partial[i % 8] += (double)x[i] * (double)x[i];
    for (int i = 0; i < 8; i++)
        sum += partial[i];
    t->row_norm[row] = sqrt(sum);
}

static void add_answers(struct tl_taps *t)
{
    const struct tl_seen *seen = t->seen;
    tl_pool_run(t->engine->pool, seen->n_rows, norm_piece, t);
    for (uint32_t row = 0; row < seen->n_rows; row++) {
        uint64_t cell = (uint64_t)seen->op->layer * t->geometry->n_experts + cell_of(t, row);
        if (!counts(t, row))
            continue;
        t->answers[cell]++;
        t->norm[cell] += t->row_norm[row];
        t->weighted[cell] += t->row_norm[row] * (double)seen->weights[seen->pair[row]];
    }
}

void tl_taps_seen(struct tl_taps *t, const struct tl_seen *seen)
{
    t->seen = seen;
    if (seen->op->kind == TL_OP_ROUTE)
        add_choices(t);
    if (seen->op->kind == TL_OP_EXPERTS && t->kinds & TL_TAP_EXPERTS)
        add_answers(t);
    if (seen->op->kind != TL_OP_ROUTE && t->kinds & TL_TAP_MOMENTS)
        add_moments(t);
}
