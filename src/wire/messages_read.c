/* SPDX-License-Identifier: MIT */
/* The fields of Anthropic's messages as those of a chat. Tools of a type that only a service of its maker runs are left out. */
#include "wire/messages_read.h"

#include <string.h>

#include "base/array.h"
#include "base/error.h"
#include "base/memory.h"

static int take_as_is(struct tl_translation *t, const struct tl_translated *field) { return tl_translate_as_is(t, field); }
static int take_ignored(struct tl_translation *t, const struct tl_translated *field) { return tl_translate_ignored(t, field); }
static int take_refused(struct tl_translation *t, const struct tl_translated *field) { return tl_translate_refused(t, field); }
static int take_unused(struct tl_translation *t, const struct tl_translated *field) { return tl_translate_unused(t, field); }

static int take_messages(struct tl_translation *t, const struct tl_translated *field)
{
    (void)field;
    return tl_messages_take_list(&t->json, t->own);
}

static int take_system(struct tl_translation *t, const struct tl_translated *field)
{
    (void)field;
    return tl_messages_take_system(&t->json, t->own);
}

/* --- tools ------------------------------------------------------------------------------------------------------------------ */

/* A member of a tool that the chat knows too. */
static const char *function_member(const struct tl_json *json)
{
    static const char *const members[][2] = {{"name", "name"}, {"description", "description"}, {"input_schema", "parameters"}, {"strict", "strict"}};
    for (size_t i = 0; i < TL_COUNT(members); i++)
        if (tl_json_is(json, members[i][0]))
            return members[i][1];
    return NULL;
}

/* Behind its "{". */
static int take_tool(struct tl_json *json, struct tl_buffer *out)
{
    struct tl_buffer function;
    bool schema = false, other = false;
    int r;
    tl_buffer_init(&function, 0);
    tl_buffer_append(&function, "{", 1);
    while ((r = tl_json_next(json)) == TL_JSON_KEY) {
        const char *member = function_member(json);
        schema |= tl_json_is(json, "input_schema");
        if (tl_json_is(json, "type") && !tl_openai_next_is(json, 'n')) {
            r = tl_json_next(json);
            other |= !(r == TL_JSON_STRING && tl_json_is(json, "custom"));
            r = r == TL_JSON_OBJECT || r == TL_JSON_ARRAY ? tl_json_skip(json) : r;
        } else if (!member || tl_openai_next_is(json, 'n')) {
            r = tl_json_skip(json);
        } else {
            tl_translate_key(&function, member);
            r = tl_openai_raw(json, &function);
        }
        if (r < 0)
            break;
    }
    if (r >= 0 && (schema || !other)) {
        tl_buffer_append(out, ",", out->data[out->len - 1] != '[');
        tl_buffer_append(out, "{\"type\":\"function\",\"function\":", 30);
        tl_buffer_append(out, function.data, function.len);
        r = tl_buffer_append(out, "}}", 2);
    }
    tl_buffer_done(&function);
    return r;
}

static int take_tools(struct tl_translation *t, const struct tl_translated *field)
{
    struct tl_json *json = &t->json;
    int r = tl_json_next(json);
    if (r >= 0 && r != TL_JSON_ARRAY)
        return tl_fail(TL_E_USAGE, "tools: expected a list");
    tl_translate_key(&t->out, field->chat);
    tl_buffer_append(&t->out, "[", 1);
    while (r >= 0 && (r = tl_json_next(json)) >= 0 && r != TL_JSON_ARRAY_END)
        r = r == TL_JSON_OBJECT ? take_tool(json, &t->out) : tl_fail(TL_E_USAGE, "tools: expected each to be an object");
    return r < 0 ? r : tl_buffer_append(&t->out, "]", 1);
}

struct choice { char type[8], name[260]; bool one; };

static int take_choice_member(struct tl_json *json, struct choice *choice)
{
    bool type = tl_json_is(json, "type"), name = tl_json_is(json, "name");
    if (tl_json_is(json, "disable_parallel_tool_use"))
        return tl_json_bool(json, &choice->one);
    if (!type && !name)
        return tl_json_skip(json);
    int r = tl_json_next(json);
    size_t room = type ? sizeof choice->type : sizeof choice->name;
    if (r >= 0 && (r != TL_JSON_STRING || json->string.len >= room))
        return tl_fail(TL_E_USAGE, "tool_choice: expected a %s", type ? "type: auto, any, tool or none" : "name of a tool");
    if (r >= 0)
        memcpy(type ? choice->type : choice->name, json->string.data, json->string.len + 1);
    return r;
}

