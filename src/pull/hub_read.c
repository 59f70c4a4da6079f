/* SPDX-License-Identifier: MIT */
/* Reading a hub's documents. Fields that are not known are passed over; those that are become parts of paths only after
 * they were checked. */
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "base/json.h"
#include "base/memory.h"
#include "pull/hub.h"
#include "pull/part.h"

enum { MAX_FILES = 100000 };

/* --- the repository ----------------------------------------------------------------------------------------------- */

/* The next value where it is a string that fits, of a list the first one; anything else is passed over. */
static int take_text(struct tl_json *json, char *to, size_t room)
{
    unsigned depth = json->depth;
    int r;
    to[0] = 0;
    do {
        r = tl_json_next(json);
        if (r == TL_JSON_STRING && !to[0] && json->string.len < room)
            snprintf(to, room, "%s", json->string.data);
    } while (r >= 0 && json->depth > depth);
    return r;
}

static void make_plain(char *text)
{
    for (; *text; text++)
        if ((unsigned char)*text < 0x20 || *text == 0x7F)
            *text = '?';
}

static int read_card(struct tl_json *json, struct tl_hub_repository *repository)
{
    char licence[96] = "", name[96] = "";
    int r = tl_json_next(json);
    if (r >= 0 && r != TL_JSON_OBJECT)
        return tl_json_skip(json);
    while (r >= 0 && (r = tl_json_next(json)) == TL_JSON_KEY) {
        bool is_licence = tl_json_is(json, "license"), is_name = tl_json_is(json, "license_name");
        r = is_licence || is_name ? take_text(json, is_name ? name : licence, sizeof licence) : tl_json_skip(json);
    }
    if (r >= 0 && (name[0] || licence[0]))
        snprintf(repository->licence, sizeof repository->licence, "%s", name[0] && strcmp(licence, "other") == 0 ? name : licence);
    return r;
}

static int read_gated(struct tl_json *json, bool *ret_gated)
{
    int r = tl_json_next(json);                      /* false, "auto" or "manual" */
    *ret_gated = r == TL_JSON_TRUE || r == TL_JSON_STRING;
    return r < 0 ? r : tl_json_skip(json);
}

static int read_tags(struct tl_json *json, struct tl_hub_repository *repository)
{
    static const char mark[] = "license:";
    int r = tl_json_next(json);
    if (r >= 0 && r != TL_JSON_ARRAY)
        return tl_json_skip(json);
    while (r >= 0 && (r = tl_json_next(json)) >= 0 && r != TL_JSON_ARRAY_END) {
        const struct tl_buffer *string = &json->string;
        if (r == TL_JSON_STRING && !repository->licence[0] && string->len > sizeof mark && string->len < sizeof repository->licence &&
            memcmp(string->data, mark, sizeof mark - 1) == 0)
            snprintf(repository->licence, sizeof repository->licence, "%s", string->data + sizeof mark - 1);
        else if (r == TL_JSON_OBJECT || r == TL_JSON_ARRAY)
            r = tl_json_skip(json);
    }
    return r;
}

int tl_hub_read_info(const char *source, const char *text, size_t n_bytes, struct tl_hub_repository *repository)
{
    struct tl_json json;
    TL_AUTO char *commit = NULL;
    tl_json_init(&json, source, text, n_bytes);
    int r = tl_json_next(&json);
    if (r >= 0 && r != TL_JSON_OBJECT)
        r = tl_json_fail(&json, "an object");
    while (r >= 0 && (r = tl_json_next(&json)) == TL_JSON_KEY) {
        if (tl_json_is(&json, "sha") && !commit)
            r = tl_json_text(&json, &commit);
        else if (tl_json_is(&json, "gated"))
            r = read_gated(&json, &repository->gated);
        else if (tl_json_is(&json, "cardData"))
            r = read_card(&json, repository);
        else
            r = tl_json_is(&json, "tags") ? read_tags(&json, repository) : tl_json_skip(&json);
    }
    if (r >= 0)
        r = tl_json_next(&json);
    tl_json_done(&json);
    if (r < 0)
        return r;
    if (!commit || !tl_pull_is_hex(commit, TL_COMMIT_DIGITS))
        return tl_fail(TL_E_FILE, "%s: the hub names no commit of %d digits", source, TL_COMMIT_DIGITS);
    memcpy(repository->commit, commit, TL_COMMIT_DIGITS + 1);
    make_plain(repository->licence);
    return 0;
}

