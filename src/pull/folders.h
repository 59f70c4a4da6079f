/* SPDX-License-Identifier: MIT */
/* What is in folders, in order of names, bounded: caches belong to others too. */
#ifndef TL_PULL_FOLDERS_H
#define TL_PULL_FOLDERS_H

#include <stdbool.h>
#include <stdint.h>

struct tl_folder_entry { char *path; uint64_t bytes; };         /* path: below the folder that was listed */
struct tl_folder_entries { struct tl_folder_entry *rows; uint64_t n, cap; };

/* Names in a folder, folders or files as asked for, those with a dot in front left out. A missing folder is empty. */
int tl_folder_entries_read(const char *folder, bool folders, struct tl_folder_entries *ret_entries);
/* All files below it, through links; links that lead nowhere are no files. At most four folders deep. */
int tl_folder_entries_walk(const char *folder, struct tl_folder_entries *ret_entries);
void tl_folder_entries_done(struct tl_folder_entries *entries);

#endif
