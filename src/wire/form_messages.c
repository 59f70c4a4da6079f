/* SPDX-License-Identifier: MIT */
/* /v1/messages, Anthropic's. A message is blocks: thinking with a signature, text, uses of tools. A stream begins and ends each
 * block; a sign of life is an event of its own there. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "wire/form.h"
#include "wire/items.h"
#include "wire/messages_read.h"

struct messages_writer {
    struct tl_writer_facts facts;
    struct tl_items items;
    bool open;                           /* of a stream: the last block has not ended */
};

/* --- pieces ----------------------------------------------------------------------------------------------------------------- */

static void begin_frame(struct tl_buffer *out, const char *type) { tl_buffer_printf(out, "event: %s\ndata: {\"type\":\"%s\"", type, type); }
static void end_frame(struct tl_buffer *out) { tl_buffer_printf(out, "}\n\n"); }

static const char *reason(const struct tl_items *items)
{
    if (strcmp(items->finish, "stop") == 0)
        return items->stop ? "stop_sequence" : "end_turn";
    return strcmp(items->finish, "length") == 0 ? "max_tokens" : "tool_use";
}

/* Why it ended, and the stop string if that is why. */
static void put_end(struct tl_buffer *out, const struct tl_items *items)
{
    const char *stop = strcmp(items->finish, "stop") == 0 ? items->stop : NULL;
    tl_buffer_printf(out, "\"stop_reason\":\"%s\"", reason(items));
    tl_buffer_json_member(out, "stop_sequence", stop);
}

/* Tokens that were found are not counted among those of the input. */
static void put_usage(struct tl_buffer *out, const struct messages_writer *writer, const struct tl_usage *usage)
{
    uint32_t reused = writer->facts.repeatable ? 0 : usage->reused_tokens;
    tl_buffer_printf(out, ",\"usage\":{\"input_tokens\":%" PRIu32 ",\"cache_creation_input_tokens\":0,\"cache_read_input_tokens\":%" PRIu32
                          ",\"output_tokens\":%" PRIu32 "}", usage->prompt_tokens - reused, reused, usage->tokens);
}

static void put_head(struct tl_buffer *out, const struct messages_writer *writer)
{
    tl_buffer_printf(out, "{\"id\":\"msg_%s\",\"type\":\"message\",\"role\":\"assistant\"", writer->facts.id);
    tl_buffer_json_member(out, "model", writer->facts.model ? writer->facts.model : "");
}

/* Nothing is signed: clients keep it and send it back. */
static void put_signature(struct tl_buffer *out, const struct messages_writer *writer, uint64_t index)
{
    tl_buffer_printf(out, "\"signature\":\"%s-%" PRIu64 "\"", writer->facts.id, index);
}

/* --- the stream ------------------------------------------------------------------------------------------------------------- */

static void begin_delta(const struct messages_writer *writer, const char *type, struct tl_buffer *out)
{
    begin_frame(out, "content_block_delta");
    tl_buffer_printf(out, ",\"index\":%" PRIu64 ",\"delta\":{\"type\":\"%s\",", writer->items.n - 1, type);
}

static void end_block(struct messages_writer *writer, struct tl_buffer *out)
{
    if (!writer->open)
        return;
    writer->open = false;
    if (writer->items.item[writer->items.n - 1].kind == TL_EVENT_REASONING) {
        begin_delta(writer, "signature_delta", out);
        put_signature(out, writer, writer->items.n - 1);
        tl_buffer_append(out, "}", 1);
        end_frame(out);
    }
    begin_frame(out, "content_block_stop");
    tl_buffer_printf(out, ",\"index\":%" PRIu64, writer->items.n - 1);
    end_frame(out);
}

