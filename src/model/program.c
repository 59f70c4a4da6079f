/* SPDX-License-Identifier: MIT */
/* Builds the program of a model: operations appended in order, tensors bound and checked on the way, stages cut at the end.
 * Acts operations are put in here, where a product needs its input in a form that is not at hand. */
#include "model/program.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "model/arch.h"
#include "model/names.h"

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

static int fail_shape(const struct tl_builder *b, const struct tl_tensor *tensor, uint64_t rows, uint64_t cols)
{
    char shape[100] = "";
    for (uint32_t i = 0, used = 0; i < tensor->n_dims; i++)
        used += (uint32_t)snprintf(shape + used, sizeof(shape) - used, "%s%" PRIu64, i ? ", " : "", tensor->shape[i]);
    if (rows)
        return tl_fail(TL_E_FILE, "%s: %s has shape [%s], expected [%" PRIu64 ", %" PRIu64 "]", tl_modelfile_path(b->file), tensor->name,
                       shape, rows, cols);
    return tl_fail(TL_E_FILE, "%s: %s has shape [%s], expected [%" PRIu64 "]", tl_modelfile_path(b->file), tensor->name, shape, cols);
}

/* rows 0: a vector. ret_tensor: NULL where the file has none. */
static int find(const struct tl_builder *b, enum tl_role role, uint64_t rows, uint64_t cols, const struct tl_tensor **ret_tensor)
{
    char name[TL_NAME_BYTES];
    tl_name_of(b->geometry, role, b->layer, name, sizeof(name));
    const struct tl_tensor *tensor = name[0] ? tl_modelfile_find(b->file, name) : NULL;
    *ret_tensor = tensor;
    if (!tensor)
        return tl_fail(TL_E_FILE, "%s: tensor %s is missing", tl_modelfile_path(b->file), name);
    if (!tensor->number)
        return tl_fail(TL_E_FILE, "%s: %s is stored as %s, which is not supported yet", tl_modelfile_path(b->file), name,
                       tensor->type_name);
    bool fits = rows ? tensor->n_dims == 2 && tensor->shape[0] == rows && tensor->shape[1] == cols
                     : tensor->n_dims == 1 && tensor->shape[0] == cols;
    return fits ? 0 : fail_shape(b, tensor, rows, cols);
}

static int bind(struct tl_builder *b, enum tl_role role, uint64_t rows, uint64_t cols, float add, uint32_t *ret_id,
                const struct tl_number **ret_number)
{
    const struct tl_tensor *tensor;
    int status = find(b, role, rows, cols, &tensor);
    if (status < 0)
        return status;
    if (ret_number)
        *ret_number = tensor->number;
    uint32_t before = tl_store_count(b->store);
    status = tl_store_add(b->store, tensor, rows ? TL_WEIGHT_PANELS : TL_WEIGHT_VECTOR, add, ret_id);
    if (status >= 0 && tl_store_count(b->store) > before)
        b->program->parameters += tensor->n_elems;
    return status;
}

static int bind_optional(struct tl_builder *b, enum tl_role role, uint64_t cols, uint32_t *ret_id)
{
    const struct tl_tensor *tensor;
    int status = find(b, role, 0, cols, &tensor);
    *ret_id = TL_NO_WEIGHT;
    if (!tensor)
        return 0;
    return status < 0 ? status : bind(b, role, 0, cols, 0, ret_id, NULL);
}

/* --- operations --- */

static int append(struct tl_builder *b, struct tl_op op)
{
    struct tl_program *p = b->program;
    if (p->n_ops == p->cap_ops) {
        uint32_t cap = p->cap_ops ? 2 * p->cap_ops : 256;
        struct tl_op *ops = tl_realloc(p->ops, cap, sizeof(*ops));
        if (!ops)
            return TL_E_NOMEM;
        p->ops = ops;
        p->cap_ops = cap;
    }
    op.layer = b->layer;
    p->ops[p->n_ops++] = op;
    for (int form = 0; form < TL_ACTS_FORMS; form++)
        if (op.kind != TL_OP_ACTS && b->acts_stream[form] == (int)op.out)
            b->acts_stream[form] = -1;
    return 0;
}

int tl_build_norm(struct tl_builder *b, enum tl_stream in, enum tl_stream out, enum tl_role role, uint32_t heads)
{
    struct tl_op op = { .kind = TL_OP_NORM, .in = in, .out = out, .heads = heads };
    int status = bind(b, role, 0, tl_stream_width(b->geometry, in) / heads, b->geometry->norm_add, &op.weight, NULL);
    return status < 0 ? status : append(b, op);
}

