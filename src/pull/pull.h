/* SPDX-License-Identifier: MIT */
/* Fetching models: repositories and files of a hub that speaks Hugging Face's protocol, into the layout of its cache
 * (models--OWNER--NAME/{blobs,refs,snapshots}), so that other programs find them and nothing is fetched twice. */
#ifndef TL_PULL_PULL_H
#define TL_PULL_PULL_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buffer.h"
#include "base/progress.h"

struct tl_pull_order {
    const char *name;                    /* OWNER/NAME, OWNER/NAME@REVISION, OWNER/NAME/FILE, OWNER/NAME:QUANT (Q4_K_M), or a page's address */
    const char *revision;                /* NULL: that in the name, else main */
    const char *endpoint;                /* of the hub; NULL: https://huggingface.co; http only of this machine */
    const char *cache;                   /* folder of the hub's cache */
    const char *token;                   /* NULL: none; shown to the hub alone */
    const char *authorities;             /* file of certificates to trust; NULL: the system's */
    const char *const *patterns;         /* files that match one of them come too; * and ? match, * over slashes too */
    size_t n_patterns;
    unsigned connections;                /* at a time; 0: 4 */
    unsigned stall_s;                    /* a connection that gives nothing for so long is made anew; 0: 30 */
    bool list;                           /* nothing is fetched: all files of the repository, and which of them would be */
};

/* What was fetched, as a JSON object: {"name","model","path","revision","commit","licence","gated","bytes","fetched_bytes","seconds",
 * "files":[{"path","bytes","hash","needed","there"}]}; "model" is the name that tl_cache_find takes, "path" what it finds (both
 * null in a list, and where the files are no model). TL_E_CANCEL, TL_E_IO: what is there stays, and the same call goes on from it.
 * One thread at a time. */
int tl_pull(const struct tl_pull_order *order, struct tl_progress *progress, struct tl_buffer *report);

#endif
