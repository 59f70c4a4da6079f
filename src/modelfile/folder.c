/* SPDX-License-Identifier: MIT */
/* Which files make a model: a folder's weights, or the shards that an index names. Names from an index are names of
 * files beside it and nothing else: they cannot lead out of the folder. */
#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/json.h"
#include "base/memory.h"
#include "base/text.h"
#include "modelfile/parts.h"

enum { MAX_INDEX_BYTES = 256 << 20 };

static const char index_ending[] = ".safetensors.index.json";

/* Where `tail` (digits standing for any digits) ends the text; NULL: it does not. */
static const char *ending_like(const char *text, const char *tail)
{
    size_t n = strlen(text), m = strlen(tail);
    if (n < m)
        return NULL;
    for (size_t i = 0; i < m; i++) {
        bool digit = tail[i] >= '0' && tail[i] <= '9';
        char c = text[n - m + i];
        if (digit ? c < '0' || c > '9' : c != tail[i])
            return NULL;
    }
    return text + n - m;
}

bool tl_folder_is_shard(const char *name) { return ending_like(name, "-00001-of-00001.safetensors") != NULL; }

/* --- shards ------------------------------------------------------------------------------------------------------------ */

struct shards {
    struct tl_modelfile *file;
    const char *index_path;
    const char *text;                    /* of the index */
    size_t n_bytes;
    struct tl_names names;               /* of the files, no order */
    const char **sorted;                 /* the same in the order of parts */
    uint64_t n, cap;
};

static int fail_map(const struct shards *shards, const char *found, const char *expected)
{
    return tl_fail(TL_E_FILE, "%s: weight_map: found %s, expected %s", shards->index_path, found, expected);
}

/* Calls `each` with every tensor and file of weight_map. */
static int walk_weight_map(struct shards *shards, struct tl_json *json, int (*each)(struct shards *, const char *tensor, const char *name))
{
    const struct tl_buffer *string = &json->string;
    int event = tl_json_next(json);
    if (event >= 0 && event != TL_JSON_OBJECT)
        return fail_map(shards, "no object", "one");
    while (event >= 0 && (event = tl_json_next(json)) == TL_JSON_KEY) {
        char tensor[TL_NAME_BYTES + 1];
        if (!tl_name_valid(string->data, string->len))
            return fail_map(shards, "a tensor's name that is empty, too long or has control characters", "1 to 256 printable bytes");
        memcpy(tensor, string->data, string->len + 1);
        if ((event = tl_json_next(json)) < 0)
            return event;
        if (event != TL_JSON_STRING || !tl_name_valid(string->data, string->len) || strchr(string->data, '/') ||
            !tl_text_ends(string->data, ".safetensors"))
            return fail_map(shards, "a tensor without a file's name", "that of a .safetensors file beside the index");
        event = each(shards, tensor, string->data);
    }
    return event < 0 ? event : 0;
}

static int walk_index(struct shards *shards, int (*each)(struct shards *, const char *tensor, const char *name))
{
    struct tl_json json;
    bool seen = false;
    tl_json_init(&json, shards->index_path, shards->text, shards->n_bytes);
    int event = tl_json_next(&json);
    if (event >= 0 && event != TL_JSON_OBJECT)
        event = tl_fail(TL_E_FILE, "%s: index: found no object, expected one", shards->index_path);
    while (event >= 0 && (event = tl_json_next(&json)) == TL_JSON_KEY) {
        bool map = tl_json_is(&json, "weight_map");
        if (map && seen)
            event = tl_fail(TL_E_FILE, "%s: weight_map: found it twice, expected once", shards->index_path);
        else
            event = map ? walk_weight_map(shards, &json, each) : tl_json_skip(&json);
        seen = seen || map;
    }
    if (event >= 0)
        event = tl_json_next(&json);
    tl_json_done(&json);
    if (event >= 0 && !seen)
        return tl_fail(TL_E_FILE, "%s: weight_map: found none, expected one", shards->index_path);
    return event;
}

