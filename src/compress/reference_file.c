/* SPDX-License-Identifier: MIT */
/* The file: a header that says what it belongs to, records of equal length in the order of the text, a checksum of all of it.
 * Numbers are little-endian, as on every machine that this runs on. A record is checked for ids outside the vocabulary when it is
 * read, as the checksum is no protection from malice. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "base/error.h"
#include "base/memory.h"
#include "compress/reference_impl.h"

enum { COPY_BYTES = 1 << 20 };
static const char magic[8] = "trillrf1";

struct header {
    char magic[8];
    uint32_t header_bytes, record_bytes, vocab, n_top, n_draws, window, stride, reserved;
    uint8_t model[TL_SHA256_BYTES], text[TL_SHA256_BYTES];
};

/* --- records ------------------------------------------------------------------------------------------------------ */

struct tl_reference_row tl_reference_row_at(const struct tl_reference *reference, uint8_t *record)
{
    uint32_t n = reference->n_top + reference->n_draws;
    struct tl_reference_row row = { .n_top = reference->n_top, .n_draws = reference->n_draws };
    memcpy(&row.target, record, 4);
    memcpy(&row.nll, record + 4, 4);
    memcpy(&row.rest, record + 8, 8);
    row.id = (int32_t *)(void *)(record + TL_REFERENCE_HEAD);
    row.log_p = (float *)(void *)(record + TL_REFERENCE_HEAD + 4 * (uint64_t)n);
    return row;
}

void tl_reference_row_seal(const struct tl_reference_row *row, uint8_t *record)
{
    memcpy(record, &row->target, 4);
    memcpy(record + 4, &row->nll, 4);
    memcpy(record + 8, &row->rest, 8);
}

int tl_reference_read(const struct tl_reference *reference, uint64_t index, uint8_t *ret_record)
{
    if (index >= reference->n_records)
        return tl_fail(TL_E_FILE, "%s: %" PRIu64 " records, and one more is wanted", reference->path, reference->n_records);
    int status = tl_file_read(reference->file, reference->records_at + index * reference->record_bytes, ret_record, reference->record_bytes);
    if (status < 0)
        return status;
    struct tl_reference_row row = tl_reference_row_at(reference, ret_record);
    for (uint32_t i = 0; i < row.n_top + row.n_draws; i++)
        if (row.id[i] < 0 || (uint32_t)row.id[i] >= reference->facts.vocab)
            return tl_fail(TL_E_FILE, "%s: record %" PRIu64 " names token %d, the vocabulary has %u", reference->path, index, row.id[i], reference->facts.vocab);
    return 0;
}

void tl_reference_digest(const int32_t *ids, uint64_t n_ids, const uint64_t *starts, uint64_t n_texts, uint8_t ret_digest[TL_SHA256_BYTES])
{
    struct tl_sha256 sha;
    tl_sha256_init(&sha);
    tl_sha256_add(&sha, ids, n_ids * sizeof(*ids));
    tl_sha256_add(&sha, starts, (n_texts + 1) * sizeof(*starts));
    tl_sha256_end(&sha, ret_digest);
}

/* --- both ways ---------------------------------------------------------------------------------------------------- */

static struct header describe(const struct tl_reference *r)
{
    struct header header = { .header_bytes = sizeof(header), .record_bytes = r->record_bytes, .vocab = r->facts.vocab, .n_top = r->n_top,
                             .n_draws = r->n_draws, .window = r->facts.window, .stride = r->facts.stride };
    memcpy(header.magic, magic, sizeof(magic));
    memcpy(header.model, r->facts.model, sizeof(header.model));
    memcpy(header.text, r->facts.text, sizeof(header.text));
    return header;
}

