/* SPDX-License-Identifier: MIT */
/* Where things are on this machine: the three folders, and models: in the cache, in that of a hub, in ollama's store. The only
 * file that reads the environment. */
#ifndef TL_CLI_PLACE_H
#define TL_CLI_PLACE_H

#include <stddef.h>

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

/* The cache of models that huggingface_hub keeps, and trill pull with it: $HF_HUB_CACHE, $HF_HOME/hub, or huggingface/hub in
 * the user's folder of caches. tl_free. */
int tl_place_hub_cache(char **ret_folder);
/* ollama's stores, those that are there: $OLLAMA_MODELS, else the user's and that of its service. tl_free each. */
enum { TL_PLACE_STORES = 3 };
int tl_place_ollama(char *ret_folders[TL_PLACE_STORES], size_t *ret_count);
/* The hub: $HF_ENDPOINT (borrowed; NULL: the usual one); the token, $HF_TOKEN or the file that logging in left (tl_free; NULL:
 * none); certificates to trust, $SSL_CERT_FILE or $CURL_CA_BUNDLE (borrowed; NULL: the system's). */
int tl_place_hub(const char **ret_endpoint, char **ret_token, const char **ret_authorities);

/* MODEL as typed -> the path to open: a file or folder of that name; NAME or NAME.gguf in the cache; OWNER/NAME[:QUANT] in the
 * hub's cache; NAME[:TAG] in ollama's store. Used where it is. tl_free. */
int tl_place_model(const char *model, const char *home, char **ret_path);

#endif
