/* SPDX-License-Identifier: MIT */
/* Merges adapters into a copy of a model. The program of the base says which tensor an adapter belongs to; a tensor passes
 * through memory some rows at a time. */
#include "engine/merge.h"

#include <math.h>
#include <string.h>

#include "base/array.h"
#include "base/error.h"
#include "base/file.h"
#include "base/memory.h"
#include "base/text.h"
#include "modelfile/writer.h"

enum { PASS_BYTES = 8 << 20 };

struct merging {
    const struct tl_merge *merge;
    struct tl_modelfile *file;
    struct tl_adapter **adapters;
    struct tl_meters meters;
    struct tl_model *model;
    const struct tl_kernel *kernel;
    struct tl_pool *pool;
    struct tl_writer *writer;
    struct tl_progress *progress;
    const struct tl_adapt_matrix **of_tensor;    /* [tensors of the file]; NULL: copied */
    struct tl_merged *merged;
    uint64_t done_bytes;
};

/* --- opening ------------------------------------------------------------------------------------------------------ */

static int open_all(struct merging *m)
{
    const struct tl_merge *how = m->merge;
    TL_AUTO struct tl_adapter_choice *choices = tl_alloc(how->n_adapters + 1, sizeof(*choices));
    m->adapters = tl_alloc(how->n_adapters + 1, sizeof(*m->adapters));
    m->kernel = tl_kernel_best();
    int status = choices && m->adapters ? tl_modelfile_open(how->base, &m->file) : TL_E_NOMEM;
    for (uint32_t i = 0; i < how->n_adapters && status >= 0; i++) {
        status = tl_adapter_open(how->adapters[i].path, &m->adapters[i]);
        choices[i] = (struct tl_adapter_choice){ m->adapters[i], how->adapters[i].scale };
    }
    if (status >= 0) {
        const struct tl_model_choices chosen = { .adapters = choices, .n_adapters = how->n_adapters };
        status = tl_model_new(m->file, &chosen, &m->meters, &m->model);
    }
    return status < 0 ? status : tl_pool_new(how->threads, &m->pool);
}

static void close_all(struct merging *m)
{
    tl_writer_close(m->writer);
    tl_pool_free(m->pool);
    tl_model_free(m->model);
    for (uint32_t i = 0; m->adapters && i < m->merge->n_adapters; i++)
        tl_adapter_close(m->adapters[i]);
    tl_free(m->adapters);
    tl_free(m->of_tensor);
    tl_modelfile_close(m->file);
}

/* --- what changes ------------------------------------------------------------------------------------------------- */

static uint64_t index_of(const struct merging *m, const struct tl_tensor *tensor)
{
    return (uint64_t)(tensor - tl_modelfile_tensor(m->file, 0));
}

static int check_tensor(const struct merging *m, const struct tl_op *op, const struct tl_tensor *tensor)
{
    const char *path = tl_modelfile_path(m->file);
    if (op->role == TL_R_EMBED)
        return tl_fail(TL_E_USAGE, "%s: the head is the embedding too, so an adapter of the head alone cannot be merged: run it with --lora", path);
    if (tensor->n_dims != 2 || tensor->shape[0] != op->rows || tensor->shape[1] != op->cols)
        return tl_fail(TL_E_USAGE, "%s: %s is stored together with other matrices, and merging into a part of it is not supported", path, tensor->name);
    if (!tensor->number || tensor->number->apart || !tensor->number->encode)
        return tl_fail(TL_E_USAGE, "%s: %s is stored as %s, into which merging is not supported", path, tensor->name, tensor->type_name);
    return 0;
}

static const struct tl_number *number_of(const struct merging *m, const struct tl_tensor *tensor)
{
    const struct tl_number *number = m->merge->number;
    return number && tensor->shape[1] % number->block_elems == 0 ? number : tensor->number;
}

static int find_changes(struct merging *m)
{
    const struct tl_adapt *adapt = tl_model_adapt(m->model);
    const struct tl_program *program = tl_model_program(m->model);
    m->of_tensor = tl_alloc(tl_modelfile_tensors(m->file), sizeof(*m->of_tensor));
    if (!m->of_tensor)
        return TL_E_NOMEM;
    for (uint32_t i = 0; i < adapt->n_matrices; i++) {
        const struct tl_op *op = &program->ops[adapt->matrices[i].op];
        const struct tl_tensor *tensor = tl_store_tensor(tl_model_store(m->model), op->weight);
        int status = check_tensor(m, op, tensor);
        if (status < 0)
            return status;
        m->of_tensor[index_of(m, tensor)] = &adapt->matrices[i];
        m->merged->changed++;
    }
    return 0;
}

