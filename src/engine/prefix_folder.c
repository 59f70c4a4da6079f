/* SPDX-License-Identifier: MIT */
/* Which files there are, which of them serve, which have to go; and the thread that writes. A folder that does not work, a
 * disk that is full: then there are fewer files. */
#include "engine/prefix_folder.h"

#include <dirent.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "base/file.h"
#include "base/hash.h"
#include "base/memory.h"
#include "engine/prefix.h"

#define USUAL_BYTES (UINT64_C(8) << 30)
enum { PUTS = 4, NAME = 96, TRIED = 64, FILES = 4096 };

struct put { struct tl_state *state; int32_t *ids; };    /* state NULL: freed */

struct tl_prefix_folder {
    struct tl_engine *engine;
    char *path;
    uint64_t most_bytes;
    pthread_mutex_t reading;
    pthread_mutex_t lock;                /* of what follows */
    pthread_cond_t changed;
    pthread_t thread;
    struct put put[PUTS];                /* a ring: [n_freed, n_written) are written, [n_written, n_put) wait */
    uint64_t n_put, n_written, n_freed;
    bool writing;                        /* the first that waits; the thread's own until it is written */
    bool has_thread, closing;
};

/* --- names ------------------------------------------------------------------------------------------------------------------ */

static uint64_t hash_of(const int32_t *ids, uint32_t n_ids)
{
    uint8_t digest[TL_SHA256_BYTES];
    uint64_t hash;
    tl_sha256_of(ids, n_ids * sizeof(*ids), digest);
    memcpy(&hash, digest, sizeof(hash));
    return hash;
}

/* What the names of files that begin with these ids begin with. */
static void make_beginning(const struct tl_prefix_folder *folder, const int32_t *ids, char ret_text[NAME])
{
    snprintf(ret_text, NAME, "%016" PRIx64 "-%016" PRIx64 "-", tl_model_cache(folder->engine->model)->fingerprint,
             hash_of(ids, TL_PREFIX_STORED));
}

static char *make_path(const struct tl_prefix_folder *folder, const int32_t *ids, uint32_t n_ids)
{
    char beginning[NAME], name[2 * NAME];
    make_beginning(folder, ids, beginning);
    snprintf(name, sizeof(name), "%s%016" PRIx64 "-%u.state", beginning, hash_of(ids, n_ids), n_ids);
    return tl_file_join(folder->path, name);
}

static bool is_state(const char *name)
{
    static const char ending[] = ".state";
    size_t n = strlen(name);
    return n < NAME && n > sizeof(ending) && strcmp(name + n - (sizeof(ending) - 1), ending) == 0;
}

/* --- what there is ---------------------------------------------------------------------------------------------------------- */

/* Every state whose name begins so; what `visit` opens it closes. */
static void walk(const struct tl_prefix_folder *folder, const char *beginning, bool (*visit)(void *context, const char *path), void *context)
{
    DIR *listing = opendir(folder->path);
    struct dirent *entry;
    bool more = listing != NULL;
    while (more && (entry = readdir(listing))) {
        char *path = NULL;
        if (is_state(entry->d_name) && strncmp(entry->d_name, beginning, strlen(beginning)) == 0)
            path = tl_file_join(folder->path, entry->d_name);
        if (path)
            more = visit(context, path);
        tl_free(path);
    }
    if (listing)
        closedir(listing);
}

struct search {
    struct tl_prefix_folder *folder;
    const int32_t *ids;
    uint32_t n_ids, tried, length;       /* length: that the best one serves for */
    struct tl_state_file *best;
    char *best_path;
};

static bool look_at(void *context, const char *path)
{
    struct search *search = context;
    struct tl_state_file *file;
    uint32_t n_ids, length;
    if (search->tried++ == TRIED)
        return false;
    int status = tl_state_file_open(tl_model_cache(search->folder->engine->model), path, &file);
    if (status == TL_E_FILE)
        unlink(path);
    if (status < 0)
        return true;
    const int32_t *ids = tl_state_file_ids(file, &n_ids, &length);
    uint32_t serves = tl_state_file_nearest(file, tl_prefix_common(search->ids, search->n_ids, ids, length));
    char *copy = serves > search->length ? tl_strdup(path) : NULL;
    if (!copy) {
        tl_state_file_close(file);
        return true;
    }
    tl_state_file_close(search->best);
    tl_free(search->best_path);
    search->best = file;
    search->best_path = copy;
    search->length = serves;
    return true;
}

static struct search look(struct tl_prefix_folder *folder, const int32_t *ids, uint32_t n_ids)
{
    struct search search = {.folder = folder, .ids = ids, .n_ids = n_ids};
    char beginning[NAME];
    make_beginning(folder, ids, beginning);
    walk(folder, beginning, look_at, &search);
    return search;
}

