/* SPDX-License-Identifier: MIT */
/* Models that are on this machine already: in the hub's cache, whoever fetched them, and in ollama's store. They are used
 * where they are. Nothing here asks a network. */
#ifndef TL_PULL_CACHE_H
#define TL_PULL_CACHE_H

#include <stdint.h>

/* A model at hand; the texts are lent for the call. */
struct tl_at_hand {
    const char *name;                    /* that commands take */
    const char *path;                    /* a file, the first part of several, or a folder */
    const char *from;                    /* "huggingface", "ollama" */
    uint64_t bytes;
};

/* OWNER/NAME[@REVISION][:QUANT | /FILE] in the hub's cache: 1 and its path (tl_free); 0 where it is not there or the text is no
 * such name; < 0 where several are meant, or parts are missing. */
int tl_cache_find(const char *cache, const char *text, char **ret_path);
/* All of them, by name. A folder that is not there is empty; what is damaged is passed over. < 0: what `each` returned, or memory. */
int tl_cache_list(const char *cache, int (*each)(void *context, const struct tl_at_hand *model), void *context);

/* NAME, NAME:TAG, OWNER/NAME:TAG or HOST/OWNER/NAME:TAG in ollama's store of models; as above. */
int tl_ollama_find(const char *store, const char *text, char **ret_path);
int tl_ollama_list(const char *store, int (*each)(void *context, const struct tl_at_hand *model), void *context);

#endif