/* Of the item that has just begun. */
static void begin_block(struct messages_writer *writer, struct tl_buffer *out)
{
    const struct tl_item *item = &writer->items.item[writer->items.n - 1];
    begin_frame(out, "content_block_start");
    tl_buffer_printf(out, ",\"index\":%" PRIu64 ",\"content_block\":", writer->items.n - 1);
    if (item->kind == TL_EVENT_REASONING) {
        tl_buffer_printf(out, "{\"type\":\"thinking\",\"thinking\":\"\",\"signature\":\"\"}");
    } else if (item->kind == TL_EVENT_CONTENT) {
        tl_buffer_printf(out, "{\"type\":\"text\",\"text\":\"\"}");
    } else {
        tl_buffer_printf(out, "{\"type\":\"tool_use\"");
        tl_buffer_json_member(out, "id", item->id);
        tl_buffer_json_member(out, "name", item->name);
        tl_buffer_printf(out, ",\"input\":{}}");
    }
    end_frame(out);
    writer->open = true;
}

static void put_delta(const struct messages_writer *writer, const struct tl_event *event, struct tl_buffer *out)
{
    static const struct { enum tl_event_kind kind; const char *type, *member; } deltas[] = {
        {TL_EVENT_REASONING, "thinking_delta", "thinking"}, {TL_EVENT_CONTENT, "text_delta", "text"}, {TL_EVENT_ARGUMENTS, "input_json_delta", "partial_json"}};
    for (size_t i = 0; i < sizeof deltas / sizeof *deltas; i++) {
        if (deltas[i].kind != event->kind)
            continue;
        begin_delta(writer, deltas[i].type, out);
        tl_buffer_printf(out, "\"%s\":", deltas[i].member);
        tl_buffer_json_string(out, event->text, event->n_bytes);
        tl_buffer_append(out, "}", 1);
        end_frame(out);
    }
}

static void end_stream(struct messages_writer *writer, struct tl_buffer *out)
{
    end_block(writer, out);
    begin_frame(out, "message_delta");
    tl_buffer_printf(out, ",\"delta\":{");
    put_end(out, &writer->items);
    tl_buffer_append(out, "}", 1);
    put_usage(out, writer, &writer->items.usage);
    end_frame(out);
    begin_frame(out, "message_stop");
    end_frame(out);
}

/* --- the document ----------------------------------------------------------------------------------------------------------- */

static void put_block(const struct messages_writer *writer, uint64_t index, struct tl_buffer *out)
{
    const struct tl_item *item = &writer->items.item[index];
    const char *text = item->text.data ? item->text.data : "";
    tl_buffer_append(out, ",", index > 0);
    if (item->kind == TL_EVENT_REASONING) {
        tl_buffer_printf(out, "{\"type\":\"thinking\",\"thinking\":");
        tl_buffer_json_string(out, text, item->text.len);
        tl_buffer_append(out, ",", 1);
        put_signature(out, writer, index);
    } else if (item->kind == TL_EVENT_CONTENT) {
        tl_buffer_printf(out, "{\"type\":\"text\",\"text\":");
        tl_buffer_json_string(out, text, item->text.len);
    } else {
        tl_buffer_printf(out, "{\"type\":\"tool_use\"");
        tl_buffer_json_member(out, "id", item->id);
        tl_buffer_json_member(out, "name", item->name);
        tl_buffer_printf(out, ",\"input\":%s", tl_item_arguments(item));
    }
    tl_buffer_append(out, "}", 1);
}

static int put_document(const struct messages_writer *writer, struct tl_buffer *out)
{
    put_head(out, writer);
    tl_buffer_printf(out, ",\"content\":[");
    for (uint64_t i = 0; i < writer->items.n; i++)
        put_block(writer, i, out);
    tl_buffer_printf(out, "],");
    put_end(out, &writer->items);
    put_usage(out, writer, &writer->items.usage);
    return tl_buffer_append(out, "}", 1);
}

/* --- the writer ------------------------------------------------------------------------------------------------------------- */

