/* SPDX-License-Identifier: MIT */
/* Reads a document depth first; the path so far is one buffer, cut back where an object or a list ends. */
#include "cli/flat.h"

#include <inttypes.h>
#include <string.h>

#include "base/error.h"
#include "base/json.h"
#include "base/memory.h"
#include "base/parse.h"

struct level { size_t n_path; bool list; uint64_t index; };

struct reader {
    struct tl_json json;
    struct tl_buffer path;
    struct level level[TL_JSON_DEPTH + 1];
    unsigned depth;
    struct tl_flat *flat;
};

static void name(struct reader *r, const char *key, size_t n_bytes)
{
    r->path.len = r->level[r->depth].n_path;
    tl_buffer_append(&r->path, ".", r->path.len > 0);
    tl_buffer_append(&r->path, key, n_bytes);
}

static int add(struct reader *r, const char *text, size_t n_text, double number)
{
    struct tl_flat *f = r->flat;
    if (r->path.status < 0 || tl_grow((void **)&f->rows, f->n_rows, &f->cap_rows, sizeof(*f->rows)) < 0)
        return TL_E_NOMEM;
    struct tl_flat_row row = {.path = tl_strndup(r->path.data ? r->path.data : "", r->path.len), .number = number};
    row.text = text ? tl_strndup(text, n_text) : NULL;
    f->rows[f->n_rows++] = row;
    return row.path && (row.text || !text) ? 0 : TL_E_NOMEM;
}

static int enter(struct reader *r, bool list)
{
    r->level[++r->depth] = (struct level){r->path.len, list, 0};
    return 0;
}

static int take(struct reader *r, int event)
{
    const struct tl_json *json = &r->json;
    double number = 0;
    switch (event) {
    case TL_JSON_OBJECT:
    case TL_JSON_ARRAY:
        return enter(r, event == TL_JSON_ARRAY);
    case TL_JSON_OBJECT_END:
    case TL_JSON_ARRAY_END:
        r->path.len = r->level[r->depth--].n_path;
        return 0;
    case TL_JSON_KEY:
        name(r, json->string.data, json->string.len);
        return 0;
    case TL_JSON_STRING:
        return add(r, json->string.data, json->string.len, 0);
    case TL_JSON_NUMBER:
        return tl_parse_f64(json->raw, json->raw_bytes, &number) ? add(r, NULL, 0, number) : 0;
    case TL_JSON_NULL:
        return 0;
    default:
        return add(r, NULL, 0, event == TL_JSON_TRUE);
    }
}

static void number_item(struct reader *r, int event)
{
    struct level *level = &r->level[r->depth];
    char index[24];
    if (!level->list || event == TL_JSON_ARRAY_END)
        return;
    struct tl_buffer text;
    tl_buffer_init(&text, sizeof(index));
    tl_buffer_printf(&text, "%" PRIu64, level->index++);
    name(r, text.data ? text.data : "", text.len);
    tl_buffer_done(&text);
}

int tl_flat_read(const char *document, const char *json, struct tl_flat *ret_flat)
{
    struct tl_flat flat = {0};
    struct reader r = {.flat = &flat};
    tl_buffer_init(&r.path, 0);
    tl_json_init(&r.json, document, json, strlen(json));
    int status;
    while ((status = tl_json_next(&r.json)) > TL_JSON_END) {
        number_item(&r, status);
        status = take(&r, status);
        if (status < 0)
            break;
    }
    tl_json_done(&r.json);
    tl_buffer_done(&r.path);
    if (status < 0) {
        tl_flat_done(&flat);
        return status;
    }
    *ret_flat = flat;
    return 0;
}

void tl_flat_done(struct tl_flat *flat)
{
    for (uint64_t i = 0; i < flat->n_rows; i++) {
        tl_free(flat->rows[i].path);
        tl_free(flat->rows[i].text);
    }
    tl_free(flat->rows);
    *flat = (struct tl_flat){0};
}

static const struct tl_flat_row *find(const struct tl_flat *flat, const char *prefix, const char *path)
{
    size_t n = strlen(prefix);
    for (uint64_t i = 0; i < flat->n_rows; i++)
        if (strncmp(flat->rows[i].path, prefix, n) == 0 && strcmp(flat->rows[i].path + n, path) == 0)
            return &flat->rows[i];
    return NULL;
}

double tl_flat_number(const struct tl_flat *flat, const char *prefix, const char *path)
{
    const struct tl_flat_row *row = find(flat, prefix, path);
    return row ? row->number : 0;
}

const char *tl_flat_text(const struct tl_flat *flat, const char *prefix, const char *path)
{
    const struct tl_flat_row *row = find(flat, prefix, path);
    return row && row->text ? row->text : "";
}

bool tl_flat_has(const struct tl_flat *flat, const char *prefix, const char *path) { return find(flat, prefix, path) != NULL; }

const struct tl_flat_row *tl_flat_next(const struct tl_flat *flat, const char *prefix, const char *path, uint64_t *at, const char **ret_tail)
{
    size_t n = strlen(prefix), m = strlen(path);
    for (; *at < flat->n_rows; ++*at) {
        const struct tl_flat_row *row = &flat->rows[*at];
        if (strncmp(row->path, prefix, n) != 0 || strncmp(row->path + n, path, m) != 0 || row->path[n + m] != '.')
            continue;
        ++*at;
        *ret_tail = row->path + n + m + 1;
        return row;
    }
    return NULL;
}
