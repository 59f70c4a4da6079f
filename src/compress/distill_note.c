/* SPDX-License-Identifier: MIT */
/* What a student says of itself: keys "trill.distill.*" and the licence that follows from the teacher's. Digests are SHA-256 as hex.
 * The identity of a model is that of distill_identity.c; the digest of its whole file is told up to a size that is read in moments. */
#include <inttypes.h>
#include <string.h>

#include "base/array.h"
#include "base/error.h"
#include "base/file.h"
#include "base/memory.h"
#include "compress/distill_impl.h"

enum { READ_BYTES = 1 << 20 };
static const uint64_t most_hashed = UINT64_C(4) << 30;

static struct tl_buffer *begin(struct tl_distill_notes *notes, const char *key)
{
    struct tl_buffer *text = &notes->texts[notes->n];
    tl_buffer_init(text, 0);
    notes->note[notes->n++].key = key;
    return text;
}

static void put_text(struct tl_distill_notes *notes, const char *key, const char *text, size_t n_bytes)
{
    tl_buffer_append(begin(notes, key), text, n_bytes);
}

static void put_digest(struct tl_distill_notes *notes, const char *key, const uint8_t digest[TL_SHA256_BYTES])
{
    char hex[2 * TL_SHA256_BYTES + 1];
    tl_sha256_hex(digest, hex);
    put_text(notes, key, hex, strlen(hex));
}

int tl_distill_hash(const struct tl_file *file, struct tl_sha256 *sha)
{
    TL_AUTO uint8_t *bytes = tl_alloc(READ_BYTES, 1);
    int status = bytes ? 0 : TL_E_NOMEM;
    for (uint64_t at = 0; at < file->size_bytes && status >= 0; at += READ_BYTES) {
        size_t n = file->size_bytes - at < READ_BYTES ? (size_t)(file->size_bytes - at) : READ_BYTES;
        status = tl_file_read(file, at, bytes, n);
        if (status >= 0)
            tl_sha256_add(sha, bytes, n);
    }
    return status;
}

static int put_file(struct tl_distill_notes *notes, const char *key, const struct tl_file *file)
{
    struct tl_sha256 sha;
    uint8_t digest[TL_SHA256_BYTES];
    if (file->size_bytes > most_hashed)
        return 0;
    tl_sha256_init(&sha);
    int status = tl_distill_hash(file, &sha);
    tl_sha256_end(&sha, digest);
    if (status >= 0)
        put_digest(notes, key, digest);
    return status;
}

static int put_path(struct tl_distill_notes *notes, const char *key, const char *path)
{
    struct tl_file *file;
    int status = tl_file_open(path, &file);
    if (status < 0)
        return status;
    status = put_file(notes, key, file);
    tl_file_close(file);
    return status;
}

/* A model whose file is one part: the whole of it. */
static int put_model(struct tl_distill_notes *notes, const char *identity_key, const char *file_key, const struct tl_modelfile *file,
                     const uint8_t identity[TL_SHA256_BYTES])
{
    const struct tl_file *part = tl_modelfile_part(file, 0);
    put_digest(notes, identity_key, identity);
    return part && part->size_bytes == tl_modelfile_bytes(file) ? put_file(notes, file_key, part) : 0;
}

void tl_distill_recipe(const struct tl_distilling *d, bool control, struct tl_buffer *json)
{
    const struct tl_distill_order *o = &d->settled;
    bool sweeps = d->ret->survey.sweeps && !control, writes = d->ret->survey.writes && (!control || !o->text);
    tl_buffer_printf(json, "{\"tokens\":%" PRIu64 ",\"window\":%" PRIu32 ",\"batch\":%" PRIu32 ",\"seed\":%" PRIu64 ",\"rate\":%.9g,\"schedule\":\"%s\""
                     ",\"arithmetic\":\"%s\",\"held_share\":%.9g,\"mix\":%.9g", o->tokens, o->window, o->batch, o->seed, o->rate, o->schedule,
                     o->bf16 ? "bf16" : "f32", o->held_share, sweeps ? o->mix : 0.0);
    if (sweeps)
        tl_buffer_printf(json, ",\"draws\":%" PRIu32, o->draws);
    if (writes) {
        tl_buffer_printf(json, ",\"answer_tokens\":%" PRIu32 ",\"prompt_tokens\":%" PRIu32 ",\"temperature\":%.9g,\"unlikely_share\":%.9g",
                         o->answer_tokens, o->prompts ? 0 : o->prompt_tokens, o->temperature, o->unlikely_share);
        tl_buffer_printf(json, ",\"verify\":");
        tl_buffer_json_string(json, o->verify ? o->verify : "", o->verify ? strlen(o->verify) : 0);
    }
    tl_buffer_printf(json, "}");
}

