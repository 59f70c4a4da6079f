/* SPDX-License-Identifier: MIT */
/* Values of statistics. */
#include "compress/values.h"

#include <inttypes.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"

int tl_values_read(const struct tl_modelfile *file, const struct tl_tensor *tensor, double **ret_values)
{
    if (tensor->n_bytes > TL_VALUES_MAX_BYTES)
        return tl_fail(TL_E_FILE, "%s: %s: found %" PRIu64 " bytes, expected statistics", tl_modelfile_path(file), tensor->name, tensor->n_bytes);
    TL_AUTO uint8_t *bytes = tl_alloc(tensor->n_bytes + 1, 1);
    TL_AUTO double *values = tl_alloc(tensor->n_elems + 1, sizeof(double));
    bool f32 = tensor->number && tensor->number->id == TL_NUMBER_F32, f64 = strcmp(tensor->type_name, "f64") == 0;
    if (!bytes || !values)
        return TL_E_NOMEM;
    if (!f32 && !f64 && strcmp(tensor->type_name, "u64") != 0)
        return tl_fail(TL_E_FILE, "%s: %s: found type %s, expected f32, f64 or u64", tl_modelfile_path(file), tensor->name, tensor->type_name);
    int r = tl_modelfile_read(file, tensor, 0, bytes, tensor->n_bytes);
    for (uint64_t i = 0; i < tensor->n_elems && r >= 0; i++) {
        float single;
        uint64_t whole;
        memcpy(&single, bytes + 4 * i, f32 ? 4 : 0);
        memcpy(&whole, bytes + 8 * i, f32 ? 0 : 8);
        memcpy(&values[i], &whole, f64 ? 8 : 0);
        values[i] = f32 ? (double)single : f64 ? values[i] : (double)whole;
    }
    if (r >= 0) {
        *ret_values = values;
        values = NULL;
    }
    return r;
}
