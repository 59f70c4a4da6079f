/* SPDX-License-Identifier: MIT */
/* Reads the hub's cache: a name's revision leads to a commit, that to a snapshot, and what is in it is a folder with weights
 * in safetensors, or GGUF models. */
#include "pull/cache.h"

#include <inttypes.h>
#include <string.h>

#include "base/buffer.h"
#include "base/error.h"
#include "base/file.h"
#include "base/memory.h"
#include "base/text.h"
#include "pull/folders.h"
#include "pull/layout.h"
#include "pull/name.h"
#include "pull/quant.h"

static char *format(const char *pattern, const char *a, const char *b)
{
    struct tl_buffer text;
    tl_buffer_init(&text, 0);
    tl_buffer_printf(&text, pattern, a, b);
    char *path = tl_buffer_take(&text, NULL);
    tl_buffer_done(&text);
    return path;
}

/* --- snapshots ---------------------------------------------------------------------------------------------------- */

/* The folder of a commit: 1, 0 where it is not there. */
static int use_commit(const char *folder, const char *commit, char **ret_snapshot)
{
    TL_AUTO char *snapshots = tl_file_join(folder, "snapshots");
    char *path = snapshots ? tl_file_join(snapshots, commit) : NULL;
    if (!path)
        return TL_E_NOMEM;
    if (!tl_file_is_folder(path)) {
        tl_free(path);
        return 0;
    }
    *ret_snapshot = path;
    return 1;
}

/* What the revision's file says, or where there is none for main, the only snapshot. */
static int find_snapshot(const char *folder, const char *revision, char **ret_snapshot)
{
    TL_AUTO char *ref = format("%s/refs/%s", folder, revision);
    char commit[TL_COMMIT_DIGITS + 8];
    if (!ref)
        return TL_E_NOMEM;
    if (tl_file_glance(ref, commit, sizeof commit)) {
        commit[strcspn(commit, " \r\n")] = 0;
        return tl_pull_is_hex(commit, TL_COMMIT_DIGITS) ? use_commit(folder, commit, ret_snapshot) : 0;
    }
    if (strcmp(revision, "main") != 0)
        return tl_pull_is_hex(revision, TL_COMMIT_DIGITS) ? use_commit(folder, revision, ret_snapshot) : 0;
    TL_AUTO char *snapshots = tl_file_join(folder, "snapshots");
    struct tl_folder_entries entries = {0};
    int r = snapshots ? tl_folder_entries_read(snapshots, true, &entries) : TL_E_NOMEM;
    if (r >= 0)
        r = entries.n == 1 ? use_commit(folder, entries.rows[0].path, ret_snapshot) : 0;
    tl_folder_entries_done(&entries);
    return r;
}

struct snapshot {
    char *path;
    struct tl_folder_entries files;
    struct tl_quant_list quants;
    uint64_t folder_bytes;               /* of weights in safetensors; 0: none */
};

static void snapshot_done(struct snapshot *s)
{
    tl_quant_list_done(&s->quants);
    tl_folder_entries_done(&s->files);
    tl_free(s->path);
}

/* 1; 0 where there is none. */
static int snapshot_open(const char *cache, const char *repository, const char *revision, struct snapshot *s)
{
    char name[TL_PULL_NAME_BYTES + 16];
    tl_pull_name_folder(repository, name);
    TL_AUTO char *folder = tl_file_join(cache, name);
    int r = folder ? find_snapshot(folder, revision, &s->path) : TL_E_NOMEM;
    if (r <= 0)
        return r;
    r = tl_folder_entries_walk(s->path, &s->files);
    for (uint64_t i = 0; i < s->files.n && r >= 0; i++) {
        const struct tl_folder_entry *file = &s->files.rows[i];
        if (!strchr(file->path, '/') && tl_text_ends(file->path, ".safetensors"))
            s->folder_bytes += file->bytes;
        r = tl_quant_list_add(&s->quants, file->path, file->bytes);
    }
    return r < 0 ? r : 1;
}

/* --- finding ------------------------------------------------------------------------------------------------------ */

static int use(const char *folder, const char *name, char **ret_path)
{
    char *path = *name ? tl_file_join(folder, name) : tl_strdup(folder);
    if (!path)
        return TL_E_NOMEM;
    *ret_path = path;
    return 1;
}