static int need_acts(struct tl_builder *b, enum tl_stream in, enum tl_acts_form form)
{
    uint32_t cols = (uint32_t)tl_stream_width(b->geometry, in);
    if (b->acts_stream[form] == (int)in)
        return 0;
    if (b->program->acts_cols[form] < cols)
        b->program->acts_cols[form] = cols;
    b->acts_stream[form] = (int)in;
    return append(b, (struct tl_op){ .kind = TL_OP_ACTS, .in = in, .out = in, .form = form });
}

int tl_build_linear(struct tl_builder *b, enum tl_stream in, enum tl_stream out, enum tl_role weight, enum tl_role bias)
{
    struct tl_op op = { .kind = TL_OP_LINEAR, .in = in, .out = out, .bias = TL_NO_WEIGHT };
    const struct tl_number *number = NULL;
    op.rows = (uint32_t)tl_stream_width(b->geometry, out);
    op.cols = (uint32_t)tl_stream_width(b->geometry, in);
    int status = bind(b, weight, op.rows, op.cols, 0, &op.weight, &number);
    if (status >= 0 && bias != TL_ROLES)
        status = bind_optional(b, bias, op.rows, &op.bias);
    if (status < 0)
        return status;
    op.form = tl_acts_form_of(number, b->exact);
    uint64_t panels = (op.rows + TL_PANEL_ROWS - 1) / TL_PANEL_ROWS;
    b->program->product_bytes += panels * tl_panel_bytes(number, op.cols);
    status = need_acts(b, in, op.form);
    return status < 0 ? status : append(b, op);
}

int tl_build_rope(struct tl_builder *b, enum tl_stream stream, uint32_t heads)
{
    return append(b, (struct tl_op){ .kind = TL_OP_ROPE, .in = stream, .out = stream, .heads = heads });
}

int tl_build_attention(struct tl_builder *b)
{
    int status = append(b, (struct tl_op){ .kind = TL_OP_KEEP, .in = TL_S_K, .out = TL_S_V });
    return status < 0 ? status : append(b, (struct tl_op){ .kind = TL_OP_ATTEND, .in = TL_S_Q, .out = TL_S_A });
}

int tl_build_add(struct tl_builder *b, enum tl_stream in, enum tl_stream out)
{
    return append(b, (struct tl_op){ .kind = TL_OP_ADD, .in = in, .out = out });
}

int tl_build_glu(struct tl_builder *b)
{
    return append(b, (struct tl_op){ .kind = TL_OP_GLU, .in = TL_S_U, .out = TL_S_G });
}

#define TRY(call) do { int status_ = (call); if (status_ < 0) return status_; } while (0)

int tl_build_dense_layer(struct tl_builder *b, uint32_t layer, unsigned features)
{
    const struct tl_geometry *g = b->geometry;
    bool biases = features & TL_BIASES;
    b->layer = layer;
    TRY(tl_build_norm(b, TL_S_X, TL_S_H, TL_R_ATTN_NORM, 1));
    TRY(tl_build_linear(b, TL_S_H, TL_S_Q, TL_R_Q, biases ? TL_R_Q_BIAS : TL_ROLES));
    TRY(tl_build_linear(b, TL_S_H, TL_S_K, TL_R_K, biases ? TL_R_K_BIAS : TL_ROLES));
    TRY(tl_build_linear(b, TL_S_H, TL_S_V, TL_R_V, biases ? TL_R_V_BIAS : TL_ROLES));
    if (features & TL_HEAD_NORMS) {
        TRY(tl_build_norm(b, TL_S_Q, TL_S_Q, TL_R_Q_NORM, g->n_heads));
        TRY(tl_build_norm(b, TL_S_K, TL_S_K, TL_R_K_NORM, g->n_kv_heads));
    }
    TRY(tl_build_rope(b, TL_S_Q, g->n_heads));
    TRY(tl_build_rope(b, TL_S_K, g->n_kv_heads));
    TRY(tl_build_attention(b));
    TRY(tl_build_linear(b, TL_S_A, TL_S_H, TL_R_O, biases ? TL_R_O_BIAS : TL_ROLES));
    if (features & TL_POST_NORMS)
        TRY(tl_build_norm(b, TL_S_H, TL_S_H, TL_R_ATTN_POST_NORM, 1));
    TRY(tl_build_add(b, TL_S_H, TL_S_X));
    TRY(tl_build_norm(b, TL_S_X, TL_S_H, TL_R_FFN_NORM, 1));
    TRY(tl_build_linear(b, TL_S_H, TL_S_G, TL_R_GATE, TL_ROLES));
    TRY(tl_build_linear(b, TL_S_H, TL_S_U, TL_R_UP, TL_ROLES));
    TRY(tl_build_glu(b));
    TRY(tl_build_linear(b, TL_S_G, TL_S_H, TL_R_DOWN, TL_ROLES));
    if (features & TL_POST_NORMS)
        TRY(tl_build_norm(b, TL_S_H, TL_S_H, TL_R_FFN_POST_NORM, 1));
    return tl_build_add(b, TL_S_H, TL_S_X);
}

