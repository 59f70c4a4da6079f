/* SPDX-License-Identifier: MIT */
/* Builds the program of a model: operations appended in order, tensors bound and checked on the way, stages cut at the end.
 * Acts operations are put in here, where a product needs its input in a form that is not at hand. */
#include "model/program.h"

#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "model/arch.h"

uint64_t tl_stream_width(const struct tl_geometry *g, enum tl_stream stream)
{
    switch (stream) {
#define STREAM(name, width) case TL_S_##name: return width;
    TL_STREAMS(STREAM)
#undef STREAM
    default: return 0;
    }
}

/* --- tensors --- */

/* A tensor counts once, however many operations use it: the embedding may be the head too. */
static int bind(struct tl_builder *b, struct tl_want want, uint32_t *ret_id, const struct tl_number **ret_number)
{
    struct tl_program *p = b->program;
    const struct tl_number *number = NULL;
    want.layer = b->geometry->ahead ? b->geometry->ahead : b->layer;
    int status = b->binder->bind(b->binder->context, &want, ret_id, &number);
    if (status < 0 || *ret_id == TL_NO_WEIGHT)
        return status;
    if (ret_number)
        *ret_number = number;
    if (*ret_id < p->n_bound)
        return 0;
    uint64_t each = (uint64_t)(want.rows ? want.rows : 1) * want.cols;
    p->n_bound = *ret_id + 1;
    p->parameters += each * (want.count ? want.count : 1);
    bool routed = want.role == TL_R_EXPERT_GATE || want.role == TL_R_EXPERT_UP || want.role == TL_R_EXPERT_DOWN;
    p->active_parameters += each * (routed ? b->geometry->n_used : want.count ? want.count : 1);
    return 0;
}

static int bind_vector(struct tl_builder *b, enum tl_role role, uint32_t count, uint64_t cols, float add, bool optional, uint32_t *ret_id)
{
    *ret_id = TL_NO_WEIGHT;
    if (role == TL_ROLES)
        return 0;
    return bind(b, (struct tl_want){ .role = role, .count = count, .cols = (uint32_t)cols, .add = add, .optional = optional }, ret_id, NULL);
}

/* --- operations --- */

static int append(struct tl_builder *b, struct tl_op op)
{
    struct tl_program *p = b->program;
    if (tl_grow((void **)&p->ops, p->n_ops, &p->cap_ops, sizeof(*p->ops)) < 0)
        return TL_E_NOMEM;
    op.layer = b->layer;
    p->ops[p->n_ops++] = op;
    for (int form = 0; form < TL_ACTS_FORMS; form++)
        if (op.kind != TL_OP_ACTS && b->acts_stream[form] == (int)op.out)
            b->acts_stream[form] = -1;
    return 0;
}

static int build_norm(struct tl_builder *b, enum tl_stream in, enum tl_stream out, enum tl_role role, uint32_t heads, uint64_t cols, float add)
{
    struct tl_op op = { .kind = TL_OP_NORM, .role = role, .in = in, .out = out, .heads = heads };
    int status = bind_vector(b, role, 0, cols, add, false, &op.weight);
    return status < 0 ? status : append(b, op);
}

/* Of a wider input only the head of each part is normed. */
int tl_build_norm(struct tl_builder *b, enum tl_stream in, enum tl_stream out, enum tl_role role, uint32_t heads)
{
    uint64_t wide = tl_stream_width(b->geometry, in), narrow = tl_stream_width(b->geometry, out);
    return build_norm(b, in, out, role, heads, (wide < narrow ? wide : narrow) / heads, b->geometry->norm_add);
}

int tl_build_norm_part(struct tl_builder *b, enum tl_stream in, enum tl_stream out, enum tl_role role, uint32_t cols)
{
    return build_norm(b, in, out, role, 1, cols, b->geometry->norm_add);
}

int tl_build_plain_norm(struct tl_builder *b, enum tl_stream in, enum tl_stream out, enum tl_role role, uint32_t heads)
{
    return build_norm(b, in, out, role, heads, tl_stream_width(b->geometry, in) / heads, 0);
}

int tl_build_unit_norm(struct tl_builder *b, enum tl_stream stream, uint32_t offset, uint32_t heads, uint32_t cols, float scale)
{
    return append(b, (struct tl_op){ .kind = TL_OP_UNIT_NORM, .in = stream, .out = stream, .heads = heads, .offset = offset, .cols = cols,
                                     .scale = scale });
}

int tl_build_copy(struct tl_builder *b, enum tl_stream in, enum tl_stream out, struct tl_copy copy)
{
    return append(b, (struct tl_op){ .kind = TL_OP_COPY, .in = in, .out = out, .heads = copy.heads, .offset = copy.offset,
                                     .cols = copy.cols, .to = copy.to, .step = copy.step });
}

