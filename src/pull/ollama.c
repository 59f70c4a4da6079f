/* SPDX-License-Identifier: MIT */
/* Reads ollama's store: manifests/HOST/OWNER/NAME/TAG is a list of layers in JSON, one of which is the model, a GGUF file at
 * blobs/sha256-DIGITS. Of the other layers, its own template among them, nothing is used: the GGUF has one. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/array.h"
#include "base/buffer.h"
#include "base/error.h"
#include "base/file.h"
#include "base/json.h"
#include "base/memory.h"
#include "base/text.h"
#include "pull/cache.h"
#include "pull/folders.h"
#include "pull/gitid.h"
#include "pull/name.h"

enum { PART_BYTES = 128, MANIFEST_BYTES = 1 << 20, CHOICES = 24 };

static const char usual_host[] = "registry.ollama.ai", usual_owner[] = "library", usual_tag[] = "latest";

struct name { char host[PART_BYTES], owner[PART_BYTES], name[PART_BYTES], tag[PART_BYTES]; };

/* --- names -------------------------------------------------------------------------------------------------------- */

static bool keep_part(char to[PART_BYTES], const char *from, size_t n)
{
    if (n == 0 || n >= PART_BYTES || from[0] == '.')
        return false;
    for (size_t i = 0; i < n; i++)
        if ((unsigned char)from[i] <= 0x20 || from[i] == 0x7F || strchr("/\\:@*?", from[i]))
            return false;
    memcpy(to, from, n);
    to[n] = 0;
    return true;
}

/* [[HOST/]OWNER/]NAME[:TAG]; an empty tag where none is said. */
static bool parse(const char *text, struct name *name)
{
    const char *parts[3];
    size_t n = 0, lengths[3];
    *name = (struct name){0};
    for (const char *at = text;; at++) {
        if (n == TL_COUNT(parts))
            return false;
        parts[n] = at;
        lengths[n++] = strcspn(at, "/:");
        at += lengths[n - 1];
        if (*at != '/') {
            if (*at == ':' && !keep_part(name->tag, at + 1, strlen(at + 1)))
                return false;
            break;
        }
    }
    snprintf(name->host, sizeof name->host, "%s", usual_host);
    snprintf(name->owner, sizeof name->owner, "%s", usual_owner);
    return keep_part(name->name, parts[n - 1], lengths[n - 1]) && (n < 2 || keep_part(name->owner, parts[n - 2], lengths[n - 2])) &&
           (n < 3 || keep_part(name->host, parts[0], lengths[0]));
}

static char *manifest_path(const char *store, const struct name *name, const char *tag)
{
    struct tl_buffer path;
    tl_buffer_init(&path, 0);
    tl_buffer_printf(&path, "%s/manifests/%s/%s/%s%s%s", store, name->host, name->owner, name->name, *tag ? "/" : "", tag);
    char *text = tl_buffer_take(&path, NULL);
    tl_buffer_done(&path);
    return text;
}

/* --- manifests ---------------------------------------------------------------------------------------------------- */

struct layer { char *kind, *digest; uint64_t bytes; };

static int take_text(struct tl_json *json, char **text)
{
    tl_free(*text);
    *text = NULL;
    return tl_json_text(json, text);
}

static int read_layer(struct tl_json *json, struct layer *layer)
{
    int r;
    while ((r = tl_json_next(json)) == TL_JSON_KEY) {
        if (tl_json_is(json, "mediaType"))
            r = take_text(json, &layer->kind);
        else if (tl_json_is(json, "digest"))
            r = take_text(json, &layer->digest);
        else
            r = tl_json_is(json, "size") ? tl_json_u64(json, INT64_MAX, &layer->bytes) : tl_json_skip(json);
        if (r < 0)
            return r;
    }
    return r;
}

/* The model's layer: "sha256:DIGITS" becomes the digits. */
static int read_layers(struct tl_json *json, char ret_digits[TL_CONTENT_HEX + 1], uint64_t *ret_bytes)
{
    int r = tl_json_next(json);
    if (r >= 0 && r != TL_JSON_ARRAY)
        return tl_json_fail(json, "a list of layers");
    while (r >= 0 && (r = tl_json_next(json)) == TL_JSON_OBJECT) {
        struct layer layer = {0};
        r = read_layer(json, &layer);
        if (r >= 0 && layer.kind && strcmp(layer.kind, "application/vnd.ollama.image.model") == 0 && layer.digest &&
            tl_text_begins(layer.digest, "sha256:") && tl_pull_is_hex(layer.digest + 7, TL_CONTENT_HEX) && !ret_digits[0]) {
            memcpy(ret_digits, layer.digest + 7, TL_CONTENT_HEX + 1);
            *ret_bytes = layer.bytes;
        }
        tl_free(layer.kind);
        tl_free(layer.digest);
    }
    return r;
}

static int read_manifest(const char *path, const char *text, size_t n_bytes, char ret_digits[TL_CONTENT_HEX + 1], uint64_t *ret_bytes)
{
    struct tl_json json;
    ret_digits[0] = 0;
    tl_json_init(&json, path, text, n_bytes);
    int r = tl_json_next(&json);
    if (r >= 0 && r != TL_JSON_OBJECT)
        r = tl_json_fail(&json, "an object");
    while (r >= 0 && (r = tl_json_next(&json)) == TL_JSON_KEY)
        r = tl_json_is(&json, "layers") ? read_layers(&json, ret_digits, ret_bytes) : tl_json_skip(&json);
    tl_json_done(&json);
    if (r >= 0 && !ret_digits[0])
        r = tl_fail(TL_E_FILE, "%s: names no model in GGUF", path);
    return r < 0 ? r : 0;
}

