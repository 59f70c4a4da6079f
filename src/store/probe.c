/* SPDX-License-Identifier: MIT */
/* Requests follow each other from the thread that reports the former one, so that always as many are under way as asked
 * for. The time runs from the first request until the last is reported: a drive that answers in bursts looks no faster. */
#include "store/probe.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/file.h"
#include "base/memory.h"
#include "store/drive.h"
#include "store/store_impl.h"

enum { BLOCK_BYTES = 4 << 20, WAIT_NS = 50000000 };
const uint64_t tl_probe_usual_bytes = TL_PIECE_BYTES;
const uint32_t tl_probe_usual_depth = TL_DRIVE_DEPTH;

struct tl_probe {
    pthread_mutex_t lock;
    pthread_cond_t landed;
    const struct tl_io *io;
    void *io_state;
    int fd;
    bool direct, whole;
    char *path;
    uint64_t size_bytes, most_bytes;
    uint32_t most_depth;
    struct tl_arena arena;
    uint8_t *buffers;                    /* [most_depth][most_bytes] */
    uint64_t at;                         /* requests so far: where the order goes on */
    /* of the reading under way */
    uint64_t request_bytes, n_slots, stride;
    uint32_t n_in_flight;
    bool stop;
    int error;                           /* errno of the first that failed */
    uint64_t bytes, last_ns;             /* reported; when the last one was */
};

/* --- reading ------------------------------------------------------------------------------------------------------ */

/* Under lock. */
static void begin(struct tl_probe *p, uint32_t tag)
{
    uint64_t offset = p->at++ * p->stride % p->n_slots * p->request_bytes;
    int e = tl_file_permit() ? -p->io->read(p->io_state, p->fd, offset, p->buffers + tag * p->most_bytes, (uint32_t)p->request_bytes, tag) : EIO;
    p->n_in_flight += e == 0;
    p->error = p->error ? p->error : e;
}

static void done(void *context, uint32_t tag, int64_t result)
{
    struct tl_probe *p = context;
    pthread_mutex_lock(&p->lock);
    p->n_in_flight--;
    if (result < 0 && result != -EINTR && result != -EAGAIN)
        p->error = p->error ? p->error : (int)-result;
    p->bytes += result > 0 ? (uint64_t)result : 0;
    p->last_ns = tl_clock_ns();
    if (!p->stop && !p->error)
        begin(p, tag);
    pthread_cond_signal(&p->landed);
    pthread_mutex_unlock(&p->lock);
}

static uint64_t common(uint64_t a, uint64_t b) { return b ? common(b, a % b) : a; }

/* About the golden section of all requests, without a common divisor: neighbours in time lie far apart, and all come once. */
static uint64_t stride_of(uint64_t n)
{
    uint64_t stride = (uint64_t)((double)n * 0.6180339887) | 1;
    while (common(n, stride) != 1)
        stride++;
    return stride % n ? stride % n : 1;
}

static void wait_a_little(struct tl_probe *p)
{
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_nsec += WAIT_NS;
    until.tv_sec += until.tv_nsec / 1000000000;
    until.tv_nsec %= 1000000000;
    pthread_cond_timedwait(&p->landed, &p->lock, &until);
}

int tl_probe_read(struct tl_probe *p, uint64_t request_bytes, uint32_t depth, double seconds, const struct tl_progress *progress,
                  double *ret_bytes_per_s)
{
    uint64_t start = tl_clock_ns();
    int status = 0;
    if (!depth || depth > p->most_depth || !request_bytes || request_bytes > p->most_bytes || request_bytes % TL_DRIVE_ALIGN || request_bytes > p->size_bytes)
        return tl_fail(TL_E_USAGE, "%s: %u requests of %" PRIu64 " bytes at a time: at most %u of %" PRIu64 ", in multiples of %d, in a file of %" PRIu64,
                       p->path, depth, request_bytes, p->most_depth, p->most_bytes, TL_DRIVE_ALIGN, p->size_bytes);
    pthread_mutex_lock(&p->lock);
    p->request_bytes = request_bytes;
    p->n_slots = p->size_bytes / request_bytes;
    p->stride = stride_of(p->n_slots);
    p->stop = false;
    p->error = 0;
    p->bytes = 0;
    for (uint32_t tag = 0; tag < depth && !p->error; tag++)
        begin(p, tag);
    while (!p->error && status >= 0 && (tl_clock_seconds(start) < seconds || !p->bytes)) {
        wait_a_little(p);
        status = tl_progress_check(progress);
    }
    p->stop = true;
    while (p->n_in_flight)
        pthread_cond_wait(&p->landed, &p->lock);
    if (p->error && status >= 0)
        status = tl_fail(TL_E_IO, "%s: reading: %s", p->path, strerror(p->error));
    if (status >= 0)
        *ret_bytes_per_s = (double)p->bytes / ((double)(p->last_ns - start) * 1e-9);
    pthread_mutex_unlock(&p->lock);
    return status;
}