static int put_licence(const struct tl_distilling *d, struct tl_distill_notes *notes)
{
    static const char *const keys[][2] = {{"general.license", "trill.distill.teacher.license"}, {"general.license.name", "trill.distill.teacher.license.name"},
                                          {"general.license.link", "trill.distill.teacher.license.link"}};
    int status = 0;
    for (size_t i = 0; i < TL_COUNT(keys) && status >= 0; i++) {
        const char *text;
        size_t n;
        status = tl_meta_string(d->teacher->file, keys[i][0], &text, &n);
        if (status <= 0)
            continue;
        put_text(notes, keys[i][1], text, n);
        if (d->student->drawn)           /* one that goes on keeps its own beside the teacher's */
            put_text(notes, keys[i][0], text, n);
    }
    return status < 0 ? status : 0;
}

static void put_data(const struct tl_distilling *d, bool control, struct tl_distill_notes *notes)
{
    const struct tl_corpus *corpus = control && d->documents ? d->documents : d->corpus;
    struct tl_corpus_counts counts;
    uint8_t digest[TL_SHA256_BYTES];
    tl_corpus_count(corpus, &counts);
    tl_corpus_digest(corpus, digest);
    put_digest(notes, "trill.distill.data.sha256", digest);
    tl_buffer_printf(begin(notes, "trill.distill.data"), "{\"documents\":%" PRIu64 ",\"tokens\":%" PRIu64 ",\"duplicates_left_out\":%" PRIu64
                     ",\"held_out_documents\":%" PRIu64 "}", counts.documents, counts.tokens, counts.duplicates, counts.held_documents);
}

int tl_distill_note(const struct tl_distilling *d, const char *role, bool control, struct tl_distill_notes *notes)
{
    const struct tl_distill_survey *s = &d->ret->survey;
    *notes = (struct tl_distill_notes){0};
    put_text(notes, "trill.distill.version", "1", 1);
    put_text(notes, "trill.distill.role", role, strlen(role));
    put_text(notes, "trill.distill.teacher", s->teacher_name, strlen(s->teacher_name));
    put_text(notes, "trill.distill.student", s->student_name, strlen(s->student_name));
    int status = put_model(notes, "trill.distill.teacher.identity", "trill.distill.teacher.sha256", d->teacher->file, d->teacher_digest);
    if (status >= 0 && !d->student->drawn)
        status = put_model(notes, "trill.distill.student.identity", "trill.distill.student.sha256", tl_model_file(d->student->model), d->student_digest);
    if (status >= 0)
        status = put_licence(d, notes);
    if (status < 0)
        return status;
    put_data(d, control, notes);
    if (d->settled.prompts && !control)
        status = put_path(notes, "trill.distill.prompts.sha256", d->settled.prompts);
    if (s->sweeps && !control)
        put_digest(notes, "trill.distill.sweep.sha256", tl_distill_draws_facts(d->draws)->digest);
    if (s->writes && !control)
        tl_distill_kept_write(&d->ret->kept, begin(notes, "trill.distill.filter"));
    tl_distill_recipe(d, control, begin(notes, "trill.distill.recipe"));
    for (uint32_t i = 0; i < notes->n && status >= 0; i++) {
        status = notes->texts[i].status;
        notes->note[i].text = notes->texts[i].data ? notes->texts[i].data : "";
    }
    return status;
}

void tl_distill_notes_done(struct tl_distill_notes *notes)
{
    for (uint32_t i = 0; i < notes->n; i++)
        tl_buffer_done(&notes->texts[i]);
    notes->n = 0;
}
