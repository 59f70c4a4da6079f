/* SPDX-License-Identifier: MIT */
/* Finds and reads what was tuned. */
#include "cli/tuning.h"

#include <dirent.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "base/cpu.h"
#include "base/file.h"
#include "base/hash.h"
#include "base/json.h"
#include "base/memory.h"
#include "cli/command.h"
#include "cli/place.h"

enum { END_BYTES = 1 << 16, MOST_BYTES = 1 << 20, DIGEST_CHARACTERS = 16, NAME_CHARACTERS = 80 };

static const struct tl_option rows[] = {
    TL_COMMAND_OPTION(struct tl_tuning, threads, U64, 0, "threads", "N", .min = 1, .max = 4096),
    TL_COMMAND_OPTION(struct tl_tuning, chunk, U64, 0, "chunk", "N", .min = 1, .max = 1 << 20),
    TL_COMMAND_OPTION(struct tl_tuning, io, CHOICE, 0, "io", "uring|pread"),
    TL_COMMAND_OPTION(struct tl_tuning, policy, CHOICE, 0, "policy", "lru|lfru"),
    TL_COMMAND_OPTION(struct tl_tuning, lookahead, CHOICE, 0, "lookahead", "on|off"),
};

/* --- where -------------------------------------------------------------------------------------------------------- */

/* Its size, its beginning and its end: headers, and some weights. Nothing of files that are not there. */
static int digest_file(const char *path, struct tl_sha256 *hash)
{
    struct tl_file *file;
    if (!tl_file_exists(path) || tl_file_is_folder(path))
        return 0;
    TL_AUTO char *bytes = tl_alloc(END_BYTES, 1);
    int r = bytes ? tl_file_open(path, &file) : TL_E_NOMEM;
    if (r < 0)
        return r;
    uint64_t size = file->size_bytes, n = size < END_BYTES ? size : END_BYTES;
    tl_sha256_add(hash, &size, sizeof size);
    for (int end = 0; end < 2 && r >= 0; end++) {
        r = tl_file_read(file, end ? size - n : 0, bytes, n);
        if (r >= 0)
            tl_sha256_add(hash, bytes, n);
    }
    tl_file_close(file);
    return r;
}

static int digest_model(const char *path, char ret_hex[2 * TL_SHA256_BYTES + 1])
{
    static const char *const inside[] = {"config.json", "model.safetensors.index.json", "model.safetensors"};
    struct tl_sha256 hash;
    uint8_t digest[TL_SHA256_BYTES];
    tl_sha256_init(&hash);
    int r = digest_file(path, &hash);
    for (size_t i = 0; i < TL_COUNT(inside) && r >= 0 && tl_file_is_folder(path); i++) {
        TL_AUTO char *file = tl_file_join(path, inside[i]);
        r = file ? digest_file(file, &hash) : TL_E_NOMEM;
    }
    tl_sha256_end(&hash, digest);
    tl_sha256_hex(digest, ret_hex);
    return r;
}

/* The last part of a path as a name of files. */
static void name_of(const char *path, char ret[NAME_CHARACTERS + 1])
{
    size_t n = strlen(path), from;
    while (n > 1 && path[n - 1] == '/')
        n--;
    for (from = n; from > 0 && path[from - 1] != '/'; from--)
        continue;
    n -= from;
    n = n < NAME_CHARACTERS ? n : NAME_CHARACTERS;
    memcpy(ret, path + from, n);
    ret[n] = 0;
}

int tl_tuning_path(const char *model_path, const char *home, char **ret_path)
{
    char hex[2 * TL_SHA256_BYTES + 1], model[NAME_CHARACTERS + 1], name[NAME_CHARACTERS + 64];
    TL_AUTO char *state = NULL;
    int r = tl_place_state(home, &state);
    if (r >= 0)
        r = digest_model(model_path, hex);
    if (r < 0)
        return r;
    name_of(model_path, model);
    snprintf(name, sizeof name, "tuning/%s-%.*s.json", model, DIGEST_CHARACTERS, hex);
    char *path = tl_file_join(state, name);
    if (!path)
        return TL_E_NOMEM;
    *ret_path = path;
    return 0;
}

/* Whether something was tuned for a model of this name: only then its bytes tell whether it is this one. */
static bool may_be_there(const char *model_path, const char *home)
{
    char model[NAME_CHARACTERS + 1];
    TL_AUTO char *state = NULL;
    TL_AUTO char *folder = NULL;
    bool found = false;
    if (tl_place_state(home, &state) < 0 || !(folder = tl_file_join(state, "tuning")))
        return false;
    name_of(model_path, model);
    size_t n = strlen(model);
    DIR *dir = opendir(folder);
    for (const struct dirent *entry; dir && !found && (entry = readdir(dir));)
        found = strncmp(entry->d_name, model, n) == 0 && entry->d_name[n] == '-';
    if (dir)
        closedir(dir);
    return found;
}

/* --- reading ------------------------------------------------------------------------------------------------------ */

struct found { bool machine, cpus; const char *settings; size_t settings_bytes; };

static int read_key(struct tl_json *json, struct found *found)
{
    uint64_t cpus;
    if (tl_json_is(json, "machine")) {
        int event = tl_json_next(json);
        found->machine = event == TL_JSON_STRING && tl_json_is(json, tl_cpu_model());
        return event;
    }
    if (tl_json_is(json, "cpus")) {
        int r = tl_json_u64(json, UINT32_MAX, &cpus);
        found->cpus = r >= 0 && cpus == tl_cpu_count();
        return r;
    }
    if (!tl_json_is(json, "settings"))
        return tl_json_skip(json);
    int event = tl_json_next(json);
    if (event != TL_JSON_OBJECT)
        return event < 0 ? event : tl_json_fail(json, "an object");
    found->settings = json->raw;
    event = tl_json_skip(json);
    found->settings_bytes = event < 0 ? 0 : (size_t)(json->at - found->settings);
    return event;
}

static int read_file(const char *path, struct tl_tuning *tuning)
{
    TL_AUTO char *text = NULL;
    size_t n_bytes;
    struct found found = {0};
    struct tl_json json;
    int r = tl_file_slurp(path, MOST_BYTES, &text, &n_bytes);
    if (r < 0)
        return r;
    tl_json_init(&json, path, text, n_bytes);
    r = tl_json_next(&json);
    if (r >= 0 && r != TL_JSON_OBJECT)
        r = tl_json_fail(&json, "an object");
    while (r >= 0 && (r = tl_json_next(&json)) == TL_JSON_KEY)
        r = read_key(&json, &found);
    if (r >= 0)
        r = tl_json_next(&json);
    tl_json_done(&json);
    if (r < 0 || !found.machine || !found.cpus || !found.settings)
        return r;
    return tl_options_read_json(rows, TL_COUNT(rows), found.settings, found.settings_bytes, tuning, &tuning->texts);
}

void tl_tuning_read(const char *model_path, const char *home, struct tl_tuning *ret_tuning)
{
    TL_AUTO char *path = NULL;
    *ret_tuning = (struct tl_tuning){0};
    if (!may_be_there(model_path, home) || tl_tuning_path(model_path, home, &path) < 0 || !tl_file_exists(path))
        return;
    if (read_file(path, ret_tuning) < 0)
        *ret_tuning = (struct tl_tuning){0};
}

void tl_tuning_done(struct tl_tuning *tuning)
{
    tl_free(tuning->texts);
    *tuning = (struct tl_tuning){0};
}
