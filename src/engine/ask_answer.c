/* SPDX-License-Identifier: MIT */
/* What holds an answer to the language that its request wants, and tells what it is of. */
#include "base/error.h"
#include "base/hash.h"
#include "engine/ask.h"

/* Ids of tool calls differ from turn to turn, as prompts do, and from answer to answer. */
static uint64_t seed_of(const struct tl_ask *ask, uint32_t part)
{
    const struct tl_ask_prompt *prompt = &ask->prompt[part / ask->request.n];
    return tl_hash_bytes(prompt->ids, prompt->n_ids * sizeof(*prompt->ids), ask->request.sampling.seed * TL_OPENAI_CHOICES + part);
}

static int make_turn(const struct tl_ask *ask, uint32_t part, int (*event)(void *context, const struct tl_event *event), void *context,
                     struct tl_ask_answer *answer)
{
    const struct tl_openai_request *request = &ask->request;
    const struct tl_ask_prompt *prompt = &ask->prompt[part / request->n];
    struct tl_turn_how how = {
        .family = tl_language_family(ask->engine), .tokenizer = ask->engine->tokenizer, .tools = request->tools, .choice = request->tool_choice,
        .tool = request->tool, .parallel = !request->one_call, .show_special = request->show_special, .content = ask->content,
        .prompt = prompt->ids, .n_prompt = prompt->n_ids, .think_tokens = request->think_tokens < 0 ? UINT32_MAX : (uint32_t)request->think_tokens,
        .seed = seed_of(ask, part), .event = event, .context = context,
    };
    int status = tl_language_trie(ask->engine, &how.trie);
    if (status >= 0)
        status = tl_turn_new(&how, &answer->turn);
    if (status < 0)
        return status;
    answer->guide = tl_turn_guide(answer->turn);
    answer->least = tl_turn_least(answer->turn);
    return 0;
}

static int make_fence(const struct tl_ask *ask, struct tl_ask_answer *answer)
{
    int status = tl_fence_new(ask->engine, ask->content, &answer->fence);
    if (status < 0)
        return status;
    answer->guide = tl_fence_guide(answer->fence);
    answer->least = tl_fence_least(answer->fence);
    return 0;
}

int tl_ask_answer_new(const struct tl_ask *ask, uint32_t part, int (*event)(void *context, const struct tl_event *event), void *context,
                      struct tl_ask_answer *ret_answer)
{
    *ret_answer = (struct tl_ask_answer){0};
    if (ask->request.kind == TL_OPENAI_CHAT)
        return make_turn(ask, part, event, context, ret_answer);
    return ask->content ? make_fence(ask, ret_answer) : 0;
}

void tl_ask_answer_done(struct tl_ask_answer *answer)
{
    tl_turn_free(answer->turn);
    tl_fence_free(answer->fence);
    answer->turn = NULL;
    answer->fence = NULL;
    answer->guide = NULL;
}