static int writer_new(const struct tl_writer_facts *facts, struct tl_form_writer **ret_writer)
{
    struct messages_writer *writer = tl_alloc(1, sizeof *writer);
    if (!writer)
        return TL_E_NOMEM;
    writer->facts = *facts;
    *ret_writer = (struct tl_form_writer *)writer;
    return 0;
}

static void writer_free(struct tl_form_writer *opaque)
{
    struct messages_writer *writer = (struct messages_writer *)opaque;
    if (writer)
        tl_items_done(&writer->items);
    tl_free(writer);
}

static void beat(struct tl_buffer *out)
{
    begin_frame(out, "ping");
    end_frame(out);
}

static int begin(struct tl_form_writer *opaque, struct tl_buffer *out)
{
    struct messages_writer *writer = (struct messages_writer *)opaque;
    if (!writer->facts.request->stream)
        return 0;
    begin_frame(out, "message_start");
    tl_buffer_printf(out, ",\"message\":");
    put_head(out, writer);
    tl_buffer_printf(out, ",\"content\":[],\"stop_reason\":null,\"stop_sequence\":null");
    put_usage(out, writer, &(struct tl_usage){.prompt_tokens = writer->facts.prompt_tokens});
    tl_buffer_append(out, "}", 1);
    end_frame(out);
    beat(out);
    return out->status;
}

static int event(struct tl_form_writer *opaque, const struct tl_event *event, struct tl_buffer *out)
{
    struct messages_writer *writer = (struct messages_writer *)opaque;
    bool stream = writer->facts.request->stream, begins = tl_items_begins(&writer->items, event);
    if (event->kind == TL_EVENT_REASONING && writer->facts.request->hide_reasoning)
        return 0;
    if (stream && begins)
        end_block(writer, out);
    int r = tl_items_add(&writer->items, event);
    if (r < 0 || !stream)
        return r;
    if (begins)
        begin_block(writer, out);
    put_delta(writer, event, out);
    return out->status;
}

static int finish(struct tl_form_writer *opaque, struct tl_buffer *out)
{
    struct messages_writer *writer = (struct messages_writer *)opaque;
    if (!writer->items.finish)
        writer->items.finish = "stop";
    if (!writer->facts.request->stream)
        return put_document(writer, out);
    end_stream(writer, out);
    return out->status;
}

static void put_error(const struct tl_failure *failure, bool frame, struct tl_buffer *out)
{
    static const struct { int http_status; const char *type; } types[] = {
        {400, "invalid_request_error"}, {401, "authentication_error"}, {403, "permission_error"}, {404, "not_found_error"},
        {413, "request_too_large"}, {429, "rate_limit_error"}, {503, "overloaded_error"}, {529, "overloaded_error"}};
    const char *type = failure->http_status < 500 ? "invalid_request_error" : "api_error";
    char text[768];
    for (size_t i = 0; i < sizeof types / sizeof *types; i++)
        if (types[i].http_status == failure->http_status)
            type = types[i].type;
    if (failure->n_ctx)                  /* by these words its clients know that they are to shorten the conversation */
        snprintf(text, sizeof text, "prompt is too long: %" PRIu64 " tokens > %" PRIu64 " maximum; %s", failure->n_prompt_tokens, failure->n_ctx, failure->message);
    else
        snprintf(text, sizeof text, "%s", failure->message);
    if (frame)
        tl_buffer_printf(out, "event: error\ndata: ");
    tl_buffer_printf(out, "{\"type\":\"error\",\"error\":{\"type\":\"%s\"", type);
    tl_buffer_json_member(out, "message", text);
    tl_buffer_printf(out, "},\"request_id\":null}%s", frame ? "\n\n" : "");
}

const struct tl_form tl_form_messages = {
    .name = "messages", .path = "/v1/messages", .read = tl_messages_read, .writer_new = writer_new, .writer_free = writer_free, .begin = begin,
    .event = event, .finish = finish, .beat = beat, .error = put_error,
};
