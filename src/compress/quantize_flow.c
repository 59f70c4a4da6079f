/* SPDX-License-Identifier: MIT */
/* A model on its way: runs of rows, in the order of the file that is written. Those that come next are read by the store's queue
 * of direct reads, one is encoded by all threads, those behind it wait for the thread that writes. Each has a slot from when it
 * is asked for until it is written, so memory is bounded whatever the tensors are. All that changes hands does so under the drive's
 * lock. */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/memory.h"
#include "compress/quantize_impl.h"

struct slot {
    struct tl_run run;
    uint32_t raw;                        /* the buffer that it was read into; TL_NO_KEY: not yet */
    uint8_t *out;
};

struct flow {
    struct tl_quantizing *q;
    struct tl_drive drive;
    struct tl_frame frames[TL_RUN_SLOTS];            /* one a slot */
    struct tl_raw raws[TL_RUN_SLOTS];
    struct slot slots[TL_RUN_SLOTS];
    uint8_t *memory;
    double *scratch;
    uint64_t output;                     /* of the run that is asked for next, which begins where `next` does */
    struct tl_run next;
    uint64_t n_asked, n_encoded, n_written;          /* runs; slot i % slots has run i */
    bool ended;                          /* no more will be encoded */
    pthread_cond_t moved;                /* n_encoded, n_written, ended */
    pthread_t writer;
    bool writing;                        /* the writer was started */
    int status;                          /* of writing */
    char text[512];
};

/* --- reading -------------------------------------------------------------------------------------------------------------- */

static uint32_t locate(void *context, const struct tl_frame *frame, uint32_t piece, struct tl_extent ret_extents[TL_EXTENTS])
{
    const struct flow *f = context;
    const struct tl_run *run = &f->slots[frame - f->frames].run;
    const struct tl_tensor *tensor = run->output->tensor;
    (void)piece;
    ret_extents[0] = (struct tl_extent){tensor->part, tensor->offset + run->offset, run->n_bytes};
    return 1;
}

/* The next run goes into a slot; 0: there is none. */
static int cut(struct flow *f, struct slot *slot)
{
    struct tl_quantizing *q = f->q;
    int r = 0;
    for (; f->output < q->n_outputs && r >= 0; f->output++, f->next = (struct tl_run){0}) {
        if (!f->next.output) {
            f->next.output = &q->outputs[f->output];
            r = tl_rows_measure(q, f->next.output, &f->next.rows);
        }
        if (r >= 0 && tl_run_cut(&q->sizes, &f->next)) {
            slot->run = f->next;
            slot->raw = TL_NO_KEY;
            f->next.row += f->next.n_rows;
            return 1;
        }
    }
    return r;
}

/* What is read as another kind of file is made here, a run when the one before has been encoded. */
static int make_run(struct flow *f)
{
    uint32_t slot = (uint32_t)(f->n_asked % f->q->sizes.slots);
    struct tl_raw *raw = &f->raws[slot];
    const struct tl_run *run = &f->slots[slot].run;
    if (f->n_asked > f->n_encoded || f->n_asked - f->n_written == f->q->sizes.slots)
        return 0;
    int r = cut(f, &f->slots[slot]);
    if (r <= 0)
        return r;
    pthread_mutex_unlock(&f->drive.lock);
    r = tl_modelfile_read(f->q->file, run->output->tensor, run->offset, raw->data, run->n_bytes);
    pthread_mutex_lock(&f->drive.lock);
    raw->read[0] = raw->data;
    f->slots[slot].raw = slot;
    f->n_asked += r >= 0;
    return r;
}

/* Asks for as many runs as have slots, and takes what has been read. */
static int read_ahead(struct flow *f)
{
    uint32_t raws[TL_RUN_SLOTS], n, slots = f->q->sizes.slots;
    int r = 1;
    if (f->q->conversion)
        return make_run(f);
    while (r > 0 && f->n_asked - f->n_written < slots && (r = cut(f, &f->slots[f->n_asked % slots])) > 0) {
        f->frames[f->n_asked % slots].n_pieces = 1;
        tl_drive_queue(&f->drive, (uint32_t)(f->n_asked++ % slots), TL_DEMAND);
    }
    tl_drive_pump(&f->drive);
    n = tl_drive_landed(&f->drive, raws, TL_RUN_SLOTS);
    for (uint32_t i = 0; i < n; i++) {
        const struct tl_raw *raw = &f->raws[raws[i]];
        f->slots[raw->frame].raw = raws[i];
        if (raw->error && r >= 0)
            r = tl_drive_fail(&f->drive, raw);
    }
    return r < 0 ? r : 0;
}

static const uint8_t *bytes_of(const struct flow *f, const struct slot *slot) { return f->raws[slot->raw].read[0]; }

/* --- writing -------------------------------------------------------------------------------------------------------------- */

static int write_run(struct flow *f, const struct slot *slot)
{
    const struct tl_run *run = &slot->run;
    uint64_t began_ns = tl_clock_ns();
    int r = tl_writer_bytes(f->q->writer, run->output->number ? slot->out : bytes_of(f, slot), run->n_rows * run->rows.out_bytes);
    f->q->report->write_seconds += tl_clock_seconds(began_ns);
    f->q->report->written_bytes += run->n_rows * run->rows.out_bytes;
    return r;
}

