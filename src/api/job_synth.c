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
    bool tiny, force;
};

#define FIELD(field) offsetof(struct options, field)
static const struct tl_option rows[] = {
    {"geometry", 0, TL_OPTION_TEXT, "GEOMETRY", NULL, 0, 0, "", FIELD(geometry)},
    {"output", 0, TL_OPTION_TEXT, "PATH", NULL, 0, 0, "", FIELD(output)},
    {"format", 0, TL_OPTION_CHOICE, "gguf|safetensors", NULL, 0, 0, "", FIELD(format)},
    {"to", 0, TL_OPTION_TEXT, "FORMAT", NULL, 0, 0, "", FIELD(to)},
    {"experts", 0, TL_OPTION_TEXT, "FORMAT", NULL, 0, 0, "", FIELD(experts)},
    {"trunk", 0, TL_OPTION_TEXT, "FORMAT", NULL, 0, 0, "", FIELD(trunk)},
    {"embed", 0, TL_OPTION_TEXT, "FORMAT", NULL, 0, 0, "", FIELD(embed)},
    {"head", 0, TL_OPTION_TEXT, "FORMAT", NULL, 0, 0, "", FIELD(head)},
    {"layers", 0, TL_OPTION_U64, "N", NULL, 1, 4096, "", FIELD(layers)},
    {"share", 0, TL_OPTION_U64, "N", NULL, 1, 65536, "", FIELD(share)},
    {"skew", 0, TL_OPTION_F64, "S", "0.25", 0.25, 1, "", FIELD(skew)},
    {"seed", 0, TL_OPTION_U64, "S", "0", 0, 0, "", FIELD(seed)},
    {"threads", 0, TL_OPTION_U64, "N", NULL, 1, 4096, "", FIELD(threads)},
    {"tiny", 0, TL_OPTION_FLAG, NULL, NULL, 0, 0, "", FIELD(tiny)},
    {"force", 0, TL_OPTION_FLAG, NULL, NULL, 0, 0, "", FIELD(force)},
};

static void report(const struct options *o, const struct tl_synth_figures *f, struct tl_buffer *json)
{
    const char *licence = f->known ? f->known->licence : "";
    tl_buffer_printf(json, "{\"geometry\":");
    tl_buffer_json_string(json, o->geometry, strlen(o->geometry));
    tl_buffer_printf(json, ",\"output\":");
    tl_buffer_json_string(json, o->output, strlen(o->output));
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
        .formats = {o.to, o.experts, o.trunk, o.embed, o.head}, .threads = (uint32_t)o.threads, .skew = o.skew, .seed = o.seed, .force = o.force,
        .sizes = {.layers = (uint32_t)o.layers, .tiny = o.tiny, .stored_experts = (uint32_t)o.share},
    };
    status = tl_synth_write(&how, &run->progress, &figures);
    if (status >= 0)
        report(&o, &figures, &run->report);
    return status;
}