static int build_embed(struct tl_builder *b)
{
    const struct tl_geometry *g = b->geometry;
    struct tl_op op = { .kind = TL_OP_EMBED, .in = TL_S_X, .out = TL_S_X, .scale = g->embed_scale };
    TRY(bind(b, TL_R_EMBED, g->vocab, g->width, 0, &op.weight, NULL));
    return append(b, op);
}

static int build_head(struct tl_builder *b)
{
    const struct tl_geometry *g = b->geometry;
    char name[TL_NAME_BYTES];
    tl_name_of(g, TL_R_HEAD, 0, name, sizeof(name));
    bool untied = tl_modelfile_find(b->file, name) != NULL;
    b->layer = g->n_layers;
    TRY(tl_build_norm(b, TL_S_OUT, TL_S_OUT, TL_R_OUT_NORM, 1));
    TRY(tl_build_linear(b, TL_S_OUT, TL_S_LOGITS, untied ? TL_R_HEAD : TL_R_EMBED, TL_ROLES));
    if (g->logit_softcap > 0)
        return append(b, (struct tl_op){ .kind = TL_OP_SOFTCAP, .in = TL_S_LOGITS, .out = TL_S_LOGITS });
    return 0;
}

/* --- stages --- */

static enum tl_stage_kind stage_of(enum tl_op_kind kind)
{
    return kind == TL_OP_LINEAR ? TL_STAGE_PRODUCTS : kind == TL_OP_ATTEND ? TL_STAGE_ATTEND : TL_STAGE_ROWS;
}

/* Products of one stage read acts that none of them writes; rows of one stage are independent of each other. */
static int cut_part(struct tl_program *p, uint32_t first_op)
{
    for (uint32_t i = first_op; i < p->n_ops; i++) {
        enum tl_stage_kind kind = stage_of(p->ops[i].kind);
        if (i > first_op && kind != TL_STAGE_ATTEND && p->stages[p->n_stages - 1].kind == kind) {
            p->stages[p->n_stages - 1].n_ops++;
            continue;
        }
        if (p->n_stages == p->cap_stages) {
            uint32_t cap = p->cap_stages ? 2 * p->cap_stages : 128;
            struct tl_stage *stages = tl_realloc(p->stages, cap, sizeof(*stages));
            if (!stages)
                return TL_E_NOMEM;
            p->stages = stages;
            p->cap_stages = cap;
        }
        p->stages[p->n_stages++] = (struct tl_stage){ kind, i, 1 };
    }
    p->part_stage[++p->n_parts] = p->n_stages;
    return 0;
}

static int build_parts(struct tl_builder *b)
{
    struct tl_program *p = b->program;
    const struct tl_geometry *g = b->geometry;
    TRY(build_embed(b));
    TRY(cut_part(p, 0));
    for (uint32_t layer = 0; layer < g->n_layers; layer++) {
        uint32_t first_op = p->n_ops;
        b->layer = layer;
        memset(b->acts_stream, -1, sizeof(b->acts_stream));
        TRY(g->arch->layer(b, layer));
        TRY(cut_part(p, first_op));
    }
    uint32_t first_op = p->n_ops;
    memset(b->acts_stream, -1, sizeof(b->acts_stream));
    TRY(build_head(b));
    return cut_part(p, first_op);
}

int tl_program_build(const struct tl_modelfile *file, const struct tl_geometry *geometry, struct tl_store *store, bool exact,
                     struct tl_program *ret_program)
{
    struct tl_builder builder = { .file = file, .geometry = geometry, .store = store, .program = ret_program, .exact = exact };
    memset(ret_program, 0, sizeof(*ret_program));
    ret_program->part_stage = tl_alloc(geometry->n_layers + 3, sizeof(uint32_t));
    int status = ret_program->part_stage ? build_parts(&builder) : TL_E_NOMEM;
    if (status < 0)
        tl_program_done(ret_program);
    return status;
}

void tl_program_done(struct tl_program *program)
{
    tl_free(program->ops);
    tl_free(program->stages);
    tl_free(program->part_stage);
    memset(program, 0, sizeof(*program));
}