static int make(const char *path, const struct tl_reference_facts *facts, struct tl_reference **ret_reference)
{
    bool whole = facts->vocab <= TL_REFERENCE_WHOLE;
    struct tl_reference *r = tl_alloc(1, sizeof(*r));
    if (!r)
        return TL_E_NOMEM;
    r->facts = *facts;
    r->fd = -1;
    r->n_top = whole ? facts->vocab : TL_REFERENCE_TOP;
    r->n_draws = whole ? 0 : TL_REFERENCE_DRAWS;
    r->record_bytes = (TL_REFERENCE_HEAD + 8 * (r->n_top + r->n_draws) + 7) & ~7u;
    r->records_at = sizeof(struct header);
    if (!(r->path = tl_strdup(path))) {
        tl_reference_close(r);
        return TL_E_NOMEM;
    }
    *ret_reference = r;
    return 0;
}

void tl_reference_keep(struct tl_reference *r) { r->kept = true; }

void tl_reference_close(struct tl_reference *r)
{
    if (!r)
        return;
    if (r->fd >= 0)
        close(r->fd);
    if (r->fd >= 0 && !r->kept)
        unlink(r->part);
    tl_file_close(r->file);
    tl_free(r->rows);
    tl_free(r->part);
    tl_free(r->path);
    tl_free(r);
}

uint64_t tl_reference_rows(const struct tl_reference *r) { return r->n_records; }
uint64_t tl_reference_bytes(const struct tl_reference *r) { return r->n_bytes; }

/* --- writing ------------------------------------------------------------------------------------------------------ */

static int put(struct tl_reference *r, const void *bytes, size_t n_bytes)
{
    const char *from = bytes;
    while (n_bytes > 0) {
        ssize_t n = tl_file_permit() ? pwrite(r->fd, from, n_bytes, (off_t)r->n_bytes) : -1;
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return tl_fail(TL_E_IO, "%s: writing: %m", r->part);
        from += n;
        r->n_bytes += (uint64_t)n;
        n_bytes -= (size_t)n;
    }
    return 0;
}

static int begin(struct tl_reference *r)
{
    if (!(r->part = tl_file_beside(r->path, ".part")) || !(r->rows = tl_alloc(TL_SCORE_ROWS, r->record_bytes)))
        return TL_E_NOMEM;
    int status = tl_file_make_folders(r->path);
    if (status >= 0 && (r->fd = open(r->part, O_RDWR | O_CREAT | O_CLOEXEC, 0666)) < 0)
        status = tl_fail(TL_E_IO, "%s: cannot be created: %m", r->part);
    if (status >= 0 && (flock(r->fd, LOCK_EX | LOCK_NB) < 0 || !tl_file_is_named(r->fd, r->part))) {
        close(r->fd);
        r->fd = -1;
        status = tl_fail(TL_E_USAGE, "%s: another process is writing it; what it writes can be used when it has ended", r->path);
    }
    return status;
}

int tl_reference_create(const char *path, const struct tl_reference_facts *facts, struct tl_reference **ret_reference)
{
    struct tl_reference *r;
    int status = make(path, facts, &r);
    if (status >= 0 && (status = begin(r)) < 0)
        tl_reference_close(r);
    if (status >= 0)
        *ret_reference = r;
    return status;
}

/* Before the first record, whether or not there was anything to go on from. */
int tl_reference_resume(struct tl_reference *r, uint64_t n_rows)
{
    struct header header = describe(r), found;
    uint64_t n_bytes = n_rows ? sizeof(header) + n_rows * r->record_bytes : 0;
    if (n_rows && (pread(r->fd, &found, sizeof(found), 0) != sizeof(found) || memcmp(&found, &header, sizeof(found)) != 0 ||
                   lseek(r->fd, 0, SEEK_END) < (off_t)n_bytes))
        return tl_fail(TL_E_FAIL, "%s: is not the part that the checkpoint goes on from; remove both to begin anew", r->part);
    if (!tl_file_permit() || ftruncate(r->fd, (off_t)n_bytes) < 0)
        return tl_fail(TL_E_IO, "%s: cannot be cut: %m", r->part);
    r->n_bytes = n_bytes;
    r->n_records = n_rows;
    return n_rows ? 0 : put(r, &header, sizeof(header));
}

int tl_reference_put(struct tl_reference *r, uint32_t n_rows)
{
    int status = r->n_bytes ? 0 : tl_reference_resume(r, 0);
    r->n_records += n_rows;
    return status < 0 ? status : put(r, r->rows, (size_t)n_rows * r->record_bytes);
}

