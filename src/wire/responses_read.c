/* SPDX-License-Identifier: MIT */
/* The fields of OpenAI's responses as those of a chat. */
#include "wire/responses_read.h"

#include <string.h>

#include "base/array.h"
#include "base/error.h"
#include "base/memory.h"
#include "base/text.h"

enum { REPEATED_BYTES = 256 << 10 };     /* of one field */

static int take_as_is(struct tl_translation *t, const struct tl_translated *field) { return tl_translate_as_is(t, field); }
static int take_ignored(struct tl_translation *t, const struct tl_translated *field) { return tl_translate_ignored(t, field); }
static int take_refused(struct tl_translation *t, const struct tl_translated *field) { return tl_translate_refused(t, field); }
static int take_unused(struct tl_translation *t, const struct tl_translated *field) { return tl_translate_unused(t, field); }
static int take_choice(struct tl_translation *t, const struct tl_translated *field) { return tl_responses_take_choice(t, field); }

static int take_input(struct tl_translation *t, const struct tl_translated *field)
{
    (void)field;
    return tl_responses_take_input(&t->json, t->own);
}

static int take_instructions(struct tl_translation *t, const struct tl_translated *field)
{
    struct tl_responses *own = t->own;
    int r = tl_json_next(&t->json);
    if (r != TL_JSON_STRING)
        return r < 0 ? r : tl_fail(TL_E_USAGE, "%s: expected a string", field->name);
    if (!t->json.string.len)
        return 0;
    return tl_talk_part(&own->instructions, t->json.string.data, t->json.string.len);
}

static int take_tools(struct tl_translation *t, const struct tl_translated *field)
{
    tl_translate_key(&t->out, field->chat);
    return tl_responses_take_tools(&t->json, &t->out, t->own);
}

/* {"effort", "summary"}: what is sent is the reasoning itself, whatever summary is asked for. */
static int take_reasoning(struct tl_translation *t, const struct tl_translated *field)
{
    struct tl_json *json = &t->json;
    int r = tl_json_next(json);
    if (r >= 0 && r != TL_JSON_OBJECT)
        return tl_fail(TL_E_USAGE, "%s: expected an object", field->name);
    while (r >= 0 && (r = tl_json_next(json)) == TL_JSON_KEY) {
        if (tl_json_is(json, "effort") && !tl_openai_next_is(json, 'n')) {
            tl_translate_key(&t->out, "reasoning_effort");
            r = tl_openai_raw(json, &t->out);
        } else {
            r = tl_json_skip(json);
        }
    }
    return r;
}

static int take_format(struct tl_translation *t, const struct tl_translated *field)
{
    struct tl_responses *own = t->own;
    tl_buffer_clear(&own->format);
    int r = tl_openai_raw(&t->json, &own->format);
    tl_translate_key(&t->out, field->chat);
    return r < 0 ? r : tl_buffer_append(&t->out, own->format.data, own->format.len);
}

/* {"format": {"type": ...}, "verbosity"}. */
static int take_text(struct tl_translation *t, const struct tl_translated *field)
{
    struct tl_json *json = &t->json;
    int r = tl_json_next(json);
    if (r >= 0 && r != TL_JSON_OBJECT)
        return tl_fail(TL_E_USAGE, "%s: expected an object", field->name);
    while (r >= 0 && (r = tl_json_next(json)) == TL_JSON_KEY)
        r = tl_json_is(json, "format") && !tl_openai_next_is(json, 'n') ? take_format(t, field) : tl_json_skip(json);
    return r;
}

static int take_include(struct tl_translation *t, const struct tl_translated *field)
{
    struct tl_json *json = &t->json;
    int r = tl_json_next(json);
    if (r >= 0 && r != TL_JSON_ARRAY)
        return tl_fail(TL_E_USAGE, "%s: expected a list", field->name);
    while (r >= 0 && (r = tl_json_next(json)) == TL_JSON_STRING)
        if (tl_json_is(json, "message.output_text.logprobs"))
            return tl_fail(TL_E_USAGE, "%s %s", field->name, field->reason);
    return r < 0 || r == TL_JSON_ARRAY_END ? r : tl_fail(TL_E_USAGE, "%s: expected names", field->name);
}

static int take_truncation(struct tl_translation *t, const struct tl_translated *field)
{
    int r = tl_json_next(&t->json);
    if (r < 0 || (r == TL_JSON_STRING && tl_json_is(&t->json, "disabled")))
        return r;
    return tl_fail(TL_E_USAGE, "%s %s", field->name, field->reason);
}

