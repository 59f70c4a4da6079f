/* SPDX-License-Identifier: MIT */
/* Statistics as safetensors files: sums and counts, so that files of two runs may be added. __metadata__ says what they
 * are and holds the SHA-256 of all bytes behind the header. Layout: docs/score-files.md. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/buffer.h"
#include "base/error.h"
#include "base/file.h"
#include "base/hash.h"
#include "base/memory.h"
#include "engine/taps_impl.h"
#include "model/arch.h"

enum { NAME_BYTES = 160 };

struct entry { char name[NAME_BYTES]; const char *type; uint64_t rows, cols; const void *data; };     /* rows 0: a vector */

struct list { struct entry *entries; uint32_t n, most; };

static uint64_t bytes_of(const struct entry *e) { return (e->rows ? e->rows : 1) * e->cols * 8; }

/* A tensor that has entered under its name stays out. */
static void add(struct list *list, const char *name, const char *suffix, struct entry entry)
{
    snprintf(entry.name, sizeof(entry.name), "%s%s", name, suffix);
    for (uint32_t i = 0; i < list->n; i++)
        if (!strcmp(list->entries[i].name, entry.name))
            return;
    if (list->n < list->most)
        list->entries[list->n++] = entry;
}

/* --- what is in a file -------------------------------------------------------------------------------------------- */

static void add_moment(struct list *list, const char *name, const struct tl_moment *m)
{
    add(list, name, "", (struct entry){ .type = "F64", .rows = m->count > 1 ? m->count : 0, .cols = m->channels, .data = m->sums });
    add(list, name, ".tokens", (struct entry){ .type = "U64", .cols = m->count, .data = m->tokens });
}

/* What enters gate and up has its moment from the router, which reads the same stream. */
static const struct tl_moment *shared_input(const struct tl_taps *t, const struct tl_op *experts)
{
    const struct tl_op *op = experts;
    while (op > t->program->ops && op->layer == experts->layer && !(op->kind == TL_OP_LINEAR && op->in == experts->in))
        op--;
    return op->kind == TL_OP_LINEAR && op->layer == experts->layer ? &t->moments[t->moment_of[op - t->program->ops]] : NULL;
}

static void list_moments(const struct tl_taps *t, struct list *list)
{
    const struct tl_store *store = tl_model_store(t->engine->model);
    for (uint32_t i = 0; i < t->program->n_ops; i++) {
        const struct tl_op *op = &t->program->ops[i];
        if (t->moment_of[i] == TL_NO_MOMENT)
            continue;
        if (op->kind != TL_OP_EXPERTS) {
            add_moment(list, tl_store_tensor(store, op->weight)->name, &t->moments[t->moment_of[i]]);
            continue;
        }
        const struct tl_moment *input = shared_input(t, op);
        for (int k = 0; k < TL_BANK_MATRICES; k++) {
            const struct tl_moment *m = k == TL_BANK_DOWN ? &t->moments[t->moment_of[i]] : input;
            if (m)
                add_moment(list, tl_store_bank_tensor(store, op->weight, k)->name, m);
        }
    }
}

static void list_cells(const struct tl_taps *t, struct list *list, const char *name, const char *type, const void *data)
{
    add(list, name, "", (struct entry){ .type = type, .rows = t->geometry->n_layers, .cols = t->geometry->n_experts, .data = data });
}

static void list_all(const struct tl_taps *t, unsigned tap, struct list *list)
{
    if (tap == TL_TAP_ROUTER) {
        list_cells(t, list, "chosen", "U64", t->chosen);
        list_cells(t, list, "weight", "F64", t->weight);
    } else if (tap == TL_TAP_EXPERTS) {
        list_cells(t, list, "count", "U64", t->answers);
        list_cells(t, list, "norm", "F64", t->norm);
        list_cells(t, list, "weighted_norm", "F64", t->weighted);
    } else {
        list_moments(t, list);
    }
}

/* --- writing ------------------------------------------------------------------------------------------------------ */

static int put_header(const struct tl_taps *t, const struct list *list, unsigned tap, struct tl_buffer *header)
{
    const char *what = tap == TL_TAP_ROUTER ? "router" : tap == TL_TAP_EXPERTS ? "experts" : "moments";
    struct tl_sha256 sha;
    uint8_t digest[TL_SHA256_BYTES];
    char hex[2 * TL_SHA256_BYTES + 1];
    uint64_t length = 0, offset = 0;
    tl_sha256_init(&sha);
    for (uint32_t i = 0; i < list->n; i++)
        tl_sha256_add(&sha, list->entries[i].data, bytes_of(&list->entries[i]));
    tl_sha256_end(&sha, digest);
    tl_sha256_hex(digest, hex);
    tl_buffer_append(header, &length, sizeof(length));
    tl_buffer_printf(header, "{\"__metadata__\":{\"format\":\"trill.%s\",\"version\":\"1\",\"model\":\"%016" PRIx64 "\",\"architecture\":\"%s\","
                     "\"tokens\":\"%" PRIu64 "\",\"sha256\":\"%s\"}", what, tl_model_cache(t->engine->model)->fingerprint,
                     t->geometry->arch->name, *t->tokens, hex);
    for (uint32_t i = 0; i < list->n; i++) {
        const struct entry *e = &list->entries[i];
        tl_buffer_append(header, ",", 1);
        tl_buffer_json_string(header, e->name, strlen(e->name));
        tl_buffer_printf(header, ":{\"dtype\":\"%s\",\"shape\":[", e->type);
        if (e->rows)
            tl_buffer_printf(header, "%" PRIu64 ",", e->rows);
        tl_buffer_printf(header, "%" PRIu64 "],\"data_offsets\":[%" PRIu64 ",%" PRIu64 "]}", e->cols, offset, offset + bytes_of(e));
        offset += bytes_of(e);
    }
    tl_buffer_append(header, "}", 1);
    tl_buffer_append(header, "       ", -header->len & 7);
    if (header->status < 0)
        return header->status;
    length = header->len - sizeof(length);
    memcpy(header->data, &length, sizeof(length));
    return 0;
}

static int write_list(const struct tl_taps *t, const struct list *list, unsigned tap, const char *path)
{
    struct tl_outfile *file = NULL;
    struct tl_buffer header;
    tl_buffer_init(&header, 0);
    int status = put_header(t, list, tap, &header);
    if (status >= 0)
        status = tl_outfile_open(path, &file);
    if (status >= 0)
        status = tl_outfile_write(file, header.data, header.len);
    for (uint32_t i = 0; i < list->n && status >= 0; i++)
        status = tl_outfile_write(file, list->entries[i].data, bytes_of(&list->entries[i]));
    if (status >= 0)
        status = tl_outfile_commit(file);
    tl_outfile_close(file);
    tl_buffer_done(&header);
    return status;
}

int tl_taps_write(const struct tl_taps *t, unsigned tap, const char *path)
{
    struct list list = { .most = 6 * t->program->n_ops };
    list.entries = tl_alloc(list.most, sizeof(*list.entries));
    if (!list.entries)
        return TL_E_NOMEM;
    list_all(t, tap, &list);
    int status = write_list(t, &list, tap, path);
    tl_free(list.entries);
    return status;
}
