/* SPDX-License-Identifier: MIT */
/* The fields of a request by their rows: found, said once, of the right kind of request. */
#include "wire/openai_fields.h"

#include <stdio.h>
#include <string.h>

#include "base/array.h"
#include "base/error.h"
#include "base/option.h"

static const struct tl_openai_field fields[] = {
#define READ(name, kinds, how, member, min, max) \
    {#name, TL_OPENAI_##kinds, tl_openai_take_##how, offsetof(struct tl_openai_request, member), min, max, NULL},
#define IGNORE(name, kinds) {#name, TL_OPENAI_##kinds, tl_openai_take_ignored, 0, 0, 0, NULL},
#define REFUSE(name, kinds, reason) {#name, TL_OPENAI_##kinds, tl_openai_take_refused, 0, 0, 0, reason},
#define UNLESS(name, kinds, value) {#name, TL_OPENAI_##kinds, tl_openai_take_neutral, 0, value, value, NULL},
#include "wire/openai_fields.def"
#undef READ
#undef IGNORE
#undef REFUSE
#undef UNLESS
};

enum { N_FIELDS = TL_COUNT(fields) };
_Static_assert((int)N_FIELDS <= (int)TL_OPENAI_FIELDS, "room for all");

static int fail_unknown(const struct tl_json *json)
{
    const char *names[N_FIELDS], *nearest;
    for (size_t i = 0; i < N_FIELDS; i++)
        names[i] = fields[i].name;
    nearest = strlen(json->string.data) == json->string.len ? tl_option_nearest(json->string.data, names, N_FIELDS) : NULL;
    if (nearest)
        return tl_fail(TL_E_USAGE, "%.60s: a field that is not known; is %s meant?", json->string.data, nearest);
    return tl_fail(TL_E_USAGE, "%.60s: a field that is not known", json->string.data);
}

static const char *kind_name(unsigned kinds)
{
    return kinds & TL_OPENAI_CHAT ? "chats" : kinds & TL_OPENAI_COMPLETION ? "completions" : "embeddings";
}

int tl_openai_field_read(struct tl_openai_reader *reader)
{
    struct tl_openai_request *request = reader->request;
    struct tl_json *json = &reader->json;
    size_t i = 0;
    while (i < N_FIELDS && !tl_json_is(json, fields[i].name))
        i++;
    snprintf(request->param, sizeof request->param, "%s", json->string.data);
    bool null = tl_openai_next_is(json, 'n');
    if (i == N_FIELDS && !null)
        return fail_unknown(json);
    if (i < N_FIELDS && reader->seen[i])
        return tl_fail(TL_E_USAGE, "%s: said twice", fields[i].name);
    if (null)
        return tl_json_skip(json);
    reader->seen[i] = true;
    if (!(fields[i].kinds & request->kind))
        return tl_fail(TL_E_USAGE, "%s: a field of %s, not of %s", fields[i].name, kind_name(fields[i].kinds), kind_name(request->kind));
    int r = fields[i].take(reader, &fields[i]);
    return r == TL_E_FILE ? tl_fail_in(r, "%s", fields[i].name) : r;
}
