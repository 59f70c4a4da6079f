/* SPDX-License-Identifier: MIT */
/* Files of importance. Three forms, one table: a name, how many matrices and columns, sums of squares and how many tokens
 * entered. What is divided and scaled is done once, when the file is read. */
#include "compress/importance.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "base/checked.h"
#include "base/error.h"
#include "base/file.h"
#include "base/hash.h"
#include "base/memory.h"
#include "base/text.h"
#include "compress/place.h"
#include "compress/values.h"
#include "model/names.h"

enum { NAME_BYTES = TL_PLACE_NAME_BYTES, MAX_ENTRIES = 1 << 20 };
#define LEAST_WEIGHT 1e-4f               /* of a column that nothing entered, where the mean is 1 */

struct entry {
    char name[NAME_BYTES];
    uint64_t matrices, columns;
    float *weights;                      /* [matrices][columns] */
    uint8_t *known;                      /* [matrices] */
};

struct tl_importance {
    struct entry *entries;
    uint64_t n_entries, cap;
    char hash[2 * TL_SHA256_BYTES + 1];
};

void tl_importance_close(struct tl_importance *importance)
{
    if (!importance)
        return;
    for (uint64_t i = 0; i < importance->n_entries; i++) {
        tl_free(importance->entries[i].weights);
        tl_free(importance->entries[i].known);
    }
    tl_free(importance->entries);
    tl_free(importance);
}

const char *tl_importance_hash(const struct tl_importance *importance) { return importance->hash; }

static int by_name(const void *a, const void *b) { return strcmp(((const struct entry *)a)->name, ((const struct entry *)b)->name); }

static const struct entry *find(const struct tl_importance *importance, const char *name)
{
    struct entry key;
    snprintf(key.name, sizeof(key.name), "%s", name);
    return importance->n_entries == 0 ? NULL : bsearch(&key, importance->entries, importance->n_entries, sizeof(key), by_name);
}

const float *tl_importance_of(const struct tl_importance *importance, const struct tl_tensor *tensor, uint64_t matrix)
{
    const struct entry *e = find(importance, tensor->name);
    char first[TL_PLACE_NAME_BYTES];
    if (!e && tl_place_rename(tensor->name, 0, first, &matrix))
        e = find(importance, first);
    if (!e)
        return NULL;
    uint64_t at = e->matrices == 1 ? 0 : matrix;
    return at < e->matrices && e->known[at] ? e->weights + at * e->columns : NULL;
}

/* --- entries -------------------------------------------------------------------------------------------------------------- */

static int add(struct tl_importance *importance, const char *path, const char *name, uint64_t matrices, uint64_t columns, struct entry **ret)
{
    uint64_t n;
    if (importance->n_entries == MAX_ENTRIES || strlen(name) >= NAME_BYTES || !matrices || !columns || !tl_checked_mul(matrices, columns, &n) ||
        n > TL_VALUES_MAX_BYTES / sizeof(float))
        return tl_fail(TL_E_FILE, "%s: %.60s: found %" PRIu64 " x %" PRIu64 " values, expected those of a matrix's columns", path, name, matrices, columns);
    if (tl_grow((void **)&importance->entries, importance->n_entries, &importance->cap, sizeof(struct entry)) < 0)
        return TL_E_NOMEM;
    struct entry *e = &importance->entries[importance->n_entries];
    *e = (struct entry){.matrices = matrices, .columns = columns, .weights = tl_alloc(n, sizeof(float)), .known = tl_alloc(matrices, 1)};
    importance->n_entries++;
    memcpy(e->name, name, strlen(name));
    *ret = e;
    return e->weights && e->known ? 0 : TL_E_NOMEM;
}