/* --- opening ------------------------------------------------------------------------------------------------------ */

static int open_io(struct tl_probe *p, const struct tl_io *io)
{
    int status = TL_E_IO;
    for (uint32_t i = 0; tl_io_at(i) && status == TL_E_IO && (!io || i == 0); i++) {
        const struct tl_io *way = io ? io : tl_io_at(i);
        status = way->open(p->most_depth, done, p, &p->io_state);
        p->io = status >= 0 ? way : NULL;
    }
    return status;
}

/* From `fd` a description for direct reads; where the system has none, reads pass its cache. */
static int open_reads(struct tl_probe *p, int fd)
{
    char link[64];
    struct stat facts;
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    p->fd = open(link, O_RDONLY | O_CLOEXEC | O_DIRECT);
    p->direct = p->fd >= 0 && pread(p->fd, p->buffers, TL_DRIVE_ALIGN, 0) > 0;
    if (!p->direct) {
        if (p->fd >= 0)
            close(p->fd);
        p->fd = dup(fd);
        posix_fadvise(p->fd, 0, 0, POSIX_FADV_DONTNEED);
    }
    if (p->fd < 0 || fstat(p->fd, &facts) < 0)
        return tl_fail(TL_E_IO, "%s: %m", p->path);
    p->size_bytes = (uint64_t)facts.st_size;
    p->whole = (uint64_t)facts.st_blocks * 512 >= p->size_bytes / 16 * 15;
    if (p->size_bytes < TL_DRIVE_ALIGN)
        return tl_fail(TL_E_FILE, "%s: %" PRIu64 " bytes, too few to measure with", p->path, p->size_bytes);
    return 0;
}

static int probe_new(const char *path, uint32_t most_depth, uint64_t most_bytes, struct tl_probe **ret)
{
    struct tl_probe *p = tl_alloc(1, sizeof *p);
    if (!p)
        return TL_E_NOMEM;
    pthread_mutex_init(&p->lock, NULL);
    tl_clock_cond_init(&p->landed);
    p->fd = -1;
    p->most_depth = most_depth;
    p->most_bytes = (most_bytes + TL_DRIVE_ALIGN - 1) / TL_DRIVE_ALIGN * TL_DRIVE_ALIGN;
    p->path = tl_strdup(path);
    int status = p->path ? tl_arena_init(&p->arena, most_depth * p->most_bytes + TL_DRIVE_ALIGN) : TL_E_NOMEM;
    if (status >= 0 && !(p->buffers = tl_arena_take(&p->arena, 1, most_depth * p->most_bytes + TL_DRIVE_ALIGN)))
        status = TL_E_NOMEM;
    if (status < 0) {
        tl_probe_close(p);
        return status;
    }
    p->buffers += -(uintptr_t)p->buffers % TL_DRIVE_ALIGN;
    *ret = p;
    return 0;
}

void tl_probe_close(struct tl_probe *p)
{
    if (!p)
        return;
    if (p->io)
        p->io->close(p->io_state);
    if (p->fd >= 0)
        close(p->fd);
    tl_arena_done(&p->arena);
    pthread_cond_destroy(&p->landed);
    pthread_mutex_destroy(&p->lock);
    tl_free(p->path);
    tl_free(p);
}

bool tl_probe_direct(const struct tl_probe *probe) { return probe->direct; }
bool tl_probe_whole(const struct tl_probe *probe) { return probe->whole; }
const char *tl_probe_io(const struct tl_probe *probe) { return probe->io->name; }
uint64_t tl_probe_size(const struct tl_probe *probe) { return probe->size_bytes; }

