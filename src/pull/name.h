/* SPDX-License-Identifier: MIT */
/* What names a model of a hub: OWNER/NAME, with a revision (@main), with a number format (:Q4_K_M) or with a file (/FILE)
 * behind it. Addresses of the hub's pages are taken apart into the same. */
#ifndef TL_PULL_NAME_H
#define TL_PULL_NAME_H

#include <stdbool.h>
#include <stddef.h>

enum { TL_PULL_NAME_BYTES = 200, TL_PULL_REVISION_BYTES = 256, TL_PULL_QUANT_BYTES = 64, TL_PULL_FILE_BYTES = 1024 };

struct tl_pull_name {
    char repository[TL_PULL_NAME_BYTES];     /* "OWNER/NAME": letters, digits, '.', '_', '-' */
    char revision[TL_PULL_REVISION_BYTES];   /* "main" unless said */
    char quant[TL_PULL_QUANT_BYTES];         /* "" unless said */
    char file[TL_PULL_FILE_BYTES];           /* "" unless said; a relative path without "..", perhaps with * and ? */
};

/* endpoint: whose addresses are known besides those of huggingface.co; may be NULL. TL_E_USAGE. */
int tl_pull_name_parse(const char *text, const char *endpoint, struct tl_pull_name *ret_name);
bool tl_pull_name_is_repository(const char *text);                    /* exactly OWNER/NAME */
/* "models--OWNER--NAME", for a folder. */
void tl_pull_name_folder(const char *repository, char ret_folder[TL_PULL_NAME_BYTES + 16]);
bool tl_pull_revision_is_good(const char *revision);                  /* as the name of a branch, tag or commit, and as a path */
bool tl_pull_path_is_good(const char *path);                          /* relative, no "." and "..", no control characters */
bool tl_pull_is_hex(const char *text, size_t digits);                 /* exactly so many, small letters */
/* Does the path match "*.json"? '*' stands for any text, slashes too, '?' for one character. */
bool tl_pull_matches(const char *path, const char *pattern);

#endif
