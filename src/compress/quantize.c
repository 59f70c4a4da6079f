/* SPDX-License-Identifier: MIT */
/* A model file written again: opened, planned, declared, then tensor by tensor. */
#include "compress/quantize.h"

#include <inttypes.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/file.h"
#include "base/memory.h"
#include "base/text.h"
#include "compress/quantize_impl.h"
#include "store/probe.h"

static const double long_seconds = 3, measured_seconds = 0.3;        /* of a flow behind which the drive is measured; so long */

/* Its file is in memory while it is read. */
static int open_importance(struct tl_quantizing *q)
{
    struct tl_file *file;
    int r = tl_file_open(q->how->importance, &file);
    if (r < 0)
        return r;
    r = tl_quantize_afford(q, 2 * file->size_bytes, "its importance");
    tl_file_close(file);
    return r < 0 ? r : tl_importance_open(q->how->importance, q->file, tl_model_geometry(q->model), &q->importance);
}

static bool same_file(const char *a, const char *b)
{
    struct stat one, other;
    return stat(a, &one) == 0 && stat(b, &other) == 0 && one.st_dev == other.st_dev && one.st_ino == other.st_ino;
}

/* A source of another kind than the output is read as one of its kind. */
static int open_file(struct tl_quantizing *q)
{
    int r = tl_modelfile_open(q->how->input, &q->source);
    if (r < 0)
        return r;
    if (same_file(q->how->input, q->how->output))
        return tl_fail(TL_E_USAGE, "%s is the model itself, expected another place", q->how->output);
    enum tl_modelfile_format other = q->how->folder ? TL_MODELFILE_SAFETENSORS : tl_modelfile_format(q->source);
    if ((tl_text_ends(q->how->output, ".gguf") ? TL_MODELFILE_GGUF : other) != tl_modelfile_format(q->source))
        r = tl_conversion_open(q->source, q->how->force, q->pool, q->progress, q->how->log, q->how->context, &q->conversion);
    q->file = q->conversion ? tl_conversion_file(q->conversion) : q->source;
    return r;
}

static int open_all(struct tl_quantizing *q)
{
    int r = tl_pool_new(q->how->threads, &q->pool);
    if (r >= 0)
        r = open_file(q);
    const struct tl_model_choices choices = {.geometry = q->conversion ? tl_conversion_geometry(q->conversion) : NULL, .log = q->how->log,
                                             .log_context = q->how->context};
    if (r >= 0)
        r = tl_model_new(q->file, &choices, &q->meters, &q->model);
    if (r >= 0 && q->how->importance)
        r = open_importance(q);
    return r;
}

static void close_all(struct tl_quantizing *q)
{
    tl_writer_close(q->writer);
    tl_pool_free(q->pool);
    tl_importance_close(q->importance);
    tl_model_free(q->model);
    for (uint64_t i = 0; i < q->n_outputs; i++)
        tl_free(q->outputs[i].name);
    tl_conversion_close(q->conversion);
    tl_modelfile_close(q->source);
    tl_free(q->outputs);
    tl_free(q->kept);
    tl_free(q->n_kept);
    tl_free(q->scheme);
    tl_free(q->path);
}

static int declare(struct tl_quantizing *q)
{
    int r = tl_quantize_metadata(q);
    for (uint64_t i = 0; i < q->n_outputs && r >= 0; i++) {
        const struct tl_output *output = &q->outputs[i];
        struct tl_tensor as = *output->tensor;
        as.name = output->name ? output->name : as.name;
        memcpy(as.shape, output->shape, sizeof(as.shape));
        r = tl_writer_like(q->writer, &as, output->number);
    }
    return r;
}

/* The path of the file that holds tensor *at of the source, which goes on to the first that another one holds; NULL: there are no more. */
static const char *next_part(const struct tl_quantizing *q, uint64_t *at)
{
    uint64_t n = tl_modelfile_tensors(q->source);
    if (*at == n)
        return NULL;
    uint32_t part = tl_modelfile_tensor(q->source, *at)->part;
    while (*at < n && tl_modelfile_tensor(q->source, *at)->part == part)
        ++*at;
    return tl_modelfile_part(q->source, part)->path;
}

/* 0: it is not there. */
static int64_t written_ns(const char *path)
{
    struct stat facts;
    return stat(path, &facts) == 0 ? facts.st_mtim.tv_sec * INT64_C(1000000000) + facts.st_mtim.tv_nsec : 0;
}

