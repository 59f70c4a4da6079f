/* SPDX-License-Identifier: MIT */
/* Fields about reasoning: whether, how much, and at most how many tokens of it. Templates are told what they have a variable
 * for; the bound is kept whatever the model thinks of it. A bound in tokens goes before one that an effort implies. */
#include <string.h>

#include "base/array.h"
#include "base/error.h"
#include "base/memory.h"
#include "wire/openai_fields.h"

/* Tokens of reasoning at most; -1: as many as it takes. */
static const struct { const char *name; int64_t tokens; } efforts[] = {
    {"none", 0}, {"minimal", 512}, {"low", 2048}, {"medium", 8192}, {"high", -1}, {"xhigh", -1}, {"max", -1},
};

static void set_thinking(struct tl_openai_request *request, bool thinking)
{
    request->said_thinking = true;
    request->thinking = thinking;
}

static void set_budget(struct tl_openai_request *request, int64_t tokens)
{
    request->said_budget = true;
    request->think_tokens = tokens;
}

int tl_openai_take_thinking(struct tl_openai_reader *reader, const struct tl_openai_field *field)
{
    bool thinking;
    int r = tl_json_bool(&reader->json, &thinking);
    (void)field;
    if (r >= 0)
        set_thinking(reader->request, thinking);
    return r;
}

int tl_openai_take_budget(struct tl_openai_reader *reader, const struct tl_openai_field *field)
{
    int64_t tokens;
    int r = tl_json_i64(&reader->json, (int64_t)field->min, (int64_t)field->max, &tokens);
    if (r >= 0)
        set_budget(reader->request, tokens);
    return r;
}

/* The current event. */
static int set_effort(struct tl_openai_reader *reader, const struct tl_openai_field *field, int event)
{
    struct tl_openai_request *request = reader->request;
    for (size_t i = 0; i < TL_COUNT(efforts) && event == TL_JSON_STRING; i++) {
        struct tl_buffer quoted;
        if (!tl_json_is(&reader->json, efforts[i].name))
            continue;
        tl_buffer_init(&quoted, 0);
        tl_buffer_json_string(&quoted, efforts[i].name, strlen(efforts[i].name));
        tl_free(request->effort);
        request->effort_tokens = efforts[i].tokens;
        if (efforts[i].tokens == 0)
            set_thinking(request, false);
        return (request->effort = tl_buffer_take(&quoted, NULL)) ? 0 : TL_E_NOMEM;
    }
    return event < 0 ? event : tl_fail(TL_E_USAGE, "%s: expected an effort: none, minimal, low, medium, high, xhigh or max", field->name);
}

int tl_openai_take_effort(struct tl_openai_reader *reader, const struct tl_openai_field *field)
{
    return set_effort(reader, field, tl_json_next(&reader->json));
}

int tl_openai_take_kwargs(struct tl_openai_reader *reader, const struct tl_openai_field *field)
{
    if (!tl_openai_next_is(&reader->json, '{'))
        return tl_fail(TL_E_USAGE, "%s: expected an object", field->name);
    return tl_openai_keep(&reader->json, tl_openai_member(reader, field), tl_openai_raw);
}

/* --- objects ---------------------------------------------------------------------------------------------------------------- */

static int take_switch(struct tl_openai_reader *reader, const struct tl_openai_field *field)
{
    struct tl_json *json = &reader->json;
    int r = tl_json_next(json);
    if (r < 0)
        return r;
    bool off = r == TL_JSON_STRING && tl_json_is(json, "disabled");
    if (!off && !(r == TL_JSON_STRING && (tl_json_is(json, "enabled") || tl_json_is(json, "adaptive") || tl_json_is(json, "auto"))))
        return tl_fail(TL_E_USAGE, "%s: expected a type: enabled, disabled or adaptive", field->name);
    set_thinking(reader->request, !off);
    return 0;
}

