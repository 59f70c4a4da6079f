/* SPDX-License-Identifier: MIT */
/* /v1/chat/completions. A stream is frames of one JSON object each, every one with the same head and a list of choices; of a
 * part first its role, then pieces, then its end; counts only where they are asked for, in a last frame without choices. */
#include <inttypes.h>
#include <string.h>

#include "wire/openai_answer.h"

static int read_chat(struct tl_openai_request *request, const char *where, const char *text, size_t n_bytes)
{
    return tl_openai_read(request, TL_OPENAI_CHAT, where, text, n_bytes);
}

/* --- frames ----------------------------------------------------------------------------------------------------------------- */

static void begin_frame(const struct tl_openai_writer *writer, struct tl_buffer *out)
{
    tl_buffer_printf(out, "data: ");
    tl_openai_put_head(out, &writer->facts, "chatcmpl", "chat.completion.chunk");
    tl_buffer_printf(out, ",\"choices\":[");
}

static void end_frame(const struct tl_openai_writer *writer, bool counts, struct tl_buffer *out)
{
    if (writer->facts.request->include_usage && !counts)
        tl_buffer_printf(out, ",\"usage\":null");
    tl_buffer_printf(out, "}\n\n");
}

static void begin_delta(const struct tl_openai_writer *writer, uint32_t part, struct tl_buffer *out)
{
    begin_frame(writer, out);
    tl_buffer_printf(out, "{\"index\":%" PRIu32 ",\"delta\":{", part);
}

/* With the likelihoods of the tokens since the last one. */
static void end_delta(struct tl_openai_writer *writer, uint32_t index, const char *finish, struct tl_buffer *out)
{
    struct tl_openai_part *part = &writer->part[index];
    tl_buffer_printf(out, "},\"logprobs\":");
    if (part->n_sent < part->gather.n_tokens)
        tl_openai_put_chat_logprobs(out, writer->facts.tokenizer, &part->gather, part->n_sent, part->gather.n_tokens);
    else
        tl_buffer_append(out, "null", 4);
    part->n_sent = part->gather.n_tokens;
    tl_buffer_json_member(out, "finish_reason", finish);
    tl_buffer_printf(out, "}]");
}

static void put_text(struct tl_buffer *out, const char *name, const char *text, size_t n_bytes)
{
    tl_buffer_printf(out, "%s\"%s\":", out->len && out->data[out->len - 1] == '{' ? "" : ",", name);
    tl_buffer_json_string(out, text, n_bytes);
}

static void put_call(struct tl_buffer *out, uint32_t index, const char *id, const char *name)
{
    tl_buffer_printf(out, "\"tool_calls\":[{\"index\":%" PRIu32, index);
    tl_buffer_json_member(out, "id", id);
    tl_buffer_printf(out, ",\"type\":\"function\",\"function\":{");
    tl_buffer_json_member(out, "name", name);
    tl_buffer_printf(out, ",\"arguments\":\"\"}}]");
}

static void put_arguments(struct tl_buffer *out, const struct tl_event *event)
{
    tl_buffer_printf(out, "\"tool_calls\":[{\"index\":%" PRIu32 ",\"function\":{", event->call);
    put_text(out, "arguments", event->text, event->n_bytes);
    tl_buffer_printf(out, "}}]");
}

static void put_progress(struct tl_buffer *out, const struct tl_event *event)
{
    tl_buffer_printf(out, ",\"prompt_progress\":{\"total\":%" PRIu32 ",\"cache\":%" PRIu32 ",\"processed\":%" PRIu32 ",\"time_ms\":%.0f}", event->total,
                     event->reused, event->done, event->seconds * 1e3);
}

static void put_frame(struct tl_openai_writer *writer, const struct tl_event *event, struct tl_buffer *out)
{
    bool end = event->kind == TL_EVENT_END;
    begin_delta(writer, event->part, out);
    if (event->kind == TL_EVENT_CONTENT)
        put_text(out, "content", event->text, event->n_bytes);
    if (event->kind == TL_EVENT_REASONING) {
        put_text(out, "reasoning_content", event->text, event->n_bytes);
        put_text(out, "reasoning", event->text, event->n_bytes);
    }
    if (event->kind == TL_EVENT_CALL)
        put_call(out, event->call, event->id, event->name);
    if (event->kind == TL_EVENT_ARGUMENTS)
        put_arguments(out, event);
    end_delta(writer, event->part, end ? event->finish : NULL, out);
    if (event->kind == TL_EVENT_PROGRESS)
        put_progress(out, event);
    if (end && !writer->facts.repeatable) {
        tl_buffer_printf(out, ",\"timings\":");
        tl_openai_put_timings(out, event->usage);
    }
    end_frame(writer, false, out);
}

/* --- the document ----------------------------------------------------------------------------------------------------------- */