static int note_name(struct shards *shards, const char *tensor, const char *name)
{
    uint32_t index;
    (void)tensor;
    if (tl_names_find(&shards->names, name, &index))
        return 0;
    const char *copy = tl_parts_text(shards->file, name, strlen(name));
    if (!copy || tl_grow((void **)&shards->sorted, shards->n, &shards->cap, sizeof *shards->sorted) < 0)
        return TL_E_NOMEM;
    if (shards->n == TL_MODELFILE_MAX_PARTS)
        return tl_fail(TL_E_FILE, "%s: weight_map: found more than %d files, expected at most that many", shards->index_path,
                       TL_MODELFILE_MAX_PARTS);
    shards->sorted[shards->n++] = copy;
    int r = tl_names_add(&shards->names, copy, 0, &index);
    return r < 0 ? r : 0;
}

static int check_tensor(struct shards *shards, const char *tensor, const char *name)
{
    const struct tl_tensor *found = tl_modelfile_find(shards->file, tensor);
    if (!found)
        return tl_fail(TL_E_FILE, "%s: weight_map: tensor %s: found it in no shard, expected it in %s", shards->index_path, tensor, name);
    if (strcmp(shards->sorted[found->part], name) != 0)
        return tl_fail(TL_E_FILE, "%s: weight_map: tensor %s: found it in %s, expected it in %s", shards->index_path, tensor,
                       shards->sorted[found->part], name);
    return 0;
}

