/* SPDX-License-Identifier: MIT */
/* Writes a model file in one pass: declarations first, then the header, then the bytes of every tensor in the order of
 * declaration. The writer counts bytes, so a file that lacks some or has too many is never put in place. */
#include "modelfile/writer.h"

#include <inttypes.h>
#include <string.h>

#include "base/checked.h"
#include "base/error.h"
#include "base/file.h"
#include "base/memory.h"
#include "base/text.h"
#include "modelfile/writer_parts.h"

enum { COPY_BYTES = 8 << 20 };

static int open_writer(const char *path, enum tl_modelfile_format format, int (*open)(const char *path, struct tl_outfile **ret_file),
                       struct tl_writer **ret_writer)
{
    struct tl_writer *writer = tl_alloc(1, sizeof *writer);
    if (!writer)
        return TL_E_NOMEM;
    writer->format = format == TL_MODELFILE_GGUF ? &tl_writer_gguf : &tl_writer_safetensors;
    tl_buffer_init(&writer->metas, 0);
    int r = (writer->path = tl_strdup(path)) ? open(path, &writer->out) : TL_E_NOMEM;
    if (r < 0) {
        tl_writer_close(writer);
        return r;
    }
    *ret_writer = writer;
    return 0;
}

int tl_writer_open(const char *path, enum tl_modelfile_format format, struct tl_writer **ret_writer)
{
    return open_writer(path, format, tl_outfile_open, ret_writer);
}

int tl_writer_open_lasting(const char *path, enum tl_modelfile_format format, struct tl_writer **ret_writer)
{
    return open_writer(path, format, tl_outfile_open_lasting, ret_writer);
}

void tl_writer_close(struct tl_writer *writer)
{
    if (!writer)
        return;
    tl_outfile_close(writer->out);
    tl_writer_drop_sides(writer);
    for (uint64_t i = 0; i < writer->n_tensors; i++)
        tl_free(writer->tensors[i].name);
    for (uint64_t i = 0; i < writer->n_metas; i++)
        tl_free(writer->keys[i]);
    tl_names_done(&writer->meta_names);
    tl_names_done(&writer->tensor_names);
    tl_buffer_done(&writer->metas);
    tl_free(writer->tensors);
    tl_free(writer->keys);
    tl_free(writer->path);
    tl_free(writer);
}

/* --- metadata ---------------------------------------------------------------------------------------------------------- */

/* Copies the name, which must be new, to the end of a list of names. */
static int note_name(const struct tl_writer *writer, struct tl_names *names, const char *kind, const char *name, uint64_t index,
                     char **ret_copy)
{
    uint32_t other;
    if (writer->begun)
        return tl_fail(TL_E_FAIL, "%s: %s %s: found it declared behind the header, expected all before", writer->path, kind, name);
    if (!tl_name_valid(name, strlen(name)))
        return tl_fail(TL_E_FAIL, "%s: %s of %zu bytes: found a name not fit for files, expected 1 to %d bytes without control characters",
                       writer->path, kind, strlen(name), TL_NAME_BYTES);
    char *copy = tl_strdup(name);
    int r = copy ? tl_names_add(names, copy, (uint32_t)index, &other) : TL_E_NOMEM;
    if (r <= 0) {
        tl_free(copy);
        return r < 0 ? r : tl_fail(TL_E_FAIL, "%s: %s %s: found it declared twice, expected once", writer->path, kind, name);
    }
    *ret_copy = copy;
    return 0;
}

static int add_meta(struct tl_writer *writer, const struct tl_meta *meta)
{
    if (tl_grow((void **)&writer->keys, writer->n_metas, &writer->keys_cap, sizeof *writer->keys) < 0)
        return TL_E_NOMEM;
    int r = note_name(writer, &writer->meta_names, "key", meta->key, writer->n_metas, &writer->keys[writer->n_metas]);
    if (r < 0)
        return r;
    r = writer->format->add_meta(&writer->metas, writer->n_metas++ == 0, meta);
    return r < 0 ? writer->status = r : r;
}

static int add_scalar(struct tl_writer *writer, const char *key, enum tl_meta_kind kind, enum tl_meta_type type, const void *bytes)
{
    struct tl_meta_data data = {.type = type, .bytes = bytes};
    struct tl_meta meta = {key, kind, false, 1, &data};
    return add_meta(writer, &meta);
}

int tl_writer_meta(struct tl_writer *writer, const struct tl_meta *meta)
{
    bool of_container = strcmp(meta->key, "general.alignment") == 0 || tl_text_begins(meta->key, "split.");
    return of_container ? 0 : add_meta(writer, meta);
}

