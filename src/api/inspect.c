/* SPDX-License-Identifier: MIT */
/* What is in a model file, as JSON: headers only, any architecture, any tensor type. Arrays of more than 64 values are
 * told by their length. */
#include <inttypes.h>
#include <stdio.h>

#include "api/api.h"
#include "base/error.h"
#include "modelfile/adapter.h"

enum { LONG_ARRAY = 64 };

static void put_value(const struct tl_meta *meta, uint64_t index, struct tl_buffer *out)
{
    int64_t whole;
    bool truth;
    double real;
    const char *text;
    size_t n_bytes;
    switch (meta->kind) {
    case TL_META_STRING:
        if (tl_meta_at_string(meta, index, &text, &n_bytes) >= 0)
            tl_buffer_json_string(out, text, n_bytes);
        else
            tl_buffer_printf(out, "null");
        return;
    case TL_META_FLOAT:
        if (tl_meta_at_f64(meta, index, &real) >= 0)
            tl_buffer_printf(out, "%.9g", real);
        else
            tl_buffer_printf(out, "null");           /* JSON has no infinity */
        return;
    case TL_META_BOOL:
        tl_buffer_printf(out, tl_meta_at_bool(meta, index, &truth) >= 0 && truth ? "true" : "false");
        return;
    case TL_META_INT:
    case TL_META_UINT:
        if (tl_meta_at_i64(meta, index, &whole) >= 0)
            tl_buffer_printf(out, "%" PRId64, whole);
        else
            tl_buffer_printf(out, "null");
        return;
    }
}

static void put_metadata(const struct tl_modelfile *file, struct tl_buffer *out)
{
    for (uint64_t i = 0; i < tl_modelfile_metas(file); i++) {
        const struct tl_meta *meta = tl_modelfile_meta_at(file, i);
        tl_buffer_printf(out, i ? ",\n  " : "\n  ");
        tl_buffer_json_string(out, meta->key, strlen(meta->key));
        tl_buffer_printf(out, ": ");
        if (meta->is_array && meta->count > LONG_ARRAY) {
            tl_buffer_printf(out, "{\"count\": %" PRIu64 "}", meta->count);
            continue;
        }
        tl_buffer_printf(out, meta->is_array ? "[" : "");
        for (uint64_t k = 0; k < meta->count; k++) {
            tl_buffer_printf(out, k ? ", " : "");
            put_value(meta, k, out);
        }
        tl_buffer_printf(out, meta->is_array ? "]" : "");
    }
}

static uint64_t put_tensors(const struct tl_modelfile *file, struct tl_buffer *out)
{
    uint64_t parameters = 0;
    for (uint64_t i = 0; i < tl_modelfile_tensors(file); i++) {
        const struct tl_tensor *tensor = tl_modelfile_tensor(file, i);
        tl_buffer_printf(out, i ? ",\n  {\"name\": " : "\n  {\"name\": ");
        tl_buffer_json_string(out, tensor->name, strlen(tensor->name));
        tl_buffer_printf(out, ", \"type\": \"%s\", \"shape\": [", tensor->type_name);
        for (uint32_t k = 0; k < tensor->n_dims; k++)
            tl_buffer_printf(out, "%s%" PRIu64, k ? ", " : "", tensor->shape[k]);
        tl_buffer_printf(out, "], \"bytes\": %" PRIu64 "}", tensor->n_bytes);
        parameters += tensor->n_elems;
    }
    return parameters;
}