/* --- its files ---------------------------------------------------------------------------------------------------- */

struct entry { char *path, *type, *oid, *large_oid; uint64_t bytes, large_bytes; bool is_large; };

static void entry_done(struct entry *entry)
{
    tl_free(entry->path);
    tl_free(entry->type);
    tl_free(entry->oid);
    tl_free(entry->large_oid);
}

static int take_once(struct tl_json *json, char **text)
{
    tl_free(*text);
    *text = NULL;
    return tl_json_text(json, text);
}

/* {"oid": SHA-256, "size": N, "pointerSize": N}, or null. */
static int read_large(struct tl_json *json, struct entry *entry)
{
    int r = tl_json_next(json);
    if (r >= 0 && r != TL_JSON_OBJECT)
        return tl_json_skip(json);
    entry->is_large = true;
    while (r >= 0 && (r = tl_json_next(json)) == TL_JSON_KEY) {
        if (tl_json_is(json, "oid"))
            r = take_once(json, &entry->large_oid);
        else
            r = tl_json_is(json, "size") ? tl_json_u64(json, TL_PART_MAX_BYTES, &entry->large_bytes) : tl_json_skip(json);
    }
    return r;
}

static int keep_file(const char *source, const struct entry *entry, struct tl_hub_repository *repository)
{
    const char *oid = entry->is_large ? entry->large_oid : entry->oid;
    if (!entry->type || strcmp(entry->type, "file") != 0)
        return 0;
    if (!entry->path || !tl_pull_path_is_good(entry->path))
        return tl_fail(TL_E_FILE, "%s: the hub lists a file named %.200s, which leads out of its folder or cannot be written", source,
                       entry->path ? entry->path : "by nothing");
    if (!oid || !tl_content_is_hash(oid) || (entry->is_large && strlen(oid) != TL_CONTENT_HEX))
        return tl_fail(TL_E_FILE, "%s: the hub says no hash of %.200s", source, entry->path);
    if (repository->n_files == MAX_FILES)
        return tl_fail(TL_E_FILE, "%s: more than %d files", source, MAX_FILES);
    int r = tl_grow((void **)&repository->files, repository->n_files, &repository->cap, sizeof *repository->files);
    char *path = r < 0 ? NULL : tl_strdup(entry->path);
    if (!path)
        return TL_E_NOMEM;
    struct tl_hub_file *file = &repository->files[repository->n_files++];
    *file = (struct tl_hub_file){.path = path, .bytes = entry->is_large ? entry->large_bytes : entry->bytes};
    memcpy(file->hash, oid, strlen(oid) + 1);
    return 0;
}

static int read_entry(const char *source, struct tl_json *json, struct tl_hub_repository *repository)
{
    struct entry entry = {0};
    int r;
    while ((r = tl_json_next(json)) == TL_JSON_KEY) {
        if (tl_json_is(json, "path"))
            r = take_once(json, &entry.path);
        else if (tl_json_is(json, "type"))
            r = take_once(json, &entry.type);
        else if (tl_json_is(json, "oid"))
            r = take_once(json, &entry.oid);
        else if (tl_json_is(json, "size"))
            r = tl_json_u64(json, TL_PART_MAX_BYTES, &entry.bytes);
        else
            r = tl_json_is(json, "lfs") ? read_large(json, &entry) : tl_json_skip(json);
        if (r < 0)
            break;
    }
    if (r >= 0)
        r = keep_file(source, &entry, repository);
    entry_done(&entry);
    return r;
}

int tl_hub_read_tree(const char *source, const char *text, size_t n_bytes, struct tl_hub_repository *repository)
{
    struct tl_json json;
    tl_json_init(&json, source, text, n_bytes);
    int r = tl_json_next(&json);
    if (r >= 0 && r != TL_JSON_ARRAY)
        r = tl_json_fail(&json, "a list of files");
    while (r >= 0 && (r = tl_json_next(&json)) == TL_JSON_OBJECT)
        r = read_entry(source, &json, repository);
    if (r >= 0 && r != TL_JSON_ARRAY_END)
        r = tl_json_fail(&json, "a file");
    if (r >= 0)
        r = tl_json_next(&json);
    tl_json_done(&json);
    return r < 0 ? r : 0;
}
