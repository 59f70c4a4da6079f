/* SPDX-License-Identifier: MIT */
/* A GGUF model out of the headers of its files: one, or several named NAME-00001-of-00003.gguf, of which the first
 * carries the metadata. Places become pointers into the kept header regions; tensors are checked against their file. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/array.h"
#include "base/checked.h"
#include "base/error.h"
#include "base/memory.h"
#include "modelfile/gguf.h"
#include "modelfile/storage.h"

/* --- one file ---------------------------------------------------------------------------------------------------------- */

static int fail_tensor(const struct tl_gguf *gguf, const struct tl_gguf_tensor *from, const char *field, uint64_t found,
                       const char *expected)
{
    return tl_fail(TL_E_FILE, "%s: tensor %s: %s: found %" PRIu64 ", expected %s", gguf->source.file->path,
                   tl_gguf_text(gguf, from->name_at), field, found, expected);
}

/* Shape and size in bytes, which must be whole blocks along a row. */
static int size_tensor(const struct tl_gguf *gguf, const struct tl_gguf_tensor *from, struct tl_tensor *tensor)
{
    struct tl_storage storage;
    char expected[96];
    if (!tl_storage_by_gguf(from->type, &storage))
        return fail_tensor(gguf, from, "type", from->type, "a type of ggml");
    for (uint32_t i = 0; i < from->n_dims; i++)
        tensor->shape[i] = from->dims[from->n_dims - 1 - i];
    uint64_t row = from->n_dims ? from->dims[0] : 1;
    if (!tl_parts_count(tensor) || row % storage.block_elems || !tl_storage_bytes(&storage, tensor->n_elems, &tensor->n_bytes)) {
        snprintf(expected, sizeof expected, "whole blocks of %" PRIu32 " and a size below 2^64 for %s", storage.block_elems, storage.name);
        return fail_tensor(gguf, from, "innermost dimension", row, expected);
    }
    tensor->number = storage.number;
    tensor->type_name = storage.name;
    return 0;
}

static int place_tensor(const struct tl_gguf *gguf, const struct tl_gguf_tensor *from, struct tl_tensor *tensor)
{
    uint64_t file_bytes = gguf->source.file->size_bytes;
    char expected[96];
    if (from->offset % gguf->alignment) {
        snprintf(expected, sizeof expected, "a multiple of %" PRIu64, gguf->alignment);
        return fail_tensor(gguf, from, "offset", from->offset, expected);
    }
    if (!tl_checked_add(gguf->data_offset, from->offset, &tensor->offset) ||
        !tl_checked_range(tensor->offset, tensor->n_bytes, file_bytes)) {
        snprintf(expected, sizeof expected, "one with %" PRIu64 " bytes behind it in a file of %" PRIu64 " with data from %" PRIu64,
                 tensor->n_bytes, file_bytes, gguf->data_offset);
        return fail_tensor(gguf, from, "offset", from->offset, expected);
    }
    return 0;
}

static int add_tensors(struct tl_modelfile *file, const struct tl_gguf *gguf, uint32_t part)
{
    uint64_t first = file->n_tensors;
    for (uint64_t i = 0; i < gguf->n_tensors; i++) {
        const struct tl_gguf_tensor *from = &gguf->tensors[i];
        struct tl_tensor tensor = {.name = tl_gguf_text(gguf, from->name_at), .n_dims = from->n_dims, .part = part};
        int r = size_tensor(gguf, from, &tensor);
        if (r >= 0)
            r = place_tensor(gguf, from, &tensor);
        if (r >= 0)
            r = tl_parts_add_tensor(file, &tensor);
        if (r < 0)
            return r;
    }
    int r = tl_parts_name_tensors(file, first);
    return r < 0 ? r : tl_parts_check_overlap(file, first);
}

static int add_values(struct tl_modelfile *file, const struct tl_gguf *gguf)
{
    for (uint64_t i = 0; i < gguf->n_values; i++) {
        const struct tl_gguf_value *value = &gguf->values[i];
        struct tl_meta_data data = {.type = value->type, .bytes = gguf->source.bytes + value->value_at};
        if (value->is_array && value->type == TL_TYPE_STRING) {
            data.bytes = gguf->source.bytes;
            data.strings = value->count ? gguf->strings + value->first_string : NULL;
        }
        int r = tl_parts_add_meta(file, tl_gguf_text(gguf, value->key_at), &data, value->is_array, value->count);
        if (r < 0)
            return r;
    }
    return 0;
}

/* The header region, cut to what it holds, and the places of its strings: from here on the model's. */
static int lend_memory(struct tl_modelfile *file, struct tl_gguf *gguf)
{
    uint8_t *bytes = tl_realloc(gguf->source.bytes, gguf->source.at, 1);
    if (!bytes)
        return TL_E_NOMEM;
    gguf->source.bytes = bytes;
    gguf->lent = true;
    int r = tl_parts_keep(file, bytes), strings = tl_parts_keep(file, gguf->strings);
    return r < 0 ? r : strings;
}

