/* SPDX-License-Identifier: MIT */
/* Anthropic's messages, lists of blocks, as messages of a chat: results of tools are messages of their own, what was thought
 * comes back whatever it was signed with. */
#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "wire/messages_read.h"

/* Of a client's bill, with a sum that differs from request to request: nothing that a prompt should begin with. */
static const char billing[] = "x-anthropic-billing-header";

/* A block's members that are looked at. The reader gives them in any order. */
struct block {
    char *type, *text, *thinking, *id, *tool_use_id, *name;
    struct tl_buffer content, input;     /* JSON */
    bool document;
    char *data, *title;                  /* of a document that is text */
};

static void drop(struct block *block)
{
    char *const strings[] = {block->type, block->text, block->thinking, block->id, block->tool_use_id, block->name, block->data, block->title};
    for (size_t i = 0; i < sizeof strings / sizeof *strings; i++)
        tl_free(strings[i]);
    tl_buffer_done(&block->content);
    tl_buffer_done(&block->input);
}

/* --- parts of a text -------------------------------------------------------------------------------------------------------- */

/* What a document or an image comes from: text that is given with it, or nothing that can be read here. */
static int take_source(struct tl_json *json, struct block *block)
{
    bool text = false;
    int r = tl_json_next(json);
    if (r != TL_JSON_OBJECT)
        return r < 0 ? r : tl_fail(TL_E_USAGE, "messages: expected a source to be an object");
    while ((r = tl_json_next(json)) == TL_JSON_KEY) {
        if (tl_json_is(json, "data")) {
            r = tl_openai_text(json, &block->data);
        } else if (tl_json_is(json, "type")) {
            r = tl_json_next(json);
            text = r == TL_JSON_STRING && tl_json_is(json, "text");
        } else {
            r = tl_json_skip(json);
        }
        if (r < 0)
            return r;
    }
    block->document = text && block->data;
    return r;
}

static int take_member(struct tl_json *json, struct block *block)
{
    struct { const char *name; char **slot; } const strings[] = {
        {"type", &block->type}, {"text", &block->text}, {"thinking", &block->thinking}, {"id", &block->id},
        {"tool_use_id", &block->tool_use_id}, {"name", &block->name}, {"title", &block->title}};
    if (tl_openai_next_is(json, 'n'))
        return tl_json_skip(json);
    for (size_t i = 0; i < sizeof strings / sizeof *strings; i++)
        if (tl_json_is(json, strings[i].name))
            return tl_openai_text(json, strings[i].slot);
    if (tl_json_is(json, "source"))
        return take_source(json, block);
    bool content = tl_json_is(json, "content"), input = tl_json_is(json, "input");
    if (!content && !input)
        return tl_json_skip(json);       /* cache_control, citations, signature, ... */
    tl_buffer_clear(content ? &block->content : &block->input);
    return tl_openai_raw(json, content ? &block->content : &block->input);
}

/* The event is its "{". To be dropped whatever is returned. */
static int read_block(struct tl_json *json, struct block *block)
{
    *block = (struct block){0};
    tl_buffer_init(&block->content, 0);
    tl_buffer_init(&block->input, 0);
    int r = json->event == TL_JSON_OBJECT ? 0 : tl_fail(TL_E_USAGE, "messages: expected blocks to be objects");
    while (r >= 0 && (r = tl_json_next(json)) == TL_JSON_KEY)
        r = take_member(json, block);
    if (r >= 0 && !block->type)
        return tl_fail(TL_E_USAGE, "messages: a block without a type");
    return r;
}

static bool is(const struct block *block, const char *type) { return strcmp(block->type, type) == 0; }

static int put_part(struct tl_buffer *out, const char *text) { return tl_talk_part(out, text, strlen(text)); }

/* A block of a user's text, behind the parts that are there. */
static int put_text(struct tl_buffer *parts, const struct block *block)
{
    if (is(block, "text"))
        return put_part(parts, block->text ? block->text : "");
    if (is(block, "document") && block->document) {
        int r = block->title ? put_part(parts, block->title) : 0;
        return r < 0 ? r : put_part(parts, block->data);
    }
    return tl_fail(TL_E_USAGE, "messages: a block of type \"%.40s\" is not supported here: the model reads text", block->type);
}

/* The content of a result: a string, or blocks. `json`: raw. */
static int put_result(struct tl_talk *talk, const struct block *block)
{
    struct tl_buffer parts;
    struct tl_json json;
    const char *raw = block->content.len ? block->content.data : "\"\"";
    if (!block->tool_use_id)
        return tl_fail(TL_E_USAGE, "messages: a tool_result without its tool_use_id");
    if (*raw == '"')
        return tl_talk_result(talk, block->tool_use_id, raw, strlen(raw));
    tl_buffer_init(&parts, 0);
    tl_json_init(&json, "messages", raw, strlen(raw));
    int r = tl_json_next(&json);
    if (r >= 0 && r != TL_JSON_ARRAY)
        r = tl_fail(TL_E_USAGE, "messages: expected the content of a tool_result to be a string or a list");
    while (r >= 0 && (r = tl_json_next(&json)) >= 0 && r != TL_JSON_ARRAY_END) {
        struct block inner;
        r = read_block(&json, &inner);
        if (r >= 0 && is(&inner, "tool_reference"))
            r = put_part(&parts, inner.name ? inner.name : "");
        else if (r >= 0)
            r = put_text(&parts, &inner);
        drop(&inner);
    }
    tl_json_done(&json);
    struct tl_buffer list;
    tl_buffer_init(&list, 0);
    tl_buffer_printf(&list, "[%s]", parts.len ? parts.data : "");
    if (r >= 0)
        r = list.status < 0 ? list.status : parts.len ? tl_talk_result(talk, block->tool_use_id, list.data, list.len) : tl_talk_result(talk, block->tool_use_id, "\"\"", 2);
    tl_buffer_done(&list);
    tl_buffer_done(&parts);
    return r;
}

