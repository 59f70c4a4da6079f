/* SPDX-License-Identifier: MIT */
/* The list of parameters follows from the program: every operation names its weights, each experts' bank its three. What
 * they are (shape, form) is what the store was told of them. */
#include "train/lora.h"

#include <math.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "kernel/kernel.h"
#include "text/random.h"

/* --- the list --------------------------------------------------------------------------------------------------------- */

static bool is_vector(const struct tl_weights *w, uint32_t id)
{
    struct tl_weight facts;
    uint64_t stored;
    tl_store_describe(tl_model_store(w->model), id, &facts, &stored);
    return facts.form == TL_WEIGHT_VECTOR;
}

static void add(struct tl_weights *w, uint32_t id, const struct tl_op *op, enum tl_role role, bool trains)
{
    if (id == TL_NO_WEIGHT || w->parameters[id].count)
        return;
    struct tl_parameter *p = &w->parameters[id];
    struct tl_weight facts;
    uint64_t stored;
    tl_store_describe(tl_model_store(w->model), id, &facts, &stored);
    *p = (struct tl_parameter){ .id = id, .role = role, .layer = op->layer, .count = facts.count, .rows = facts.rows, .cols = facts.cols, .trains = trains,
                                .decays = facts.form == TL_WEIGHT_PANELS && role != TL_R_EMBED };
    if (trains)
        w->n_values += tl_parameter_values(p);
}

static void list(struct tl_weights *w)
{
    const struct tl_program *program = tl_model_program(w->model);
    for (const struct tl_op *op = program->ops; op < program->ops + program->n_ops; op++) {
        uint32_t ids[4], n = tl_op_weights(op, ids);
        for (uint32_t k = 0; k < n; k++)
            add(w, ids[k], op, op->role, op->kind != TL_OP_ROUTE);
        for (int m = 0; m < TL_BANK_MATRICES && op->kind == TL_OP_EXPERTS; m++) {
            add(w, tl_store_bank_weight(tl_model_store(w->model), op->weight, m), op, (enum tl_role)(TL_R_EXPERT_GATE + m), true);
            add(w, op->expert_bias[m], op, (enum tl_role)(TL_R_EXPERT_GATE_BIAS + m), true);
        }
    }
}

int tl_weights_new(struct tl_model *model, struct tl_weights **ret_weights)
{
    struct tl_weights *w = tl_alloc(1, sizeof(*w));
    if (!w)
        return TL_E_NOMEM;
    w->model = model;
    w->n = tl_store_count(tl_model_store(model));
    w->parameters = tl_alloc(w->n, sizeof(*w->parameters));
    if (!w->parameters) {
        tl_weights_free(w);
        return TL_E_NOMEM;
    }
    list(w);
    for (uint32_t i = 0; i < w->n; i++)
        if (!w->parameters[i].count) {
            tl_weights_free(w);
            return tl_fail(TL_E_FAIL, "%s: weight %u belongs to no operation", tl_model_path(model), i);
        }
    *ret_weights = w;
    return 0;
}

void tl_weights_free(struct tl_weights *w)
{
    if (!w)
        return;
    if (w->lora)
        tl_free(w->lora->of_op);
    tl_free(w->lora);
    tl_free(w->parameters);
    tl_free(w);
}

uint64_t tl_parameter_values(const struct tl_parameter *p) { return (uint64_t)p->count * p->rows * p->cols; }

int tl_weights_layout(struct tl_weights *w, struct tl_arena *arena)
{
    w->values = tl_arena_take(arena, w->n_values, sizeof(float));
    w->gradients = tl_arena_take(arena, w->n_values, sizeof(float));
    float *value = w->values, *gradient = w->gradients;
    for (uint32_t i = 0; i < w->n; i++) {
        struct tl_parameter *p = &w->parameters[i];
        uint64_t n = tl_parameter_values(p);
        if (w->frozen && !p->trains && !is_vector(w, i))
            continue;
        if (!p->trains) {
            p->value = tl_arena_take(arena, n, sizeof(float));
            continue;
        }
        p->value = value;
        p->gradient = gradient;
        value = value ? value + n : NULL;
        gradient = gradient ? gradient + n : NULL;
    }
    return arena->overflow ? tl_fail(TL_E_NOMEM, "the weights that are trained do not fit in the memory laid out for them") : 0;
}

int tl_weights_take(struct tl_weights *w, struct tl_arena *ret_arena)
{
    struct tl_arena count;
    tl_arena_count(&count);
    int status = tl_weights_layout(w, &count);
    if (status >= 0)
        status = tl_arena_init(ret_arena, count.used_bytes);
    return status < 0 ? status : tl_weights_layout(w, ret_arena);
}

/* --- from the file ---------------------------------------------------------------------------------------------------- */

enum { ROUND = 32 };

struct reading {
    struct tl_weights *weights;
    struct { uint32_t id, matrix; } round[ROUND];
    _Atomic int status, text_taken;
    char text[512];                      /* of the first failure */
};

