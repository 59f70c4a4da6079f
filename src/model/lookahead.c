/* SPDX-License-Identifier: MIT */
/* Which experts a layer will probably want: its norm and its router, on the residual stream before this is complete: first
 * when the experts of the layer before are asked for, then again when they have been added and only the layer's own
 * attention is missing. Changes no bit of the step: what it finds only tells the store what to read while the drive is
 * idle. Runs for steps of few tokens, in scratch of its own; of steps of many nothing has to be predicted. */
#include <string.h>

#include "model/router.h"
#include "model/step.h"

enum { MOST_TOKENS = 4, CHOICES_AN_EXPERT = 2 };         /* two choices an expert touch 86 % of them */

/* The operations of a layer's router; UINT32_MAX: it has none. */
static const struct tl_op *find(const struct tl_program *program, uint32_t layer, enum tl_op_kind kind, const struct tl_op *from)
{
    const struct tl_op *end = program->ops + program->n_ops;
    for (const struct tl_op *op = from; op < end && op->layer <= layer; op++)
        if (op->layer == layer && op->kind == kind && (kind != TL_OP_LINEAR || op->out == TL_S_R))
            return op;
    return NULL;
}

/* The norm that wrote what the router reads. */
static const struct tl_op *norm_of(const struct tl_program *program, const struct tl_op *router)
{
    const struct tl_op *op = router;
    while (op > program->ops && !(op->kind == TL_OP_NORM && op->out == router->in))
        op--;
    return op->kind == TL_OP_NORM && op->in == TL_S_X && op->layer == router->layer ? op : NULL;
}

void tl_lookahead_layout(struct tl_step *step, struct tl_arena *arena)
{
    const struct tl_geometry *g = step->geometry;
    struct tl_step_lookahead *l = &step->lookahead;
    if (!g->n_experts)
        return;
    l->hidden = tl_arena_take(arena, g->width, sizeof(float));
    l->logits = tl_arena_take(arena, g->n_experts + TL_PANEL_ROWS, sizeof(float));
    l->scratch = tl_arena_take(arena, g->n_experts, sizeof(float));
    l->chosen = tl_arena_take(arena, g->n_used, sizeof(*l->chosen));
    l->weights = tl_arena_take(arena, g->n_used, sizeof(float));
    l->expected = tl_arena_take(arena, (uint64_t)MOST_TOKENS * g->n_used, sizeof(*l->expected));
    l->all = tl_arena_take(arena, g->n_experts, sizeof(*l->all));
    for (uint32_t i = 0; l->all && i < g->n_experts; i++)
        l->all[i] = i;
    l->acts = (struct tl_acts){ .form = TL_ACTS_F32, .cols = g->width, .max_tokens = 1 };
    l->acts.data = tl_arena_take(arena, 1, tl_acts_bytes(TL_ACTS_F32, 1, g->width));
}

struct router { const struct tl_op *norm, *linear, *route, *experts; };

static bool find_router(const struct tl_program *program, uint32_t layer, const struct tl_op *from, struct router *ret)
{
    ret->linear = find(program, layer, TL_OP_LINEAR, from);
    ret->norm = ret->linear ? norm_of(program, ret->linear) : NULL;
    ret->route = ret->linear ? find(program, layer, TL_OP_ROUTE, ret->linear) : NULL;
    ret->experts = ret->route ? find(program, layer, TL_OP_EXPERTS, ret->route) : NULL;
    return ret->norm && ret->experts;
}

/* Likeliest first: by the weight that the router gives. */
static void order(struct tl_step_lookahead *l, uint32_t n)
{
    for (uint32_t i = 1; i < n; i++)
        for (uint32_t k = i; k > 0 && l->weights[k] > l->weights[k - 1]; k--) {
            uint32_t expert = l->chosen[k];
            float weight = l->weights[k];
            l->chosen[k] = l->chosen[k - 1];
            l->weights[k] = l->weights[k - 1];
            l->chosen[k - 1] = expert;
            l->weights[k - 1] = weight;
        }
}

static void predict(struct tl_step *s, const struct router *r, uint32_t token)
{
    const struct tl_geometry *g = s->geometry;
    struct tl_step_lookahead *l = &s->lookahead;
    struct tl_weight norm, router, bias, choice;
    tl_store_pin(s->store, r->norm->weight, &norm);
    tl_store_pin(s->store, r->linear->weight, &router);
    s->kernel->rms_norm(tl_step_row(s, TL_S_X, token), norm.data, norm.cols, g->epsilon, l->hidden);
    s->kernel->acts_fill[TL_ACTS_F32](l->hidden, g->width, 0, 1, &l->acts);
    struct tl_product product = {
        .number = router.number, .panels = router.data, .rows = router.rows, .cols = router.cols, .acts = &l->acts, .token_to = 1,
        .out = l->logits, .out_stride = router.rows, .scratch = s->product_scratch,
    };
    s->kernel->product[TL_ACTS_F32](&product, 0, (router.rows + TL_PANEL_ROWS - 1) / TL_PANEL_ROWS);
    if (r->linear->bias != TL_NO_WEIGHT) {
        tl_store_pin(s->store, r->linear->bias, &bias);
        s->kernel->add(l->logits, bias.data, router.rows, l->logits);
        tl_store_unpin(s->store, r->linear->bias);
    }
    bool chosen_bias = r->route->weight != TL_NO_WEIGHT;
    if (chosen_bias)
        tl_store_pin(s->store, r->route->weight, &choice);
    tl_router_choose(s->kernel, g, r->route->layer, l->logits, chosen_bias ? choice.data : NULL, l->scratch, l->chosen, l->weights);
    if (chosen_bias)
        tl_store_unpin(s->store, r->route->weight);
    tl_store_unpin(s->store, r->norm->weight);
    tl_store_unpin(s->store, r->linear->weight);
    order(l, g->n_used);
}

/* The likeliest of every token come first. */
static void expect(struct tl_step *s, const struct router *router)
{
    struct tl_step_lookahead *l = &s->lookahead;
    uint32_t n_used = s->geometry->n_used, mode = tl_pool_float_mode();
    for (uint32_t token = 0; token < s->n_rows; token++) {
        predict(s, router, token);
        for (uint32_t rank = 0; rank < n_used; rank++)
            l->expected[rank * s->n_rows + token] = l->chosen[rank];
    }
    tl_store_expect(s->store, router->experts->weight, l->expected, s->n_rows * n_used);
    tl_pool_float_restore(mode);
}

void tl_lookahead_run(struct tl_step *s, const struct tl_program *program, uint32_t layer, const struct tl_op *from)
{
    struct router router;
    if (tl_store_looks_ahead(s->store) && s->n_rows <= MOST_TOKENS && find_router(program, layer, from, &router))
        expect(s, &router);
}

void tl_lookahead_all(struct tl_step *s, const struct tl_program *program)
{
    const struct tl_geometry *g = s->geometry;
    struct router router;
    if (!tl_store_looks_ahead(s->store) || !find_router(program, s->ops->layer + 1, s->ops, &router))
        return;
    uint32_t n_experts = g->layer_experts[router.experts->layer];
    if ((uint64_t)s->n_rows * g->n_used >= (uint64_t)CHOICES_AN_EXPERT * n_experts)
        tl_store_expect(s->store, router.experts->weight, s->lookahead.all, n_experts);
}
