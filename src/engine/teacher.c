/* SPDX-License-Identifier: MIT */
/* Draws, and the file of records. The weights are summed in blocks, in doubles, in the order of ids; a draw finds its block
 * and walks it, so that the ids depend on nothing but the logits, the seed and the place of the token. */
#include "engine/teacher.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "base/file.h"
#include "base/memory.h"
#include "text/sampler.h"

enum { BLOCK = 256, COPY_BYTES = 1 << 20 };

static const char magic[8] = "trillte1";

struct header {
    char magic[8];
    uint32_t header_bytes, record_bytes, draws, vocab, window, stride;
    uint64_t fingerprint, seed, n_texts, n_ids, records_at;
    uint8_t work[TL_SHA256_BYTES];
};

struct tl_teacher {
    struct tl_teacher_facts facts;
    char *path, *part;
    int fd;
    uint32_t record_bytes, n_blocks;
    uint64_t records_at, n_records;
    uint8_t *rows;                       /* [TL_TEACHER_ROWS][record_bytes] */
    double *blocks;                      /* [TL_TEACHER_ROWS][n_blocks] */
};

/* --- drawing ------------------------------------------------------------------------------------------------------ */

struct draw { int32_t id; uint32_t count; };

static void sort(double *values, uint32_t n)
{
    for (uint32_t i = 1; i < n; i++)
        for (uint32_t k = i; k > 0 && values[k] < values[k - 1]; k--) {
            double value = values[k];
            values[k] = values[k - 1];
            values[k - 1] = value;
        }
}

/* The id in which `share` ends, counted from the begin of its block; rounding may leave it at the block's last weight. */
static uint32_t find_in_block(const float *weights, uint32_t n, double share)
{
    uint32_t last = 0;
    double sum = 0;
    for (uint32_t i = 0; i < n; i++) {
        sum += (double)weights[i];
        last = weights[i] > 0 ? i : last;
        if (sum > share)
            return i;
    }
    return last;
}

/* Distinct ids, ascending, with their counts. */
static uint32_t draw(const struct tl_teacher *t, const struct tl_kernel *kernel, double *blocks, uint64_t target, const float *weights,
                     struct draw *ret)
{
    uint32_t n = 0, block = 0, vocab = t->facts.vocab;
    double total = 0, sum = 0, uniform[TL_TEACHER_DRAWS];
    for (uint32_t i = 0; i < t->n_blocks; i++)
        total += blocks[i] = (double)kernel->sum(weights + (uint64_t)i * BLOCK, vocab - i * BLOCK < BLOCK ? vocab - i * BLOCK : BLOCK);
    for (uint32_t i = 0; i < t->facts.draws; i++)
        uniform[i] = tl_random_uniform(t->facts.seed, i, target, 0);
    sort(uniform, t->facts.draws);
    for (uint32_t i = 0; i < t->facts.draws; i++) {
        double share = uniform[i] * total;
        while (block + 1 < t->n_blocks && sum + blocks[block] <= share)
            sum += blocks[block++];
        uint32_t from = block * BLOCK, size = vocab - from < BLOCK ? vocab - from : BLOCK;
        int32_t id = (int32_t)(from + find_in_block(weights + from, size, share - sum));
        if (n && ret[n - 1].id >= id)
            ret[n - 1].count++;
        else
            ret[n++] = (struct draw){ id, 1 };
    }
    return n;
}

static uint64_t text_of(const struct tl_teacher *t, uint64_t target)
{
    uint64_t low = 0, high = t->facts.n_texts;
    while (high - low > 1) {
        uint64_t middle = low + (high - low) / 2;
        if (t->facts.starts[middle] <= target)
            low = middle;
        else
            high = middle;
    }
    return low;
}

