/* SPDX-License-Identifier: MIT */
/* Reads texts one file at a time, so that only ids stay. */
#include "engine/texts.h"

#include <dirent.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/file.h"
#include "base/memory.h"

enum { MOST_DEPTH = 16 };
static const size_t most_bytes = (size_t)4 << 30;

void tl_texts_done(struct tl_texts *texts)
{
    tl_free(texts->ids);
    tl_free(texts->starts);
    memset(texts, 0, sizeof(*texts));
}

static int grow(struct tl_texts *texts, size_t n_ids)
{
    int status = tl_reserve((void **)&texts->ids, texts->n_ids + n_ids, &texts->cap_ids, sizeof(*texts->ids));
    return status < 0 ? status : tl_reserve((void **)&texts->starts, texts->n_texts + 2, &texts->cap_texts, sizeof(*texts->starts));
}

int tl_texts_add(struct tl_texts *texts, const struct tl_tokenizer *tokenizer, const char *text, size_t n_bytes)
{
    int32_t *ids = NULL;
    size_t n_ids = 0;
    int status = tl_tokenizer_encode(tokenizer, text, n_bytes, TL_ENCODE_BOS, &ids, &n_ids);
    if (status >= 0)
        status = grow(texts, n_ids);
    if (status >= 0) {
        if (n_ids)
            memcpy(texts->ids + texts->n_ids, ids, n_ids * sizeof(*ids));
        texts->starts[texts->n_texts++] = texts->n_ids;
        texts->n_ids += n_ids;
        texts->starts[texts->n_texts] = texts->n_ids;
    }
    tl_free(ids);
    return status;
}

static int read_file(struct tl_texts *texts, const struct tl_tokenizer *tokenizer, const char *path)
{
    TL_AUTO char *text = NULL;
    size_t n_bytes;
    int status = tl_file_slurp(path, most_bytes, &text, &n_bytes);
    if (status == TL_E_FILE)             /* not a model file, so not its fault */
        return tl_error_set(TL_E_IO, tl_error_text());
    return status < 0 ? status : tl_texts_add(texts, tokenizer, text, n_bytes);
}

struct names { char **names; uint64_t n, cap; };

static int add_name(struct names *names, const char *folder, const char *name)
{
    if (tl_grow((void **)&names->names, names->n, &names->cap, sizeof(*names->names)) < 0)
        return TL_E_NOMEM;
    names->names[names->n] = tl_file_join(folder, name);
    if (!names->names[names->n])
        return TL_E_NOMEM;
    names->n++;
    return 0;
}

static int list(const char *path, struct names *names)
{
    DIR *folder = opendir(path);
    int status = 0;
    if (!folder)
        return tl_fail(TL_E_IO, "%s: cannot be listed: %m", path);
    for (struct dirent *entry; status >= 0 && (entry = readdir(folder));)
        if (entry->d_name[0] != '.')
            status = add_name(names, path, entry->d_name);
    closedir(folder);
    return status;
}

static int by_bytes(const void *a, const void *b) { return strcmp(*(char *const *)a, *(char *const *)b); }

struct walk { int (*found)(void *context, const char *path); void *context; };

static int walk_path(const struct walk *walk, const char *path, int depth)
{
    struct names names = { 0 };
    if (!tl_file_is_folder(path))
        return walk->found(walk->context, path);
    if (depth == MOST_DEPTH)
        return tl_fail(TL_E_USAGE, "%s: folders are nested more than %d deep", path, MOST_DEPTH);
    int status = list(path, &names);
    if (status >= 0 && names.n)
        qsort(names.names, names.n, sizeof(*names.names), by_bytes);
    for (size_t i = 0; i < names.n; i++) {
        if (status >= 0)
            status = walk_path(walk, names.names[i], depth + 1);
        tl_free(names.names[i]);
    }
    tl_free(names.names);
    return status;
}

int tl_texts_walk(const char *path, int (*found)(void *context, const char *path), void *context)
{
    int status = walk_path(&(struct walk){ found, context }, path, 0);
    return status < 0 ? status : 0;
}

struct reading { struct tl_texts *texts; const struct tl_tokenizer *tokenizer; };

static int read_found(void *context, const char *path)
{
    const struct reading *reading = context;
    return read_file(reading->texts, reading->tokenizer, path);
}

int tl_texts_read(struct tl_texts *texts, const struct tl_tokenizer *tokenizer, const char *path)
{
    int status = tl_texts_walk(path, read_found, &(struct reading){ texts, tokenizer });
    if (status >= 0 && !texts->n_texts)
        return tl_fail(TL_E_USAGE, "%s: the folder holds no text", path);
    return status;
}
