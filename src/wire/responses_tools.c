/* SPDX-License-Identifier: MIT */
/* Tools of responses as functions of a chat. Those that only a service of its maker runs are left out. */
#include <stdio.h>
#include <string.h>

#include "base/array.h"
#include "base/error.h"
#include "base/memory.h"
#include "base/text.h"
#include "wire/responses_read.h"

bool tl_responses_name(const char *space, const char *name, char ret_name[TL_RESPONSES_NAME])
{
    const char *between = !space || !*space || tl_text_ends(space, "__") ? "" : "__";
    return snprintf(ret_name, TL_RESPONSES_NAME, "%s%s%s", space ? space : "", between, name) < TL_RESPONSES_NAME;
}

/* --- one tool --------------------------------------------------------------------------------------------------------------- */

struct tool {
    char *type, *name, *description, *definition;
    struct tl_buffer parameters, strict, inner;      /* JSON; inner: of a namespace */
};

static void drop(struct tool *tool)
{
    tl_free(tool->type);
    tl_free(tool->name);
    tl_free(tool->description);
    tl_free(tool->definition);
    tl_buffer_done(&tool->parameters);
    tl_buffer_done(&tool->strict);
    tl_buffer_done(&tool->inner);
}

/* {"type": "grammar", "syntax", "definition"}: told to the model, in whose language it is. */
static int take_format(struct tl_json *json, struct tool *tool)
{
    int r = tl_json_next(json);
    if (r != TL_JSON_OBJECT)
        return r < 0 ? r : tl_json_skip(json);
    while ((r = tl_json_next(json)) == TL_JSON_KEY)
        if ((r = tl_json_is(json, "definition") && tl_openai_next_is(json, '"') ? tl_openai_text(json, &tool->definition) : tl_json_skip(json)) < 0)
            return r;
    return r;
}

static int take_member(struct tl_json *json, struct tool *tool)
{
    struct { const char *name; char **text; struct tl_buffer *raw; } const members[] = {
        {"type", &tool->type, NULL}, {"name", &tool->name, NULL}, {"description", &tool->description, NULL},
        {"parameters", NULL, &tool->parameters}, {"strict", NULL, &tool->strict}, {"tools", NULL, &tool->inner}};
    if (tl_openai_next_is(json, 'n'))
        return tl_json_skip(json);
    for (size_t i = 0; i < TL_COUNT(members); i++) {
        if (!tl_json_is(json, members[i].name))
            continue;
        if (members[i].text)
            return tl_openai_text(json, members[i].text);
        tl_buffer_clear(members[i].raw);
        return tl_openai_raw(json, members[i].raw);
    }
    return tl_json_is(json, "format") ? take_format(json, tool) : tl_json_skip(json);
}

/* The event is its "{". To be dropped whatever is returned. */
static int read_tool(struct tl_json *json, struct tool *tool)
{
    *tool = (struct tool){0};
    tl_buffer_init(&tool->parameters, 0);
    tl_buffer_init(&tool->strict, 0);
    tl_buffer_init(&tool->inner, 0);
    int r = json->event == TL_JSON_OBJECT ? 0 : tl_fail(TL_E_USAGE, "tools: expected each to be an object");
    while (r >= 0 && (r = tl_json_next(json)) == TL_JSON_KEY)
        r = take_member(json, tool);
    if (r >= 0 && !tool->type)
        return tl_fail(TL_E_USAGE, "tools: a tool without a type");
    return r;
}

/* --- as functions ----------------------------------------------------------------------------------------------------------- */

static int put_note(struct tl_responses *own, const char *name, const char *space, const char *inner)
{
    struct tl_buffer *out = &own->notes;
    tl_buffer_append(out, ",[", 2);      /* the first comma becomes the bracket of the list */
    tl_buffer_json_string(out, name, strlen(name));
    tl_buffer_append(out, ",", 1);
    if (space)
        tl_buffer_json_string(out, space, strlen(space));
    else
        tl_buffer_append(out, "null", 4);
    tl_buffer_append(out, ",", 1);
    tl_buffer_json_string(out, inner, strlen(inner));
    return tl_buffer_append(out, "]", 1);
}