void tl_teacher_draw(struct tl_teacher *t, const struct tl_kernel *kernel, uint32_t row, uint64_t target, const float *weights,
                     float sum, float nll)
{
    struct draw drawn[TL_TEACHER_DRAWS];
    uint32_t draws = t->facts.draws, n = draw(t, kernel, t->blocks + (uint64_t)row * t->n_blocks, target, weights, drawn);
    uint64_t text = text_of(t, target);
    uint32_t place[2] = { (uint32_t)text, (uint32_t)(target - t->facts.starts[text]) };
    uint8_t *record = t->rows + (uint64_t)row * t->record_bytes, *at = record + 16;
    memset(record, 0, t->record_bytes);
    memcpy(record, place, sizeof(place));
    memcpy(record + 8, &t->facts.ids[target], sizeof(int32_t));
    memcpy(record + 12, &nll, sizeof(nll));
    for (uint32_t i = 0; i < draws; i++) {
        int32_t id = i < n ? drawn[i].id : -1;
        float log_p = i < n ? tl_log(weights[id]) - tl_log(sum) : 0;
        memcpy(at + 4 * i, &id, sizeof(id));
        memcpy(at + 4 * (draws + i), &log_p, sizeof(log_p));
        at[8 * draws + i] = i < n ? (uint8_t)drawn[i].count : 0;
    }
}

/* --- the file ----------------------------------------------------------------------------------------------------- */

static int put_at(struct tl_teacher *t, uint64_t offset, const void *bytes, uint64_t n_bytes)
{
    const char *from = bytes;
    while (n_bytes > 0) {
        ssize_t n = tl_file_permit() ? pwrite(t->fd, from, n_bytes, (off_t)offset) : -1;
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return tl_fail(TL_E_IO, "%s: writing: %m", t->part);
        from += n;
        offset += (uint64_t)n;
        n_bytes -= (uint64_t)n;
    }
    return 0;
}

static struct header describe(const struct tl_teacher *t)
{
    const struct tl_teacher_facts *f = &t->facts;
    struct header h = { .header_bytes = sizeof(h), .record_bytes = t->record_bytes, .draws = f->draws, .vocab = f->vocab,
                        .window = f->window, .stride = f->stride, .fingerprint = f->fingerprint, .seed = f->seed,
                        .n_texts = f->n_texts, .n_ids = f->starts[f->n_texts] };
    memcpy(h.magic, magic, sizeof(magic));
    memcpy(h.work, f->work, sizeof(h.work));
    h.records_at = sizeof(h) + (f->n_texts + 1) * sizeof(uint64_t) + h.n_ids * sizeof(int32_t);
    return h;
}

