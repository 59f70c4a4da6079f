/* SPDX-License-Identifier: MIT */
/* Finds models by name. What exists as typed wins over all caches, so that a path always means itself; then trill's own cache,
 * the hub's, ollama's. */
#include "cli/place.h"

#include <dirent.h>
#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "base/error.h"
#include "base/file.h"
#include "base/memory.h"
#include "base/option.h"
#include "pull/cache.h"
#include "pull/name.h"

enum { CANDIDATES = 256 };           /* names looked at for "did you mean" */

static int join(const char *folder, const char *name, char **ret_path)
{
    char *path = tl_file_join(folder, name);
    if (!path)
        return TL_E_NOMEM;
    *ret_path = path;
    return 0;
}

/* `home`, else a folder of this program's in the one that `variable` names, else in `usual` of the user's. */
static int place(const char *home, const char *variable, const char *usual, const char *what, char **ret_folder)
{
    if (home) {
        char *folder = tl_strdup(home);
        if (!folder)
            return TL_E_NOMEM;
        *ret_folder = folder;
        return 0;
    }
    const char *base = getenv(variable);
    if (base && base[0] == '/')              /* the XDG rules ignore relative paths */
        return join(base, "trill", ret_folder);
    const char *user = getenv("HOME");
    if (!user || !*user)
        return tl_fail(TL_E_USAGE, "there is no %s folder: neither %s nor HOME is set; --home DIR names one", what, variable);
    return join(user, usual, ret_folder);
}

int tl_place_cache(const char *home, char **ret_folder)
{
    return place(home, "XDG_CACHE_HOME", ".cache/trill", "cache", ret_folder);
}

int tl_place_state(const char *home, char **ret_folder)
{
    return place(home, "XDG_STATE_HOME", ".local/state/trill", "state", ret_folder);
}

int tl_place_config(const char *home, char **ret_folder)
{
    return place(home, "XDG_CONFIG_HOME", ".config/trill", "settings", ret_folder);
}

const char *tl_place_key(void)
{
    const char *key = getenv("TRILL_API_KEY");
    return key && *key ? key : NULL;
}

void tl_place_folders(const char *home, const char **state, const char **config, char *ret_folders[2])
{
    if (!*state && tl_place_state(home, &ret_folders[0]) >= 0)
        *state = ret_folders[0];
    if (!*config && tl_place_config(home, &ret_folders[1]) >= 0)
        *config = ret_folders[1];
}

/* --- other programs' models --------------------------------------------------------------------------------------- */

static const char *variable(const char *name)
{
    const char *value = getenv(name);
    return value && *value ? value : NULL;
}

/* The first variable that is set, with `below` in its folder; where none is, `usual` in the user's own folder. */
static int place_below(const char *const rows[][2], size_t n, const char *usual, char **ret_path)
{
    for (size_t i = 0; i < n; i++) {
        const char *folder = variable(rows[i][0]);
        if (folder)
            return join(folder, rows[i][1], ret_path);
    }
    const char *user = variable("HOME");
    if (!user)
        return tl_fail(TL_E_USAGE, "HOME is not set, and neither is %s: set one of them", rows[0][0]);
    return join(user, usual, ret_path);
}

int tl_place_hub_cache(char **ret_folder)
{
    static const char *const rows[][2] = {{"HF_HUB_CACHE", ""}, {"HUGGINGFACE_HUB_CACHE", ""}, {"HF_HOME", "hub"}, {"XDG_CACHE_HOME", "huggingface/hub"}};
    return place_below(rows, TL_COUNT(rows), ".cache/huggingface/hub", ret_folder);
}

int tl_place_ollama(char *ret_folders[TL_PLACE_STORES], size_t *ret_count)
{
    static const char *const services[] = {"/usr/share/ollama/.ollama/models", "/var/lib/ollama/.ollama/models"};
    const char *said = variable("OLLAMA_MODELS"), *user = variable("HOME");
    size_t n = 0;
    int r = 0;
    if (said)
        r = join(said, "", &ret_folders[n++]);
    else if (user)
        r = join(user, ".ollama/models", &ret_folders[n++]);
    for (size_t i = 0; i < TL_COUNT(services) && !said && r >= 0; i++)
        if (tl_file_is_folder(services[i]))
            r = join(services[i], "", &ret_folders[n++]);
    for (size_t i = 0; r < 0 && i + 1 < n; i++)
        tl_free(ret_folders[i]);
    *ret_count = r < 0 ? 0 : n;
    return r;
}