/* What was made of a source that was written to since is of no use. */
static int drop_stale(const struct tl_quantizing *q)
{
    TL_AUTO char *partial = tl_file_beside(q->path, ".partial");
    int64_t made_ns = partial ? written_ns(partial) : 0, source_ns = 0;
    const char *part;
    for (uint64_t at = 0; (part = next_part(q, &at));) {
        int64_t part_ns = written_ns(part);
        source_ns = part_ns > source_ns ? part_ns : source_ns;
    }
    if (made_ns && source_ns > made_ns && truncate(partial, 0) < 0)
        return tl_fail(TL_E_IO, "%s: cannot be begun anew: %m", partial);
    return partial ? 0 : TL_E_NOMEM;
}

static int check_room(const struct tl_quantizing *q)
{
    uint64_t room = 0, needed = 0, there = 0;
    TL_AUTO char *partial = tl_file_beside(q->path, ".partial");
    struct tl_file *file = NULL;
    if (partial && tl_file_exists(partial) && tl_file_open(partial, &file) >= 0)
        there = file->size_bytes;
    tl_file_close(file);
    int r = tl_writer_size(q->writer, &needed);
    q->report->out_bytes = needed;
    if (r >= 0)
        r = tl_file_room(q->how->output, &room);
    if (r >= 0 && room + there < needed)
        return tl_file_no_room(q->how->output, needed - there, room, "");
    return r;
}

static void sum_up(struct tl_quantizing *q)
{
    struct tl_quantize_report *report = q->report;
    report->tensors = q->n_outputs;
    report->in_bytes = tl_modelfile_bytes(q->source);
    for (uint64_t i = 0; i < q->n_outputs; i++) {
        uint64_t n = 1;
        report->encode_seconds += q->outputs[i].encode_seconds;
        for (uint32_t d = 0; d < q->outputs[i].tensor->n_dims; d++)
            n *= q->outputs[i].shape[d];
        report->parameters += n;
        report->changed += q->outputs[i].number != NULL || q->outputs[i].kept != NULL;
    }
    report->bits = report->parameters ? 8 * (double)tl_writer_total(q->writer) / (double)report->parameters : 0;
    report->error = q->error / q->power;
}

/* Would safetensors in the folder take the place of the part? */
static bool is_beside(const char *folder, const char *part)
{
    const char *slash = strrchr(part, '/');
    TL_AUTO char *own = slash ? tl_strndup(part, (size_t)(slash - part) + 1) : tl_strdup(".");
    return own && tl_text_ends(part, ".safetensors") && same_file(folder, own);
}

/* Safetensors are a folder with one file of weights, and what lies beside it. */
static int open_output(struct tl_quantizing *q)
{
    bool gguf = tl_modelfile_format(q->file) == TL_MODELFILE_GGUF;
    q->path = gguf ? tl_strdup(q->how->output) : tl_file_join(q->how->output, "model.safetensors");
    if (!q->path)
        return TL_E_NOMEM;
    if (gguf && tl_file_is_folder(q->path))
        return tl_fail(TL_E_USAGE, "%s is a folder, expected the name of a GGUF, as the model is one", q->path);
    const char *part;
    for (uint64_t at = 0; (part = next_part(q, &at));)
        if (same_file(q->path, part) || (!gguf && is_beside(q->how->output, part)))
            return tl_fail(TL_E_USAGE, "%s is a file of the model itself, expected another place", part);
    int r = tl_file_make_folders(q->path);
    return r < 0 ? r : tl_writer_open_lasting(q->path, tl_modelfile_format(q->file), &q->writer);
}

/* What the drive gives, of the file that most was read from; in the memory that writing has left. */
static int measure_drive(struct tl_quantizing *q)
{
    tl_writer_close(q->writer);
    q->writer = NULL;
    const struct tl_tensor *largest = q->outputs[0].tensor;
    struct tl_probe *probe = NULL;
    for (uint64_t i = 1; i < q->n_outputs; i++)
        largest = q->outputs[i].tensor->n_bytes > largest->n_bytes ? q->outputs[i].tensor : largest;
    int r = tl_probe_open(tl_modelfile_part(q->file, largest->part)->path, NULL, tl_probe_usual_depth, tl_probe_usual_bytes, &probe);
    if (r >= 0)
        r = tl_probe_read(probe, tl_probe_usual_bytes, tl_probe_usual_depth, measured_seconds, NULL, &q->report->drive_bytes_per_s);
    tl_probe_close(probe);
    return r;
}

