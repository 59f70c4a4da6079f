/* SPDX-License-Identifier: MIT */
/* The queue: what is demanded is read before what is only likely, a frame after the other, piece by piece. Borders of
 * direct reads are multiples of 4 KiB; what lies around a piece is read along and passed over. */
#include "store/drive.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/memory.h"

/* --- lists --- */

static void append(struct tl_drive *d, uint32_t frame, enum tl_priority priority)
{
    struct tl_frame *f = &d->frames[frame];
    f->queued = true;
    f->priority = priority;
    f->next = TL_NO_KEY;
    if (d->first[priority] == TL_NO_KEY)
        d->first[priority] = frame;
    else
        d->frames[d->last[priority]].next = frame;
    d->last[priority] = frame;
}

static void take_out(struct tl_drive *d, uint32_t frame)
{
    struct tl_frame *f = &d->frames[frame];
    uint32_t at = d->first[f->priority], before = TL_NO_KEY;
    for (; at != frame; at = d->frames[at].next)
        before = at;
    if (before == TL_NO_KEY)
        d->first[f->priority] = f->next;
    else
        d->frames[before].next = f->next;
    if (d->last[f->priority] == frame)
        d->last[f->priority] = before;
    f->queued = false;
}

static void forget_queues(struct tl_drive *d)
{
    for (int i = 0; i < TL_PRIORITIES; i++)
        d->first[i] = TL_NO_KEY;
}

static void land(struct tl_drive *d, uint32_t raw)
{
    d->raws[raw].next = TL_NO_KEY;
    if (d->landed_first == TL_NO_KEY)
        d->landed_first = raw;
    else
        d->raws[d->landed_last].next = raw;
    d->landed_last = raw;
    d->n_landed++;
    pthread_cond_signal(&d->landed);
}

uint32_t tl_drive_landed(struct tl_drive *d, uint32_t *ret_raws, uint32_t most)
{
    uint32_t n = 0;
    for (; n < most && d->landed_first != TL_NO_KEY; d->n_landed--) {
        ret_raws[n++] = d->landed_first;
        d->landed_first = d->raws[d->landed_first].next;
    }
    return n;
}

void tl_drive_release(struct tl_drive *d, uint32_t raw)
{
    d->raws[raw].next = d->free_raw;
    d->free_raw = raw;
    d->n_free++;
}

/* --- reads --- */

static int begin(struct tl_drive *d, uint32_t index)
{
    struct tl_raw *raw = &d->raws[index];
    const struct tl_drive_part *part = &d->parts[raw->extents[raw->extent].part];
    raw->direct = part->direct;
    if (!tl_file_permit())
        return EIO;
    return -d->io->read(d->io_state, part->direct ? part->direct_fd : part->fd, raw->offset + raw->begun, raw->to + raw->begun,
                        (uint32_t)(raw->length - raw->begun), index);
}

/* Borders of the read of its next extent. */
static void aim(struct tl_raw *raw, uint32_t extent, uint8_t *to)
{
    const struct tl_extent *e = &raw->extents[extent];
    raw->extent = extent;
    raw->to = to;
    raw->offset = e->offset / TL_DRIVE_ALIGN * TL_DRIVE_ALIGN;
    raw->skip = e->offset - raw->offset;
    raw->length = (raw->skip + e->n_bytes + TL_DRIVE_ALIGN - 1) / TL_DRIVE_ALIGN * TL_DRIVE_ALIGN;
    raw->done = raw->begun = 0;
    raw->read[extent] = to + raw->skip;
}

static void start_piece(struct tl_drive *d, uint32_t frame)
{
    struct tl_frame *f = &d->frames[frame];
    uint32_t index = d->free_raw;
    struct tl_raw *raw = &d->raws[index];
    d->free_raw = raw->next;
    d->n_free--;
    raw->frame = frame;
    raw->piece = f->next_piece++;
    raw->n_extents = d->locate(d->context, f, raw->piece, raw->extents);
    aim(raw, 0, raw->data);
    if (f->next_piece == f->n_pieces)
        take_out(d, frame);
    if (d->n_in_flight++ == 0)
        d->busy_since_ns = tl_clock_ns();
    raw->error = begin(d, index);
    if (raw->error) {
        d->n_in_flight--;
        land(d, index);
    }
}

void tl_drive_pump(struct tl_drive *d)
{
    while (d->n_in_flight < d->depth && d->n_free) {
        enum tl_priority p = TL_DEMAND;
        while (p < TL_PRIORITIES && d->first[p] == TL_NO_KEY)
            p++;
        if (p == TL_PRIORITIES || (p == TL_AHEAD && (d->n_free <= d->n_raws / 3 || d->n_in_flight > d->depth / 2)))
            return;
        start_piece(d, d->first[p]);
    }
}