int tl_probe_open(const char *path, const struct tl_io *io, uint32_t most_depth, uint64_t most_bytes, struct tl_probe **ret_probe)
{
    struct tl_file *file = NULL;
    struct tl_probe *p = NULL;
    int status = tl_file_open(path, &file);
    if (status >= 0)
        status = probe_new(path, most_depth, most_bytes, &p);
    if (status >= 0)
        status = open_reads(p, file->fd);
    if (status >= 0)
        status = open_io(p, io);
    tl_file_close(file);
    if (status < 0) {
        tl_probe_close(p);
        return status;
    }
    *ret_probe = p;
    return 0;
}

/* --- a file of its own -------------------------------------------------------------------------------------------- */

/* Without a name from the start, where the file system can; else it loses it at once. */
static int open_nameless(const char *folder)
{
    int fd = tl_file_permit() ? open(folder, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600) : -1;
    if (fd >= 0 || (errno != EOPNOTSUPP && errno != EISDIR && errno != EINVAL && errno != ENOENT))
        return fd;
    char name[64];
    snprintf(name, sizeof name, ".trill-probe-%ld-%" PRIx64, (long)getpid(), tl_clock_ns());
    TL_AUTO char *path = tl_file_join(folder, name);
    fd = path ? open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600) : -1;
    if (fd >= 0)
        unlink(path);
    return fd;
}

static void fill(uint64_t *words, size_t count, uint64_t *state)
{
    for (size_t i = 0; i < count; i++) {
        *state ^= *state << 13;          /* xorshift (Marsaglia 2003) */
        *state ^= *state >> 7;
        *state ^= *state << 17;
        words[i] = *state;
    }
}

static int write_block(const struct tl_probe *p, int fd, const uint8_t *block, uint64_t offset, size_t n_bytes)
{
    for (size_t at = 0; at < n_bytes;) {
        ssize_t n = tl_file_permit() ? pwrite(fd, block + at, n_bytes - at, (off_t)(offset + at)) : -1;
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return tl_fail(TL_E_IO, "%s: writing a file to measure with: %m", p->path);
        at += (size_t)n;
    }
    return 0;
}

/* Directly, so that what other programs have in the system's cache stays there. */
static int write_all(struct tl_probe *p, int fd, uint64_t n_bytes, uint64_t *block, struct tl_progress *progress)
{
    uint64_t state = tl_clock_ns() | 1;
    int flags = fcntl(fd, F_GETFL);
    bool direct = fcntl(fd, F_SETFL, flags | O_DIRECT) == 0;
    int status = tl_progress_begin(progress, "writing a file to measure with", 0, n_bytes, "bytes");
    for (uint64_t at = 0; at < n_bytes && status >= 0; at += BLOCK_BYTES) {
        size_t n = n_bytes - at < BLOCK_BYTES ? (size_t)(n_bytes - at) : BLOCK_BYTES;
        fill(block, n / sizeof *block, &state);
        status = write_block(p, fd, (const uint8_t *)block, at, n);
        if (status == TL_E_IO && direct && at == 0) {
            fcntl(fd, F_SETFL, flags);   /* some file systems take the flag, but no such writes */
            status = write_block(p, fd, (const uint8_t *)block, at, n);
        }
        if (status >= 0)
            status = tl_progress_move(progress, at + n);
    }
    if (status >= 0 && (!tl_file_permit() || fsync(fd) < 0))
        status = tl_fail(TL_E_IO, "%s: syncing a file to measure with: %m", p->path);
    return status;
}

int tl_probe_new(const char *folder, uint64_t n_bytes, const struct tl_io *io, uint32_t most_depth, uint64_t most_bytes,
                 struct tl_progress *progress, struct tl_probe **ret_probe)
{
    struct tl_probe *p = NULL;
    struct tl_arena block;
    int fd = open_nameless(folder);
    if (fd < 0)
        return tl_fail(TL_E_IO, "%s: a file to measure with cannot be created: %m", folder);
    int status = tl_arena_init(&block, BLOCK_BYTES);
    if (status >= 0)
        status = probe_new(folder, most_depth, most_bytes, &p);
    if (status >= 0)
        status = write_all(p, fd, n_bytes / TL_DRIVE_ALIGN * TL_DRIVE_ALIGN, tl_arena_take(&block, BLOCK_BYTES, 1), progress);
    if (status >= 0)
        status = open_reads(p, fd);
    if (status >= 0)
        status = open_io(p, io);
    tl_arena_done(&block);
    close(fd);
    if (status < 0) {
        tl_probe_close(p);
        return status;
    }
    *ret_probe = p;
    return 0;
}