static void read_piece(void *context, uint32_t index, uint32_t thread)
{
    struct reading *r = context;
    struct tl_parameter *p = &r->weights->parameters[r->round[index].id];
    uint32_t matrix = r->round[index].matrix;
    (void)thread;
    int status = tl_store_values(tl_model_store(r->weights->model), p->id, matrix, p->value + (uint64_t)matrix * p->rows * p->cols);
    if (status < 0 && atomic_exchange(&r->text_taken, 1) == 0) {
        snprintf(r->text, sizeof(r->text), "%s", tl_error_text());
        atomic_store(&r->status, status);
    }
}

static int read_round(struct reading *r, uint32_t n, struct tl_pool *pool, struct tl_progress *progress, uint64_t done)
{
    tl_pool_run(pool, n, read_piece, r);
    int status = atomic_load(&r->status);
    return status < 0 ? tl_error_set(status, r->text) : tl_progress_move(progress, done);
}

int tl_weights_read(struct tl_weights *w, struct tl_pool *pool, struct tl_progress *progress)
{
    struct reading reading = { .weights = w };
    uint64_t total = 0, done = 0;
    uint32_t n = 0, n_read = w->lora ? w->lora->n_base : w->n;
    for (uint32_t i = 0; i < n_read; i++)
        total += w->parameters[i].value ? tl_parameter_values(&w->parameters[i]) : 0;
    if (tl_modelfile_outlined(tl_model_file(w->model)))
        return tl_fail(TL_E_USAGE, "%s is an outline without weights: they can be drawn and not read", tl_model_path(w->model));
    int status = tl_progress_begin(progress, "reading weights", 0, total, "weights");
    for (uint32_t i = 0; i < n_read && status >= 0; i++) {
        const struct tl_parameter *p = &w->parameters[i];
        if (!p->value)
            continue;
        uint32_t matrices = is_vector(w, i) ? 1 : p->count;
        for (uint32_t m = 0; m < matrices && status >= 0; m++) {
            reading.round[n].id = i;
            reading.round[n++].matrix = m;
            done += tl_parameter_values(p) / matrices;
            if (n == ROUND) {
                status = read_round(&reading, n, pool, progress, done);
                n = 0;
            }
        }
    }
    return status < 0 || !n ? status : read_round(&reading, n, pool, progress, done);
}

/* --- drawn ------------------------------------------------------------------------------------------------------------ */

/* Four numbers of normal distribution (Box and Muller 1958). */
static void draw_four(uint64_t seed, uint32_t id, uint64_t index, float ret[4])
{
    uint32_t counter[4] = { (uint32_t)index, (uint32_t)(index >> 32), id, 0x7a11 }, key[2] = { (uint32_t)seed, (uint32_t)(seed >> 32) }, words[4];
    tl_random_philox(counter, key, words);
    for (int i = 0; i < 4; i += 2) {
        float sine, cosine, radius = sqrtf(-2.0f * tl_log(((float)(words[i] >> 8) + 0.5f) * 0x1p-24f));
        tl_sin_cos((float)(words[i + 1] >> 8) * 0x1p-24f * 6.2831853f, &sine, &cosine);
        ret[i] = radius * cosine;
        ret[i + 1] = radius * sine;
    }
}

static bool writes_to_stream(enum tl_role role)
{
    return role == TL_R_O || role == TL_R_DOWN || role == TL_R_EXPERT_DOWN || role == TL_R_SHARED_DOWN || role == TL_R_DELTA_OUT;
}

static void draw(struct tl_parameter *p, uint64_t seed, float deviation)
{
    uint64_t n = tl_parameter_values(p);
    float four[4];
    for (uint64_t i = 0; i < n; i++) {
        if (i % 4 == 0)
            draw_four(seed, p->id, i / 4, four);
        p->value[i] = deviation * four[i % 4];
    }
}

void tl_weights_draw(struct tl_weights *w, uint64_t seed)
{
    const struct tl_program *program = tl_model_program(w->model);
    const struct tl_geometry *g = tl_model_geometry(w->model);
    for (uint32_t i = 0; i < w->n; i++) {
        struct tl_parameter *p = &w->parameters[i];
        if (is_vector(w, i))
            memset(p->value, 0, tl_parameter_values(p) * sizeof(float));
        else
            draw(p, seed, writes_to_stream(p->role) ? 0.02f / sqrtf(2.0f * (float)g->n_layers) : 0.02f);
    }
    for (const struct tl_op *op = program->ops; op < program->ops + program->n_ops; op++) {
        struct tl_parameter *p = op->kind == TL_OP_NORM && op->weight != TL_NO_WEIGHT ? &w->parameters[op->weight] : NULL;
        for (uint64_t i = 0; p && i < tl_parameter_values(p); i++)
            p->value[i] = 1.0f;
    }
}