/* The file that `huggingface-cli login` writes; none is as good as an empty one. */
static int read_token(char **ret_token)
{
    static const char *const rows[][2] = {{"HF_TOKEN_PATH", ""}, {"HF_HOME", "token"}, {"XDG_CACHE_HOME", "huggingface/token"}};
    TL_AUTO char *path = NULL;
    char text[512];
    if (place_below(rows, TL_COUNT(rows), ".cache/huggingface/token", &path) < 0 || !tl_file_glance(path, text, sizeof text))
        return 0;
    text[strcspn(text, " \t\r\n")] = 0;
    return !*text || (*ret_token = tl_strdup(text)) ? 0 : TL_E_NOMEM;
}

int tl_place_hub(const char **ret_endpoint, char **ret_token, const char **ret_authorities)
{
    const char *token = variable("HF_TOKEN");
    *ret_endpoint = variable("HF_ENDPOINT");
    *ret_authorities = variable("SSL_CERT_FILE");
    if (!*ret_authorities)
        *ret_authorities = variable("CURL_CA_BUNDLE");
    *ret_token = NULL;
    if (!token)
        return read_token(ret_token);
    return (*ret_token = tl_strdup(token)) ? 0 : TL_E_NOMEM;
}

/* In the hub's cache, then in ollama's stores: 1, 0 where it is in none. */
static int find_elsewhere(const char *model, char **ret_path)
{
    TL_AUTO char *hub = NULL;
    char *stores[TL_PLACE_STORES];
    size_t n = 0;
    if (tl_place_hub_cache(&hub) < 0)
        return 0;
    int r = tl_cache_find(hub, model, ret_path);
    if (r == 0)
        r = tl_place_ollama(stores, &n);
    for (size_t i = 0; i < n; i++) {
        r = r == 0 ? tl_ollama_find(stores[i], model, ret_path) : r;
        tl_free(stores[i]);
    }
    return r;
}

/* --- models by name ----------------------------------------------------------------------------------------------- */

/* The model in `folder` whose name is most like `model`; tl_free, NULL when none is. */
static char *nearest_in(const char *folder, const char *model)
{
    DIR *dir = opendir(folder);
    if (!dir)
        return NULL;
    char *names[CANDIDATES];
    size_t count = 0;
    for (struct dirent *entry; count < CANDIDATES && (entry = readdir(dir));) {
        size_t n = strlen(entry->d_name);
        if (n > 5 && strcmp(entry->d_name + n - 5, ".gguf") == 0 && (names[count] = tl_strndup(entry->d_name, n - 5)))
            count++;
    }
    closedir(dir);
    const char *best = tl_option_nearest(model, (const char *const *)names, count);
    char *found = best ? tl_strdup(best) : NULL;
    for (size_t i = 0; i < count; i++)
        tl_free(names[i]);
    return found;
}

static int fail_unknown(const char *model, const char *folder)
{
    struct tl_pull_name name;
    TL_AUTO char *guess = nearest_in(folder, model);
    if (tl_pull_name_parse(model, NULL, &name) >= 0)
        return tl_fail(TL_E_FILE, "%s: no such file or folder, and no model of this name here; trill pull %s would fetch it", model, model);
    if (strchr(model, '/'))
        return tl_fail(TL_E_FILE, "%s: no such file or folder", model);
    if (guess)
        return tl_fail(TL_E_FILE, "%s: no such file, and no model of this name in %s; did you mean %s?", model, folder, guess);
    return tl_fail(TL_E_FILE, "%s: no such file or folder, and no model of this name in %s; trill models lists what is at hand", model, folder);
}

static int use(const char *path, char **ret_path)
{
    char *copy = tl_strdup(path);
    if (!copy)
        return TL_E_NOMEM;
    *ret_path = copy;
    return 1;
}

/* NAME or NAME.gguf in trill's own cache: 1, 0 where neither is there. */
static int find_in_cache(const char *folder, const char *model, char **ret_path)
{
    TL_AUTO char *path = tl_file_join(folder, model);
    TL_AUTO char *file = path ? tl_file_beside(path, ".gguf") : NULL;
    if (!file)
        return TL_E_NOMEM;
    return tl_file_exists(path) ? use(path, ret_path) : tl_file_exists(file) ? use(file, ret_path) : 0;
}

int tl_place_model(const char *model, const char *home, char **ret_path)
{
    TL_AUTO char *folder = NULL;
    int r = tl_file_exists(model) ? use(model, ret_path) : 0;
    if (r == 0)
        r = tl_place_cache(home, &folder);
    if (r == 0 && !strchr(model, '/'))
        r = find_in_cache(folder, model, ret_path);
    if (r == 0 && *model != '/' && *model != '.')
        r = find_elsewhere(model, ret_path);
    return r == 0 ? fail_unknown(model, folder) : r < 0 ? r : 0;
}
