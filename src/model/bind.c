/* SPDX-License-Identifier: MIT */
/* From what an architecture wants to where it lies: names, shapes checked, layouts of fused experts. */
#include "model/bind.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "model/apart.h"
#include "model/names.h"

static int fail_shape(const struct tl_file_binding *b, const struct tl_tensor *tensor, const uint64_t *shape, uint32_t n_dims)
{
    char found[100] = "", expected[100] = "";
    for (uint32_t i = 0, used = 0; i < tensor->n_dims; i++)
        used += (uint32_t)snprintf(found + used, sizeof(found) - used, "%s%" PRIu64, i ? ", " : "", tensor->shape[i]);
    for (uint32_t i = 0, used = 0; i < n_dims; i++)
        used += (uint32_t)snprintf(expected + used, sizeof(expected) - used, "%s%" PRIu64, i ? ", " : "", shape[i]);
    return tl_fail(TL_E_FILE, "%s: %s has shape [%s], expected [%s]", tl_modelfile_path(b->file), tensor->name, found, expected);
}

uint32_t tl_bind_stored(const struct tl_geometry *g, const struct tl_want *want)
{
    bool routed = want->role == TL_R_EXPERT_GATE || want->role == TL_R_EXPERT_UP || want->role == TL_R_EXPERT_DOWN;
    return routed && g->n_stored < want->count ? g->n_stored : want->count;
}

uint32_t tl_bind_shape(const struct tl_geometry *g, const struct tl_want *want, unsigned layout, bool stacked,
                       uint64_t ret_shape[TL_TENSOR_DIMS])
{
    uint64_t rows = want->rows, cols = want->cols;
    uint32_t n = 0;
    bool fused = layout & (TL_LAYOUT_EVEN | TL_LAYOUT_ODD | TL_LAYOUT_TOP | TL_LAYOUT_BOTTOM);
    if (layout & (TL_LAYOUT_LATENT_K | TL_LAYOUT_LATENT_V)) {
        ret_shape[0] = (uint64_t)g->n_heads * (g->nope + g->v_head);
        ret_shape[1] = g->kv_rank;
        return 2;
    }
    if (layout & TL_LAYOUT_TAPS) {
        ret_shape[0] = want->cols;
        ret_shape[1] = want->count;
        return 2;
    }
    if (stacked)
        ret_shape[n++] = tl_bind_stored(g, want);
    rows *= fused && rows ? 2 : 1;
    cols *= fused && !want->rows ? 2 : 1;
    if (layout & TL_LAYOUT_TRANSPOSED && rows) {
        ret_shape[n++] = cols;
        ret_shape[n++] = rows;
    } else {
        if (rows)
            ret_shape[n++] = rows;
        ret_shape[n++] = cols;
    }
    return n;
}

static int check_equal(const struct tl_file_binding *b, const struct tl_tensor *tensor, const uint64_t *shape, uint32_t n)
{
    bool equal = tensor->n_dims == n;
    for (uint32_t i = 0; i < n && equal; i++)
        equal = tensor->shape[i] == shape[i];
    return equal ? 0 : fail_shape(b, tensor, shape, n);
}

static int check_shape(const struct tl_file_binding *b, const struct tl_want *want, unsigned layout, bool stacked,
                       const struct tl_tensor *tensor)
{
    uint64_t shape[TL_TENSOR_DIMS];
    uint32_t n = tl_bind_shape(b->geometry, want, layout, stacked, shape);
    /* channels of one input each */
    if (layout & TL_LAYOUT_TAPS && tensor->n_dims == 3 && tensor->shape[0] == shape[0] && tensor->shape[1] == 1 && tensor->shape[2] == shape[1])
        return 0;
    /* a gate of one row may be stored as a vector */
    if (want->rows == 1 && tensor->n_dims == 1 && tensor->shape[0] == shape[n - 1])
        return 0;
    return check_equal(b, tensor, shape, n);
}

/* Codes and their scales. */
static int bind_apart(const struct tl_file_binding *b, const struct tl_want *want, unsigned layout, bool stacked,
                      const struct tl_tensor *codes, const struct tl_tensor **ret_scales)
{
    const struct tl_apart *apart = tl_apart_of(codes);
    uint64_t shape[TL_TENSOR_DIMS], scales_shape[TL_TENSOR_DIMS];
    uint32_t n = tl_bind_shape(b->geometry, want, layout, stacked, shape), n_scales;
    int status = tl_apart_scales(b->file, apart, codes, ret_scales);
    if (status < 0)
        return status;
    tl_apart_shapes(apart, shape, &n, scales_shape, &n_scales);
    status = check_equal(b, codes, shape, n);
    return status < 0 ? status : check_equal(b, *ret_scales, scales_shape, n_scales);
}

static int check_number(const struct tl_file_binding *b, const struct tl_tensor *tensor)
{
    if (tensor->number)
        return 0;
    return tl_fail(TL_E_FILE, "%s: %s is stored as %s, which is not supported yet", tl_modelfile_path(b->file), tensor->name, tensor->type_name);
}

