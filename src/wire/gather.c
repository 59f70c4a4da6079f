/* SPDX-License-Identifier: MIT */
/* Events added up. Tool calls come one after the other, each with all of its arguments. */
#include "wire/gather.h"

#include <string.h>

#include "base/error.h"
#include "base/memory.h"

void tl_gather_init(struct tl_gather *gather)
{
    *gather = (struct tl_gather){0};
    tl_buffer_init(&gather->reasoning, 0);
    tl_buffer_init(&gather->content, 0);
}

void tl_gather_done(struct tl_gather *gather)
{
    for (uint64_t i = 0; i < gather->n_calls; i++) {
        tl_free(gather->call[i].id);
        tl_free(gather->call[i].name);
        tl_buffer_done(&gather->call[i].arguments);
    }
    tl_free(gather->call);
    tl_free(gather->logprobs);
    tl_free(gather->values);
    tl_buffer_done(&gather->reasoning);
    tl_buffer_done(&gather->content);
    *gather = (struct tl_gather){0};
}

static int add_call(struct tl_gather *gather, const struct tl_event *event)
{
    int status = tl_grow((void **)&gather->call, gather->n_calls, &gather->room_calls, sizeof(*gather->call));
    if (status < 0)
        return status;
    struct tl_gathered_call *call = &gather->call[gather->n_calls++];
    *call = (struct tl_gathered_call){.id = tl_strdup(event->id), .name = tl_strdup(event->name)};
    tl_buffer_init(&call->arguments, 0);
    return call->id && call->name ? 0 : TL_E_NOMEM;
}

static int add_arguments(struct tl_gather *gather, const struct tl_event *event)
{
    if (event->call >= gather->n_calls)
        return tl_fail(TL_E_FAIL, "arguments of tool call %u, which has not begun", event->call);
    return tl_buffer_append(&gather->call[event->call].arguments, event->text, event->n_bytes);
}

static int add_token(struct tl_gather *gather, const struct tl_event *event)
{
    uint64_t width = 1 + (uint64_t)event->n_top, at = gather->n_tokens * width;
    if (gather->n_tokens && gather->n_top != event->n_top)
        return tl_fail(TL_E_FAIL, "a token with %u alternatives behind one with %u", event->n_top, gather->n_top);
    int status = tl_reserve((void **)&gather->logprobs, at + width, &gather->room_logprobs, sizeof(*gather->logprobs));
    if (status < 0)
        return status;
    memcpy(gather->logprobs + at, event->logprobs, width * sizeof(*gather->logprobs));
    gather->n_top = event->n_top;
    gather->n_tokens++;
    return 0;
}

static int add_values(struct tl_gather *gather, const struct tl_event *event)
{
    if (!(gather->values = tl_alloc(event->n_values, sizeof(*gather->values))))
        return TL_E_NOMEM;
    memcpy(gather->values, event->values, event->n_values * sizeof(*gather->values));
    gather->n_values = event->n_values;
    return 0;
}

static int add_end(struct tl_gather *gather, const struct tl_event *event)
{
    gather->finish = event->finish;
    gather->usage = *event->usage;
    return 0;
}

int tl_gather_event(struct tl_gather *gather, const struct tl_event *event)
{
    switch (event->kind) {
    case TL_EVENT_REASONING: return tl_buffer_append(&gather->reasoning, event->text, event->n_bytes);
    case TL_EVENT_CONTENT:   return tl_buffer_append(&gather->content, event->text, event->n_bytes);
    case TL_EVENT_CALL:      return add_call(gather, event);
    case TL_EVENT_ARGUMENTS: return add_arguments(gather, event);
    case TL_EVENT_TOKEN:     return add_token(gather, event);
    case TL_EVENT_EMBEDDING: return add_values(gather, event);
    case TL_EVENT_END:       return add_end(gather, event);
    case TL_EVENT_PROGRESS:  return 0;
    }
    return 0;
}
