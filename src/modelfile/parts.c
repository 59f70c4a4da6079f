/* SPDX-License-Identifier: MIT */
/* Builds the neutral list of tensors and metadata, whatever file it comes from. The rules that hold for every format are
 * enforced here: names unique and printable, counts bounded, sizes that do not wrap, no bytes in two tensors. */
#include "modelfile/parts.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "base/error.h"
#include "base/memory.h"

enum { ROOM_BLOCK_BYTES = 1 << 16 };

int tl_parts_open(struct tl_modelfile *file, const char *path)
{
    struct tl_file *part;
    if (file->n_parts == TL_MODELFILE_MAX_PARTS)
        return tl_fail(TL_E_FILE, "%s: found more than %d parts, expected at most that many", file->path, TL_MODELFILE_MAX_PARTS);
    if (tl_grow((void **)&file->parts, file->n_parts, &file->parts_cap, sizeof(struct tl_file *)) < 0)
        return TL_E_NOMEM;
    int r = tl_file_open(path, &part);
    if (r >= 0)
        file->parts[file->n_parts++] = part;
    return r;
}

int tl_parts_keep(struct tl_modelfile *file, void *take_memory)
{
    if (tl_grow((void **)&file->kept, file->n_kept, &file->kept_cap, sizeof(void *)) < 0) {
        tl_free(take_memory);
        return TL_E_NOMEM;
    }
    file->kept[file->n_kept++] = take_memory;
    return 0;
}

void *tl_parts_room(struct tl_modelfile *file, size_t n_bytes)
{
    size_t size = (n_bytes + 7) & ~(size_t)7;
    if (size > file->room_left) {
        size_t block = size > ROOM_BLOCK_BYTES / 4 ? size : ROOM_BLOCK_BYTES;
        uint8_t *memory = tl_alloc(block, 1);
        if (!memory || tl_parts_keep(file, memory) < 0)
            return NULL;
        file->room_bytes += block;
        if (block == size)
            return memory;
        file->room = memory;
        file->room_left = block;
    }
    void *taken = file->room;
    file->room += size;
    file->room_left -= size;
    return taken;
}

char *tl_parts_text(struct tl_modelfile *file, const char *text, size_t n_bytes)
{
    char *copy = tl_parts_room(file, n_bytes + 1);
    if (!copy)
        return NULL;
    if (n_bytes)
        memcpy(copy, text, n_bytes);
    copy[n_bytes] = 0;
    return copy;
}

bool tl_parts_count(struct tl_tensor *tensor)
{
    tensor->n_elems = 1;
    for (uint32_t i = 0; i < tensor->n_dims; i++)
        if (!tl_checked_mul(tensor->n_elems, tensor->shape[i], &tensor->n_elems))
            return false;
    return true;
}

int tl_parts_add_tensor(struct tl_modelfile *file, const struct tl_tensor *tensor)
{
    if (file->n_tensors == TL_MODELFILE_MAX_TENSORS)
        return tl_fail(TL_E_FILE, "%s: found more than %d tensors, expected at most that many", file->path, TL_MODELFILE_MAX_TENSORS);
    if (tl_grow((void **)&file->tensors, file->n_tensors, &file->tensors_cap, sizeof *file->tensors) < 0)
        return TL_E_NOMEM;
    file->tensors[file->n_tensors++] = *tensor;
    return 0;
}

int tl_parts_name_tensors(struct tl_modelfile *file, uint64_t from)
{
    for (uint64_t i = from; i < file->n_tensors; i++) {
        const struct tl_tensor *tensor = &file->tensors[i];
        uint32_t other = 0;
        int r = tl_names_add(&file->tensor_names, tensor->name, (uint32_t)i, &other);
        if (r == 0 && !file->n_parts)
            return tl_fail(TL_E_FILE, "%s: tensor %s: found a second one of that name, expected one", file->path, tensor->name);
        if (r == 0)
            return tl_fail(TL_E_FILE, "%s: tensor %s: found a second one of that name (the first is in %s), expected one",
                           file->parts[tensor->part]->path, tensor->name, file->parts[file->tensors[other].part]->path);
        if (r < 0)
            return r;
    }
    return 0;
}

