/* SPDX-License-Identifier: MIT */
/* Output files that are complete or absent: written under a unique name in the target's folder, synced, renamed, and
 * the folder synced. What a killed process left of the same file is removed. A target that exists and is no regular file
 * (a device, a pipe) is written directly. The first failure sticks: commit fails after a failed write. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/file.h"
#include "base/memory.h"

enum { OUTFILE_BUFFER_BYTES = 1 << 18, NAME_ATTEMPTS = 100, DIRECT_BUFFER_BYTES = 16 << 20, SECTOR = 4096 };
#define DIRECT_AFTER_BYTES (UINT64_C(32) << 20)

struct tl_outfile {
    int fd;
    char *path, *temporary;  /* temporary is NULL when written directly, or once renamed */
    bool lasting;            /* temporary stays where it is not committed */
    uint64_t offset;         /* behind everything accepted so far */
    uint64_t written;        /* bytes in the file */
    struct {
        bool tried;
        char *memory, *buffer;       /* NULL: not direct; a byte's place is that in the file, modulo SECTOR */
        size_t from, to;             /* what waits in the buffer */
    } direct;
    size_t n_buffered;
    int status;
    char buffer[OUTFILE_BUFFER_BYTES];
};

/* --- what was left ------------------------------------------------------------------------------------------------ */

/* NAME.part-PROCESS-TIME, of a process that is no more. */
static bool is_left(const char *entry, const char *name)
{
    static const char mark[] = ".part-";
    size_t n = strlen(name);
    char *end;
    if (strncmp(entry, name, n) != 0 || strncmp(entry + n, mark, sizeof mark - 1) != 0)
        return false;
    long process = strtol(entry + n + sizeof mark - 1, &end, 10);
    return *end == '-' && process > 0 && kill((pid_t)process, 0) < 0 && errno == ESRCH;
}

void tl_outfile_sweep(const char *path)
{
    char folder[PATH_MAX];
    const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;
    snprintf(folder, sizeof folder, "%.*s.", (int)(name - path), path);           /* "a/b/." */
    DIR *dir = opendir(folder);
    for (struct dirent *entry; dir && (entry = readdir(dir));)
        if (is_left(entry->d_name, name))
            unlinkat(dirfd(dir), entry->d_name, 0);
    if (dir)
        closedir(dir);
}

/* --- opening ------------------------------------------------------------------------------------------------------- */

const uint64_t tl_outfile_most_bytes = sizeof(struct tl_outfile) + DIRECT_BUFFER_BYTES + SECTOR;