struct tl_state_file *tl_prefix_folder_find(struct tl_prefix_folder *folder, const int32_t *ids, uint32_t n_ids, uint32_t least,
                                            uint32_t *ret_length)
{
    if (n_ids < TL_PREFIX_STORED)
        return NULL;
    struct search search = look(folder, ids, n_ids);
    bool good = search.best && search.length >= least;
    int status = good ? tl_state_file_check(search.best) : 0;
    if (status == TL_E_FILE)
        unlink(search.best_path);
    if (!good || status < 0) {
        tl_state_file_close(search.best);
        search.best = NULL;
    } else {
        utimensat(AT_FDCWD, search.best_path, NULL, 0);              /* used now */
        *ret_length = search.length;
    }
    tl_free(search.best_path);
    return search.best;
}

void tl_prefix_folder_lock(struct tl_prefix_folder *folder) { pthread_mutex_lock(&folder->reading); }
void tl_prefix_folder_unlock(struct tl_prefix_folder *folder) { pthread_mutex_unlock(&folder->reading); }

/* --- bounds ----------------------------------------------------------------------------------------------------------------- */

struct sizes { uint64_t bytes; char *oldest; struct timespec used; };

static bool measure(void *context, const char *path)
{
    struct sizes *sizes = context;
    struct stat facts;
    if (stat(path, &facts) < 0)
        return true;
    const struct timespec *used = &facts.st_mtim, *before = &sizes->used;
    sizes->bytes += (uint64_t)facts.st_size;
    if (sizes->oldest && (used->tv_sec > before->tv_sec || (used->tv_sec == before->tv_sec && used->tv_nsec >= before->tv_nsec)))
        return true;
    tl_free(sizes->oldest);
    sizes->oldest = tl_strdup(path);
    sizes->used = *used;
    return true;
}

/* Files go until so many bytes more find room. */
static bool make_room(struct tl_prefix_folder *folder, uint64_t n_bytes)
{
    uint64_t free_bytes;
    bool room = n_bytes <= folder->most_bytes;
    for (uint32_t i = 0; room && i < FILES; i++) {
        struct sizes sizes = {0};
        walk(folder, "", measure, &sizes);
        bool over = sizes.bytes + n_bytes > folder->most_bytes;
        if (over)
            room = sizes.oldest && unlink(sizes.oldest) == 0;
        tl_free(sizes.oldest);
        if (!over)
            break;
    }
    return room && tl_file_room(folder->path, &free_bytes) >= 0 && free_bytes / 2 >= n_bytes;
}

/* --- writing ---------------------------------------------------------------------------------------------------------------- */

struct covered { struct tl_prefix_folder *folder; const struct put *put; const char *path; };

static bool remove_covered(void *context, const char *path)
{
    const struct covered *covered = context;
    const struct tl_state *state = covered->put->state;
    struct tl_state_file *file;
    uint32_t n_ids, length;
    if (strcmp(path, covered->path) == 0 || tl_state_file_open(state->cache, path, &file) < 0)
        return true;
    const int32_t *ids = tl_state_file_ids(file, &n_ids, &length);
    bool serves = length < state->length && tl_prefix_common(ids, length, covered->put->ids, state->length) == length &&
                  tl_state_nearest(state, length) == length;
    tl_state_file_close(file);
    if (serves)
        unlink(path);
    return true;
}

static void write_state(struct tl_prefix_folder *folder, const struct put *put)
{
    uint32_t length = put->state->length;
    struct search search = look(folder, put->ids, length);
    uint32_t news = length - search.length, least = search.length / 2 > TL_PREFIX_STORED ? search.length / 2 : TL_PREFIX_STORED;
    tl_state_file_close(search.best);
    tl_free(search.best_path);
    if (news < least || !make_room(folder, tl_state_bytes(put->state) + length * sizeof(int32_t)))
        return;
    char beginning[NAME];
    struct covered covered = {folder, put, make_path(folder, put->ids, length)};
    make_beginning(folder, put->ids, beginning);
    if (covered.path && tl_state_save(put->state, put->ids, length, covered.path) >= 0)
        walk(folder, beginning, remove_covered, &covered);
    tl_free((char *)covered.path);
}

static struct put *put_at(struct tl_prefix_folder *folder, uint64_t index) { return &folder->put[index % PUTS]; }

static void *write_all(void *context)
{
    struct tl_prefix_folder *folder = context;
    pthread_mutex_lock(&folder->lock);
    while (!folder->closing || folder->n_written < folder->n_put) {
        if (folder->n_written == folder->n_put) {
            pthread_cond_wait(&folder->changed, &folder->lock);
            continue;
        }
        const struct put *put = put_at(folder, folder->n_written);
        bool writing = folder->writing = put->state != NULL;
        pthread_mutex_unlock(&folder->lock);
        if (writing)
            write_state(folder, put);
        pthread_mutex_lock(&folder->lock);
        folder->writing = false;
        folder->n_written++;
        pthread_cond_broadcast(&folder->changed);
    }
    pthread_mutex_unlock(&folder->lock);
    return NULL;
}