/* Sums of squares become weights whose mean is 1. */
static int settle(const char *path, struct entry *e, uint64_t matrix, const double *sums, double tokens)
{
    double total = 0;
    for (uint64_t c = 0; c < e->columns; c++) {
        if (!(sums[c] >= 0) || sums[c] > 1e300)
            return tl_fail(TL_E_FILE, "%s: %s: found %g for column %" PRIu64 ", expected a sum of squares", path, e->name, sums[c], c);
        total += sums[c];
    }
    e->known[matrix] = tokens > 0 && total > 0;
    for (uint64_t c = 0; c < e->columns && e->known[matrix]; c++) {
        float weight = (float)(sums[c] / total * (double)e->columns);
        e->weights[matrix * e->columns + c] = weight > LEAST_WEIGHT ? weight : LEAST_WEIGHT;
    }
    return 0;
}

/* --- our own, and GGUF ---------------------------------------------------------------------------------------------------- */

/* The sums of a name, and their counts under another: [matrices][columns] and [matrices]. */
static int take_pair(struct tl_importance *importance, const struct tl_modelfile *file, const char *name, const struct tl_tensor *sums,
                     const struct tl_tensor *counts)
{
    const char *path = tl_modelfile_path(file);
    uint64_t columns = sums->n_dims ? sums->shape[sums->n_dims - 1] : 0, matrices = columns ? sums->n_elems / columns : 0;
    TL_AUTO double *values = NULL, *tokens = NULL;
    struct entry *e;
    if (!counts || counts->n_elems != matrices)
        return tl_fail(TL_E_FILE, "%s: %s: found no counts for its %" PRIu64 " matrices", path, name, matrices);
    int r = tl_values_read(file, sums, &values);
    if (r >= 0)
        r = tl_values_read(file, counts, &tokens);
    if (r >= 0)
        r = add(importance, path, name, matrices, columns, &e);
    for (uint64_t m = 0; m < matrices && r >= 0; m++)
        r = settle(path, e, m, values + m * columns, tokens[m]);
    return r;
}

static int take_tensor(struct tl_importance *importance, const struct tl_modelfile *file, const struct tl_tensor *tensor, const char *ending,
                       const char *counts_ending)
{
    char name[NAME_BYTES], counts[NAME_BYTES + 16];
    size_t length = strlen(tensor->name), end = strlen(ending);
    if (length <= end || length - end >= NAME_BYTES || !tl_text_ends(tensor->name, ending) || tl_text_ends(tensor->name, counts_ending))
        return 0;
    snprintf(name, sizeof(name), "%.*s", (int)(length - end), tensor->name);
    snprintf(counts, sizeof(counts), "%s%s", name, counts_ending);
    return take_pair(importance, file, name, tensor, tl_modelfile_find(file, counts));
}

static int check_imatrix(const struct tl_modelfile *file)
{
    const char *kind = "";
    size_t n_bytes;
    int r = tl_meta_string(file, "general.type", &kind, &n_bytes);
    if (r >= 0 && strcmp(kind, "imatrix") != 0)
        return tl_fail(TL_E_FILE, "%s: general.type: found \"%.40s\", expected \"imatrix\"", tl_modelfile_path(file), kind);
    return r;
}

static int read_tensors(struct tl_importance *importance, const char *path, const struct tl_geometry *g)
{
    struct tl_modelfile *file;
    int r = tl_modelfile_open(path, &file);
    if (r < 0)
        return r;
    bool gguf = tl_modelfile_format(file) == TL_MODELFILE_GGUF;
    r = gguf ? check_imatrix(file) : tl_values_check(file, "moments", g);
    for (uint64_t i = 0; i < tl_modelfile_tensors(file) && r >= 0; i++)
        r = take_tensor(importance, file, tl_modelfile_tensor(file, i), gguf ? ".in_sum2" : "", gguf ? ".counts" : ".tokens");
    tl_modelfile_close(file);
    return r;
}

/* --- the old form of llama.cpp's ---------------------------------------------------------------------------------------- */

/* i32 entries; each: i32 length, name, i32 calls, i32 values, f32 values: mean squares times calls. What follows is not read. */
struct reader { const char *path; const uint8_t *at, *end; };