int tl_build_gate(struct tl_builder *b, enum tl_stream in, enum tl_stream out, uint32_t heads)
{
    return append(b, (struct tl_op){ .kind = TL_OP_GATE, .in = in, .out = out, .heads = heads });
}

int tl_build_conv(struct tl_builder *b)
{
    struct tl_op op = { .kind = TL_OP_CONV, .role = TL_R_DELTA_CONV, .in = TL_S_DI, .out = TL_S_DC };
    TL_TRY(bind_vector(b, TL_R_DELTA_CONV, b->geometry->conv_taps, tl_stream_width(b->geometry, TL_S_DI), 0, false, &op.weight));
    return append(b, op);
}

int tl_build_decay(struct tl_builder *b)
{
    struct tl_op op = { .kind = TL_OP_DECAY, .role = TL_R_DELTA_RATE, .in = TL_S_DA, .out = TL_S_DB };
    TL_TRY(bind_vector(b, TL_R_DELTA_RATE, 0, b->geometry->delta_v_heads, 0, false, &op.weight));
    TL_TRY(bind_vector(b, TL_R_DELTA_BIAS, 0, b->geometry->delta_v_heads, 0, false, &op.bias));
    return append(b, op);
}

int tl_build_delta_rule(struct tl_builder *b)
{
    return append(b, (struct tl_op){ .kind = TL_OP_DELTA, .in = TL_S_DC, .out = TL_S_DO });
}

static void widen_acts(struct tl_program *p, enum tl_acts_form form, uint32_t cols)
{
    if (p->acts_cols[form] < cols)
        p->acts_cols[form] = cols;
}

static int need_acts(struct tl_builder *b, enum tl_stream in, enum tl_acts_form form)
{
    if (b->acts_stream[form] == (int)in)
        return 0;
    widen_acts(b->program, form, (uint32_t)tl_stream_width(b->geometry, in));
    b->acts_stream[form] = (int)in;
    return append(b, (struct tl_op){ .kind = TL_OP_ACTS, .in = in, .out = in, .form = form });
}

static uint64_t matrix_bytes(const struct tl_number *number, uint32_t rows, uint32_t cols)
{
    return (rows + TL_PANEL_ROWS - 1) / TL_PANEL_ROWS * tl_panel_bytes(number, cols);
}

int tl_build_linear(struct tl_builder *b, enum tl_stream in, enum tl_stream out, enum tl_role weight, enum tl_role bias)
{
    struct tl_op op = { .kind = TL_OP_LINEAR, .role = weight, .in = in, .out = out, .bias = TL_NO_WEIGHT };
    const struct tl_number *number = NULL;
    op.rows = out == TL_S_R ? b->geometry->layer_experts[b->layer] : (uint32_t)tl_stream_width(b->geometry, out);
    op.cols = (uint32_t)tl_stream_width(b->geometry, in);
    int status = bind(b, (struct tl_want){ .role = weight, .rows = op.rows, .cols = op.cols }, &op.weight, &number);
    if (status >= 0)
        status = bind_vector(b, bias, 0, op.rows, 0, true, &op.bias);
    if (status < 0)
        return status;
    op.form = tl_acts_form_of(number, b->exact);
    b->program->product_bytes += matrix_bytes(number, op.rows, op.cols);
    status = need_acts(b, in, op.form);
    return status < 0 ? status : append(b, op);
}

int tl_build_rope(struct tl_builder *b, enum tl_stream stream, uint32_t heads, uint32_t offset)
{
    return append(b, (struct tl_op){ .kind = TL_OP_ROPE, .in = stream, .out = stream, .heads = heads, .offset = offset });
}

int tl_build_temper(struct tl_builder *b, enum tl_stream stream)
{
    return append(b, (struct tl_op){ .kind = TL_OP_TEMPER, .in = stream, .out = stream });
}

int tl_build_groups(struct tl_builder *b, enum tl_stream in, enum tl_stream out, enum tl_role weight, uint32_t count, uint32_t rows, uint32_t cols)
{
    struct tl_op op = { .kind = TL_OP_HEADS, .role = weight, .in = in, .out = out, .bias = TL_NO_WEIGHT, .rows = rows, .cols = cols };
    const struct tl_number *number = NULL;
    uint32_t *widest;
    int status = bind(b, (struct tl_want){ .role = weight, .count = count, .rows = rows, .cols = cols }, &op.weight, &number);
    if (status < 0)
        return status;
    op.form = tl_acts_form_of(number, b->exact);
    widest = &b->program->head_cols[op.form];
    *widest = cols > *widest ? cols : *widest;
    b->program->product_bytes += count * matrix_bytes(number, rows, cols);
    return append(b, op);
}

