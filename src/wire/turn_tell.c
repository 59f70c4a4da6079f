/* SPDX-License-Identifier: MIT */
/* Tools for models whose template tells them none: told in the text of the system, in the form that the family's reader and
 * grammar expect of calls. Calls so far are written in that form too, and what tools returned as texts of the user. */
#include <string.h>

#include "base/error.h"
#include "base/json.h"
#include "base/memory.h"
#include "wire/openai.h"
#include "wire/turn_family.h"

struct tell {
    const struct tl_turn_family *family;
    struct tl_json json;
    struct tl_buffer out;
    struct tl_buffer tools;              /* what is told of them, until it is written */
    struct tl_buffer results;            /* of tools, which wait to be one message */
    const char *role;                    /* whose content the tools stand in */
    uint32_t n_calls;
};

/* One message, whose members may come in any order. */
struct message {
    char *role;
    struct tl_buffer content, calls, others;
};

static void put(struct tl_buffer *out, const char *text) { tl_buffer_append(out, text ? text : "", text ? strlen(text) : 0); }

/* --- calls ------------------------------------------------------------------------------------------------------------------ */

static void put_call(struct tl_buffer *out, const struct tl_turn_family *family, const char *name, uint32_t number, const char *arguments)
{
    put(out, family->call);
    put(out, family->head);
    put(out, name);
    if (family->numbered)
        tl_buffer_printf(out, ":%u", number);
    put(out, family->mid);
    put(out, arguments);
    put(out, family->tail);
    put(out, family->end);
}

/* Behind its "{"; name and arguments may stand in a member "function". */
static int read_call(struct tl_json *json, char **name, struct tl_buffer *arguments)
{
    int r;
    while ((r = tl_json_next(json)) == TL_JSON_KEY) {
        if (tl_json_is(json, "name") && !*name)
            r = tl_json_text(json, name);
        else if (tl_json_is(json, "arguments") && !arguments->len)
            r = tl_openai_raw(json, arguments);
        else if (tl_json_is(json, "function") && tl_openai_next_is(json, '{'))
            r = (r = tl_json_next(json)) < 0 ? r : read_call(json, name, arguments);
        else
            r = tl_json_skip(json);
        if (r < 0)
            return r;
    }
    return r;
}

static int read_calls(struct tell *tell, struct tl_buffer *out)
{
    struct tl_json *json = &tell->json;
    int r = tl_json_next(json);
    put(out, tell->family->section);
    for (bool first = true; r >= 0 && (r = tl_json_next(json)) == TL_JSON_OBJECT; first = false) {
        TL_AUTO char *name = NULL;
        struct tl_buffer arguments;
        tl_buffer_init(&arguments, 0);
        r = read_call(json, &name, &arguments);
        if (!first)
            put(out, tell->family->between);
        put_call(out, tell->family, name ? name : "", tell->n_calls++, arguments.len ? arguments.data : "{}");
        r = r < 0 ? r : arguments.status;
        tl_buffer_done(&arguments);
    }
    put(out, tell->family->section_end);
    return r;
}

/* --- messages --------------------------------------------------------------------------------------------------------------- */

static int put_message(struct tell *tell, const char *role, const struct tl_buffer *content, const struct tl_buffer *others)
{
    struct tl_buffer *out = &tell->out;
    tl_buffer_append(out, ",", out->len > 1);
    tl_buffer_append(out, "{", 1);
    tl_buffer_json_member(out, "role", role);
    put(out, ",\"content\":");
    tl_buffer_json_string(out, content->len ? content->data : "", content->len);
    if (others)
        tl_buffer_append(out, others->data, others->len);
    tl_buffer_append(out, "}", 1);
    return content->status < 0 ? content->status : out->status;
}

static int put_results(struct tell *tell)
{
    int r = tell->results.len ? put_message(tell, "user", &tell->results, NULL) : 0;
    tl_buffer_clear(&tell->results);
    return r;
}

/* Behind what the system says, before what the user says. */
static void tell_tools(struct tell *tell, struct tl_buffer *content)
{
    bool system = strcmp(tell->role, "system") == 0;
    const struct tl_buffer *first = system ? content : &tell->tools, *second = system ? &tell->tools : content;
    struct tl_buffer all = {0};
    tl_buffer_append(&all, first->data, first->len);
    put(&all, content->len ? "\n\n" : "");
    tl_buffer_append(&all, second->data, second->len);
    tl_buffer_done(content);
    *content = all;
    tl_buffer_clear(&tell->tools);
}

