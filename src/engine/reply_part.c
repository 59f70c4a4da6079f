/* SPDX-License-Identifier: MIT */
/* One part of a request: its prompt in a session, tokens and text as they come, each an event; then the counts. */
#include <math.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/memory.h"
#include "engine/generate.h"
#include "engine/reply_impl.h"

struct part {
    struct tl_reply *reply;
    struct tl_session *session;
    uint32_t index;
    uint64_t begin_ns;
    int status;                          /* of the callbacks */
    struct tl_answer answer;
    struct tl_ask_answer told;           /* apart into events */
    uint32_t reasoning_tokens;
};

/* What a callback returns: non-zero ends the answer. */
static int give(struct part *part, const struct tl_event *event)
{
    part->status = tl_reply_event(part->reply, event);
    return part->status < 0;
}

/* --- callbacks of a generation ---------------------------------------------------------------------------------------------- */

static int on_progress(void *context, uint32_t done, uint32_t total, uint32_t reused)
{
    struct part *part = context;
    struct tl_event event = {.kind = TL_EVENT_PROGRESS, .part = part->index, .done = done, .total = total, .reused = reused,
                             .seconds = tl_clock_seconds(part->begin_ns)};
    return give(part, &event);
}

static int give_token(struct part *part, int32_t id, const struct tl_event_logprob *seen, uint32_t n_seen)
{
    struct tl_event_logprob unknown[1 + TL_OPENAI_TOP];
    uint32_t n_top = part->reply->request->top_logprobs;
    for (uint32_t k = 0; k <= n_top && n_seen == 0; k++)
        unknown[k] = (struct tl_event_logprob){id, NAN};
    struct tl_event event = {.kind = TL_EVENT_TOKEN, .part = part->index, .logprobs = n_seen ? seen : unknown, .n_top = n_top};
    return give(part, &event);
}

static int on_token(void *context, int32_t id, const struct tl_event_logprob *seen, uint32_t n_seen)
{
    struct part *part = context;
    part->reasoning_tokens += part->told.turn && tl_turn_reasons(part->told.turn);
    return part->reply->request->logprobs ? give_token(part, id, seen, n_seen) : 0;
}

static int on_prompt(void *context, uint32_t place, int32_t id, const struct tl_event_logprob *seen, uint32_t n_seen)
{
    (void)place;
    return give_token(context, id, seen, n_seen);
}

/* Of a turn. */
static int on_event(void *context, const struct tl_event *event)
{
    struct part *part = context;
    struct tl_event whole = *event;
    whole.part = part->index;
    if (event->kind == TL_EVENT_REASONING && part->reply->request->hide_reasoning)
        return 0;
    return tl_reply_event(part->reply, &whole);
}

static int on_text(void *context, const char *bytes, size_t n_bytes)
{
    struct part *part = context;
    struct tl_event event = {.kind = TL_EVENT_CONTENT, .part = part->index, .text = bytes, .n_bytes = n_bytes};
    if (!part->told.turn)
        return give(part, &event);
    part->status = tl_turn_text(part->told.turn, bytes, n_bytes);
    return part->status < 0;
}

/* --- generating ------------------------------------------------------------------------------------------------------------- */

/* The prompt as the request has it, or as its ids read. */
static int echo(struct part *part, const struct tl_ask_prompt *prompt)
{
    const struct tl_openai_request *request = part->reply->request;
    const struct tl_openai_prompt *said = &request->prompt[part->index / request->n];
    TL_AUTO char *text = NULL;
    size_t n_bytes = said->n_bytes;
    int status = 0;
    if (!said->text)
        status = tl_tokenizer_decode(part->reply->how.engine->tokenizer, prompt->ids, prompt->n_ids, request->show_special, &text, &n_bytes);
    if (status < 0 || n_bytes == 0)
        return status;
    struct tl_event event = {.kind = TL_EVENT_CONTENT, .part = part->index, .text = said->text ? said->text : text, .n_bytes = n_bytes};
    return tl_reply_event(part->reply, &event);
}

