/* SPDX-License-Identifier: MIT */
/* The layout of the hub's cache, as huggingface_hub keeps it and documents it ("Understand caching"):
 *   CACHE/models--OWNER--NAME/blobs/HASH               contents
 *   CACHE/models--OWNER--NAME/snapshots/COMMIT/PATH    links to them
 *   CACHE/models--OWNER--NAME/refs/REVISION            holds a commit
 *   CACHE/.locks/models--OWNER--NAME/HASH.lock         flock by who fetches that blob */
#ifndef TL_PULL_LAYOUT_H
#define TL_PULL_LAYOUT_H

#include <stdbool.h>

enum { TL_COMMIT_DIGITS = 40 };

struct tl_layout {
    char *blobs, *refs, *snapshot, *locks;   /* folders of one repository at one commit */
};

int tl_layout_init(const char *cache, const char *repository, const char *commit, struct tl_layout *ret_layout);
void tl_layout_done(struct tl_layout *layout);
char *tl_layout_blob(const struct tl_layout *layout, const char *hash, const char *ending);   /* tl_free; NULL: out of memory */
bool tl_layout_has(const struct tl_layout *layout, const char *hash);
/* snapshots/COMMIT/PATH leads to the blob, whatever was there before. */
int tl_layout_link(const struct tl_layout *layout, const char *path, const char *hash);
int tl_layout_set_ref(const struct tl_layout *layout, const char *revision, const char *commit);
/* The lock of a blob: 1 and its descriptor, 0 where another process has it, < 0. */
int tl_layout_lock(const struct tl_layout *layout, const char *hash, int *ret_fd);
void tl_layout_unlock(int fd);
int tl_layout_make_folders(const char *path);        /* on the way to a file, as the user's mask says */

#endif
