/* SPDX-License-Identifier: MIT */
/* /v1/responses, OpenAI's. A response is items: reasoning with its summary, messages, calls. Each frame of a stream has its type
 * twice and a number; a response is wrapped, and the last one has all of the output. */
#include <inttypes.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "wire/form.h"
#include "wire/items.h"
#include "wire/openai_answer.h"
#include "wire/responses_read.h"

struct responses_writer {
    struct tl_writer_facts facts;
    struct tl_items items;
    struct tl_responses_note *note;      /* [items.n]: of calls */
    uint64_t n_notes, room_notes;
    uint64_t n_frames;
    bool open;                           /* of a stream: the last item has not ended */
};

static uint64_t last(const struct responses_writer *writer) { return writer->items.n - 1; }

/* --- items ------------------------------------------------------------------------------------------------------------------ */

static const char *prefix(const struct responses_writer *writer, uint64_t index)
{
    enum tl_event_kind kind = writer->items.item[index].kind;
    return kind == TL_EVENT_REASONING ? "rs" : kind == TL_EVENT_CONTENT ? "msg" : writer->note[index].custom ? "ctc" : "fc";
}

static void put_id(const struct responses_writer *writer, uint64_t index, const char *name, struct tl_buffer *out)
{
    tl_buffer_printf(out, "\"%s\":\"%s_%s_%" PRIu64 "\"", name, prefix(writer, index), writer->facts.id, index);
}

static void put_part(const struct tl_item *item, bool whole, struct tl_buffer *out)
{
    bool reasoning = item->kind == TL_EVENT_REASONING;
    tl_buffer_printf(out, "{\"type\":\"%s\",\"text\":", reasoning ? "summary_text" : "output_text");
    tl_buffer_json_string(out, item->text.data && whole ? item->text.data : "", whole ? item->text.len : 0);
    tl_buffer_printf(out, "%s}", reasoning ? "" : ",\"annotations\":[],\"logprobs\":[]");
}

/* The text of a tool of plain text, or the arguments as they came. */
static void put_input(const struct responses_writer *writer, uint64_t index, bool whole, struct tl_buffer *out)
{
    const struct tl_item *item = &writer->items.item[index];
    struct tl_buffer text;
    const char *arguments = item->text.data ? item->text.data : "";
    tl_buffer_init(&text, 0);
    if (whole && writer->note[index].custom) {
        tl_responses_plain_input(arguments, item->text.len, &text);
        tl_buffer_json_string(out, text.data ? text.data : "", text.len);
    } else {
        tl_buffer_json_string(out, arguments, whole ? item->text.len : 0);
    }
    if (text.status < 0 && out->status >= 0)
        out->status = text.status;
    tl_buffer_done(&text);
}

static void put_call(const struct responses_writer *writer, uint64_t index, bool whole, struct tl_buffer *out)
{
    const struct tl_item *item = &writer->items.item[index];
    const struct tl_responses_note *note = &writer->note[index];
    tl_buffer_json_member(out, "call_id", item->id);
    if (note->space)
        tl_buffer_json_member(out, "namespace", note->space);
    tl_buffer_json_member(out, "name", note->name ? note->name : item->name);
    tl_buffer_printf(out, ",\"%s\":", note->custom ? "input" : "arguments");
    put_input(writer, index, whole, out);
}

static void put_item(const struct responses_writer *writer, uint64_t index, const char *status, struct tl_buffer *out)
{
    const struct tl_item *item = &writer->items.item[index];
    bool whole = strcmp(status, "in_progress") != 0, reasoning = item->kind == TL_EVENT_REASONING, message = item->kind == TL_EVENT_CONTENT;
    tl_buffer_append(out, "{", 1);
    put_id(writer, index, "id", out);
    tl_buffer_json_member(out, "type", reasoning ? "reasoning" : message ? "message" : writer->note[index].custom ? "custom_tool_call" : "function_call");
    tl_buffer_json_member(out, "status", status);
    if (message)
        tl_buffer_json_member(out, "role", "assistant");
    if (reasoning || message) {
        tl_buffer_printf(out, ",\"%s\":[", reasoning ? "summary" : "content");
        if (whole)
            put_part(item, true, out);
        tl_buffer_append(out, "]", 1);
    } else {
        put_call(writer, index, whole, out);
    }
    tl_buffer_printf(out, "%s}", reasoning ? ",\"encrypted_content\":null" : "");
}