/* --- one tensor --------------------------------------------------------------------------------------------------- */

struct pass {
    const struct merging *m;
    const struct tl_tensor *tensor;
    const struct tl_number *number;
    const struct tl_adapt_matrix *matrix;
    const float *a, *b;                  /* [rank][cols], [rows][rank] scaled */
    uint64_t from, row_bytes, out_bytes; /* the pass's first row; of a row */
    const uint8_t *in;
    uint8_t *out;
    float *values;                       /* [rows of the pass][2 cols] */
    float *largest;                      /* [rows of the pass] */
};

static void row_piece(void *context, uint32_t piece, uint32_t thread)
{
    const struct pass *p = context;
    uint32_t cols = p->matrix->cols, rank = p->matrix->rank;
    float *row = p->values + (uint64_t)piece * 2 * cols, *back = row + cols, largest = 0;
    const float *b = p->b + (p->from + piece) * rank;
    (void)thread;
    tl_number_decode(p->tensor->number, p->in + piece * p->row_bytes, cols, row);
    for (uint32_t k = 0; k < rank; k++)
        p->m->kernel->add_scaled(p->a + (uint64_t)k * cols, b[k], cols, row);
    p->number->encode(row, cols, p->out + piece * p->out_bytes);
    tl_number_decode(p->number, p->out + piece * p->out_bytes, cols, back);
    for (uint32_t i = 0; i < cols; i++) {
        float off = fabsf(back[i] - row[i]);
        largest = off > largest ? off : largest;
    }
    p->largest[piece] = largest;
}

/* So many rows at a time that their values take some megabytes. */
static int change_rows(struct merging *m, struct pass *p)
{
    uint64_t most = PASS_BYTES / (2 * sizeof(float) * p->matrix->cols) + 1, rows = p->matrix->rows;
    most = most > rows ? rows : most;
    TL_AUTO uint8_t *in = tl_alloc(most, p->row_bytes), *out = tl_alloc(most, p->out_bytes);
    TL_AUTO float *values = tl_alloc(most, 2 * sizeof(float) * p->matrix->cols), *largest = tl_alloc(most, sizeof(float));
    int status = in && out && values && largest ? 0 : TL_E_NOMEM;
    p->in = in;
    p->out = out;
    p->values = values;
    p->largest = largest;
    for (p->from = 0; p->from < rows && status >= 0; p->from += most) {
        uint64_t n = rows - p->from < most ? rows - p->from : most;
        status = tl_modelfile_read(m->file, p->tensor, p->from * p->row_bytes, in, n * p->row_bytes);
        if (status < 0)
            break;
        tl_pool_run(m->pool, (uint32_t)n, row_piece, p);
        for (uint64_t i = 0; i < n; i++)
            m->merged->largest = largest[i] > m->merged->largest ? largest[i] : m->merged->largest;
        status = tl_writer_bytes(m->writer, out, n * p->out_bytes);
        if (status >= 0)
            status = tl_progress_move(m->progress, m->done_bytes += n * p->row_bytes);
    }
    return status;
}

static int change(struct merging *m, const struct tl_tensor *tensor, const struct tl_adapt_matrix *matrix)
{
    struct pass p = { .m = m, .tensor = tensor, .number = number_of(m, tensor), .matrix = matrix };
    TL_AUTO float *a = tl_alloc((uint64_t)matrix->rank * matrix->cols, sizeof(*a)), *b = tl_alloc((uint64_t)matrix->rank * matrix->rows, sizeof(*b));
    int status = a && b ? tl_adapt_read(tl_model_adapt(m->model), matrix, a, b) : TL_E_NOMEM;
    p.a = a;
    p.b = b;
    if (status < 0 || !tl_number_bytes(tensor->number, matrix->cols, &p.row_bytes) || !tl_number_bytes(p.number, matrix->cols, &p.out_bytes))
        return status < 0 ? status : tl_fail(TL_E_FILE, "%s: %s has rows of no whole blocks", tl_modelfile_path(m->file), tensor->name);
    return change_rows(m, &p);
}

