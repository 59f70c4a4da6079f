/* SPDX-License-Identifier: MIT */
/* Where things are on this machine: the three folders, and the models in the cache. The only file that reads the environment. */
#ifndef TL_CLI_PLACE_H
#define TL_CLI_PLACE_H

/* The folder of models: `home` where given, else $XDG_CACHE_HOME/trill, else ~/.cache/trill. tl_free. */
int tl_place_cache(const char *home, char **ret_folder);

/* Where the state lives (ledger, tuning, what was measured of the machine) and where settings do: `home` where given, else
 * $XDG_STATE_HOME/trill or ~/.local/state/trill; $XDG_CONFIG_HOME/trill or ~/.config/trill. They need not exist. tl_free. */
int tl_place_state(const char *home, char **ret_folder);
int tl_place_config(const char *home, char **ret_folder);

/* Both of them, where they are not said; what they are borrowed from, to be freed, is in ret_folders. Where there is no home, nothing was
 * said and nothing is kept. */
void tl_place_folders(const char *home, const char **state, const char **config, char *ret_folders[2]);

/* The key that a server of this program asks for, in $TRILL_API_KEY; NULL: none. */
const char *tl_place_key(void);

/* MODEL as typed -> the path to open: a file or folder of that name, or NAME or NAME.gguf in the cache. tl_free. */
int tl_place_model(const char *model, const char *home, char **ret_path);

#endif