/* --- the response ----------------------------------------------------------------------------------------------------------- */

static void put_usage(const struct responses_writer *writer, struct tl_buffer *out)
{
    const struct tl_usage *usage = &writer->items.usage;
    tl_buffer_printf(out, "{\"input_tokens\":%" PRIu32 ",\"input_tokens_details\":{\"cached_tokens\":%" PRIu32 "},\"output_tokens\":%" PRIu32
                          ",\"output_tokens_details\":{\"reasoning_tokens\":%" PRIu32 "},\"total_tokens\":%" PRIu64 "}",
                     usage->prompt_tokens, writer->facts.repeatable ? 0 : usage->reused_tokens, usage->tokens, usage->reasoning_tokens,
                     (uint64_t)usage->prompt_tokens + usage->tokens);
}

static const char *status_of(const struct responses_writer *writer)
{
    const char *finish = writer->items.finish;
    return !finish ? "in_progress" : strcmp(finish, "length") == 0 ? "incomplete" : "completed";
}

/* What the request said of it, as far as clients look. */
static void put_request(const struct responses_writer *writer, struct tl_buffer *out)
{
    const struct tl_openai_request *request = writer->facts.request;
    tl_buffer_printf(out, ",\"max_output_tokens\":");
    tl_buffer_printf(out, request->max_tokens < 0 ? "null" : "%" PRId64, request->max_tokens);
    tl_buffer_printf(out, ",\"parallel_tool_calls\":%s,\"previous_response_id\":null,\"reasoning\":{\"effort\":%s,\"summary\":null}",
                     request->one_call ? "false" : "true", request->effort ? request->effort : "null");
    tl_buffer_printf(out, ",\"store\":false,\"temperature\":%.6g,\"top_p\":%.6g,\"presence_penalty\":%.6g,\"frequency_penalty\":%.6g,\"top_logprobs\":0"
                          ",\"truncation\":\"disabled\",\"service_tier\":\"default\"%s", (double)request->sampling.temperature, (double)request->sampling.top_p,
                     (double)request->sampling.presence_penalty, (double)request->sampling.frequency_penalty, request->repeated);
}

static void put_completed(const struct responses_writer *writer, bool completed, struct tl_buffer *out)
{
    int64_t ended = writer->facts.repeatable ? writer->facts.created : writer->items.ended;
    tl_buffer_printf(out, completed && ended ? ",\"completed_at\":%" PRId64 : ",\"completed_at\":null", ended);
}

static void put_error(const struct tl_failure *failure, struct tl_buffer *out)
{
    const char *code = failure ? failure->code ? failure->code : failure->http_status < 500 ? "invalid_prompt" : "server_error" : NULL;
    tl_buffer_printf(out, ",\"error\":");
    if (!failure) {
        tl_buffer_append(out, "null", 4);
        return;
    }
    tl_buffer_printf(out, "{\"code\":\"%s\"", code);
    tl_buffer_json_member(out, "message", failure->message);
    tl_buffer_append(out, "}", 1);
}

/* Of one that failed what came is in the frames before. */
static void put_response(const struct responses_writer *writer, const struct tl_failure *failure, struct tl_buffer *out)
{
    const char *status = failure ? "failed" : status_of(writer);
    bool incomplete = strcmp(status, "incomplete") == 0, ended = writer->items.finish && !failure;
    tl_buffer_printf(out, "{\"id\":\"resp_%s\",\"object\":\"response\",\"created_at\":%" PRId64 ",\"status\":\"%s\",\"background\":false", writer->facts.id,
                     writer->facts.created, status);
    put_completed(writer, ended && !incomplete, out);
    put_error(failure, out);
    tl_buffer_printf(out, ",\"incomplete_details\":%s", incomplete ? "{\"reason\":\"max_output_tokens\"}" : "null");
    tl_buffer_json_member(out, "model", writer->facts.model ? writer->facts.model : "");
    put_request(writer, out);
    tl_buffer_printf(out, ",\"output\":[");
    for (uint64_t i = 0; ended && i < writer->items.n; i++) {
        tl_buffer_append(out, ",", i > 0);
        put_item(writer, i, incomplete && i == last(writer) ? status : "completed", out);
    }
    tl_buffer_printf(out, "],\"usage\":");
    if (ended)
        put_usage(writer, out);
    else
        tl_buffer_append(out, "null", 4);
    tl_buffer_append(out, "}", 1);
}

