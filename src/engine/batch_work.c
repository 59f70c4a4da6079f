/* SPDX-License-Identifier: MIT */
/* A header, then records: {mark, bytes, line ..., part of a SHA-256 over these and the text} and the text. */
#include "engine/batch_work.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buffer.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/file.h"
#include "base/memory.h"

static const char magic[8] = "trillbt1";
#define SYNC_EVERY_NS UINT64_C(5000000000)
enum { MARK = 0x6c746172, CHECK_BYTES = 8, MOST_TEXT = 1 << 30 };

struct header {
    char magic[8];
    struct tl_batch_identity identity;
    uint8_t check[CHECK_BYTES];
};

struct record {
    uint32_t mark, n_bytes;
    struct tl_batch_finished finished;
    uint8_t check[CHECK_BYTES];
};

struct tl_batch_work {
    char *path;
    int fd;
    uint64_t end, n_lines, synced_ns;
    uint64_t *place;                     /* [n_lines] of its record; 0: not there */
    bool unsynced;
};

static void check_of(const void *head, size_t n_head, const void *text, size_t n_bytes, uint8_t ret_check[CHECK_BYTES])
{
    struct tl_sha256 sha;
    uint8_t digest[TL_SHA256_BYTES];
    tl_sha256_init(&sha);
    tl_sha256_add(&sha, head, n_head);
    tl_sha256_add(&sha, text, n_bytes);
    tl_sha256_end(&sha, digest);
    memcpy(ret_check, digest, CHECK_BYTES);
}

/* --- bytes ------------------------------------------------------------------------------------------------------------------ */

static int write_all(struct tl_batch_work *work, const void *bytes, size_t n_bytes, uint64_t offset)
{
    const char *at = bytes;
    while (n_bytes > 0) {
        ssize_t n = tl_file_permit() ? pwrite(work->fd, at, n_bytes, (off_t)offset) : -1;
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return tl_fail(TL_E_IO, "%s: writing: %m; what is finished stays in it, and the same command goes on from there", work->path);
        at += n;
        offset += (uint64_t)n;
        n_bytes -= (size_t)n;
    }
    return 0;
}

/* 1: all of it; 0: the file ends before. */
static int read_all(const struct tl_batch_work *work, void *bytes, size_t n_bytes, uint64_t offset)
{
    char *at = bytes;
    while (n_bytes > 0) {
        ssize_t n = tl_file_permit() ? pread(work->fd, at, n_bytes, (off_t)offset) : -1;
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return tl_fail(TL_E_IO, "%s: reading at byte %" PRIu64 ": %m", work->path, offset);
        if (n == 0)
            return 0;
        at += n;
        offset += (uint64_t)n;
        n_bytes -= (size_t)n;
    }
    return 1;
}

static int sync_file(struct tl_batch_work *work)
{
    work->synced_ns = tl_clock_ns();
    if (work->unsynced && (!tl_file_permit() || fdatasync(work->fd) < 0))
        return tl_fail(TL_E_IO, "%s: syncing: %m", work->path);
    work->unsynced = false;
    return 0;
}

/* --- opening ---------------------------------------------------------------------------------------------------------------- */

static int begin_file(struct tl_batch_work *work, const struct tl_batch_identity *identity)
{
    struct header header = {.identity = *identity};
    memcpy(header.magic, magic, sizeof(magic));
    check_of(&header, offsetof(struct header, check), NULL, 0, header.check);
    if (ftruncate(work->fd, 0) < 0)
        return tl_fail(TL_E_IO, "%s: %m", work->path);
    int status = write_all(work, &header, sizeof(header), 0);
    work->end = sizeof(header);
    work->unsynced = true;
    return status < 0 ? status : sync_file(work);
}

static int check_identity(const struct tl_batch_work *work, const struct tl_batch_identity *found, const struct tl_batch_identity *wanted)
{
    const char *other = memcmp(found->input, wanted->input, sizeof(found->input)) != 0 ? "another input"
                      : found->model != wanted->model ? "another model, or other formats of keys, values or activations"
                      : memcmp(found->defaults, wanted->defaults, sizeof(found->defaults)) != 0 ? "other options of decoding" : NULL;
    if (other)
        return tl_fail(TL_E_USAGE, "%s holds answers to %s; remove it to begin anew, or name another output", work->path, other);
    if (found->context != wanted->context)
        return tl_fail(TL_E_USAGE, "%s holds answers in a context of %u tokens, not of %u; -c %u goes on with it, or remove it to begin anew",
                       work->path, found->context, wanted->context, found->context);
    return 0;
}

