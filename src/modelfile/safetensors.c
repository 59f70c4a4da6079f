/* SPDX-License-Identifier: MIT */
/* One safetensors file: 8 bytes of header length, the header in JSON, the tensors. Enforced: a header of at most 100 MB
 * that begins with a brace, no name twice, sizes that follow from shapes, and data without holes from the end of the
 * header to the end of the file, so that every byte of the file has one reading.
 * Format: the safetensors project's description. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "base/error.h"
#include "base/json.h"
#include "base/memory.h"
#include "base/parse.h"
#include "modelfile/parts.h"
#include "modelfile/storage.h"

enum { MAX_HEADER_BYTES = 100 * 1000 * 1000, LENGTH_BYTES = 8 };

struct reading {
    struct tl_modelfile *file;
    const char *path;
    uint32_t part;
    uint64_t data_offset, data_bytes;
    struct tl_json json;
};

/* --- one tensor -------------------------------------------------------------------------------------------------------- */

enum { HAS_DTYPE = 1, HAS_SHAPE = 2, HAS_OFFSETS = 4, HAS_ALL = 7 };

struct entry {
    unsigned has;                        /* which keys were there */
    struct tl_tensor tensor;
    struct tl_storage storage;
    uint64_t range[2];                   /* data_offsets */
};

static int fail_entry(const struct reading *reading, const struct entry *entry, const char *field, const char *found,
                      const char *expected)
{
    return tl_fail(TL_E_FILE, "%s: tensor %s: %s: found %s, expected %s", reading->path, entry->tensor.name, field, found, expected);
}

static int read_dtype(struct reading *reading, struct entry *entry)
{
    const struct tl_buffer *string = &reading->json.string;
    int event = tl_json_next(&reading->json);
    if (event < 0)
        return event;
    if (event != TL_JSON_STRING)
        return fail_entry(reading, entry, "dtype", "no string", "a type's name");
    if (strlen(string->data) != string->len || !tl_storage_by_safetensors(string->data, &entry->storage))
        return fail_entry(reading, entry, "dtype", tl_name_valid(string->data, string->len) && string->len <= 32 ? string->data : "no name",
                          "a type of the safetensors format");
    return 0;
}

/* An array of integers; *ret_n is how many there were, at most max. */
static int read_integers(struct reading *reading, const struct entry *entry, const char *field, uint32_t max, uint64_t *ret_values,
                         uint32_t *ret_n)
{
    struct tl_json *json = &reading->json;
    int event = tl_json_next(json);
    if (event >= 0 && event != TL_JSON_ARRAY)
        return fail_entry(reading, entry, field, "no array", "an array of integers");
    for (uint32_t n = 0; event >= 0; n++) {
        if ((event = tl_json_next(json)) < 0)
            break;
        if (event == TL_JSON_ARRAY_END) {
            *ret_n = n;
            return 0;
        }
        if (n == max)
            return fail_entry(reading, entry, field, "too many numbers", max == 2 ? "2" : "at most 6");
        if (event != TL_JSON_NUMBER || !tl_parse_u64(json->raw, json->raw_bytes, &ret_values[n]))
            return fail_entry(reading, entry, field, "something else", "integers from 0 to 2^64 - 1");
    }
    return event;
}

static int read_field(struct reading *reading, struct entry *entry)
{
    struct tl_json *json = &reading->json;
    uint32_t n = 0;
    unsigned bit = tl_json_is(json, "dtype") ? HAS_DTYPE : tl_json_is(json, "shape") ? HAS_SHAPE
                 : tl_json_is(json, "data_offsets") ? HAS_OFFSETS : 0;
    if (entry->has & bit)
        return fail_entry(reading, entry, "header", "a key twice", "dtype, shape and data_offsets once each");
    entry->has |= bit;
    if (bit == HAS_DTYPE)
        return read_dtype(reading, entry);
    if (bit == HAS_SHAPE)
        return read_integers(reading, entry, "shape", TL_TENSOR_DIMS, entry->tensor.shape, &entry->tensor.n_dims);
    if (bit != HAS_OFFSETS)
        return tl_json_skip(json);
    int r = read_integers(reading, entry, "data_offsets", 2, entry->range, &n);
    return r >= 0 && n != 2 ? fail_entry(reading, entry, "data_offsets", "less than 2 numbers", "2") : r;
}

