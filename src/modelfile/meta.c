/* SPDX-License-Identifier: MIT */
/* Metadata values as the caller wants them: integers, floats, truth values and strings out of any stored type that holds
 * such a value exactly. What does not fit fails with file, key, found and expected. */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "modelfile/parts.h"

/* One element of any stored type but strings. */
struct scalar {
    enum tl_meta_kind kind;
    int64_t i;               /* BOOL, INT */
    uint64_t u;              /* UINT */
    double f;                /* FLOAT */
};

static struct scalar load_uint(const struct tl_meta_data *data, uint64_t index)
{
    struct scalar value = {.kind = TL_META_UINT};
    size_t n = tl_meta_type_bytes(data->type);
    memcpy(&value.u, data->bytes + index * n, n);
    return value;
}

static struct scalar load_int(const struct tl_meta_data *data, uint64_t index)
{
    struct scalar value = load_uint(data, index);
    unsigned unused = 64 - 8 * tl_meta_type_bytes(data->type);
    value.kind = TL_META_INT;
    value.i = (int64_t)(value.u << unused) >> unused;
    return value;
}

static struct scalar load_float(const struct tl_meta_data *data, uint64_t index)
{
    struct scalar value = {.kind = TL_META_FLOAT};
    float narrow;
    if (data->type == TL_TYPE_F64) {
        memcpy(&value.f, data->bytes + 8 * index, 8);
    } else {
        memcpy(&narrow, data->bytes + 4 * index, 4);
        value.f = (double)narrow;
    }
    return value;
}

static struct scalar load(const struct tl_meta *meta, uint64_t index)
{
    const struct tl_meta_data *data = meta->data_;
    switch (meta->kind) {
    case TL_META_UINT: return load_uint(data, index);
    case TL_META_INT: return load_int(data, index);
    case TL_META_FLOAT: return load_float(data, index);
    case TL_META_BOOL: return (struct scalar){.kind = TL_META_BOOL, .i = data->bytes[index]};
    default: return (struct scalar){.kind = TL_META_STRING};
    }
}

static bool to_i64(struct scalar value, int64_t *ret)
{
    if (value.kind == TL_META_INT)
        *ret = value.i;
    else if (value.kind == TL_META_UINT && value.u <= INT64_MAX)
        *ret = (int64_t)value.u;
    else if (value.kind == TL_META_FLOAT && value.f >= -0x1p63 && value.f < 0x1p63 && value.f == floor(value.f))
        *ret = (int64_t)value.f;
    else
        return false;
    return true;
}

static bool to_u64(struct scalar value, uint64_t *ret)
{
    int64_t number;
    if (value.kind == TL_META_UINT)
        *ret = value.u;
    else if (value.kind == TL_META_FLOAT && value.f >= 0 && value.f < 0x1p64 && value.f == floor(value.f))
        *ret = (uint64_t)value.f;
    else if (to_i64(value, &number) && number >= 0)
        *ret = (uint64_t)number;
    else
        return false;
    return true;
}

static bool to_f64(struct scalar value, double *ret)
{
    double number = value.kind == TL_META_INT ? (double)value.i : value.kind == TL_META_UINT ? (double)value.u : value.f;
    if (value.kind == TL_META_BOOL || value.kind == TL_META_STRING || !isfinite(number))
        return false;
    *ret = number;
    return true;
}

/* --- what was found, for messages ----------------------------------------------------------------------------------- */

enum { FOUND_BYTES = 64 };

static const char *describe(const struct tl_meta *meta, uint64_t index, char text[FOUND_BYTES])
{
    struct scalar value = load(meta, index);
    switch (value.kind) {
    case TL_META_BOOL: return value.i ? "true" : "false";
    case TL_META_INT: snprintf(text, FOUND_BYTES, "%" PRId64, value.i); break;
    case TL_META_UINT: snprintf(text, FOUND_BYTES, "%" PRIu64, value.u); break;
    case TL_META_FLOAT: snprintf(text, FOUND_BYTES, "%g", value.f); break;
    default: return "a string";
    }
    return text;
}

static int fail_value(const struct tl_modelfile *file, const struct tl_meta *meta, const char *expected)
{
    char text[FOUND_BYTES];
    return tl_fail(TL_E_FILE, "%s: key %s: found %s, expected %s", file->path, meta->key,
                   meta->is_array ? "an array" : describe(meta, 0, text), expected);
}

