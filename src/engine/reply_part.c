/* SPDX-License-Identifier: MIT */
/* One part of a request: its prompt in a session, tokens and text as they come, each an event; then the counts. */
#include "base/clock.h"
#include "base/error.h"
#include "base/memory.h"
#include "engine/reply_impl.h"
#include "engine/telling.h"

struct part {
    struct tl_telling telling;           /* the first member: the context of callbacks */
    struct tl_reply *reply;
    struct tl_session *session;
    uint32_t index;
    uint64_t begin_ns;
    struct tl_answer answer;
};

static int on_event(void *context, const struct tl_event *event) { return tl_reply_event(context, event); }

static int on_progress(void *context, uint32_t done, uint32_t total, uint32_t reused)
{
    struct part *part = context;
    struct tl_event event = {.kind = TL_EVENT_PROGRESS, .part = part->index, .done = done, .total = total, .reused = reused,
                             .seconds = tl_clock_seconds(part->begin_ns)};
    part->telling.status = tl_reply_event(part->reply, &event);
    return part->telling.status < 0;
}

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
    struct tl_generate how;
    tl_telling_how(&part->telling, &how);
    if (part->reply->request->return_progress)
        how.progress = on_progress;
    int status = tl_generate(part->session, &how, &part->answer);
    if (status >= 0 && part->telling.status < 0)
        status = part->telling.status;
    return status >= 0 && part->answer.finish == TL_FINISH_CANCELLED ? tl_fail(TL_E_CANCEL, "interrupted") : status;
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
    *replied = (struct tl_replied){
        .finish = finish_name(answer->finish), .first_token_seconds = answer->first_token_seconds,
        .usage = {
            .prompt_tokens = answer->prompt_tokens, .reused_tokens = answer->reused_tokens, .tokens = answer->n_ids,
            .drafted_tokens = answer->drafted_tokens, .accepted_tokens = answer->accepted_tokens,
            .prefill_seconds = answer->prefill_seconds, .decode_seconds = answer->decode_seconds,
            .step_seconds = share->step_seconds, .stall_seconds = share->stall_seconds,
            .memory_bytes = (uint64_t)share->memory_bytes, .drive_bytes = (uint64_t)share->drive_bytes,
            .expert_hits = (uint64_t)share->expert_hits, .expert_misses = (uint64_t)share->expert_misses,
        },
    };
}

static int answer_text(struct part *part, struct tl_replied *replied)
{
    struct tl_reply *reply = part->reply;
    const struct tl_ask_prompt *prompt = &reply->how.ask->prompt[part->index / reply->request->n];
    int status = tl_session_set(part->session, prompt->ids, prompt->n_ids);
    if (status >= 0)
        status = tl_telling_begin(&part->telling, reply->how.ask, part->index, on_event, reply);
    if (status >= 0 && reply->request->echo)
        status = echo(part, prompt);
    if (status >= 0)
        status = generate(part);
    tell(part, replied);
    part->telling.stop = part->answer.stop;
    if (status >= 0)
        status = tl_telling_end(&part->telling, &replied->finish, &replied->usage, &replied->calls);
    tl_buffer_done(&part->answer.text);
    tl_telling_done(&part->telling);
    return status;
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
