/* SPDX-License-Identifier: MIT */
/* Checkpoints of a scoring run: one file, written beside its place and put there when it is whole. It holds what is
 * finished and, within a sweep, the hidden states before a layer; it is bound to the work by a digest and checked by a
 * SHA-256 at its end. */
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/file.h"
#include "base/memory.h"
#include "engine/score_impl.h"

enum { READ_BYTES = 1 << 20, LEAST_PAUSE = 20 };      /* a checkpoint costs at most a twentieth of the time */

static const char magic[8] = "trillcp1";

struct header {
    char magic[8];
    uint32_t layer, n_windows, n_tokens, width;          /* layer 0: between sweeps */
    uint64_t windows_done, tokens_done, records_done, n_ids, sums_bytes;
    uint8_t work[TL_SHA256_BYTES];
};

struct tl_checkpoint {
    const char *path;
    uint64_t written_ns, cost_ns;
    struct tl_file *file;                /* that is taken up, until X is read */
    uint64_t x_at;
};

int tl_checkpoint_new(struct tl_scoring *s)
{
    s->checkpoint = tl_alloc(1, sizeof(*s->checkpoint));
    if (!s->checkpoint)
        return TL_E_NOMEM;
    s->checkpoint->path = s->how->checkpoint;
    s->checkpoint->written_ns = tl_clock_ns();
    return 0;
}

void tl_checkpoint_free(struct tl_checkpoint *checkpoint)
{
    if (checkpoint)
        tl_file_close(checkpoint->file);
    tl_free(checkpoint);
}

void tl_checkpoint_remove(struct tl_scoring *s)
{
    if (s->checkpoint)
        unlink(s->checkpoint->path);
}

/* --- reading ------------------------------------------------------------------------------------------------------ */

static int check_digest(const struct tl_file *file)
{
    struct tl_sha256 sha;
    uint8_t digest[TL_SHA256_BYTES], stored[TL_SHA256_BYTES];
    uint64_t end = file->size_bytes - sizeof(stored);
    TL_AUTO uint8_t *bytes = tl_alloc(READ_BYTES, 1);
    int status = bytes ? 0 : TL_E_NOMEM;
    tl_sha256_init(&sha);
    for (uint64_t at = 0; at < end && status >= 0; at += READ_BYTES) {
        uint64_t n = end - at < READ_BYTES ? end - at : READ_BYTES;
        status = tl_file_read(file, at, bytes, n);
        if (status >= 0)
            tl_sha256_add(&sha, bytes, n);
    }
    if (status >= 0)
        status = tl_file_read(file, end, stored, sizeof(stored));
    if (status < 0)
        return status;
    tl_sha256_end(&sha, digest);
    return memcmp(digest, stored, sizeof(digest)) ? tl_fail(TL_E_FAIL, "%s: the checkpoint is damaged: its checksum does not fit", file->path) : 0;
}

static int check(const struct tl_scoring *s, const struct tl_file *file, const struct header *h)
{
    uint64_t sums_bytes = 0;
    const struct tl_geometry *g = tl_model_geometry(s->engine->model);
    const struct tl_model_limits *limits = tl_model_limits(s->engine->model);
    if (s->taps)
        tl_taps_sums(s->taps, &sums_bytes);
    uint64_t expected = sizeof(*h) + s->n_ids * sizeof(float) + sums_bytes + (uint64_t)h->n_tokens * g->width * sizeof(float) + TL_SHA256_BYTES;
    if (memcmp(h->magic, magic, sizeof(magic)) != 0)
        return tl_fail(TL_E_FAIL, "%s: is not a checkpoint of scoring", file->path);
    if (memcmp(h->work, s->work, sizeof(h->work)) != 0)
        return tl_fail(TL_E_USAGE, "%s: is a checkpoint of other work (text, model, windows or files differ); remove it to begin anew", file->path);
    if (h->n_ids != s->n_ids || h->width != g->width || h->layer > g->n_layers || h->sums_bytes != sums_bytes || file->size_bytes != expected ||
        (h->layer != 0) != (h->n_tokens != 0))
        return tl_fail(TL_E_FAIL, "%s: the checkpoint is damaged: it has %llu bytes, expected %llu", file->path,
                       (unsigned long long)file->size_bytes, (unsigned long long)expected);
    if (h->n_tokens > limits->chunk || h->n_windows > limits->sessions)
        return tl_fail(TL_E_BUDGET, "%s: goes on with a sweep of %u tokens in %u windows, the budget allows %u in %u", file->path,
                       h->n_tokens, h->n_windows, limits->chunk, limits->sessions);
    return check_digest(file);
}

