/* SPDX-License-Identifier: MIT */
/* Messages put together from what thinking, texts and calls an assistant's turn has. */
#include "wire/talk.h"

#include <string.h>

#include "base/error.h"
#include "base/hash.h"
#include "base/memory.h"
#include "wire/translate.h"

void tl_talk_init(struct tl_talk *talk)
{
    *talk = (struct tl_talk){0};
    tl_buffer_init(&talk->out, 0);
    tl_buffer_init(&talk->reasoning, 0);
    tl_buffer_init(&talk->text, 0);
    tl_buffer_init(&talk->calls, 0);
}

void tl_talk_done(struct tl_talk *talk)
{
    tl_buffer_done(&talk->out);
    tl_buffer_done(&talk->reasoning);
    tl_buffer_done(&talk->text);
    tl_buffer_done(&talk->calls);
    for (uint64_t i = 0; i < talk->n_calls; i++) {
        tl_free(talk->call[i].id);
        tl_free(talk->call[i].name);
    }
    tl_free(talk->call);
    tl_free(talk->slot);
    *talk = (struct tl_talk){0};
}

int tl_talk_part(struct tl_buffer *out, const char *text, size_t n_bytes)
{
    tl_buffer_append(out, ",", out->len > 0);
    tl_buffer_append(out, "{\"type\":\"text\",\"text\":", 22);
    tl_buffer_json_string(out, text, n_bytes);
    return tl_buffer_append(out, "}", 1);
}

static void begin(struct tl_talk *talk, const char *role)
{
    tl_buffer_append(&talk->out, ",", talk->out.len > 0);
    tl_buffer_append(&talk->out, "{\"role\":", 8);
    tl_buffer_json_string(&talk->out, role, strlen(role));
}

/* --- calls by their ids ----------------------------------------------------------------------------------------------------- */

/* The slot of an id: empty, or of the last call that has it. */
static uint32_t *slot_of(const struct tl_talk *talk, const char *id)
{
    uint64_t at = tl_hash_bytes(id, strlen(id), 0) & (talk->n_slots - 1);
    while (talk->slot[at] && strcmp(talk->call[talk->slot[at] - 1].id, id) != 0)
        at = (at + 1) & (talk->n_slots - 1);
    return &talk->slot[at];
}

/* Half of the slots at most are taken. */
static int note_call(struct tl_talk *talk)
{
    uint64_t from = talk->n_calls - 1;
    if (2 * talk->n_calls > talk->n_slots) {
        uint64_t n_slots = talk->n_slots ? 2 * talk->n_slots : 16;
        uint32_t *slot = tl_alloc(n_slots, sizeof *slot);
        if (!slot)
            return TL_E_NOMEM;
        tl_free(talk->slot);
        talk->slot = slot;
        talk->n_slots = n_slots;
        from = 0;
    }
    for (uint64_t i = from; i < talk->n_calls; i++)
        *slot_of(talk, talk->call[i].id) = (uint32_t)i + 1;
    return 0;
}

/* NULL: no call had the id. */
static const char *name_of(const struct tl_talk *talk, const char *id)
{
    uint32_t call = talk->n_slots ? *slot_of(talk, id) : 0;
    return call ? talk->call[call - 1].name : NULL;
}

/* --- messages --------------------------------------------------------------------------------------------------------------- */

int tl_talk_flush(struct tl_talk *talk)
{
    struct tl_buffer *out = &talk->out;
    if (!talk->open)
        return 0;
    begin(talk, "assistant");
    tl_buffer_append(out, ",\"content\":", 11);
    if (talk->said)
        tl_buffer_json_string(out, talk->text.data ? talk->text.data : "", talk->text.len);
    else
        tl_buffer_append(out, "null", 4);
    if (talk->reasoning.len) {
        tl_buffer_append(out, ",\"reasoning_content\":", 21);
        tl_buffer_json_string(out, talk->reasoning.data, talk->reasoning.len);
    }
    if (talk->calls.len) {
        tl_buffer_append(out, ",\"tool_calls\":[", 15);
        tl_buffer_append(out, talk->calls.data, talk->calls.len);
        tl_buffer_append(out, "]", 1);
    }
    tl_buffer_append(out, "}", 1);
    int r = talk->reasoning.status < 0 ? talk->reasoning.status : talk->text.status < 0 ? talk->text.status : talk->calls.status;
    tl_buffer_clear(&talk->reasoning);
    tl_buffer_clear(&talk->text);
    tl_buffer_clear(&talk->calls);
    talk->open = talk->said = false;
    return r < 0 ? r : out->status;
}

int tl_talk_message(struct tl_talk *talk, const char *role, const char *content, size_t n_bytes)
{
    int r = tl_talk_flush(talk);
    begin(talk, role);
    tl_buffer_append(&talk->out, ",\"content\":", 11);
    tl_buffer_append(&talk->out, content, n_bytes);
    tl_buffer_append(&talk->out, "}", 1);
    return r < 0 ? r : talk->out.status;
}

int tl_talk_result(struct tl_talk *talk, const char *id, const char *content, size_t n_bytes)
{
    const char *name = name_of(talk, id);
    int r = tl_talk_flush(talk);
    begin(talk, "tool");
    tl_buffer_json_member(&talk->out, "tool_call_id", id);
    if (name)
        tl_buffer_json_member(&talk->out, "name", name);
    tl_buffer_append(&talk->out, ",\"content\":", 11);
    tl_buffer_append(&talk->out, content, n_bytes);
    tl_buffer_append(&talk->out, "}", 1);
    return r < 0 ? r : talk->out.status;
}

/* --- the assistant's -------------------------------------------------------------------------------------------------------- */

int tl_talk_reasoning(struct tl_talk *talk, const char *text, size_t n_bytes)
{
    int r = talk->said || talk->calls.len ? tl_talk_flush(talk) : 0;
    talk->open = true;
    tl_buffer_append(&talk->reasoning, "\n", talk->reasoning.len > 0);
    int status = tl_buffer_append(&talk->reasoning, text, n_bytes);
    return r < 0 ? r : status;
}

int tl_talk_text(struct tl_talk *talk, const char *text, size_t n_bytes)
{
    int r = talk->calls.len ? tl_talk_flush(talk) : 0;
    talk->open = true;
    tl_buffer_append(&talk->text, "\n", talk->said);
    talk->said = true;
    int status = tl_buffer_append(&talk->text, text, n_bytes);
    return r < 0 ? r : status;
}

int tl_talk_call(struct tl_talk *talk, const char *id, const char *name, const char *arguments, size_t n_bytes)
{
    struct tl_buffer *out = &talk->calls;
    int r = tl_grow((void **)&talk->call, talk->n_calls, &talk->room, sizeof *talk->call);
    if (r < 0)
        return r;
    struct tl_talk_call *call = &talk->call[talk->n_calls++];
    *call = (struct tl_talk_call){.id = tl_strdup(id), .name = tl_strdup(name)};
    if (!call->id || !call->name || note_call(talk) < 0)
        return TL_E_NOMEM;
    talk->open = true;
    tl_buffer_append(out, ",", out->len > 0);
    tl_buffer_append(out, "{", 1);
    tl_buffer_json_member(out, "id", id);
    tl_buffer_append(out, ",\"type\":\"function\",\"function\":{", 31);
    tl_buffer_json_member(out, "name", name);
    tl_buffer_append(out, ",\"arguments\":", 13);
    tl_buffer_json_string(out, arguments, n_bytes);
    return tl_buffer_append(out, "}}", 2);
}
