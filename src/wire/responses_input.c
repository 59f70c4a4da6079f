/* SPDX-License-Identifier: MIT */
/* The items of an input as messages of a chat: what was thought, said and called together is one message, and the system's texts
 * at the beginning are one. */
#include <string.h>

#include "base/array.h"
#include "base/error.h"
#include "base/memory.h"
#include "wire/responses_read.h"

/* An item's members that are looked at. */
struct item {
    char *type, *role, *call_id, *id, *name, *space;
    struct tl_buffer content, output, summary, arguments, action, input;         /* JSON */
};

static void drop(struct item *item)
{
    char *const texts[] = {item->type, item->role, item->call_id, item->id, item->name, item->space};
    struct tl_buffer *const raws[] = {&item->content, &item->output, &item->summary, &item->arguments, &item->action, &item->input};
    for (size_t i = 0; i < TL_COUNT(texts); i++)
        tl_free(texts[i]);
    for (size_t i = 0; i < TL_COUNT(raws); i++)
        tl_buffer_done(raws[i]);
}

static int take_member(struct tl_json *json, struct item *item)
{
    struct { const char *name; char **text; struct tl_buffer *raw; } const members[] = {
        {"type", &item->type, NULL}, {"role", &item->role, NULL}, {"call_id", &item->call_id, NULL}, {"id", &item->id, NULL},
        {"name", &item->name, NULL}, {"namespace", &item->space, NULL}, {"content", NULL, &item->content}, {"output", NULL, &item->output},
        {"summary", NULL, &item->summary}, {"arguments", NULL, &item->arguments}, {"action", NULL, &item->action}, {"input", NULL, &item->input}};
    for (size_t i = 0; i < TL_COUNT(members) && !tl_openai_next_is(json, 'n'); i++) {
        if (!tl_json_is(json, members[i].name))
            continue;
        if (members[i].text)
            return tl_openai_text(json, members[i].text);
        tl_buffer_clear(members[i].raw);
        return tl_openai_raw(json, members[i].raw);
    }
    return tl_json_skip(json);
}

/* --- texts ------------------------------------------------------------------------------------------------------------------ */

static bool is_text(const struct tl_json *json)
{
    static const char *const types[] = {"input_text", "output_text", "text", "summary_text", "reasoning_text", "refusal"};
    for (size_t i = 0; i < TL_COUNT(types); i++)
        if (tl_json_is(json, types[i]))
            return true;
    return false;
}

/* The event is its "{": its text behind what is there. */
static int take_part(struct tl_json *json, struct tl_buffer *text)
{
    bool typed = false;
    int r = json->event == TL_JSON_OBJECT ? 0 : tl_fail(TL_E_USAGE, "input: expected parts of a content to be objects");
    while (r >= 0 && (r = tl_json_next(json)) == TL_JSON_KEY) {
        bool type = tl_json_is(json, "type"), words = tl_json_is(json, "text") || tl_json_is(json, "refusal");
        if (!type && !words) {
            r = tl_json_skip(json);
            continue;
        }
        r = tl_json_next(json);
        if (r >= 0 && (r != TL_JSON_STRING || (type && !is_text(json))))
            return tl_fail(TL_E_USAGE, "input: a part of type \"%.40s\" is not supported: the model reads text", r == TL_JSON_STRING ? json->string.data : "");
        if (r >= 0 && words)
            tl_buffer_append(text, json->string.data, json->string.len);
        typed |= type;
    }
    return r < 0 || typed ? r : tl_fail(TL_E_USAGE, "input: a part without a type");
}

/* A string, or parts, one line below the other. */
static int text_of(const struct tl_buffer *raw, struct tl_buffer *ret_text)
{
    struct tl_json json;
    tl_buffer_append(ret_text, "", 0);
    if (!raw->len)
        return ret_text->status;
    tl_json_init(&json, "input", raw->data, raw->len);
    int r = tl_json_next(&json);
    if (r == TL_JSON_STRING)
        tl_buffer_append(ret_text, json.string.data, json.string.len);
    else if (r >= 0 && r != TL_JSON_ARRAY)
        r = tl_fail(TL_E_USAGE, "input: expected a content that is a string or a list of parts");
    for (bool first = true; r >= 0 && r != TL_JSON_STRING && (r = tl_json_next(&json)) >= 0 && r != TL_JSON_ARRAY_END; first = false) {
        tl_buffer_append(ret_text, "\n", !first);
        r = take_part(&json, ret_text);
    }
    tl_json_done(&json);
    return r < 0 ? r : ret_text->status;
}

/* --- items ------------------------------------------------------------------------------------------------------------------ */

static int put_message(struct tl_responses *own, const struct item *item)
{
    struct tl_buffer text, quoted;
    const char *role = item->role ? item->role : "";
    bool system = strcmp(role, "system") == 0 || strcmp(role, "developer") == 0, assistant = strcmp(role, "assistant") == 0;
    if (!system && !assistant && strcmp(role, "user") != 0)
        return tl_fail(TL_E_USAGE, "input: expected a role (user, assistant, system, developer), found \"%.40s\"", role);
    tl_buffer_init(&text, 0);
    tl_buffer_init(&quoted, 0);
    int r = text_of(&item->content, &text);
    if (r >= 0 && system && !own->later) {
        r = tl_talk_part(&own->system, text.data, text.len);
    } else if (r >= 0 && assistant) {
        r = tl_talk_text(&own->talk, text.data, text.len);
    } else if (r >= 0) {
        tl_buffer_json_string(&quoted, text.data, text.len);
        r = quoted.status < 0 ? quoted.status : tl_talk_message(&own->talk, role, quoted.data, quoted.len);
    }
    own->later |= !system;
    tl_buffer_done(&text);
    tl_buffer_done(&quoted);
    return r;
}

