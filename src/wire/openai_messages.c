/* SPDX-License-Identifier: MIT */
/* Messages of a request, written anew for chat templates, which expect strings and objects where clients send lists of
 * parts and strings of JSON. What no rule here names is kept as it is: the template decides. */
#include <string.h>

#include "base/array.h"
#include "base/error.h"
#include "base/memory.h"
#include "wire/openai.h"

static const char *const roles[] = {"system", "user", "assistant", "tool", "function"};

struct message {
    struct tl_json *json;
    struct tl_buffer *out;
    bool first, role, content;           /* nothing is written yet; these were there */
    char *reasoning, *reasoning_content; /* JSON strings */
};

const char *tl_openai_value_at(const struct tl_json *json)
{
    const char *at = json->at;
    while (at < json->end && (*at == ' ' || *at == '\n' || *at == '\t' || *at == '\r'))
        at++;
    return at;
}

bool tl_openai_next_is(const struct tl_json *json, char c)
{
    const char *at = tl_openai_value_at(json);
    return at < json->end && *at == c;
}

int tl_openai_raw(struct tl_json *json, struct tl_buffer *out)
{
    const char *start = tl_openai_value_at(json);
    int r = tl_json_skip(json);
    return r < 0 ? r : tl_buffer_append(out, start, (size_t)(json->at - start));
}

int tl_openai_text(struct tl_json *json, char **slot)
{
    char *text;
    int r = tl_json_text(json, &text);
    if (r < 0)
        return r;
    tl_free(*slot);
    *slot = text;
    return 0;
}

static int comma(bool *first, struct tl_buffer *out)
{
    bool was = *first;
    *first = false;
    return was ? out->status : tl_buffer_append(out, ",", 1);
}

static int put_key(struct message *m, const char *key)
{
    comma(&m->first, m->out);
    tl_buffer_json_string(m->out, key, strlen(key));
    return tl_buffer_append(m->out, ":", 1);
}

static int take_role(struct message *m)
{
    int r = tl_json_next(m->json);
    if (r < 0)
        return r;
    if (m->role)
        return tl_fail(TL_E_USAGE, "messages: a message with two roles");
    m->role = true;
    const char *role = r == TL_JSON_STRING && tl_json_is(m->json, "developer") ? "system" : NULL;
    for (size_t i = 0; i < TL_COUNT(roles) && !role; i++)
        if (r == TL_JSON_STRING && tl_json_is(m->json, roles[i]))
            role = roles[i];
    if (!role)
        return tl_fail(TL_E_USAGE, "messages: expected a role (system, developer, user, assistant, tool), found \"%.40s\"",
                       r == TL_JSON_STRING ? m->json->string.data : "");
    put_key(m, "role");
    return tl_buffer_json_string(m->out, role, strlen(role));
}

/* --- content ---------------------------------------------------------------------------------------------------------------- */

/* {"type": "text", "text": "..."}: its text behind what is there. */
static int take_part(struct tl_json *json, struct tl_buffer *text)
{
    bool typed = false, said = false;
    int r = json->event == TL_JSON_OBJECT ? 0 : tl_fail(TL_E_USAGE, "messages: expected parts of a content to be objects");
    while (r >= 0 && (r = tl_json_next(json)) == TL_JSON_KEY) {
        bool type = tl_json_is(json, "type"), is_text = tl_json_is(json, "text") || tl_json_is(json, "refusal");
        if (!type && !is_text) {
            r = tl_json_skip(json);
            continue;
        }
        if ((r = tl_json_next(json)) < 0)
            return r;
        if (r != TL_JSON_STRING || (type && !tl_json_is(json, "text") && !tl_json_is(json, "refusal")))
            return tl_fail(TL_E_USAGE, "messages: a part of type \"%.40s\" is not supported: the model reads text",
                           r == TL_JSON_STRING ? json->string.data : "");
        if (is_text && said)
            return tl_fail(TL_E_USAGE, "messages: a part with two texts");
        if (is_text)
            tl_buffer_append(text, json->string.data, json->string.len);
        typed |= type;
        said |= is_text;
    }
    if (r >= 0 && (!typed || !said))
        return tl_fail(TL_E_USAGE, "messages: a part without type or text");
    return r;
}

