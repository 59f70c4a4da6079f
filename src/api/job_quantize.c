/* SPDX-License-Identifier: MIT */
/* The job "quantize": a model file in other number formats (compress/quantize.h). */
#include <inttypes.h>
#include <string.h>

#include "api/job.h"
#include "base/array.h"
#include "base/error.h"
#include "base/file.h"
#include "base/memory.h"
#include "compress/quantize.h"

enum { SCHEME_BYTES = 1 << 20 };

struct options {
    const char *model, *output, *to, *importance;
    double bits;
    uint64_t size_bytes, threads;
    bool native_too, force;
};

#define ROW(...) TL_OPTION_ROW(struct options, __VA_ARGS__)
static const struct tl_option rows[] = {
    ROW(model, TEXT, "model", "MODEL"),
    ROW(output, TEXT, "output", "PATH"),
    ROW(to, TEXT, "to", "FORMAT|FILE"),
    ROW(bits, F64, "bits", "B", .min = 0.5, .max = 32),
    ROW(size_bytes, BYTES, "size", "BYTES", .min = 1, .max = 1e18),
    ROW(importance, TEXT, "importance", "FILE"),
    ROW(threads, U64, "threads", "N", .min = 1, .max = 4096),
    ROW(native_too, FLAG, "native-too", NULL),
    ROW(force, FLAG, "force", NULL),
};

static int check(const struct options *o)
{
    if (!o->model)
        return tl_fail(TL_E_USAGE, "MODEL is missing: a file or a folder");
    if (!o->output)
        return tl_fail(TL_E_USAGE, "-o PATH is missing: where the model is written");
    if (!o->to && o->bits == 0 && !o->size_bytes)
        return tl_fail(TL_E_USAGE, "what to write is missing: --to FORMAT or a file of lines, --bits B or --size BYTES");
    if (o->bits > 0 && o->size_bytes)
        return tl_fail(TL_E_USAGE, "--bits and --size both say how large: give one of them");
    if (!o->force && tl_file_exists(o->output))
        return tl_fail(TL_E_USAGE, "%s is there already; --force replaces it", o->output);
    return 0;
}

/* A format's name is its own text, anything else a file of lines. */
static int read_scheme(const struct options *o, struct tl_quantize_how *how, char **ret_text)
{
    size_t n_bytes;
    how->scheme_name = how->scheme = o->to;
    if (!o->to || tl_number_by_name(o->to))
        return 0;
    if (!tl_file_exists(o->to))
        return tl_fail(TL_E_USAGE, "--to: found \"%.80s\", expected a number format such as q4_k, or a file of lines \"WHAT [LAYERS] FORMAT\"", o->to);
    int r = tl_file_slurp(o->to, SCHEME_BYTES, ret_text, &n_bytes);
    how->scheme = *ret_text;
    return r;
}

static void note_warning(void *run, int level, const char *text)
{
    if (level > 0)
        tl_job_warn(run, text);
}

int tl_job_quantize(struct tl_job_run *run)
{
    struct options o = {0};
    struct tl_quantize_report report;
    TL_AUTO char *text = NULL;
    int status = tl_job_options(run, rows, TL_COUNT(rows), &o);
    struct tl_quantize_how how = {.log = note_warning, .context = run};
    if (status >= 0)
        status = check(&o);
    if (status >= 0)
        status = read_scheme(&o, &how, &text);
    if (status < 0)
        return status;
    how.input = o.model;
    how.output = o.output;
    how.bits = o.bits;
    how.size_bytes = o.size_bytes;
    how.importance = o.importance;
    how.force = o.native_too;
    how.threads = (uint32_t)o.threads;
    status = tl_quantize(&how, &run->progress, &report);
    if (status < 0)
        return status;
    tl_buffer_printf(&run->report, "{\"output\":");
    tl_buffer_json_string(&run->report, o.output, strlen(o.output));
    tl_buffer_printf(&run->report,
                     ",\"tensors\":%" PRIu64 ",\"changed\":%" PRIu64 ",\"resumed\":%" PRIu64 ",\"parameters\":%" PRIu64 ",\"source_bytes\":%" PRIu64
                     ",\"bytes\":%" PRIu64 ",\"bits\":%.4f,\"relative_error\":%.6g,\"seconds\":%.3f,\"encode_seconds\":%.3f",
                     report.tensors, report.changed, report.resumed, report.parameters, report.in_bytes, report.out_bytes, report.bits, report.error,
                     report.seconds, report.encode_seconds);
    tl_job_write_warnings(run);
    return 0;
}
