/* SPDX-License-Identifier: MIT */
/* A request from its first field to its last, and what must agree between fields when all are there. */
#include "wire/openai.h"

#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "wire/openai_fields.h"
#include "wire/openai_lists.h"

static int blame(struct tl_openai_request *request, const char *param, int status)
{
    snprintf(request->param, sizeof request->param, "%s", param);
    return status;
}

/* The template's variables: those given by name, and the few that have a field of their own. */
static int build_variables(struct tl_openai_request *request)
{
    struct tl_buffer out;
    if (!request->kwargs && !request->said_thinking && !request->effort)
        return 0;
    tl_buffer_init(&out, 0);
    tl_buffer_append(&out, "{", 1);
    if (request->said_thinking)
        tl_buffer_printf(&out, "\"enable_thinking\":%s", request->thinking ? "true" : "false");
    if (request->effort)
        tl_buffer_printf(&out, "%s\"reasoning_effort\":%s", out.len > 1 ? "," : "", request->effort);
    if (request->kwargs && request->kwargs[1 + strspn(request->kwargs + 1, " \t\r\n")] != '}')
        tl_buffer_printf(&out, "%s%s", out.len > 1 ? "," : "", request->kwargs + 1);
    else
        tl_buffer_append(&out, "}", 1);
    int r = out.status;
    if (r >= 0) {
        tl_free(request->variables);
        request->variables = tl_buffer_take(&out, NULL);
    }
    tl_buffer_done(&out);
    return r;
}

/* Tools that may not be called are not told of. */
static int keep_allowed(struct tl_openai_request *request)
{
    struct tl_buffer out;
    tl_buffer_init(&out, 0);
    int kept = tl_openai_only_tools(request->tools ? request->tools : "[]", request->allowed, &out);
    if (kept > 0) {
        tl_free(request->tools);
        request->tools = tl_buffer_take(&out, NULL);
    }
    tl_buffer_done(&out);
    tl_free(request->allowed);
    request->allowed = NULL;
    return kept ? kept : tl_fail(TL_E_USAGE, "tool_choice: none of the allowed tools is a function of the tools");
}

static int settle_tools(struct tl_openai_request *request)
{
    int kept = request->allowed ? keep_allowed(request) : 0;
    if (kept < 0)
        return blame(request, "tool_choice", kept);
    int any = request->tools ? tl_openai_has_tool(request->tools, NULL) : 0;
    if (any < 0)
        return blame(request, "tools", any);
    if (request->tools && (!any || request->tool_choice == TL_TOOLS_NONE)) {
        tl_free(request->tools);
        request->tools = NULL;
    }
    if (!any && (request->tool_choice == TL_TOOLS_REQUIRED || request->tool_choice == TL_TOOLS_ONE))
        return blame(request, "tool_choice", tl_fail(TL_E_USAGE, "tool_choice: a call is wanted, and there are no tools"));
    if (request->tool_choice != TL_TOOLS_ONE)
        return 0;
    int found = tl_openai_has_tool(request->tools, request->tool);
    return found ? found : blame(request, "tool_choice", tl_fail(TL_E_USAGE, "tool_choice: \"%.60s\" is no function of the tools", request->tool));
}

int tl_openai_settle(struct tl_openai_request *request)
{
    struct tl_sampling *sampling = &request->sampling;
    if (request->max_completion_tokens >= 0)
        request->max_tokens = request->max_completion_tokens;
    if (request->kind == TL_OPENAI_EMBEDDING)
        request->n = 1;
    if (sampling->top_p == 0)            /* the likeliest alone, as others read it */
        sampling->top_p = 1e-9f;
    if (sampling->typical_p == 0)
        sampling->typical_p = 1e-9f;
    sampling->bias = request->bias;
    if (request->kind == TL_OPENAI_CHAT && !request->messages)
        return blame(request, "messages", tl_fail(TL_E_USAGE, "messages: missing"));
    if (request->kind == TL_OPENAI_COMPLETION && !request->n_prompts)
        return blame(request, "prompt", tl_fail(TL_E_USAGE, "prompt: missing"));
    if (request->kind == TL_OPENAI_EMBEDDING && !request->n_prompts)
        return blame(request, "input", tl_fail(TL_E_USAGE, "input: missing"));
    if (request->kind == TL_OPENAI_CHAT && request->top_logprobs && !request->logprobs)
        return blame(request, "top_logprobs", tl_fail(TL_E_USAGE, "top_logprobs: needs logprobs to be true"));
    if (request->best_of >= 0 && request->best_of != request->n)
        return blame(request, "best_of", tl_fail(TL_E_USAGE, "best_of: only the value of n is supported"));
    if (request->kind != TL_OPENAI_EMBEDDING && (uint64_t)request->n * request->n_prompts > TL_OPENAI_CHOICES)
        return blame(request, "n", tl_fail(TL_E_USAGE, "n: %u answers to %u prompts, at most %d together", request->n, request->n_prompts, TL_OPENAI_CHOICES));
    request->max_completion_tokens = request->best_of = -1;  /* of defaults: what a request says is not overruled */
    int r = tl_openai_settle_thinking(request);
    if (r >= 0)
        r = settle_tools(request);
    if (r >= 0)
        r = build_variables(request);
    return r < 0 ? r : blame(request, "", tl_sampling_check(sampling));
}

void tl_openai_init(struct tl_openai_request *ret_request)
{
    *ret_request = (struct tl_openai_request){.n = 1, .max_tokens = -1, .max_completion_tokens = -1, .best_of = -1, .think_tokens = -1,
                                               .effort_tokens = TL_OPENAI_NO_EFFORT};
    tl_sampling_default(&ret_request->sampling);
}

int tl_openai_read(struct tl_openai_request *request, enum tl_openai_kind kind, const char *where, const char *text, size_t n_bytes)
{
    struct tl_openai_reader reader = {.request = request};
    request->kind = kind;
    request->param[0] = 0;
    tl_json_init(&reader.json, where, text, n_bytes);
    int r = tl_json_next(&reader.json);
    if (r >= 0 && r != TL_JSON_OBJECT)
        r = tl_fail(TL_E_USAGE, "%s: expected an object", where);
    while (r >= 0 && (r = tl_json_next(&reader.json)) == TL_JSON_KEY)
        if ((r = tl_openai_field_read(&reader)) >= 0)
            request->param[0] = 0;
    if (r >= 0)
        r = tl_json_next(&reader.json);
    tl_json_done(&reader.json);
    return r < 0 ? r : tl_openai_settle(request);
}

void tl_openai_done(struct tl_openai_request *request)
{
    tl_openai_drop_lists(request);
    tl_free(request->model);
    tl_free(request->messages);
    tl_free(request->tools);
    tl_free(request->variables);
    tl_free(request->bias);
    tl_free(request->schema);
    tl_free(request->grammar);
    tl_free(request->tool);
    tl_free(request->allowed);
    tl_free(request->notes);
    tl_free(request->repeated);
    tl_free(request->kwargs);
    tl_free(request->effort);
    *request = (struct tl_openai_request){0};
}

uint32_t tl_openai_choices(const struct tl_openai_request *request)
{
    return request->n * (request->n_prompts ? request->n_prompts : 1);
}
