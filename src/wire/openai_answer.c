/* SPDX-License-Identifier: MIT */
/* Heads, counts, times and errors. */
#include "wire/openai_answer.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"

void tl_openai_put_head(struct tl_buffer *out, const struct tl_writer_facts *facts, const char *prefix, const char *object)
{
    tl_buffer_printf(out, "{\"id\":\"%s-%s\",\"object\":\"%s\",\"created\":%" PRId64, prefix, facts->id, object, facts->created);
    tl_buffer_json_member(out, "model", facts->model ? facts->model : "");
}

/* --- counts and times ------------------------------------------------------------------------------------------------------- */

void tl_openai_add_usage(struct tl_usage *to, const struct tl_usage *part, bool first_answer)
{
    if (first_answer) {
        to->prompt_tokens += part->prompt_tokens;
        to->reused_tokens += part->reused_tokens;
    }
    to->tokens += part->tokens;
    to->reasoning_tokens += part->reasoning_tokens;
    to->drafted_tokens += part->drafted_tokens;
    to->accepted_tokens += part->accepted_tokens;
    to->prefill_seconds += part->prefill_seconds;
    to->decode_seconds += part->decode_seconds;
    to->step_seconds += part->step_seconds;
    to->stall_seconds += part->stall_seconds;
    to->memory_bytes += part->memory_bytes;
    to->drive_bytes += part->drive_bytes;
    to->expert_hits += part->expert_hits;
    to->expert_misses += part->expert_misses;
}

void tl_openai_put_usage(struct tl_buffer *out, const struct tl_usage *usage, bool repeatable)
{
    tl_buffer_printf(out, "{\"prompt_tokens\":%" PRIu32 ",\"completion_tokens\":%" PRIu32 ",\"total_tokens\":%" PRIu64, usage->prompt_tokens,
                     usage->tokens, (uint64_t)usage->prompt_tokens + usage->tokens);
    if (!repeatable)
        tl_buffer_printf(out, ",\"prompt_tokens_details\":{\"cached_tokens\":%" PRIu32 "}", usage->reused_tokens);
    tl_buffer_printf(out, ",\"completion_tokens_details\":{\"reasoning_tokens\":%" PRIu32 "}}", usage->reasoning_tokens);
}

static double rate(double of, double over)
{
    return over > 0 && isfinite(of / over) ? of / over : 0;
}

void tl_openai_put_timings(struct tl_buffer *out, const struct tl_usage *usage)
{
    uint32_t prompt = usage->prompt_tokens - usage->reused_tokens;
    double prompt_ms = usage->prefill_seconds * 1e3, answer_ms = usage->decode_seconds * 1e3;
    tl_buffer_printf(out, "{\"cache_n\":%" PRIu32 ",\"prompt_n\":%" PRIu32 ",\"prompt_ms\":%.3f,\"prompt_per_token_ms\":%.6g,\"prompt_per_second\":%.6g",
                     usage->reused_tokens, prompt, prompt_ms, rate(prompt_ms, prompt), rate(prompt, usage->prefill_seconds));
    tl_buffer_printf(out, ",\"predicted_n\":%" PRIu32 ",\"predicted_ms\":%.3f,\"predicted_per_token_ms\":%.6g,\"predicted_per_second\":%.6g",
                     usage->tokens, answer_ms, rate(answer_ms, usage->tokens), rate(usage->tokens, usage->decode_seconds));
    if (usage->drafted_tokens)
        tl_buffer_printf(out, ",\"draft_n\":%" PRIu32 ",\"draft_n_accepted\":%" PRIu32, usage->drafted_tokens, usage->accepted_tokens);
    tl_buffer_printf(out, ",\"step_seconds\":%.6g,\"stall_seconds\":%.6g,\"memory_bytes\":%" PRIu64 ",\"drive_bytes\":%" PRIu64
                     ",\"expert_hits\":%" PRIu64 ",\"expert_misses\":%" PRIu64 "}", usage->step_seconds, usage->stall_seconds, usage->memory_bytes,
                     usage->drive_bytes, usage->expert_hits, usage->expert_misses);
}

/* --- errors ----------------------------------------------------------------------------------------------------------------- */

static const char *type_of(const struct tl_failure *failure)
{
    switch (failure->http_status) {
    case 401: return "authentication_error";
    case 403: return "permission_error";
    case 404: return "not_found_error";
    case 429: return "rate_limit_error";
    case 501: return "not_supported_error";
    case 503: return "unavailable_error";
    }
    if (failure->n_ctx)
        return "exceed_context_size_error";
    return failure->http_status < 500 ? "invalid_request_error" : "server_error";
}

static void put_text(struct tl_buffer *out, const char *name, const char *text)
{
    tl_buffer_json_member(out, name, text && *text ? text : NULL);
}

void tl_openai_put_error(const struct tl_failure *failure, bool frame, struct tl_buffer *out)
{
    tl_buffer_printf(out, "%s{\"error\":{", frame ? "data: " : "");
    put_text(out, "message", failure->message);
    put_text(out, "type", type_of(failure));
    put_text(out, "param", failure->param);
    put_text(out, "code", failure->code);
    if (failure->n_ctx)
        tl_buffer_printf(out, ",\"n_prompt_tokens\":%" PRIu64 ",\"n_ctx\":%" PRIu64, failure->n_prompt_tokens, failure->n_ctx);
    tl_buffer_printf(out, "}}%s", frame ? "\n\n" : "");
}

void tl_openai_put_beat(struct tl_buffer *out) { tl_buffer_append(out, ":\n\n", 3); }

void tl_openai_writer_free(struct tl_form_writer *opaque)
{
    struct tl_openai_writer *writer = (struct tl_openai_writer *)opaque;
    for (uint32_t i = 0; writer && writer->part && i < writer->facts.n_parts; i++)
        tl_gather_done(&writer->part[i].gather);
    if (writer)
        tl_free(writer->part);
    tl_free(writer);
}

int tl_openai_writer_new(const struct tl_writer_facts *facts, struct tl_form_writer **ret_writer)
{
    struct tl_openai_writer *writer = tl_alloc(1, sizeof(*writer));
    if (!writer)
        return TL_E_NOMEM;
    writer->facts = *facts;
    if (!(writer->part = tl_alloc(facts->n_parts, sizeof(*writer->part)))) {
        tl_openai_writer_free((struct tl_form_writer *)writer);
        return TL_E_NOMEM;
    }
    for (uint32_t i = 0; i < facts->n_parts; i++)
        tl_gather_init(&writer->part[i].gather);
    *ret_writer = (struct tl_form_writer *)writer;
    return 0;
}