/* 1: a header is there and good; 0: none, or half of one. */
static int read_header(const struct tl_batch_work *work, struct header *ret_header)
{
    uint8_t check[CHECK_BYTES];
    memset(ret_header, 0, sizeof(*ret_header));
    int status = read_all(work, ret_header, sizeof(*ret_header), 0);
    if (status < 0)
        return status;
    check_of(ret_header, offsetof(struct header, check), NULL, 0, check);
    bool ours = memcmp(ret_header->magic, magic, sizeof(magic)) == 0;
    if (status == 0 && memcmp(ret_header->magic, magic, strnlen(ret_header->magic, sizeof(magic))) == 0)
        return 0;
    if (!ours || memcmp(check, ret_header->check, sizeof(check)) != 0)
        return tl_fail(TL_E_USAGE, "%s: this is not the work of a batch; move it away, or name another output", work->path);
    return 1;
}

/* One record; 1: good, 0: the file ends or is damaged here. */
static int read_record(struct tl_batch_work *work, uint64_t offset, struct record *ret_record, struct tl_buffer *text)
{
    uint8_t check[CHECK_BYTES];
    int status = read_all(work, ret_record, sizeof(*ret_record), offset);
    if (status <= 0)
        return status;
    if (ret_record->mark != MARK || ret_record->n_bytes > MOST_TEXT || ret_record->finished.line >= work->n_lines)
        return 0;
    struct stat facts;
    if (fstat(work->fd, &facts) < 0 || (uint64_t)facts.st_size - offset - sizeof(*ret_record) < ret_record->n_bytes)
        return 0;
    TL_AUTO char *bytes = tl_alloc((size_t)ret_record->n_bytes + 1, 1);
    if (!bytes)
        return TL_E_NOMEM;
    status = read_all(work, bytes, ret_record->n_bytes, offset + sizeof(*ret_record));
    if (status <= 0)
        return status;
    check_of(ret_record, offsetof(struct record, check), bytes, ret_record->n_bytes, check);
    if (memcmp(check, ret_record->check, sizeof(check)) != 0)
        return 0;
    if (text) {
        tl_buffer_clear(text);
        status = tl_buffer_append(text, bytes, ret_record->n_bytes);
    }
    return status < 0 ? status : 1;
}

static int read_records(struct tl_batch_work *work, void (*found)(void *context, const struct tl_batch_finished *finished), void *context)
{
    struct record record;
    int status;
    work->end = sizeof(struct header);
    while ((status = read_record(work, work->end, &record, NULL)) > 0) {
        if (!work->place[record.finished.line])
            found(context, &record.finished);
        work->place[record.finished.line] = work->end;
        work->end += sizeof(record) + record.n_bytes;
    }
    if (status >= 0 && ftruncate(work->fd, (off_t)work->end) < 0)
        return tl_fail(TL_E_IO, "%s: %m", work->path);
    return status;
}

static int open_file(struct tl_batch_work *work)
{
    work->fd = open(work->path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0666);
    if (work->fd < 0)
        return tl_fail(TL_E_IO, "%s: cannot be opened: %m", work->path);
    struct stat facts;
    if (fstat(work->fd, &facts) < 0 || !S_ISREG(facts.st_mode))
        return tl_fail(TL_E_USAGE, "%s: not a regular file", work->path);
    if (flock(work->fd, LOCK_EX | LOCK_NB) < 0)
        return tl_fail(TL_E_USAGE, "%s: another run is at work on it", work->path);
    return 0;
}

int tl_batch_work_open(const char *output, struct tl_batch_identity *identity, uint64_t n_lines,
                       void (*found)(void *context, const struct tl_batch_finished *finished), void *context, struct tl_batch_work **ret_work)
{
    struct header header;
    struct tl_batch_work *work = tl_alloc(1, sizeof(*work));
    if (!work)
        return TL_E_NOMEM;
    *work = (struct tl_batch_work){.fd = -1, .n_lines = n_lines, .synced_ns = tl_clock_ns(), .path = tl_file_beside(output, ".partial")};
    work->place = tl_alloc(n_lines, sizeof(*work->place));
    int status = work->path && work->place ? open_file(work) : TL_E_NOMEM;
    if (status >= 0)
        status = read_header(work, &header);
    if (status == 0) {
        status = begin_file(work, identity);
    } else if (status > 0 && (status = check_identity(work, &header.identity, identity)) >= 0) {
        identity->created = header.identity.created;
        status = read_records(work, found, context);
    }
    if (status < 0) {
        tl_batch_work_close(work);
        return status;
    }
    *ret_work = work;
    return 0;
}

