/* SPDX-License-Identifier: MIT */
/* Which operations adapters belong to, and their matrices in memory. A file names its targets as a model of its own format
 * would; where that is not the base's, rows of queries and keys may lie in another order (llama.cpp's converter has the two
 * halves of a head alternate where rotation pairs neighbours). */
#include "model/adapt.h"

#include <inttypes.h>
#include <string.h>

#include "base/error.h"
#include "base/hash.h"
#include "base/memory.h"
#include "model/arch.h"
#include "model/names.h"
#include "number/panel.h"

struct finding {
    const struct tl_modelfile *base;
    const struct tl_geometry *geometry;
    const struct tl_program *program;
    struct tl_adapt *adapt;
    uint64_t cap_matrices, cap_parts;
    uint8_t *taken;                      /* [pairs of the adapter at hand] */
};

static const char *path_of(const struct tl_adapter *adapter) { return tl_modelfile_path(adapter->file); }

/* --- finding ------------------------------------------------------------------------------------------------------ */

/* The role by which files name the matrix of an operation: the head is one even where it is the embedding too. */
static enum tl_role role_of(const struct tl_op *op) { return op->out == TL_S_LOGITS ? TL_R_HEAD : op->role; }

static const struct tl_adapter_pair *pair_of(const struct finding *f, const struct tl_adapter *adapter, const struct tl_op *op)
{
    char name[TL_NAME_BYTES];
    enum tl_modelfile_format format = tl_modelfile_format(adapter->file);
    for (uint32_t nth = 0; tl_name_each(f->geometry->arch, format, role_of(op), op->layer, 0, nth, name); nth++)
        for (uint32_t i = 0; i < adapter->n_pairs; i++)
            if (!f->taken[i] && tl_name_same(name, adapter->pairs[i].target))
                return &adapter->pairs[i];
    return NULL;
}

static int check_shapes(const struct finding *f, const struct tl_adapter *adapter, const struct tl_adapter_pair *pair, const struct tl_op *op)
{
    if (pair->a->shape[1] == op->cols && pair->b->shape[0] == op->rows)
        return 0;
    return tl_fail(TL_E_FILE, "%s: %s adapts a matrix of %" PRIu64 " x %" PRIu64 ", that of %s is %u x %u: the adapter is of another base",
                   path_of(adapter), pair->target, pair->b->shape[0], pair->a->shape[1], tl_modelfile_path(f->base), op->rows, op->cols);
}

bool tl_adapt_order_of(const struct tl_geometry *g, const struct tl_op *op, enum tl_modelfile_format format, struct tl_adapt_order *ret_order)
{
    bool delta = op->role >= TL_R_DELTA_QKVZ && op->role <= TL_R_DELTA_OUT, rotates = op->role == TL_R_Q || op->role == TL_R_K;
    *ret_order = (struct tl_adapt_order){ 0 };
    if (format != g->format && !g->arch->halves && !g->kv_rank && rotates)
        *ret_order = (struct tl_adapt_order){ g->head_dim, g->format == TL_MODELFILE_GGUF };
    return format == g->format || !delta;
}

static int order_rows(const struct finding *f, const struct tl_op *op, struct tl_adapt_part *part)
{
    if (tl_adapt_order_of(f->geometry, op, tl_modelfile_format(part->adapter->file), &part->order))
        return 0;
    return tl_fail(TL_E_FILE, "%s: %s adapts a delta net, whose rows lie otherwise in the other kind of file: give it in the kind of %s",
                   path_of(part->adapter), part->pair->target, tl_modelfile_path(f->base));
}

static int add_part(struct finding *f, const struct tl_adapter_choice *choice, const struct tl_adapter_pair *pair, uint32_t index)
{
    struct tl_adapt *adapt = f->adapt;
    const struct tl_op *op = &f->program->ops[index];
    struct tl_adapt_part part = { .adapter = choice->adapter, .pair = pair, .scale = choice->scale * pair->scale };
    bool begins = adapt->of_op[index] == UINT32_MAX;
    int status = check_shapes(f, choice->adapter, pair, op);
    if (status >= 0)
        status = order_rows(f, op, &part);
    if (status >= 0 && begins)
        status = tl_grow((void **)&adapt->matrices, adapt->n_matrices, &f->cap_matrices, sizeof(*adapt->matrices));
    if (status >= 0)
        status = tl_grow((void **)&adapt->parts, adapt->n_parts, &f->cap_parts, sizeof(*adapt->parts));
    if (status < 0)
        return status;
    if (begins) {
        adapt->of_op[index] = adapt->n_matrices;
        adapt->matrices[adapt->n_matrices++] = (struct tl_adapt_matrix){ .op = index, .rows = op->rows, .cols = op->cols, .in = op->in,
                                                                         .out = op->out, .first_part = adapt->n_parts };
    }
    struct tl_adapt_matrix *m = &adapt->matrices[adapt->of_op[index]];
    part.first_rank = m->rank;
    m->rank += pair->rank;
    m->n_parts++;
    adapt->parts[adapt->n_parts++] = part;
    return 0;
}

