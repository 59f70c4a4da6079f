/* SPDX-License-Identifier: MIT */
/* A file that is being fetched, in pieces that come in any order. What is there is noted in the file itself, behind the place of
 * its last byte, so that a process that is killed leaves what the next one goes on from. Its name is not the one that other
 * programs resume from, for they take its length for what is there. */
#ifndef TL_PULL_PART_H
#define TL_PULL_PART_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define TL_PART_MAX_BYTES (UINT64_C(1) << 46)

struct tl_part {
    int fd;
    char *path;
    uint64_t size;
    uint32_t whole_piece;                /* bytes of each piece but the last: some sixteen pieces, so that all connections have work, */
    uint32_t n_pieces;                   /* within 2 and 64 MiB; 0 of an empty file */
    uint32_t *got, *noted;               /* bytes of each piece: there, and said so in the file */
    uint64_t bytes;                      /* sum of got */
    uint32_t first_open;                 /* pieces before it are complete */
};

/* Goes on with what is at `path`, or with a beginning that another program left at `other` (moved to `path`), or begins.
 * The drive's room for all of it is taken at once where the file system can. */
int tl_part_open(const char *path, const char *other, uint64_t size, struct tl_part *ret_part);
void tl_part_close(struct tl_part *part);                             /* notes what is there; all zero is fine */
uint64_t tl_part_offset(const struct tl_part *part, uint32_t piece);
uint32_t tl_part_piece_bytes(const struct tl_part *part, uint32_t piece);
int tl_part_add(struct tl_part *part, uint32_t piece, const void *bytes, size_t n_bytes);    /* behind what the piece has; must fit */
uint64_t tl_part_ready(const struct tl_part *part);                   /* bytes without a gap from the beginning */
int tl_part_forget(struct tl_part *part);                             /* begins anew */
int tl_part_cut(int fd, const char *path, uint64_t size);             /* complete: the notes go, the rest reaches the drive */

#endif