static int generate(struct part *part)
{
    const struct tl_openai_request *request = part->reply->request;
    bool echoed = request->echo && request->logprobs;
    struct tl_generate how = {
        .sampling = request->sampling, .choice = part->index % request->n, .max_tokens = request->max_tokens > 0 ? (uint32_t)request->max_tokens : 0,
        .prompt_only = request->max_tokens == 0, .stop = (const char *const *)request->stop, .n_stop = request->n_stop,
        .ignore_end = request->ignore_end, .show_special = request->show_special || part->told.turn, .guide = part->told.guide, .logprobs = request->logprobs,
        .top_logprobs = request->top_logprobs, .echo = echoed, .progress = request->return_progress ? on_progress : NULL,
        .prompt = echoed ? on_prompt : NULL, .token = request->logprobs || part->told.turn ? on_token : NULL, .text = on_text, .context = part,
    };
    if (echoed && request->max_tokens == 1)          /* harnesses count on one token behind the prompt, were it an end */
        how.ignore_end = true;
    return tl_generate(part->session, &how, &part->answer);
}

static const char *finish_name(enum tl_finish finish)
{
    switch (finish) {
    case TL_FINISH_STOP:      return "stop";
    case TL_FINISH_CANCELLED: return "cancelled";
    case TL_FINISH_CONTEXT: case TL_FINISH_LENGTH: return "length";
    }
    return "stop";
}

static void tell(const struct part *part, struct tl_replied *replied)
{
    const struct tl_answer *answer = &part->answer;
    const struct tl_share *share = &answer->share;
    uint32_t calls = part->told.turn ? tl_turn_calls(part->told.turn) : 0;
    *replied = (struct tl_replied){
        .finish = calls && answer->finish == TL_FINISH_STOP ? "tool_calls" : finish_name(answer->finish), .calls = calls, .first_token_seconds = answer->first_token_seconds,
        .usage = {
            .prompt_tokens = answer->prompt_tokens, .reused_tokens = answer->reused_tokens, .tokens = answer->n_ids,
            .reasoning_tokens = part->reasoning_tokens,
            .drafted_tokens = answer->drafted_tokens, .accepted_tokens = answer->accepted_tokens,
            .prefill_seconds = answer->prefill_seconds, .decode_seconds = answer->decode_seconds,
            .step_seconds = share->step_seconds, .stall_seconds = share->stall_seconds,
            .memory_bytes = (uint64_t)share->memory_bytes, .drive_bytes = (uint64_t)share->drive_bytes,
            .expert_hits = (uint64_t)share->expert_hits, .expert_misses = (uint64_t)share->expert_misses,
        },
    };
}

static int write_end(struct part *part, const struct tl_replied *replied)
{
    struct tl_event event = {.kind = TL_EVENT_END, .part = part->index, .finish = replied->finish, .usage = &replied->usage};
    return tl_reply_event(part->reply, &event);
}

static int answer_text(struct part *part, struct tl_replied *replied)
{
    struct tl_reply *reply = part->reply;
    const struct tl_ask_prompt *prompt = &reply->how.ask->prompt[part->index / reply->request->n];
    int status = tl_session_set(part->session, prompt->ids, prompt->n_ids);
    if (status >= 0)
        status = tl_ask_answer_new(reply->how.ask, part->index, on_event, part, &part->told);
    if (status >= 0 && reply->request->echo)
        status = echo(part, prompt);
    if (status >= 0)
        status = generate(part);
    if (status >= 0 && part->status < 0)
        status = part->status;
    if (status >= 0 && part->answer.finish == TL_FINISH_CANCELLED)
        status = tl_fail(TL_E_CANCEL, "interrupted");
    if (status >= 0 && part->told.turn)
        status = tl_turn_end(part->told.turn);
    tell(part, replied);
    tl_buffer_done(&part->answer.text);
    tl_ask_answer_done(&part->told);
    return status < 0 ? status : write_end(part, replied);
}

int tl_reply_part(struct tl_reply *reply, uint32_t index, struct tl_session *session, struct tl_replied *ret_replied)
{
    struct tl_replied replied = {0};
    struct part part = {.reply = reply, .session = session, .index = index, .begin_ns = tl_clock_ns()};
    if (index >= reply->n_parts)
        return tl_fail(TL_E_USAGE, "part %u of a request with %u", index, reply->n_parts);
    session->stop = &reply->cancel;
    int status = tl_reply_begin(reply);
    if (status >= 0)
        status = reply->request->kind == TL_OPENAI_EMBEDDING ? tl_reply_embed(reply, index, session, &replied) : answer_text(&part, &replied);
    if (status >= 0)
        status = tl_reply_end(reply);
    session->stop = NULL;
    if (status < 0)
        tl_reply_fail(reply, status);
    if (status == TL_E_CANCEL) {
        replied.finish = "cancelled";
        status = 0;
    }
    if (status >= 0 && ret_replied)
        *ret_replied = replied;
    return status;
}
