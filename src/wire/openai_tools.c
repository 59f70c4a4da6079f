/* SPDX-License-Identifier: MIT */
/* Tools of a request: functions with names; other kinds, which no model here can call, are left out. */
#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "wire/openai.h"

enum { NAME_BYTES = 256 };

struct tool {
    bool typed, function;                /* says a type; is a function */
    char *name;
};

static int take_type(struct tl_json *json, struct tool *tool)
{
    int r = tl_json_next(json);
    tool->typed = true;
    tool->function = r == TL_JSON_STRING && tl_json_is(json, "function");
    return r < 0 || r == TL_JSON_STRING ? r : tl_fail(TL_E_USAGE, "tools: expected types to be strings");
}

static int take_name(struct tl_json *json, struct tool *tool)
{
    int r = tl_json_next(json);
    if (r >= 0 && r != TL_JSON_OBJECT)
        return tl_fail(TL_E_USAGE, "tools: expected a function to be an object");
    while (r >= 0 && (r = tl_json_next(json)) == TL_JSON_KEY) {
        r = tl_json_is(json, "name") ? tl_openai_text(json, &tool->name) : tl_json_skip(json);
    }
    return r;
}

/* The reader is behind the beginning of an object. tl_free(ret_tool->name) whatever is returned. */
static int scan(struct tl_json *json, struct tool *ret_tool)
{
    int r = 0;
    *ret_tool = (struct tool){0};
    while (r >= 0 && (r = tl_json_next(json)) == TL_JSON_KEY) {
        if (tl_json_is(json, "type"))
            r = take_type(json, ret_tool);
        else if (tl_json_is(json, "function") && tl_openai_next_is(json, '{'))
            r = take_name(json, ret_tool);
        else
            r = tl_json_skip(json);
    }
    if (r < 0 || (ret_tool->typed && !ret_tool->function))
        return r;
    if (!ret_tool->name || !*ret_tool->name || strlen(ret_tool->name) > NAME_BYTES)
        return tl_fail(TL_E_USAGE, "tools: expected functions with names of at most %d bytes", NAME_BYTES);
    ret_tool->function = true;
    return r;
}

int tl_openai_tools(struct tl_json *json, struct tl_buffer *out)
{
    uint32_t n = 0, n_kept = 0;
    int r = tl_json_next(json);
    if (r >= 0 && r != TL_JSON_ARRAY)
        return tl_fail(TL_E_USAGE, "tools: expected a list");
    tl_buffer_append(out, "[", 1);
    while (r >= 0 && (r = tl_json_next(json)) >= 0 && r != TL_JSON_ARRAY_END) {
        struct tool tool;
        const char *start = json->raw;
        if (r != TL_JSON_OBJECT)
            return tl_fail(TL_E_USAGE, "tools: expected each to be an object");
        if (n++ == TL_OPENAI_TOOLS)
            return tl_fail(TL_E_USAGE, "tools: expected at most %d", TL_OPENAI_TOOLS);
        r = scan(json, &tool);
        if (r >= 0 && tool.function) {
            tl_buffer_append(out, ",", n_kept++ > 0);
            tl_buffer_append(out, start, (size_t)(json->at - start));
        }
        tl_free(tool.name);
    }
    return r < 0 ? r : tl_buffer_append(out, "]", 1);
}

int tl_openai_only_tools(const char *tools, const char *allowed, struct tl_buffer *out)
{
    struct tl_json json;
    int kept = 0;
    tl_json_init(&json, "tools", tools, strlen(tools));
    int r = tl_json_next(&json);
    tl_buffer_append(out, "[", 1);
    while (r >= 0 && (r = tl_json_next(&json)) == TL_JSON_OBJECT) {
        struct tool tool;
        const char *start = json.raw;
        r = scan(&json, &tool);
        int is = r >= 0 && tool.function ? tl_openai_has_tool(allowed, tool.name) : 0;
        if (is > 0) {
            tl_buffer_append(out, ",", kept++ > 0);
            tl_buffer_append(out, start, (size_t)(json.at - start));
        }
        tl_free(tool.name);
        r = is < 0 ? is : r;
    }
    tl_json_done(&json);
    tl_buffer_append(out, "]", 1);
    return r < 0 ? r : out->status < 0 ? out->status : kept;
}

int tl_openai_has_tool(const char *tools, const char *name)
{
    struct tl_json json;
    bool found = false;
    tl_json_init(&json, "tools", tools, strlen(tools));
    int r = tl_json_next(&json);
    while (r >= 0 && (r = tl_json_next(&json)) == TL_JSON_OBJECT) {
        struct tool tool;
        r = scan(&json, &tool);
        found |= r >= 0 && tool.function && (!name || strcmp(tool.name, name) == 0);
        tl_free(tool.name);
    }
    tl_json_done(&json);
    return r < 0 ? r : found;
}