/* --- what is written -------------------------------------------------------------------------------------------------------- */

static bool free_put(struct put *put)
{
    bool any = put->state != NULL;
    tl_state_free(put->state);
    tl_free(put->ids);
    *put = (struct put){0};
    return any;
}

static bool free_written(struct tl_prefix_folder *folder)
{
    bool any = false;
    for (; folder->n_freed < folder->n_written; folder->n_freed++)
        any |= free_put(put_at(folder, folder->n_freed));
    return any;
}

bool tl_prefix_folder_release(struct tl_prefix_folder *folder)
{
    pthread_mutex_lock(&folder->lock);
    bool any = free_written(folder);
    for (uint64_t i = folder->n_put; !any && i > folder->n_written + folder->writing; i--)
        any = free_put(put_at(folder, i - 1));
    while (!any && folder->writing) {
        pthread_cond_wait(&folder->changed, &folder->lock);
        any = free_written(folder);
    }
    pthread_mutex_unlock(&folder->lock);
    return any;
}

void tl_prefix_folder_put(struct tl_prefix_folder *folder, const struct tl_state *state, const int32_t *ids)
{
    struct put put = {0};
    if (state->length < TL_PREFIX_STORED)
        return;
    pthread_mutex_lock(&folder->lock);
    free_written(folder);
    bool room = folder->n_put - folder->n_freed < PUTS;
    if (room && (put.ids = tl_alloc(state->length, sizeof(*ids))) && tl_state_fork(state, &put.state) >= 0) {
        memcpy(put.ids, ids, state->length * sizeof(*ids));
        *put_at(folder, folder->n_put++) = put;
        pthread_cond_broadcast(&folder->changed);
    } else {
        tl_free(put.ids);
    }
    pthread_mutex_unlock(&folder->lock);
}

/* --- life ------------------------------------------------------------------------------------------------------------------- */

static int start_thread(struct tl_prefix_folder *folder)
{
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    folder->has_thread = tl_memory_permit() && pthread_create(&folder->thread, NULL, write_all, folder) == 0;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return folder->has_thread ? 0 : tl_fail(TL_E_NOMEM, "the thread that stores prefixes cannot be started");
}

/* What processes that are gone left half written. */
static void sweep(const struct tl_prefix_folder *folder)
{
    DIR *listing = opendir(folder->path);
    for (struct dirent *entry; listing && (entry = readdir(listing));) {
        char *part = strstr(entry->d_name, ".state.part-");
        if (!part)
            continue;
        part[strlen(".state")] = 0;
        char *path = tl_file_join(folder->path, entry->d_name);
        if (path)
            tl_outfile_sweep(path);
        tl_free(path);
    }
    if (listing)
        closedir(listing);
}

static int make_folder(struct tl_prefix_folder *folder)
{
    char *inside = tl_file_join(folder->path, "x");
    int status = inside ? tl_file_make_folders(inside) : TL_E_NOMEM;
    tl_free(inside);
    if (status >= 0)
        sweep(folder);
    return status;
}

int tl_prefix_folder_new(struct tl_engine *engine, const char *path, uint64_t most_bytes, struct tl_prefix_folder **ret_folder)
{
    struct tl_prefix_folder *folder = tl_alloc(1, sizeof(*folder));
    if (!folder)
        return TL_E_NOMEM;
    pthread_mutex_init(&folder->reading, NULL);
    pthread_mutex_init(&folder->lock, NULL);
    pthread_cond_init(&folder->changed, NULL);
    folder->engine = engine;
    folder->most_bytes = most_bytes ? most_bytes : USUAL_BYTES;
    folder->path = tl_strdup(path);
    int status = folder->path ? make_folder(folder) : TL_E_NOMEM;
    if (status >= 0)
        status = start_thread(folder);
    if (status < 0) {
        tl_prefix_folder_free(folder);
        return status;
    }
    *ret_folder = folder;
    return 0;
}

void tl_prefix_folder_free(struct tl_prefix_folder *folder)
{
    if (!folder)
        return;
    pthread_mutex_lock(&folder->lock);
    folder->closing = true;
    pthread_cond_broadcast(&folder->changed);
    pthread_mutex_unlock(&folder->lock);
    if (folder->has_thread)
        pthread_join(folder->thread, NULL);
    free_written(folder);
    pthread_cond_destroy(&folder->changed);
    pthread_mutex_destroy(&folder->lock);
    pthread_mutex_destroy(&folder->reading);
    tl_free(folder->path);
    tl_free(folder);
}
