/* SPDX-License-Identifier: MIT */
/* An open model: what kind of file a path is, and access to what the readers found. Everything is fixed once it is
 * open, tokenizer.json excepted, so any thread may read. */
#include "modelfile/modelfile.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/array.h"
#include "base/checked.h"
#include "base/error.h"
#include "base/memory.h"
#include "base/text.h"
#include "modelfile/parts.h"

/* GGUF begins with its name; safetensors with the length of its header and then a brace. */
static int read_by_content(struct tl_modelfile *file)
{
    struct tl_file *probe;
    uint8_t head[9] = {0};
    int r = tl_file_open(file->path, &probe);
    if (r < 0)
        return r;
    uint64_t size = probe->size_bytes;
    r = tl_file_read(probe, 0, head, size < sizeof head ? size : sizeof head);
    tl_file_close(probe);
    if (r < 0)
        return r;
    if (memcmp(head, "GGUF", 4) == 0)
        return tl_gguf_read(file);
    if (head[8] == '{')
        return tl_folder_read_one(file);
    return tl_fail(TL_E_FILE, "%s: found a file of %" PRIu64 " bytes beginning with %02x %02x %02x %02x, expected GGUF or safetensors",
                   file->path, size, head[0], head[1], head[2], head[3]);
}

int tl_modelfile_open(const char *path, struct tl_modelfile **ret_file)
{
    struct tl_modelfile *file = tl_alloc(1, sizeof *file);
    if (!file)
        return TL_E_NOMEM;
    int r = (file->path = tl_strdup(path)) ? 0 : TL_E_NOMEM;
    if (r >= 0) {
        if (tl_file_is_folder(path))
            r = tl_folder_read(file);
        else
            r = tl_text_ends(path, ".safetensors.index.json") ? tl_folder_read_index(file) : read_by_content(file);
    }
    if (r < 0) {
        tl_modelfile_close(file);
        return r;
    }
    *ret_file = file;
    return 0;
}

int tl_modelfile_outline(const char *name, const char *text, size_t n_bytes, struct tl_modelfile **ret_file)
{
    struct tl_modelfile *file = tl_alloc(1, sizeof *file);
    if (!file)
        return TL_E_NOMEM;
    file->format = TL_MODELFILE_SAFETENSORS;
    file->outlined = true;
    int r = (file->path = tl_strdup(name)) ? tl_side_read_config(file, text, n_bytes) : TL_E_NOMEM;
    if (r < 0) {
        tl_modelfile_close(file);
        return r;
    }
    *ret_file = file;
    return 0;
}

/* Behind those that are there. Where they would lie in a file tells their order. */
static int add_tensors(struct tl_modelfile *file, const struct tl_tensor *tensors, uint64_t n)
{
    uint64_t first = file->n_tensors, offset = 0;
    int r = 0;
    for (uint64_t i = 0; i < n && r >= 0; i++) {
        struct tl_tensor tensor = tensors[i];
        tensor.name = tl_parts_text(file, tensor.name, strlen(tensor.name));
        tensor.part = 0;
        tensor.offset = offset;
        if (!tensor.name || !tl_checked_add(offset, tensor.n_bytes, &offset))
            return TL_E_NOMEM;
        r = tl_parts_add_tensor(file, &tensor);
    }
    return r < 0 ? r : tl_parts_name_tensors(file, first);
}

int tl_modelfile_outline_tensors(struct tl_modelfile *file, enum tl_modelfile_format format, const struct tl_tensor *tensors, uint64_t n)
{
    file->format = format;
    return add_tensors(file, tensors, n);
}

int tl_modelfile_made(const char *path, enum tl_modelfile_format format, const struct tl_tensor *tensors, uint64_t n,
                      const struct tl_tensor_maker *maker, struct tl_modelfile **ret_file)
{
    struct tl_modelfile *file = tl_alloc(1, sizeof *file);
    if (!file)
        return TL_E_NOMEM;
    file->format = format;
    file->maker = *maker;
    int r = (file->path = tl_strdup(path)) ? add_tensors(file, tensors, n) : TL_E_NOMEM;
    if (r < 0) {
        tl_modelfile_close(file);
        return r;
    }
    *ret_file = file;
    return 0;
}

bool tl_modelfile_outlined(const struct tl_modelfile *file) { return file->outlined; }

void tl_modelfile_close(struct tl_modelfile *file)
{
    if (!file)
        return;
    for (uint64_t i = 0; i < file->n_parts; i++)
        tl_file_close(file->parts[i]);
    for (uint64_t i = 0; i < file->n_kept; i++)
        tl_free(file->kept[i]);
    tl_names_done(&file->tensor_names);
    tl_names_done(&file->meta_names);
    tl_free(file->parts);
    tl_free(file->tensors);
    tl_free(file->metas);
    tl_free(file->kept);
    tl_free(file->tokenizer_json);
    tl_free(file->folder);
    tl_free(file->path);
    tl_free(file);
}

