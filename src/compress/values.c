/* SPDX-License-Identifier: MIT */
/* Values of statistics. */
#include "compress/values.h"

#include <inttypes.h>
#include <string.h>

#include "base/array.h"
#include "base/error.h"
#include "base/memory.h"
#include "base/text.h"
#include "model/arch.h"

static double f32_at(const uint8_t *bytes, uint64_t i)
{
    float value;
    memcpy(&value, bytes + i * sizeof(value), sizeof(value));
    return (double)value;
}

static double f64_at(const uint8_t *bytes, uint64_t i)
{
    double value;
    memcpy(&value, bytes + i * sizeof(value), sizeof(value));
    return value;
}

static double u64_at(const uint8_t *bytes, uint64_t i)
{
    uint64_t value;
    memcpy(&value, bytes + i * sizeof(value), sizeof(value));
    return (double)value;
}

int tl_values_check(const struct tl_modelfile *file, const char *kind, const struct tl_geometry *geometry)
{
    static const char prefix[] = "trill.";
    const char *path = tl_modelfile_path(file), *found = "", *of = geometry && geometry->arch ? geometry->arch->name : NULL;
    size_t n_bytes;
    int r = tl_meta_string(file, "__metadata__.format", &found, &n_bytes);
    if (r >= 0 && (!tl_text_begins(found, prefix) || strcmp(found + strlen(prefix), kind) != 0))
        return tl_fail(TL_E_FILE, "%s: found \"%.40s\", expected statistics of `trill score --%s`", path, found, kind);
    found = of;
    if (r >= 0 && of)
        r = tl_meta_string(file, "__metadata__.architecture", &found, &n_bytes);
    if (r >= 0 && of && strcmp(found, of) != 0)
        return tl_fail(TL_E_FILE, "%s: found statistics of the architecture %.40s, expected %s: those of another model", path, found, of);
    return r < 0 ? r : 0;
}

int tl_values_read(const struct tl_modelfile *file, const struct tl_tensor *tensor, double **ret_values)
{
    static const struct { const char *type; double (*at)(const uint8_t *bytes, uint64_t i); } types[] = {{"f32", f32_at}, {"f64", f64_at}, {"u64", u64_at}};
    size_t type = 0;
    while (type < TL_COUNT(types) && strcmp(tensor->type_name, types[type].type) != 0)
        type++;
    if (type == TL_COUNT(types))
        return tl_fail(TL_E_FILE, "%s: %s: found type %s, expected f32, f64 or u64", tl_modelfile_path(file), tensor->name, tensor->type_name);
    if (tensor->n_bytes > TL_VALUES_MAX_BYTES)
        return tl_fail(TL_E_FILE, "%s: %s: found %" PRIu64 " bytes, expected statistics", tl_modelfile_path(file), tensor->name, tensor->n_bytes);
    TL_AUTO uint8_t *bytes = tl_alloc(tensor->n_bytes + 1, 1);
    TL_AUTO double *values = tl_alloc(tensor->n_elems + 1, sizeof(double));
    int r = bytes && values ? tl_modelfile_read(file, tensor, 0, bytes, tensor->n_bytes) : TL_E_NOMEM;
    if (r < 0)
        return r;
    for (uint64_t i = 0; i < tensor->n_elems; i++)
        values[i] = types[type].at(bytes, i);
    *ret_values = values;
    values = NULL;
    return 0;
}
