/* SPDX-License-Identifier: MIT */
/* trill_request: requests of clients and their answers. */
#include "api/api.h"
#include "base/error.h"
#include "base/memory.h"
#include "engine/reply.h"

struct trill_request {
    struct tl_ask ask;
    struct tl_reply *reply;
    char *id, *model;
};

const char *trill_forms(void) { return tl_form_names(); }

void trill_request_options_init(struct trill_request_options *options, size_t size)
{
    static const struct trill_request_options preset = {.size = sizeof(preset)};
    tl_api_out(options, size, &preset, sizeof(preset));
}

static int find_form(const char *name, const struct tl_form **ret_form)
{
    *ret_form = name ? tl_form_find(name) : NULL;
    return *ret_form ? 0 : tl_fail(TL_E_USAGE, "form \"%.40s\" is not known (there are: %s)", name ? name : "", tl_form_names());
}

/* The document of an error; NULL: out of memory. */
static char *write_error(const struct tl_form *form, const struct tl_failure *failure)
{
    struct tl_buffer out;
    tl_buffer_init(&out, 0);
    form->error(failure, false, &out);
    return tl_buffer_take(&out, NULL);
}

static int refuse(const struct tl_ask *ask, int status, char **ret_refusal)
{
    char sentence[512];
    if (status != TL_E_USAGE && status != TL_E_FILE)
        return status;
    strncpy(sentence, tl_error_text(), sizeof(sentence) - 1);
    sentence[sizeof(sentence) - 1] = 0;
    struct tl_failure failure = tl_ask_failure(ask, sentence);
    if (!(*ret_refusal = write_error(ask->form, &failure)))
        return TL_E_NOMEM;
    return tl_error_set(status, sentence);
}

static int make_reply(struct trill_model *model, const struct trill_request_options *options, struct trill_request *request)
{
    request->id = options->id ? tl_strdup(options->id) : NULL;
    request->model = options->model ? tl_strdup(options->model) : NULL;
    if ((options->id && !request->id) || (options->model && !request->model))
        return TL_E_NOMEM;
    struct tl_reply_how how = {
        .engine = model->engine, .ask = &request->ask, .id = request->id,
        .model = request->ask.request.model ? request->ask.request.model : request->model, .write = options->write, .context = options->context_pointer,
    };
    return tl_reply_new(&how, &request->reply);
}

static int make(struct trill_model *model, const struct trill_request_options *options, const struct tl_form *form, struct trill_request *request,
                char **ret_refusal)
{
    struct tl_engine *engine = model->engine;
    struct tl_ask_how how = {.defaults = options->defaults, .context = engine->model ? tl_model_limits(engine->model)->context : 0};
    int status = tl_ask_read(engine, form, options->body, options->n_bytes, &how, &request->ask);
    return status < 0 ? refuse(&request->ask, status, ret_refusal) : make_reply(model, options, request);
}

int trill_request_new(struct trill_model *model, const struct trill_request_options *options, struct trill_request **ret_request, char **ret_refusal)
{
    struct trill_request_options known = {.size = sizeof(known)};
    const struct tl_form *form;
    tl_api_in(&known, sizeof(known), options);
    *ret_refusal = NULL;
    int status = find_form(known.form, &form);
    if (status < 0)
        return status;
    if (!known.write || (!known.body && known.n_bytes))
        return tl_fail(TL_E_USAGE, "a request without %s", known.write ? "a body" : "anyone to write to");
    struct trill_request *request = tl_alloc(1, sizeof(*request));
    if (!request)
        return TL_E_NOMEM;
    status = make(model, &known, form, request, ret_refusal);
    if (status < 0) {
        trill_request_close(request);
        return status;
    }
    *ret_request = request;
    return 0;
}

void trill_request_close(struct trill_request *request)
{
    if (!request)
        return;
    tl_reply_free(request->reply);
    tl_ask_done(&request->ask);
    tl_free(request->id);
    tl_free(request->model);
    tl_free(request);
}

int trill_request_figures(const struct trill_request *request, struct trill_request_figures *figures, size_t size)
{
    const struct tl_ask *ask = &request->ask;
    struct trill_request_figures f = {.size = sizeof(f), .parts = tl_reply_parts(ask), .stream = ask->request.stream, .model = ask->request.model};
    for (uint32_t i = 0; i < ask->n_prompts; i++) {
        uint64_t n = ask->prompt[i].n_ids;
        f.prompt_tokens += n;
        f.longest_prompt = n > f.longest_prompt ? n : f.longest_prompt;
    }
    tl_api_out(figures, size, &f, sizeof(f));
    return 0;
}

int trill_request_answer(struct trill_request *request, uint32_t part, struct trill_session *session, struct trill_answered *ret_answered, size_t size)
{
    struct tl_replied r = {0};
    int status = tl_reply_part(request->reply, part, session->session, &r);
    if (status < 0 || !ret_answered)
        return status;
    const struct tl_usage *u = &r.usage;
    struct trill_answered a = {
        .size = sizeof(a), .finish = r.finish, .prompt_tokens = u->prompt_tokens, .reused_tokens = u->reused_tokens, .tokens = u->tokens,
        .reasoning_tokens = u->reasoning_tokens, .tool_calls = r.calls, .drafted_tokens = u->drafted_tokens, .accepted_tokens = u->accepted_tokens,
        .first_token_seconds = r.first_token_seconds, .prefill_seconds = u->prefill_seconds, .decode_seconds = u->decode_seconds,
        .step_seconds = u->step_seconds, .stall_seconds = u->stall_seconds, .memory_bytes = u->memory_bytes, .drive_bytes = u->drive_bytes,
        .expert_hits = u->expert_hits, .expert_misses = u->expert_misses,
    };
    tl_api_out(ret_answered, size, &a, sizeof(a));
    return 0;
}

int trill_request_beat(struct trill_request *request) { return tl_reply_beat(request->reply); }
void trill_request_cancel(struct trill_request *request) { tl_reply_cancel(request->reply); }

int trill_form_error(const char *form, int http_status, const char *message, const char *code, char **ret_document)
{
    const struct tl_form *found;
    struct tl_failure failure = {.http_status = http_status, .message = message, .code = code};
    int status = find_form(form, &found);
    if (status < 0)
        return status;
    char *document = write_error(found, &failure);
    if (!document)
        return TL_E_NOMEM;
    *ret_document = document;
    return 0;
}
