/* SPDX-License-Identifier: MIT */
/* Fetching models: repositories and files of a hub that speaks Hugging Face's protocol, into the layout of its cache
 * (models--OWNER--NAME/{blobs,refs,snapshots}), so that other programs find them and nothing is fetched twice. */
#ifndef TL_PULL_PULL_H
#define TL_PULL_PULL_H

#include <stddef.h>

#include "base/buffer.h"
#include "base/progress.h"

struct tl_pull_order {
    const char *name;                    /* OWNER/NAME, OWNER/NAME@REVISION, OWNER/NAME/FILE, OWNER/NAME:QUANT (Q4_K_M) */
    const char *endpoint;                /* of the hub; NULL: https://huggingface.co */
    const char *cache;                   /* folder of the hub's cache */
    const char *token;                   /* NULL: none */
    const char *const *patterns;         /* only files that match one of them; none: what a model needs */
    size_t n_patterns;
    unsigned connections;                /* at a time */
};

/* What was fetched, as JSON, and the path of the model in ret_path (tl_free). TL_E_CANCEL, TL_E_IO: what is there stays, and
 * the same call goes on from it. */
int tl_pull(const struct tl_pull_order *order, struct tl_progress *progress, char **ret_path, struct tl_buffer *report);

#endif