static int take_content(struct message *m)
{
    struct tl_buffer text;
    bool first = true;
    if (m->content)
        return tl_fail(TL_E_USAGE, "messages: a message with two contents");
    m->content = true;
    put_key(m, "content");
    if (tl_openai_next_is(m->json, '"'))
        return tl_openai_raw(m->json, m->out);
    if (tl_openai_next_is(m->json, 'n')) {           /* of calls alone; templates join strings */
        tl_buffer_append(m->out, "\"\"", 2);
        return tl_json_skip(m->json);
    }
    int r = tl_json_next(m->json);
    if (r >= 0 && r != TL_JSON_ARRAY)
        return tl_fail(TL_E_USAGE, "messages: expected a content that is a string or a list of parts");
    tl_buffer_init(&text, 0);
    tl_buffer_append(&text, "", 0);
    while (r >= 0 && (r = tl_json_next(m->json)) >= 0 && r != TL_JSON_ARRAY_END) {
        if (!first)
            tl_buffer_append(&text, "\n", 1);
        first = false;
        r = take_part(m->json, &text);
    }
    if (r >= 0 && (r = text.status) >= 0)
        r = tl_buffer_json_string(m->out, text.data, text.len);
    tl_buffer_done(&text);
    return r;
}

/* --- tool calls ------------------------------------------------------------------------------------------------------------- */

static bool is_object(const char *text, size_t n_bytes)
{
    struct tl_json json;
    tl_json_init(&json, "arguments", text, n_bytes);
    bool good = tl_json_next(&json) == TL_JSON_OBJECT && tl_json_skip(&json) >= 0 && tl_json_next(&json) == TL_JSON_END;
    tl_json_done(&json);
    return good;
}

/* Arguments come as a string that holds JSON. */
static int take_arguments(struct tl_json *json, struct tl_buffer *out)
{
    if (!tl_openai_next_is(json, '"'))
        return tl_openai_raw(json, out);
    int r = tl_json_next(json);
    if (r < 0)
        return r;
    if (is_object(json->string.data, json->string.len))
        return tl_buffer_append(out, json->string.data, json->string.len);
    return tl_buffer_json_string(out, json->string.data, json->string.len);
}

/* An object whose member `name` is written by `write`, all others as they are. */
static int take_object(struct tl_json *json, struct tl_buffer *out, const char *name, int (*write)(struct tl_json *, struct tl_buffer *))
{
    bool first = true;
    int r = json->event == TL_JSON_OBJECT ? 0 : tl_fail(TL_E_USAGE, "messages: expected tool calls to be objects");
    tl_buffer_append(out, "{", 1);
    while (r >= 0 && (r = tl_json_next(json)) == TL_JSON_KEY) {
        bool special = tl_json_is(json, name);
        comma(&first, out);
        tl_buffer_json_string(out, json->string.data, json->string.len);
        tl_buffer_append(out, ":", 1);
        r = special ? write(json, out) : tl_openai_raw(json, out);
    }
    tl_buffer_append(out, "}", 1);
    return r;
}

static int take_function(struct tl_json *json, struct tl_buffer *out)
{
    int r = tl_json_next(json);
    return r < 0 ? r : take_object(json, out, "arguments", take_arguments);
}

static int take_tool_calls(struct message *m)
{
    bool first = true;
    int r = tl_json_next(m->json);
    if (r == TL_JSON_NULL)
        return 0;
    if (r >= 0 && r != TL_JSON_ARRAY)
        return tl_fail(TL_E_USAGE, "messages: expected tool_calls to be a list");
    put_key(m, "tool_calls");
    tl_buffer_append(m->out, "[", 1);
    while (r >= 0 && (r = tl_json_next(m->json)) >= 0 && r != TL_JSON_ARRAY_END) {
        comma(&first, m->out);
        r = take_object(m->json, m->out, "function", take_function);
    }
    tl_buffer_append(m->out, "]", 1);
    return r;
}

