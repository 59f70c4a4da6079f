/* SPDX-License-Identifier: MIT */
/* POST /v1/messages/count_tokens, Anthropic's, and /v1/responses/input_tokens, OpenAI's: the request is read as one for an answer, and
 * only its prompt is counted. */
#include <inttypes.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "serve/routes.h"
#include "serve/server.h"
#include "serve/task.h"

static int write_nothing(void *context, const char *bytes, size_t n_bytes)
{
    (void)context, (void)bytes, (void)n_bytes;
    return 0;
}

static int count(struct tl_exchange *exchange, struct trill_model *model, uint64_t *ret_tokens, char **ret_refusal)
{
    struct trill_request_options options;
    struct trill_request_figures figures;
    struct trill_request *request;
    trill_request_options_init(&options, sizeof(options));
    options.form = exchange->route->form;
    options.body = exchange->body;
    options.n_bytes = exchange->n_bytes;
    options.write = write_nothing;
    int r = trill_request_new(model, &options, &request, ret_refusal);
    if (r < 0)
        return tl_error_set(r, trill_error());
    trill_request_figures(request, &figures, sizeof(figures));
    *ret_tokens = figures.prompt_tokens;
    trill_request_close(request);
    return 0;
}

int tl_count_tokens_post(struct tl_exchange *exchange)
{
    struct tl_buffer body;
    struct trill_model *model;
    uint64_t tokens = 0;
    char *refusal = NULL;
    bool of_responses = strcmp(exchange->route->form, "responses") == 0;
    TL_AUTO char *name = exchange->server->options->n_models > 1 ? tl_task_model_of(exchange->body, exchange->n_bytes) : NULL;
    if (tl_models_enter(exchange, name, &model) != 0)
        return 0;
    int r = count(exchange, model, &tokens, &refusal);
    tl_models_leave(&exchange->server->models);
    if (r < 0 && !refusal)
        return r;
    tl_buffer_init(&body, 0);
    if (refusal)
        tl_buffer_append(&body, refusal, strlen(refusal));
    else
        tl_buffer_printf(&body, "{%s\"input_tokens\":%" PRIu64 "}\n", of_responses ? "\"object\":\"response.input_tokens\"," : "", tokens);
    trill_free(refusal);
    tl_exchange_reply(exchange, r < 0 ? 400 : 200, NULL, &body);
    return 0;
}