void tl_batch_work_close(struct tl_batch_work *work)
{
    if (!work)
        return;
    if (work->fd >= 0) {
        if (work->unsynced)
            (void)fdatasync(work->fd);
        close(work->fd);
    }
    tl_free(work->path);
    tl_free(work->place);
    tl_free(work);
}

/* --- lines ------------------------------------------------------------------------------------------------------------------ */

bool tl_batch_work_has(const struct tl_batch_work *work, uint64_t line) { return work->place[line] != 0; }

int tl_batch_work_add(struct tl_batch_work *work, const struct tl_batch_finished *finished, const char *text, size_t n_bytes)
{
    struct record record = {.mark = MARK, .n_bytes = (uint32_t)n_bytes, .finished = *finished};
    if (n_bytes > MOST_TEXT)
        return tl_fail(TL_E_FAIL, "line %" PRIu64 ": an answer of more than 1 GiB", finished->line + 1);
    check_of(&record, offsetof(struct record, check), text, n_bytes, record.check);
    int status = write_all(work, &record, sizeof(record), work->end);
    if (status >= 0)
        status = write_all(work, text, n_bytes, work->end + sizeof(record));
    if (status < 0) {
        if (ftruncate(work->fd, (off_t)work->end) < 0)
            return status;               /* the checksum tells that it is half a record */
        return status;
    }
    work->place[finished->line] = work->end;
    work->end += sizeof(record) + n_bytes;
    work->unsynced = true;
    return tl_clock_ns() - work->synced_ns > SYNC_EVERY_NS ? sync_file(work) : 0;
}

static int write_lines(struct tl_batch_work *work, struct tl_outfile *out)
{
    struct tl_buffer text;
    struct record record;
    int status = 0;
    tl_buffer_init(&text, 0);
    for (uint64_t line = 0; line < work->n_lines && status >= 0; line++) {
        status = read_record(work, work->place[line], &record, &text);
        if (status == 0)
            status = tl_fail(TL_E_IO, "%s: byte %" PRIu64 ": the answer to line %" PRIu64 " is damaged", work->path, work->place[line], line + 1);
        tl_buffer_append(&text, "\n", 1);
        if (status >= 0)
            status = text.status < 0 ? text.status : tl_outfile_write(out, text.data, text.len);
    }
    tl_buffer_done(&text);
    return status;
}

int tl_batch_work_finish(struct tl_batch_work *work, const char *output)
{
    struct tl_outfile *out;
    int status = sync_file(work);
    if (status >= 0)
        status = tl_outfile_open(output, &out);
    if (status < 0)
        return status;
    status = write_lines(work, out);
    if (status >= 0)
        status = tl_outfile_commit(out);
    tl_outfile_close(out);
    if (status >= 0)
        unlink(work->path);
    return status;
}

/* --- looking on ------------------------------------------------------------------------------------------------------------- */

/* 1: there is a good header. */
static int look(const char *output, struct tl_batch_work *work, struct header *ret_header)
{
    *work = (struct tl_batch_work){.path = tl_file_beside(output, ".partial"), .n_lines = UINT64_MAX};
    work->fd = work->path ? open(work->path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW) : -1;
    return work->fd >= 0 ? read_header(work, ret_header) : 0;
}

static void look_away(struct tl_batch_work *work)
{
    if (work->fd >= 0)
        close(work->fd);
    tl_free(work->path);
}

uint32_t tl_batch_work_context(const char *output)
{
    struct header header;
    struct tl_batch_work work;
    int status = look(output, &work, &header);
    look_away(&work);
    return status > 0 ? header.identity.context : 0;
}

uint64_t tl_batch_work_lines(const char *output)
{
    struct header header;
    struct record record;
    struct tl_batch_work work;
    uint64_t n = 0, offset = sizeof(header);
    if (look(output, &work, &header) > 0)
        for (; read_record(&work, offset, &record, NULL) > 0; n++)
            offset += sizeof(record) + record.n_bytes;
    look_away(&work);
    return n;
}