static enum tl_meta_kind kind_of(enum tl_meta_type type)
{
    switch (type) {
    case TL_TYPE_U8: case TL_TYPE_U16: case TL_TYPE_U32: case TL_TYPE_U64: return TL_META_UINT;
    case TL_TYPE_I8: case TL_TYPE_I16: case TL_TYPE_I32: case TL_TYPE_I64: return TL_META_INT;
    case TL_TYPE_F32: case TL_TYPE_F64: return TL_META_FLOAT;
    case TL_TYPE_BOOL: return TL_META_BOOL;
    default: return TL_META_STRING;
    }
}

int tl_parts_add_meta(struct tl_modelfile *file, const char *key, const struct tl_meta_data *data, bool is_array,
                      uint64_t count)
{
    uint32_t other;
    if (file->n_metas == TL_MODELFILE_MAX_METAS)
        return tl_fail(TL_E_FILE, "%s: found more than %d metadata keys, expected at most that many", file->path,
                       TL_MODELFILE_MAX_METAS);
    struct tl_meta_data *copy = tl_parts_room(file, sizeof *copy);
    if (!copy || tl_grow((void **)&file->metas, file->n_metas, &file->metas_cap, sizeof *file->metas) < 0)
        return TL_E_NOMEM;
    int r = tl_names_add(&file->meta_names, key, (uint32_t)file->n_metas, &other);
    if (r == 0)
        return tl_fail(TL_E_FILE, "%s: key %s: found it twice, expected once", file->path, key);
    if (r < 0)
        return r;
    *copy = *data;
    file->metas[file->n_metas++] = (struct tl_meta){key, kind_of(data->type), is_array, count, copy};
    return 0;
}

int tl_parts_add_string(struct tl_modelfile *file, const char *key, const char *text, size_t n_bytes)
{
    uint32_t length = (uint32_t)n_bytes;
    const char *name = tl_parts_text(file, key, strlen(key));
    uint8_t *string = name && n_bytes <= UINT32_MAX ? tl_parts_room(file, n_bytes + 5) : NULL;
    if (!string)
        return TL_E_NOMEM;
    memcpy(string, &length, 4);
    if (n_bytes)
        memcpy(string + 4, text, n_bytes);
    string[4 + n_bytes] = 0;
    struct tl_meta_data data = {.type = TL_TYPE_STRING, .bytes = string};
    return tl_parts_add_meta(file, name, &data, false, 1);
}

static int by_place(const void *a, const void *b)
{
    const struct tl_tensor *x = *(const struct tl_tensor *const *)a, *y = *(const struct tl_tensor *const *)b;
    return x->offset != y->offset ? (x->offset < y->offset ? -1 : 1) : (x->n_bytes > y->n_bytes) - (x->n_bytes < y->n_bytes);
}

static bool in_order(const struct tl_tensor *const *tensors, uint64_t n)
{
    for (uint64_t i = 1; i < n; i++)
        if (by_place(&tensors[i - 1], &tensors[i]) > 0)
            return false;
    return true;
}

int tl_parts_check_overlap(const struct tl_modelfile *file, uint64_t from)
{
    uint64_t n = file->n_tensors - from, end = 0, last = 0;
    TL_AUTO const struct tl_tensor **sorted = tl_alloc(n, sizeof *sorted);
    if (!sorted)
        return TL_E_NOMEM;
    for (uint64_t i = 0; i < n; i++)
        sorted[i] = &file->tensors[from + i];
    if (!in_order(sorted, n))
        qsort(sorted, n, sizeof *sorted, by_place);
    for (uint64_t i = 0; i < n; i++) {
        if (sorted[i]->n_bytes == 0)
            continue;
        if (sorted[i]->offset < end)
            return tl_fail(TL_E_FILE, "%s: tensor %s: found it at byte %" PRIu64 " inside tensor %s, expected it at %" PRIu64 " or behind",
                           file->parts[sorted[i]->part]->path, sorted[i]->name, sorted[i]->offset, sorted[last]->name, end);
        end = sorted[i]->offset + sorted[i]->n_bytes;
        last = i;
    }
    return 0;
}

uint32_t tl_meta_type_bytes(enum tl_meta_type type)
{
    static const uint8_t bytes[TL_TYPES] = {
        [TL_TYPE_U8] = 1,  [TL_TYPE_I8] = 1,  [TL_TYPE_U16] = 2, [TL_TYPE_I16] = 2, [TL_TYPE_U32] = 4, [TL_TYPE_I32] = 4,
        [TL_TYPE_F32] = 4, [TL_TYPE_BOOL] = 1, [TL_TYPE_U64] = 8, [TL_TYPE_I64] = 8, [TL_TYPE_F64] = 8,
    };
    return bytes[type];
}