static int take_choice(struct tl_translation *t, const struct tl_translated *field)
{
    static const char *const types[][2] = {{"auto", "auto"}, {"any", "required"}, {"none", "none"}};
    struct choice choice = {0};
    struct tl_json *json = &t->json;
    const char *as = NULL;
    int r = tl_json_next(json);
    if (r >= 0 && r != TL_JSON_OBJECT)
        return tl_fail(TL_E_USAGE, "tool_choice: expected an object");
    while (r >= 0 && (r = tl_json_next(json)) == TL_JSON_KEY)
        r = take_choice_member(json, &choice);
    if (r < 0)
        return r;
    if (choice.one) {
        tl_translate_key(&t->out, "parallel_tool_calls");
        tl_buffer_append(&t->out, "false", 5);
    }
    for (size_t i = 0; i < TL_COUNT(types); i++)
        if (strcmp(choice.type, types[i][0]) == 0)
            as = types[i][1];
    if (!as && strcmp(choice.type, "tool") != 0)
        return tl_fail(TL_E_USAGE, "tool_choice: expected a type: auto, any, tool or none");
    tl_translate_key(&t->out, field->chat);
    if (as)
        return tl_buffer_json_string(&t->out, as, strlen(as));
    tl_buffer_printf(&t->out, "{\"type\":\"function\",\"function\":{\"name\":");
    tl_buffer_json_string(&t->out, choice.name, strlen(choice.name));
    return tl_buffer_append(&t->out, "}}", 2);
}

/* --- the answer's language -------------------------------------------------------------------------------------------------- */

/* {"type": "json_schema", "schema": {...}}. */
static int take_format(struct tl_translation *t, const struct tl_translated *field)
{
    (void)field;
    tl_translate_key(&t->out, "response_format");
    return tl_openai_raw(&t->json, &t->out);
}

static int take_output(struct tl_translation *t, const struct tl_translated *field)
{
    struct tl_json *json = &t->json;
    int r = tl_json_next(json);
    if (r >= 0 && r != TL_JSON_OBJECT)
        return tl_fail(TL_E_USAGE, "output_config: expected an object");
    while (r >= 0 && (r = tl_json_next(json)) == TL_JSON_KEY) {
        if (tl_openai_next_is(json, 'n')) {
            r = tl_json_skip(json);
        } else if (tl_json_is(json, "effort")) {
            r = tl_translate_as_is(t, field);
        } else if (tl_json_is(json, "format")) {
            r = take_format(t, field);
        } else {
            r = tl_fail(TL_E_USAGE, "output_config: \"%.40s\" is not known", json->string.data);
        }
    }
    return r;
}

/* --- all of it -------------------------------------------------------------------------------------------------------------- */

static int finish(struct tl_translation *t)
{
    struct tl_messages *own = t->own;
    struct tl_buffer *out = &t->out;
    int r = tl_talk_flush(&own->talk);
    if (!own->some)
        return r;
    tl_translate_key(out, "messages");
    tl_buffer_append(out, "[", 1);
    if (own->system.len)
        tl_buffer_printf(out, "{\"role\":\"system\",\"content\":[%s]}%s", own->system.data, own->talk.out.len ? "," : "");
    tl_buffer_append(out, own->talk.out.data ? own->talk.out.data : "", own->talk.out.len);
    return r < 0 ? r : tl_buffer_append(out, "]", 1);
}

static const struct tl_translated fields[] = {
#define FIELD(name, chat, how, reason) {#name, chat, take_##how, reason},
#include "wire/messages_fields.def"
#undef FIELD
};
_Static_assert(TL_COUNT(fields) <= TL_TRANSLATED_FIELDS, "a flag a field");

int tl_messages_read(struct tl_openai_request *request, const char *where, const char *text, size_t n_bytes)
{
    struct tl_messages own = {0};
    tl_buffer_init(&own.system, 0);
    tl_talk_init(&own.talk);
    int r = tl_translate(request, where, text, n_bytes, fields, TL_COUNT(fields), finish, &own);
    tl_talk_done(&own.talk);
    tl_buffer_done(&own.system);
    return r;
}