static int begin(struct tl_teacher *t, const struct header *header)
{
    const struct tl_teacher_facts *f = &t->facts;
    t->fd = open(t->part, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
    if (t->fd < 0)
        return tl_fail(TL_E_IO, "%s: cannot be created: %m", t->part);
    int status = put_at(t, 0, header, sizeof(*header));
    if (status >= 0)
        status = put_at(t, sizeof(*header), f->starts, (f->n_texts + 1) * sizeof(uint64_t));
    if (status >= 0)
        status = put_at(t, sizeof(*header) + (f->n_texts + 1) * sizeof(uint64_t), f->ids, header->n_ids * sizeof(int32_t));
    return status;
}

/* A part that is gone may have been put in its place by a run that ended just then. */
static int take_up(struct tl_teacher *t, const struct header *header, uint64_t n_records)
{
    struct header found;
    const char *from = tl_file_exists(t->part) ? t->part : t->path;
    uint64_t n_bytes = t->records_at + n_records * t->record_bytes;
    t->fd = open(from, O_RDWR | O_CLOEXEC);
    if (t->fd < 0)
        return tl_fail(TL_E_IO, "%s: the part that the checkpoint goes on from cannot be opened: %m", from);
    if (pread(t->fd, &found, sizeof(found), 0) != sizeof(found) || memcmp(&found, header, sizeof(found)) != 0 ||
        lseek(t->fd, 0, SEEK_END) < (off_t)n_bytes)
        return tl_fail(TL_E_FAIL, "%s: is not the part that the checkpoint goes on from", from);
    if (from == t->path && rename(t->path, t->part) < 0)
        return tl_fail(TL_E_IO, "%s: cannot be renamed: %m", t->path);
    if (ftruncate(t->fd, (off_t)n_bytes) < 0)
        return tl_fail(TL_E_IO, "%s: cannot be cut: %m", t->part);
    t->n_records = n_records;
    return 0;
}

static int prepare(struct tl_teacher *t, const char *path, uint64_t n_records)
{
    t->path = tl_strdup(path);
    t->part = tl_file_beside(path, ".part");
    t->rows = tl_alloc(TL_TEACHER_ROWS, t->record_bytes);
    t->blocks = tl_alloc((uint64_t)TL_TEACHER_ROWS * t->n_blocks, sizeof(*t->blocks));
    if (!t->path || !t->part || !t->rows || !t->blocks)
        return TL_E_NOMEM;
    struct header header = describe(t);
    t->records_at = header.records_at;
    return n_records ? take_up(t, &header, n_records) : begin(t, &header);
}

int tl_teacher_open(const char *path, const struct tl_teacher_facts *facts, uint64_t n_records, struct tl_teacher **ret_teacher)
{
    if (!facts->draws || facts->draws > TL_TEACHER_DRAWS)
        return tl_fail(TL_E_USAGE, "%u draws a token, expected 1 to %d", facts->draws, TL_TEACHER_DRAWS);
    struct tl_teacher *t = tl_alloc(1, sizeof(*t));
    if (!t)
        return TL_E_NOMEM;
    *t = (struct tl_teacher){ .facts = *facts, .fd = -1, .record_bytes = (16 + 9 * facts->draws + 3) & ~3u,
                              .n_blocks = (facts->vocab + BLOCK - 1) / BLOCK };
    int status = prepare(t, path, n_records);
    if (status < 0) {
        tl_teacher_close(t, n_records > 0);
        return status;
    }
    *ret_teacher = t;
    return 0;
}

void tl_teacher_close(struct tl_teacher *t, bool keep_part)
{
    if (!t)
        return;
    if (t->fd >= 0)
        close(t->fd);
    if (t->fd >= 0 && !keep_part)
        unlink(t->part);
    tl_free(t->path);
    tl_free(t->part);
    tl_free(t->rows);
    tl_free(t->blocks);
    tl_free(t);
}

int tl_teacher_put(struct tl_teacher *t, uint32_t n_rows)
{
    int status = put_at(t, t->records_at + t->n_records * t->record_bytes, t->rows, (uint64_t)n_rows * t->record_bytes);
    t->n_records += status < 0 ? 0 : n_rows;
    return status;
}

uint64_t tl_teacher_records(const struct tl_teacher *t) { return t->n_records; }

int tl_teacher_sync(struct tl_teacher *t)
{
    return tl_file_permit() && fdatasync(t->fd) == 0 ? 0 : tl_fail(TL_E_IO, "%s: syncing: %m", t->part);
}

static int digest(struct tl_teacher *t, uint64_t n_bytes, uint8_t *ret_digest)
{
    struct tl_sha256 sha;
    TL_AUTO uint8_t *bytes = tl_alloc(COPY_BYTES, 1);
    if (!bytes)
        return TL_E_NOMEM;
    tl_sha256_init(&sha);
    for (uint64_t at = 0; at < n_bytes;) {
        ssize_t n = tl_file_permit() ? pread(t->fd, bytes, n_bytes - at < COPY_BYTES ? n_bytes - at : COPY_BYTES, (off_t)at) : -1;
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return tl_fail(TL_E_IO, "%s: reading it back: %s", t->part, n ? strerror(errno) : "it is shorter than what was written");
        tl_sha256_add(&sha, bytes, (size_t)n);
        at += (uint64_t)n;
    }
    tl_sha256_end(&sha, ret_digest);
    return 0;
}

/* The digest of everything before it ends the file. */
int tl_teacher_commit(struct tl_teacher *t)
{
    uint8_t sha[TL_SHA256_BYTES];
    uint64_t end = t->records_at + t->n_records * t->record_bytes;
    int status = digest(t, end, sha);
    if (status >= 0)
        status = put_at(t, end, sha, sizeof(sha));
    if (status >= 0)
        status = tl_teacher_sync(t);
    if (status >= 0 && rename(t->part, t->path) < 0)
        status = tl_fail(TL_E_IO, "%s: cannot be put in place: %m", t->path);
    if (status < 0)
        return status;
    close(t->fd);
    t->fd = -1;
    return 0;
}
