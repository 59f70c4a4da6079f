/* SPDX-License-Identifier: MIT */
/* The file that weights become: the tensors of the model's own file, each filled from the weights that lie in it, and its
 * metadata. An outline has none of its own: geometry and vocabulary are written for it. */
#include <string.h>

#include "base/array.h"
#include "base/error.h"
#include "base/memory.h"
#include "base/text.h"
#include "model/geometry_gguf.h"
#include "modelfile/writer.h"
#include "train/weights.h"

struct writing {
    const struct tl_weights *weights;
    const struct tl_modelfile *file, *vocabulary;
    const struct tl_number *number;
    const struct tl_weights_note *more;
    uint32_t n_more;
    struct tl_writer *writer;
    struct tl_progress *progress;
    uint64_t done;
    float factors[TL_MAX_ROT / 2];       /* that rope frequencies are divided by */
    uint32_t n_factors;
};

/* --- metadata --------------------------------------------------------------------------------------------------------- */

static bool replaced(const struct writing *w, const char *key)
{
    for (uint32_t i = 0; i < w->n_more; i++)
        if (!strcmp(w->more[i].key, key))
            return true;
    return !strcmp(key, "general.file_type");
}

static int copy_metas(const struct writing *w, const struct tl_modelfile *from, const char *head, bool but_vocabulary)
{
    int status = 0;
    for (uint64_t i = 0; i < tl_modelfile_metas(from) && status >= 0; i++) {
        const struct tl_meta *meta = tl_modelfile_meta_at(from, i);
        if (tl_text_begins(meta->key, head) && !replaced(w, meta->key) && !(but_vocabulary && tl_text_begins(meta->key, "tokenizer.")))
            status = tl_writer_meta(w->writer, meta);
    }
    return status;
}

/* llama.cpp's numbers for what most of a file is stored as. */
static int write_type(const struct writing *w)
{
    static const struct { enum tl_number_id id; uint32_t type; } types[] = { { TL_NUMBER_F32, 0 }, { TL_NUMBER_F16, 1 }, { TL_NUMBER_Q8_0, 7 }, { TL_NUMBER_BF16, 32 } };
    for (size_t i = 0; i < TL_COUNT(types); i++)
        if (types[i].id == w->number->id)
            return tl_writer_u64(w->writer, "general.file_type", types[i].type);
    return 0;
}

static int write_metas(struct writing *w)
{
    int status = 0;
    if (tl_modelfile_outlined(w->file)) {
        struct tl_geometry vendor = *tl_model_geometry(w->weights->model);
        vendor.format = TL_MODELFILE_SAFETENSORS;        /* keys of the configuration */
        status = tl_geometry_write_gguf(&vendor, w->file, false, w->writer);
        if (status >= 0)
            status = tl_geometry_gguf_factors(&vendor, w->file, w->factors);
        w->n_factors = status > 0 ? vendor.n_rot / 2 : 0;
    } else {
        status = copy_metas(w, w->file, "", w->vocabulary);
    }
    if (status >= 0 && w->vocabulary)
        status = copy_metas(w, w->vocabulary, "tokenizer.", false);
    for (uint32_t i = 0; i < w->n_more && status >= 0; i++)
        status = tl_writer_string(w->writer, w->more[i].key, w->more[i].text, strlen(w->more[i].text));
    return status < 0 ? status : write_type(w);
}

/* --- tensors ---------------------------------------------------------------------------------------------------------- */

/* Vectors and routers stay f32, and what is no whole blocks. */
static const struct tl_number *number_of(const struct writing *w, const struct tl_tensor *tensor)
{
    const struct tl_store *store = tl_model_store(w->weights->model);
    struct tl_weight facts;
    uint64_t stored;
    for (uint32_t i = 0; i < w->weights->n; i++) {
        if (tl_store_tensor(store, i) != tensor)
            continue;
        tl_store_describe(store, i, &facts, &stored);
        bool whole = tensor->shape[tensor->n_dims - 1] % w->number->block_elems == 0;
        bool plain = facts.form == TL_WEIGHT_VECTOR || w->weights->parameters[i].role == TL_R_ROUTER || !whole;
        return plain ? tl_number(TL_NUMBER_F32) : w->number;
    }
    return NULL;                         /* nobody's */
}

static int declare(const struct writing *w)
{
    int status = 0;
    for (uint64_t i = 0; i < tl_modelfile_tensors(w->file) && status >= 0; i++) {
        const struct tl_tensor *tensor = tl_modelfile_tensor(w->file, i);
        status = tl_writer_like(w->writer, tensor, number_of(w, tensor));
    }
    if (status >= 0 && w->n_factors)
        status = tl_writer_tensor(w->writer, "rope_freqs.weight", tl_number(TL_NUMBER_F32), 1, (uint64_t[]){ w->n_factors });
    return status;
}