static int check_adapter(const struct finding *f, const struct tl_adapter *adapter)
{
    const char *name = f->geometry->arch->name;
    if (!adapter->architecture || strcmp(adapter->architecture, name) == 0)
        return 0;
    return tl_fail(TL_E_FILE, "%s: is an adapter of the architecture \"%.60s\", %s is of \"%s\"", path_of(adapter), adapter->architecture,
                   tl_modelfile_path(f->base), name);
}

static int fail_untaken(const struct finding *f, const struct tl_adapter *adapter, const struct tl_adapter_pair *pair)
{
    bool experts = strstr(pair->target, "exps") || strstr(pair->target, ".experts.");
    return tl_fail(TL_E_FILE, "%s: adapts %s, which is %s of %s", path_of(adapter), pair->target,
                   experts ? "of routed experts and not supported yet, as it was found for one" : "no linear operation", tl_modelfile_path(f->base));
}

/* Operation by operation, so that the parts of each lie together. */
static int find_all(struct finding *f, const struct tl_adapter_choice *choices, uint32_t n, uint8_t *const *taken)
{
    for (uint32_t op = 0; op < f->program->n_ops; op++)
        for (uint32_t i = 0; i < n && f->program->ops[op].kind == TL_OP_LINEAR; i++) {
            f->taken = taken[i];
            const struct tl_adapter_pair *pair = pair_of(f, choices[i].adapter, &f->program->ops[op]);
            int status = pair ? add_part(f, &choices[i], pair, op) : 0;
            if (status < 0)
                return status;
            if (pair)
                taken[i][pair - choices[i].adapter->pairs] = 1;
        }
    for (uint32_t i = 0; i < n; i++)
        for (uint32_t k = 0; k < choices[i].adapter->n_pairs; k++)
            if (!taken[i][k])
                return fail_untaken(f, choices[i].adapter, &choices[i].adapter->pairs[k]);
    return 0;
}

static void add_sizes(struct tl_adapt *adapt, const struct tl_program *program)
{
    const struct tl_number *f32 = tl_number(TL_NUMBER_F32);
    for (uint32_t stage = 0; stage < program->n_stages; stage++)
        for (uint32_t k = 0; k < program->stages[stage].n_ops; k++) {
            uint32_t at = adapt->of_op[program->stages[stage].first_op + k];
            if (at != UINT32_MAX)
                adapt->matrices[at].stage = stage;
        }
    for (uint32_t i = 0; i < adapt->n_matrices; i++) {
        const struct tl_adapt_matrix *m = &adapt->matrices[i];
        uint64_t staging = ((uint64_t)m->cols + 4 * (uint64_t)m->rows) * m->rank * sizeof(float);
        adapt->most_cols = m->cols > adapt->most_cols ? m->cols : adapt->most_cols;
        adapt->staging_bytes = staging > adapt->staging_bytes ? staging : adapt->staging_bytes;
        adapt->n_bytes += (m->rank + TL_PANEL_ROWS - 1) / TL_PANEL_ROWS * tl_panel_bytes(f32, m->cols) +
                          (m->rows + TL_PANEL_ROWS - 1) / TL_PANEL_ROWS * tl_panel_bytes(f32, m->rank);
    }
}

static int find(struct finding *f, const struct tl_adapter_choice *choices, uint32_t n)
{
    int status = 0;
    TL_AUTO uint8_t **taken = tl_alloc(n, sizeof(*taken));
    f->adapt->n_ops = f->program->n_ops;
    f->adapt->of_op = tl_alloc(f->program->n_ops, sizeof(*f->adapt->of_op));
    if (!taken || !f->adapt->of_op)
        return TL_E_NOMEM;
    memset(f->adapt->of_op, 0xFF, f->program->n_ops * sizeof(*f->adapt->of_op));
    for (uint32_t i = 0; i < n && status >= 0; i++) {
        taken[i] = tl_alloc(choices[i].adapter->n_pairs, 1);
        status = taken[i] ? check_adapter(f, choices[i].adapter) : TL_E_NOMEM;
    }
    if (status >= 0)
        status = find_all(f, choices, n, taken);
    for (uint32_t i = 0; i < n; i++)
        tl_free(taken[i]);
    if (status >= 0)
        add_sizes(f->adapt, f->program);
    return status;
}