void tl_bind_lay_out(const struct tl_geometry *g, const struct tl_want *want, unsigned layout, struct tl_matrix *m)
{
    uint64_t rows = want->rows ? want->rows : want->cols;      /* of vectors: elements */
    m->row_step = layout & (TL_LAYOUT_EVEN | TL_LAYOUT_ODD) ? 2 : 1;
    m->first_row = layout & TL_LAYOUT_ODD ? 1 : layout & TL_LAYOUT_BOTTOM ? rows : 0;
    m->matrix_step = layout & (TL_LAYOUT_EVEN | TL_LAYOUT_ODD | TL_LAYOUT_TOP | TL_LAYOUT_BOTTOM) ? 2 * rows : rows;
    m->transposed = layout & (TL_LAYOUT_TRANSPOSED | TL_LAYOUT_LATENT_K);
    if (layout & TL_LAYOUT_TAPS) {
        m->row_step = want->count;
        m->matrix_step = 1;
    }
    m->line = layout & TL_LAYOUT_LATENT_K ? g->kv_rank : 0;
    if (layout & TL_LAYOUT_LATENT_V) {
        m->first_row = g->nope;
        m->matrix_step = g->nope + g->v_head;
    }
}

static int check_one(const struct tl_file_binding *b, const struct tl_want *want, unsigned layout, bool stacked,
                     const struct tl_tensor *tensor, const struct tl_tensor **ret_scales)
{
    if (want->rows && tl_apart_of(tensor))
        return bind_apart(b, want, layout, stacked, tensor, ret_scales);
    int status = check_number(b, tensor);
    return status < 0 ? status : check_shape(b, want, layout, stacked, tensor);
}

/* Experts that are tensors of their own. */
static int gather_each(const struct tl_file_binding *b, const struct tl_want *want, const struct tl_name *name, struct tl_matrix *m)
{
    const struct tl_apart *apart = tl_apart_of(m->tensor);
    uint32_t stored = tl_bind_stored(b->geometry, want);
    m->each = tl_alloc(want->count, sizeof(*m->each));
    m->each_scales = apart ? tl_alloc(want->count, sizeof(*m->each_scales)) : NULL;
    if (!m->each || (apart && !m->each_scales))
        return TL_E_NOMEM;
    for (uint32_t i = 0; i < want->count; i++) {
        char tried[TL_NAME_BYTES];
        const struct tl_tensor *tensor = tl_name_find_expert(b->file, b->geometry, m->tensor, name, want->layer, i % stored, tried), *scales = NULL;
        if (!tensor)
            return tl_fail(TL_E_FILE, "%s: tensor %s is missing", tl_modelfile_path(b->file), tried);
        if (tl_apart_of(tensor) != apart)
            return tl_fail(TL_E_FILE, "%s: %s differs in format from %s", tl_modelfile_path(b->file), tensor->name, m->tensor->name);
        int status = check_one(b, want, 0, false, tensor, &scales);
        if (status < 0)
            return status;
        m->each[i] = tensor;
        if (apart)
            m->each_scales[i] = scales;
    }
    m->scales = apart ? m->each_scales[0] : NULL;
    return 0;
}

/* Scales of stacked matrices begin anew with each. */
static void lay_out_scales(struct tl_matrix *m, bool stacked)
{
    const struct tl_apart *apart = m->scales ? tl_apart_of(m->tensor) : NULL;
    if (!apart)
        return;
    m->number = tl_number(apart->number);
    m->scale_step = stacked ? m->scales->shape[m->scales->n_dims - 2] : 0;
}

static int bind(void *context, const struct tl_want *want, uint32_t *ret_id, const struct tl_number **ret_number)
{
    const struct tl_file_binding *b = context;
    char tried[TL_NAME_BYTES];
    const struct tl_name *name = NULL;
    const struct tl_tensor *tensor = tl_name_find(b->file, b->geometry, want->role, want->layer, 0, &name, tried);
    *ret_id = TL_NO_WEIGHT;
    if (!tensor && want->optional)
        return 0;
    if (!tensor)
        return tl_fail(TL_E_FILE, "%s: tensor %s is missing", tl_modelfile_path(b->file), tried);
    unsigned layout = tl_name_layout(b->geometry, name);
    bool each = want->count && b->geometry->format == TL_MODELFILE_SAFETENSORS && strstr(name->hf, "%e") && !tl_modelfile_outlined(b->file);
    bool stacked = want->count && !(layout & (TL_LAYOUT_LATENT_K | TL_LAYOUT_LATENT_V));
    if (tl_apart_of(tensor))                             /* codes have their columns together */
        layout &= ~(unsigned)TL_LAYOUT_TRANSPOSED;
    uint32_t stored = tl_bind_stored(b->geometry, want);
    struct tl_matrix m = { .form = want->rows ? TL_WEIGHT_PANELS : TL_WEIGHT_VECTOR, .count = want->count ? want->count : 1,
                           .rows = want->rows ? want->rows : 1, .cols = want->cols, .tensor = tensor, .add = want->add, .stored = stored < want->count ? stored : 0 };
    int status = each ? gather_each(b, want, name, &m) : check_one(b, want, layout, stacked, tensor, &m.scales);
    if (status < 0) {
        tl_free(m.each);
        tl_free(m.each_scales);
        return status;
    }
    tl_bind_lay_out(b->geometry, want, layout, &m);
    lay_out_scales(&m, stacked && !each);
    status = tl_store_add(b->store, &m, ret_id);
    if (status >= 0)
        *ret_number = tl_matrix_number(&m);
    return status;
}

static int bank(void *context, const uint32_t ids[TL_BANK_MATRICES], uint32_t *ret_bank)
{
    const struct tl_file_binding *b = context;
    return tl_store_add_bank(b->store, ids, ret_bank);
}

struct tl_binder tl_bind_file(struct tl_file_binding *binding)
{
    return (struct tl_binder){ .context = binding, .bind = bind, .bank = bank };
}
