/* SPDX-License-Identifier: MIT */
/* trill models: what is at hand, by the names that commands take: trill's own cache, the hub's, ollama's stores. */
#include <dirent.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/amount.h"
#include "base/file.h"
#include "base/memory.h"
#include "base/text.h"
#include "cli/command.h"
#include "cli/output.h"
#include "cli/place.h"
#include "pull/cache.h"

struct settings { const char *home; bool json, names; };

#define ROW(...) TL_COMMAND_OPTION(struct settings, __VA_ARGS__)
static const struct tl_option options[] = {
    ROW(names, FLAG, 0, "names", NULL, .help = "only the names, one a line"),
    ROW(json, FLAG, 0, "json", NULL, .help = "one JSON document on standard output"),
    ROW(home, FILE, 0, "home", "DIR", .help = "folder of models, instead of the usual one"),
};

struct row { char *name, *path; const char *from; uint64_t bytes; };
struct rows { struct row *rows; uint64_t n, cap; };

static int add(void *context, const struct tl_at_hand *model)
{
    struct rows *rows = context;
    int r = tl_grow((void **)&rows->rows, rows->n, &rows->cap, sizeof *rows->rows);
    if (r < 0)
        return r;
    struct row row = {tl_strdup(model->name), tl_strdup(model->path), model->from, model->bytes};
    rows->rows[rows->n++] = row;
    return row.name && row.path ? 0 : TL_E_NOMEM;
}

/* --- trill's own cache -------------------------------------------------------------------------------------------- */

static uint64_t size_of(const char *path)
{
    struct stat facts;
    return stat(path, &facts) == 0 ? (uint64_t)facts.st_size : 0;
}

/* The weights in the folder of a model; 0 where it is none. */
static uint64_t weigh_folder(const char *folder)
{
    uint64_t bytes = 0;
    TL_AUTO char *config = tl_file_join(folder, "config.json");
    DIR *dir = config && tl_file_exists(config) ? opendir(folder) : NULL;
    for (struct dirent *entry; dir && (entry = readdir(dir));) {
        TL_AUTO char *path = tl_text_ends(entry->d_name, ".safetensors") ? tl_file_join(folder, entry->d_name) : NULL;
        bytes += path ? size_of(path) : 0;
    }
    if (dir)
        closedir(dir);
    return bytes;
}

static int add_own(struct rows *rows, const char *folder, const char *name)
{
    TL_AUTO char *path = tl_file_join(folder, name);
    TL_AUTO char *bare = tl_strndup(name, strlen(name) - (tl_text_ends(name, ".gguf") ? 5 : 0));
    if (!path || !bare)
        return TL_E_NOMEM;
    bool inside = tl_file_is_folder(path);
    uint64_t bytes = inside ? weigh_folder(path) : tl_text_ends(name, ".gguf") ? size_of(path) : 0;
    return bytes ? add(rows, &(struct tl_at_hand){inside ? name : bare, path, "trill", bytes}) : 0;
}

static int list_own(struct rows *rows, const char *home)
{
    TL_AUTO char *folder = NULL;
    int r = tl_place_cache(home, &folder);
    DIR *dir = r < 0 ? NULL : opendir(folder);
    for (struct dirent *entry; dir && r >= 0 && (entry = readdir(dir));)
        r = entry->d_name[0] == '.' ? 0 : add_own(rows, folder, entry->d_name);
    if (dir)
        closedir(dir);
    return r;
}

static int list_all(struct rows *rows, const char *home)
{
    TL_AUTO char *hub = NULL;
    char *stores[TL_PLACE_STORES];
    size_t n = 0;
    int r = list_own(rows, home);
    if (r >= 0 && (r = tl_place_hub_cache(&hub)) >= 0)
        r = tl_cache_list(hub, add, rows);
    if (r >= 0)
        r = tl_place_ollama(stores, &n);
    for (size_t i = 0; i < n; i++) {
        r = r < 0 ? r : tl_ollama_list(stores[i], add, rows);
        tl_free(stores[i]);
    }
    return r;
}

/* --- telling ------------------------------------------------------------------------------------------------------ */

static int compare(const void *a, const void *b)
{
    return strcmp(((const struct row *)a)->name, ((const struct row *)b)->name);
}

static void put_json(const struct rows *rows, struct tl_buffer *out)
{
    tl_buffer_printf(out, "[");
    for (uint64_t i = 0; i < rows->n; i++) {
        const struct row *row = &rows->rows[i];
        tl_buffer_printf(out, i ? ",{" : "{");
        tl_buffer_json_member(out, "name", row->name);
        tl_buffer_printf(out, ",\"bytes\":%" PRIu64, row->bytes);
        tl_buffer_json_member(out, "from", row->from);
        tl_buffer_json_member(out, "path", row->path);
        tl_buffer_printf(out, "}");
    }
    tl_buffer_printf(out, "]\n");
}

static void put_table(const struct rows *rows, bool names, struct tl_buffer *out)
{
    char size[TL_AMOUNT_BYTES];
    size_t width = 0;
    for (uint64_t i = 0; i < rows->n; i++)
        width = strlen(rows->rows[i].name) > width ? strlen(rows->rows[i].name) : width;
    for (uint64_t i = 0; i < rows->n; i++)
        if (names)
            tl_buffer_printf(out, "%s\n", rows->rows[i].name);
        else
            tl_buffer_printf(out, "%-*s %10s  %s\n", (int)width, rows->rows[i].name, tl_amount_of_bytes((double)rows->rows[i].bytes, size), rows->rows[i].from);
}

static int run(const void *context)
{
    const struct settings *settings = context;
    struct rows rows = {0};
    struct tl_buffer out;
    tl_buffer_init(&out, 0);
    int r = list_all(&rows, settings->home);
    if (r >= 0 && rows.n)
        qsort(rows.rows, rows.n, sizeof *rows.rows, compare);
    if (r >= 0) {                            /* else a row may lack its name */
        if (settings->json)
            put_json(&rows, &out);
        else
            put_table(&rows, settings->names, &out);
        r = tl_output_buffer(&out);
    }
    if (r >= 0 && !rows.n && !settings->json && !settings->names)
        tl_output_note("no models are at hand; trill pull OWNER/NAME fetches one\n");
    for (uint64_t i = 0; i < rows.n; i++) {
        tl_free(rows.rows[i].name);
        tl_free(rows.rows[i].path);
    }
    tl_free(rows.rows);
    tl_buffer_done(&out);
    return r;
}

const struct tl_command_body tl_models_command = {
    .about = "Lists the models at hand by the names that commands take: those in trill's own cache, those that\n"
             "trill pull or other programs fetched from Hugging Face, and those in ollama's store. All are used\n"
             "where they are.",
    .examples = "trill models\n"
                "trill models --json\n",
    .options = options, .n_options = TL_COUNT(options),
    .settings_bytes = sizeof(struct settings), .run = run,
};
