/* SPDX-License-Identifier: MIT */
/* Writes the cache's folders. Links and refs appear complete or not at all; paths and hashes were checked by those who read
 * them from the hub. */
#include "pull/layout.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buffer.h"
#include "base/error.h"
#include "base/file.h"
#include "base/memory.h"
#include "pull/name.h"

enum { LOCK_ATTEMPTS = 20 };

static int join(char **ret_path, const char *format, const char *a, const char *b, const char *c)
{
    struct tl_buffer path;
    tl_buffer_init(&path, 0);
    tl_buffer_printf(&path, format, a, b, c);
    *ret_path = tl_buffer_take(&path, NULL);
    tl_buffer_done(&path);
    return *ret_path ? 0 : TL_E_NOMEM;
}

int tl_layout_init(const char *cache, const char *repository, const char *commit, struct tl_layout *ret_layout)
{
    struct tl_layout layout = {0};
    char name[TL_PULL_NAME_BYTES + 16];
    tl_pull_name_folder(repository, name);
    int r = join(&layout.blobs, "%s/%s/blobs%s", cache, name, "");
    if (r >= 0)
        r = join(&layout.refs, "%s/%s/refs%s", cache, name, "");
    if (r >= 0)
        r = join(&layout.snapshot, "%s/%s/snapshots/%s", cache, name, commit);
    if (r >= 0)
        r = join(&layout.locks, "%s/.locks/%s%s", cache, name, "");
    if (r < 0) {
        tl_layout_done(&layout);
        return r;
    }
    *ret_layout = layout;
    return 0;
}

void tl_layout_done(struct tl_layout *layout)
{
    tl_free(layout->blobs);
    tl_free(layout->refs);
    tl_free(layout->snapshot);
    tl_free(layout->locks);
    *layout = (struct tl_layout){0};
}

char *tl_layout_blob(const struct tl_layout *layout, const char *hash, const char *ending)
{
    char *path;
    return join(&path, "%s/%s%s", layout->blobs, hash, ending) < 0 ? NULL : path;
}

bool tl_layout_has(const struct tl_layout *layout, const char *hash)
{
    TL_AUTO char *path = tl_layout_blob(layout, hash, "");
    return path && tl_file_exists(path);
}

int tl_layout_make_folders(const char *path)
{
    TL_AUTO char *folder = tl_strdup(path);
    if (!folder)
        return TL_E_NOMEM;
    for (char *slash = folder; (slash = strchr(slash + 1, '/')); *slash = '/') {
        *slash = 0;
        if (!tl_file_is_folder(folder) && mkdir(folder, 0777) < 0 && errno != EEXIST)
            return tl_fail(TL_E_IO, "%s: the folder cannot be made: %m", folder);
    }
    return 0;
}

/* --- links and refs ----------------------------------------------------------------------------------------------- */

/* From snapshots/COMMIT/a/b to blobs: two folders up for a file at the top, one more for each slash. */
static int target_of(const char *path, const char *hash, char **ret_target)
{
    struct tl_buffer target;
    tl_buffer_init(&target, 0);
    tl_buffer_printf(&target, "../../");
    for (const char *at = path; (at = strchr(at, '/')); at++)
        tl_buffer_printf(&target, "../");
    tl_buffer_printf(&target, "blobs/%s", hash);
    *ret_target = tl_buffer_take(&target, NULL);
    tl_buffer_done(&target);
    return *ret_target ? 0 : TL_E_NOMEM;
}

static bool leads_to(const char *link, const char *target)
{
    char found[4096];
    ssize_t n = readlink(link, found, sizeof found);
    return n >= 0 && (size_t)n == strlen(target) && memcmp(found, target, (size_t)n) == 0;
}

int tl_layout_link(const struct tl_layout *layout, const char *path, const char *hash)
{
    TL_AUTO char *link = NULL, *target = NULL, *beside = NULL;
    char ending[32];
    int r = join(&link, "%s/%s%s", layout->snapshot, path, "");
    if (r >= 0)
        r = target_of(path, hash, &target);
    if (r < 0 || leads_to(link, target))
        return r;
    snprintf(ending, sizeof ending, ".link-%ld", (long)getpid());
    r = tl_layout_make_folders(link);
    if (r < 0 || !(beside = tl_layout_blob(layout, hash, ending)))           /* a name of any length has room there */
        return r < 0 ? r : TL_E_NOMEM;
    (void)unlink(beside);
    if (symlink(target, beside) < 0 || rename(beside, link) < 0) {
        r = tl_fail(TL_E_IO, "%s: the link cannot be made: %m", link);
        (void)unlink(beside);
    }
    return r;
}

int tl_layout_set_ref(const struct tl_layout *layout, const char *revision, const char *commit)
{
    TL_AUTO char *path = NULL;
    if (strcmp(revision, commit) == 0)
        return 0;
    int r = join(&path, "%s/%s%s", layout->refs, revision, "");
    if (r >= 0)
        r = tl_layout_make_folders(path);
    return r < 0 ? r : tl_outfile_save(path, commit, strlen(commit));
}

/* --- locks -------------------------------------------------------------------------------------------------------- */

/* Others remove the file when they let go: a lock on a file that has lost its name is none. */
int tl_layout_lock(const struct tl_layout *layout, const char *hash, int *ret_fd)
{
    TL_AUTO char *path = NULL;
    int r = join(&path, "%s/%s%s", layout->locks, hash, ".lock");
    if (r >= 0)
        r = tl_layout_make_folders(path);
    for (int attempt = 0; r >= 0 && attempt < LOCK_ATTEMPTS; attempt++) {
        int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0666);
        if (fd < 0)
            return tl_fail(TL_E_IO, "%s: cannot be opened: %m", path);
        if (flock(fd, LOCK_EX | LOCK_NB) < 0 && errno == EWOULDBLOCK) {
            close(fd);
            return 0;
        }
        if (tl_file_is_named(fd, path)) {        /* where the file system has no locks, everybody has each of them */
            *ret_fd = fd;
            return 1;
        }
        close(fd);
    }
    return r;
}

void tl_layout_unlock(int fd)
{
    if (fd >= 0)
        close(fd);
}