/* --- messages --------------------------------------------------------------------------------------------------------------- */

static int put_said(struct tl_talk *talk, const struct block *block)
{
    if (is(block, "text"))
        return block->text && *block->text ? tl_talk_text(talk, block->text, strlen(block->text)) : 0;
    if (is(block, "thinking"))
        return block->thinking ? tl_talk_reasoning(talk, block->thinking, strlen(block->thinking)) : 0;
    if (!is(block, "tool_use"))
        return 0;                        /* redacted, or of tools that a service of its maker ran */
    if (!block->id || !block->name)
        return tl_fail(TL_E_USAGE, "messages: a tool_use without its id or name");
    const char *input = block->input.len ? block->input.data : "{}";
    return tl_talk_call(talk, block->id, block->name, input, strlen(input));
}

static int flush_parts(struct tl_talk *talk, struct tl_buffer *parts)
{
    struct tl_buffer list;
    if (!parts->len)
        return 0;
    tl_buffer_init(&list, 0);
    tl_buffer_printf(&list, "[%s]", parts->data);
    int r = list.status < 0 ? list.status : tl_talk_message(talk, "user", list.data, list.len);
    tl_buffer_done(&list);
    tl_buffer_clear(parts);
    return r;
}

/* The content, held as JSON until the role is known. */
static int put_blocks(struct tl_talk *talk, bool assistant, const char *raw, size_t n_bytes)
{
    struct tl_json json;
    struct tl_buffer parts;
    tl_buffer_init(&parts, 0);
    tl_json_init(&json, "messages", raw, n_bytes);
    int r = tl_json_next(&json);
    while (r >= 0 && (r = tl_json_next(&json)) >= 0 && r != TL_JSON_ARRAY_END) {
        struct block block;
        r = read_block(&json, &block);
        if (r >= 0 && assistant) {
            r = put_said(talk, &block);
        } else if (r >= 0 && is(&block, "tool_result")) {
            r = flush_parts(talk, &parts);
            r = r < 0 ? r : put_result(talk, &block);
        } else if (r >= 0) {
            r = put_text(&parts, &block);
        }
        drop(&block);
    }
    if (r >= 0)
        r = assistant ? tl_talk_flush(talk) : flush_parts(talk, &parts);
    tl_json_done(&json);
    tl_buffer_done(&parts);
    return r;
}

static int put_message(struct tl_talk *talk, const char *role, const struct tl_buffer *content)
{
    bool assistant = strcmp(role, "assistant") == 0;
    if (!assistant && strcmp(role, "user") != 0 && strcmp(role, "system") != 0)
        return tl_fail(TL_E_USAGE, "messages: expected a role (user, assistant, system), found \"%.40s\"", role);
    if (!content->len)
        return tl_fail(TL_E_USAGE, "messages: a message without content");
    if (*content->data == '"')
        return tl_talk_message(talk, role, content->data, content->len);
    if (*content->data != '[')
        return tl_fail(TL_E_USAGE, "messages: expected a content that is a string or a list of blocks");
    return strcmp(role, "system") == 0 ? tl_talk_message(talk, role, content->data, content->len) : put_blocks(talk, assistant, content->data, content->len);
}

static int take_message(struct tl_json *json, struct tl_messages *own)
{
    TL_AUTO char *role = NULL;
    struct tl_buffer content;
    int r = json->event == TL_JSON_OBJECT ? 0 : tl_fail(TL_E_USAGE, "messages: expected each to be an object");
    tl_buffer_init(&content, 0);
    while (r >= 0 && (r = tl_json_next(json)) == TL_JSON_KEY) {
        if (tl_json_is(json, "role")) {
            r = tl_openai_text(json, &role);
        } else if (tl_json_is(json, "content")) {
            tl_buffer_clear(&content);
            r = tl_openai_raw(json, &content);
        } else {
            r = tl_json_skip(json);
        }
    }
    if (r >= 0 && !role)
        r = tl_fail(TL_E_USAGE, "messages: a message without a role");
    if (r >= 0)
        r = put_message(&own->talk, role, &content);
    tl_buffer_done(&content);
    return r;
}

int tl_messages_take_list(struct tl_json *json, struct tl_messages *own)
{
    int r = tl_json_next(json);
    own->some = true;
    if (r >= 0 && r != TL_JSON_ARRAY)
        return tl_fail(TL_E_USAGE, "messages: expected a list");
    while (r >= 0 && (r = tl_json_next(json)) >= 0 && r != TL_JSON_ARRAY_END)
        r = take_message(json, own);
    return r;
}

/* --- system ----------------------------------------------------------------------------------------------------------------- */

int tl_messages_take_system(struct tl_json *json, struct tl_messages *own)
{
    int r = tl_json_next(json);
    if (r == TL_JSON_STRING)
        return json->string.len && strncmp(json->string.data, billing, strlen(billing)) != 0 ? put_part(&own->system, json->string.data) : 0;
    if (r >= 0 && r != TL_JSON_ARRAY)
        return tl_fail(TL_E_USAGE, "system: expected a string or a list of blocks");
    for (bool first = true; r >= 0 && (r = tl_json_next(json)) >= 0 && r != TL_JSON_ARRAY_END; first = false) {
        struct block block;
        r = read_block(json, &block);
        bool bill = r >= 0 && first && block.text && strncmp(block.text, billing, strlen(billing)) == 0;
        if (r >= 0 && !bill)
            r = put_text(&own->system, &block);
        drop(&block);
    }
    return r;
}
