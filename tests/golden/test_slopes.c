/* SPDX-License-Identifier: MIT */
/* Gradients of every golden model that can be trained against differences of its own losses: each weight moves a little
 * both ways along a random direction. With a teacher's draws, and with capped scores and logits. Every kind of operation
 * of the table has to be in one of the models. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "base/error.h"
#include "cases.h"
#include "must.h"
#include "train/graph.h"
#include "train/graph_impl.h"

enum { WINDOW = 35, WINDOWS = 2, TOKENS = WINDOW * WINDOWS, KINDS = 64 };

static bool seen[KINDS];

struct fixture {
    struct tl_weights *weights;
    struct tl_graph *graph;
    struct tl_pool *pool;
    struct tl_windows_batch batch;
};

static double loss(struct fixture *f, bool backward)
{
    struct tl_pass pass;
    must(tl_graph_run(f->graph, f->pool, &f->batch, 1, backward, NULL, &pass));
    return pass.loss;
}

/* +1 or -1 */
static float side(uint64_t i) { return ((i + 1) * 0x9e3779b97f4a7c15u) >> 63 ? 1.0f : -1.0f; }

static void move(const struct tl_parameter *p, const float *from, float by)
{
    for (uint64_t i = 0; i < tl_parameter_values(p); i++)
        p->value[i] = from[i] + by * side(i);
}

/* Of all experts that tokens have chosen; 0: there are none. A choice that changes is a step of the loss. */
static uint64_t choices(const struct fixture *f)
{
    const struct tl_geometry *g = f->graph->geometry;
    uint64_t hash = 0;
    for (uint32_t layer = 0; layer < g->n_layers && g->n_experts; layer++)
        for (uint32_t i = 0; layer >= g->n_dense && i < TOKENS * g->n_used; i++)
            hash = hash * 1000003 + f->graph->taped[layer].chosen[i] + 1;
    return hash;
}

static void check_parameter(struct fixture *f, const struct tl_parameter *p, const char *name)
{
    uint64_t n = tl_parameter_values(p);
    float *kept = malloc(n * sizeof(*kept));
    double slope = 0, size = 0, squares = 0;
    memcpy(kept, p->value, n * sizeof(*kept));
    for (uint64_t i = 0; i < n; i++) {
        slope += (double)p->gradient[i] * (double)side(i);
        size += (double)p->gradient[i] * (double)p->gradient[i];
        squares += (double)kept[i] * (double)kept[i];
    }
    double by = 2e-3 * sqrt(squares / (double)n) + 1e-4, found = 0, within = -1;
    loss(f, false);
    uint64_t chosen = choices(f);
    for (int i = 0; i < 8 && !(fabs(found - slope) <= within); i++, by /= 4) {       /* less far, with less of a curve and more noise */
        move(p, kept, (float)by);
        double up = loss(f, false);
        bool same = choices(f) == chosen;
        move(p, kept, -(float)by);
        double down = loss(f, false);
        found = (up - down) / (2 * by);
        within = same && choices(f) == chosen ? 4e-7 * fabs(up) / by + 0.01 * (sqrt(size) + fabs(slope)) : -1;
    }
    move(p, kept, 0);
    if (!(fabs(found - slope) <= within))
        fail_msg("%s: role %d of layer %u: slope %g, expected %g within %g", name, p->role, p->layer, slope, found, within);
    free(kept);
}

static void check_model(const struct golden *golden, struct tl_model *model)
{
    struct fixture f;
    struct tl_arena arena, count;
    int32_t next[TOKENS], ids[TOKENS][2];
    uint32_t first[TOKENS];
    uint8_t counts[2] = { 3, 1 };
    struct tl_draws draws[TOKENS];
    struct tl_graph_limits limits = { .windows = WINDOWS, .window = WINDOW, .threads = 2, .tape_bytes = UINT64_MAX };
    must(tl_weights_new(model, &f.weights));
    if (tl_graph_new(f.weights, tl_kernel_best(), &limits, &f.graph) < 0) {
        print_message("  left out: %s\n", tl_error_text());
        tl_weights_free(f.weights);
        return;
    }
    for (uint32_t t = 0; t < TOKENS; t++) {
        next[t] = t % WINDOW == WINDOW - 1 ? -1 : golden->ids[t + 1];
        first[t] = t < WINDOW ? 0 : t % WINDOW < 20 ? 0 : 20;
        ids[t][0] = (int32_t)(t * 7 % 300);
        ids[t][1] = next[t] < 0 ? 0 : next[t];
        draws[t] = (struct tl_draws){ .n_ids = t % 3 ? 2 : 0, .n_draws = 4, .ids = ids[t], .counts = counts };
    }
    f.batch = (struct tl_windows_batch){ .n_windows = WINDOWS, .ids = golden->ids, .first = first, .targets = { next, draws, 0.4f } };
    must(tl_pool_new(2, &f.pool));
    tl_arena_count(&count);
    must(tl_weights_layout(f.weights, &count));
    must(tl_graph_layout(f.graph, &count));
    must(tl_arena_init(&arena, count.used_bytes));
    must(tl_weights_layout(f.weights, &arena));
    must(tl_graph_layout(f.graph, &arena));
    must(tl_weights_read(f.weights, f.pool, NULL));
    loss(&f, true);
    for (uint32_t i = 0; i < f.weights->n; i++)
        if (f.weights->parameters[i].gradient)
            check_parameter(&f, &f.weights->parameters[i], golden->name);
    const struct tl_program *program = tl_model_program(model);
    for (uint32_t i = 0; i < program->n_ops; i++)
        seen[program->ops[i].kind] = true;
    tl_pool_free(f.pool);
    tl_graph_free(f.graph);
    tl_weights_free(f.weights);
    tl_arena_done(&arena);
}

static void check_case(const struct golden *golden)
{
    struct tl_modelfile *file;
    struct tl_meters meters = { 0 };
    must(tl_modelfile_open(golden->folder, &file));
    for (int capped = 0; capped < 2; capped++) {
        static struct tl_geometry geometry;
        struct tl_model *model;
        must(tl_geometry_read(file, &geometry));
        if (capped && strcmp(golden->name, "llama") != 0)
            continue;
        geometry.attention_softcap = capped ? 2.0f : geometry.attention_softcap;
        geometry.logit_softcap = capped ? 4.0f : geometry.logit_softcap;
        must(tl_model_new(file, &(struct tl_model_choices){ .geometry = &geometry, .exact = true }, &meters, &model));
        check_model(golden, model);
        tl_model_free(model);
    }
    tl_modelfile_close(file);
}

static void test_models(void **state)
{
    (void)state;
    assert_true(golden_each_own(check_case) > 8);
    for (int kind = 0; kind < KINDS; kind++)
        if (tl_graph_kind((enum tl_op_kind)kind) && !seen[kind])
            fail_msg("operations of kind %d have a row in train/ops.c, and no golden model that can be trained has one", kind);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_models) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
