/* SPDX-License-Identifier: MIT */
/* States in files: a header, the ids, the pages of each group from its floor on, the records of recurrent layers, the latest
 * last, and a SHA-256 over all of it.
 * Only the same model with the same formats loads one: the fingerprint says so. Numbers are little-endian. */
#include <string.h>

#include "base/checked.h"
#include "base/error.h"
#include "base/file.h"
#include "base/hash.h"
#include "base/memory.h"
#include "kernel/kernel.h"
#include "model/state.h"

static const char magic[8] = "trillst2";

struct header {
    char magic[8];
    uint64_t fingerprint;
    uint32_t length, n_ids, n_groups, n_records;
    uint32_t floor[TL_MAX_GROUPS];
    uint64_t page_bytes[TL_MAX_GROUPS], record_bytes;
    struct { uint32_t length, border; } record[TL_MOST_RECORDS];
};

struct out { struct tl_outfile *file; struct tl_sha256 sha; };

static int put(struct out *out, const void *bytes, size_t n_bytes)
{
    tl_sha256_add(&out->sha, bytes, n_bytes);
    return tl_outfile_write(out->file, bytes, n_bytes);
}

/* The kept records, then the one that the state stands on; NULL: no more. */
static const struct tl_record_at *record_at(const struct tl_state *state, uint32_t index)
{
    const struct tl_records *r = &state->records;
    return index < r->n_kept ? &r->kept[index] : index == r->n_kept && r->now.record && state->length ? &r->now : NULL;
}

static struct header describe(const struct tl_state *state, uint32_t n_ids)
{
    struct header header = { .fingerprint = state->cache->fingerprint, .length = state->length, .n_ids = n_ids,
                             .n_groups = state->cache->n_groups };
    memcpy(header.magic, magic, sizeof(magic));
    memcpy(header.floor, state->floor, sizeof(header.floor));
    for (uint32_t i = 0; i < header.n_groups; i++)
        header.page_bytes[i] = state->cache->group[i].page_bytes;
    header.record_bytes = state->cache->records.record_bytes;
    for (const struct tl_record_at *at; (at = record_at(state, header.n_records)); header.n_records++) {
        header.record[header.n_records].length = at->length;
        header.record[header.n_records].border = at->border;
    }
    return header;
}

static uint32_t page_end(const struct tl_state *state) { return (state->length + TL_PAGE_TOKENS - 1) / TL_PAGE_TOKENS; }

static int put_all(const struct tl_state *state, const int32_t *ids, uint32_t n_ids, struct out *out)
{
    struct header header = describe(state, n_ids);
    uint8_t digest[TL_SHA256_BYTES];
    int status = put(out, &header, sizeof(header));
    if (status >= 0)
        status = put(out, ids, n_ids * sizeof(*ids));
    for (uint32_t i = 0; i < header.n_groups; i++)
        for (uint32_t p = state->floor[i] / TL_PAGE_TOKENS; p < page_end(state) && status >= 0; p++)
            status = put(out, state->table[i][p], header.page_bytes[i]);
    for (uint32_t i = 0; i < header.n_records && status >= 0; i++)
        status = put(out, record_at(state, i)->record, header.record_bytes);
    if (status < 0)
        return status;
    tl_sha256_end(&out->sha, digest);
    status = tl_outfile_write(out->file, digest, sizeof(digest));
    return status < 0 ? status : tl_outfile_commit(out->file);
}

int tl_state_save(const struct tl_state *state, const int32_t *ids, uint32_t n_ids, const char *path)
{
    struct out out;
    int status = tl_outfile_open(path, &out.file);
    if (status < 0)
        return status;
    tl_sha256_init(&out.sha);
    status = put_all(state, ids, n_ids, &out);
    tl_outfile_close(out.file);
    return status;
}

/* Recurrent layers: ascending records, the last of them where the state stands; none for other models. */
static bool records_fit(const struct tl_cache *cache, const struct header *header)
{
    uint32_t n = header->n_records, before = 0;
    if (header->record_bytes != cache->records.record_bytes || n > TL_MOST_RECORDS || (n > 0) != (cache->records.n_layers && header->length))
        return false;
    for (uint32_t i = 0; i < n; before = header->record[i++].length)
        if (header->record[i].length <= before)
            return false;
    return n == 0 || before == header->length;
}

struct tl_state_file {
    const struct tl_cache *cache;
    struct tl_file *file;
    struct header header;
    int32_t *ids;                        /* [n_ids] */
};