static int add_part(struct tl_modelfile *file, struct tl_gguf *gguf, uint32_t part)
{
    int r = lend_memory(file, gguf);
    if (r >= 0 && part == 0)
        r = add_values(file, gguf);
    return r < 0 ? r : add_tensors(file, gguf, part);
}

/* --- split models ------------------------------------------------------------------------------------------------------ */

struct split { uint64_t number, count, tensors; };

/* The split keys of one header; a file without them is part 0 of 1. */
static int read_split(const struct tl_gguf *gguf, struct split *ret_split)
{
    struct { const char *key; uint64_t *ret; } keys[] = {
        {"split.no", &ret_split->number}, {"split.count", &ret_split->count}, {"split.tensors.count", &ret_split->tensors},
    };
    *ret_split = (struct split){0, 1, UINT64_MAX};
    for (uint64_t i = 0; i < gguf->n_values; i++)
        for (unsigned k = 0; k < TL_COUNT(keys); k++) {
            const struct tl_gguf_value *value = &gguf->values[i];
            if (strcmp(tl_gguf_text(gguf, value->key_at), keys[k].key) != 0)
                continue;
            uint32_t n_bytes = tl_meta_type_bytes(value->type);
            bool integer = n_bytes && value->type != TL_TYPE_F32 && value->type != TL_TYPE_F64 && value->type != TL_TYPE_BOOL;
            if (value->is_array || !integer)
                return tl_fail(TL_E_FILE, "%s: key %s: found type %d%s, expected an integer", gguf->source.file->path, keys[k].key,
                               value->type, value->is_array ? " in an array" : "");
            *keys[k].ret = 0;
            memcpy(keys[k].ret, gguf->source.bytes + value->value_at, n_bytes);
        }
    if (ret_split->count == 0)
        ret_split->count = 1;
    return 0;
}

/* "NAME-00001-of-00003.gguf" -> that of part i. */
static int part_path(const char *first, uint64_t i, uint64_t count, char **ret_path)
{
    char tail[64], own[64];
    int n = snprintf(tail, sizeof tail, "-%05d-of-%05" PRIu64 ".gguf", 1, count);
    snprintf(own, sizeof own, "-%05" PRIu64 "-of-%05" PRIu64 ".gguf", i + 1, count);
    size_t length = strlen(first), stem = length - (size_t)n;
    if (length < (size_t)n || strcmp(first + stem, tail) != 0)
        return tl_fail(TL_E_FILE, "%s: file name: found one that does not end in %s, expected that of the first of %" PRIu64 " parts",
                       first, tail, count);
    char *path = tl_strdup(first);
    if (!path)
        return TL_E_NOMEM;
    memcpy(path + stem, own, (size_t)n);
    *ret_path = path;
    return 0;
}

static int read_part(struct tl_modelfile *file, const char *path, uint32_t part, struct split *ret_split)
{
    struct tl_gguf gguf = {0};
    int r = tl_parts_open(file, path);
    if (r >= 0)
        r = tl_gguf_parse(&gguf, file->parts[part]);
    if (r >= 0)
        r = read_split(&gguf, ret_split);
    if (r >= 0 && ret_split->number != part)
        r = tl_fail(TL_E_FILE, "%s: key split.no: found %" PRIu64 ", expected %" PRIu32 "%s", path, ret_split->number, part,
                    part ? "" : ": the first part is the one to open");
    if (r >= 0)
        r = add_part(file, &gguf, part);
    tl_gguf_done(&gguf);
    return r;
}

static int read_others(struct tl_modelfile *file, const struct split *first)
{
    for (uint32_t part = 1; part < first->count; part++) {
        struct split split;
        TL_AUTO char *path = NULL;
        int r = part_path(file->path, part, first->count, &path);
        if (r >= 0)
            r = read_part(file, path, part, &split);
        if (r < 0)
            return r;
        if (split.count != first->count)
            return tl_fail(TL_E_FILE, "%s: key split.count: found %" PRIu64 ", expected %" PRIu64, path, split.count, first->count);
    }
    return 0;
}

int tl_gguf_read(struct tl_modelfile *file)
{
    struct split split;
    file->format = TL_MODELFILE_GGUF;
    int r = read_part(file, file->path, 0, &split);
    if (r < 0)
        return r;
    if (split.count > TL_MODELFILE_MAX_PARTS)
        return tl_fail(TL_E_FILE, "%s: key split.count: found %" PRIu64 ", expected at most %d", file->path, split.count, TL_MODELFILE_MAX_PARTS);
    if ((r = read_others(file, &split)) < 0)
        return r;
    if (split.tensors != UINT64_MAX && split.tensors != file->n_tensors)
        return tl_fail(TL_E_FILE, "%s: key split.tensors.count: found %" PRIu64 ", expected the %" PRIu64 " that all parts hold", file->path,
                       split.tensors, file->n_tensors);
    return 0;
}