int tl_writer_u64(struct tl_writer *writer, const char *key, uint64_t value)
{
    return add_scalar(writer, key, TL_META_UINT, value <= UINT32_MAX ? TL_TYPE_U32 : TL_TYPE_U64, &value);
}

int tl_writer_f64(struct tl_writer *writer, const char *key, double value)
{
    float narrow = (float)value;
    return add_scalar(writer, key, TL_META_FLOAT, TL_TYPE_F32, &narrow);
}

int tl_writer_bool(struct tl_writer *writer, const char *key, bool value)
{
    uint8_t byte = value;
    return add_scalar(writer, key, TL_META_BOOL, TL_TYPE_BOOL, &byte);
}

int tl_writer_string(struct tl_writer *writer, const char *key, const char *text, size_t n_bytes)
{
    if (n_bytes > UINT32_MAX)
        return tl_fail(TL_E_FAIL, "%s: key %s: found %zu bytes, expected less than 2^32", writer->path, key, n_bytes);
    uint32_t length = (uint32_t)n_bytes;
    TL_AUTO uint8_t *string = tl_alloc(n_bytes + 5, 1);
    if (!string)
        return TL_E_NOMEM;
    memcpy(string, &length, 4);
    if (n_bytes)
        memcpy(string + 4, text, n_bytes);
    return add_scalar(writer, key, TL_META_STRING, TL_TYPE_STRING, string);
}

int tl_writer_strings(struct tl_writer *writer, const char *key, const char *const *texts, uint64_t count)
{
    uint64_t n_bytes = 0;
    for (uint64_t i = 0; i < count; i++)
        n_bytes += strlen(texts[i]) + 5;
    TL_AUTO uint8_t *bytes = tl_alloc(n_bytes + 1, 1);
    TL_AUTO uint32_t *strings = tl_alloc(count + 1, sizeof *strings);
    if (!bytes || !strings)
        return TL_E_NOMEM;
    uint8_t *at = bytes;
    for (uint64_t i = 0; i < count; i++) {
        uint32_t length = (uint32_t)strlen(texts[i]);
        strings[i] = (uint32_t)(at - bytes);
        memcpy(at, &length, 4);
        memcpy(at + 4, texts[i], length + 1);
        at += length + 5;
    }
    struct tl_meta_data data = {.type = TL_TYPE_STRING, .bytes = bytes, .strings = strings};
    struct tl_meta meta = {key, TL_META_STRING, true, count, &data};
    return add_meta(writer, &meta);
}

int tl_writer_i32s(struct tl_writer *writer, const char *key, const int32_t *values, uint64_t count)
{
    struct tl_meta_data data = {.type = TL_TYPE_I32, .bytes = (const uint8_t *)values};
    struct tl_meta meta = {key, TL_META_INT, true, count, &data};
    return add_meta(writer, &meta);
}

int tl_writer_bools(struct tl_writer *writer, const char *key, const bool *values, uint64_t count)
{
    struct tl_meta_data data = {.type = TL_TYPE_BOOL, .bytes = (const uint8_t *)values};
    struct tl_meta meta = {key, TL_META_BOOL, true, count, &data};
    return add_meta(writer, &meta);
}

int tl_writer_f32s(struct tl_writer *writer, const char *key, const float *values, uint64_t count)
{
    struct tl_meta_data data = {.type = TL_TYPE_F32, .bytes = (const uint8_t *)values};
    struct tl_meta meta = {key, TL_META_FLOAT, true, count, &data};
    return add_meta(writer, &meta);
}

/* --- tensors ----------------------------------------------------------------------------------------------------------- */

static int size_tensor(const struct tl_writer *writer, struct tl_writer_tensor *tensor)
{
    struct tl_tensor shape = {.n_dims = tensor->n_dims};
    memcpy(shape.shape, tensor->shape, sizeof shape.shape);
    uint64_t row = tensor->n_dims ? tensor->shape[tensor->n_dims - 1] : 1;
    uint32_t block = tensor->storage.block_elems;
    if (!writer->format->stores(tensor))
        return tl_fail(TL_E_FAIL, "%s: tensor %s: found type %s, expected one that %s stores", writer->path, tensor->name,
                       tensor->storage.name, writer->format->name);
    if (!tl_parts_count(&shape) || row % block || !tl_storage_bytes(&tensor->storage, shape.n_elems, &tensor->n_bytes))
        return tl_fail(TL_E_FAIL, "%s: tensor %s: found rows of %" PRIu64 " elements, expected whole blocks of %" PRIu32 " and a size below 2^64",
                       writer->path, tensor->name, row, block);
    return 0;
}