/* What an adapter adapts, and how: {"base", "matrices", "rank", "least_rank", "scale", "least_scale"}; or why it is not supported. */
static void put_adapter(const struct tl_modelfile *file, const char *path, struct tl_buffer *out)
{
    struct tl_adapter *adapter;
    const char *base = "";
    size_t n_bytes;
    bool gguf = tl_modelfile_format(file) == TL_MODELFILE_GGUF;
    if (tl_adapter_open(path, &adapter) < 0) {
        tl_buffer_printf(out, ", \"adapter\": {\"not_supported\": ");
        tl_buffer_json_string(out, tl_error_text(), strlen(tl_error_text()));
        tl_buffer_printf(out, "}");
        return;
    }
    const struct tl_adapter_pair *least = &adapter->pairs[0], *most = least, *weak = least, *strong = least;
    for (const struct tl_adapter_pair *pair = adapter->pairs; pair < adapter->pairs + adapter->n_pairs; pair++) {
        least = pair->rank < least->rank ? pair : least;
        most = pair->rank > most->rank ? pair : most;
        weak = pair->scale < weak->scale ? pair : weak;
        strong = pair->scale > strong->scale ? pair : strong;
    }
    if (tl_meta_string(file, gguf ? "general.architecture" : "adapter_config.base_model_name_or_path", &base, &n_bytes) < 0)
        base = "";
    tl_buffer_printf(out, ", \"adapter\": {\"base\": ");
    tl_buffer_json_string(out, base, strlen(base));
    tl_buffer_printf(out, ", \"matrices\": %" PRIu32 ", \"rank\": %" PRIu32 ", \"least_rank\": %" PRIu32 ", \"scale\": %.6g, \"least_scale\": %.6g}",
                     adapter->n_pairs, most->rank, least->rank, (double)strong->scale, (double)weak->scale);
    tl_adapter_close(adapter);
}

struct counts { uint64_t stored, parameters, active; };

/* Of the model, where the architecture is known: experts that share what is stored count each. Else what is stored. */
static int count_parameters(const struct tl_modelfile *file, uint64_t stored, struct counts *ret_counts)
{
    struct tl_meters meters = {0};
    struct tl_model *model;
    *ret_counts = (struct counts){stored, stored, stored};
    int status = tl_model_new(file, &(struct tl_model_choices){0}, &meters, &model);
    if (status < 0)
        return status == TL_E_NOMEM ? status : 0;
    const struct tl_program *program = tl_model_program(model);
    ret_counts->parameters = program->parameters > stored ? program->parameters : stored;
    ret_counts->active = program->active_parameters;
    tl_model_free(model);
    return 0;
}

static void put_document(const struct tl_modelfile *file, const char *path, struct tl_buffer *out)
{
    struct tl_buffer tensors;
    const char *name = NULL;
    size_t n_bytes = 0;
    bool gguf = tl_modelfile_format(file) == TL_MODELFILE_GGUF;
    tl_buffer_init(&tensors, 0);
    struct counts counts;
    int counted = count_parameters(file, put_tensors(file, &tensors), &counts);
    tl_buffer_printf(out, "{\"architecture\": ");
    if (tl_meta_string(file, gguf ? "general.architecture" : "config.model_type", &name, &n_bytes) > 0)
        tl_buffer_json_string(out, name, n_bytes);
    else
        tl_buffer_printf(out, "null");
    if (tl_adapter_is(file))
        put_adapter(file, path, out);
    tl_buffer_printf(out, ", \"format\": \"%s\", \"parameters\": %" PRIu64 ", \"active_parameters\": %" PRIu64
                     ", \"stored_parameters\": %" PRIu64 ", \"bytes\": %" PRIu64 ",\n \"tensors\": [", gguf ? "gguf" : "safetensors",
                     counts.parameters, counts.active, counts.stored, tl_modelfile_bytes(file));
    if (tensors.len)
        tl_buffer_append(out, tensors.data, tensors.len);
    tl_buffer_printf(out, "],\n \"metadata\": {");
    put_metadata(file, out);
    tl_buffer_printf(out, "}}\n");
    if (tensors.status < 0 || counted < 0)
        out->status = tensors.status < 0 ? tensors.status : counted;
    tl_buffer_done(&tensors);
}

int trill_inspect(const char *path, char **ret_json)
{
    struct tl_modelfile *file;
    struct tl_buffer out;
    size_t n_bytes;
    int status = tl_modelfile_open(path, &file);
    if (status < 0)
        return status;
    tl_buffer_init(&out, 0);
    put_document(file, path, &out);
    tl_modelfile_close(file);
    status = out.status;
    char *json = tl_buffer_take(&out, &n_bytes);
    if (status < 0)
        return status;
    *ret_json = json;
    return 0;
}
