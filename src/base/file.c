/* SPDX-License-Identifier: MIT */
/* Files read at offsets by any thread. Every read of a file passes tl_file_permit, so that a test can walk through all
 * failures one by one. Only regular files are opened: a pipe in place of a model must not block. */
#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "base/amount.h"
#include "base/error.h"
#include "base/memory.h"

static _Atomic long fail_countdown = -1;

bool tl_file_permit(void)
{
    long left = atomic_load_explicit(&fail_countdown, memory_order_relaxed);
    while (left >= 0)
        if (atomic_compare_exchange_weak(&fail_countdown, &left, left - 1)) {
            if (left == 0)
                errno = EIO;
            return left != 0;
        }
    return true;
}

void tl_file_fail_after(long countdown)
{
    atomic_store(&fail_countdown, countdown < 0 ? -1 : countdown);
}

static int open_regular(const char *path, struct tl_file *file)
{
    struct stat facts;
    file->fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (file->fd < 0 || fstat(file->fd, &facts) < 0)
        return tl_fail(TL_E_IO, "%s: cannot be opened: %m", path);
    if (!S_ISREG(facts.st_mode))
        return tl_fail(TL_E_FILE, "%s: found a %s, expected a regular file", path,
                       S_ISDIR(facts.st_mode) ? "folder" : "device or pipe");
    file->size_bytes = (uint64_t)facts.st_size;
    return 0;
}

int tl_file_open(const char *path, struct tl_file **ret_file)
{
    struct tl_file *file = tl_alloc(1, sizeof *file);
    if (!file)
        return TL_E_NOMEM;
    file->fd = -1;
    file->path = tl_strdup(path);
    int r = file->path ? open_regular(path, file) : TL_E_NOMEM;
    if (r < 0) {
        tl_file_close(file);
        return r;
    }
    *ret_file = file;
    return 0;
}

void tl_file_close(struct tl_file *file)
{
    if (!file)
        return;
    if (file->fd >= 0)
        close(file->fd);
    tl_free(file->path);
    tl_free(file);
}

int tl_file_read(const struct tl_file *file, uint64_t offset, void *ret_bytes, size_t n_bytes)
{
    if (offset > INT64_MAX || n_bytes > INT64_MAX - offset)
        return tl_fail(TL_E_FILE, "%s: offset %" PRIu64 " is outside every file", file->path, offset);
    for (size_t done = 0; done < n_bytes;) {
        ssize_t n = tl_file_permit() ? pread(file->fd, (char *)ret_bytes + done, n_bytes - done, (off_t)(offset + done)) : -1;
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return tl_fail(TL_E_IO, "%s: reading at byte %" PRIu64 ": %m", file->path, offset + done);
        if (n == 0)
            return tl_fail(TL_E_FILE, "%s: ends at byte %" PRIu64 ", expected %zu bytes from %" PRIu64,
                           file->path, offset + done, n_bytes, offset);
        done += (size_t)n;
    }
    return 0;
}

static int slurp(const struct tl_file *file, size_t limit, char **ret_text)
{
    if (file->size_bytes > limit)
        return tl_fail(TL_E_FILE, "%s: %" PRIu64 " bytes, at most %zu expected", file->path, file->size_bytes, limit);
    TL_AUTO char *text = tl_alloc((size_t)file->size_bytes + 1, 1);
    if (!text)
        return TL_E_NOMEM;
    int r = tl_file_read(file, 0, text, (size_t)file->size_bytes);
    if (r < 0)
        return r;
    *ret_text = text;
    text = NULL;
    return 0;
}

int tl_file_slurp(const char *path, size_t limit, char **ret_text, size_t *ret_bytes)
{
    struct tl_file *file;
    int r = tl_file_open(path, &file);
    if (r < 0)
        return r;
    r = slurp(file, limit, ret_text);
    if (r >= 0 && ret_bytes)
        *ret_bytes = (size_t)file->size_bytes;
    tl_file_close(file);
    return r;
}

bool tl_file_glance(const char *path, char *ret_text, size_t room_bytes)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t n = fd < 0 ? -1 : read(fd, ret_text, room_bytes - 1);
    if (fd >= 0)
        close(fd);
    ret_text[n > 0 ? n : 0] = 0;
    return n > 0;
}

bool tl_file_exists(const char *path)
{
    struct stat facts;
    return stat(path, &facts) == 0;
}

bool tl_file_is_folder(const char *path)
{
    struct stat facts;
    return stat(path, &facts) == 0 && S_ISDIR(facts.st_mode);
}

bool tl_file_is_named(int fd, const char *path)
{
    struct stat held, named;
    return fstat(fd, &held) == 0 && stat(path, &named) == 0 && held.st_dev == named.st_dev && held.st_ino == named.st_ino;
}

char *tl_file_folder(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? tl_strndup(path, (size_t)(slash - path) + 1) : tl_strdup(".");
}

char *tl_file_join(const char *folder, const char *name)
{
    size_t n = strlen(folder), m = strlen(name);
    bool slash = n > 0 && folder[n - 1] != '/';
    char *path = tl_alloc(n + slash + m + 1, 1);
    if (!path)
        return NULL;
    memcpy(path, folder, n);
    if (slash)
        path[n] = '/';
    memcpy(path + n + slash, name, m);
    return path;
}

char *tl_file_beside(const char *path, const char *ending)
{
    size_t n = strlen(path), m = strlen(ending);
    char *beside = tl_alloc(n + m + 1, 1);
    if (!beside)
        return NULL;
    memcpy(beside, path, n);
    memcpy(beside + n, ending, m);
    return beside;
}

int tl_file_make_folders(const char *path)
{
    TL_AUTO char *folder = tl_strdup(path);
    if (!folder)
        return TL_E_NOMEM;
    for (char *slash = folder; *slash && (slash = strchr(slash + 1, '/')); *slash = '/') {
        *slash = 0;
        if (!tl_file_is_folder(folder) && mkdir(folder, 0700) < 0 && errno != EEXIST)
            return tl_fail(TL_E_IO, "%s: the folder cannot be made: %m", folder);
    }
    return 0;
}

int tl_file_room(const char *path, uint64_t *ret_bytes)
{
    struct statvfs facts;
    TL_AUTO char *folder = tl_strdup(path);
    if (!folder)
        return TL_E_NOMEM;
    char *slash;
    int r = statvfs(folder, &facts);
    while (r < 0 && errno == ENOENT && (slash = strrchr(folder, '/'))) {         /* the nearest folder that is there */
        slash[slash == folder] = 0;
        r = statvfs(folder, &facts);
        if (slash == folder)
            break;
    }
    if (r < 0)
        r = statvfs(".", &facts);
    if (r < 0)
        return tl_fail(TL_E_IO, "%s: its file system: %m", path);
    *ret_bytes = (uint64_t)facts.f_bavail * facts.f_frsize;
    return 0;
}

int tl_file_no_room(const char *path, uint64_t needed_bytes, uint64_t free_bytes, const char *advice)
{
    char needed[TL_AMOUNT_BYTES], left[TL_AMOUNT_BYTES];
    return tl_fail(TL_E_IO, "%s: %s are needed, and %s are free there%s", path, tl_amount_of_bytes((double)needed_bytes, needed),
                   tl_amount_of_bytes((double)free_bytes, left), advice);
}