/* Behind the tensors so far. */
static int place_tensor(const struct tl_writer *writer, struct tl_writer_tensor *tensor)
{
    uint64_t end = 0;
    if (writer->n_tensors) {
        const struct tl_writer_tensor *last = &writer->tensors[writer->n_tensors - 1];
        if (!tl_checked_add(last->offset, last->n_bytes, &end))
            end = UINT64_MAX;
    }
    if (tl_checked_align(end, writer->format->align, &tensor->offset))
        return 0;
    return tl_fail(TL_E_FAIL, "%s: tensor %s: found no room behind the one before, expected sizes below 2^64", writer->path, tensor->name);
}

static int add_tensor(struct tl_writer *writer, const char *name, const struct tl_storage *storage, const char *dtype, uint32_t n_dims,
                      const uint64_t *shape)
{
    struct tl_writer_tensor tensor = {.storage = *storage, .dtype = dtype, .n_dims = n_dims};
    if (n_dims > writer->format->max_dims)
        return tl_fail(TL_E_FAIL, "%s: tensor %s: found %" PRIu32 " dimensions, expected at most %" PRIu32, writer->path, name, n_dims,
                       writer->format->max_dims);
    if (tl_grow((void **)&writer->tensors, writer->n_tensors, &writer->tensors_cap, sizeof tensor) < 0)
        return TL_E_NOMEM;
    for (uint32_t i = 0; i < n_dims; i++)
        tensor.shape[i] = shape[i];
    int r = note_name(writer, &writer->tensor_names, "tensor", name, writer->n_tensors, &tensor.name);
    if (r < 0)
        return r;
    r = size_tensor(writer, &tensor);
    if (r >= 0)
        r = place_tensor(writer, &tensor);
    writer->tensors[writer->n_tensors++] = tensor;
    return r < 0 ? writer->status = r : r;
}

int tl_writer_tensor(struct tl_writer *writer, const char *name, const struct tl_number *number, uint32_t n_dims,
                     const uint64_t *shape)
{
    const struct tl_storage storage = {number->name, number, number->block_elems, number->block_bytes};
    return add_tensor(writer, name, &storage, number->safetensors, n_dims, shape);
}

int tl_writer_codes(struct tl_writer *writer, const char *name, const char *type, uint32_t n_dims, const uint64_t *shape)
{
    struct tl_storage storage;
    const char *dtype = tl_storage_dtype(type, &storage);
    if (!dtype)
        return tl_fail(TL_E_FAIL, "%s: tensor %s: found type %s, expected one of the safetensors format", writer->path, name, type);
    return add_tensor(writer, name, &storage, dtype, n_dims, shape);
}

int tl_writer_like(struct tl_writer *writer, const struct tl_tensor *tensor, const struct tl_number *number)
{
    number = number ? number : tensor->number;
    return number ? tl_writer_tensor(writer, tensor->name, number, tensor->n_dims, tensor->shape)
                  : tl_writer_codes(writer, tensor->name, tensor->type_name, tensor->n_dims, tensor->shape);
}

uint64_t tl_writer_total(const struct tl_writer *writer)
{
    const struct tl_writer_tensor *last = writer->n_tensors ? &writer->tensors[writer->n_tensors - 1] : NULL;
    return last ? last->offset + last->n_bytes : 0;
}

/* --- bytes ------------------------------------------------------------------------------------------------------------- */

/* Zero bytes up to where the next tensor begins; behind the last one, up to the format's alignment. */
static int pad(struct tl_writer *writer, const struct tl_writer_tensor *tensor)
{
    static const uint8_t zeros[64] = {0};
    size_t n = (size_t)(-tensor->n_bytes & (writer->format->align - 1));
    return tl_outfile_write(writer->out, zeros, n);
}

/* Passes the tensors that are complete. */
static int advance(struct tl_writer *writer)
{
    while (writer->at < writer->n_tensors && writer->at_bytes == writer->tensors[writer->at].n_bytes) {
        int r = pad(writer, &writer->tensors[writer->at]);
        if (r < 0)
            return r;
        writer->at++;
        writer->at_bytes = 0;
    }
    return 0;
}

static int make_header(const struct tl_writer *writer, struct tl_buffer *header)
{
    tl_buffer_init(header, 0);
    if (writer->begun)
        return tl_fail(TL_E_FAIL, "%s: found a second header, expected one", writer->path);
    return writer->status < 0 ? writer->status : writer->format->add_header(header, writer);
}

int tl_writer_size(const struct tl_writer *writer, uint64_t *ret_bytes)
{
    struct tl_buffer header;
    int r = make_header(writer, &header);
    if (r >= 0)
        *ret_bytes = header.len + tl_writer_total(writer);
    tl_buffer_done(&header);
    return r;
}