/* Its own words where they are there, else the summary of them. */
static int put_reasoning(struct tl_responses *own, const struct item *item)
{
    struct tl_buffer text;
    tl_buffer_init(&text, 0);
    int r = text_of(item->content.len ? &item->content : &item->summary, &text);
    if (r >= 0 && text.len)
        r = tl_talk_reasoning(&own->talk, text.data, text.len);
    tl_buffer_done(&text);
    return r;
}

/* A call of a function, of a tool of plain text (`input`), or of a shell (`action`). */
static int put_call(struct tl_responses *own, const struct item *item, const char *name)
{
    const char *id = item->call_id ? item->call_id : item->id;
    char flat[TL_RESPONSES_NAME];
    struct tl_buffer arguments;
    if (!id || !name || !tl_responses_name(item->space, name, flat))
        return tl_fail(TL_E_USAGE, "input: a call without its call_id or name");
    tl_buffer_init(&arguments, 0);
    int r = 0;
    if (strcmp(item->type, "function_call") == 0)
        r = text_of(&item->arguments, &arguments);
    else if (item->action.len)
        tl_buffer_printf(&arguments, "%s", item->action.data);
    else
        tl_buffer_printf(&arguments, "{\"input\":%s}", item->input.len ? item->input.data : "\"\"");
    if (r >= 0)
        r = arguments.status < 0 ? arguments.status : tl_talk_call(&own->talk, id, flat, arguments.data, arguments.len);
    tl_buffer_done(&arguments);
    return r;
}

static int put_output(struct tl_responses *own, const struct item *item)
{
    const char *id = item->call_id ? item->call_id : item->id;
    struct tl_buffer text, quoted;
    if (!id)
        return tl_fail(TL_E_USAGE, "input: an output without its call_id");
    tl_buffer_init(&text, 0);
    tl_buffer_init(&quoted, 0);
    bool object = item->output.len && *item->output.data == '{';
    int r = object ? tl_buffer_append(&text, item->output.data, item->output.len) : text_of(&item->output, &text);
    tl_buffer_json_string(&quoted, text.data ? text.data : "", text.len);
    if (r >= 0)
        r = quoted.status < 0 ? quoted.status : tl_talk_result(&own->talk, id, quoted.data, quoted.len);
    tl_buffer_done(&text);
    tl_buffer_done(&quoted);
    return r;
}

/* What a service of its maker did by itself: no model here has seen it. */
static bool is_hosted(const char *type)
{
    static const char *const types[] = {"web_search_call", "file_search_call", "image_generation_call", "code_interpreter_call", "computer_call",
                                        "computer_call_output", "mcp_call", "mcp_list_tools", "mcp_approval_request", "mcp_approval_response",
                                        "tool_search_call", "tool_search_output", "ghost_snapshot"};
    for (size_t i = 0; i < TL_COUNT(types); i++)
        if (strcmp(types[i], type) == 0)
            return true;
    return false;
}

static int put_item(struct tl_responses *own, const struct item *item)
{
    const char *type = item->type ? item->type : "message";
    if (strcmp(type, "message") == 0)
        return put_message(own, item);
    own->later = true;
    if (strcmp(type, "reasoning") == 0)
        return put_reasoning(own, item);
    if (strcmp(type, "function_call") == 0 || strcmp(type, "custom_tool_call") == 0)
        return put_call(own, item, item->name);
    if (strcmp(type, "local_shell_call") == 0)
        return put_call(own, item, "local_shell");
    if (strcmp(type, "function_call_output") == 0 || strcmp(type, "custom_tool_call_output") == 0 || strcmp(type, "local_shell_call_output") == 0)
        return put_output(own, item);
    return is_hosted(type) ? 0 : tl_fail(TL_E_USAGE, "input: an item of type \"%.40s\" is not supported", type);
}

static int take_item(struct tl_json *json, struct tl_responses *own)
{
    struct item item = {0};
    struct tl_buffer *const raws[] = {&item.content, &item.output, &item.summary, &item.arguments, &item.action, &item.input};
    for (size_t i = 0; i < TL_COUNT(raws); i++)
        tl_buffer_init(raws[i], 0);
    int r = json->event == TL_JSON_OBJECT ? 0 : tl_fail(TL_E_USAGE, "input: expected items to be objects");
    while (r >= 0 && (r = tl_json_next(json)) == TL_JSON_KEY)
        r = take_member(json, &item);
    if (r >= 0)
        r = put_item(own, &item);
    drop(&item);
    return r;
}

int tl_responses_take_input(struct tl_json *json, struct tl_responses *own)
{
    struct tl_buffer quoted;
    own->some = true;
    if (tl_openai_next_is(json, '"')) {
        tl_buffer_init(&quoted, 0);
        int r = tl_openai_raw(json, &quoted);
        if (r >= 0)
            r = tl_talk_message(&own->talk, "user", quoted.data, quoted.len);
        tl_buffer_done(&quoted);
        return r;
    }
    int r = tl_json_next(json);
    if (r >= 0 && r != TL_JSON_ARRAY)
        return tl_fail(TL_E_USAGE, "input: expected a string or a list of items");
    while (r >= 0 && (r = tl_json_next(json)) >= 0 && r != TL_JSON_ARRAY_END)
        r = take_item(json, own);
    return r;
}
