/* SPDX-License-Identifier: MIT */
/* Writes adapters so that PEFT and llama.cpp load them. Everything is f32. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/buffer.h"
#include "base/error.h"
#include "base/memory.h"
#include "modelfile/adapter.h"
#include "modelfile/names.h"
#include "modelfile/writer.h"

static int fail_target(const char *path, const char *target)
{
    return tl_fail(TL_E_FAIL, "%s: the weight %s cannot be named in an adapter", path, target);
}

static int name_of(const char *path, bool gguf, const char *target, bool is_b, char ret_name[TL_NAME_BYTES + 1])
{
    size_t stem = strlen(target) - strlen(".weight");
    int n = 0;
    if (strlen(target) <= strlen(".weight") || strcmp(target + stem, ".weight") != 0)
        return fail_target(path, target);
    if (gguf)
        n = snprintf(ret_name, TL_NAME_BYTES + 1, "%s.lora_%c", target, is_b ? 'b' : 'a');
    else
        n = snprintf(ret_name, TL_NAME_BYTES + 1, "base_model.model.%.*s.lora_%c.weight", (int)stem, target, is_b ? 'B' : 'A');
    return n > TL_NAME_BYTES ? fail_target(path, target) : 0;
}

static int write_metadata(struct tl_writer *writer, bool gguf, const struct tl_adapter_facts *facts)
{
    if (!gguf)
        return tl_writer_string(writer, "format", "pt", 2);
    int r = tl_writer_string(writer, "general.architecture", facts->architecture, strlen(facts->architecture));
    if (r >= 0)
        r = tl_writer_string(writer, "general.type", "adapter", 7);
    if (r >= 0 && facts->base)
        r = tl_writer_string(writer, "general.base_model.0.name", facts->base, strlen(facts->base));
    if (r >= 0)
        r = tl_writer_string(writer, "adapter.type", "lora", 4);
    return r < 0 ? r : tl_writer_f64(writer, "adapter.lora.alpha", facts->alpha);
}

static int declare(struct tl_writer *writer, const char *path, bool gguf, const struct tl_adapter_matrix *m)
{
    char name[TL_NAME_BYTES + 1];
    for (int is_b = 0; is_b < 2; is_b++) {
        const uint64_t shape[2] = { is_b ? m->rows : m->rank, is_b ? m->rank : m->cols };
        int r = name_of(path, gguf, m->target, is_b, name);
        if (r >= 0)
            r = tl_writer_tensor(writer, name, tl_number(TL_NUMBER_F32), 2, shape);
        if (r < 0)
            return r;
    }
    return 0;
}

static int write_tensors(const char *path, bool gguf, const struct tl_adapter_facts *facts, const struct tl_adapter_matrix *matrices, uint32_t n)
{
    struct tl_writer *writer = NULL;
    int r = tl_writer_open(path, gguf ? TL_MODELFILE_GGUF : TL_MODELFILE_SAFETENSORS, &writer);
    if (r >= 0)
        r = write_metadata(writer, gguf, facts);
    for (uint32_t i = 0; i < n && r >= 0; i++)
        r = declare(writer, path, gguf, &matrices[i]);
    if (r >= 0)
        r = tl_writer_begin(writer);
    for (uint32_t i = 0; i < n && r >= 0; i++) {
        const struct tl_adapter_matrix *m = &matrices[i];
        r = tl_writer_bytes(writer, m->a, (size_t)m->rank * m->cols * sizeof(float));
        if (r >= 0)
            r = tl_writer_bytes(writer, m->b, (size_t)m->rows * m->rank * sizeof(float));
    }
    if (r >= 0)
        r = tl_writer_commit(writer);
    tl_writer_close(writer);
    return r;
}

/* The last part of a module's name, which PEFT looks for: "q_proj". */
static void short_name(const char *target, char ret_name[TL_NAME_BYTES + 1])
{
    size_t n = strlen(target) - strlen(".weight"), from = n;
    while (from > 0 && target[from - 1] != '.')
        from--;
    snprintf(ret_name, TL_NAME_BYTES + 1, "%.*s", (int)(n - from), target + from);
}

static void write_targets(struct tl_buffer *json, const struct tl_adapter_matrix *matrices, uint32_t n)
{
    char name[TL_NAME_BYTES + 1], other[TL_NAME_BYTES + 1];
    bool first = true;
    for (uint32_t i = 0; i < n; i++) {
        uint32_t k = 0;
        short_name(matrices[i].target, name);
        for (; k < i; k++) {
            short_name(matrices[k].target, other);
            if (strcmp(name, other) == 0)
                break;
        }
        if (k < i)
            continue;
        tl_buffer_printf(json, first ? "" : ", ");
        tl_buffer_json_string(json, name, strlen(name));
        first = false;
    }
}

/* Modules that share a name with one that is adapted and are not themselves: PEFT would make zeros for them, which is the same. */
static int write_config(const char *path, const struct tl_adapter_facts *facts, const struct tl_adapter_matrix *matrices, uint32_t n)
{
    struct tl_buffer json;
    tl_buffer_init(&json, 0);
    tl_buffer_printf(&json, "{\n  \"peft_type\": \"LORA\",\n  \"task_type\": \"CAUSAL_LM\",\n  \"base_model_name_or_path\": ");
    if (facts->base)
        tl_buffer_json_string(&json, facts->base, strlen(facts->base));
    else
        tl_buffer_printf(&json, "null");
    tl_buffer_printf(&json, ",\n  \"inference_mode\": true,\n  \"r\": %" PRIu32 ",\n  \"lora_alpha\": %.9g,\n  \"lora_dropout\": 0.0,\n  \"bias\": \"none\",\n"
                            "  \"fan_in_fan_out\": false,\n  \"use_rslora\": false,\n  \"use_dora\": false,\n  \"modules_to_save\": null,\n  \"target_modules\": [",
                     facts->rank, facts->alpha);
    write_targets(&json, matrices, n);
    tl_buffer_printf(&json, "]\n}\n");
    int r = json.status < 0 ? json.status : tl_outfile_save(path, json.data, json.len);
    tl_buffer_done(&json);
    return r;
}

int tl_adapter_write(const char *path, enum tl_modelfile_format format, const struct tl_adapter_facts *facts,
                     const struct tl_adapter_matrix *matrices, uint32_t n_matrices)
{
    if (format == TL_MODELFILE_GGUF)
        return write_tensors(path, true, facts, matrices, n_matrices);
    TL_AUTO char *weights = tl_file_join(path, "adapter_model.safetensors"), *config = tl_file_join(path, "adapter_config.json");
    if (!weights || !config)
        return TL_E_NOMEM;
    int r = tl_file_make_folders(weights);
    if (r >= 0)
        r = write_tensors(weights, false, facts, matrices, n_matrices);
    return r < 0 ? r : write_config(config, facts, matrices, n_matrices);
}