void tl_modelfile_name(const char *path, size_t n_bytes, char *ret_name, size_t room)
{
    static const char tail[] = ".gguf";
    size_t from, n_tail = strlen(tail);
    while (n_bytes && path[n_bytes - 1] == '/')
        n_bytes--;
    for (from = n_bytes; from && path[from - 1] != '/';)
        from--;
    if (n_bytes - from > n_tail && strncmp(path + n_bytes - n_tail, tail, n_tail) == 0)
        n_bytes -= n_tail;
    snprintf(ret_name, room, "%.*s", (int)(n_bytes - from < room ? n_bytes - from : room - 1), path + from);
}

const char *tl_modelfile_path(const struct tl_modelfile *file)
{
    return file->path;
}

enum tl_modelfile_format tl_modelfile_format(const struct tl_modelfile *file)
{
    return file->format;
}

uint64_t tl_modelfile_bytes(const struct tl_modelfile *file)
{
    uint64_t bytes = 0;
    for (uint64_t i = 0; i < file->n_parts; i++)
        bytes += file->parts[i]->size_bytes;
    for (uint64_t i = 0; file->maker.read && i < file->n_tensors; i++)
        bytes += file->tensors[i].n_bytes;
    return bytes;
}

uint64_t tl_modelfile_tensors(const struct tl_modelfile *file)
{
    return file->n_tensors;
}

const struct tl_tensor *tl_modelfile_tensor(const struct tl_modelfile *file, uint64_t index)
{
    return &file->tensors[index];
}

const struct tl_tensor *tl_modelfile_find(const struct tl_modelfile *file, const char *name)
{
    uint32_t index;
    return tl_names_find(&file->tensor_names, name, &index) ? &file->tensors[index] : NULL;
}

const struct tl_file *tl_modelfile_part(const struct tl_modelfile *file, uint32_t part)
{
    return file->parts[part];
}

int tl_modelfile_read(const struct tl_modelfile *file, const struct tl_tensor *tensor, uint64_t offset, void *ret_bytes,
                      size_t n_bytes)
{
    if (file->outlined)
        return tl_fail(TL_E_FILE, "%s: tensor %s: found an outline without bytes, expected a model's file", file->path, tensor->name);
    const struct tl_file *part = file->maker.read ? NULL : file->parts[tensor->part];
    if (!tl_checked_range(offset, n_bytes, tensor->n_bytes))
        return tl_fail(TL_E_FILE, "%s: tensor %s: found %" PRIu64 " bytes, expected %zu more from byte %" PRIu64, part ? part->path : file->path,
                       tensor->name, tensor->n_bytes, n_bytes, offset);
    if (!part)
        return file->maker.read(file->maker.context, (uint64_t)(tensor - file->tensors), offset, ret_bytes, n_bytes);
    return tl_file_read(part, tensor->offset + offset, ret_bytes, n_bytes);
}

uint64_t tl_modelfile_metas(const struct tl_modelfile *file)
{
    return file->n_metas;
}

const struct tl_meta *tl_modelfile_meta_at(const struct tl_modelfile *file, uint64_t index)
{
    return &file->metas[index];
}

int tl_modelfile_beside(const struct tl_modelfile *file, const char *name, char **ret_text, size_t *ret_bytes)
{
    *ret_text = NULL;
    *ret_bytes = 0;
    if (!file->folder)
        return 0;
    TL_AUTO char *path = tl_file_join(file->folder, name);
    if (!path)
        return TL_E_NOMEM;
    if (!tl_file_exists(path))
        return 0;
    int r = tl_file_slurp(path, TL_MODELFILE_MAX_TOKENIZER_BYTES, ret_text, ret_bytes);
    return r < 0 ? r : 1;
}

int tl_modelfile_tokenizer_json(struct tl_modelfile *file, const char **ret_text, size_t *ret_bytes)
{
    *ret_text = NULL;
    *ret_bytes = 0;
    int r = file->tokenizer_json ? 1 : tl_modelfile_beside(file, "tokenizer.json", &file->tokenizer_json, &file->tokenizer_json_bytes);
    if (r <= 0)
        return r;
    *ret_text = file->tokenizer_json;
    *ret_bytes = file->tokenizer_json_bytes;
    return 1;
}

void tl_modelfile_drop_tokenizer_json(struct tl_modelfile *file)
{
    tl_free(file->tokenizer_json);
    file->tokenizer_json = NULL;
}
