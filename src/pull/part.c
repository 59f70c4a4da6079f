/* SPDX-License-Identifier: MIT */
/* Layout: the bytes of the file at their places; at `size`, the mark, then for each piece how many of its bytes are there.
 * Notes follow the bytes that they speak of. A file without the mark, shorter than `size`, is a beginning without gaps. */
#include "pull/part.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "base/file.h"
#include "base/memory.h"

enum { NOTE_EVERY_BYTES = 1 << 20, SMALLEST_PIECE = 2 << 20, LARGEST_PIECE = 64 << 20, PIECES = 16 };

struct mark { char word[12]; uint32_t piece_bytes; uint64_t size; };
static const char word[12] = "trill-parts1";

static int fail(const char *path, const char *what)
{
    return tl_fail(TL_E_IO, "%s: %s: %m", path, what);
}

/* --- reading and writing ------------------------------------------------------------------------------------------ */

static int write_at(const struct tl_part *part, uint64_t offset, const void *bytes, size_t n_bytes)
{
    for (size_t done = 0; done < n_bytes;) {
        ssize_t n = tl_file_permit() ? pwrite(part->fd, (const char *)bytes + done, n_bytes - done, (off_t)(offset + done)) : -1;
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return fail(part->path, "writing");
        done += (size_t)n;
    }
    return 0;
}

static bool read_at(const struct tl_part *part, uint64_t offset, void *bytes, size_t n_bytes)
{
    for (size_t done = 0; done < n_bytes;) {
        ssize_t n = pread(part->fd, (char *)bytes + done, n_bytes - done, (off_t)(offset + done));
        if (n <= 0 && !(n < 0 && errno == EINTR))
            return false;
        done += n > 0 ? (size_t)n : 0;
    }
    return true;
}

static uint64_t note_offset(const struct tl_part *part, uint32_t piece)
{
    return part->size + sizeof(struct mark) + (uint64_t)piece * sizeof *part->noted;
}

static int note(struct tl_part *part, uint32_t piece)
{
    int r = write_at(part, note_offset(part, piece), &part->got[piece], sizeof *part->got);
    if (r >= 0)
        part->noted[piece] = part->got[piece];
    return r;
}

static int note_all(struct tl_part *part)
{
    struct mark mark = {.piece_bytes = part->whole_piece, .size = part->size};
    memcpy(mark.word, word, sizeof mark.word);
    int r = write_at(part, note_offset(part, 0), part->got, part->n_pieces * sizeof *part->got);
    if (r >= 0)
        r = write_at(part, part->size, &mark, sizeof mark);
    if (r >= 0)
        memcpy(part->noted, part->got, part->n_pieces * sizeof *part->got);
    return r;
}

/* --- opening ------------------------------------------------------------------------------------------------------ */

uint64_t tl_part_offset(const struct tl_part *part, uint32_t piece)
{
    return (uint64_t)piece * part->whole_piece;
}

uint32_t tl_part_piece_bytes(const struct tl_part *part, uint32_t piece)
{
    uint64_t left = part->size - tl_part_offset(part, piece);
    return left < part->whole_piece ? (uint32_t)left : part->whole_piece;
}

/* By the size alone: the next process cuts it the same way. */
static void cut(struct tl_part *part)
{
    uint64_t piece = part->size / PIECES;
    part->whole_piece = piece < SMALLEST_PIECE ? SMALLEST_PIECE : piece > LARGEST_PIECE ? LARGEST_PIECE : (uint32_t)piece;
    part->n_pieces = (uint32_t)((part->size + part->whole_piece - 1) / part->whole_piece);
}

/* What the file says of itself, where that can be. */
static bool read_notes(struct tl_part *part)
{
    struct mark mark;
    if (!read_at(part, part->size, &mark, sizeof mark) || memcmp(mark.word, word, sizeof word) != 0 || mark.size != part->size ||
        mark.piece_bytes != part->whole_piece || !read_at(part, note_offset(part, 0), part->got, part->n_pieces * sizeof *part->got))
        return false;
    for (uint32_t i = 0; i < part->n_pieces; i++)
        if (part->got[i] > tl_part_piece_bytes(part, i))
            return false;
    return true;
}

