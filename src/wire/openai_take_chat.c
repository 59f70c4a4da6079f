/* SPDX-License-Identifier: MIT */
/* What only chats say: messages, tools and which of them, and what of the answer is sent how. */
#include <string.h>

#include "base/array.h"
#include "base/error.h"
#include "base/memory.h"
#include "wire/openai_fields.h"

int tl_openai_take_messages(struct tl_openai_reader *reader, const struct tl_openai_field *field)
{
    return tl_openai_keep(&reader->json, tl_openai_member(reader, field), tl_openai_messages);
}

/* --- tools ------------------------------------------------------------------------------------------------------------------ */

int tl_openai_take_tools(struct tl_openai_reader *reader, const struct tl_openai_field *field)
{
    return tl_openai_keep(&reader->json, tl_openai_member(reader, field), tl_openai_tools);
}

static int fail_choice(const struct tl_openai_field *field)
{
    return tl_fail(TL_E_USAGE, "%s: expected \"auto\", \"none\", \"required\", {\"type\": \"function\", \"function\": {\"name\": ...}} or "
                   "{\"type\": \"allowed_tools\", \"allowed_tools\": {\"mode\": ..., \"tools\": [...]}}", field->name);
}

static bool named_choice(const struct tl_json *json, enum tl_tool_choice *ret_choice)
{
    static const struct { const char *name; enum tl_tool_choice choice; } choices[] = {
        {"auto", TL_TOOLS_AUTO}, {"none", TL_TOOLS_NONE}, {"required", TL_TOOLS_REQUIRED}, {"any", TL_TOOLS_REQUIRED},
    };
    for (size_t i = 0; i < TL_COUNT(choices); i++)
        if (json->event == TL_JSON_STRING && tl_json_is(json, choices[i].name)) {
            *ret_choice = choices[i].choice;
            return true;
        }
    return false;
}

/* {"mode": "auto" or "required", "tools": [...]}. */
static int take_allowed(struct tl_openai_reader *reader, const struct tl_openai_field *field)
{
    struct tl_json *json = &reader->json;
    enum tl_tool_choice *choice = tl_openai_member(reader, field);
    int r = tl_json_next(json);
    *choice = TL_TOOLS_AUTO;
    while (r >= 0 && (r = tl_json_next(json)) == TL_JSON_KEY) {
        if (tl_json_is(json, "mode")) {
            if ((r = tl_json_next(json)) >= 0 && !named_choice(json, choice))
                return fail_choice(field);
        } else if (tl_json_is(json, "tools") && tl_openai_next_is(json, '[')) {
            r = tl_openai_keep(json, &reader->request->allowed, tl_openai_tools);
        } else {
            r = tl_json_skip(json);
        }
    }
    return r;
}

/* The name of the one tool, which stands in "function" or beside the type; or those that are allowed. */
static int take_tool(struct tl_openai_reader *reader, const struct tl_openai_field *field, bool *ret_several)
{
    struct tl_json *json = &reader->json;
    struct tl_openai_request *request = reader->request;
    int r = 0;
    while (r >= 0 && (r = tl_json_next(json)) == TL_JSON_KEY) {
        if (tl_json_is(json, "function") && tl_openai_next_is(json, '{')) {
            if ((r = tl_json_next(json)) >= 0)
                r = take_tool(reader, field, ret_several);
        } else if (tl_json_is(json, "allowed_tools") && tl_openai_next_is(json, '{')) {
            r = take_allowed(reader, field);
        } else if (tl_json_is(json, "name")) {
            r = tl_openai_text(json, &request->tool);
        } else if (tl_json_is(json, "type")) {
            r = tl_json_next(json);
            *ret_several = r == TL_JSON_STRING && tl_json_is(json, "allowed_tools");
            if (r >= 0 && !*ret_several && !(r == TL_JSON_STRING && tl_json_is(json, "function")))
                return fail_choice(field);
        } else {
            r = tl_json_skip(json);
        }
    }
    return r;
}

int tl_openai_take_tool_choice(struct tl_openai_reader *reader, const struct tl_openai_field *field)
{
    enum tl_tool_choice *choice = tl_openai_member(reader, field);
    int r = tl_json_next(&reader->json);
    if (r < 0)
        return r;
    if (r == TL_JSON_OBJECT) {
        const struct tl_openai_request *request = reader->request;
        bool several = false;
        *choice = TL_TOOLS_ONE;
        r = take_tool(reader, field, &several);
        return r < 0 || (several ? request->allowed && !request->tool : request->tool && !request->allowed) ? r : fail_choice(field);
    }
    return named_choice(&reader->json, choice) ? 0 : fail_choice(field);
}

/* --- the answer ------------------------------------------------------------------------------------------------------------- */

int tl_openai_take_modalities(struct tl_openai_reader *reader, const struct tl_openai_field *field)
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

int tl_openai_take_streaming(struct tl_openai_reader *reader, const struct tl_openai_field *field)
{
    struct tl_json *json = &reader->json;
    int r = tl_json_next(json);
    if (r >= 0 && r != TL_JSON_OBJECT)
        return tl_fail(TL_E_USAGE, "%s: expected an object", field->name);
    while (r >= 0 && (r = tl_json_next(json)) == TL_JSON_KEY)
        r = tl_json_is(json, "include_usage") ? tl_json_bool(json, tl_openai_member(reader, field)) : tl_json_skip(json);
    return r;
}