/* --- messages --------------------------------------------------------------------------------------------------------------- */

static int keep_string(struct tl_json *json, char **slot)
{
    struct tl_buffer raw;
    if (!tl_openai_next_is(json, '"'))
        return tl_openai_next_is(json, 'n') ? tl_json_skip(json) : tl_fail(TL_E_USAGE, "messages: expected reasoning to be a string");
    tl_buffer_init(&raw, 0);
    int r = tl_openai_raw(json, &raw);
    if (r >= 0) {
        tl_free(*slot);
        *slot = tl_buffer_take(&raw, NULL);
    }
    tl_buffer_done(&raw);
    return r;
}

static int take_member(struct message *m)
{
    struct tl_json *json = m->json;
    if (tl_json_is(json, "role"))
        return take_role(m);
    if (tl_json_is(json, "content"))
        return take_content(m);
    if (tl_json_is(json, "tool_calls"))
        return take_tool_calls(m);
    if (tl_json_is(json, "reasoning"))
        return keep_string(json, &m->reasoning);
    if (tl_json_is(json, "reasoning_content"))
        return keep_string(json, &m->reasoning_content);
    if ((tl_json_is(json, "audio") || tl_json_is(json, "function_call")) && !tl_openai_next_is(json, 'n'))
        return tl_fail(TL_E_USAGE, "messages: %s is not supported", json->string.data);
    comma(&m->first, m->out);
    tl_buffer_json_string(m->out, json->string.data, json->string.len);
    tl_buffer_append(m->out, ":", 1);
    return tl_openai_raw(json, m->out);
}

/* Both names, whichever the client knows. */
static int put_reasoning(struct message *m)
{
    const char *text = m->reasoning_content ? m->reasoning_content : m->reasoning;
    if (!text)
        return 0;
    put_key(m, "reasoning_content");
    tl_buffer_append(m->out, text, strlen(text));
    put_key(m, "reasoning");
    return tl_buffer_append(m->out, text, strlen(text));
}

static int take_message(struct tl_json *json, struct tl_buffer *out)
{
    struct message m = {.json = json, .out = out, .first = true};
    int r = json->event == TL_JSON_OBJECT ? 0 : tl_fail(TL_E_USAGE, "messages: expected each to be an object");
    tl_buffer_append(out, "{", 1);
    while (r >= 0 && (r = tl_json_next(json)) == TL_JSON_KEY)
        r = take_member(&m);
    if (r >= 0 && !m.role)
        r = tl_fail(TL_E_USAGE, "messages: a message without a role");
    if (r >= 0)
        r = put_reasoning(&m);
    if (r >= 0 && !m.content && (r = put_key(&m, "content")) >= 0)
        tl_buffer_append(out, "\"\"", 2);
    tl_free(m.reasoning);
    tl_free(m.reasoning_content);
    return r < 0 ? r : tl_buffer_append(out, "}", 1);
}

int tl_openai_messages(struct tl_json *json, struct tl_buffer *out)
{
    bool first = true;
    int r = tl_json_next(json);
    if (r >= 0 && r != TL_JSON_ARRAY)
        return tl_fail(TL_E_USAGE, "messages: expected a list");
    tl_buffer_append(out, "[", 1);
    while (r >= 0 && (r = tl_json_next(json)) >= 0 && r != TL_JSON_ARRAY_END) {
        comma(&first, out);
        r = take_message(json, out);
    }
    if (r >= 0 && first)
        return tl_fail(TL_E_USAGE, "messages: expected at least one");
    return r < 0 ? r : tl_buffer_append(out, "]", 1);
}