int tl_writer_begin(struct tl_writer *writer)
{
    struct tl_buffer header;
    int r = make_header(writer, &header);
    if (r >= 0)
        r = tl_outfile_write(writer->out, header.data, header.len);
    tl_buffer_done(&header);
    writer->begun = true;
    return r < 0 ? r : advance(writer);
}

/* Bytes behind the header that whole tensors take, of a file that begins with it; -1: it does not. */
static int64_t bytes_there(const struct tl_writer *writer, const struct tl_buffer *header)
{
    TL_AUTO char *path = tl_file_beside(writer->path, ".partial"), *found = tl_alloc(header->len + 1, 1);
    struct tl_file *file = NULL;
    int64_t n = -1;
    if (path && found && tl_file_open(path, &file) >= 0 && file->size_bytes >= header->len && tl_file_read(file, 0, found, header->len) >= 0 &&
        memcmp(found, header->data, header->len) == 0)
        n = (int64_t)(file->size_bytes - header->len);
    tl_file_close(file);
    return n;
}

int tl_writer_resume(struct tl_writer *writer, uint64_t *ret_tensors)
{
    struct tl_buffer header;
    int r = make_header(writer, &header);
    int64_t there = r < 0 ? -1 : bytes_there(writer, &header);
    uint64_t n = 0, kept = 0;
    while (there >= 0 && n < writer->n_tensors) {
        const struct tl_writer_tensor *tensor = &writer->tensors[n];
        uint64_t end = tensor->offset + tensor->n_bytes;
        end += -end & (writer->format->align - 1);
        if (end > (uint64_t)there)
            break;
        kept = end;
        n++;
    }
    if (r >= 0)
        r = tl_outfile_keep(writer->out, there < 0 ? 0 : header.len + kept);
    if (r >= 0 && there < 0)
        r = tl_outfile_write(writer->out, header.data, header.len);
    tl_buffer_done(&header);
    writer->begun = true;
    writer->at = n;
    if (r < 0)
        return r;
    *ret_tensors = n;
    return advance(writer);
}

int tl_writer_bytes(struct tl_writer *writer, const void *bytes, size_t n_bytes)
{
    const uint8_t *from = bytes;
    if (!writer->begun)
        return tl_fail(TL_E_FAIL, "%s: found bytes before the header, expected it first", writer->path);
    while (n_bytes > 0) {
        if (writer->at == writer->n_tensors)
            return tl_fail(TL_E_FAIL, "%s: found %zu bytes behind the last tensor, expected none", writer->path, n_bytes);
        uint64_t left = writer->tensors[writer->at].n_bytes - writer->at_bytes;
        size_t n = n_bytes < left ? n_bytes : (size_t)left;
        int r = tl_outfile_write(writer->out, from, n);
        if (r < 0)
            return r;
        from += n;
        n_bytes -= n;
        writer->at_bytes += n;
        if ((r = advance(writer)) < 0)
            return r;
    }
    return 0;
}

int tl_writer_copy(struct tl_writer *writer, const struct tl_modelfile *file, const struct tl_tensor *tensor, struct tl_progress *progress,
                   uint64_t *done_bytes)
{
    TL_AUTO uint8_t *bytes = tl_alloc(tensor->n_bytes < COPY_BYTES ? tensor->n_bytes : COPY_BYTES, 1);
    int r = bytes ? 0 : TL_E_NOMEM;
    for (uint64_t at = 0, n; at < tensor->n_bytes && r >= 0; at += n) {
        n = tensor->n_bytes - at < COPY_BYTES ? tensor->n_bytes - at : COPY_BYTES;
        r = tl_modelfile_read(file, tensor, at, bytes, n);
        if (r >= 0)
            r = tl_writer_bytes(writer, bytes, n);
        if (r >= 0)
            r = tl_progress_move(progress, *done_bytes += n);
    }
    return r;
}

int tl_writer_commit(struct tl_writer *writer)
{
    if (!writer->begun)
        return tl_fail(TL_E_FAIL, "%s: found no header, expected it before the end", writer->path);
    if (writer->at < writer->n_tensors) {
        const struct tl_writer_tensor *tensor = &writer->tensors[writer->at];
        return tl_fail(TL_E_FAIL, "%s: tensor %s: found %" PRIu64 " bytes, expected %" PRIu64, writer->path, tensor->name,
                       writer->at_bytes, tensor->n_bytes);
    }
    int r = writer->n_sides ? tl_outfile_settle(writer->out) : 0;
    if (r >= 0 && writer->n_sides)
        r = tl_writer_replace(writer);
    return r < 0 ? r : tl_outfile_commit(writer->out);
}
