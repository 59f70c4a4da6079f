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

struct listing { struct tl_use *uses; uint32_t n; bool walked_back; };

/* Of a step that is walked back, the head stays: it is used forward and back for some tokens at a time. */
static void list_op(struct listing *l, const struct tl_op *op, uint32_t group)
{
    uint32_t ids[4], n_ids = tl_op_weights(op, ids);
    enum tl_use_kind kind = kind_of(op);
    if (l->walked_back && kind == TL_USE_PANELS)
        kind = TL_USE_ANYTIME;
    for (uint32_t w = 0; w < n_ids; w++)
        if (ids[w] != TL_NO_WEIGHT)
            l->uses[l->n++] = (struct tl_use){ ids[w], group, kind };
}

/* All of a layer is pinned together, forward and then once more on the way back. */
static void list_walk(const struct tl_program *p, struct listing *l)
{
    for (uint32_t pass = 0; pass < 2 * p->n_parts; pass++) {
        uint32_t part = pass < p->n_parts ? pass : 2 * p->n_parts - 1 - pass;
        bool ends = part == 0 || part + 1 == p->n_parts;
        for (uint32_t segment = p->part_segment[part]; segment < p->part_segment[part + 1] && (pass < p->n_parts || !ends); segment++)
            for (uint32_t k = 0; k < p->segments[segment].n_ops; k++)
                list_op(l, &p->ops[p->segments[segment].first_op + k], pass);
    }
}

int tl_model_order(struct tl_model *model, bool walked_back)
{
    const struct tl_program *p = &model->program;
    struct listing l = { .uses = tl_alloc(4 * (uint64_t)p->n_ops, sizeof(*l.uses)), .walked_back = walked_back };
    uint32_t n_body = 0;
    if (!l.uses)
        return TL_E_NOMEM;
    if (walked_back) {
        list_walk(p, &l);
        n_body = l.n;
    }
    for (uint32_t group = 0; group < p->n_segments && !walked_back; group++) {
        const struct tl_segment *segment = &p->segments[group];
        n_body = group == p->part_segment[p->n_parts - 1] ? l.n : n_body;
        for (uint32_t k = segment->first_op; k < segment->first_op + segment->n_ops; k++)
            list_op(&l, &p->ops[k], group);
    }
    int status = tl_store_order(model->store, l.uses, l.n, n_body);
    tl_free(l.uses);
    return status;
}
