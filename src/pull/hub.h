/* SPDX-License-Identifier: MIT */
/* What a hub says of a repository: its commit, licence and whether it is gated, and the list of its files. Everything is
 * checked on the way in: paths stay inside, hashes are hashes, sizes and counts are bounded. */
#ifndef TL_PULL_HUB_H
#define TL_PULL_HUB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buffer.h"
#include "base/progress.h"
#include "pull/gitid.h"
#include "pull/layout.h"
#include "pull/name.h"
#include "pull/web.h"

struct tl_hub_file {
    char *path;
    uint64_t bytes;
    char hash[TL_CONTENT_HEX + 1];       /* 64 digits: SHA-256; 40: git's name; also the name of the blob in the cache */
    bool needed;                         /* by who chooses */
};

struct tl_hub_repository {
    char commit[TL_COMMIT_DIGITS + 1];
    char licence[96];                    /* "" where none is said */
    bool gated;
    struct tl_hub_file *files;
    uint64_t n_files, cap;
};

/* Asks the hub. Sentences tell what a person can do: accept terms, set HF_TOKEN, another revision. */
int tl_hub_ask(struct tl_web *web, const char *endpoint, const struct tl_pull_name *name, bool has_token, struct tl_progress *progress,
               struct tl_hub_repository *ret_repository);
void tl_hub_done(struct tl_hub_repository *repository);

/* The two documents, by themselves. `source` is for sentences. */
int tl_hub_read_info(const char *source, const char *text, size_t n_bytes, struct tl_hub_repository *repository);
int tl_hub_read_tree(const char *source, const char *text, size_t n_bytes, struct tl_hub_repository *repository);

/* "ENDPOINT/OWNER/NAME/resolve/COMMIT/PATH" */
int tl_hub_file_url(struct tl_buffer *url, const char *endpoint, const char *repository, const char *commit, const char *path);
/* The sentence for an answer that is not good. */
int tl_hub_fail(const struct tl_web_request *request, const char *endpoint, const struct tl_pull_name *name, const char *path, bool has_token);

#endif