static int use_file(const struct snapshot *s, const char *file, char **ret_path)
{
    for (uint64_t i = 0; i < s->files.n; i++)
        if (strcmp(s->files.rows[i].path, file) == 0)
            return use(s->path, file, ret_path);
    return 0;
}

/* What is asked for by its format must be the one; where nothing is asked for there must be one only. */
static int use_quant(const struct snapshot *s, const struct tl_pull_name *name, const char *text, char **ret_path)
{
    const struct tl_quant *row = s->quants.n == 1 && !name->quant[0] ? s->quants.rows : NULL;
    if (s->quants.n == 0)
        return 0;
    int r = row ? 0 : name->quant[0] ? tl_quant_choose(&s->quants, text, name->quant, &row) : tl_quant_fail_several(&s->quants, text);
    if (r < 0)
        return r;
    if (row->there != row->parts)
        return tl_fail(TL_E_FILE, "%s: only %" PRIu32 " of %" PRIu32 " parts are there; trill pull %s fetches the others", text, row->there,
                       row->parts, text);
    return use(s->path, row->path, ret_path);
}

int tl_cache_find(const char *cache, const char *text, char **ret_path)
{
    struct tl_pull_name name;
    struct snapshot s = {0};
    if (tl_pull_name_parse(text, NULL, &name) < 0)
        return 0;
    int r = snapshot_open(cache, name.repository, name.revision, &s);
    if (r > 0 && name.file[0])
        r = use_file(&s, name.file, ret_path);
    else if (r > 0)
        r = s.folder_bytes && !name.quant[0] ? use(s.path, "", ret_path) : use_quant(&s, &name, text, ret_path);
    snapshot_done(&s);
    return r;
}

/* --- listing ------------------------------------------------------------------------------------------------------ */

struct listing { int (*each)(void *context, const struct tl_at_hand *model); void *context; };

static int tell(const struct listing *listing, const char *name, const char *folder, const char *file, uint64_t bytes)
{
    TL_AUTO char *path = NULL;
    int r = use(folder, file, &path);
    return r < 0 ? r : listing->each(listing->context, &(struct tl_at_hand){name, path, "huggingface", bytes});
}

static int list_snapshot(const struct listing *listing, const char *repository, const struct snapshot *s)
{
    int r = s->folder_bytes ? tell(listing, repository, s->path, "", s->folder_bytes) : 0;
    for (uint64_t i = 0; i < s->quants.n && r >= 0; i++) {
        const struct tl_quant *row = &s->quants.rows[i];
        if (row->there != row->parts)
            continue;
        bool shared = tl_quant_is_shared(&s->quants, row);
        TL_AUTO char *name = format(shared ? "%s/%s" : "%s:%s", repository, shared ? row->path : row->label);
        r = name ? tell(listing, name, s->path, row->path, row->bytes) : TL_E_NOMEM;
    }
    return r;
}

/* "models--OWNER--NAME" -> "OWNER/NAME" */
static bool repository_of(const char *folder, char ret_name[TL_PULL_NAME_BYTES])
{
    static const char head[] = "models--";
    const char *name = folder + sizeof head - 1, *split = tl_text_begins(folder, head) ? strstr(name, "--") : NULL;
    if (!split || strlen(name) >= TL_PULL_NAME_BYTES)
        return false;
    size_t n = (size_t)(split - name);
    memcpy(ret_name, name, n);
    ret_name[n] = '/';
    strcpy(ret_name + n + 1, split + 2);
    return tl_pull_name_is_repository(ret_name);
}

int tl_cache_list(const char *cache, int (*each)(void *context, const struct tl_at_hand *model), void *context)
{
    const struct listing listing = {each, context};
    struct tl_folder_entries folders = {0};
    int r = tl_folder_entries_read(cache, true, &folders);
    for (uint64_t i = 0; i < folders.n && r >= 0; i++) {
        char name[TL_PULL_NAME_BYTES];
        struct snapshot s = {0};
        if (!repository_of(folders.rows[i].path, name))
            continue;
        r = snapshot_open(cache, name, "main", &s);
        if (r > 0)
            r = list_snapshot(&listing, name, &s);
        snapshot_done(&s);
        r = r == TL_E_FILE ? 0 : r;
    }
    tl_folder_entries_done(&folders);
    return r < 0 ? r : 0;
}
