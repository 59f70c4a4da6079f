/* SPDX-License-Identifier: MIT */
/* The fields of a request by their rows: each value is checked against its row where it is read. */
#include "wire/openai_fields.h"

#include <stdio.h>
#include <string.h>

#include "base/array.h"
#include "base/error.h"
#include "base/memory.h"
#include "base/option.h"
#include "base/parse.h"
#include "wire/openai_lists.h"

struct field {
    const char *name;
    unsigned kinds;
    int (*take)(struct tl_openai_reader *reader, const struct field *field);
    size_t at;
    double min, max;
    const char *reason;                  /* why it is refused */
};

static void *member(struct tl_openai_reader *reader, const struct field *field) { return (char *)reader->request + field->at; }

/* --- plain values ----------------------------------------------------------------------------------------------------------- */

static int take_ignored(struct tl_openai_reader *reader, const struct field *field)
{
    (void)field;
    return tl_json_skip(&reader->json);
}

static int take_refused(struct tl_openai_reader *reader, const struct field *field)
{
    (void)reader;
    return tl_fail(TL_E_USAGE, "%s %s", field->name, field->reason);
}

static int take_text(struct tl_openai_reader *reader, const struct field *field)
{
    char *text, **slot = member(reader, field);
    int r = tl_json_text(&reader->json, &text);
    if (r < 0)
        return r;
    tl_free(*slot);
    *slot = text;
    return 0;
}

static int check_range(const struct field *field, double value)
{
    if (value >= field->min && value <= field->max)
        return 0;
    return tl_fail(TL_E_USAGE, "%s: expected a number from %.10g to %.10g, found %.10g", field->name, field->min, field->max, value);
}

static int take_number(struct tl_openai_reader *reader, const struct field *field)
{
    double value;
    int r = tl_json_f64(&reader->json, &value);
    if (r < 0 || (r = check_range(field, value)) < 0)
        return r;
    *(float *)member(reader, field) = (float)value;
    return 0;
}

static int take_whole(struct tl_openai_reader *reader, const struct field *field)
{
    return tl_json_i64(&reader->json, (int64_t)field->min, (int64_t)field->max, member(reader, field));
}

static int take_count(struct tl_openai_reader *reader, const struct field *field)
{
    int64_t value;
    int r = tl_json_i64(&reader->json, (int64_t)field->min, (int64_t)field->max, &value);
    if (r >= 0)
        *(uint32_t *)member(reader, field) = (uint32_t)value;
    return r;
}

/* -1, as some write it, is off like 0. */
static int take_top_k(struct tl_openai_reader *reader, const struct field *field)
{
    int64_t value;
    int r = tl_json_i64(&reader->json, (int64_t)field->min, (int64_t)field->max, &value);
    if (r >= 0)
        *(uint32_t *)member(reader, field) = value < 0 ? 0 : (uint32_t)value;
    return r;
}

static int take_seed(struct tl_openai_reader *reader, const struct field *field)
{
    int64_t value;
    int r = tl_json_i64(&reader->json, INT64_MIN, INT64_MAX, &value);
    if (r >= 0)
        *(uint64_t *)member(reader, field) = (uint64_t)value;
    return r;
}

static int take_flag(struct tl_openai_reader *reader, const struct field *field)
{
    return tl_json_bool(&reader->json, member(reader, field));
}

static int take_skip(struct tl_openai_reader *reader, const struct field *field)
{
    bool skip;
    int r = tl_json_bool(&reader->json, &skip);
    if (r >= 0)
        *(bool *)member(reader, field) = !skip;
    return r;
}

/* Of a chat true or false, of a completion how many alternatives. */
static int take_logprobs(struct tl_openai_reader *reader, const struct field *field)
{
    struct tl_openai_request *request = reader->request;
    int64_t top;
    if (request->kind != TL_OPENAI_COMPLETION)
        return tl_json_bool(&reader->json, &request->logprobs);
    int r = tl_json_i64(&reader->json, (int64_t)field->min, (int64_t)field->max, &top);
    if (r >= 0) {
        request->logprobs = true;
        request->top_logprobs = (uint32_t)top;
    }
    return r;
}

static int take_nothing(struct tl_openai_reader *reader, const struct field *field)
{
    int r = tl_json_next(&reader->json);
    if (r >= 0 && (r != TL_JSON_STRING || reader->json.string.len))
        return tl_fail(TL_E_USAGE, "%s is not supported: what follows the answer is not looked at", field->name);
    return r;
}

/* --- lists ------------------------------------------------------------------------------------------------------------------ */

static int take_stops(struct tl_openai_reader *reader, const struct field *field)
{
    (void)field;
    return tl_openai_stops(&reader->json, reader->request);
}

static int take_biases(struct tl_openai_reader *reader, const struct field *field)
{
    return tl_openai_biases(&reader->json, reader->request, field->min, field->max);
}

static int take_prompt(struct tl_openai_reader *reader, const struct field *field)
{
    (void)field;
    return tl_openai_prompts(&reader->json, reader->request);
}

/* --- chats ------------------------------------------------------------------------------------------------------------------ */

