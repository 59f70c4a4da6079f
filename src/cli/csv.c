/* SPDX-License-Identifier: MIT */
/* One pass over the document; the names are kept to be compared with those of each later object. */
#include "cli/csv.h"

#include <stdbool.h>
#include <string.h>

#include "base/error.h"
#include "base/json.h"

struct table {
    struct tl_json json;
    struct tl_buffer names, line;        /* of the first object; of the one at hand */
    bool first;
    struct tl_buffer *out;
};

static void put_text(struct tl_buffer *out, const char *text, size_t n_bytes)
{
    bool quoted = false;
    for (size_t i = 0; i < n_bytes; i++)
        quoted |= text[i] == ',' || text[i] == '"' || text[i] == '\n' || text[i] == '\r' || text[i] == 0;
    if (!quoted) {
        tl_buffer_append(out, text, n_bytes);
        return;
    }
    tl_buffer_append(out, "\"", 1);
    for (size_t i = 0; i < n_bytes; i++) {
        tl_buffer_append(out, text[i] ? &text[i] : " ", 1);
        tl_buffer_append(out, "\"", text[i] == '"');
    }
    tl_buffer_append(out, "\"", 1);
}

static int put_value(struct table *t)
{
    struct tl_json *json = &t->json;
    int r = tl_json_next(json);
    if (r == TL_JSON_STRING)
        put_text(&t->line, json->string.data ? json->string.data : "", json->string.len);
    else if (r == TL_JSON_NUMBER)
        tl_buffer_append(&t->line, json->raw, json->raw_bytes);
    else if (r == TL_JSON_TRUE || r == TL_JSON_FALSE)
        tl_buffer_printf(&t->line, r == TL_JSON_TRUE ? "true" : "false");
    else if (r == TL_JSON_OBJECT || r == TL_JSON_ARRAY)
        r = tl_json_skip(json);
    return r;
}

/* The name of member `at` stands at *offset of the names. */
static bool same_name(const struct table *t, size_t *offset)
{
    const struct tl_buffer *name = &t->json.string;
    size_t n = name->len + 1;
    bool same = *offset + n <= t->names.len && memcmp(t->names.data + *offset, name->data ? name->data : "", name->len) == 0 &&
                t->names.data[*offset + name->len] == 0;
    *offset += n;
    return same;
}

static int put_object(struct table *t)
{
    struct tl_json *json = &t->json;
    size_t offset = 0;
    int r = 0;
    tl_buffer_clear(&t->line);
    for (bool first = true; r >= 0 && (r = tl_json_next(json)) == TL_JSON_KEY; first = false) {
        if (t->first) {
            tl_buffer_append(&t->names, json->string.data ? json->string.data : "", json->string.len);
            tl_buffer_append(&t->names, "", 1);
            tl_buffer_append(t->out, ",", !first);
            put_text(t->out, json->string.data ? json->string.data : "", json->string.len);
        } else if (!same_name(t, &offset)) {
            return tl_json_fail(json, "the members of the first object");
        }
        tl_buffer_append(&t->line, ",", !first);
        r = put_value(t);
    }
    if (r >= 0 && !t->first && offset != t->names.len)
        return tl_json_fail(json, "all members of the first object");
    tl_buffer_append(t->out, "\r\n", t->first ? 2 : 0);
    tl_buffer_append(t->out, t->line.data ? t->line.data : "", t->line.len);
    tl_buffer_append(t->out, "\r\n", 2);
    t->first = false;
    return r < 0 ? r : t->line.status < 0 ? t->line.status : t->names.status;
}

static int put_list(struct table *t)
{
    int r = tl_json_next(&t->json);
    if (r >= 0 && r != TL_JSON_ARRAY)
        return tl_json_fail(&t->json, "a list");
    while (r >= 0 && (r = tl_json_next(&t->json)) == TL_JSON_OBJECT)
        r = put_object(t);
    return r >= 0 && r != TL_JSON_ARRAY_END ? tl_json_fail(&t->json, "an object") : r;
}

int tl_csv_from_json(const char *text, const char *list, struct tl_buffer *out)
{
    struct table t = {.first = true, .out = out};
    tl_json_init(&t.json, "the report", text, strlen(text));
    tl_buffer_init(&t.names, 0);
    tl_buffer_init(&t.line, 0);
    int r = tl_json_next(&t.json);
    if (r >= 0 && r != TL_JSON_OBJECT)
        r = tl_json_fail(&t.json, "an object");
    while (r >= 0 && (r = tl_json_next(&t.json)) == TL_JSON_KEY)
        r = tl_json_is(&t.json, list) ? put_list(&t) : tl_json_skip(&t.json);
    tl_json_done(&t.json);
    tl_buffer_done(&t.names);
    tl_buffer_done(&t.line);
    return r < 0 ? r : out->status;
}