static int take_i32(struct reader *reader, int32_t *ret)
{
    if (reader->end - reader->at < 4)
        return tl_fail(TL_E_FILE, "%s: found the end of the file, expected more importance", reader->path);
    memcpy(ret, reader->at, 4);
    reader->at += 4;
    return 0;
}

static int take_entry(struct tl_importance *importance, struct reader *reader)
{
    int32_t length = 0, calls = 0, count = 0;
    char name[NAME_BYTES] = "";
    struct entry *e;
    int r = take_i32(reader, &length);
    if (r >= 0 && (length <= 0 || length >= NAME_BYTES || length > reader->end - reader->at))
        return tl_fail(TL_E_FILE, "%s: found a name of %d bytes, expected an importance matrix", reader->path, length);
    if (r >= 0) {
        memcpy(name, reader->at, (size_t)length);
        reader->at += length;
        r = take_i32(reader, &calls);
    }
    if (r >= 0)
        r = take_i32(reader, &count);
    if (r >= 0 && (count <= 0 || count > (reader->end - reader->at) / 4))
        return tl_fail(TL_E_FILE, "%s: %s: found %d values in %td bytes, expected all of its columns", reader->path, name, count,
                       reader->end - reader->at);
    TL_AUTO double *sums = r < 0 ? NULL : tl_alloc((size_t)count, sizeof(double));
    if (r >= 0)
        r = sums ? add(importance, reader->path, name, 1, (uint64_t)count, &e) : TL_E_NOMEM;
    for (int32_t i = 0; i < count && r >= 0; i++, reader->at += 4) {
        float value;
        memcpy(&value, reader->at, 4);
        sums[i] = (double)value;
    }
    return r < 0 ? r : settle(reader->path, e, 0, sums, calls);
}

static int read_old(struct tl_importance *importance, const char *path, const char *bytes, size_t n_bytes)
{
    struct reader reader = {path, (const uint8_t *)bytes, (const uint8_t *)bytes + n_bytes};
    int32_t n = 0;
    int r = take_i32(&reader, &n);
    if (r >= 0 && (n <= 0 || n > MAX_ENTRIES))
        return tl_fail(TL_E_FILE, "%s: found %d matrices, expected statistics of `trill score --moments` or an importance matrix", path, n);
    for (int32_t i = 0; i < n && r >= 0; i++)
        r = take_entry(importance, &reader);
    return r;
}

/* --- opening -------------------------------------------------------------------------------------------------------------- */

/* Experts that are tensors of their own have one entry, under the name of the first. */
static uint64_t matrices_of(const struct tl_modelfile *model, const struct tl_tensor *tensor)
{
    char other[TL_PLACE_NAME_BYTES];
    uint64_t n = 1, was;
    if (tensor->n_dims > 2)
        return tensor->shape[0];
    while (tl_place_rename(tensor->name, n, other, &was) && was == 0 && tl_modelfile_find(model, other))
        n++;
    return n;
}

static int check(struct tl_importance *importance, const char *path, const struct tl_modelfile *model)
{
    uint64_t matched = 0;
    for (uint64_t i = 0; i < importance->n_entries; i++) {
        struct entry *e = &importance->entries[i];
        const struct tl_tensor *tensor = tl_modelfile_find(model, e->name);
        uint64_t columns = tensor && tensor->n_dims ? tensor->shape[tensor->n_dims - 1] : 0;
        if (!tensor)
            continue;
        uint64_t matrices = matrices_of(model, tensor);
        if (e->columns != columns || (e->matrices != 1 && e->matrices != matrices))
            return tl_fail(TL_E_FILE, "%s: %s: found %" PRIu64 " x %" PRIu64 " columns, the model has %" PRIu64 " x %" PRIu64 ": importance of another model",
                           path, e->name, e->matrices, e->columns, matrices, columns);
        matched++;
    }
    return matched ? 0 : tl_fail(TL_E_FILE, "%s: found no matrix of %s in it: importance of another model", path, tl_modelfile_path(model));
}