enum { RUN_ELEMS = 1 << 18 };            /* a multiple of all blocks */

static int write_values(struct writing *w, const struct tl_number *number, const float *values, uint64_t n)
{
    uint64_t bytes = 0;
    int status = 0;
    TL_AUTO uint8_t *stored = tl_alloc(RUN_ELEMS, sizeof(float));
    if (!stored)
        return TL_E_NOMEM;
    for (uint64_t at = 0; at < n && status >= 0; at += RUN_ELEMS) {
        uint64_t run = n - at < RUN_ELEMS ? n - at : RUN_ELEMS;
        if (!tl_number_bytes(number, run, &bytes))
            return tl_fail(TL_E_FAIL, "%u values are no whole blocks of %s", (unsigned)run, number->name);
        number->encode(values + at, run, stored);
        status = tl_writer_bytes(w->writer, stored, bytes);
        w->done += run;
        if (status >= 0)
            status = tl_progress_move(w->progress, w->done);
    }
    return status;
}

static int fill_tensor(struct writing *w, const struct tl_tensor *tensor, const struct tl_number *number)
{
    int status = 0;
    TL_AUTO float *values = tl_alloc(tensor->n_elems, sizeof(*values));
    if (!values)
        return TL_E_NOMEM;
    for (uint32_t i = 0; i < w->weights->n && status >= 0; i++)
        status = tl_store_place(tl_model_store(w->weights->model), i, tensor, w->weights->parameters[i].value, values);
    return status < 0 ? status : write_values(w, number, values, tensor->n_elems);
}

static int copy_tensor(struct writing *w, const struct tl_tensor *tensor)
{
    uint64_t n_bytes = 0;
    w->done += tensor->n_elems;
    return tl_writer_copy(w->writer, w->file, tensor, NULL, &n_bytes);
}

static int write_tensors(struct writing *w)
{
    uint64_t total = 0;
    for (uint64_t i = 0; i < tl_modelfile_tensors(w->file); i++)
        total += tl_modelfile_tensor(w->file, i)->n_elems;
    int status = tl_progress_begin(w->progress, "writing weights", 0, total, "weights");
    for (uint64_t i = 0; i < tl_modelfile_tensors(w->file) && status >= 0; i++) {
        const struct tl_tensor *tensor = tl_modelfile_tensor(w->file, i);
        const struct tl_number *number = number_of(w, tensor);
        status = number ? fill_tensor(w, tensor, number) : copy_tensor(w, tensor);
    }
    return status < 0 || !w->n_factors ? status : tl_writer_bytes(w->writer, w->factors, w->n_factors * sizeof(float));
}

/* --- all of it -------------------------------------------------------------------------------------------------------- */

static int check(const struct writing *w)
{
    if (tl_modelfile_format(w->file) != TL_MODELFILE_GGUF)
        return tl_fail(TL_E_USAGE, "%s is no GGUF, and what is trained is written as one: begin from a GGUF of this model", tl_modelfile_path(w->file));
    if (w->vocabulary && tl_modelfile_format(w->vocabulary) != TL_MODELFILE_GGUF)
        return tl_fail(TL_E_USAGE, "%s is no GGUF, whose vocabulary could be written into another", tl_modelfile_path(w->vocabulary));
    return w->number->encode ? 0 : tl_fail(TL_E_USAGE, "weights cannot be written as %s yet", w->number->name);
}

int tl_weights_write(const struct tl_weights *weights, const struct tl_number *number, const struct tl_modelfile *vocabulary,
                     const struct tl_weights_note *more, uint32_t n_more, const char *path, struct tl_progress *progress)
{
    struct writing w = { .weights = weights, .file = tl_model_file(weights->model), .vocabulary = vocabulary, .number = number, .more = more,
                         .n_more = n_more, .progress = progress };
    int status = check(&w);
    if (status >= 0)
        status = tl_writer_open(path, TL_MODELFILE_GGUF, &w.writer);
    if (status >= 0)
        status = write_metas(&w);
    if (status >= 0)
        status = declare(&w);
    if (status >= 0)
        status = tl_writer_begin(w.writer);
    if (status >= 0)
        status = write_tensors(&w);
    if (status >= 0)
        status = tl_writer_commit(w.writer);
    tl_writer_close(w.writer);
    return status;
}
