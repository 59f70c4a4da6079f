/* SPDX-License-Identifier: MIT */
/* The job "synth": a model file with random weights (room synth). */
#include <inttypes.h>

#include "api/job.h"
#include "base/array.h"
#include "base/error.h"
#include "synth/synth.h"

struct options {
    const char *geometry, *output, *format, *to, *experts, *trunk, *embed, *head;
    uint64_t layers, share, seed, threads;
    double skew;
    bool tiny, ahead, force;
};

#define ROW(...) TL_OPTION_ROW(struct options, __VA_ARGS__)
static const struct tl_option rows[] = {
    ROW(geometry, TEXT, "geometry", "GEOMETRY"),
    ROW(output, TEXT, "output", "PATH"),
    ROW(format, CHOICE, "format", "gguf|safetensors"),
    ROW(to, TEXT, "to", "FORMAT"),
    ROW(experts, TEXT, "experts", "FORMAT"),
    ROW(trunk, TEXT, "trunk", "FORMAT"),
    ROW(embed, TEXT, "embed", "FORMAT"),
    ROW(head, TEXT, "head", "FORMAT"),
    ROW(layers, U64, "layers", "N", .min = 1, .max = 4096),
    ROW(share, U64, "share", "N", .min = 1, .max = 65536),
    ROW(skew, F64, "skew", "S", .fallback = "0.25", .min = 0.25, .max = 1),
    ROW(seed, U64, "seed", "S", .fallback = "0"),
    ROW(threads, U64, "threads", "N", .min = 1, .max = 4096),
    ROW(tiny, FLAG, "tiny", NULL),
    ROW(ahead, FLAG, "ahead", NULL),
    ROW(force, FLAG, "force", NULL),
};

static void report(const struct options *o, const struct tl_synth_figures *f, struct tl_buffer *json)
{
    const char *licence = f->known ? f->known->licence : "";
    tl_buffer_printf(json, "{");
    tl_buffer_json_member(json, "geometry", o->geometry);
    tl_buffer_json_member(json, "output", o->output);
    tl_buffer_printf(json, ",\"format\":\"%s\",\"experts_format\":\"%s\",\"trunk_format\":\"%s\",\"licence\":\"%s\",\"assumed\":%s",
                     f->format == TL_MODELFILE_GGUF ? "gguf" : "safetensors", f->experts_format, f->trunk_format, licence,
                     f->known && f->known->assumed ? "true" : "false");
    tl_buffer_printf(json, ",\"parameters\":%" PRIu64 ",\"active_parameters\":%" PRIu64 ",\"layers\":%u,\"experts\":%u,\"stored_experts\":%u"
                           ",\"tensors\":%" PRIu64 ",\"logical_bytes\":%" PRIu64 ",\"stored_bytes\":%" PRIu64 ",\"seconds\":%.3f,\"bytes_per_s\":%.4g}",
                     f->parameters, f->active_parameters, f->layers, f->experts, f->stored_experts, f->tensors, f->logical_bytes,
                     f->stored_bytes, f->seconds, f->seconds > 0 ? (double)f->stored_bytes / f->seconds : 0);
}

int tl_job_synth(struct tl_job_run *run)
{
    struct options o = {0};
    struct tl_synth_figures figures;
    int status = tl_job_options(run, rows, TL_COUNT(rows), &o);
    if (status < 0)
        return status;
    if (!o.geometry)
        return tl_fail(TL_E_USAGE, "GEOMETRY is missing: a name such as qwen3-30b-a3b, a config.json, or a folder that holds one");
    struct tl_synth how = {
        .source = o.geometry, .output = o.output, .format = o.format,
        .formats = {o.to, o.experts, o.trunk, o.embed, o.head}, .threads = (uint32_t)o.threads, .skew = o.skew, .seed = o.seed, .ahead = o.ahead, .force = o.force,
        .sizes = {.layers = (uint32_t)o.layers, .tiny = o.tiny, .stored_experts = (uint32_t)o.share},
    };
    status = tl_synth_write(&how, &run->progress, &figures);
    if (status >= 0)
        report(&o, &figures, &run->report);
    return status;
}
