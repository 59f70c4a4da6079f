/* SPDX-License-Identifier: MIT */
/* NPY 1.0 files (numpy.lib.format) of float32 [rows, columns] in C order, written row by row: complete or absent.
 * SHA-256 over the data is kept along the way, also where no file is asked for. */
#ifndef TL_CLI_NPY_H
#define TL_CLI_NPY_H

#include <stddef.h>
#include <stdint.h>

#include "base/hash.h"

struct tl_outfile;

enum { TL_NPY_HASH_TEXT = 2 * TL_SHA256_BYTES + 1 };

struct tl_npy {
    struct tl_outfile *file;         /* NULL: only the hash is kept */
    struct tl_sha256 sha;
    size_t rows, columns, rows_written;
};

int tl_npy_open(const char *path, size_t rows, size_t columns, struct tl_npy *ret_npy);      /* path may be NULL */
int tl_npy_row(struct tl_npy *npy, const float *row);
int tl_npy_hash(struct tl_npy *npy, char ret_sha256[TL_NPY_HASH_TEXT]);        /* behind the last row; fails where rows are missing */
int tl_npy_commit(struct tl_npy *npy);
void tl_npy_close(struct tl_npy *npy);                                /* removes what was not committed */

#endif