/* Created with the permissions that the user's mask gives any new file. */
static int open_temporary(struct tl_outfile *file)
{
    size_t room = strlen(file->path) + 48;
    if (!(file->temporary = tl_alloc(room, 1)))
        return TL_E_NOMEM;
    for (int attempt = 0; attempt < NAME_ATTEMPTS; attempt++) {
        snprintf(file->temporary, room, "%s.part-%ld-%" PRIx64, file->path, (long)getpid(), tl_clock_ns());
        file->fd = open(file->temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
        if (file->fd >= 0)
            return 0;
        if (errno != EEXIST)
            break;
    }
    tl_fail(TL_E_IO, "%s: cannot be created: %m", file->path);
    tl_free(file->temporary);
    file->temporary = NULL;
    return TL_E_IO;
}

static int open_target(struct tl_outfile *file)
{
    struct stat facts;
    if (stat(file->path, &facts) < 0 || S_ISREG(facts.st_mode)) {
        tl_outfile_sweep(file->path);
        return open_temporary(file);
    }
    file->fd = open(file->path, O_WRONLY | O_CLOEXEC);
    return file->fd < 0 ? tl_fail(TL_E_IO, "%s: cannot be written: %m", file->path) : 0;
}

int tl_outfile_open(const char *path, struct tl_outfile **ret_file)
{
    struct tl_outfile *file = tl_alloc(1, sizeof *file);
    if (!file)
        return TL_E_NOMEM;
    file->fd = -1;
    file->path = tl_strdup(path);
    int r = file->path ? open_target(file) : TL_E_NOMEM;
    if (r < 0) {
        tl_outfile_close(file);
        return r;
    }
    *ret_file = file;
    return 0;
}

/* Nobody else's, and still the file of that name once it is locked: who had it may have put it in place meanwhile. */
static int open_partial(struct tl_outfile *file)
{
    struct stat held;
    for (int attempt = 0; attempt < NAME_ATTEMPTS; attempt++) {
        file->fd = open(file->temporary, O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0666);
        if (file->fd < 0 || fstat(file->fd, &held) < 0)
            return tl_fail(TL_E_IO, "%s: cannot be created: %m", file->temporary);
        if (!S_ISREG(held.st_mode))
            return tl_fail(TL_E_IO, "%s: cannot be created: found a device or pipe", file->temporary);
        if (flock(file->fd, LOCK_EX | LOCK_NB) < 0)
            break;
        if (tl_file_is_named(file->fd, file->temporary))
            return 0;
        close(file->fd);
        file->fd = -1;
    }
    return tl_fail(TL_E_USAGE, "%s: another process is writing it", file->path);
}

int tl_outfile_open_lasting(const char *path, struct tl_outfile **ret_file)
{
    struct stat target;
    if (stat(path, &target) == 0 && !S_ISREG(target.st_mode))
        return tl_fail(TL_E_USAGE, "%s: found a folder, device or pipe, expected the name of a file", path);
    struct tl_outfile *file = tl_alloc(1, sizeof *file);
    if (!file)
        return TL_E_NOMEM;
    file->fd = -1;
    file->lasting = true;
    file->path = tl_strdup(path);
    file->temporary = tl_file_beside(path, ".partial");
    int r = file->path && file->temporary ? open_partial(file) : TL_E_NOMEM;
    if (r < 0) {
        tl_outfile_close(file);
        return r;
    }
    *ret_file = file;
    return 0;
}

int tl_outfile_keep(struct tl_outfile *file, uint64_t n_bytes)
{
    if (ftruncate(file->fd, (off_t)n_bytes) < 0 || lseek(file->fd, (off_t)n_bytes, SEEK_SET) < 0)
        return file->status = tl_fail(TL_E_IO, "%s: cannot be gone on with: %m", file->temporary);
    file->offset = file->written = n_bytes;
    return 0;
}

static int write_all(struct tl_outfile *file, const char *bytes, size_t n_bytes)
{
    while (n_bytes > 0) {
        ssize_t n = tl_file_permit() ? write(file->fd, bytes, n_bytes) : -1;
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return file->status = tl_fail(TL_E_IO, "%s: writing: %m", file->path);
        bytes += n;
        n_bytes -= (size_t)n;
        file->written += (uint64_t)n;
    }
    return 0;
}

static int flush(struct tl_outfile *file)
{
    size_t n_bytes = file->n_buffered;
    file->n_buffered = 0;
    return write_all(file, file->buffer, n_bytes);
}

/* --- large files -------------------------------------------------------------------------------------------------- */

/* They go to the drive directly: several times as fast, and what programs have in the page cache stays there. Where the
 * file system cannot do this they are written as all others. */
static int begin_direct(struct tl_outfile *file)
{
    file->direct.tried = true;
    int r = flush(file);
    if (r < 0)
        return r;
    file->direct.memory = tl_alloc(DIRECT_BUFFER_BYTES + SECTOR, 1);
    if (!file->direct.memory)
        return TL_E_NOMEM;
    file->direct.buffer = file->direct.memory + (-(uintptr_t)file->direct.memory & (SECTOR - 1));
    file->direct.from = file->direct.to = file->written % SECTOR;
    return 0;
}

static bool set_direct(const struct tl_outfile *file, bool on)
{
    int flags = fcntl(file->fd, F_GETFL);
    return flags >= 0 && fcntl(file->fd, F_SETFL, on ? flags | O_DIRECT : flags & ~O_DIRECT) == 0;
}

/* What waits, whole sectors directly; the rest, at the end of the file and where it begins within a sector, is not. */
static int flush_direct(struct tl_outfile *file)
{
    size_t from = file->direct.from, to = file->direct.to, head = (from + SECTOR - 1) / SECTOR * SECTOR, tail = to / SECTOR * SECTOR;
    head = head < to ? head : to;
    tail = tail > head ? tail : head;
    file->direct.from = file->direct.to = 0;
    int r = write_all(file, file->direct.buffer + from, head - from);
    if (r >= 0 && tail > head) {
        bool direct = set_direct(file, true);
        r = write_all(file, file->direct.buffer + head, tail - head);
        if (direct)
            set_direct(file, false);
    }
    return r < 0 ? r : write_all(file, file->direct.buffer + tail, to - tail);
}

static int write_direct(struct tl_outfile *file, const char *bytes, size_t n_bytes)
{
    int r = 0;
    while (n_bytes > 0 && r >= 0) {
        size_t room = DIRECT_BUFFER_BYTES - file->direct.to, n = n_bytes < room ? n_bytes : room;
        memcpy(file->direct.buffer + file->direct.to, bytes, n);
        file->direct.to += n;
        bytes += n;
        n_bytes -= n;
        if (file->direct.to == DIRECT_BUFFER_BYTES)
            r = flush_direct(file);
    }
    return r;
}

int tl_outfile_write(struct tl_outfile *file, const void *bytes, size_t n_bytes)
{
    if (file->status < 0)
        return file->status;
    file->offset += n_bytes;
    if (file->offset > DIRECT_AFTER_BYTES && file->temporary && !file->direct.tried) {
        int r = begin_direct(file);
        if (r < 0)
            return file->status = r;
    }
    if (file->direct.buffer)
        return write_direct(file, bytes, n_bytes);
    if (n_bytes > sizeof file->buffer - file->n_buffered) {
        int r = flush(file);
        if (r < 0 || n_bytes >= sizeof file->buffer)
            return r < 0 ? r : write_all(file, bytes, n_bytes);
    }
    if (n_bytes)
        memcpy(file->buffer + file->n_buffered, bytes, n_bytes);
    file->n_buffered += n_bytes;
    return 0;
}

uint64_t tl_outfile_offset(const struct tl_outfile *file)
{
    return file->offset;
}

/* After this the new name survives a power cut. File systems without folder sync are not at fault. */
static int sync_folder(const struct tl_outfile *file)
{
    TL_AUTO char *folder = tl_file_folder(file->path);
    if (!folder)
        return TL_E_NOMEM;
    int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return 0;
    int r = fsync(fd) < 0 && errno == EIO ? tl_fail(TL_E_IO, "%s: syncing its folder: %m", file->path) : 0;
    close(fd);
    return r;
}

int tl_outfile_settle(struct tl_outfile *file)
{
    int r = file->status < 0 ? file->status : file->direct.buffer ? flush_direct(file) : flush(file);
    if (r >= 0 && file->temporary && (!tl_file_permit() || fsync(file->fd) < 0))
        return file->status = tl_fail(TL_E_IO, "%s: syncing: %m", file->path);
    return r;
}

int tl_outfile_commit(struct tl_outfile *file)
{
    int r = tl_outfile_settle(file);
    if (r < 0 || !file->temporary)
        return r;
    if (!tl_file_permit() || rename(file->temporary, file->path) < 0)
        return file->status = tl_fail(TL_E_IO, "%s: cannot be put in place: %m", file->path);
    tl_free(file->temporary);
    file->temporary = NULL;
    return sync_folder(file);
}

void tl_outfile_close(struct tl_outfile *file)
{
    if (!file)
        return;
    if (file->fd >= 0)
        close(file->fd);
    if (file->temporary && !file->lasting)
        unlink(file->temporary);
    tl_free(file->direct.memory);
    tl_free(file->temporary);
    tl_free(file->path);
    tl_free(file);
}

int tl_outfile_save(const char *path, const void *bytes, size_t n_bytes)
{
    struct tl_outfile *file;
    int r = tl_outfile_open(path, &file);
    if (r < 0)
        return r;
    r = tl_outfile_write(file, bytes, n_bytes);
    if (r >= 0)
        r = tl_outfile_commit(file);
    tl_outfile_close(file);
    return r;
}