static void put_calls(struct tl_buffer *out, const struct tl_gather *gather)
{
    tl_buffer_printf(out, ",\"tool_calls\":[");
    for (uint64_t i = 0; i < gather->n_calls; i++) {
        const struct tl_gathered_call *call = &gather->call[i];
        tl_buffer_printf(out, "%s{", i ? "," : "");
        tl_buffer_json_member(out, "id", call->id);
        tl_buffer_printf(out, ",\"type\":\"function\",\"function\":{");
        tl_buffer_json_member(out, "name", call->name);
        put_text(out, "arguments", call->arguments.data, call->arguments.len);
        tl_buffer_printf(out, "}}");
    }
    tl_buffer_append(out, "]", 1);
}

static void put_choice(const struct tl_openai_writer *writer, uint32_t index, struct tl_buffer *out)
{
    const struct tl_gather *gather = &writer->part[index].gather;
    tl_buffer_printf(out, "%s{\"index\":%" PRIu32 ",\"message\":{\"role\":\"assistant\"", index ? "," : "", index);
    if (gather->content.len || !gather->n_calls)
        put_text(out, "content", gather->content.data, gather->content.len);
    else
        tl_buffer_printf(out, ",\"content\":null");
    tl_buffer_printf(out, ",\"refusal\":null");
    if (gather->reasoning.len) {
        put_text(out, "reasoning_content", gather->reasoning.data, gather->reasoning.len);
        put_text(out, "reasoning", gather->reasoning.data, gather->reasoning.len);
    }
    if (gather->n_calls)
        put_calls(out, gather);
    tl_buffer_printf(out, "},\"logprobs\":");
    if (writer->facts.request->logprobs)
        tl_openai_put_chat_logprobs(out, writer->facts.tokenizer, gather, 0, gather->n_tokens);
    else
        tl_buffer_append(out, "null", 4);
    tl_buffer_json_member(out, "finish_reason", gather->finish);
    tl_buffer_append(out, "}", 1);
}

static struct tl_usage sum(const struct tl_openai_writer *writer)
{
    struct tl_usage usage = {0};
    for (uint32_t i = 0; i < writer->facts.n_parts; i++)
        tl_openai_add_usage(&usage, &writer->part[i].gather.usage, i % writer->facts.request->n == 0);
    return usage;
}

/* What both shapes end with. */
static void put_counts(const struct tl_openai_writer *writer, struct tl_buffer *out)
{
    struct tl_usage usage = sum(writer);
    tl_buffer_printf(out, ",\"usage\":");
    tl_openai_put_usage(out, &usage, writer->facts.repeatable);
    if (!writer->facts.repeatable) {
        tl_buffer_printf(out, ",\"timings\":");
        tl_openai_put_timings(out, &usage);
    }
}

/* --- the writer ------------------------------------------------------------------------------------------------------------- */

static int begin(struct tl_form_writer *opaque, struct tl_buffer *out)
{
    struct tl_openai_writer *writer = (struct tl_openai_writer *)opaque;
    for (uint32_t i = 0; writer->facts.request->stream && i < writer->facts.n_parts; i++) {
        begin_delta(writer, i, out);
        tl_buffer_printf(out, "\"role\":\"assistant\",\"content\":\"\"");
        end_delta(writer, i, NULL, out);
        end_frame(writer, false, out);
    }
    return out->status;
}

static int event(struct tl_form_writer *opaque, const struct tl_event *event, struct tl_buffer *out)
{
    struct tl_openai_writer *writer = (struct tl_openai_writer *)opaque;
    struct tl_gather *gather = &writer->part[event->part].gather;
    if (!writer->facts.request->stream)
        return tl_gather_event(gather, event);
    if (event->kind == TL_EVENT_TOKEN)
        return tl_gather_event(gather, event);
    if (event->kind == TL_EVENT_PROGRESS && !writer->facts.request->return_progress)
        return 0;
    int status = event->kind == TL_EVENT_END ? tl_gather_event(gather, event) : 0;
    put_frame(writer, event, out);
    return status < 0 ? status : out->status;
}

static int finish(struct tl_form_writer *opaque, struct tl_buffer *out)
{
    const struct tl_openai_writer *writer = (const struct tl_openai_writer *)opaque;
    const struct tl_openai_request *request = writer->facts.request;
    if (request->stream && request->include_usage) {
        begin_frame(writer, out);
        tl_buffer_append(out, "]", 1);
        put_counts(writer, out);
        end_frame(writer, true, out);
    }
    if (request->stream)
        return tl_buffer_printf(out, "data: [DONE]\n\n");
    tl_openai_put_head(out, &writer->facts, "chatcmpl", "chat.completion");
    tl_buffer_printf(out, ",\"choices\":[");
    for (uint32_t i = 0; i < writer->facts.n_parts; i++)
        put_choice(writer, i, out);
    tl_buffer_append(out, "]", 1);
    put_counts(writer, out);
    return tl_buffer_append(out, "}", 1);
}

const struct tl_form tl_form_chat = {
    .name = "chat", .path = "/v1/chat/completions", .read = read_chat, .writer_new = tl_openai_writer_new,
    .writer_free = tl_openai_writer_free, .begin = begin,
    .event = event, .finish = finish, .beat = tl_openai_put_beat, .error = tl_openai_put_error,
};