static int by_name(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static int read_shard(struct shards *shards, const char *name)
{
    TL_AUTO char *path = tl_file_join(shards->file->folder, name);
    if (!path)
        return TL_E_NOMEM;
    if (!tl_file_exists(path))
        return tl_fail(TL_E_FILE, "%s: weight_map: found no file %s beside the index, expected one", shards->index_path, name);
    return tl_safetensors_read(shards->file, path);
}

static int read_shards(struct shards *shards)
{
    int r = walk_index(shards, note_name);
    if (r >= 0 && shards->n == 0)
        r = tl_fail(TL_E_FILE, "%s: weight_map: found no tensors, expected at least one", shards->index_path);
    if (r >= 0)
        qsort(shards->sorted, shards->n, sizeof *shards->sorted, by_name);
    for (uint64_t i = 0; r >= 0 && i < shards->n; i++)
        r = read_shard(shards, shards->sorted[i]);
    return r < 0 ? r : walk_index(shards, check_tensor);
}

static int read_index(struct tl_modelfile *file, const char *index_path)
{
    TL_AUTO char *text = NULL;
    struct shards shards = {.file = file, .index_path = index_path};
    int r = tl_file_slurp(index_path, MAX_INDEX_BYTES, &text, &shards.n_bytes);
    if (r < 0)
        return r;
    shards.text = text;
    r = read_shards(&shards);
    tl_names_done(&shards.names);
    tl_free(shards.sorted);
    return r < 0 ? r : tl_side_read(file);
}

/* --- files ------------------------------------------------------------------------------------------------------------- */

/* The folder that holds file->path. */
static int set_folder(struct tl_modelfile *file)
{
    file->folder = tl_file_folder(file->path);
    return file->folder ? 0 : TL_E_NOMEM;
}

int tl_folder_read_index(struct tl_modelfile *file)
{
    int r = set_folder(file);
    return r < 0 ? r : read_index(file, file->path);
}

static int read_one(struct tl_modelfile *file, const char *path)
{
    int r = tl_safetensors_read(file, path);
    return r < 0 ? r : tl_side_read(file);
}

int tl_folder_read_one(struct tl_modelfile *file)
{
    const char *tail = ending_like(file->path, "-00001-of-00001.safetensors");
    size_t stem = tail ? (size_t)(tail - file->path) : 0;
    int r = set_folder(file);
    if (r < 0)
        return r;
    TL_AUTO char *index = tl_alloc(stem + sizeof index_ending, 1);
    if (!index)
        return TL_E_NOMEM;
    memcpy(index, file->path, stem);
    strcpy(index + stem, index_ending);
    return tail && tl_file_exists(index) ? read_index(file, index) : read_one(file, file->path);
}

/* --- folders ----------------------------------------------------------------------------------------------------------- */

/* Candidates in a folder: how many of a kind, and the name of one. */
struct candidates { uint64_t n; char *name; };
struct listing { struct candidates weights, indices, ggufs; bool model, index, config, adapter; };

static int note_candidate(struct candidates *candidates, const char *name)
{
    candidates->n++;
    if (!candidates->name && !(candidates->name = tl_strdup(name)))
        return TL_E_NOMEM;
    return 0;
}

static int note_entry(struct listing *listing, const char *name)
{
    const char *part = ending_like(name, "-00001-of-00001.gguf");
    if (tl_text_ends(name, ".gguf"))
        return part && !tl_text_begins(part, "-00001") ? 0 : note_candidate(&listing->ggufs, name);
    listing->config = listing->config || strcmp(name, "config.json") == 0;
    listing->model = listing->model || strcmp(name, "model.safetensors") == 0;
    listing->adapter = listing->adapter || strcmp(name, "adapter_config.json") == 0;
    listing->index = listing->index || strcmp(name, "model.safetensors.index.json") == 0;
    if (tl_text_ends(name, index_ending))
        return note_candidate(&listing->indices, name);
    return tl_text_ends(name, ".safetensors") ? note_candidate(&listing->weights, name) : 0;
}

static int list_folder(const char *folder, struct listing *listing)
{
    const struct dirent *entry;
    int r = 0;
    DIR *stream = opendir(folder);
    if (!stream)
        return tl_fail(TL_E_IO, "%s: cannot be opened: %m", folder);
    while (r >= 0 && (entry = readdir(stream)))
        r = note_entry(listing, entry->d_name);
    closedir(stream);
    return r;
}

/* GGUF names its other parts after the first: the file takes the folder's place as the model's path. */
static int read_gguf(struct tl_modelfile *file, const char *path)
{
    char *copy = tl_strdup(path);
    if (!copy)
        return TL_E_NOMEM;
    tl_free(file->path);
    file->path = copy;
    return tl_gguf_read(file);
}

static int choose(struct tl_modelfile *file, const struct listing *listing)
{
    bool index = !listing->model && (listing->index || listing->indices.n == 1);
    bool weights = listing->model || index || (listing->indices.n == 0 && listing->weights.n == 1);
    const char *name = listing->model ? "model.safetensors" : listing->index ? "model.safetensors.index.json"
                     : index ? listing->indices.name : weights ? listing->weights.name : listing->ggufs.name;
    if (!weights && listing->ggufs.n != 1)
        return tl_fail(TL_E_FILE, "%s: found %" PRIu64 " safetensors and %" PRIu64 " GGUF models, expected model.safetensors, model.safetensors.index.json or exactly one",
                       file->path, listing->weights.n, listing->ggufs.n);
    TL_AUTO char *path = tl_file_join(file->path, name);
    if (!path)
        return TL_E_NOMEM;
    if (!weights)
        return read_gguf(file, path);
    if (!listing->config && !listing->adapter)
        return tl_fail(TL_E_FILE, "%s: config.json: found none, expected it beside %s", file->path, name);
    if (!(file->folder = tl_strdup(file->path)))
        return TL_E_NOMEM;
    return index ? read_index(file, path) : read_one(file, path);
}

int tl_folder_read(struct tl_modelfile *file)
{
    struct listing listing = {0};
    int r = list_folder(file->path, &listing);
    if (r >= 0)
        r = choose(file, &listing);
    tl_free(listing.weights.name);
    tl_free(listing.indices.name);
    tl_free(listing.ggufs.name);
    return r;
}
