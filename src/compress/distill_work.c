/* SPDX-License-Identifier: MIT */
/* manifest.json: {"format": "trill.distill", "version": 1, "stages": [{"stage", "digest", "file", "facts": {...}}]}. */
#include "compress/distill_work.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/array.h"
#include "base/error.h"
#include "base/file.h"
#include "base/json.h"
#include "base/memory.h"

enum { DIGITS = 12, MOST_BYTES = 16 << 20 };

struct entry { char *stage, *digest, *file, *facts; };

struct tl_distill_work {
    char *folder, *manifest;
    int lock;
    struct entry *entry;
    uint64_t n, cap;
};

static void done_entry(struct entry *entry)
{
    tl_free(entry->stage);
    tl_free(entry->digest);
    tl_free(entry->file);
    tl_free(entry->facts);
}

/* --- reading ------------------------------------------------------------------------------------------------------ */

static int read_object(struct tl_json *json, char **ret_text)
{
    int event = tl_json_next(json);
    if (event != TL_JSON_OBJECT)
        return event < 0 ? event : tl_json_fail(json, "an object");
    const char *begin = json->raw;
    int status = tl_json_skip(json);
    if (status < 0)
        return status;
    tl_free(*ret_text);
    *ret_text = tl_strndup(begin, (size_t)(json->at - begin));
    return *ret_text ? 0 : TL_E_NOMEM;
}

static int read_entry(struct tl_json *json, struct entry *entry)
{
    const struct { const char *name; char **to; } texts[] = {{"stage", &entry->stage}, {"digest", &entry->digest}, {"file", &entry->file}};
    int status;
    while ((status = tl_json_next(json)) == TL_JSON_KEY) {
        char **to = NULL;
        for (size_t i = 0; i < TL_COUNT(texts); i++)
            to = tl_json_is(json, texts[i].name) ? texts[i].to : to;
        if (to) {
            tl_free(*to);
            *to = NULL;
        }
        status = to ? tl_json_text(json, to) : tl_json_is(json, "facts") ? read_object(json, &entry->facts) : tl_json_skip(json);
        if (status < 0)
            return status;
    }
    if (status >= 0 && (!entry->stage || !entry->digest || !entry->file || !entry->facts))
        return tl_json_fail(json, "stage, digest, file and facts of a stage");
    return status < 0 ? status : 0;
}

static int read_entries(struct tl_distill_work *work, struct tl_json *json)
{
    int status = tl_json_next(json);
    if (status >= 0 && status != TL_JSON_ARRAY)
        return tl_json_fail(json, "a list of stages");
    while (status >= 0 && (status = tl_json_next(json)) == TL_JSON_OBJECT) {
        status = tl_grow((void **)&work->entry, work->n, &work->cap, sizeof(*work->entry));
        if (status < 0)
            break;
        work->entry[work->n] = (struct entry){0};
        status = read_entry(json, &work->entry[work->n++]);
    }
    return status < 0 ? status : status == TL_JSON_ARRAY_END ? 0 : tl_json_fail(json, "stages");
}

static int read_text(struct tl_distill_work *work, const char *text, size_t n_bytes)
{
    struct tl_json json;
    bool right = false;
    tl_json_init(&json, work->manifest, text, n_bytes);
    int status = tl_json_next(&json);
    if (status >= 0 && status != TL_JSON_OBJECT)
        status = tl_json_fail(&json, "an object");
    while (status >= 0 && (status = tl_json_next(&json)) == TL_JSON_KEY) {
        if (tl_json_is(&json, "format")) {
            status = tl_json_next(&json);
            right = status == TL_JSON_STRING && tl_json_is(&json, "trill.distill");
        } else {
            status = tl_json_is(&json, "stages") ? read_entries(work, &json) : tl_json_skip(&json);
        }
    }
    if (status >= 0 && !right)
        status = tl_fail(TL_E_FILE, "%s: is no manifest of a distillation", work->manifest);
    tl_json_done(&json);
    return status == TL_E_FILE ? tl_fail_in(TL_E_USAGE, "remove it, or name another folder with --work") : status;
}

static int read_manifest(struct tl_distill_work *work)
{
    TL_AUTO char *text = NULL;
    size_t n_bytes;
    if (!tl_file_exists(work->manifest))
        return 0;
    int status = tl_file_slurp(work->manifest, MOST_BYTES, &text, &n_bytes);
    return status < 0 ? status : read_text(work, text, n_bytes);
}

/* --- the folder --------------------------------------------------------------------------------------------------- */

