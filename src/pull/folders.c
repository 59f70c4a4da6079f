/* SPDX-License-Identifier: MIT */
/* Reads folders; what cannot be read is as good as not there. */
#include "pull/folders.h"

#include <dirent.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/error.h"
#include "base/file.h"
#include "base/memory.h"

enum { MAX_ENTRIES = 100000, MAX_DEPTH = 4 };

static int add(struct tl_folder_entries *entries, const char *path, uint64_t bytes)
{
    if (entries->n == MAX_ENTRIES)
        return tl_fail(TL_E_FILE, "%s: more than %d files", path, MAX_ENTRIES);
    int r = tl_grow((void **)&entries->rows, entries->n, &entries->cap, sizeof *entries->rows);
    char *copy = r < 0 ? NULL : tl_strdup(path);
    if (!copy)
        return TL_E_NOMEM;
    entries->rows[entries->n++] = (struct tl_folder_entry){copy, bytes};
    return 0;
}

/* One folder, `below` it in names. */
static int read_folder(const char *folder, const char *below, int depth, bool folders, struct tl_folder_entries *entries)
{
    DIR *dir = opendir(folder);
    int r = 0;
    for (struct dirent *entry; dir && r >= 0 && (entry = readdir(dir));) {
        struct stat facts;
        if (entry->d_name[0] == '.' || fstatat(dirfd(dir), entry->d_name, &facts, 0) < 0)
            continue;
        TL_AUTO char *path = below ? tl_file_join(below, entry->d_name) : tl_strdup(entry->d_name);
        TL_AUTO char *inner = tl_file_join(folder, entry->d_name);
        if (!path || !inner)
            r = TL_E_NOMEM;
        else if (S_ISDIR(facts.st_mode) && !folders && depth < MAX_DEPTH)
            r = read_folder(inner, path, depth + 1, false, entries);
        else if (folders ? S_ISDIR(facts.st_mode) : S_ISREG(facts.st_mode))
            r = add(entries, path, (uint64_t)facts.st_size);
    }
    if (dir)
        closedir(dir);
    return r;
}

static int compare(const void *a, const void *b)
{
    return strcmp(((const struct tl_folder_entry *)a)->path, ((const struct tl_folder_entry *)b)->path);
}

static int read_sorted(const char *folder, int depth, bool folders, struct tl_folder_entries *ret_entries)
{
    struct tl_folder_entries entries = {0};
    int r = read_folder(folder, NULL, depth, folders, &entries);
    if (r < 0) {
        tl_folder_entries_done(&entries);
        return r;
    }
    if (entries.n)
        qsort(entries.rows, entries.n, sizeof *entries.rows, compare);
    *ret_entries = entries;
    return 0;
}

int tl_folder_entries_read(const char *folder, bool folders, struct tl_folder_entries *ret_entries)
{
    return read_sorted(folder, MAX_DEPTH, folders, ret_entries);
}

int tl_folder_entries_walk(const char *folder, struct tl_folder_entries *ret_entries)
{
    return read_sorted(folder, 0, false, ret_entries);
}

void tl_folder_entries_done(struct tl_folder_entries *entries)
{
    for (uint64_t i = 0; i < entries->n; i++)
        tl_free(entries->rows[i].path);
    tl_free(entries->rows);
    *entries = (struct tl_folder_entries){0};
}