/* The bytes between the offsets must be those that the shape needs; sub-byte types need whole bytes in total only. */
static int check_entry(const struct reading *reading, struct entry *entry)
{
    uint64_t from = entry->range[0], to = entry->range[1];
    struct tl_tensor *tensor = &entry->tensor;
    if (entry->has != HAS_ALL)
        return fail_entry(reading, entry, "header", "a key missing", "dtype, shape and data_offsets");
    if (from > to || to > reading->data_bytes)
        return tl_fail(TL_E_FILE, "%s: tensor %s: data_offsets: found %" PRIu64 " to %" PRIu64 ", expected a range within %" PRIu64 " bytes of data",
                       reading->path, tensor->name, from, to, reading->data_bytes);
    if (!tl_parts_count(tensor))
        return fail_entry(reading, entry, "shape", "a product that wraps", "less than 2^64 elements");
    if (!tl_storage_bytes(&entry->storage, tensor->n_elems, &tensor->n_bytes) || tensor->n_bytes != to - from)
        return tl_fail(TL_E_FILE, "%s: tensor %s: data_offsets: found %" PRIu64 " bytes, expected those of %" PRIu64 " elements of %s",
                       reading->path, tensor->name, to - from, tensor->n_elems, entry->storage.name);
    tensor->number = entry->storage.number;
    tensor->type_name = entry->storage.name;
    tensor->offset = reading->data_offset + from;
    return 0;
}

static int read_tensor(struct reading *reading, const char *name)
{
    struct entry entry = {.tensor = {.name = name, .part = reading->part}};
    int event = tl_json_next(&reading->json);
    if (event >= 0 && event != TL_JSON_OBJECT)
        return fail_entry(reading, &entry, "header", "no object", "an object");
    while (event >= 0 && (event = tl_json_next(&reading->json)) == TL_JSON_KEY)
        event = read_field(reading, &entry);
    if (event >= 0)
        event = check_entry(reading, &entry);
    return event < 0 ? event : tl_parts_add_tensor(reading->file, &entry.tensor);
}

/* --- the header -------------------------------------------------------------------------------------------------------- */

static int fail_name(const struct reading *reading, const char *what)
{
    return tl_fail(TL_E_FILE, "%s: header: found a %s of %zu bytes, expected 1 to %d bytes without control characters", reading->path,
                   what, reading->json.string.len, TL_NAME_BYTES);
}

/* __metadata__: strings to strings; the first file's are kept as metadata. */
static int read_metadata(struct reading *reading)
{
    struct tl_json *json = &reading->json;
    int event = tl_json_next(json);
    if (event >= 0 && event != TL_JSON_OBJECT)
        return tl_fail(TL_E_FILE, "%s: __metadata__: found no object, expected one", reading->path);
    while (event >= 0 && (event = tl_json_next(json)) == TL_JSON_KEY) {
        char key[sizeof(TL_META_OF_HEADER) + TL_NAME_BYTES];
        if (!tl_name_valid(json->string.data, json->string.len))
            return fail_name(reading, "key of __metadata__");
        snprintf(key, sizeof key, TL_META_OF_HEADER "%s", json->string.data);
        if ((event = tl_json_next(json)) >= 0 && event != TL_JSON_STRING)
            return tl_fail(TL_E_FILE, "%s: key %s: found no string, expected one", reading->path, key);
        if (event >= 0 && reading->part == 0)
            event = tl_parts_add_string(reading->file, key, json->string.data, json->string.len);
    }
    return event < 0 ? event : 0;
}

static int read_key(struct reading *reading)
{
    struct tl_json *json = &reading->json;
    if (tl_json_is(json, "__metadata__"))
        return read_metadata(reading);
    if (!tl_name_valid(json->string.data, json->string.len))
        return fail_name(reading, "tensor's name");
    const char *name = tl_parts_text(reading->file, json->string.data, json->string.len);
    return name ? read_tensor(reading, name) : TL_E_NOMEM;
}