static int fail_element(const struct tl_meta *meta, uint64_t index, const char *expected)
{
    char text[FOUND_BYTES];
    return tl_fail(TL_E_FILE, "key %s: element %" PRIu64 ": found %s, expected %s", meta->key, index,
                   describe(meta, index, text), expected);
}

/* --- by key ------------------------------------------------------------------------------------------------------------ */

const struct tl_meta *tl_modelfile_meta(const struct tl_modelfile *file, const char *key)
{
    uint32_t index;
    return tl_names_find(&file->meta_names, key, &index) ? &file->metas[index] : NULL;
}

int tl_meta_u64(const struct tl_modelfile *file, const char *key, uint64_t max, uint64_t *ret)
{
    const struct tl_meta *meta = tl_modelfile_meta(file, key);
    char expected[64];
    uint64_t value;
    if (!meta)
        return 0;
    if (meta->is_array || !to_u64(load(meta, 0), &value) || value > max) {
        snprintf(expected, sizeof expected, "an integer from 0 to %" PRIu64, max);
        return fail_value(file, meta, expected);
    }
    *ret = value;
    return 1;
}

int tl_meta_i64(const struct tl_modelfile *file, const char *key, int64_t *ret)
{
    const struct tl_meta *meta = tl_modelfile_meta(file, key);
    int64_t value;
    if (!meta)
        return 0;
    if (meta->is_array || !to_i64(load(meta, 0), &value))
        return fail_value(file, meta, "an integer of 64 bits");
    *ret = value;
    return 1;
}

int tl_meta_f64(const struct tl_modelfile *file, const char *key, double *ret)
{
    const struct tl_meta *meta = tl_modelfile_meta(file, key);
    double value;
    if (!meta)
        return 0;
    if (meta->is_array || !to_f64(load(meta, 0), &value))
        return fail_value(file, meta, "a finite number");
    *ret = value;
    return 1;
}

int tl_meta_bool(const struct tl_modelfile *file, const char *key, bool *ret)
{
    const struct tl_meta *meta = tl_modelfile_meta(file, key);
    if (!meta)
        return 0;
    if (meta->is_array || meta->kind != TL_META_BOOL)
        return fail_value(file, meta, "true or false");
    int r = tl_meta_at_bool(meta, 0, ret);
    return r < 0 ? r : 1;
}

int tl_meta_string(const struct tl_modelfile *file, const char *key, const char **ret_text, size_t *ret_bytes)
{
    const struct tl_meta *meta = tl_modelfile_meta(file, key);
    if (!meta)
        return 0;
    if (meta->is_array || meta->kind != TL_META_STRING)
        return fail_value(file, meta, "a string");
    int r = tl_meta_at_string(meta, 0, ret_text, ret_bytes);
    return r < 0 ? r : 1;
}

/* --- by element ------------------------------------------------------------------------------------------------------- */

static int check_index(const struct tl_meta *meta, uint64_t index)
{
    if (index < meta->count)
        return 0;
    return tl_fail(TL_E_FILE, "key %s: found %" PRIu64 " elements, expected more than %" PRIu64, meta->key, meta->count, index);
}

int tl_meta_at_i64(const struct tl_meta *meta, uint64_t index, int64_t *ret)
{
    int r = check_index(meta, index);
    if (r < 0)
        return r;
    return to_i64(load(meta, index), ret) ? 0 : fail_element(meta, index, "an integer of 64 bits");
}

int tl_meta_at_f64(const struct tl_meta *meta, uint64_t index, double *ret)
{
    int r = check_index(meta, index);
    if (r < 0)
        return r;
    return to_f64(load(meta, index), ret) ? 0 : fail_element(meta, index, "a finite number");
}

int tl_meta_at_bool(const struct tl_meta *meta, uint64_t index, bool *ret)
{
    int r = check_index(meta, index);
    if (r < 0)
        return r;
    if (meta->kind != TL_META_BOOL)
        return fail_element(meta, index, "true or false");
    *ret = load(meta, index).i != 0;
    return 0;
}

int tl_meta_at_string(const struct tl_meta *meta, uint64_t index, const char **ret_text, size_t *ret_bytes)
{
    const struct tl_meta_data *data = meta->data_;
    uint32_t n_bytes;
    int r = check_index(meta, index);
    if (r < 0)
        return r;
    if (meta->kind != TL_META_STRING)
        return fail_element(meta, index, "a string");
    const uint8_t *string = data->bytes + (data->strings ? data->strings[index] : 0);
    memcpy(&n_bytes, string, 4);
    *ret_text = (const char *)string + 4;
    if (ret_bytes)
        *ret_bytes = n_bytes;
    return 0;
}
