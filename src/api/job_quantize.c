/* SPDX-License-Identifier: MIT */
/* The job "quantize": a model file in other number formats (compress/quantize.h). */
#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "api/job_quantize.h"
#include "base/array.h"
#include "base/cpu.h"
#include "base/error.h"
#include "base/file.h"
#include "base/memory.h"
#include "compress/quantize.h"

enum { SCHEME_BYTES = 1 << 20 };

struct options { struct tl_quantize_options write; };

#define ROW(...) TL_OPTION_ROW(struct options, __VA_ARGS__)
static const struct tl_option rows[] = {TL_QUANTIZE_ROWS};

int tl_job_check_quantize(const struct tl_quantize_options *o)
{
    if (!o->model)
        return tl_fail(TL_E_USAGE, "MODEL is missing: a file or a folder");
    if (!o->output || !*o->output)
        return tl_fail(TL_E_USAGE, "-o PATH is missing: where the model is written");
    if (o->bits > 0 && o->size_bytes)
        return tl_fail(TL_E_USAGE, "--bits and --size both say how large: give one of them");
    if (!o->force && tl_file_exists(o->output))
        return tl_fail(TL_E_USAGE, "%s is there already; --force replaces it", o->output);
    return 0;
}

/* A format's name is its own text, anything else a file of lines. */
static int read_scheme(const struct tl_quantize_options *o, struct tl_quantize_how *how, char **ret_text)
{
    size_t n_bytes;
    how->scheme = o->to;
    if (!o->to || tl_number_by_name(o->to))
        return 0;
    how->scheme_name = o->to;
    if (!tl_file_exists(o->to))
        return tl_fail(TL_E_USAGE, "--to: found \"%.80s\", expected a number format such as q4_k, or a file of lines \"WHAT [LAYERS] FORMAT\"", o->to);
    int r = tl_file_slurp(o->to, SCHEME_BYTES, ret_text, &n_bytes);
    if (r < 0)
        return r == TL_E_FILE ? tl_error_set(TL_E_USAGE, tl_error_text()) : r;         /* no model file, so not its fault */
    how->scheme = *ret_text;
    return memchr(*ret_text, 0, n_bytes) ? tl_fail(TL_E_USAGE, "%s: a byte is zero: no text", o->to) : 0;
}

static void note_warning(void *run, int level, const char *text)
{
    if (level > 0)
        tl_job_warn(run, text);
}

static void write_speed(struct tl_buffer *json, const struct tl_quantize_report *f)
{
    double encoder = f->encoder_limit_seconds, drive = f->drive_limit_seconds;
    tl_buffer_printf(json, ",\"read_bytes\":%" PRIu64 ",\"written_bytes\":%" PRIu64 ",\"encode_seconds\":%.3f,\"write_seconds\":%.3f,\"flow_seconds\":%.3f"
                           ",\"peak_bytes\":%" PRIu64, f->read_bytes, f->written_bytes, f->encode_seconds, f->write_seconds, f->flow_seconds,
                     tl_cpu_peak_rss());
    if (f->drive_bytes_per_s > 0)
        tl_buffer_printf(json, ",\"drive_bytes_per_s\":%.4g,\"encoder_limit_seconds\":%.3f,\"drive_limit_seconds\":%.3f,\"limit\":\"%s\",\"limit_share\":%.4f",
                         f->drive_bytes_per_s, encoder, drive, encoder > drive ? "encoder" : "drive", (encoder + drive) / f->flow_seconds);
}

static void write_importance(struct tl_buffer *json, const struct tl_importance_report *f)
{
    const char *comma = "";
    if (!f->matrices)
        return;
    tl_buffer_printf(json, ",\"importance\":{\"matrices\":%" PRIu64 ",\"missing\":{", f->matrices);
    for (int p = 0; p < TL_PARTS; p++) {
        if (!f->missing[p])
            continue;
        tl_buffer_printf(json, "%s\"%s\":%" PRIu64, comma, tl_weight_parts[p].name, f->missing[p]);
        comma = ",";
    }
    tl_buffer_printf(json, "}}");
}

int tl_job_write_model(struct tl_job_run *run, const struct tl_quantize_options *o, const uint8_t *keep)
{
    struct tl_quantize_how how = {
        .input = o->model, .output = o->output, .folder = o->folder, .bits = o->bits, .size_bytes = o->size_bytes, .importance = o->importance, .force = o->native_too,
        .threads = (uint32_t)o->threads, .ram_bytes = o->ram, .keep = keep, .log = note_warning, .context = run,
    };
    struct tl_quantize_report report;
    TL_AUTO char *text = NULL;
    int status = read_scheme(o, &how, &text);
    if (status >= 0)
        status = tl_quantize(&how, &run->progress, &report);
    if (status < 0)
        return status;
    tl_buffer_printf(&run->report, "{\"output\":");
    tl_buffer_json_string(&run->report, o->output, strlen(o->output));
    write_speed(&run->report, &report);
    write_importance(&run->report, &report.importance);
    if (isfinite(report.error))
        tl_buffer_printf(&run->report, ",\"relative_error\":%.6g", report.error);
    else
        tl_buffer_printf(&run->report, ",\"relative_error\":null");
    return tl_buffer_printf(&run->report,
                            ",\"tensors\":%" PRIu64 ",\"changed\":%" PRIu64 ",\"resumed\":%" PRIu64 ",\"parameters\":%" PRIu64
                            ",\"source_bytes\":%" PRIu64 ",\"bytes\":%" PRIu64 ",\"bits\":%.4f,\"seconds\":%.3f",
                            report.tensors, report.changed, report.resumed, report.parameters, report.in_bytes, report.out_bytes, report.bits,
                            report.seconds);
}

int tl_job_quantize(struct tl_job_run *run)
{
    struct options o = {0};
    int status = tl_job_options(run, rows, TL_COUNT(rows), &o);
    if (status >= 0)
        status = tl_job_check_quantize(&o.write);
    if (status >= 0 && !o.write.to && o.write.bits == 0 && !o.write.size_bytes)
        status = tl_fail(TL_E_USAGE, "what to write is missing: --to FORMAT or a file of lines, --bits B or --size BYTES");
    if (status >= 0)
        status = tl_job_write_model(run, &o.write, NULL);
    if (status >= 0)
        tl_job_write_warnings(run);
    return status;
}