static void *write_runs(void *argument)
{
    struct flow *f = argument;
    pthread_mutex_lock(&f->drive.lock);
    while (f->status >= 0) {
        while (f->n_written == f->n_encoded && !f->ended)
            pthread_cond_wait(&f->moved, &f->drive.lock);
        if (f->n_written == f->n_encoded)
            break;
        const struct slot *slot = &f->slots[f->n_written % f->q->sizes.slots];
        pthread_mutex_unlock(&f->drive.lock);
        int r = write_run(f, slot);
        pthread_mutex_lock(&f->drive.lock);
        if (!f->q->conversion)
            tl_drive_release(&f->drive, slot->raw);
        f->n_written++;
        f->status = r;
        if (r < 0)
            snprintf(f->text, sizeof(f->text), "%s", tl_error_text());
        pthread_cond_broadcast(&f->moved);
    }
    pthread_mutex_unlock(&f->drive.lock);
    return NULL;
}

/* Its files may grow too large, as those of any thread: that signal it takes. */
static int start_writer(struct flow *f)
{
    sigset_t all, before;
    sigfillset(&all);
    sigdelset(&all, SIGXFSZ);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int r = tl_memory_permit() ? pthread_create(&f->writer, NULL, write_runs, f) : EAGAIN;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    f->writing = r == 0;
    return r ? tl_fail(TL_E_NOMEM, "the thread that writes cannot be started: %s", strerror(r)) : 0;
}

/* --- the flow ------------------------------------------------------------------------------------------------------------- */

/* Under lock, but for the encoding itself. */
static int pass_run(struct flow *f, struct slot *slot)
{
    struct tl_quantizing *q = f->q;
    if (slot->run.output->number) {
        pthread_mutex_unlock(&f->drive.lock);
        int r = tl_run_encode(q, &slot->run, bytes_of(f, slot), slot->out, f->scratch);
        pthread_mutex_lock(&f->drive.lock);
        if (r < 0)
            return r;
    }
    f->n_encoded++;
    pthread_cond_broadcast(&f->moved);
    q->report->read_bytes += tl_run_source_bytes(q, &slot->run);
    return tl_progress_move(q->progress, q->done_bytes += slot->run.n_bytes);
}

static int run_flow(struct flow *f)
{
    int r = 0;
    pthread_mutex_lock(&f->drive.lock);
    while (r >= 0 && (r = read_ahead(f)) >= 0) {
        struct slot *slot = &f->slots[f->n_encoded % f->q->sizes.slots];
        if (f->status < 0)
            break;
        if (f->n_encoded == f->n_asked && f->n_written == f->n_asked)
            break;
        if (f->n_encoded == f->n_asked)
            pthread_cond_wait(&f->moved, &f->drive.lock);
        else
            r = slot->raw == TL_NO_KEY ? tl_drive_wait(&f->drive) : pass_run(f, slot);
    }
    f->ended = true;
    pthread_cond_broadcast(&f->moved);
    pthread_mutex_unlock(&f->drive.lock);
    return r;
}

static int open_flow(struct flow *f)
{
    struct tl_quantizing *q = f->q;
    const struct tl_flow_sizes *s = &q->sizes;
    uint64_t raw_bytes = tl_extent_room(s->in_bytes);
    uint32_t n_parts = 1;
    f->memory = tl_alloc(s->slots * (raw_bytes + s->out_bytes) + TL_DRIVE_ALIGN, 1);
    f->scratch = tl_alloc(tl_run_scratch_bytes(s->cols, tl_pool_threads(q->pool)), 1);
    if (!f->memory || !f->scratch)
        return TL_E_NOMEM;
    uint8_t *raws = f->memory + (-(uintptr_t)f->memory & (TL_DRIVE_ALIGN - 1));
    for (uint32_t i = 0; i < s->slots; i++) {
        f->raws[i].data = raws + i * raw_bytes;
        f->slots[i].out = raws + s->slots * raw_bytes + i * s->out_bytes;
    }
    for (uint64_t i = 0; i < tl_modelfile_tensors(q->source); i++)
        n_parts = tl_modelfile_tensor(q->source, i)->part >= n_parts ? tl_modelfile_tensor(q->source, i)->part + 1 : n_parts;
    f->drive.meters = &q->meters;
    f->drive.locate = locate;
    f->drive.context = f;
    f->drive.frames = f->frames;
    f->drive.raws = f->raws;
    f->drive.raw_bytes = raw_bytes;
    f->drive.n_frames = f->drive.n_raws = s->slots;
    f->drive.depth = TL_DRIVE_DEPTH;
    int r = tl_drive_open(&f->drive, q->source, n_parts, NULL, q->how->log, q->how->context);
    return r < 0 ? r : start_writer(f);
}

int tl_quantize_flow(struct tl_quantizing *q, uint64_t first)
{
    struct flow *f = tl_alloc(1, sizeof(*f));
    if (!f)
        return TL_E_NOMEM;
    f->q = q;
    f->output = first;
    pthread_cond_init(&f->moved, NULL);
    int r = open_flow(f);
    if (r >= 0)
        r = run_flow(f);
    if (f->writing)
        pthread_join(f->writer, NULL);
    if (r >= 0 && f->status < 0)
        r = tl_error_set(f->status, f->text);
    if (r >= 0)
        r = tl_drive_check(&f->drive);
    tl_drive_close(&f->drive);
    pthread_cond_destroy(&f->moved);
    tl_free(f->memory);
    tl_free(f->scratch);
    tl_free(f);
    return r;
}