static int take_up(struct tl_scoring *s, const struct tl_file *file, const struct header *h)
{
    struct tl_window window;
    uint64_t at = sizeof(*h), sums_bytes = 0;
    void *sums = s->taps ? tl_taps_sums(s->taps, &sums_bytes) : NULL;
    int status = tl_file_read(file, at, s->nll, s->n_ids * sizeof(float));
    at += s->n_ids * sizeof(float);
    if (status >= 0 && sums_bytes)
        status = tl_file_read(file, at, sums, sums_bytes);
    s->checkpoint->x_at = at + sums_bytes;
    for (uint64_t i = 0; i < h->windows_done && status >= 0; i++)
        if (!tl_windows_next(&s->cursor, &window))
            return tl_fail(TL_E_FAIL, "%s: the checkpoint is damaged: more windows are done than there are", file->path);
    s->windows_done = h->windows_done;
    s->tokens_done = h->tokens_done;
    s->resumed = h->tokens_done + (uint64_t)h->n_tokens * h->layer / (tl_model_geometry(s->engine->model)->n_layers + 1u);
    s->records_done = h->records_done;
    s->first_layer = h->layer;
    s->n_windows = h->n_windows;
    return status;
}

int tl_checkpoint_resume(struct tl_scoring *s)
{
    struct tl_checkpoint *c = s->checkpoint;
    struct header header;
    if (!c || !tl_file_exists(c->path))
        return 0;
    int status = tl_file_open(c->path, &c->file);
    if (status >= 0 && c->file->size_bytes < sizeof(header) + TL_SHA256_BYTES)
        status = tl_fail(TL_E_FAIL, "%s: is not a checkpoint of scoring", c->path);
    if (status >= 0)
        status = tl_file_read(c->file, 0, &header, sizeof(header));
    if (status >= 0)
        status = check(s, c->file, &header);
    if (status >= 0)
        status = take_up(s, c->file, &header);
    return status < 0 ? status : 1;
}

int tl_checkpoint_x(struct tl_scoring *s, uint32_t n_tokens, float *x)
{
    struct tl_checkpoint *c = s->checkpoint;
    int status = tl_file_read(c->file, c->x_at, x, (uint64_t)n_tokens * tl_model_geometry(s->engine->model)->width * sizeof(float));
    tl_file_close(c->file);
    c->file = NULL;
    return status;
}

/* --- writing ------------------------------------------------------------------------------------------------------ */

bool tl_checkpoint_due(const struct tl_scoring *s)
{
    const struct tl_checkpoint *c = s->checkpoint;
    if (!c)
        return false;
    uint64_t age_ns = tl_clock_ns() - c->written_ns;
    return s->how->checkpoint_seconds <= 0 || ((double)age_ns * 1e-9 >= s->how->checkpoint_seconds && age_ns / LEAST_PAUSE >= c->cost_ns);
}

struct out { struct tl_outfile *file; struct tl_sha256 sha; int status; };

static void put(struct out *out, const void *bytes, uint64_t n_bytes)
{
    if (out->status < 0 || !n_bytes)
        return;
    tl_sha256_add(&out->sha, bytes, n_bytes);
    out->status = tl_outfile_write(out->file, bytes, n_bytes);
}

static int write_all(struct tl_scoring *s, const struct header *h, const float *x)
{
    struct out out = { .file = NULL };
    uint8_t digest[TL_SHA256_BYTES];
    uint64_t sums_bytes;
    out.status = s->teacher ? tl_teacher_sync(s->teacher) : s->how->row ? s->how->keep(s->how->context, h->records_done, false) : 0;
    if (out.status >= 0)
        out.status = tl_outfile_open(s->checkpoint->path, &out.file);
    tl_sha256_init(&out.sha);
    put(&out, h, sizeof(*h));
    put(&out, s->nll, s->n_ids * sizeof(float));
    if (s->taps)
        put(&out, tl_taps_sums(s->taps, &sums_bytes), h->sums_bytes);
    put(&out, x, (uint64_t)h->n_tokens * h->width * sizeof(float));
    tl_sha256_end(&out.sha, digest);
    if (out.status >= 0)
        out.status = tl_outfile_write(out.file, digest, sizeof(digest));
    if (out.status >= 0)
        out.status = tl_outfile_commit(out.file);
    tl_outfile_close(out.file);
    return out.status;
}

void tl_checkpoint_write(struct tl_scoring *s, uint32_t layer, uint32_t n_tokens, const float *x)
{
    struct header header = {
        .layer = layer, .n_windows = x ? s->n_windows : 0, .n_tokens = x ? n_tokens : 0, .width = tl_model_geometry(s->engine->model)->width,
        .windows_done = s->windows_done, .tokens_done = s->tokens_done, .records_done = s->records_done, .n_ids = s->n_ids,
    };
    uint64_t began_ns = tl_clock_ns();
    memcpy(header.magic, magic, sizeof(magic));
    memcpy(header.work, s->work, sizeof(s->work));
    if (s->taps)
        tl_taps_sums(s->taps, &header.sums_bytes);
    if (write_all(s, &header, x) < 0)
        tl_scoring_warn(s);
    s->checkpoint->written_ns = tl_clock_ns();
    s->checkpoint->cost_ns = s->checkpoint->written_ns - began_ns;
}
