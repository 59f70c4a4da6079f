/* SPDX-License-Identifier: MIT */
/* Finds models by name. What exists as typed wins over the cache, so that a path always means itself. */
#include "cli/place.h"

#include <dirent.h>
#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "base/error.h"
#include "base/file.h"
#include "base/memory.h"
#include "base/option.h"

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
    TL_AUTO char *guess = nearest_in(folder, model);
    if (guess)
        return tl_fail(TL_E_FILE, "%s: no such file, and no model of this name in %s; did you mean %s?", model, folder, guess);
    return tl_fail(TL_E_FILE, "%s: no such file or folder, and no model of this name in %s", model, folder);
}

int tl_place_model(const char *model, const char *home, char **ret_path)
{
    if (tl_file_exists(model)) {
        char *path = tl_strdup(model);
        if (!path)
            return TL_E_NOMEM;
        *ret_path = path;
        return 0;
    }
    if (strchr(model, '/'))
        return tl_fail(TL_E_FILE, "%s: no such file or folder", model);
    TL_AUTO char *folder = NULL;
    TL_AUTO char *path = NULL;
    int r = tl_place_cache(home, &folder);
    if (r < 0 || (r = join(folder, model, &path)) < 0)
        return r;
    if (!tl_file_exists(path)) {
        struct tl_buffer name;
        tl_buffer_init(&name, 0);
        r = tl_buffer_printf(&name, "%s.gguf", path);
        tl_free(path);
        path = tl_buffer_take(&name, NULL);
        tl_buffer_done(&name);
        if (r < 0 || !path)
            return TL_E_NOMEM;
        if (!tl_file_exists(path))
            return fail_unknown(model, folder);
    }
    *ret_path = path;
    path = NULL;
    return 0;
}