static int read_header(struct reading *reading)
{
    struct tl_json *json = &reading->json;
    bool metadata = false;
    int event = tl_json_next(json);
    if (event >= 0 && event != TL_JSON_OBJECT)
        return tl_fail(TL_E_FILE, "%s: header: found no object, expected one", reading->path);
    while (event >= 0 && (event = tl_json_next(json)) == TL_JSON_KEY) {
        if (tl_json_is(json, "__metadata__") && metadata)
            return tl_fail(TL_E_FILE, "%s: __metadata__: found it twice, expected once", reading->path);
        metadata = metadata || tl_json_is(json, "__metadata__");
        event = read_key(reading);
    }
    return event < 0 ? event : tl_json_next(json);
}

/* --- the file ---------------------------------------------------------------------------------------------------------- */

static int by_place(const void *a, const void *b)
{
    const struct tl_tensor *x = a, *y = b;
    if (x->offset != y->offset)
        return x->offset < y->offset ? -1 : 1;
    return x->n_bytes != y->n_bytes ? (x->n_bytes < y->n_bytes ? -1 : 1) : strcmp(x->name, y->name);
}

/* Tensors in the order of their data, which must leave no byte of the file out and use none twice. */
static int check_places(const struct reading *reading, uint64_t first)
{
    const struct tl_tensor *tensors = reading->file->tensors;
    uint64_t end = reading->data_offset;
    for (uint64_t i = first; i < reading->file->n_tensors; i++) {
        if (tensors[i].offset != end)
            return tl_fail(TL_E_FILE, "%s: tensor %s: data_offsets: found its beginning at byte %" PRIu64 " of the data, expected %" PRIu64 ", where the one before ends",
                           reading->path, tensors[i].name, tensors[i].offset - reading->data_offset, end - reading->data_offset);
        end += tensors[i].n_bytes;
    }
    if (end != reading->data_offset + reading->data_bytes)
        return tl_fail(TL_E_FILE, "%s: data: found %" PRIu64 " bytes, expected the %" PRIu64 " of the tensors", reading->path,
                       reading->data_bytes, end - reading->data_offset);
    return 0;
}

static int read_length(struct reading *reading, const struct tl_file *part, uint64_t *ret_length)
{
    uint8_t bytes[LENGTH_BYTES];
    uint64_t length;
    if (part->size_bytes < LENGTH_BYTES)
        return tl_fail(TL_E_FILE, "%s: header length: found a file of %" PRIu64 " bytes, expected at least %d", reading->path,
                       part->size_bytes, LENGTH_BYTES);
    int r = tl_file_read(part, 0, bytes, sizeof bytes);
    if (r < 0)
        return r;
    memcpy(&length, bytes, sizeof length);
    if (length > MAX_HEADER_BYTES || length > part->size_bytes - LENGTH_BYTES)
        return tl_fail(TL_E_FILE, "%s: header length: found %" PRIu64 ", expected at most %d and no more than the file's %" PRIu64 " bytes",
                       reading->path, length, MAX_HEADER_BYTES, part->size_bytes);
    reading->data_offset = LENGTH_BYTES + length;
    reading->data_bytes = part->size_bytes - reading->data_offset;
    *ret_length = length;
    return 0;
}

static int read_text(struct reading *reading, char *text, uint64_t length)
{
    struct tl_modelfile *file = reading->file;
    uint64_t first = file->n_tensors;
    int r = tl_file_read(file->parts[reading->part], LENGTH_BYTES, text, length);
    if (r < 0)
        return r;
    if (length == 0 || text[0] != '{')
        return tl_fail(TL_E_FILE, "%s: header: found no brace at its beginning, expected one", reading->path);
    tl_json_init(&reading->json, reading->path, text, length);
    r = read_header(reading);
    tl_json_done(&reading->json);
    if (r < 0)
        return r;
    if (file->n_tensors > first)
        qsort(file->tensors + first, file->n_tensors - first, sizeof *file->tensors, by_place);
    r = tl_parts_name_tensors(file, first);
    return r < 0 ? r : check_places(reading, first);
}

int tl_safetensors_read(struct tl_modelfile *file, const char *path)
{
    struct reading reading = {.file = file, .path = path, .part = (uint32_t)file->n_parts};
    uint64_t length = 0;
    file->format = TL_MODELFILE_SAFETENSORS;
    int r = tl_parts_open(file, path);
    if (r >= 0)
        r = read_length(&reading, file->parts[reading.part], &length);
    if (r < 0)
        return r;
    TL_AUTO char *text = tl_alloc(length + 1, 1);
    return text ? read_text(&reading, text, length) : TL_E_NOMEM;
}