/* --- frames ----------------------------------------------------------------------------------------------------------------- */

static void begin_frame(struct responses_writer *writer, const char *type, struct tl_buffer *out)
{
    tl_buffer_printf(out, "event: response.%s\ndata: {\"type\":\"response.%s\",\"sequence_number\":%" PRIu64, type, type, writer->n_frames++);
}

static void end_frame(struct tl_buffer *out) { tl_buffer_append(out, "}\n\n", 3); }

static void put_wrapped(struct responses_writer *writer, const char *type, const struct tl_failure *failure, struct tl_buffer *out)
{
    begin_frame(writer, type, out);
    tl_buffer_printf(out, ",\"response\":");
    put_response(writer, failure, out);
    end_frame(out);
}

static void put_item_frame(struct responses_writer *writer, const char *type, const char *status, struct tl_buffer *out)
{
    begin_frame(writer, type, out);
    tl_buffer_printf(out, ",\"output_index\":%" PRIu64 ",\"item\":", last(writer));
    put_item(writer, last(writer), status, out);
    end_frame(out);
}

/* Of what the last item has: its id and places. */
static void begin_inner(struct responses_writer *writer, const char *type, struct tl_buffer *out)
{
    enum tl_event_kind kind = writer->items.item[last(writer)].kind;
    begin_frame(writer, type, out);
    tl_buffer_append(out, ",", 1);
    put_id(writer, last(writer), "item_id", out);
    tl_buffer_printf(out, ",\"output_index\":%" PRIu64, last(writer));
    if (kind != TL_EVENT_CALL)
        tl_buffer_printf(out, ",\"%s\":0", kind == TL_EVENT_REASONING ? "summary_index" : "content_index");
}

static void put_part_frame(struct responses_writer *writer, const char *type, bool whole, struct tl_buffer *out)
{
    begin_inner(writer, type, out);
    tl_buffer_printf(out, ",\"part\":");
    put_part(&writer->items.item[last(writer)], whole, out);
    end_frame(out);
}

static const struct kind { const char *added, *delta, *text_done, *part_done; } texts[] = {
    {"reasoning_summary_part.added", "reasoning_summary_text.delta", "reasoning_summary_text.done", "reasoning_summary_part.done"},
    {"content_part.added", "output_text.delta", "output_text.done", "content_part.done"},
};

static const struct kind *kind_of(const struct responses_writer *writer)
{
    return &texts[writer->items.item[last(writer)].kind == TL_EVENT_CONTENT];
}

static void begin_item(struct responses_writer *writer, struct tl_buffer *out)
{
    put_item_frame(writer, "output_item.added", "in_progress", out);
    if (writer->items.item[last(writer)].kind != TL_EVENT_CALL)
        put_part_frame(writer, kind_of(writer)->added, false, out);
    writer->open = true;
}

static void end_call(struct responses_writer *writer, struct tl_buffer *out)
{
    const struct tl_responses_note *note = &writer->note[last(writer)];
    if (note->custom) {
        begin_inner(writer, "custom_tool_call_input.delta", out);
        tl_buffer_printf(out, ",\"delta\":");
        put_input(writer, last(writer), true, out);
        end_frame(out);
    }
    begin_inner(writer, note->custom ? "custom_tool_call_input.done" : "function_call_arguments.done", out);
    if (!note->custom)
        tl_buffer_json_member(out, "name", note->name ? note->name : writer->items.item[last(writer)].name);
    tl_buffer_printf(out, ",\"%s\":", note->custom ? "input" : "arguments");
    put_input(writer, last(writer), true, out);
    end_frame(out);
}

static void end_item(struct responses_writer *writer, const char *status, struct tl_buffer *out)
{
    if (!writer->open)
        return;
    const struct tl_item *item = &writer->items.item[last(writer)];
    writer->open = false;
    if (item->kind == TL_EVENT_CALL) {
        end_call(writer, out);
    } else {
        begin_inner(writer, kind_of(writer)->text_done, out);
        tl_buffer_printf(out, ",\"text\":");
        tl_buffer_json_string(out, item->text.data ? item->text.data : "", item->text.len);
        tl_buffer_printf(out, "%s", item->kind == TL_EVENT_CONTENT ? ",\"logprobs\":[]" : "");
        end_frame(out);
        put_part_frame(writer, kind_of(writer)->part_done, true, out);
    }
    put_item_frame(writer, "output_item.done", status, out);
}