/* The weights of each matrix, of which the mean of all was 1. */
static void level(struct entry *e)
{
    for (uint64_t m = 0; m < e->matrices; m++) {
        float *weights = e->weights + m * e->columns;
        double total = 0;
        for (uint64_t c = 0; c < e->columns; c++)
            total += (double)weights[c];
        for (uint64_t c = 0; c < e->columns && e->known[m]; c++)
            weights[c] = (float)((double)weights[c] / total * (double)e->columns);
    }
}

/* The old form has one entry for all experts of a layer, one behind the other. */
static int split(struct tl_importance *importance, const struct tl_modelfile *model)
{
    for (uint64_t i = 0; i < importance->n_entries; i++) {
        struct entry *e = &importance->entries[i];
        const struct tl_tensor *tensor = tl_modelfile_find(model, e->name);
        uint64_t columns = tensor && tensor->n_dims == 3 ? tensor->shape[2] : 0;
        if (e->matrices != 1 || !columns || e->columns == columns || e->columns != columns * tensor->shape[0])
            continue;
        uint8_t *known = tl_alloc(tensor->shape[0], 1);
        if (!known)
            return TL_E_NOMEM;
        memset(known, e->known[0], tensor->shape[0]);
        tl_free(e->known);
        e->known = known;
        e->matrices = tensor->shape[0];
        e->columns = columns;
        level(e);
    }
    return 0;
}

/* What a sweep of the model in the other kind of file saw has the names of that: GGUF's for safetensors, and the other way round. */
static void translate(struct tl_importance *importance, const struct tl_modelfile *model, const struct tl_geometry *g)
{
    enum tl_modelfile_format here = tl_modelfile_format(model), there = here == TL_MODELFILE_GGUF ? TL_MODELFILE_SAFETENSORS : TL_MODELFILE_GGUF;
    for (uint64_t i = 0; i < importance->n_entries; i++) {
        struct entry *e = &importance->entries[i];
        struct tl_place place = {.role = TL_ROLES};
        char name[TL_NAME_BYTES];
        if (!tl_modelfile_find(model, e->name))
            place = tl_place_of(g, there, e->name);
        for (uint32_t nth = 0; tl_name_each(g->arch, here, (enum tl_role)place.role, place.layer < 0 ? 0 : (uint32_t)place.layer, 0, nth, name); nth++) {
            const struct tl_tensor *tensor = tl_modelfile_find(model, name);
            if (!tensor || !tensor->n_dims || tensor->shape[tensor->n_dims - 1] != e->columns || (e->matrices != 1 && e->matrices != matrices_of(model, tensor)))
                continue;
            snprintf(e->name, sizeof(e->name), "%s", name);
            break;
        }
    }
}

static int read_any(struct tl_importance *importance, const char *path, const struct tl_geometry *g)
{
    TL_AUTO char *bytes = NULL;
    size_t n_bytes;
    uint8_t digest[TL_SHA256_BYTES];
    int r = tl_file_slurp(path, TL_VALUES_MAX_BYTES, &bytes, &n_bytes);
    if (r < 0)
        return r;
    tl_sha256_of(bytes, n_bytes, digest);
    tl_sha256_hex(digest, importance->hash);
    bool safetensors = n_bytes > 8 && bytes[8] == '{';
    return safetensors || tl_text_begins(bytes, "GGUF") ? read_tensors(importance, path, g) : read_old(importance, path, bytes, n_bytes);
}

int tl_importance_open(const char *path, const struct tl_modelfile *model, const struct tl_geometry *geometry, struct tl_importance **ret_importance)
{
    struct tl_importance *importance = tl_alloc(1, sizeof(*importance));
    int r = importance ? read_any(importance, path, geometry) : TL_E_NOMEM;
    if (r >= 0) {
        if (geometry)
            translate(importance, model, geometry);
        if (importance->n_entries)
            qsort(importance->entries, importance->n_entries, sizeof(*importance->entries), by_name);
        r = split(importance, model);
    }
    if (r >= 0)
        r = check(importance, path, model);
    if (r < 0) {
        tl_importance_close(importance);
        return r;
    }
    *ret_importance = importance;
    return 0;
}