enum { COMPLETE = 0, ENDS_EARLY = -1, GOES_ON = -2 };       /* > 0: errno */

static int judge(struct tl_drive *d, struct tl_raw *raw, int64_t result)
{
    if (result == -EINVAL && raw->direct)
        d->parts[raw->extents[raw->extent].part].direct = false;        /* the system took the flag, but not the read */
    else if (result < 0 && result != -EINTR && result != -EAGAIN)
        return (int)-result;
    raw->done = raw->begun + (result > 0 ? (uint64_t)result : 0);
    if (raw->done >= raw->skip + raw->extents[raw->extent].n_bytes) {
        tl_meter_add(d->meters, TL_METER_DRIVE_BYTES, raw->length);
        if (raw->extent + 1 == raw->n_extents)
            return COMPLETE;
        aim(raw, raw->extent + 1, raw->to + raw->length);
        return GOES_ON;
    }
    uint64_t from = raw->direct ? raw->done / TL_DRIVE_ALIGN * TL_DRIVE_ALIGN : raw->done;
    if (result >= 0 && from <= raw->begun)
        return ENDS_EARLY;
    raw->begun = from;
    return GOES_ON;
}

static void done(void *context, uint32_t index, int64_t result)
{
    struct tl_drive *d = context;
    struct tl_raw *raw = &d->raws[index];
    pthread_mutex_lock(&d->lock);
    raw->error = judge(d, raw, result);
    bool goes_on = raw->error == GOES_ON && (raw->error = begin(d, index)) == 0;
    if (!goes_on) {
        if (--d->n_in_flight == 0)
            tl_meter_add(d->meters, TL_METER_DRIVE_BUSY_NS, tl_clock_ns() - d->busy_since_ns);
        land(d, index);
        tl_drive_pump(d);
    }
    pthread_mutex_unlock(&d->lock);
}

void tl_drive_queue(struct tl_drive *d, uint32_t frame, enum tl_priority priority)
{
    struct tl_frame *f = &d->frames[frame];
    f->state = TL_FRAME_LOADING;
    f->next_piece = 0;
    f->n_left = f->n_pieces;
    f->given_up = false;
    append(d, frame, priority);
}

void tl_drive_move(struct tl_drive *d, uint32_t frame, enum tl_priority priority)
{
    if (!d->frames[frame].queued || d->frames[frame].priority == TL_DEMAND)
        return;
    take_out(d, frame);
    append(d, frame, priority);
}

void tl_drive_give_up(struct tl_drive *d, uint32_t frame)
{
    struct tl_frame *f = &d->frames[frame];
    if (f->queued)
        take_out(d, frame);
    f->n_left -= f->n_pieces - f->next_piece;
    f->next_piece = f->n_pieces;
    f->given_up = true;
}

int tl_drive_wait(struct tl_drive *d)
{
    uint64_t begin = tl_clock_ns();
    while (!d->n_landed && d->n_in_flight)
        pthread_cond_wait(&d->landed, &d->lock);
    tl_meter_add(d->meters, TL_METER_STALL_NS, tl_clock_ns() - begin);
    return d->n_landed ? 0 : tl_fail(TL_E_FAIL, "a step waits for a read that was never begun");
}

static int check_part(const struct tl_drive_part *part)
{
    struct stat now;
    if (fstat(part->fd, &now) < 0)
        return tl_fail(TL_E_IO, "%s: %s", part->path, strerror(errno));
    if ((uint64_t)now.st_size != part->size_bytes)
        return tl_fail(TL_E_IO, "%s has changed while it is in use: it has %llu bytes, when it was opened it had %" PRIu64, part->path,
                       (unsigned long long)now.st_size, part->size_bytes);
    if (now.st_mtim.tv_sec != part->changed.tv_sec || now.st_mtim.tv_nsec != part->changed.tv_nsec)
        return tl_fail(TL_E_IO, "%s has changed while it is in use: it was written to", part->path);
    return 0;
}

int tl_drive_check(const struct tl_drive *d)
{
    int status = 0;
    for (uint32_t i = 0; i < d->n_parts && status >= 0; i++)
        status = check_part(&d->parts[i]);
    return status;
}

int tl_drive_fail(const struct tl_drive *d, const struct tl_raw *raw)
{
    const struct tl_extent *extent = &raw->extents[raw->extent];
    const char *path = d->parts[extent->part].path;
    int changed = check_part(&d->parts[extent->part]);
    if (changed < 0)
        return changed;
    if (raw->error == ENDS_EARLY)
        return tl_fail(TL_E_IO, "%s: ends at byte %" PRIu64 ", expected %" PRIu64 " bytes from %" PRIu64, path, raw->offset + raw->done,
                       extent->n_bytes, extent->offset);
    return tl_fail(TL_E_IO, "%s: reading at byte %" PRIu64 ": %s", path, raw->offset + raw->begun, strerror(raw->error));
}