static int write_message(struct tell *tell, struct message *m)
{
    const char *role = m->role ? m->role : "";
    if (strcmp(role, "tool") == 0 || strcmp(role, "function") == 0) {
        put(&tell->results, tell->results.len ? "\n<tool_response>\n" : "<tool_response>\n");
        tl_buffer_append(&tell->results, m->content.data, m->content.len);
        put(&tell->results, "\n</tool_response>");
        return tell->results.status;
    }
    int r = put_results(tell);
    if (tell->tools.len && strcmp(role, tell->role) == 0)
        tell_tools(tell, &m->content);
    if (r >= 0 && tell->tools.len && strcmp(tell->role, "system") == 0) {
        r = put_message(tell, "system", &tell->tools, NULL);
        tl_buffer_clear(&tell->tools);
    }
    if (m->content.len && m->calls.len)
        put(&m->content, "\n");
    tl_buffer_append(&m->content, m->calls.data, m->calls.len);
    return r < 0 ? r : put_message(tell, role, &m->content, &m->others);
}

static int read_member(struct tell *tell, struct message *m)
{
    struct tl_json *json = &tell->json;
    if (tl_json_is(json, "role") && !m->role)
        return tl_json_text(json, &m->role);
    if (tl_json_is(json, "tool_calls") && tl_openai_next_is(json, '['))
        return read_calls(tell, &m->calls);
    if (tl_json_is(json, "content") && tl_openai_next_is(json, '"')) {
        int r = tl_json_next(json);
        return r < 0 ? r : tl_buffer_append(&m->content, json->string.data, json->string.len);
    }
    if (tl_json_is(json, "content"))
        return tl_openai_next_is(json, 'n') ? tl_json_skip(json) : tl_fail(TL_E_USAGE, "messages: expected contents that are strings");
    tl_buffer_append(&m->others, ",", 1);
    tl_buffer_json_string(&m->others, json->string.data, json->string.len);
    tl_buffer_append(&m->others, ":", 1);
    return tl_openai_raw(json, &m->others);
}

static int take_message(struct tell *tell)
{
    struct message m = {0};
    int r;
    while ((r = tl_json_next(&tell->json)) == TL_JSON_KEY && (r = read_member(tell, &m)) >= 0)
        continue;
    if (r >= 0)
        r = m.calls.status < 0 ? m.calls.status : m.others.status < 0 ? m.others.status : write_message(tell, &m);
    tl_free(m.role);
    tl_buffer_done(&m.content);
    tl_buffer_done(&m.calls);
    tl_buffer_done(&m.others);
    return r;
}

static int take_messages(struct tell *tell, const char *messages)
{
    tl_json_init(&tell->json, "messages", messages, strlen(messages));
    int r = tl_json_next(&tell->json);
    if (r >= 0 && r != TL_JSON_ARRAY)
        r = tl_fail(TL_E_USAGE, "messages: expected a list");
    tl_buffer_append(&tell->out, "[", 1);
    while (r >= 0 && (r = tl_json_next(&tell->json)) == TL_JSON_OBJECT)
        r = take_message(tell);
    if (r >= 0 && r != TL_JSON_ARRAY_END)
        r = tl_fail(TL_E_USAGE, "messages: expected each to be an object");
    tl_json_done(&tell->json);
    if (r >= 0)
        r = put_results(tell);
    tl_buffer_append(&tell->out, "]", 1);
    return r;
}

/* --- the tools -------------------------------------------------------------------------------------------------------------- */

static int put_tools(struct tell *tell, const char *tools)
{
    struct tl_json json;
    struct tl_buffer *out = &tell->tools;
    tl_json_init(&json, "tools", tools, strlen(tools));
    int r = tl_json_next(&json);
    put(out, "You may call functions. These are their signatures:\n<tools>\n");
    while (r >= 0 && (r = tl_json_next(&json)) == TL_JSON_OBJECT) {
        const char *start = json.raw;
        r = tl_json_skip(&json);
        tl_buffer_append(out, start, (size_t)(json.at - start));
        put(out, "\n");
    }
    put(out, "</tools>\n\nTo call one, write its name and its arguments, a JSON object, in this form:\n");
    put(out, tell->family->section);
    put_call(out, tell->family, "<function-name>", 0, "<arguments>");
    put(out, tell->family->section_end);
    put(out, "\nWhat it returns comes back within <tool_response></tool_response>.");
    tl_json_done(&json);
    return r < 0 ? r : out->status;
}

int tl_turn_tell(const struct tl_turn_family *family, bool system, const char *tools, const char *messages, char **ret_messages)
{
    struct tell tell = {.family = family, .role = system ? "system" : "user"};
    *ret_messages = NULL;
    if (family->syntax != TL_TURN_JSON && family->syntax != TL_TURN_NAMED)
        return 0;
    int r = put_tools(&tell, tools);
    if (r >= 0)
        r = take_messages(&tell, messages);
    tl_buffer_done(&tell.tools);
    tl_buffer_done(&tell.results);
    if (r >= 0)
        r = tell.out.status;
    char *told = tl_buffer_take(&tell.out, NULL);
    if (r < 0)
        tl_free(told);
    else
        *ret_messages = told;
    return r < 0 ? r : 0;
}