static int take_lock(struct tl_distill_work *work)
{
    TL_AUTO char *path = tl_file_join(work->folder, "lock");
    if (!path)
        return TL_E_NOMEM;
    work->lock = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0666);
    if (work->lock < 0)
        return tl_fail(TL_E_IO, "%s: cannot be created: %m", path);
    if (flock(work->lock, LOCK_EX | LOCK_NB) == 0)
        return 0;
    return errno == EWOULDBLOCK ? tl_fail(TL_E_FAIL, "%s: another process works in this folder; wait for it, or name another with --work", work->folder)
                                : tl_fail(TL_E_IO, "%s: cannot be locked: %m", path);
}

int tl_distill_work_open(const char *folder, struct tl_distill_work **ret_work)
{
    struct tl_distill_work *work = tl_alloc(1, sizeof(*work));
    if (!work)
        return TL_E_NOMEM;
    work->lock = -1;
    work->folder = tl_strdup(folder);
    work->manifest = tl_file_join(folder, "manifest.json");
    int status = work->folder && work->manifest ? tl_file_make_folders(work->manifest) : TL_E_NOMEM;
    if (status >= 0)
        status = take_lock(work);
    if (status >= 0)
        status = read_manifest(work);
    if (status < 0) {
        tl_distill_work_close(work);
        return status;
    }
    *ret_work = work;
    return 0;
}

void tl_distill_work_close(struct tl_distill_work *work)
{
    if (!work)
        return;
    if (work->lock >= 0)
        close(work->lock);
    for (uint64_t i = 0; i < work->n; i++)
        done_entry(&work->entry[i]);
    tl_free(work->entry);
    tl_free(work->folder);
    tl_free(work->manifest);
    tl_free(work);
}

const char *tl_distill_work_folder(const struct tl_distill_work *work) { return work->folder; }

char *tl_distill_work_path(const struct tl_distill_work *work, const char *stage, const uint8_t digest[TL_SHA256_BYTES], const char *ending)
{
    char name[128], hex[2 * TL_SHA256_BYTES + 1];
    tl_sha256_hex(digest, hex);
    snprintf(name, sizeof(name), "%.40s-%.*s.%.40s", stage, DIGITS, hex, ending);
    return tl_file_join(work->folder, name);
}

/* --- stages ------------------------------------------------------------------------------------------------------- */

static struct entry *find(const struct tl_distill_work *work, const char *stage, const char *hex)
{
    for (uint64_t i = 0; i < work->n; i++)
        if (!strcmp(work->entry[i].stage, stage) && !strcmp(work->entry[i].digest, hex))
            return &work->entry[i];
    return NULL;
}

const char *tl_distill_work_facts(const struct tl_distill_work *work, const char *stage, const uint8_t digest[TL_SHA256_BYTES])
{
    char hex[2 * TL_SHA256_BYTES + 1];
    tl_sha256_hex(digest, hex);
    const struct entry *entry = find(work, stage, hex);
    return entry ? entry->facts : NULL;
}

static int write_manifest(const struct tl_distill_work *work)
{
    struct tl_buffer json;
    tl_buffer_init(&json, 0);
    tl_buffer_printf(&json, "{\"format\":\"trill.distill\",\"version\":1,\"stages\":[");
    for (uint64_t i = 0; i < work->n; i++) {
        const struct entry *e = &work->entry[i];
        const char *texts[] = {"stage", e->stage, "digest", e->digest, "file", e->file};
        tl_buffer_printf(&json, "%s\n {", i ? "," : "");
        for (size_t k = 0; k < TL_COUNT(texts); k += 2) {
            tl_buffer_printf(&json, "\"%s\":", texts[k]);
            tl_buffer_json_string(&json, texts[k + 1], strlen(texts[k + 1]));
            tl_buffer_append(&json, ",", 1);
        }
        tl_buffer_printf(&json, "\"facts\":%s}", e->facts);
    }
    tl_buffer_printf(&json, "]}\n");
    int status = json.status < 0 ? json.status : tl_outfile_save(work->manifest, json.data, json.len);
    tl_buffer_done(&json);
    return status;
}

int tl_distill_work_done(struct tl_distill_work *work, const char *stage, const uint8_t digest[TL_SHA256_BYTES], const char *file,
                         const char *facts)
{
    char hex[2 * TL_SHA256_BYTES + 1];
    const char *name = strrchr(file, '/');
    tl_sha256_hex(digest, hex);
    struct entry fresh = {tl_strdup(stage), tl_strdup(hex), tl_strdup(name ? name + 1 : file), tl_strdup(facts)};
    struct entry *entry = find(work, stage, hex);
    int status = fresh.stage && fresh.digest && fresh.file && fresh.facts ? 0 : TL_E_NOMEM;
    if (status >= 0 && !entry)
        status = tl_grow((void **)&work->entry, work->n, &work->cap, sizeof(*work->entry));
    if (status < 0) {
        done_entry(&fresh);
        return status;
    }
    if (entry)
        done_entry(entry);
    else
        entry = &work->entry[work->n++];
    *entry = fresh;
    return write_manifest(work);
}
