/* SPDX-License-Identifier: MIT */
/* Files: bounded reading at offsets, and writing that is either complete or absent.
 * An output file is written beside its place, synced and renamed by commit; done without commit removes it. */
#ifndef TL_BASE_FILE_H
#define TL_BASE_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct tl_file {
    int fd;
    char *path;
    uint64_t size_bytes;
};

int tl_file_open(const char *path, struct tl_file **ret_file);        /* regular files only; TL_E_FILE / TL_E_IO with errno's text */
void tl_file_close(struct tl_file *file);
/* Exactly n_bytes from offset; a short file or an I/O error fails with path and offset. Any thread. */
int tl_file_read(const struct tl_file *file, uint64_t offset, void *ret_bytes, size_t n_bytes);
/* A whole small file, NUL-terminated behind its length; fails when larger than `limit`. tl_free by caller. */
int tl_file_slurp(const char *path, size_t limit, char **ret_text, size_t *ret_bytes);
/* What one read gives of a small file that is made as it is read (/proc, control groups, /sys), cut at the buffer's end and
 * NUL-terminated; false, with an empty text, where there is nothing. Any thread. Nothing is allocated, and tl_file_permit is
 * not asked: such facts can always be missing. */
bool tl_file_glance(const char *path, char *ret_text, size_t room_bytes);
bool tl_file_exists(const char *path);
bool tl_file_is_folder(const char *path);
bool tl_file_is_named(int fd, const char *path);                      /* is the open file the one that has this name now? */
char *tl_file_join(const char *folder, const char *name);             /* tl_free; NULL: out of memory */
char *tl_file_folder(const char *path);                               /* that it lies in, "DIR/" or "."; as above */
char *tl_file_beside(const char *path, const char *ending);           /* "PATH.part" of ".part"; as above */
int tl_file_make_folders(const char *path);          /* those on the way to a file, for the user alone where they are not there */

/* Bytes that may still be written to the file system where this path is or would be. */
int tl_file_room(const char *path, uint64_t *ret_bytes);
/* TL_E_IO with the sentence that so many bytes do not fit into what is free; `advice` comes behind it ("; ..." or ""). */
int tl_file_no_room(const char *path, uint64_t needed_bytes, uint64_t free_bytes, const char *advice);

struct tl_outfile;
int tl_outfile_open(const char *path, struct tl_outfile **ret_file);
int tl_outfile_write(struct tl_outfile *file, const void *bytes, size_t n_bytes);   /* buffered; "disk full" etc. with path */
uint64_t tl_outfile_offset(const struct tl_outfile *file);
int tl_outfile_settle(struct tl_outfile *file);                       /* flush, sync: only its name is missing; optional */
int tl_outfile_commit(struct tl_outfile *file);                       /* the same, then rename; file stays to be closed */
/* A whole file of these bytes, complete or as it was before. */
int tl_outfile_save(const char *path, const void *bytes, size_t n_bytes);
extern const uint64_t tl_outfile_most_bytes;                          /* of memory that one takes */
void tl_outfile_close(struct tl_outfile *file);                       /* NULL is fine; removes what was not committed */
/* Written as PATH.partial, which stays where it is closed without a commit, with what was there before: tl_outfile_keep says how much
 * of it is gone on with. TL_E_USAGE: another process is writing it, or the target is there and no regular file. */
int tl_outfile_open_lasting(const char *path, struct tl_outfile **ret_file);
int tl_outfile_keep(struct tl_outfile *file, uint64_t n_bytes);
/* Removes what processes that are gone left half written of this file; tl_outfile_open does so itself. */
void tl_outfile_sweep(const char *path);

/* For tests: the countdown-th read or write from now fails with EIO; -1 = none. Process-wide. */
void tl_file_fail_after(long countdown);
/* Asked before each read and write of a file; false, with errno set, when a test wants it to fail. */
bool tl_file_permit(void);

#endif