/* The model's file by its manifest; fails where it is not there. */
static int follow(const char *store, const char *path, char **ret_blob, uint64_t *ret_bytes)
{
    TL_AUTO char *text = NULL;
    char digits[TL_CONTENT_HEX + 1];
    size_t n = 0;
    int r = tl_file_slurp(path, MANIFEST_BYTES, &text, &n);
    if (r >= 0)
        r = read_manifest(path, text, n, digits, ret_bytes);
    if (r < 0)
        return r;
    struct tl_buffer blob;
    tl_buffer_init(&blob, 0);
    tl_buffer_printf(&blob, "%s/blobs/sha256-%s", store, digits);
    char *file = tl_buffer_take(&blob, NULL);
    tl_buffer_done(&blob);
    if (!file)
        return TL_E_NOMEM;
    if (!tl_file_exists(file)) {
        r = tl_fail(TL_E_FILE, "%s: its model, %s, is not there", path, file);
        tl_free(file);
        return r;
    }
    *ret_blob = file;
    return 0;
}

/* --- finding ------------------------------------------------------------------------------------------------------ */

/* Where no tag is said: latest, or the only one. 1, 0 where there is none. */
static int find_tag(const char *store, const char *text, struct name *name)
{
    TL_AUTO char *folder = manifest_path(store, name, "");
    TL_AUTO char *latest = manifest_path(store, name, usual_tag);
    struct tl_folder_entries tags = {0};
    if (!folder || !latest)
        return TL_E_NOMEM;
    snprintf(name->tag, sizeof name->tag, "%s", usual_tag);
    if (tl_file_exists(latest))
        return 1;
    int r = tl_folder_entries_read(folder, false, &tags);
    if (r >= 0 && tags.n == 1) {
        r = snprintf(name->tag, sizeof name->tag, "%.120s", tags.rows[0].path) > 0;
    } else if (r >= 0 && tags.n > 1) {
        struct tl_buffer words;
        tl_buffer_init(&words, 0);
        for (uint64_t i = 0; i < tags.n && i < CHOICES; i++)
            tl_buffer_printf(&words, "%s%s", i ? ", " : "", tags.rows[i].path);
        r = words.status < 0 ? words.status : tl_fail(TL_E_USAGE, "%s: say which tag behind a colon; there are %s", text, words.data);
        tl_buffer_done(&words);
    } else if (r >= 0) {
        r = 0;
    }
    tl_folder_entries_done(&tags);
    return r;
}

int tl_ollama_find(const char *store, const char *text, char **ret_path)
{
    struct name name;
    uint64_t bytes = 0;
    if (!parse(text, &name))
        return 0;
    int r = name.tag[0] ? 1 : find_tag(store, text, &name);
    TL_AUTO char *path = r > 0 ? manifest_path(store, &name, name.tag) : NULL;
    if (r <= 0 || !path)
        return r < 0 ? r : r == 0 ? 0 : TL_E_NOMEM;
    if (!tl_file_exists(path))
        return 0;
    r = follow(store, path, ret_path, &bytes);
    return r < 0 ? r : 1;
}

/* --- listing ------------------------------------------------------------------------------------------------------ */

/* HOST/OWNER/NAME/TAG, as people say it. */
static int say(const char *path, struct tl_buffer *name)
{
    const char *owner = strchr(path, '/'), *model = owner ? strchr(owner + 1, '/') : NULL, *tag = model ? strchr(model + 1, '/') : NULL;
    if (!tag || strchr(tag + 1, '/'))
        return 0;
    const char *from = path;
    if ((size_t)(owner - path) == strlen(usual_host) && tl_text_begins(path, usual_host))
        from = (size_t)(model - owner - 1) == strlen(usual_owner) && tl_text_begins(owner + 1, usual_owner) ? model + 1 : owner + 1;
    tl_buffer_printf(name, "%.*s:%s", (int)(tag - from), from, tag + 1);
    return name->status < 0 ? name->status : 1;
}

int tl_ollama_list(const char *store, int (*each)(void *context, const struct tl_at_hand *model), void *context)
{
    TL_AUTO char *folder = tl_file_join(store, "manifests");
    struct tl_folder_entries tags = {0};
    int r = folder ? tl_folder_entries_walk(folder, &tags) : TL_E_NOMEM;
    for (uint64_t i = 0; i < tags.n && r >= 0; i++) {
        TL_AUTO char *path = tl_file_join(folder, tags.rows[i].path), *blob = NULL;
        struct tl_buffer name;
        uint64_t bytes = 0;
        tl_buffer_init(&name, 0);
        r = path ? say(tags.rows[i].path, &name) : TL_E_NOMEM;
        if (r > 0 && follow(store, path, &blob, &bytes) >= 0)
            r = each(context, &(struct tl_at_hand){name.data, blob, "ollama", bytes});
        tl_buffer_done(&name);
    }
    tl_folder_entries_done(&tags);
    return r < 0 ? r : 0;
}