static int take_member(struct tl_openai_reader *reader, const struct tl_openai_field *field)
{
    static const struct tl_openai_field tokens = {.name = "tokens of reasoning", .min = -1, .max = 1 << 30};
    struct tl_json *json = &reader->json;
    if (tl_openai_next_is(json, 'n'))
        return tl_json_skip(json);
    if (tl_json_is(json, "effort"))
        return tl_openai_take_effort(reader, field);
    if (tl_json_is(json, "max_tokens") || tl_json_is(json, "budget_tokens"))
        return tl_openai_take_budget(reader, &tokens);
    if (tl_json_is(json, "enabled"))
        return tl_openai_take_thinking(reader, field);
    if (tl_json_is(json, "exclude"))
        return tl_json_bool(json, &reader->request->hide_reasoning);
    if (tl_json_is(json, "type"))
        return take_switch(reader, field);
    if (tl_json_is(json, "summary") || tl_json_is(json, "generate_summary") || tl_json_is(json, "display"))
        return tl_json_skip(json);       /* what is sent is the reasoning itself */
    return tl_fail(TL_E_USAGE, "%s: \"%.40s\" is not known", field->name, json->string.data);
}

/* true, false, an effort, or {"type", "budget_tokens"}, {"effort", "max_tokens", "enabled", "exclude"}. */
int tl_openai_take_think(struct tl_openai_reader *reader, const struct tl_openai_field *field)
{
    int r = tl_json_next(&reader->json);
    if (r == TL_JSON_TRUE || r == TL_JSON_FALSE) {
        set_thinking(reader->request, r == TL_JSON_TRUE);
        return 0;
    }
    if (r == TL_JSON_STRING)
        return set_effort(reader, field, r);
    if (r >= 0 && r != TL_JSON_OBJECT)
        return tl_fail(TL_E_USAGE, "%s: expected true, false, an effort or an object", field->name);
    while (r >= 0 && (r = tl_json_next(&reader->json)) == TL_JSON_KEY)
        r = take_member(reader, field);
    return r;
}

/* Reasoning has a field of its own in answers; that it stays in the content is not offered. */
int tl_openai_take_split(struct tl_openai_reader *reader, const struct tl_openai_field *field)
{
    int r = tl_json_next(&reader->json);
    if (r < 0 || (r == TL_JSON_STRING && (tl_json_is(&reader->json, "auto") || tl_json_is(&reader->json, "deepseek") || tl_json_is(&reader->json, "parsed"))))
        return r;
    if (r == TL_JSON_STRING && tl_json_is(&reader->json, "hidden")) {
        reader->request->hide_reasoning = true;
        return 0;
    }
    return tl_fail(TL_E_USAGE, "%s: expected auto, deepseek or hidden: reasoning is told apart from content", field->name);
}

/* --- all of it -------------------------------------------------------------------------------------------------------------- */

/* What the template's variables say of it. */
static int look_at_kwargs(struct tl_openai_request *request, bool *off)
{
    struct tl_json json;
    tl_json_init(&json, "chat_template_kwargs", request->kwargs, strlen(request->kwargs));
    int r = tl_json_next(&json);
    while (r >= 0 && (r = tl_json_next(&json)) == TL_JSON_KEY) {
        bool says = tl_json_is(&json, "enable_thinking") || tl_json_is(&json, "thinking");
        bool budget = tl_json_is(&json, "thinking_budget") && !tl_openai_next_is(&json, 'n') && !request->said_budget;
        int64_t tokens;
        r = budget ? tl_json_i64(&json, -1, 1 << 30, &tokens) : says ? tl_json_next(&json) : tl_json_skip(&json);
        if (budget && r >= 0)
            set_budget(request, tokens);
        if (says && (r == TL_JSON_TRUE || r == TL_JSON_FALSE))
            *off = r == TL_JSON_FALSE;
        else if (says && (r == TL_JSON_OBJECT || r == TL_JSON_ARRAY))
            r = tl_json_skip(&json);
    }
    tl_json_done(&json);
    return r;
}

int tl_openai_settle_thinking(struct tl_openai_request *request)
{
    bool off = request->said_thinking && !request->thinking;
    int r = request->kwargs ? look_at_kwargs(request, &off) : 0;
    if (!request->said_budget && off)
        request->think_tokens = 0;
    else if (!request->said_budget && request->effort_tokens > TL_OPENAI_NO_EFFORT)
        request->think_tokens = request->effort_tokens;
    request->said_budget = false;
    request->effort_tokens = TL_OPENAI_NO_EFFORT;
    return r;
}
