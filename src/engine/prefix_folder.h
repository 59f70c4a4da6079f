/* SPDX-License-Identifier: MIT */
/* States of long beginnings in a folder of files, for other runs and other processes: FINGERPRINT-BEGINNING-ALL-LENGTH.state,
 * that of the model and formats, then hashes of the first TL_PREFIX_STORED ids and of all of them.
 *
 * Files appear whole (written beside their place and renamed), are checked when they are read, and removed where they are damaged.
 * Together they take at most so many bytes; those used longest ago, by the times of the files, go first. A thread of its
 * own writes them, from forks which are freed inside only: it never enters. A state is written where it holds enough that no file has, and then takes the place of those that it covers. */
#ifndef TL_ENGINE_PREFIX_FOLDER_H
#define TL_ENGINE_PREFIX_FOLDER_H

#include "engine/engine.h"

enum { TL_PREFIX_STORED = 512 };         /* ids at least of a state that is stored */

struct tl_prefix_folder;

/* The folder is made, for the user alone, where it is not there. most_bytes 0: 8 GiB. */
int tl_prefix_folder_new(struct tl_engine *engine, const char *path, uint64_t most_bytes, struct tl_prefix_folder **ret_folder);
void tl_prefix_folder_free(struct tl_prefix_folder *folder);          /* when what waits is written; outside */

/* Inside: a fork of the state is to be written; dropped where too many wait. */
void tl_prefix_folder_put(struct tl_prefix_folder *folder, const struct tl_state *state, const int32_t *ids);
/* Inside: frees forks, as their pages are needed: those that are written, else the latest that waits, else the one that is
 * being written, when it is. False: there is none. */
bool tl_prefix_folder_release(struct tl_prefix_folder *folder);

/* One at a time looks for files and loads them. */
void tl_prefix_folder_lock(struct tl_prefix_folder *folder);
void tl_prefix_folder_unlock(struct tl_prefix_folder *folder);
/* A checked file that serves for at least `least` of these ids; ret_length: for how many. NULL: none. */
struct tl_state_file *tl_prefix_folder_find(struct tl_prefix_folder *folder, const int32_t *ids, uint32_t n_ids, uint32_t least,
                                            uint32_t *ret_length);

#endif