/* --- the file ----------------------------------------------------------------------------------------------------- */

static bool is_gguf(const struct merging *m) { return tl_modelfile_format(m->file) == TL_MODELFILE_GGUF; }

static int declare_metadata(struct merging *m)
{
    static const char prefix[] = "__metadata__.";
    int status = 0;
    for (uint64_t i = 0; i < tl_modelfile_metas(m->file) && status >= 0; i++) {
        const struct tl_meta *meta = tl_modelfile_meta_at(m->file, i);
        const char *text;
        size_t n_bytes;
        if (is_gguf(m))
            status = tl_writer_meta(m->writer, meta);
        else if (tl_text_begins(meta->key, prefix) && (status = tl_meta_at_string(meta, 0, &text, &n_bytes)) >= 0)
            status = tl_writer_string(m->writer, meta->key + strlen(prefix), text, n_bytes);
    }
    return status;
}

static int declare_tensors(struct merging *m)
{
    int status = 0;
    for (uint64_t i = 0; i < tl_modelfile_tensors(m->file) && status >= 0; i++) {
        const struct tl_tensor *tensor = tl_modelfile_tensor(m->file, i);
        status = tl_writer_like(m->writer, tensor, m->of_tensor[i] ? number_of(m, tensor) : NULL);
    }
    return status;
}

static int check_room(const struct merging *m, const char *path)
{
    uint64_t room = 0, needed = tl_writer_total(m->writer);
    int status = tl_file_room(path, &room);
    if (status >= 0 && room < needed)
        return tl_file_no_room(path, needed, room, "");
    return status;
}

static int write_file(struct merging *m, const char *path)
{
    int status = tl_writer_open(path, tl_modelfile_format(m->file), &m->writer);
    if (status >= 0)
        status = declare_metadata(m);
    if (status >= 0)
        status = declare_tensors(m);
    if (status >= 0)
        status = check_room(m, path);
    if (status >= 0)
        status = tl_progress_begin(m->progress, "merging", 0, tl_modelfile_bytes(m->file), "bytes");
    if (status >= 0)
        status = tl_writer_begin(m->writer);
    for (uint64_t i = 0; i < tl_modelfile_tensors(m->file) && status >= 0; i++) {
        const struct tl_tensor *tensor = tl_modelfile_tensor(m->file, i);
        status = m->of_tensor[i] ? change(m, tensor, m->of_tensor[i])
                                 : tl_writer_copy(m->writer, m->file, tensor, m->progress, &m->done_bytes);
    }
    if (status < 0)
        return status;
    m->merged->n_bytes = tl_writer_total(m->writer);
    status = tl_writer_copy_beside(m->writer, m->file);
    return status < 0 ? status : tl_writer_commit(m->writer);
}

static int write_all(struct merging *m)
{
    const char *output = m->merge->output;
    TL_AUTO char *path = is_gguf(m) ? tl_strdup(output) : tl_file_join(output, "model.safetensors");
    if (!path)
        return TL_E_NOMEM;
    if (tl_file_exists(output) && !m->merge->force)
        return tl_fail(TL_E_USAGE, "%s is there already; --force replaces it", output);
    if (is_gguf(m) && tl_file_is_folder(output))
        return tl_fail(TL_E_USAGE, "%s is a folder, expected the name of a GGUF, as the base is one", output);
    int status = tl_file_make_folders(path);
    return status < 0 ? status : write_file(m, path);
}

int tl_merge(const struct tl_merge *merge, struct tl_progress *progress, struct tl_merged *ret_merged)
{
    struct merging m = { .merge = merge, .progress = progress, .merged = ret_merged };
    *ret_merged = (struct tl_merged){ 0 };
    int status = merge->n_adapters ? open_all(&m) : tl_fail(TL_E_USAGE, "no adapter is given: --lora FILE[:SCALE]");
    if (status >= 0)
        status = find_changes(&m);
    if (status >= 0) {
        ret_merged->tensors = tl_modelfile_tensors(m.file);
        status = write_all(&m);
    }
    close_all(&m);
    return status;
}