static int put_function(struct tl_buffer *out, const char *name, const struct tool *tool, bool custom)
{
    tl_buffer_append(out, ",", out->data[out->len - 1] != '[');
    tl_buffer_printf(out, "{\"type\":\"function\",\"function\":{");
    tl_buffer_json_member(out, "name", name);
    if (tool->description)
        tl_buffer_json_member(out, "description", tool->description);
    if (custom) {
        tl_buffer_printf(out, ",\"parameters\":{\"type\":\"object\",\"properties\":{\"input\":{\"type\":\"string\"");
        if (tool->definition)
            tl_buffer_json_member(out, "description", tool->definition);
        tl_buffer_printf(out, "}},\"required\":[\"input\"],\"additionalProperties\":false}");
    } else {
        tl_buffer_printf(out, ",\"parameters\":");
        tl_buffer_append(out, tool->parameters.len ? tool->parameters.data : "{}", tool->parameters.len ? tool->parameters.len : 2);
        if (tool->strict.len)
            tl_buffer_printf(out, ",\"strict\":%s", tool->strict.data);
    }
    return tl_buffer_append(out, "}}", 2);
}

static bool is_function(const struct tool *tool) { return strcmp(tool->type, "function") == 0 || strcmp(tool->type, "custom") == 0; }

static int put_tool(struct tl_buffer *out, const struct tool *tool, const char *space, struct tl_responses *own)
{
    char name[TL_RESPONSES_NAME];
    bool custom = strcmp(tool->type, "custom") == 0;
    if (!is_function(tool))
        return 0;
    if (!tool->name || !*tool->name || !tl_responses_name(space, tool->name, name))
        return tl_fail(TL_E_USAGE, "tools: expected functions with names of at most %d bytes", TL_RESPONSES_NAME - 1);
    if (own->n_tools++ == TL_OPENAI_TOOLS)
        return tl_fail(TL_E_USAGE, "tools: expected at most %d", TL_OPENAI_TOOLS);
    int r = space || custom ? put_note(own, name, custom ? NULL : space, tool->name) : 0;
    return r < 0 ? r : put_function(out, name, tool, custom);
}

static int put_inner(struct tl_buffer *out, const struct tool *space, struct tl_responses *own)
{
    struct tl_json json;
    if (!space->name)
        return tl_fail(TL_E_USAGE, "tools: a namespace without a name");
    tl_json_init(&json, "tools", space->inner.len ? space->inner.data : "[]", space->inner.len ? space->inner.len : 2);
    int r = tl_json_next(&json);
    if (r >= 0 && r != TL_JSON_ARRAY)
        r = tl_fail(TL_E_USAGE, "tools: expected those of a namespace to be a list");
    while (r >= 0 && (r = tl_json_next(&json)) >= 0 && r != TL_JSON_ARRAY_END) {
        struct tool tool;
        r = read_tool(&json, &tool);
        if (r >= 0)
            r = put_tool(out, &tool, space->name, own);
        drop(&tool);
    }
    tl_json_done(&json);
    return r;
}

int tl_responses_take_tools(struct tl_json *json, struct tl_buffer *out, struct tl_responses *own)
{
    int r = tl_json_next(json);
    if (r >= 0 && r != TL_JSON_ARRAY)
        return tl_fail(TL_E_USAGE, "tools: expected a list");
    tl_buffer_append(out, "[", 1);
    while (r >= 0 && (r = tl_json_next(json)) >= 0 && r != TL_JSON_ARRAY_END) {
        struct tool tool;
        r = read_tool(json, &tool);
        if (r >= 0)
            r = strcmp(tool.type, "namespace") == 0 ? put_inner(out, &tool, own) : put_tool(out, &tool, NULL, own);
        drop(&tool);
    }
    return r < 0 ? r : tl_buffer_append(out, "]", 1);
}

/* --- the choice ------------------------------------------------------------------------------------------------------------- */

/* A list of tools by their names, as functions of a chat. */
static int take_names(struct tl_json *json, struct tl_buffer *out)
{
    int r = tl_json_next(json);
    tl_buffer_append(out, "[", 1);
    while (r >= 0 && (r = tl_json_next(json)) >= 0 && r != TL_JSON_ARRAY_END) {
        struct tool tool;
        r = read_tool(json, &tool);
        if (r >= 0 && tool.name && is_function(&tool)) {
            tl_buffer_printf(out, "%s{\"type\":\"function\",\"function\":{", out->data[out->len - 1] == '[' ? "" : ",");
            tl_buffer_json_member(out, "name", tool.name);
            tl_buffer_append(out, "}}", 2);
        }
        drop(&tool);
    }
    tl_buffer_append(out, "]", 1);
    return r < 0 ? r : out->status;
}

