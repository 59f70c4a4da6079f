/* SPDX-License-Identifier: MIT */
/* From tokens and text to events, by a turn where there is one. */
#include "engine/telling.h"

#include <math.h>
#include <string.h>
#include <time.h>

#include "base/error.h"
#include "base/hash.h"

/* --- what holds it ---------------------------------------------------------------------------------------------------------- */

/* Ids of tool calls differ from turn to turn, as prompts do, and from answer to answer. */
static uint64_t seed_of(const struct tl_ask *ask, uint32_t part)
{
    const struct tl_ask_prompt *prompt = &ask->prompt[part / ask->request.n];
    return tl_hash_bytes(prompt->ids, prompt->n_ids * sizeof(*prompt->ids), ask->request.sampling.seed * TL_OPENAI_CHOICES + part);
}

/* Of a turn. */
static int on_event(void *context, const struct tl_event *event)
{
    struct tl_telling *telling = context;
    struct tl_event whole = *event;
    whole.part = telling->part;
    if (event->kind == TL_EVENT_REASONING && telling->ask->request.hide_reasoning)
        return 0;
    return telling->event(telling->context, &whole);
}

static int make_turn(struct tl_telling *telling)
{
    const struct tl_ask *ask = telling->ask;
    const struct tl_openai_request *request = &ask->request;
    const struct tl_ask_prompt *prompt = &ask->prompt[telling->part / request->n];
    struct tl_turn_how how = {
        .tools = request->tools, .choice = request->tool_choice,
        .tool = request->tool, .parallel = !request->one_call, .show_special = request->show_special, .content = ask->content,
        .prompt = prompt->ids, .n_prompt = prompt->n_ids, .think_tokens = request->think_tokens < 0 ? UINT32_MAX : (uint32_t)request->think_tokens,
        .seed = seed_of(ask, telling->part), .event = on_event, .context = telling,
    };
    int status = tl_language_turn(ask->engine, &how, &telling->turn);
    if (status < 0)
        return status;
    telling->guide = tl_turn_guide(telling->turn);
    telling->least = tl_turn_least(telling->turn);
    return 0;
}

static int make_fence(struct tl_telling *telling)
{
    int status = tl_fence_new(telling->ask->engine, telling->ask->content, &telling->fence);
    if (status < 0)
        return status;
    telling->guide = tl_fence_guide(telling->fence);
    telling->least = tl_fence_least(telling->fence);
    return 0;
}

int tl_telling_begin(struct tl_telling *telling, const struct tl_ask *ask, uint32_t part, int (*event)(void *context, const struct tl_event *event),
                     void *context)
{
    *telling = (struct tl_telling){.ask = ask, .part = part, .event = event, .context = context};
    if (ask->request.kind == TL_OPENAI_CHAT)
        return make_turn(telling);
    return ask->content ? make_fence(telling) : 0;
}

void tl_telling_done(struct tl_telling *telling)
{
    tl_turn_free(telling->turn);
    tl_fence_free(telling->fence);
    *telling = (struct tl_telling){0};
}

/* --- callbacks of generating ------------------------------------------------------------------------------------------------ */

/* Non-zero ends the answer. */
static int give(struct tl_telling *telling, const struct tl_event *event)
{
    telling->status = telling->event(telling->context, event);
    return telling->status < 0;
}

static int give_token(struct tl_telling *telling, int32_t id, const struct tl_event_logprob *seen, uint32_t n_seen)
{
    struct tl_event_logprob unknown[1 + TL_OPENAI_TOP];
    uint32_t n_top = telling->ask->request.top_logprobs;
    for (uint32_t k = 0; k <= n_top && n_seen == 0; k++)
        unknown[k] = (struct tl_event_logprob){id, NAN};
    struct tl_event event = {.kind = TL_EVENT_TOKEN, .part = telling->part, .logprobs = n_seen ? seen : unknown, .n_top = n_top};
    return give(telling, &event);
}

static int on_token(void *context, int32_t id, const struct tl_event_logprob *seen, uint32_t n_seen)
{
    struct tl_telling *telling = context;
    telling->reasoning_tokens += telling->turn && tl_turn_reasons(telling->turn);
    return telling->ask->request.logprobs ? give_token(telling, id, seen, n_seen) : 0;
}

static int on_prompt(void *context, uint32_t place, int32_t id, const struct tl_event_logprob *seen, uint32_t n_seen)
{
    (void)place;
    return give_token(context, id, seen, n_seen);
}

static int on_text(void *context, const char *bytes, size_t n_bytes)
{
    struct tl_telling *telling = context;
    struct tl_event event = {.kind = TL_EVENT_CONTENT, .part = telling->part, .text = bytes, .n_bytes = n_bytes};
    if (!telling->turn)
        return give(telling, &event);
    telling->status = tl_turn_text(telling->turn, bytes, n_bytes);
    return telling->status < 0;
}

/* --- from its beginning to its end ------------------------------------------------------------------------------------------ */

void tl_telling_how(struct tl_telling *telling, struct tl_generate *ret_how)
{
    const struct tl_openai_request *request = &telling->ask->request;
    bool echoed = request->echo && request->logprobs;
    *ret_how = (struct tl_generate){
        .sampling = request->sampling, .choice = telling->part % request->n, .max_tokens = request->max_tokens > 0 ? (uint32_t)request->max_tokens : 0,
        .prompt_only = request->max_tokens == 0, .stop = (const char *const *)request->stop, .n_stop = request->n_stop,
        .ignore_end = request->ignore_end, .show_special = request->show_special || telling->turn, .guide = telling->guide,
        .logprobs = request->logprobs, .top_logprobs = request->top_logprobs, .echo = echoed, .prompt = echoed ? on_prompt : NULL,
        .token = request->logprobs || telling->turn ? on_token : NULL, .text = on_text, .context = telling,
    };
    if (echoed && request->max_tokens == 1)          /* harnesses count on one token behind the prompt, were it an end */
        ret_how->ignore_end = true;
}

int tl_telling_end(struct tl_telling *telling, const char **finish, struct tl_usage *usage, uint32_t *ret_calls)
{
    int status = telling->turn ? tl_turn_end(telling->turn) : 0;
    uint32_t calls = telling->turn ? tl_turn_calls(telling->turn) : 0;
    if (status < 0)
        return status;
    if (calls && strcmp(*finish, "stop") == 0)
        *finish = "tool_calls";
    usage->reasoning_tokens = telling->reasoning_tokens;
    if (ret_calls)
        *ret_calls = calls;
    struct tl_event event = {.kind = TL_EVENT_END, .part = telling->part, .finish = *finish, .stop = telling->stop, .usage = usage,
                             .ended = (int64_t)time(NULL)};
    return telling->event(telling->context, &event);
}
