/* SPDX-License-Identifier: MIT */
/* Cuts the stages of a program into segments and finds which streams are wide. A stream is wide when a segment uses what
 * an earlier one left in it; all others are written before they are used in every segment, so that one block of tokens
 * after the other may have their place. */
#include "base/error.h"
#include "base/memory.h"
#include "model/program.h"

static bool reads(const struct tl_op *op, enum tl_stream stream)
{
    switch (op->kind) {
    case TL_OP_EMBED: return false;
    case TL_OP_KEEP: case TL_OP_ADD: case TL_OP_GLU: case TL_OP_SWITCH: case TL_OP_GATE: case TL_OP_DECAY:
        return op->in == stream || op->out == stream;
    default: return op->in == stream;
    }
}

static void find_wide(struct tl_program *p, const struct tl_segment *segment)
{
    bool seen[TL_STREAM_COUNT] = { false };
    for (const struct tl_op *op = p->ops + segment->first_op; op < p->ops + segment->first_op + segment->n_ops; op++) {
        for (int stream = 0; stream < TL_STREAM_COUNT; stream++)
            p->wide[stream] |= !seen[stream] && reads(op, (enum tl_stream)stream);
        seen[op->in] = seen[op->out] = true;
    }
}

static bool alone(const struct tl_stage *stage) { return stage->kind == TL_STAGE_EXPERTS; }

static void cut_part(struct tl_program *p, uint32_t part)
{
    for (uint32_t i = p->part_stage[part]; i < p->part_stage[part + 1]; i++) {
        const struct tl_stage *stage = &p->stages[i];
        bool joins = i > p->part_stage[part] && !alone(stage) && !alone(stage - 1);
        if (!joins)
            p->segments[p->n_segments++] = (struct tl_segment){ .first_stage = i, .first_op = stage->first_op,
                                                                 .whole = alone(stage) || part + 1 == p->n_parts };
        struct tl_segment *segment = &p->segments[p->n_segments - 1];
        segment->n_stages++;
        segment->n_ops += stage->n_ops;
        p->segment_ops = segment->n_ops > p->segment_ops ? segment->n_ops : p->segment_ops;
    }
    p->part_segment[part + 1] = p->n_segments;
}

int tl_program_cut(struct tl_program *p)
{
    p->segments = tl_alloc(p->n_stages, sizeof(*p->segments));
    p->part_segment = tl_alloc(p->n_parts + 1, sizeof(*p->part_segment));
    if (!p->segments || !p->part_segment)
        return TL_E_NOMEM;
    for (uint32_t part = 0; part < p->n_parts; part++)
        cut_part(p, part);
    for (uint32_t i = 0; i < p->part_segment[p->n_parts - 1]; i++)       /* the last part has rows of its own */
        find_wide(p, &p->segments[i]);
    return 0;
}