/* That it has exactly the length which its header asks for, and that this cache can hold it. */
static int check_header(const struct tl_cache *cache, const struct tl_file *file, const struct header *header)
{
    if (memcmp(header->magic, magic, sizeof(magic)) != 0)
        return tl_fail(TL_E_FILE, "%s: is no saved session", file->path);
    if (header->fingerprint != cache->fingerprint || header->n_groups != cache->n_groups)
        return tl_fail(TL_E_FILE, "%s: was saved with another model or other formats", file->path);
    if (header->n_ids > cache->context)
        return tl_fail(TL_E_USAGE, "%s: holds %u tokens, the context is %u", file->path, header->n_ids, cache->context);
    if (header->length > header->n_ids)
        return tl_fail(TL_E_FILE, "%s: %u tokens are computed, of %u that it holds", file->path, header->length, header->n_ids);
    uint64_t bytes = sizeof(*header) + (uint64_t)header->n_ids * sizeof(int32_t) + TL_SHA256_BYTES;
    for (uint32_t i = 0; i < header->n_groups; i++) {
        if (header->page_bytes[i] != cache->group[i].page_bytes || header->floor[i] > header->length || header->floor[i] % TL_PAGE_TOKENS)
            return tl_fail(TL_E_FILE, "%s: its pages do not fit this model", file->path);
        bytes += ((uint64_t)(header->length + TL_PAGE_TOKENS - 1) / TL_PAGE_TOKENS - header->floor[i] / TL_PAGE_TOKENS) * header->page_bytes[i];
    }
    if (!records_fit(cache, header))
        return tl_fail(TL_E_FILE, "%s: its recurrent states do not fit this model", file->path);
    bytes += header->n_records * header->record_bytes;
    if (bytes != file->size_bytes)
        return tl_fail(TL_E_FILE, "%s: has %llu bytes, expected %llu", file->path, (unsigned long long)file->size_bytes,
                       (unsigned long long)bytes);
    return 0;
}

static int read_header(struct tl_state_file *state_file)
{
    struct tl_file *file = state_file->file;
    struct header *header = &state_file->header;
    if (file->size_bytes < sizeof(*header) + TL_SHA256_BYTES)
        return tl_fail(TL_E_FILE, "%s: is no saved session", file->path);
    int status = tl_file_read(file, 0, header, sizeof(*header));
    if (status >= 0)
        status = check_header(state_file->cache, file, header);
    if (status < 0)
        return status;
    state_file->ids = tl_alloc(header->n_ids + 1, sizeof(*state_file->ids));
    return state_file->ids ? tl_file_read(file, sizeof(*header), state_file->ids, header->n_ids * sizeof(int32_t)) : TL_E_NOMEM;
}

int tl_state_file_open(const struct tl_cache *cache, const char *path, struct tl_state_file **ret_file)
{
    struct tl_state_file *state_file = tl_alloc(1, sizeof(*state_file));
    if (!state_file)
        return TL_E_NOMEM;
    state_file->cache = cache;
    int status = tl_file_open(path, &state_file->file);
    if (status >= 0)
        status = read_header(state_file);
    if (status < 0) {
        tl_state_file_close(state_file);
        return status;
    }
    *ret_file = state_file;
    return 0;
}

void tl_state_file_close(struct tl_state_file *file)
{
    if (!file)
        return;
    if (file->file)
        tl_file_close(file->file);
    tl_free(file->ids);
    tl_free(file);
}

const int32_t *tl_state_file_ids(const struct tl_state_file *file, uint32_t *ret_count, uint32_t *ret_length)
{
    *ret_count = file->header.n_ids;
    *ret_length = file->header.length;
    return file->ids;
}

uint32_t tl_state_file_nearest(const struct tl_state_file *file, uint32_t length)
{
    const struct header *header = &file->header;
    if (length >= header->length)
        return header->length;
    for (uint32_t i = header->n_records; header->n_records; i--) {
        if (i == 0)
            return 0;
        if (header->record[i - 1].length <= length) {
            length = header->record[i - 1].length;
            break;
        }
    }
    return tl_cache_reaches(file->cache, header->floor, length) ? length : 0;
}

