/* SPDX-License-Identifier: MIT */
/* /v1/completions: texts that go on, with likelihoods as lists beside each other. With echo the events begin with those of
 * the prompt. */
#include <inttypes.h>
#include <string.h>

#include "wire/openai_answer.h"

static int read_completion(struct tl_openai_request *request, const char *where, const char *text, size_t n_bytes)
{
    return tl_openai_read(request, TL_OPENAI_COMPLETION, where, text, n_bytes);
}

/* --- choices ---------------------------------------------------------------------------------------------------------------- */

static void put_choice(const struct tl_openai_writer *writer, uint32_t index, const char *text, size_t n_bytes, const char *finish, struct tl_buffer *out)
{
    struct tl_openai_part *part = &writer->part[index];
    tl_buffer_printf(out, "{\"text\":");
    tl_buffer_json_string(out, text, n_bytes);
    tl_buffer_printf(out, ",\"index\":%" PRIu32 ",\"logprobs\":", index);
    if (part->n_sent < part->gather.n_tokens || (writer->facts.request->logprobs && !writer->facts.request->stream))
        tl_openai_put_plain_logprobs(out, writer->facts.tokenizer, &part->gather, part->n_sent, part->gather.n_tokens, &part->offset);
    else
        tl_buffer_append(out, "null", 4);
    part->n_sent = part->gather.n_tokens;
    tl_buffer_json_member(out, "finish_reason", finish);
    tl_buffer_append(out, "}", 1);
}

static void put_counts(const struct tl_openai_writer *writer, struct tl_buffer *out)
{
    struct tl_usage usage = {0};
    for (uint32_t i = 0; i < writer->facts.n_parts; i++)
        tl_openai_add_usage(&usage, &writer->part[i].gather.usage, i % writer->facts.request->n == 0);
    tl_buffer_printf(out, ",\"usage\":");
    tl_openai_put_usage(out, &usage, writer->facts.repeatable);
    if (!writer->facts.repeatable) {
        tl_buffer_printf(out, ",\"timings\":");
        tl_openai_put_timings(out, &usage);
    }
}

static void begin_object(const struct tl_openai_writer *writer, struct tl_buffer *out)
{
    tl_buffer_printf(out, "%s", writer->facts.request->stream ? "data: " : "");
    tl_openai_put_head(out, &writer->facts, "cmpl", "text_completion");
    tl_buffer_printf(out, ",\"choices\":[");
}

static void put_frame(struct tl_openai_writer *writer, const struct tl_event *event, struct tl_buffer *out)
{
    bool end = event->kind == TL_EVENT_END;
    begin_object(writer, out);
    put_choice(writer, event->part, end ? "" : event->text, end ? 0 : event->n_bytes, end ? event->finish : NULL, out);
    tl_buffer_append(out, "]", 1);
    if (end && !writer->facts.repeatable) {
        tl_buffer_printf(out, ",\"timings\":");
        tl_openai_put_timings(out, event->usage);
    }
    tl_buffer_printf(out, "%s}\n\n", writer->facts.request->include_usage ? ",\"usage\":null" : "");
}

/* --- the writer ------------------------------------------------------------------------------------------------------------- */

static int begin(struct tl_form_writer *writer, struct tl_buffer *out)
{
    (void)writer;
    return out->status;
}

static int event(struct tl_form_writer *opaque, const struct tl_event *event, struct tl_buffer *out)
{
    struct tl_openai_writer *writer = (struct tl_openai_writer *)opaque;
    struct tl_gather *gather = &writer->part[event->part].gather;
    bool shown = event->kind == TL_EVENT_CONTENT || event->kind == TL_EVENT_END, stream = writer->facts.request->stream;
    int status = !stream || event->kind != TL_EVENT_CONTENT ? tl_gather_event(gather, event) : 0;
    if (stream && shown)
        put_frame(writer, event, out);
    return status < 0 ? status : out->status;
}

static int finish(struct tl_form_writer *opaque, struct tl_buffer *out)
{
    const struct tl_openai_writer *writer = (const struct tl_openai_writer *)opaque;
    const struct tl_openai_request *request = writer->facts.request;
    if (!request->stream || request->include_usage) {
        begin_object(writer, out);
        for (uint32_t i = 0; !request->stream && i < writer->facts.n_parts; i++) {
            const struct tl_gather *gather = &writer->part[i].gather;
            tl_buffer_append(out, ",", i > 0);
            put_choice(writer, i, gather->content.data, gather->content.len, gather->finish, out);
        }
        tl_buffer_append(out, "]", 1);
        put_counts(writer, out);
        tl_buffer_printf(out, "}%s", request->stream ? "\n\n" : "");
    }
    return request->stream ? tl_buffer_printf(out, "data: [DONE]\n\n") : out->status;
}

const struct tl_form tl_form_completions = {
    .name = "completions", .path = "/v1/completions", .read = read_completion, .writer_new = tl_openai_writer_new, .writer_free = tl_openai_writer_free,
    .begin = begin, .event = event, .finish = finish, .beat = tl_openai_put_beat, .error = tl_openai_put_error,
};
