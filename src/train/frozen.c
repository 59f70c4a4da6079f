/* SPDX-License-Identifier: MIT */
/* A frozen model under training: its matrices are used as its store has them, those of one layer pinned at a time, and what
 * its adapters add. Only the adapters have gradients. */
#include <string.h>

#include "train/graph_impl.h"
#include "train/lora.h"

enum { ROWS_AT_ONCE = 256 };

static struct tl_store *store_of(const struct tl_graph *g) { return tl_model_store(g->weights->model); }

/* --- matrices --------------------------------------------------------------------------------------------------------- */

struct tl_operand tl_graph_matrix(const struct tl_graph *g, const struct tl_op *op, uint32_t m, bool transposed, struct tl_weight *ret_room)
{
    const struct tl_parameter *p = tl_graph_weight(g, op->weight);
    uint64_t values = (uint64_t)p->rows * p->cols;
    if (p->value)
        return transposed ? tl_operand_turned(p->value + m * values, p->cols) : tl_operand_of(p->value + m * values, p->cols);
    *ret_room = op->out == TL_S_LOGITS ? *g->head_pinned : g->pinned[(uint32_t)(op - g->program->ops) - g->tapes[g->layer].first_op];
    ret_room->data = (const uint8_t *)ret_room->data + m * ret_room->matrix_bytes;
    return (struct tl_operand){ .weight = ret_room, .transposed = transposed };
}

static bool is_pinned(const struct tl_graph *g, const struct tl_op *op)
{
    return (op->kind == TL_OP_LINEAR || op->kind == TL_OP_HEADS) && !tl_graph_weight(g, op->weight)->value;
}

static void unpin(struct tl_graph *g, uint32_t layer, uint32_t n)
{
    const struct tl_op *ops = g->program->ops + g->tapes[layer].first_op;
    for (uint32_t i = 0; i < n; i++)
        if (is_pinned(g, &ops[i]))
            tl_store_unpin(store_of(g), ops[i].weight);
}

int tl_frozen_pin(struct tl_graph *g, uint32_t layer)
{
    const struct tl_op *ops = g->program->ops + g->tapes[layer].first_op;
    for (uint32_t i = 0; i < g->tapes[layer].n_ops; i++) {
        int status = is_pinned(g, &ops[i]) ? tl_store_pin(store_of(g), ops[i].weight, &g->pinned[i]) : 0;
        if (status < 0) {
            unpin(g, layer, i);
            return status;
        }
    }
    return 0;
}

void tl_frozen_unpin(struct tl_graph *g, uint32_t layer) { unpin(g, layer, g->tapes[layer].n_ops); }

static void scale_row(void *context, uint32_t row, uint32_t thread)
{
    struct tl_graph *g = context;
    float *out = g->border[0] + (uint64_t)row * g->geometry->width;
    (void)thread;
    g->kernel->scale(out, g->op->scale, g->geometry->width, out);
}

void tl_frozen_embed(struct tl_graph *g)
{
    uint64_t width = g->geometry->width;
    for (uint32_t from = 0; from < g->n_tokens && g->status >= 0; from += ROWS_AT_ONCE) {
        uint32_t n = g->n_tokens - from < ROWS_AT_ONCE ? g->n_tokens - from : ROWS_AT_ONCE;
        g->status = tl_store_rows(store_of(g), g->op->weight, g->batch->ids + from, n, g->border[0] + from * width, width);
    }
    if (g->op->scale != 1.0f)
        tl_pool_run(g->pool, g->n_tokens, scale_row, g);
}

/* --- adapters --------------------------------------------------------------------------------------------------------- */

static const struct tl_parameter *adapter_of(const struct tl_graph *g)
{
    const struct tl_lora *lora = g->weights->lora;
    uint32_t at = lora ? lora->of_op[g->op - g->program->ops] : UINT32_MAX;
    return at == UINT32_MAX ? NULL : &g->weights->parameters[at];
}

/* low = alpha / rank * A in */
static void lower(struct tl_graph *g, const struct tl_parameter *a)
{
    const struct tl_lora *lora = g->weights->lora;
    tl_graph_product(g, (struct tl_matmul){ .a = tl_operand_of(tl_graph_version(g, g->at->in), a->cols), .b = tl_operand_of(a->value, a->cols),
                                            .m = g->n_tokens, .n = a->rows, .inner = a->cols, .c = g->low, .c_step = a->rows });
    g->kernel->scale(g->low, (float)(lora->alpha / lora->rank), (uint64_t)g->n_tokens * a->rows, g->low);
}

void tl_lora_forward(struct tl_graph *g)
{
    const struct tl_parameter *a = adapter_of(g);
    if (!a)
        return;
    const struct tl_parameter *b = a + 1;
    lower(g, a);
    tl_graph_product(g, (struct tl_matmul){ .a = tl_operand_of(g->low, a->rows), .b = tl_operand_of(b->value, b->cols), .m = g->n_tokens, .n = b->rows,
                                            .inner = b->cols, .c = tl_graph_version(g, g->at->out), .c_step = b->rows, .add = true });
}

/* low_slope = alpha / rank * slope B; dB = slope^T low, dA = low_slope^T in, din = low_slope A */
void tl_lora_backward(struct tl_graph *g)
{
    const struct tl_parameter *a = adapter_of(g);
    const struct tl_lora *lora = g->weights->lora;
    if (!a)
        return;
    const struct tl_parameter *b = a + 1;
    const float *in = tl_graph_version(g, g->at->in), *slope = g->slope[g->op->out];
    uint32_t n = g->n_tokens, rank = a->rows, rows = b->rows, cols = a->cols;
    lower(g, a);
    tl_graph_gradient(g, tl_operand_turned(slope, rows), tl_operand_turned(g->low, rank), rows, rank, n, b->gradient);
    tl_graph_product(g, (struct tl_matmul){ .a = tl_operand_of(slope, rows), .b = tl_operand_turned(b->value, rank), .m = n, .n = rank, .inner = rows,
                                            .c = g->low_slope, .c_step = rank });
    g->kernel->scale(g->low_slope, (float)(lora->alpha / lora->rank), (uint64_t)n * rank, g->low_slope);
    tl_graph_gradient(g, tl_operand_turned(g->low_slope, rank), tl_operand_turned(in, cols), rank, cols, n, a->gradient);
    tl_graph_product(g, (struct tl_matmul){ .a = tl_operand_of(g->low_slope, rank), .b = tl_operand_turned(a->value, cols), .m = n, .n = cols,
                                            .inner = rank, .c = g->slope[g->op->in], .c_step = cols, .add = true });
}

/* --- memory ----------------------------------------------------------------------------------------------------------- */

void tl_frozen_place(struct tl_graph *g, struct tl_arena *arena)
{
    uint32_t most = 0, rank = g->weights->lora ? g->weights->lora->rank : 0;
    for (uint32_t i = 0; i < g->geometry->n_layers; i++)
        most = g->tapes[i].n_ops > most ? g->tapes[i].n_ops : most;
    g->pinned = tl_arena_take(arena, most, sizeof(*g->pinned));
    g->head_pinned = tl_arena_take(arena, 1, sizeof(*g->head_pinned));
    g->low = tl_arena_take(arena, (uint64_t)g->most_tokens * rank, sizeof(float));
    g->low_slope = tl_arena_take(arena, (uint64_t)g->most_tokens * rank, sizeof(float));
}
