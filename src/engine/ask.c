/* SPDX-License-Identifier: MIT */
/* From the fields of a request to ids: chats by the model's template, completions as they are. */
#include "engine/ask.h"

#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "engine/chat.h"
#include "engine/telling.h"

static int chat_ids(const struct tl_engine *engine, const struct tl_ask_how *how, struct tl_ask *ask)
{
    const struct tl_openai_request *request = &ask->request;
    struct tl_chat chat = {.messages = request->messages, .tools = request->tools, .variables = request->variables, .now = how->now,
                           .goes_on = true};
    return tl_chat_tokenize(engine, &chat, &ask->prompt[0].ids, &ask->prompt[0].n_ids);
}

static int copy_ids(const struct tl_engine *engine, const struct tl_openai_prompt *from, struct tl_ask_prompt *to)
{
    uint32_t vocab = tl_tokenizer_size(engine->tokenizer);
    for (size_t i = 0; i < from->n_ids; i++)
        if ((uint32_t)from->ids[i] >= vocab)
            return tl_fail(TL_E_USAGE, "id %d is not in the vocabulary of %u", from->ids[i], vocab);
    if (!(to->ids = tl_alloc(from->n_ids + 1, sizeof(*to->ids))))
        return TL_E_NOMEM;
    if (from->n_ids)
        memcpy(to->ids, from->ids, from->n_ids * sizeof(*to->ids));
    to->n_ids = from->n_ids;
    return 0;
}

static int prompt_ids(const struct tl_engine *engine, struct tl_ask *ask, uint32_t index)
{
    const struct tl_openai_prompt *from = &ask->request.prompt[index];
    struct tl_ask_prompt *to = &ask->prompt[index];
    unsigned flags = TL_ENCODE_BOS | (ask->request.show_special ? TL_ENCODE_SPECIAL : 0u);
    if (!from->text)
        return copy_ids(engine, from, to);
    return tl_tokenizer_encode(engine->tokenizer, from->text, from->n_bytes, flags, &to->ids, &to->n_ids);
}

static int check_length(struct tl_ask *ask, const struct tl_ask_how *how, uint32_t index)
{
    size_t n = ask->prompt[index].n_ids;
    if (n == 0)
        return tl_fail(TL_E_USAGE, "the prompt is empty");
    if (how->context == 0 || n < how->context)
        return 0;
    ask->too_long = n;
    ask->context = how->context;
    return tl_fail(TL_E_USAGE, "context_length_exceeded: the prompt has %zu tokens, and the context is %u tokens long (n_prompt_tokens %zu, n_ctx %u)",
                   n, how->context, n, how->context);
}

static int make_prompts(const struct tl_engine *engine, const struct tl_ask_how *how, struct tl_ask *ask)
{
    bool chat = ask->request.kind == TL_OPENAI_CHAT;
    uint32_t n_prompts = chat ? 1 : ask->request.n_prompts;
    if (!(ask->prompt = tl_alloc(n_prompts, sizeof(*ask->prompt))))
        return TL_E_NOMEM;
    ask->n_prompts = n_prompts;
    snprintf(ask->request.param, sizeof(ask->request.param), "%s", chat ? "messages" : ask->request.kind == TL_OPENAI_EMBEDDING ? "input" : "prompt");
    for (uint32_t i = 0; i < n_prompts; i++) {
        int status = chat ? chat_ids(engine, how, ask) : prompt_ids(engine, ask, i);
        if (status >= 0)
            status = check_length(ask, how, i);
        if (status < 0)
            return status;
    }
    ask->request.param[0] = 0;
    return 0;
}

static int read_fields(const struct tl_form *form, const char *body, size_t n_bytes, const struct tl_ask_how *how, struct tl_openai_request *request)
{
    int status = 0;
    if (how->defaults)
        status = tl_openai_read(request, TL_OPENAI_ANY, "defaults", how->defaults, strlen(how->defaults));
    return status < 0 ? status : form->read(request, "body", body, n_bytes);
}

