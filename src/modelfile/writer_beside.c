/* SPDX-License-Identifier: MIT */
/* Files beside safetensors. They and the weights cannot get their names at one moment, but in an order in which what can be read is
 * never a mixture: all that is new waits, complete, under temporary names; the weights that are there go; the files beside them are
 * replaced; the new weights come last. Each step is asked for with tl_file_permit, so that tests stop between any two. */
#include <dirent.h>
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "base/memory.h"
#include "base/text.h"
#include "modelfile/writer_parts.h"

int tl_writer_beside(struct tl_writer *writer, const char *name, const void *bytes, size_t n_bytes)
{
    TL_AUTO char *folder = tl_file_folder(writer->path), *path = folder ? tl_file_join(folder, name) : NULL;
    if (!path || tl_grow((void **)&writer->sides, writer->n_sides, &writer->sides_cap, sizeof *writer->sides) < 0)
        return TL_E_NOMEM;
    struct tl_writer_side *side = &writer->sides[writer->n_sides++];
    *side = (struct tl_writer_side){.name = tl_strdup(name)};
    int r = side->name ? tl_outfile_open(path, &side->out) : TL_E_NOMEM;
    if (r >= 0)
        r = tl_outfile_write(side->out, bytes, n_bytes);
    return r < 0 ? r : tl_outfile_settle(side->out);
}

static bool has_side(const struct tl_writer *writer, const char *name)
{
    for (uint64_t i = 0; i < writer->n_sides; i++)
        if (strcmp(writer->sides[i].name, name) == 0)
            return true;
    return false;
}

int tl_writer_copy_beside(struct tl_writer *writer, const struct tl_modelfile *file)
{
    int r = 0;
    for (size_t i = 0; tl_side_names[i] && r >= 0 && tl_modelfile_format(file) == TL_MODELFILE_SAFETENSORS; i++) {
        TL_AUTO char *text = NULL;
        size_t n_bytes;
        if (has_side(writer, tl_side_names[i]))
            continue;
        r = tl_modelfile_beside(file, tl_side_names[i], &text, &n_bytes);
        if (r > 0)
            r = tl_writer_beside(writer, tl_side_names[i], text, n_bytes);
    }
    return r < 0 ? r : 0;
}

void tl_writer_drop_sides(struct tl_writer *writer)
{
    for (uint64_t i = 0; i < writer->n_sides; i++) {
        tl_outfile_close(writer->sides[i].out);
        tl_free(writer->sides[i].name);
    }
    tl_free(writer->sides);
}

/* --- what was there --------------------------------------------------------------------------------------------------------- */

/* One file, an index, or its shards. */
static bool is_weights(const char *name)
{
    return tl_text_begins(name, "model") && (tl_text_ends(name, ".safetensors.index.json") || strcmp(name, "model.safetensors") == 0 ||
                                             tl_folder_is_shard(name));
}

/* Of another model: what this one has as well is replaced. */
static bool is_stale(const struct tl_writer *writer, const char *name)
{
    size_t k = 0;
    while (tl_side_names[k] && strcmp(tl_side_names[k], name) != 0)
        k++;
    return tl_side_names[k] && !has_side(writer, name);
}

static int remove_old(const struct tl_writer *writer, const char *folder, bool weights)
{
    DIR *stream = opendir(folder);
    const struct dirent *entry;
    int r = stream ? 0 : tl_fail(TL_E_IO, "%s: cannot be opened: %m", folder);
    while (r >= 0 && (entry = readdir(stream))) {
        const char *name = entry->d_name;
        if (!(weights ? is_weights(name) : is_stale(writer, name)))
            continue;
        if (!tl_file_permit() || (unlinkat(dirfd(stream), name, 0) < 0 && errno != ENOENT))
            r = tl_fail(TL_E_IO, "%s/%s: cannot be replaced: %m", folder, name);
    }
    if (r >= 0 && weights)
        (void)fsync(dirfd(stream));                      /* not behind what follows, where the file system can say so */
    if (stream)
        closedir(stream);
    return r;
}

int tl_writer_replace(struct tl_writer *writer)
{
    TL_AUTO char *folder = tl_file_folder(writer->path);
    int r = folder ? remove_old(writer, folder, true) : TL_E_NOMEM;
    if (r >= 0)
        r = remove_old(writer, folder, false);
    for (uint64_t i = 0; i < writer->n_sides && r >= 0; i++)
        r = tl_outfile_commit(writer->sides[i].out);
    return r;
}