int tl_build_heads(struct tl_builder *b, enum tl_stream in, enum tl_stream out, enum tl_role weight, uint32_t rows, uint32_t cols)
{
    return tl_build_groups(b, in, out, weight, b->geometry->n_heads, rows, cols);
}

int tl_build_planned(struct tl_builder *b, enum tl_stream in, enum tl_stream out, enum tl_role role, uint32_t count, uint64_t cols)
{
    struct tl_op op = { .kind = TL_OP_PLANNED, .role = role, .in = in, .out = out };
    TL_TRY(bind_vector(b, role, count, cols, 0, false, &op.weight));
    return append(b, op);
}

int tl_build_attention(struct tl_builder *b, enum tl_role sinks)
{
    struct tl_op op = { .kind = TL_OP_ATTEND, .role = sinks, .in = TL_S_Q, .out = TL_S_A };
    int status = bind_vector(b, sinks, 0, b->geometry->n_heads, 0, false, &op.weight);
    if (status >= 0)
        status = append(b, (struct tl_op){ .kind = TL_OP_KEEP, .in = TL_S_K, .out = TL_S_V });
    return status < 0 ? status : append(b, op);
}

int tl_build_add(struct tl_builder *b, enum tl_stream in, enum tl_stream out)
{
    return append(b, (struct tl_op){ .kind = TL_OP_ADD, .in = in, .out = out });
}

int tl_build_glu(struct tl_builder *b, enum tl_stream gate, enum tl_stream up)
{
    return append(b, (struct tl_op){ .kind = TL_OP_GLU, .in = up, .out = gate });
}

int tl_build_switch(struct tl_builder *b, enum tl_stream in, enum tl_stream out)
{
    return append(b, (struct tl_op){ .kind = TL_OP_SWITCH, .in = in, .out = out });
}

int tl_build_route(struct tl_builder *b, enum tl_role choice_bias)
{
    struct tl_op op = { .kind = TL_OP_ROUTE, .role = choice_bias, .in = TL_S_R, .out = TL_S_R };
    int status = bind_vector(b, choice_bias, 0, b->geometry->layer_experts[b->layer], 0, false, &op.weight);
    return status < 0 ? status : append(b, op);
}

static int bind_experts(struct tl_builder *b, struct tl_op *op)
{
    const struct tl_geometry *g = b->geometry;
    static const enum tl_role roles[] = { TL_R_EXPERT_GATE, TL_R_EXPERT_UP, TL_R_EXPERT_DOWN };
    const struct tl_number *number[TL_BANK_MATRICES];
    uint32_t ids[TL_BANK_MATRICES], width = g->expert_width ? g->expert_width : g->width;
    for (int i = 0; i < TL_BANK_MATRICES; i++) {
        bool down = i == TL_BANK_DOWN;
        struct tl_want want = { .role = roles[i], .count = g->layer_experts[b->layer], .rows = down ? width : g->ff_expert,
                                .cols = down ? g->ff_expert : width };
        int status = bind(b, want, &ids[i], &number[i]);
        if (status < 0)
            return status;
        b->program->product_bytes += g->n_used * matrix_bytes(number[i], want.rows, want.cols);
    }
    op->form = tl_acts_form_of(number[TL_BANK_GATE], b->exact);
    op->down_form = tl_acts_form_of(number[TL_BANK_DOWN], b->exact);
    if (tl_acts_form_of(number[TL_BANK_UP], b->exact) != op->form)
        return tl_fail(TL_E_FILE, "the experts' gate is stored as %s and their up as %s, which is not supported",
                       number[TL_BANK_GATE]->name, number[TL_BANK_UP]->name);
    widen_acts(b->program, op->form, width);
    widen_acts(b->program, op->down_form, g->ff_expert);
    return b->binder->bank(b->binder->context, ids, &op->weight);
}

int tl_build_experts(struct tl_builder *b, bool biases)
{
    static const enum tl_role roles[] = { TL_R_EXPERT_GATE_BIAS, TL_R_EXPERT_UP_BIAS, TL_R_EXPERT_DOWN_BIAS };
    const struct tl_geometry *g = b->geometry;
    struct tl_op op = { .kind = TL_OP_EXPERTS, .role = TL_R_EXPERT_GATE, .in = g->expert_width ? TL_S_L : TL_S_H,
                        .out = g->expert_width ? TL_S_LM : TL_S_M };
    uint32_t n_experts = g->layer_experts[b->layer];
    if (!n_experts || !g->n_used)
        return tl_fail(TL_E_FILE, "the number of experts is missing, which models of the architecture %s have", g->arch->name);
    int status = bind_experts(b, &op);
    for (int i = 0; i < TL_BANK_MATRICES && status >= 0; i++)
        status = bind_vector(b, biases ? roles[i] : TL_ROLES, n_experts, i == TL_BANK_DOWN ? g->width : g->ff_expert, 0, false,
                             &op.expert_bias[i]);
    memset(b->acts_stream, -1, sizeof(b->acts_stream));      /* acts hold a block, which ends here */
    return status < 0 ? status : append(b, op);
}

