/* SPDX-License-Identifier: MIT */
/* The walk over a request that is rewritten, and the names in its failures. */
#include "wire/translate.h"

#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"

int tl_translate_key(struct tl_buffer *out, const char *name)
{
    char last = out->len ? out->data[out->len - 1] : '{';
    tl_buffer_append(out, ",", last != '{' && last != '[');
    tl_buffer_json_string(out, name, strlen(name));
    return tl_buffer_append(out, ":", 1);
}

/* --- values ----------------------------------------------------------------------------------------------------------------- */

int tl_translate_as_is(struct tl_translation *t, const struct tl_translated *field)
{
    tl_translate_key(&t->out, field->chat);
    return tl_openai_raw(&t->json, &t->out);
}

int tl_translate_ignored(struct tl_translation *t, const struct tl_translated *field)
{
    (void)field;
    return tl_json_skip(&t->json);
}

int tl_translate_refused(struct tl_translation *t, const struct tl_translated *field)
{
    (void)t;
    return tl_fail(TL_E_USAGE, "%s %s", field->name, field->reason);
}

int tl_translate_unused(struct tl_translation *t, const struct tl_translated *field)
{
    struct tl_json *json = &t->json;
    int r = tl_json_next(json);
    bool unused = r == TL_JSON_FALSE || (r == TL_JSON_STRING && !json->string.len) || (r == TL_JSON_NUMBER && json->raw_bytes == 1 && *json->raw == '0');
    if (r == TL_JSON_OBJECT || r == TL_JSON_ARRAY) {
        int end = r == TL_JSON_OBJECT ? TL_JSON_OBJECT_END : TL_JSON_ARRAY_END;
        r = tl_json_next(json);
        unused = r == end;
    }
    return r < 0 ? r : unused ? 0 : tl_fail(TL_E_USAGE, "%s %s", field->name, field->reason);
}

/* --- the walk --------------------------------------------------------------------------------------------------------------- */

struct walk { const struct tl_translated *field; size_t n; struct tl_said *said; };

static int take_field(struct tl_translation *t, struct walk *walk)
{
    struct tl_json *json = &t->json;
    size_t i = 0;
    while (i < walk->n && !tl_json_is(json, walk->field[i].name))
        i++;
    snprintf(t->request->param, sizeof t->request->param, "%s", json->string.data);
    if (i == walk->n) {
        tl_buffer_append(&t->out, ",", t->out.len > 1);
        tl_buffer_json_string(&t->out, json->string.data, json->string.len);
        tl_buffer_append(&t->out, ":", 1);
        return tl_openai_raw(json, &t->out);
    }
    const struct tl_translated *field = &walk->field[i];
    if (walk->said[i].text)
        return tl_fail(TL_E_USAGE, "%s: said twice", field->name);
    if (tl_openai_next_is(json, 'n'))
        return tl_json_skip(json);
    struct tl_said *said = &walk->said[i];
    said->text = tl_openai_value_at(json);
    int r = field->take(t, field);
    said->n_bytes = (size_t)(json->at - said->text);
    return r == TL_E_FILE ? tl_fail_in(r, "%s", field->name) : r;
}

/* The client's field of a chat's: one that was said, else the first. */
static const struct tl_translated *field_of(const struct walk *walk, const char *chat)
{
    const struct tl_translated *first = NULL;
    for (size_t i = 0; i < walk->n; i++) {
        if (!walk->field[i].chat || strcmp(chat, walk->field[i].chat) != 0)
            continue;
        if (walk->said[i].text)
            return &walk->field[i];
        first = first ? first : &walk->field[i];
    }
    return first;
}

/* The chat's name of a field, in what failed, becomes the client's. */
static void rename_field(struct tl_openai_request *request, int status, const struct walk *walk)
{
    const struct tl_translated *field = field_of(walk, request->param);
    const char *text = tl_error_text();
    size_t n = field ? strlen(field->chat) : 0;
    char rest[512];
    if (!field)
        return;
    snprintf(request->param, sizeof request->param, "%s", field->name);
    if (strncmp(text, field->chat, n) != 0 || (text[n] != ':' && text[n] != ' '))
        return;
    snprintf(rest, sizeof rest, "%s", text + n);
    tl_fail(status, "%s%s", field->name, rest);
}

static int read_body(struct tl_translation *t, const char *where, struct walk *walk)
{
    int r = tl_json_next(&t->json);
    if (r >= 0 && r != TL_JSON_OBJECT)
        r = tl_fail(TL_E_USAGE, "%s: expected an object", where);
    while (r >= 0 && (r = tl_json_next(&t->json)) == TL_JSON_KEY)
        if ((r = take_field(t, walk)) >= 0)
            t->request->param[0] = 0;
    return r < 0 ? r : tl_json_next(&t->json);
}

int tl_translate(struct tl_openai_request *request, const char *where, const char *text, size_t n_bytes, const struct tl_translated *fields,
                 size_t n_fields, int (*finish)(struct tl_translation *t), void *own)
{
    struct tl_translation t = {.request = request, .own = own};
    struct walk walk = {.field = fields, .n = n_fields, .said = t.said};
    tl_buffer_init(&t.out, 0);
    tl_buffer_append(&t.out, "{", 1);
    request->kind = TL_OPENAI_CHAT;
    request->param[0] = 0;
    tl_json_init(&t.json, where, text, n_bytes);
    int r = read_body(&t, where, &walk);
    tl_json_done(&t.json);
    if (r >= 0)
        r = finish(&t);
    tl_buffer_append(&t.out, "}", 1);
    if (r >= 0)
        r = t.out.status;
    if (r >= 0 && (r = tl_openai_read(request, TL_OPENAI_CHAT, where, t.out.data, t.out.len)) < 0)
        rename_field(request, r, &walk);
    tl_buffer_done(&t.out);
    return r < 0 ? r : 0;
}