/* --- all of it -------------------------------------------------------------------------------------------------------------- */

static const struct tl_translated fields[] = {
#define FIELD(name, chat, how, reason) {#name, chat, take_##how, reason},
#include "wire/responses_fields.def"
#undef FIELD
};
_Static_assert(TL_COUNT(fields) <= TL_TRANSLATED_FIELDS, "a flag a field");

/* Fields that an answer says again, and what it says of them where the request does not. */
static const struct { const char *name, *unsaid; } repeated[] = {
    {"instructions", "null"}, {"tools", "[]"}, {"tool_choice", "\"auto\""}, {"metadata", "{}"}, {"max_tool_calls", "null"}, {"prompt_cache_key", "null"},
    {"safety_identifier", "null"},
};

static struct tl_said said_of(const struct tl_translation *t, const char *name)
{
    size_t i = 0;
    while (strcmp(fields[i].name, name) != 0)
        i++;
    return t->said[i];
}

/* All of it is in three frames of a stream: what is too long for that is as if it were not said. */
static void put_repeated(struct tl_buffer *out, const char *name, struct tl_said said, const char *unsaid)
{
    bool again = said.text && said.n_bytes <= REPEATED_BYTES;
    tl_buffer_printf(out, ",\"%s\":", name);
    tl_buffer_append(out, again ? said.text : unsaid, again ? said.n_bytes : strlen(unsaid));
}

static int keep_repeated(const struct tl_translation *t)
{
    const struct tl_responses *own = t->own;
    struct tl_buffer out;
    tl_buffer_init(&out, 0);
    for (size_t i = 0; i < TL_COUNT(repeated); i++)
        put_repeated(&out, repeated[i].name, said_of(t, repeated[i].name), repeated[i].unsaid);
    put_repeated(&out, "text\":{\"format", (struct tl_said){own->format.data, own->format.len}, "{\"type\":\"text\"}");
    tl_buffer_append(&out, "}", 1);
    int r = out.status;
    tl_free(t->request->repeated);
    t->request->repeated = tl_buffer_take(&out, NULL);
    return r;
}

static int finish(struct tl_translation *t)
{
    struct tl_responses *own = t->own;
    struct tl_buffer *out = &t->out;
    int r = tl_talk_flush(&own->talk);
    if (r >= 0)
        r = keep_repeated(t);
    if (!own->some)
        return r;
    bool both = own->instructions.len && own->system.len, either = own->instructions.len || own->system.len;
    tl_translate_key(out, "messages");
    tl_buffer_append(out, "[", 1);
    if (either)
        tl_buffer_printf(out, "{\"role\":\"system\",\"content\":[%s%s%s]}%s", own->instructions.len ? own->instructions.data : "", both ? "," : "",
                         own->system.len ? own->system.data : "", own->talk.out.len ? "," : "");
    tl_buffer_append(out, own->talk.out.data ? own->talk.out.data : "", own->talk.out.len);
    int status = own->instructions.status < 0 ? own->instructions.status : own->notes.status;
    tl_buffer_append(out, "]", 1);
    return r < 0 ? r : status < 0 ? status : out->status;
}

/* Tools that a name stands for otherwise than it says are remembered for the answer. */
static int keep_notes(struct tl_openai_request *request, struct tl_buffer *notes)
{
    if (!notes->len)
        return 0;
    notes->data[0] = '[';
    tl_buffer_append(notes, "]", 1);
    int r = notes->status;
    tl_free(request->notes);
    request->notes = tl_buffer_take(notes, NULL);
    return r;
}

int tl_responses_read(struct tl_openai_request *request, const char *where, const char *text, size_t n_bytes)
{
    struct tl_responses own = {0};
    tl_buffer_init(&own.system, 0);
    tl_buffer_init(&own.instructions, 0);
    tl_buffer_init(&own.notes, 0);
    tl_buffer_init(&own.format, 0);
    tl_talk_init(&own.talk);
    int r = tl_translate(request, where, text, n_bytes, fields, TL_COUNT(fields), finish, &own);
    if (r >= 0)
        r = keep_notes(request, &own.notes);
    tl_talk_done(&own.talk);
    tl_buffer_done(&own.system);
    tl_buffer_done(&own.instructions);
    tl_buffer_done(&own.notes);
    tl_buffer_done(&own.format);
    return r;
}