/* Tensors follow each other, so each needs at least what the slower of the two does: threads to encode it, the drive to read and write it. */
static void find_limits(struct tl_quantizing *q)
{
    struct tl_quantize_report *report = q->report;
    for (uint64_t i = report->resumed; i < q->n_outputs; i++) {
        struct tl_rows rows;
        if (tl_rows_measure(q, &q->outputs[i], &rows) < 0)
            continue;
        double encode = q->outputs[i].encode_seconds, drive = (double)(rows.rows * (rows.in_bytes + rows.out_bytes)) / report->drive_bytes_per_s;
        *(encode > drive ? &report->encoder_limit_seconds : &report->drive_limit_seconds) += encode > drive ? encode : drive;
    }
}

static int write_tensors(struct tl_quantizing *q)
{
    uint64_t began_ns = tl_clock_ns();
    int r = tl_quantize_flow(q, q->report->resumed);
    q->report->flow_seconds = tl_clock_seconds(began_ns);
    return r;
}

static int begin_progress(struct tl_quantizing *q)
{
    uint64_t total = 0;
    int r = 0;
    for (uint64_t i = 0; i < q->n_outputs && r >= 0; i++) {
        struct tl_rows rows = {0};
        r = tl_rows_measure(q, &q->outputs[i], &rows);
        total += rows.rows * rows.in_bytes;
        q->done_bytes += i < q->report->resumed ? rows.rows * rows.in_bytes : 0;
    }
    return r < 0 ? r : tl_progress_begin(q->progress, "writing", q->done_bytes, total, "bytes");
}

/* What is refused before its first byte leaves nothing behind. */
static void drop_empty(const struct tl_quantizing *q)
{
    TL_AUTO char *partial = q->path ? tl_file_beside(q->path, ".partial") : NULL;
    struct stat found;
    if (partial && stat(partial, &found) == 0 && found.st_size == 0)
        unlink(partial);
    if (q->path && tl_modelfile_format(q->file) == TL_MODELFILE_SAFETENSORS)
        rmdir(q->how->output);                           /* unless something lies there */
}

static int write_beside(struct tl_quantizing *q)
{
    if (q->conversion)
        return tl_conversion_beside(q->conversion, tl_quantize_stored(q), q->writer);
    int r = q->kept && tl_modelfile_format(q->file) == TL_MODELFILE_SAFETENSORS ? tl_quantize_config(q) : 0;
    return r < 0 ? r : tl_writer_copy_beside(q->writer, q->file);
}

static int write_all(struct tl_quantizing *q)
{
    int r = open_output(q);
    if (r >= 0)
        r = declare(q);
    if (r >= 0)
        r = check_room(q);
    if (r < 0 && q->writer)                              /* else another process has it */
        drop_empty(q);
    if (r >= 0)
        r = drop_stale(q);
    if (r >= 0)
        r = tl_writer_resume(q->writer, &q->report->resumed);
    if (r >= 0)
        r = begin_progress(q);
    if (r >= 0)
        r = write_tensors(q);
    if (r >= 0)
        r = write_beside(q);
    return r < 0 ? r : tl_writer_commit(q->writer);
}

int tl_quantize(const struct tl_quantize_how *how, struct tl_progress *progress, struct tl_quantize_report *ret_report)
{
    struct tl_quantizing q = {.how = how, .progress = progress, .report = ret_report};
    uint64_t began_ns = tl_clock_ns();
    *ret_report = (struct tl_quantize_report){0};
    int r = open_all(&q);
    if (r >= 0)
        r = tl_quantize_plan(&q);
    if (r >= 0)
        r = tl_quantize_size(&q);
    if (r >= 0)
        r = write_all(&q);
    if (r >= 0)
        sum_up(&q);
    ret_report->seconds = tl_clock_seconds(began_ns);
    if (r >= 0 && !q.conversion && ret_report->flow_seconds > long_seconds)
        r = measure_drive(&q);
    if (r >= 0 && ret_report->drive_bytes_per_s > 0)
        find_limits(&q);
    close_all(&q);
    return r;
}
