/* SPDX-License-Identifier: MIT */
/* A record's place in the corpus is that of the token before its target. Records of a run lie together, so a window is read
 * in few pieces. */
#include "compress/distill_draws.h"

#include <inttypes.h>
#include <string.h>

#include "base/error.h"
#include "base/file.h"
#include "base/memory.h"
#include "engine/teacher.h"

enum { READ_BYTES = 1 << 20, HEADER_BYTES = 104, FIXED_BYTES = 16 };

struct tl_distill_draws {
    struct tl_file *file;
    struct tl_distill_draws_facts facts;
    uint64_t records_at, n_places;
    uint32_t record_bytes, vocab;
    uint32_t *record_of;                 /* [n_places] number + 1; 0: none */
    uint8_t *bytes;                      /* records of the last call */
    uint8_t **found;                     /* [n of the last call] in bytes; NULL: none */
    uint64_t cap;                        /* tokens of both */
};

/* --- the header --------------------------------------------------------------------------------------------------- */

static int wrong(const struct tl_distill_draws *d, const char *what)
{
    return tl_fail(TL_E_FILE, "%s: is no file of a teacher's draws that can be used: %s; remove it to have it made again", d->file->path, what);
}

static int read_header(struct tl_distill_draws *d)
{
    struct { char magic[8]; uint32_t header, record, draws, vocab, window, stride; uint64_t fingerprint, seed, texts, ids, at; } h;
    struct tl_distill_draws_facts *f = &d->facts;
    uint64_t size = d->file->size_bytes;
    if (size < HEADER_BYTES + TL_SHA256_BYTES)
        return wrong(d, "it is too short");
    int status = tl_file_read(d->file, 0, &h, sizeof(h));
    if (status < 0)
        return status;
    if (memcmp(h.magic, "trillte1", 8) != 0 || h.header != HEADER_BYTES)
        return wrong(d, "it begins otherwise");
    if (!h.draws || h.draws > TL_TEACHER_DRAWS || h.record != ((FIXED_BYTES + 9 * h.draws + 3) & ~3u) || !h.vocab || h.vocab > INT32_MAX)
        return wrong(d, "its header contradicts itself");
    if (h.texts > size / 8 || h.ids > size / 4 || h.at != HEADER_BYTES + (h.texts + 1) * 8 + h.ids * 4 || h.at > size - TL_SHA256_BYTES ||
        (size - TL_SHA256_BYTES - h.at) % h.record)
        return wrong(d, "its size is not what its header says");
    *f = (struct tl_distill_draws_facts){.fingerprint = h.fingerprint, .seed = h.seed, .n_texts = h.texts, .n_ids = h.ids, .draws = h.draws,
                                         .vocab = h.vocab, .window = h.window, .stride = h.stride,
                                         .n_records = (size - TL_SHA256_BYTES - h.at) / h.record};
    d->record_bytes = h.record;
    d->records_at = h.at;
    return f->n_records < UINT32_MAX ? 0 : wrong(d, "it has more than 4,294,967,294 records");
}

static int compare(const struct tl_distill_draws *d, uint64_t at, const void *expected, uint64_t n_bytes, uint8_t *room)
{
    const uint8_t *mine = expected;
    for (uint64_t done = 0; done < n_bytes; done += READ_BYTES) {
        uint64_t n = n_bytes - done < READ_BYTES ? n_bytes - done : READ_BYTES;
        int status = tl_file_read(d->file, at + done, room, n);
        if (status < 0)
            return status;
        if (memcmp(room, mine + done, n) != 0)
            return wrong(d, "it is about other texts");
    }
    return 0;
}

static int check_texts(const struct tl_distill_draws *d, const struct tl_distill_texts *texts)
{
    TL_AUTO uint8_t *room = tl_alloc(READ_BYTES, 1);
    if (!room)
        return TL_E_NOMEM;
    if (d->facts.n_texts != texts->n_texts || d->facts.n_ids != texts->n_ids)
        return wrong(d, "it is about other texts");
    int status = compare(d, HEADER_BYTES, texts->starts, (texts->n_texts + 1) * 8, room);
    return status < 0 ? status : compare(d, HEADER_BYTES + (texts->n_texts + 1) * 8, texts->ids, texts->n_ids * 4, room);
}

/* --- where records are -------------------------------------------------------------------------------------------- */

static int place(struct tl_distill_draws *d, const struct tl_distill_texts *texts, const uint8_t *record, uint64_t number)
{
    uint32_t at[2];
    int32_t target;
    memcpy(at, record, sizeof(at));
    memcpy(&target, record + 8, sizeof(target));
    if (at[0] >= texts->n_texts || !at[1] || at[1] >= texts->starts[at[0] + 1] - texts->starts[at[0]])
        return wrong(d, "a record is of no token");
    uint64_t i = texts->starts[at[0]] + at[1], where = texts->where[i - 1];
    if (texts->ids[i] != target)
        return wrong(d, "a record is of another token");
    if (where < d->n_places)
        d->record_of[where] = (uint32_t)number + 1;
    return 0;
}