static int build_embed(struct tl_builder *b)
{
    const struct tl_geometry *g = b->geometry;
    struct tl_op op = { .kind = TL_OP_EMBED, .role = TL_R_EMBED, .in = TL_S_X, .out = TL_S_X, .scale = g->embed_scale };
    TL_TRY(bind(b, (struct tl_want){ .role = TL_R_EMBED, .rows = g->vocab, .cols = g->width }, &op.weight, NULL));
    return append(b, op);
}

static int build_head(struct tl_builder *b)
{
    const struct tl_geometry *g = b->geometry;
    b->layer = g->n_layers;
    TL_TRY(tl_build_norm(b, TL_S_OUT, TL_S_OUT, g->ahead ? TL_R_AHEAD_NORM : TL_R_OUT_NORM, 1));
    TL_TRY(tl_build_linear(b, TL_S_OUT, TL_S_LOGITS, g->tied ? TL_R_EMBED : TL_R_HEAD, TL_ROLES));
    if (g->logit_softcap > 0)
        return append(b, (struct tl_op){ .kind = TL_OP_SOFTCAP, .in = TL_S_LOGITS, .out = TL_S_LOGITS });
    return 0;
}

/* --- stages --- */

static enum tl_stage_kind stage_of(enum tl_op_kind kind)
{
    switch (kind) {
    case TL_OP_LINEAR: return TL_STAGE_PRODUCTS;
    case TL_OP_ATTEND: return TL_STAGE_ATTEND;
    case TL_OP_EXPERTS: return TL_STAGE_EXPERTS;
    case TL_OP_HEADS: return TL_STAGE_HEADS;
    case TL_OP_DELTA: return TL_STAGE_DELTA;
    default: return TL_STAGE_ROWS;
    }
}

/* Products of one stage read acts that none of them writes; rows of one stage are independent of each other, but for what
 * the operation before the stage has written. */
static int cut_part(struct tl_program *p, uint32_t first_op)
{
    for (uint32_t i = first_op; i < p->n_ops; i++) {
        enum tl_stage_kind kind = stage_of(p->ops[i].kind);
        bool joins = (kind == TL_STAGE_ROWS && p->ops[i].kind != TL_OP_CONV) || kind == TL_STAGE_PRODUCTS;
        if (i > first_op && joins && p->stages[p->n_stages - 1].kind == kind && p->stages[p->n_stages - 1].n_ops < TL_STAGE_OPS) {
            p->stages[p->n_stages - 1].n_ops++;
            continue;
        }
        if (tl_grow((void **)&p->stages, p->n_stages, &p->cap_stages, sizeof(*p->stages)) < 0)
            return TL_E_NOMEM;
        p->stages[p->n_stages++] = (struct tl_stage){ kind, i, 1 };
    }
    p->part_stage[++p->n_parts] = p->n_stages;
    return 0;
}

static int build_parts(struct tl_builder *b)
{
    struct tl_program *p = b->program;
    const struct tl_geometry *g = b->geometry;
    TL_TRY(build_embed(b));
    TL_TRY(cut_part(p, 0));
    for (uint32_t layer = 0; layer < g->n_layers; layer++) {
        uint32_t first_op = p->n_ops;
        b->layer = layer;
        memset(b->acts_stream, -1, sizeof(b->acts_stream));
        if (g->ahead)
            TL_TRY(tl_build_join(b));
        TL_TRY(g->arch->layer(b));
        TL_TRY(cut_part(p, first_op));
    }
    uint32_t first_op = p->n_ops;
    memset(b->acts_stream, -1, sizeof(b->acts_stream));
    TL_TRY(build_head(b));
    return cut_part(p, first_op);
}

int tl_program_build(const struct tl_geometry *geometry, const struct tl_binder *binder, bool exact, struct tl_program *ret_program)
{
    struct tl_builder builder = { .geometry = geometry, .binder = binder, .program = ret_program, .exact = exact };
    memset(ret_program, 0, sizeof(*ret_program));
    ret_program->part_stage = tl_alloc(geometry->n_layers + 3, sizeof(uint32_t));
    int status = ret_program->part_stage ? build_parts(&builder) : TL_E_NOMEM;
    if (status >= 0)
        status = tl_program_cut(ret_program);
    if (status < 0)
        tl_program_done(ret_program);
    return status;
}

void tl_program_done(struct tl_program *program)
{
    tl_free(program->ops);
    tl_free(program->stages);
    tl_free(program->part_stage);
    tl_free(program->segments);
    tl_free(program->part_segment);
    memset(program, 0, sizeof(*program));
}
