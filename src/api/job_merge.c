/* SPDX-License-Identifier: MIT */
/* The job "merge": a model with adapters written into its weights (engine/merge.h). */
#include <inttypes.h>
#include <string.h>

#include "api/job.h"
#include "base/array.h"
#include "base/error.h"
#include "base/memory.h"
#include "base/parse.h"
#include "engine/merge.h"

struct options {
    const char *model, *output, *to;
    struct tl_option_list lora;
    uint64_t threads;
    bool force;
};

#define ROW(...) TL_OPTION_ROW(struct options, __VA_ARGS__)
static const struct tl_option rows[] = {
    ROW(model, TEXT, "model", "MODEL"),
    ROW(lora, LIST, "lora", "FILE[:SCALE]"),
    ROW(output, TEXT, "output", "PATH"),
    ROW(to, TEXT, "to", "FORMAT"),
    ROW(threads, U64, "threads", "N", .min = 1, .max = 4096),
    ROW(force, FLAG, "force", NULL),
};

static int check(const struct options *o, struct tl_merge *how)
{
    if (!o->model)
        return tl_fail(TL_E_USAGE, "MODEL is missing: the base, a file or a folder");
    if (!o->output)
        return tl_fail(TL_E_USAGE, "-o PATH is missing: a file NAME.gguf, or a folder where MODEL is one of safetensors");
    how->number = o->to ? tl_number_by_name(o->to) : NULL;
    if (o->to && (!how->number || !how->number->encode || how->number->apart))
        return tl_fail(TL_E_USAGE, "--to: found \"%.40s\", expected a number format that can be written, such as q8_0 or f16", o->to);
    return 0;
}

/* The folder's or file's names and scales; paths to be freed. */
static int read_adapters(const struct options *o, struct tl_engine_adapter adapters[TL_OPTION_LIST_MAX], char *paths[TL_OPTION_LIST_MAX])
{
    for (size_t i = 0; i < o->lora.count; i++) {
        double scale = 1;
        paths[i] = tl_strndup(o->lora.items[i], tl_parse_scaled(o->lora.items[i], &scale));
        if (!paths[i])
            return TL_E_NOMEM;
        adapters[i] = (struct tl_engine_adapter){ paths[i], (float)scale };
    }
    return 0;
}

int tl_job_merge(struct tl_job_run *run)
{
    struct options o = {0};
    struct tl_engine_adapter adapters[TL_OPTION_LIST_MAX];
    char *paths[TL_OPTION_LIST_MAX] = {0};
    struct tl_merge how = {0};
    struct tl_merged merged;
    int status = tl_job_options(run, rows, TL_COUNT(rows), &o);
    if (status >= 0)
        status = check(&o, &how);
    if (status < 0)
        return status;
    how.base = o.model;
    how.output = o.output;
    how.threads = (uint32_t)o.threads;
    how.force = o.force;
    how.adapters = adapters;
    how.n_adapters = (uint32_t)o.lora.count;
    status = read_adapters(&o, adapters, paths);
    if (status >= 0)
        status = tl_merge(&how, &run->progress, &merged);
    for (size_t i = 0; i < o.lora.count; i++)
        tl_free(paths[i]);
    if (status < 0)
        return status;
    tl_buffer_printf(&run->report, "{\"output\":");
    tl_buffer_json_string(&run->report, o.output, strlen(o.output));
    tl_buffer_printf(&run->report, ",\"tensors\":%" PRIu64 ",\"changed\":%" PRIu64 ",\"bytes\":%" PRIu64 ",\"largest_rounding\":%.6g}", merged.tensors,
                     merged.changed, merged.n_bytes, merged.largest);
    return 0;
}