/* "auto", "none", "required", {"type": "function" or "custom", "name"}, or {"type": "allowed_tools", "mode", "tools"}. */
int tl_responses_take_choice(struct tl_translation *t, const struct tl_translated *field)
{
    struct tl_json *json = &t->json;
    TL_AUTO char *type = NULL, *name = NULL, *space = NULL, *mode = NULL, *names = NULL;
    char flat[TL_RESPONSES_NAME];
    if (!tl_openai_next_is(json, '{'))
        return tl_translate_as_is(t, field);
    int r = tl_json_next(json);
    while (r >= 0 && (r = tl_json_next(json)) == TL_JSON_KEY) {
        if (tl_openai_next_is(json, 'n'))
            r = tl_json_skip(json);
        else if (tl_json_is(json, "type"))
            r = tl_openai_text(json, &type);
        else if (tl_json_is(json, "name"))
            r = tl_openai_text(json, &name);
        else if (tl_json_is(json, "namespace"))
            r = tl_openai_text(json, &space);
        else if (tl_json_is(json, "mode"))
            r = tl_openai_text(json, &mode);
        else if (tl_json_is(json, "tools") && tl_openai_next_is(json, '['))
            r = tl_openai_keep(json, &names, take_names);
        else
            r = tl_json_skip(json);
    }
    if (r < 0)
        return r;
    if (type && names && strcmp(type, "allowed_tools") == 0) {
        tl_translate_key(&t->out, field->chat);
        tl_buffer_printf(&t->out, "{\"type\":\"allowed_tools\",\"allowed_tools\":{\"tools\":%s", names);
        if (mode)
            tl_buffer_json_member(&t->out, "mode", mode);
        return tl_buffer_append(&t->out, "}}", 2);
    }
    if (!type || !name || (strcmp(type, "function") != 0 && strcmp(type, "custom") != 0))
        return tl_fail(TL_E_USAGE, "tool_choice: expected auto, none, required, a function by its name or allowed_tools; \"%.40s\" is not supported", type ? type : "");
    if (!tl_responses_name(space, name, flat))
        return tl_fail(TL_E_USAGE, "tool_choice: a name longer than %d bytes", TL_RESPONSES_NAME - 1);
    tl_translate_key(&t->out, field->chat);
    tl_buffer_printf(&t->out, "{\"type\":\"function\",\"function\":{");
    tl_buffer_json_member(&t->out, "name", flat);
    return tl_buffer_append(&t->out, "}}", 2);
}

/* --- what is known of a name ------------------------------------------------------------------------------------------------ */

int tl_responses_note_of(const char *notes, const char *name, struct tl_responses_note *ret_note)
{
    struct tl_json json;
    struct tl_responses_note note = {0};
    if (!notes)
        return 0;
    tl_json_init(&json, "notes", notes, strlen(notes));
    int r = tl_json_next(&json);
    while (r >= 0 && !note.name && (r = tl_json_next(&json)) == TL_JSON_ARRAY) {
        bool it = tl_json_next(&json) == TL_JSON_STRING && tl_json_is(&json, name);
        if ((r = tl_json_next(&json)) < 0)
            break;
        note.custom = it && r == TL_JSON_NULL;
        if (it && r == TL_JSON_STRING && !(note.space = tl_strdup(json.string.data)))
            r = TL_E_NOMEM;
        if (r >= 0 && (r = tl_json_next(&json)) >= 0 && it && !(note.name = tl_strdup(json.string.data)))
            r = TL_E_NOMEM;
        if (r >= 0)
            r = tl_json_next(&json);
    }
    tl_json_done(&json);
    if (r < 0) {
        tl_free(note.space);
        tl_free(note.name);
        return r;
    }
    *ret_note = note;
    return 0;
}

int tl_responses_plain_input(const char *arguments, size_t n_bytes, struct tl_buffer *out)
{
    struct tl_json json;
    bool done = false;
    tl_json_init(&json, "arguments", arguments, n_bytes);
    int r = tl_json_next(&json);
    while (r >= 0 && !done && (r = tl_json_next(&json)) == TL_JSON_KEY) {
        bool input = tl_json_is(&json, "input");
        r = input ? tl_json_next(&json) : tl_json_skip(&json);
        if (input && r == TL_JSON_STRING) {
            tl_buffer_append(out, json.string.data, json.string.len);
            done = true;
        }
    }
    tl_json_done(&json);
    if (!done)                           /* cut, or something else: as it is */
        tl_buffer_append(out, arguments, n_bytes);
    return out->status;
}