int tl_adapt_new(const struct tl_modelfile *base, const struct tl_geometry *geometry, const struct tl_program *program,
                 const struct tl_adapter_choice *choices, uint32_t n_choices, struct tl_adapt **ret_adapt)
{
    struct finding f = { .base = base, .geometry = geometry, .program = program, .adapt = tl_alloc(1, sizeof(*f.adapt)) };
    if (!f.adapt)
        return TL_E_NOMEM;
    int status = find(&f, choices, n_choices);
    if (status < 0) {
        tl_adapt_free(f.adapt);
        return status;
    }
    *ret_adapt = f.adapt;
    return 0;
}

void tl_adapt_free(struct tl_adapt *adapt)
{
    if (!adapt)
        return;
    tl_free(adapt->matrices);
    tl_free(adapt->parts);
    tl_free(adapt->of_op);
    tl_free(adapt);
}

/* --- loading ------------------------------------------------------------------------------------------------------ */

static int read_tensor(const struct tl_adapt_part *part, const struct tl_tensor *tensor, float *ret_values)
{
    TL_AUTO uint8_t *bytes = tl_alloc(tensor->n_bytes, 1);
    if (!bytes)
        return TL_E_NOMEM;
    int status = tl_modelfile_read(part->adapter->file, tensor, 0, bytes, tensor->n_bytes);
    if (status >= 0)
        tl_number_decode(tensor->number, bytes, tensor->n_elems, ret_values);
    return status;
}

/* Row 2 i + j of a head whose rows alternate is row j * half + i of one with its halves one behind the other. */
uint64_t tl_adapt_row_in_file(struct tl_adapt_order order, uint64_t row)
{
    uint64_t half = order.head / 2, at = order.head ? row % order.head : 0;
    if (!order.head)
        return row;
    return row - at + (order.halves ? at % 2 * half + at / 2 : at % half * 2 + at / half);
}

static int read_b(const struct tl_adapt_part *part, float *ret_values)
{
    const struct tl_tensor *b = part->pair->b;
    uint64_t rows = b->shape[0], rank = b->shape[1];
    if (!part->order.head)
        return read_tensor(part, b, ret_values);
    TL_AUTO float *stored = tl_alloc(b->n_elems, sizeof(*stored));
    int status = stored ? read_tensor(part, b, stored) : TL_E_NOMEM;
    for (uint64_t row = 0; row < rows && status >= 0; row++)
        memcpy(ret_values + row * rank, stored + tl_adapt_row_in_file(part->order, row) * rank, rank * sizeof(float));
    return status;
}

static void pack(const float *values, uint32_t rows, uint32_t cols, uint8_t *ret_panels)
{
    const struct tl_number *f32 = tl_number(TL_NUMBER_F32);
    for (uint32_t from = 0; from < rows; from += TL_PANEL_ROWS)
        tl_panel_pack(f32, values + (uint64_t)from * cols, rows - from < TL_PANEL_ROWS ? rows - from : TL_PANEL_ROWS, cols,
                      ret_panels + from / TL_PANEL_ROWS * tl_panel_bytes(f32, cols));
}

int tl_adapt_read(const struct tl_adapt *adapt, const struct tl_adapt_matrix *m, float *ret_a, float *ret_b)
{
    for (uint32_t i = 0; i < m->n_parts; i++) {
        const struct tl_adapt_part *part = &adapt->parts[m->first_part + i];
        uint32_t rank = part->pair->rank;
        TL_AUTO float *values = tl_alloc((uint64_t)m->rows * rank, sizeof(*values));
        int status = values ? read_tensor(part, part->pair->a, ret_a + (uint64_t)part->first_rank * m->cols) : TL_E_NOMEM;
        if (status >= 0)
            status = read_b(part, values);
        if (status < 0)
            return status;
        for (uint64_t row = 0; row < m->rows; row++)
            for (uint32_t k = 0; k < rank; k++)
                ret_b[row * m->rank + part->first_rank + k] = values[row * rank + k] * part->scale;
    }
    return 0;
}

int tl_adapt_load(struct tl_adapt *adapt, uint64_t *hash)
{
    for (uint32_t i = 0; i < adapt->n_matrices; i++) {
        const struct tl_adapt_matrix *m = &adapt->matrices[i];
        uint64_t n_a = (uint64_t)m->rank * m->cols, n_b = (uint64_t)m->rank * m->rows;
        TL_AUTO float *stacks = tl_alloc(n_a + n_b, sizeof(*stacks));
        int status = stacks ? tl_adapt_read(adapt, m, stacks, stacks + n_a) : TL_E_NOMEM;
        if (status < 0)
            return status;
        pack(stacks, m->rank, m->cols, m->a);
        pack(stacks + n_a, m->rows, m->rank, m->b);
        *hash = tl_hash_bytes(stacks, (n_a + n_b) * sizeof(float), *hash);
        *hash = tl_hash_bytes(&m->op, sizeof(m->op), *hash);
    }
    return 0;
}