/* --- opening --- */

struct speaker { void (*log)(void *context, int level, const char *text); void *context; };

static void say(const struct speaker *speaker, const char *format, const char *what)
{
    char text[600];
    if (!speaker->log)
        return;
    snprintf(text, sizeof(text), format, what);
    speaker->log(speaker->context, 1, text);
}

/* A second description of the same file: the one that was opened first, whatever its path leads to by now. */
static int open_direct(const struct tl_file *file)
{
    char link[64];
    struct stat first, second;
    snprintf(link, sizeof(link), "/proc/self/fd/%d", file->fd);
    int fd = open(link, O_RDONLY | O_CLOEXEC | O_DIRECT);
    if (fd < 0 && errno == ENOENT)
        fd = open(file->path, O_RDONLY | O_CLOEXEC | O_DIRECT);
    if (fd >= 0 && (fstat(file->fd, &first) < 0 || fstat(fd, &second) < 0 || first.st_ino != second.st_ino || first.st_dev != second.st_dev)) {
        close(fd);
        fd = -1;
    }
    return fd;
}

static int open_parts(struct tl_drive *d, const struct tl_modelfile *file, uint32_t n_parts, const struct speaker *speaker)
{
    bool told = false;
    d->parts = tl_alloc(n_parts, sizeof(*d->parts));
    if (!d->parts)
        return TL_E_NOMEM;
    for (; d->n_parts < n_parts; d->n_parts++) {
        const struct tl_file *from = tl_modelfile_part(file, d->n_parts);
        struct tl_drive_part *part = &d->parts[d->n_parts];
        struct stat now;
        *part = (struct tl_drive_part){.fd = from->fd, .path = from->path, .direct_fd = open_direct(from), .size_bytes = from->size_bytes};
        if (fstat(from->fd, &now) == 0)
            part->changed = now.st_mtim;
        part->direct = part->direct_fd >= 0 && pread(part->direct_fd, d->raws[0].data, TL_DRIVE_ALIGN, 0) > 0;
        if (!part->direct && !told)
            say(speaker, "%s: direct reads are not possible here, the system's cache takes part", from->path);
        told = told || !part->direct;
    }
    return 0;
}

static int open_io(struct tl_drive *d, const struct tl_io *io, const struct speaker *speaker)
{
    int status = TL_E_IO;
    for (uint32_t i = 0; tl_io_at(i) && status == TL_E_IO; i++) {
        const struct tl_io *way = io ? io : tl_io_at(i);
        status = way->open(d->depth, done, d, &d->io_state);
        d->io = status >= 0 ? way : NULL;
        if (status == TL_E_IO && tl_io_at(i + 1)) {
            say(speaker, "%s; reading with a pool of threads instead", tl_error_text());
            io = io == tl_io_at(i + 1) ? io : NULL;
        }
    }
    return status;
}

int tl_drive_open(struct tl_drive *d, const struct tl_modelfile *file, uint32_t n_parts, const struct tl_io *io,
                  void (*log)(void *context, int level, const char *text), void *log_context)
{
    struct speaker speaker = {log, log_context};
    pthread_mutex_init(&d->lock, NULL);
    pthread_cond_init(&d->landed, NULL);
    d->is_open = true;
    d->free_raw = d->landed_first = TL_NO_KEY;
    forget_queues(d);
    d->n_free = d->n_landed = d->n_in_flight = 0;
    for (uint32_t i = d->n_raws; i-- > 0;)
        tl_drive_release(d, i);
    int status = open_parts(d, file, n_parts, &speaker);
    return status < 0 ? status : open_io(d, io, &speaker);
}

void tl_drive_close(struct tl_drive *d)
{
    if (!d->is_open)
        return;
    pthread_mutex_lock(&d->lock);
    forget_queues(d);
    while (d->n_in_flight)
        pthread_cond_wait(&d->landed, &d->lock);
    pthread_mutex_unlock(&d->lock);
    if (d->io)
        d->io->close(d->io_state);
    for (uint32_t i = 0; i < d->n_parts; i++)
        if (d->parts[i].direct_fd >= 0)
            close(d->parts[i].direct_fd);
    tl_free(d->parts);
    pthread_mutex_destroy(&d->lock);
    pthread_cond_destroy(&d->landed);
    d->is_open = false;
}