/* Reads everything once: places each record, and the digest. */
static int read_through(struct tl_distill_draws *d, const struct tl_distill_texts *texts, struct tl_progress *progress)
{
    struct tl_sha256 sha, whole;
    uint8_t digest[TL_SHA256_BYTES], said[TL_SHA256_BYTES];
    uint64_t end = d->file->size_bytes - TL_SHA256_BYTES, step = READ_BYTES / d->record_bytes * d->record_bytes, n;
    TL_AUTO uint8_t *room = tl_alloc(READ_BYTES, 1);
    if (!room)
        return TL_E_NOMEM;
    tl_sha256_init(&sha);
    int status = tl_progress_begin(progress, "reading what the teacher said", 0, end, "bytes");
    for (uint64_t at = 0; at < end && status >= 0; at += n) {
        n = at < d->records_at ? d->records_at - at : end - at;
        n = n < step ? n : step;
        status = tl_file_read(d->file, at, room, n);
        if (status >= 0)
            tl_sha256_add(&sha, room, n);
        for (uint64_t i = 0; at >= d->records_at && i < n && status >= 0; i += d->record_bytes)
            status = place(d, texts, room + i, (at + i - d->records_at) / d->record_bytes);
        if (status >= 0)
            status = tl_progress_move(progress, at + n);
    }
    if (status >= 0)
        status = tl_file_read(d->file, end, said, sizeof(said));
    whole = sha;
    tl_sha256_end(&sha, digest);
    if (status >= 0 && memcmp(digest, said, sizeof(said)) != 0)
        status = wrong(d, "its digest differs");
    tl_sha256_add(&whole, said, sizeof(said));
    tl_sha256_end(&whole, d->facts.digest);
    return status;
}

int tl_distill_draws_open(const char *path, const struct tl_distill_texts *texts, uint64_t n_places, uint32_t vocab,
                          struct tl_progress *progress, struct tl_distill_draws **ret_draws)
{
    struct tl_distill_draws *d = tl_alloc(1, sizeof(*d));
    if (!d)
        return TL_E_NOMEM;
    d->n_places = n_places;
    d->vocab = vocab;
    d->record_of = tl_alloc(n_places + 1, sizeof(*d->record_of));
    int status = d->record_of ? tl_file_open(path, &d->file) : TL_E_NOMEM;
    if (status >= 0)
        status = read_header(d);
    if (status >= 0)
        status = check_texts(d, texts);
    if (status >= 0)
        status = read_through(d, texts, progress);
    if (status < 0) {
        tl_distill_draws_close(d);
        return status;
    }
    *ret_draws = d;
    return 0;
}

void tl_distill_draws_close(struct tl_distill_draws *d)
{
    if (!d)
        return;
    tl_file_close(d->file);
    tl_free(d->record_of);
    tl_free(d->bytes);
    tl_free(d->found);
    tl_free(d);
}

const struct tl_distill_draws_facts *tl_distill_draws_facts(const struct tl_distill_draws *d) { return &d->facts; }

/* --- reading ------------------------------------------------------------------------------------------------------ */

static int make_room(struct tl_distill_draws *d, uint64_t n)
{
    if (n <= d->cap)
        return 0;
    uint8_t *bytes = tl_realloc(d->bytes, n, d->record_bytes);
    if (bytes)
        d->bytes = bytes;
    uint8_t **found = bytes ? tl_realloc(d->found, n, sizeof(*found)) : NULL;
    if (!found)
        return TL_E_NOMEM;
    d->found = found;
    d->cap = n;
    return 0;
}

/* What lies in a record is checked once it is used: the file may change while it is read. */
static int describe(const struct tl_distill_draws *d, const uint8_t *record, struct tl_draws *ret)
{
    const int32_t *ids = (const int32_t *)(const void *)(record + FIXED_BYTES);
    const uint8_t *counts = record + FIXED_BYTES + 8 * d->facts.draws;
    uint32_t sum = 0;
    *ret = (struct tl_draws){.ids = ids, .counts = counts};
    for (uint32_t i = 0; i < d->facts.draws && ids[i] >= 0; i++) {
        sum += counts[i];
        if ((uint32_t)ids[i] >= d->facts.vocab || (i && ids[i] <= ids[i - 1]))
            return wrong(d, "ids of a record are outside its vocabulary or not in order");
        if ((uint32_t)ids[i] < d->vocab) {
            ret->n_ids = i + 1;
            ret->n_draws = sum;
        }
    }
    return sum == d->facts.draws ? 0 : wrong(d, "counts of a record do not add up");
}

int tl_distill_draws_at(void *context, const uint64_t *where, uint64_t n, struct tl_draws *ret_draws)
{
    struct tl_distill_draws *d = context;
    uint64_t run;
    int status = make_room(d, n);
    for (uint64_t i = 0; i < n && status >= 0; i += run) {
        uint32_t number = where[i] < d->n_places ? d->record_of[where[i]] : 0;
        run = 1;
        d->found[i] = NULL;
        ret_draws[i] = (struct tl_draws){0};
        if (!number)
            continue;
        while (i + run < n && where[i + run] < d->n_places && d->record_of[where[i + run]] == number + run)
            run++;
        status = tl_file_read(d->file, d->records_at + (uint64_t)(number - 1) * d->record_bytes, d->bytes + i * d->record_bytes,
                              run * d->record_bytes);
        for (uint64_t k = i; k < i + run && status >= 0; k++) {
            d->found[k] = d->bytes + k * d->record_bytes;
            status = describe(d, d->found[k], &ret_draws[k]);
        }
    }
    return status;
}

double tl_distill_draws_entropy(const struct tl_distill_draws *d, const int32_t *counted, uint64_t n, uint64_t *ret_tokens)
{
    double sum = 0;
    *ret_tokens = 0;
    for (uint64_t i = 0; i < n && i < d->cap; i++) {
        if (!d->found[i] || (counted && counted[i] < 0))
            continue;
        const float *log_p = (const float *)(const void *)(d->found[i] + FIXED_BYTES + 4 * d->facts.draws);
        const uint8_t *counts = d->found[i] + FIXED_BYTES + 8 * d->facts.draws;
        double own = 0;
        for (uint32_t k = 0; k < d->facts.draws && counts[k]; k++)
            own -= (double)counts[k] * (double)log_p[k];
        sum += own / d->facts.draws;
        ++*ret_tokens;
    }
    return sum;
}
