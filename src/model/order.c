/* SPDX-License-Identifier: MIT */
/* In which order a step uses weights: told to the store, so that what does not fit in memory is read ahead of its use.
 * The weights of a segment may be held at once; they are a group. */
#include "base/error.h"
#include "base/memory.h"
#include "model/model_impl.h"

uint32_t tl_op_weights(const struct tl_op *op, uint32_t ids[4])
{
    uint32_t n = 0;
    bool weighs = op->kind == TL_OP_EMBED || op->kind == TL_OP_NORM || op->kind == TL_OP_LINEAR || op->kind == TL_OP_ATTEND ||
                  op->kind == TL_OP_ROUTE || op->kind == TL_OP_HEADS || op->kind == TL_OP_CONV || op->kind == TL_OP_DECAY ||
                  op->kind == TL_OP_PLANNED;
    ids[n++] = weighs ? op->weight : TL_NO_WEIGHT;
    ids[n++] = op->kind == TL_OP_LINEAR || op->kind == TL_OP_DECAY ? op->bias : TL_NO_WEIGHT;
    return n;
}

/* Routers are asked ahead of their turn. */
static enum tl_use_kind kind_of(const struct tl_op *op)
{
    if (op->kind == TL_OP_EMBED)
        return TL_USE_ROWS;
    if (op->kind == TL_OP_LINEAR && op->out == TL_S_LOGITS)
        return TL_USE_PANELS;
    return op->kind == TL_OP_LINEAR && op->out == TL_S_R ? TL_USE_ANYTIME : TL_USE_WHOLE;
}

int tl_model_order(struct tl_model *model)
{
    const struct tl_program *p = &model->program;
    uint32_t n = 0, n_body = 0;
    struct tl_use *uses = tl_alloc(2 * (uint64_t)p->n_ops, sizeof(*uses));
    if (!uses)
        return TL_E_NOMEM;
    for (uint32_t group = 0; group < p->n_segments; group++) {
        const struct tl_segment *segment = &p->segments[group];
        n_body = group == p->part_segment[p->n_parts - 1] ? n : n_body;
        for (uint32_t k = segment->first_op; k < segment->first_op + segment->n_ops; k++) {
            uint32_t ids[4], n_ids = tl_op_weights(&p->ops[k], ids);
            for (uint32_t w = 0; w < n_ids; w++)
                if (ids[w] != TL_NO_WEIGHT)
                    uses[n++] = (struct tl_use){ ids[w], group, kind_of(&p->ops[k]) };
        }
    }
    int status = tl_store_order(model->store, uses, n, n_body);
    tl_free(uses);
    return status;
}