static void put_delta(struct responses_writer *writer, const struct tl_event *event, struct tl_buffer *out)
{
    bool call = event->kind == TL_EVENT_ARGUMENTS;
    if (!call && event->kind != TL_EVENT_REASONING && event->kind != TL_EVENT_CONTENT)
        return;
    if (call && writer->note[last(writer)].custom)
        return;
    begin_inner(writer, call ? "function_call_arguments.delta" : kind_of(writer)->delta, out);
    tl_buffer_printf(out, ",\"delta\":");
    tl_buffer_json_string(out, event->text, event->n_bytes);
    tl_buffer_printf(out, "%s", event->kind == TL_EVENT_CONTENT ? ",\"logprobs\":[]" : "");
    end_frame(out);
}

/* --- the writer ------------------------------------------------------------------------------------------------------------- */

static int writer_new(const struct tl_writer_facts *facts, struct tl_form_writer **ret_writer)
{
    struct responses_writer *writer = tl_alloc(1, sizeof *writer);
    if (!writer)
        return TL_E_NOMEM;
    writer->facts = *facts;
    *ret_writer = (struct tl_form_writer *)writer;
    return 0;
}

static void writer_free(struct tl_form_writer *opaque)
{
    struct responses_writer *writer = (struct responses_writer *)opaque;
    for (uint64_t i = 0; writer && i < writer->n_notes; i++) {
        tl_free(writer->note[i].space);
        tl_free(writer->note[i].name);
    }
    if (writer) {
        tl_items_done(&writer->items);
        tl_free(writer->note);
    }
    tl_free(writer);
}

static int begin(struct tl_form_writer *opaque, struct tl_buffer *out)
{
    struct responses_writer *writer = (struct responses_writer *)opaque;
    if (!writer->facts.request->stream)
        return 0;
    put_wrapped(writer, "created", NULL, out);
    put_wrapped(writer, "in_progress", NULL, out);
    return out->status;
}

static int add(struct responses_writer *writer, const struct tl_event *event)
{
    int r = tl_grow((void **)&writer->note, writer->n_notes, &writer->room_notes, sizeof *writer->note);
    bool begins = tl_items_begins(&writer->items, event);
    if (r >= 0 && begins) {
        writer->note[writer->n_notes] = (struct tl_responses_note){0};
        r = event->kind == TL_EVENT_CALL ? tl_responses_note_of(writer->facts.request->notes, event->name, &writer->note[writer->n_notes]) : 0;
        writer->n_notes += r >= 0;
    }
    return r < 0 ? r : tl_items_add(&writer->items, event);
}

static int event(struct tl_form_writer *opaque, const struct tl_event *event, struct tl_buffer *out)
{
    struct responses_writer *writer = (struct responses_writer *)opaque;
    bool stream = writer->facts.request->stream, begins = tl_items_begins(&writer->items, event);
    if (event->kind == TL_EVENT_REASONING && writer->facts.request->hide_reasoning)
        return 0;
    if (stream && begins)
        end_item(writer, "completed", out);
    int r = add(writer, event);
    if (r < 0 || !stream)
        return r;
    if (begins)
        begin_item(writer, out);
    put_delta(writer, event, out);
    return out->status;
}

static int finish(struct tl_form_writer *opaque, struct tl_buffer *out)
{
    struct responses_writer *writer = (struct responses_writer *)opaque;
    if (!writer->items.finish)
        writer->items.finish = "stop";
    if (writer->facts.request->stream) {
        end_item(writer, status_of(writer), out);
        put_wrapped(writer, status_of(writer), NULL, out);
    } else {
        put_response(writer, NULL, out);
    }
    return out->status;
}

/* A stream that has begun ends as a response that has failed. */
static int failed(struct tl_form_writer *opaque, const struct tl_failure *failure, struct tl_buffer *out)
{
    struct responses_writer *writer = (struct responses_writer *)opaque;
    put_wrapped(writer, "failed", failure, out);
    return out->status;
}

const struct tl_form tl_form_responses = {
    .name = "responses", .path = "/v1/responses", .most = "max_output_tokens", .read = tl_responses_read, .writer_new = writer_new, .writer_free = writer_free, .begin = begin,
    .event = event, .finish = finish, .failed = failed, .beat = tl_openai_put_beat, .error = tl_openai_put_error,
};