static int check_width(const struct tl_engine *engine, struct tl_openai_request *request)
{
    uint32_t width = engine->model ? tl_model_geometry(engine->model)->width : request->dimensions;
    if (request->dimensions <= width)
        return 0;
    snprintf(request->param, sizeof(request->param), "dimensions");
    return tl_fail(TL_E_USAGE, "dimensions: embeddings of this model have %u, fewer can be asked for, and %u were", width, request->dimensions);
}

static int take_language(struct tl_ask *ask)
{
    struct tl_openai_request *request = &ask->request;
    enum tl_language_kind kind = request->schema ? TL_LANGUAGE_SCHEMA : request->grammar ? TL_LANGUAGE_GBNF : TL_LANGUAGE_ANY_JSON;
    const char *text = request->schema ? request->schema : request->grammar, *name = request->grammar ? "grammar" : "response_format";
    if (!text && !request->any_json)
        return 0;
    snprintf(request->param, sizeof(request->param), "%s", name);
    int status = tl_language_take(ask->engine, kind, name, text, text ? strlen(text) : 0, &ask->content);
    if (status >= 0)
        request->param[0] = 0;
    return status;
}

/* An answer that cannot end within its bound, or its context, is not begun. */
static int check_least(struct tl_ask *ask, const struct tl_ask_how *how, uint32_t prompt)
{
    struct tl_openai_request *request = &ask->request;
    struct tl_telling telling;
    bool free_answer = !ask->content && request->tool_choice <= TL_TOOLS_NONE;
    if (free_answer || request->max_tokens == 0)
        return 0;
    int status = tl_telling_begin(&telling, ask, prompt * request->n, NULL, NULL);
    if (status < 0)
        return status;
    uint32_t least = telling.least;
    tl_telling_done(&telling);
    uint64_t room = how->context ? how->context - ask->prompt[prompt].n_ids : UINT32_MAX;
    if (request->max_tokens > 0 && (uint64_t)request->max_tokens < least) {
        const char *most = ask->form->most ? ask->form->most : "max_tokens";
        snprintf(request->param, sizeof(request->param), "%s", most);
        return tl_fail(TL_E_USAGE, "%s: %lld are allowed, and an answer of that language takes %u at least", most, (long long)request->max_tokens, least);
    }
    if (room >= least)
        return 0;
    ask->too_long = ask->prompt[prompt].n_ids;
    ask->context = how->context;
    return tl_fail(TL_E_USAGE, "context_length_exceeded: the prompt has %zu tokens, an answer of that language takes %u at least, and the context is %u "
                   "tokens long", ask->prompt[prompt].n_ids, least, how->context);
}

static int check_answers(struct tl_ask *ask, const struct tl_ask_how *how)
{
    int status = 0;
    for (uint32_t i = 0; i < ask->n_prompts && status >= 0; i++)
        status = check_least(ask, how, i);
    return status;
}

int tl_ask_read(const struct tl_engine *engine, const struct tl_form *form, const char *body, size_t n_bytes, const struct tl_ask_how *how,
                struct tl_ask *ret_ask)
{
    *ret_ask = (struct tl_ask){.form = form, .engine = engine};
    tl_openai_init(&ret_ask->request);
    int status = read_fields(form, body, n_bytes, how, &ret_ask->request);
    if (status >= 0)
        status = check_width(engine, &ret_ask->request);
    if (status >= 0)
        status = take_language(ret_ask);
    if (status >= 0)
        status = make_prompts(engine, how, ret_ask);
    return status < 0 ? status : check_answers(ret_ask, how);
}

struct tl_failure tl_ask_failure(const struct tl_ask *ask, const char *message)
{
    return (struct tl_failure){.http_status = 400, .message = message, .param = ask->request.param, .n_prompt_tokens = ask->too_long,
                               .n_ctx = ask->too_long ? ask->context : 0, .code = ask->too_long ? "context_length_exceeded" : NULL};
}

uint32_t tl_ask_parts(const struct tl_ask *ask) { return ask->n_prompts * ask->request.n; }

void tl_ask_done(struct tl_ask *ask)
{
    for (uint32_t i = 0; i < ask->n_prompts; i++)
        tl_free(ask->prompt[i].ids);
    tl_free(ask->prompt);
    if (ask->engine)
        tl_language_give_back(ask->engine, ask->content);
    tl_openai_done(&ask->request);
    *ask = (struct tl_ask){0};
}