int tl_reference_sync(struct tl_reference *r)
{
    return tl_file_permit() && fdatasync(r->fd) == 0 ? 0 : tl_fail(TL_E_IO, "%s: syncing: %m", r->part);
}

static int digest_part(const struct tl_reference *r, uint8_t ret_digest[TL_SHA256_BYTES])
{
    struct tl_sha256 sha;
    TL_AUTO uint8_t *bytes = tl_alloc(COPY_BYTES, 1);
    if (!bytes)
        return TL_E_NOMEM;
    tl_sha256_init(&sha);
    for (uint64_t at = 0; at < r->n_bytes;) {
        ssize_t n = tl_file_permit() ? pread(r->fd, bytes, r->n_bytes - at < COPY_BYTES ? r->n_bytes - at : COPY_BYTES, (off_t)at) : -1;
        if (n <= 0)
            return tl_fail(TL_E_IO, "%s: reading: %m", r->part);
        tl_sha256_add(&sha, bytes, (size_t)n);
        at += (uint64_t)n;
    }
    tl_sha256_end(&sha, ret_digest);
    return 0;
}

int tl_reference_commit(struct tl_reference *r)
{
    uint8_t digest[TL_SHA256_BYTES];
    int status = r->n_bytes ? digest_part(r, digest) : tl_fail(TL_E_FAIL, "%s: has no records", r->part);
    if (status >= 0)
        status = put(r, digest, sizeof(digest));
    if (status >= 0)
        status = tl_reference_sync(r);
    if (status >= 0 && rename(r->part, r->path) < 0)
        status = tl_fail(TL_E_IO, "%s: cannot be put in place: %m", r->path);
    if (status < 0)
        return status;
    close(r->fd);
    r->fd = -1;
    return 0;
}

/* --- reading ------------------------------------------------------------------------------------------------------ */

/* 1: it is whole, and belongs to these facts. */
static int check(struct tl_reference *r, struct tl_progress *progress)
{
    struct header expected = describe(r), found;
    struct tl_sha256 sha;
    uint8_t digest[TL_SHA256_BYTES], stored[TL_SHA256_BYTES];
    TL_AUTO uint8_t *bytes = tl_alloc(COPY_BYTES, 1);
    uint64_t size = r->file->size_bytes, least = sizeof(found) + sizeof(stored);
    if (!bytes)
        return TL_E_NOMEM;
    if (size < least || (size - least) % r->record_bytes != 0)
        return 0;
    int status = tl_file_read(r->file, 0, &found, sizeof(found));
    if (status < 0 || memcmp(&found, &expected, sizeof(found)) != 0)
        return status < 0 ? status : 0;
    tl_sha256_init(&sha);
    status = tl_progress_begin(progress, "checking the reference", 0, size, "bytes");
    for (uint64_t at = 0, n; at < size - sizeof(stored) && status >= 0; at += n) {
        n = size - sizeof(stored) - at < COPY_BYTES ? size - sizeof(stored) - at : COPY_BYTES;
        status = tl_file_read(r->file, at, bytes, n);
        if (status >= 0) {
            tl_sha256_add(&sha, bytes, n);
            status = tl_progress_move(progress, at + n);
        }
    }
    tl_sha256_end(&sha, digest);
    if (status >= 0)
        status = tl_file_read(r->file, size - sizeof(stored), stored, sizeof(stored));
    r->n_bytes = size;
    r->n_records = (size - least) / r->record_bytes;
    return status < 0 ? status : memcmp(digest, stored, sizeof(stored)) == 0;
}

int tl_reference_open(const char *path, const struct tl_reference_facts *facts, struct tl_progress *progress, struct tl_reference **ret_reference)
{
    struct tl_reference *r;
    if (!tl_file_exists(path))
        return 0;
    int status = make(path, facts, &r);
    if (status < 0)
        return status;
    status = tl_file_open(path, &r->file);
    if (status >= 0)
        status = check(r, progress);
    if (status <= 0) {
        tl_reference_close(r);
        return status;
    }
    *ret_reference = r;
    return 1;
}