int tl_state_file_check(const struct tl_state_file *state_file)
{
    enum { BLOCK = 1 << 18 };
    const struct tl_file *file = state_file->file;
    uint8_t *block = tl_alloc(1, BLOCK), digest[TL_SHA256_BYTES], stored[TL_SHA256_BYTES];
    struct tl_sha256 sha;
    int status = block ? 0 : TL_E_NOMEM;
    uint64_t end = file->size_bytes - TL_SHA256_BYTES;
    tl_sha256_init(&sha);
    for (uint64_t at = 0; at < end && status >= 0; at += BLOCK) {
        size_t n_bytes = end - at < BLOCK ? (size_t)(end - at) : BLOCK;
        status = tl_file_read(file, at, block, n_bytes);
        if (status >= 0)
            tl_sha256_add(&sha, block, n_bytes);
    }
    tl_free(block);
    if (status >= 0)
        status = tl_file_read(file, end, stored, sizeof(stored));
    tl_sha256_end(&sha, digest);
    if (status >= 0 && memcmp(digest, stored, sizeof(stored)) != 0)
        return tl_fail(TL_E_FILE, "%s: its checksum is wrong: the file is damaged", file->path);
    return status;
}

/* Pages are taken in steps of a chunk, as the original grew: windowed groups never hold all of them at once. */
int tl_state_file_room(const struct tl_state_file *file, struct tl_state *state)
{
    const struct header *header = &file->header;
    struct tl_record_pool *records = &state->cache->records;
    int status = 0;
    tl_state_truncate(state, 0);
    while (status >= 0 && state->length < header->length) {
        uint32_t left = header->length - state->length, step = left < state->cache->slack ? left : state->cache->slack;
        status = tl_state_reserve(state, step);
        if (status >= 0)
            tl_state_append(state, step);
    }
    for (uint32_t i = 0; i < header->n_groups && status >= 0; i++)
        if (state->floor[i] < header->floor[i])
            state->floor[i] = header->floor[i];
    tl_records_drop(records, &state->records);
    for (uint32_t i = 0; i < header->n_records && status >= 0; i++)
        status = tl_records_add(records, &state->records, header->record[i].length, header->record[i].border);
    if (status < 0)
        tl_state_truncate(state, 0);
    return status;
}

/* NULL: there was no room for it beside later ones. */
static float *record_behind(const struct tl_state *state, uint32_t length)
{
    const struct tl_record_at *at;
    for (uint32_t i = 0; (at = record_at(state, i)); i++)
        if (at->length == length)
            return at->record;
    return NULL;
}

int tl_state_file_read(const struct tl_state_file *state_file, struct tl_state *state)
{
    const struct header *header = &state_file->header;
    const struct tl_file *file = state_file->file;
    uint64_t at = sizeof(*header) + (uint64_t)header->n_ids * sizeof(int32_t);
    int status = 0;
    for (uint32_t i = 0; i < header->n_groups; i++)
        for (uint32_t p = header->floor[i] / TL_PAGE_TOKENS; p < page_end(state) && status >= 0; p++, at += header->page_bytes[i])
            if (state->table[i][p])
                status = tl_file_read(file, at, state->table[i][p], header->page_bytes[i]);
    for (uint32_t i = 0; i < header->n_records && status >= 0; i++, at += header->record_bytes) {
        float *record = record_behind(state, header->record[i].length);
        if (record)
            status = tl_file_read(file, at, record, header->record_bytes);
    }
    return status;
}

/* --- all at once ---------------------------------------------------------------------------------------------------------- */

static int load(struct tl_state *state, const struct tl_state_file *file, int32_t **ret_ids, uint32_t *ret_count)
{
    uint32_t length;
    int status = tl_state_file_check(file);
    if (status >= 0)
        status = tl_state_file_room(file, state);
    if (status < 0)
        return status;
    status = tl_state_file_read(file, state);
    const int32_t *ids = tl_state_file_ids(file, ret_count, &length);
    int32_t *copy = status < 0 ? NULL : tl_alloc(*ret_count + 1, sizeof(*copy));
    if (!copy) {
        tl_state_truncate(state, 0);
        return status < 0 ? status : TL_E_NOMEM;
    }
    memcpy(copy, ids, *ret_count * sizeof(*copy));
    *ret_ids = copy;
    return 0;
}

int tl_state_load(struct tl_state *state, const char *path, int32_t **ret_ids, uint32_t *ret_count)
{
    struct tl_state_file *file;
    int status = tl_state_file_open(state->cache, path, &file);
    if (status < 0)
        return status;
    status = load(state, file, ret_ids, ret_count);
    tl_state_file_close(file);
    return status;
}
