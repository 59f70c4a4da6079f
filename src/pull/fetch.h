/* SPDX-License-Identifier: MIT */
/* Fetching files into the cache: several connections take pieces of files, in order; pieces are noted as they come; each file
 * is checked, put in its place and linked. What another process fetches is left to it and looked for again. */
#ifndef TL_PULL_FETCH_H
#define TL_PULL_FETCH_H

#include "pull/hub.h"

struct tl_fetch_order {
    struct tl_web *web;
    const char *endpoint;
    const struct tl_pull_name *name;
    const struct tl_layout *layout;
    const char *commit;
    bool has_token;
    unsigned connections;
    struct tl_progress *progress;
};

/* Those of the files that are needed. *ret_bytes: how many came over the wire, also on failure. */
int tl_fetch(const struct tl_fetch_order *order, const struct tl_hub_file *files, uint64_t n_files, uint64_t *ret_bytes);

#endif
