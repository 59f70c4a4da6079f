/* SPDX-License-Identifier: MIT */
/* Where things are on this machine: the cache folder and the models in it. The only file that reads the environment. */
#ifndef TL_CLI_PLACE_H
#define TL_CLI_PLACE_H

/* The folder of models: `home` where given, else $XDG_CACHE_HOME/trill, else ~/.cache/trill. tl_free. */
int tl_place_cache(const char *home, char **ret_folder);

/* MODEL as typed -> the path to open: a file or folder of that name, or NAME or NAME.gguf in the cache. tl_free. */
int tl_place_model(const char *model, const char *home, char **ret_path);

#endif