/* What `write` puts into a buffer becomes the member. */
static int take_json(struct tl_openai_reader *reader, const struct field *field, int (*write)(struct tl_json *json, struct tl_buffer *out))
{
    struct tl_buffer out;
    char **slot = member(reader, field);
    tl_buffer_init(&out, 0);
    int r = write(&reader->json, &out);
    if (r >= 0 && (r = out.status) >= 0) {
        tl_free(*slot);
        *slot = tl_buffer_take(&out, NULL);
    }
    tl_buffer_done(&out);
    return r;
}

static int take_messages(struct tl_openai_reader *reader, const struct field *field) { return take_json(reader, field, tl_openai_messages); }

/* A raw value that begins with `c`. */
static int take_raw(struct tl_openai_reader *reader, const struct field *field, char c)
{
    if (!tl_openai_next_is(&reader->json, c))
        return tl_fail(TL_E_USAGE, "%s: expected %s", field->name, c == '[' ? "a list" : c == '{' ? "an object" : "a string");
    return take_json(reader, field, tl_openai_raw);
}

static int take_tools(struct tl_openai_reader *reader, const struct field *field) { return take_raw(reader, field, '['); }
static int take_kwargs(struct tl_openai_reader *reader, const struct field *field) { return take_raw(reader, field, '{'); }
static int take_effort(struct tl_openai_reader *reader, const struct field *field) { return take_raw(reader, field, '"'); }

static int take_thinking(struct tl_openai_reader *reader, const struct field *field)
{
    reader->request->said_thinking = true;
    return tl_json_bool(&reader->json, member(reader, field));
}

static int take_tool_choice(struct tl_openai_reader *reader, const struct field *field)
{
    struct tl_json *json = &reader->json;
    int r = tl_json_next(json);
    bool none = r == TL_JSON_STRING && tl_json_is(json, "none");
    if (r < 0)
        return r;
    if (!none && !(r == TL_JSON_STRING && tl_json_is(json, "auto")))
        return tl_fail(TL_E_USAGE, "tool_choice: only \"auto\" and \"none\" are supported: an answer cannot be forced into a call");
    *(bool *)member(reader, field) = none;
    return 0;
}

static int take_parallel(struct tl_openai_reader *reader, const struct field *field)
{
    bool parallel;
    int r = tl_json_bool(&reader->json, &parallel);
    return r < 0 || parallel ? r : tl_fail(TL_E_USAGE, "%s: false is not supported: an answer cannot be kept from several calls", field->name);
}

/* Only what leaves the answer free. */
static int take_format(struct tl_openai_reader *reader, const struct field *field)
{
    struct tl_json *json = &reader->json;
    bool text = false;
    int r = tl_json_next(json);
    if (r >= 0 && r != TL_JSON_OBJECT)
        return tl_fail(TL_E_USAGE, "%s: expected an object", field->name);
    while (r >= 0 && (r = tl_json_next(json)) == TL_JSON_KEY) {
        bool type = tl_json_is(json, "type");
        if ((r = type ? tl_json_next(json) : tl_json_skip(json)) < 0)
            return r;
        if (type && (r != TL_JSON_STRING || !tl_json_is(json, "text")))
            return tl_fail(TL_E_USAGE, "%s: only \"text\" is supported: answers are not bound to JSON or a schema", field->name);
        text |= type;
    }
    return r < 0 || text ? r : tl_fail(TL_E_USAGE, "%s: expected a type", field->name);
}

static int take_modalities(struct tl_openai_reader *reader, const struct field *field)
{
    struct tl_json *json = &reader->json;
    int r = tl_json_next(json);
    if (r >= 0 && r != TL_JSON_ARRAY)
        return tl_fail(TL_E_USAGE, "%s: expected a list", field->name);
    while (r >= 0 && (r = tl_json_next(json)) != TL_JSON_ARRAY_END)
        if (r >= 0 && !(r == TL_JSON_STRING && tl_json_is(json, "text")))
            return tl_fail(TL_E_USAGE, "%s: only \"text\" is supported", field->name);
    return r;
}

static int take_streaming(struct tl_openai_reader *reader, const struct field *field)
{
    struct tl_json *json = &reader->json;
    int r = tl_json_next(json);
    if (r >= 0 && r != TL_JSON_OBJECT)
        return tl_fail(TL_E_USAGE, "%s: expected an object", field->name);
    while (r >= 0 && (r = tl_json_next(json)) == TL_JSON_KEY)
        r = tl_json_is(json, "include_usage") ? tl_json_bool(json, member(reader, field)) : tl_json_skip(json);
    return r;
}

/* --- rows ------------------------------------------------------------------------------------------------------------------- */

static const struct field fields[] = {
#define READ(name, kinds, how, member, min, max) \
    {#name, TL_OPENAI_##kinds, take_##how, offsetof(struct tl_openai_request, member), min, max, NULL},
#define IGNORE(name, kinds) {#name, TL_OPENAI_##kinds, take_ignored, 0, 0, 0, NULL},
#define REFUSE(name, kinds, reason) {#name, TL_OPENAI_##kinds, take_refused, 0, 0, 0, reason},
#include "wire/openai_fields.def"
#undef READ
#undef IGNORE
#undef REFUSE
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
        return tl_fail(TL_E_USAGE, "%s: belongs to %s", fields[i].name,
                       request->kind == TL_OPENAI_CHAT ? "completions, not to chats" : "chats, not to completions");
    int r = fields[i].take(reader, &fields[i]);
    return r == TL_E_FILE ? tl_fail_in(r, "%s", fields[i].name) : r;
}