static void count(struct tl_part *part)
{
    part->bytes = 0;
    part->first_open = 0;
    for (uint32_t i = 0; i < part->n_pieces; i++)
        part->bytes += part->got[i];
    while (part->first_open < part->n_pieces && part->got[part->first_open] == tl_part_piece_bytes(part, part->first_open))
        part->first_open++;
}

/* A beginning without notes. */
static void take_length(struct tl_part *part, uint64_t length)
{
    uint64_t left = length < part->size ? length : 0;
    for (uint32_t i = 0; i < part->n_pieces; i++) {
        uint32_t n = tl_part_piece_bytes(part, i);
        part->got[i] = left < n ? (uint32_t)left : n;
        left -= part->got[i];
    }
}

/* So that a full disk is known before anything is fetched for it. Where the file system cannot, it shows later. */
static int take_room(const struct tl_part *part)
{
    if (fallocate(part->fd, FALLOC_FL_KEEP_SIZE, 0, (off_t)note_offset(part, part->n_pieces)) == 0 || errno != ENOSPC)
        return 0;
    return fail(part->path, "there is no room for it");
}

static int open_file(struct tl_part *part, const char *other)
{
    struct stat facts;
    if (other && access(part->path, F_OK) < 0)
        (void)rename(other, part->path);
    part->fd = tl_file_permit() ? open(part->path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0666) : -1;
    if (part->fd < 0 || fstat(part->fd, &facts) < 0)
        return fail(part->path, "cannot be opened");
    if (!S_ISREG(facts.st_mode))
        return tl_fail(TL_E_IO, "%s: no regular file", part->path);
    if (!read_notes(part))
        take_length(part, (uint64_t)facts.st_size);
    count(part);
    int r = take_room(part);
    return r < 0 ? r : note_all(part);
}

int tl_part_open(const char *path, const char *other, uint64_t size, struct tl_part *ret_part)
{
    struct tl_part part = {.fd = -1, .size = size};
    if (size > TL_PART_MAX_BYTES)
        return tl_fail(TL_E_FILE, "%s: too large a file", path);
    cut(&part);
    part.path = tl_strdup(path);
    part.got = tl_alloc(part.n_pieces + 1, sizeof *part.got);
    part.noted = tl_alloc(part.n_pieces + 1, sizeof *part.noted);
    int r = part.path && part.got && part.noted ? open_file(&part, other) : TL_E_NOMEM;
    if (r < 0) {
        if (part.fd >= 0)
            close(part.fd);
        part.fd = -1;
        tl_part_close(&part);
        return r;
    }
    *ret_part = part;
    return 0;
}

void tl_part_close(struct tl_part *part)
{
    if (part->path && part->fd >= 0) {
        for (uint32_t i = 0; i < part->n_pieces; i++)
            if (part->got[i] != part->noted[i] && note(part, i) < 0)
                break;
        close(part->fd);
    }
    tl_free(part->path);
    tl_free(part->got);
    tl_free(part->noted);
    *part = (struct tl_part){.fd = -1};
}

/* --- growing ------------------------------------------------------------------------------------------------------ */

int tl_part_add(struct tl_part *part, uint32_t piece, const void *bytes, size_t n_bytes)
{
    uint32_t whole = tl_part_piece_bytes(part, piece);
    int r = write_at(part, tl_part_offset(part, piece) + part->got[piece], bytes, n_bytes);
    if (r < 0)
        return r;
    part->got[piece] += (uint32_t)n_bytes;
    part->bytes += n_bytes;
    while (part->first_open < part->n_pieces && part->got[part->first_open] == tl_part_piece_bytes(part, part->first_open))
        part->first_open++;
    return part->got[piece] == whole || part->got[piece] - part->noted[piece] >= NOTE_EVERY_BYTES ? note(part, piece) : 0;
}

uint64_t tl_part_ready(const struct tl_part *part)
{
    uint32_t i = part->first_open;
    return i == part->n_pieces ? part->size : tl_part_offset(part, i) + part->got[i];
}

int tl_part_forget(struct tl_part *part)
{
    memset(part->got, 0, part->n_pieces * sizeof *part->got);
    count(part);
    return note_all(part);
}

int tl_part_cut(int fd, const char *path, uint64_t size)
{
    if (ftruncate(fd, (off_t)size) < 0 || !tl_file_permit() || fsync(fd) < 0)
        return fail(path, "syncing");
    return 0;
}
