/* SPDX-License-Identifier: MIT */
/* The header of the format is a Python dictionary padded with blanks so that the data begins at a multiple of 64. */
#include "cli/npy.h"

#include <endian.h>
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "base/file.h"

enum { HEADER_BYTES = 128, PREFIX_BYTES = 10 };

static int write_header(struct tl_npy *npy)
{
    char header[HEADER_BYTES + 1];
    memset(header, ' ', HEADER_BYTES);
    memcpy(header, "\x93NUMPY\x01\x00", 8);
    header[8] = HEADER_BYTES - PREFIX_BYTES;
    header[9] = 0;
    int n = snprintf(header + PREFIX_BYTES, sizeof header - PREFIX_BYTES,
                     "{'descr': '<f4', 'fortran_order': False, 'shape': (%zu, %zu), }", npy->rows, npy->columns);
    header[PREFIX_BYTES + n] = ' ';
    header[HEADER_BYTES - 1] = '\n';
    return tl_outfile_write(npy->file, header, HEADER_BYTES);
}

int tl_npy_open(const char *path, size_t rows, size_t columns, struct tl_npy *ret_npy)
{
    struct tl_npy npy = {.rows = rows, .columns = columns};
    tl_sha256_init(&npy.sha);
    if (path) {
        int r = tl_outfile_open(path, &npy.file);
        if (r >= 0)
            r = write_header(&npy);
        if (r < 0) {
            tl_npy_close(&npy);
            return r;
        }
    }
    *ret_npy = npy;
    return 0;
}

static int add(struct tl_npy *npy, const void *bytes, size_t n_bytes)
{
    tl_sha256_add(&npy->sha, bytes, n_bytes);
    return npy->file ? tl_outfile_write(npy->file, bytes, n_bytes) : 0;
}

int tl_npy_row(struct tl_npy *npy, const float *row)
{
    npy->rows_written++;
#if __BYTE_ORDER == __LITTLE_ENDIAN
    return add(npy, row, npy->columns * sizeof *row);
#else
    int r = 0;
    for (size_t i = 0; i < npy->columns && r >= 0; i++) {
        uint32_t bits;
        memcpy(&bits, row + i, sizeof bits);
        bits = htole32(bits);
        r = add(npy, &bits, sizeof bits);
    }
    return r;
#endif
}

int tl_npy_hash(struct tl_npy *npy, char ret_sha256[TL_NPY_HASH_TEXT])
{
    if (npy->rows_written != npy->rows)
        return tl_fail(TL_E_FAIL, "%zu rows of logits came back, %zu expected", npy->rows_written, npy->rows);
    uint8_t digest[TL_SHA256_BYTES];
    tl_sha256_end(&npy->sha, digest);
    tl_sha256_hex(digest, ret_sha256);
    return 0;
}

int tl_npy_commit(struct tl_npy *npy)
{
    return npy->file ? tl_outfile_commit(npy->file) : 0;
}

void tl_npy_close(struct tl_npy *npy)
{
    tl_outfile_close(npy->file);
    npy->file = NULL;
}
