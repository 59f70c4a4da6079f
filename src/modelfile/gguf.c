/* SPDX-License-Identifier: MIT */
/* The header of one GGUF file (v2, v3, little-endian): values, then tensors, then the place where data begins. Checks
 * all that the header alone can tell; what needs the rest of the file or other parts is left to gguf_model.c.
 * Format: the GGUF specification in ggml's docs. */
#include "modelfile/gguf.h"

#include <inttypes.h>
#include <string.h>

#include "base/checked.h"
#include "base/error.h"
#include "base/memory.h"

void tl_gguf_done(struct tl_gguf *gguf)
{
    tl_free(gguf->values);
    tl_free(gguf->tensors);
    if (!gguf->lent) {
        tl_source_done(&gguf->source);
        tl_free(gguf->strings);
    }
    *gguf = (struct tl_gguf){0};
}

/* A key or the name of a tensor; from here on messages name it. */
static int parse_name(struct tl_source *source, const char *kind, uint32_t *ret_at)
{
    uint32_t n_bytes;
    source->kind = NULL;
    int r = tl_source_string(source, kind, ret_at);
    if (r < 0)
        return r;
    memcpy(&n_bytes, source->bytes + *ret_at, 4);
    if (!tl_name_valid((const char *)source->bytes + *ret_at + 4, n_bytes))
        return tl_source_fail(source, "%s at byte %" PRIu32 ": found a name of %" PRIu32 " bytes, expected 1 to %d of UTF-8 without control characters",
                              kind, *ret_at, n_bytes, TL_NAME_BYTES);
    source->kind = kind;
    source->name_at = *ret_at;
    return 0;
}

/* --- values ------------------------------------------------------------------------------------------------------------ */

static int parse_type(struct tl_source *source, const char *field, enum tl_meta_type *ret_type)
{
    uint32_t type;
    int r = tl_source_u32(source, field, &type);
    if (r < 0)
        return r;
    if (type >= TL_TYPES)
        return tl_source_fail(source, "%s: found %" PRIu32 ", expected 0 to %d", field, type, TL_TYPES - 1);
    *ret_type = (enum tl_meta_type)type;
    return 0;
}

static int parse_strings(struct tl_gguf *gguf, struct tl_gguf_value *value)
{
    struct tl_source *source = &gguf->source;
    uint64_t most = tl_source_left(source) / 8;
    if (most > TL_GGUF_MAX_STRINGS - gguf->n_strings)
        most = TL_GGUF_MAX_STRINGS - gguf->n_strings;
    if (value->count > most)
        return tl_source_fail(source, "count of strings: found %" PRIu64 ", expected at most %" PRIu64, value->count, most);
    value->first_string = gguf->n_strings;
    for (uint64_t i = 0; i < value->count; i++) {
        uint32_t at;
        int r = tl_source_string(source, "string of an array", &at);
        if (r >= 0)
            r = tl_grow((void **)&gguf->strings, gguf->n_strings, &gguf->strings_cap, sizeof *gguf->strings);
        if (r < 0)
            return r;
        gguf->strings[gguf->n_strings++] = at;
    }
    return 0;
}

static int parse_elements(struct tl_source *source, struct tl_gguf_value *value)
{
    uint64_t n_bytes;
    if (!tl_checked_mul(value->count, tl_meta_type_bytes(value->type), &n_bytes))
        return tl_source_fail(source, "count: found %" PRIu64 ", expected at most %" PRIu64, value->count, tl_source_left(source));
    value->value_at = (uint32_t)source->at;
    int r = tl_source_need(source, n_bytes, "value");
    if (r < 0)
        return r;
    const uint8_t *bytes = source->bytes + source->at;
    for (uint64_t i = 0; value->type == TL_TYPE_BOOL && i < value->count; i++)
        if (bytes[i] > 1)
            return tl_source_fail(source, "truth value: found %d, expected 0 or 1", bytes[i]);
    source->at += n_bytes;
    return 0;
}

static int parse_value(struct tl_gguf *gguf, struct tl_gguf_value *value)
{
    struct tl_source *source = &gguf->source;
    value->count = 1;
    int r = parse_name(source, "key", &value->key_at);
    if (r >= 0)
        r = parse_type(source, "type", &value->type);
    if (r >= 0 && value->type == TL_TYPE_ARRAY) {
        value->is_array = true;
        r = parse_type(source, "type of elements", &value->type);
        if (r >= 0)
            r = tl_source_u64(source, "count", &value->count);
    }
    if (r < 0)
        return r;
    if (value->type == TL_TYPE_ARRAY)
        return tl_source_fail(source, "type of elements: found arrays, expected values that are not arrays");
    if (value->type != TL_TYPE_STRING)
        return parse_elements(source, value);
    return value->is_array ? parse_strings(gguf, value) : tl_source_string(source, "string", &value->value_at);
}

/* The alignment, as soon as all values are known. */
static int find_alignment(struct tl_gguf *gguf)
{
    uint32_t alignment;
    gguf->alignment = TL_GGUF_ALIGN;
    for (uint64_t i = 0; i < gguf->n_values; i++) {
        const struct tl_gguf_value *value = &gguf->values[i];
        if (strcmp(tl_gguf_text(gguf, value->key_at), "general.alignment") != 0)
            continue;
        gguf->source.kind = "key";
        gguf->source.name_at = value->key_at;
        if (value->is_array || value->type != TL_TYPE_U32)
            return tl_source_fail(&gguf->source, "type: found %d%s, expected %d", value->type,
                                  value->is_array ? " in an array" : "", TL_TYPE_U32);
        memcpy(&alignment, gguf->source.bytes + value->value_at, 4);
        if (alignment == 0 || alignment > TL_GGUF_MAX_ALIGN || (alignment & (alignment - 1)))
            return tl_source_fail(&gguf->source, "found %" PRIu32 ", expected a power of two up to %d", alignment, TL_GGUF_MAX_ALIGN);
        gguf->alignment = alignment;
    }
    return 0;
}

/* --- tensors ----------------------------------------------------------------------------------------------------------- */

static int parse_tensor(struct tl_gguf *gguf, struct tl_gguf_tensor *tensor)
{
    struct tl_source *source = &gguf->source;
    int r = parse_name(source, "tensor", &tensor->name_at);
    if (r >= 0)
        r = tl_source_u32(source, "count of dimensions", &tensor->n_dims);
    if (r < 0)
        return r;
    if (tensor->n_dims > TL_GGUF_DIMS)
        return tl_source_fail(source, "count of dimensions: found %" PRIu32 ", expected at most %d", tensor->n_dims, TL_GGUF_DIMS);
    for (uint32_t i = 0; r >= 0 && i < tensor->n_dims; i++)
        r = tl_source_u64(source, "dimension", &tensor->dims[i]);
    if (r >= 0)
        r = tl_source_u32(source, "type", &tensor->type);
    if (r >= 0)
        r = tl_source_u64(source, "offset", &tensor->offset);
    return r;
}

/* --- the header -------------------------------------------------------------------------------------------------------- */

static int check_version(struct tl_source *source)
{
    uint32_t magic, version;
    int r = tl_source_u32(source, "magic number", &magic);
    if (r >= 0)
        r = tl_source_u32(source, "version", &version);
    if (r < 0)
        return r;
    if (memcmp(&magic, "GGUF", 4) != 0)
        return tl_source_fail(source, "magic number: found %08" PRIx32 ", expected \"GGUF\"", magic);
    if (version != 0 && (version & 0xffff) == 0)
        return tl_source_fail(source, "version: found %" PRIu32 ", that of a big-endian file, expected a little-endian one",
                              __builtin_bswap32(version));
    if (version != 2 && version != 3)
        return tl_source_fail(source, "version: found %" PRIu32 ", expected 2 or 3", version);
    return 0;
}

/* Counts are only bounds for loops: memory grows with what is really there. */
static int parse_counts(struct tl_source *source, uint64_t *ret_tensors, uint64_t *ret_values)
{
    int r = tl_source_u64(source, "count of tensors", ret_tensors);
    if (r >= 0)
        r = tl_source_u64(source, "count of values", ret_values);
    if (r < 0)
        return r;
    if (*ret_tensors > TL_MODELFILE_MAX_TENSORS)
        return tl_source_fail(source, "count of tensors: found %" PRIu64 ", expected at most %d", *ret_tensors, TL_MODELFILE_MAX_TENSORS);
    if (*ret_values > TL_MODELFILE_MAX_METAS)
        return tl_source_fail(source, "count of values: found %" PRIu64 ", expected at most %d", *ret_values, TL_MODELFILE_MAX_METAS);
    return 0;
}

static int parse_values(struct tl_gguf *gguf, uint64_t count)
{
    for (uint64_t i = 0; i < count; i++) {
        struct tl_gguf_value value = {0};
        int r = parse_value(gguf, &value);
        if (r >= 0)
            r = tl_grow((void **)&gguf->values, gguf->n_values, &gguf->values_cap, sizeof value);
        if (r < 0)
            return r;
        gguf->values[gguf->n_values++] = value;
    }
    return find_alignment(gguf);
}

static int parse_tensors(struct tl_gguf *gguf, uint64_t count)
{
    for (uint64_t i = 0; i < count; i++) {
        struct tl_gguf_tensor tensor = {0};
        int r = parse_tensor(gguf, &tensor);
        if (r >= 0)
            r = tl_grow((void **)&gguf->tensors, gguf->n_tensors, &gguf->tensors_cap, sizeof tensor);
        if (r < 0)
            return r;
        gguf->tensors[gguf->n_tensors++] = tensor;
    }
    gguf->source.kind = NULL;
    return 0;
}

int tl_gguf_parse(struct tl_gguf *gguf, const struct tl_file *file)
{
    uint64_t n_tensors, n_values;
    gguf->source.file = file;
    int r = check_version(&gguf->source);
    if (r >= 0)
        r = parse_counts(&gguf->source, &n_tensors, &n_values);
    if (r >= 0)
        r = parse_values(gguf, n_values);
    if (r >= 0)
        r = parse_tensors(gguf, n_tensors);
    if (r < 0)
        return r;
    if (!tl_checked_align(gguf->source.at, gguf->alignment, &gguf->data_offset))
        return tl_source_fail(&gguf->source, "header: found its end at byte %" PRIu64 ", expected room behind it", gguf->source.at);
    return 0;
}
