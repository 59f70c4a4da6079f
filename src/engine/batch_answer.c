/* SPDX-License-Identifier: MIT */
/* From the next line to a request, and from its finished choices to a line. Names and times in a line are functions of
 * the input, so that every run over it writes the same bytes. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "engine/batch_loop.h"

enum { NAME_CHARS = 24 };

static void name_of(const struct tl_batch_loop *loop, uint64_t line, const char *what, char ret_name[NAME_CHARS + 1])
{
    struct tl_sha256 sha;
    uint8_t digest[TL_SHA256_BYTES];
    char hex[2 * TL_SHA256_BYTES + 1];
    tl_sha256_init(&sha);
    tl_sha256_add(&sha, loop->identity.input, sizeof(loop->identity.input));
    tl_sha256_add(&sha, &line, sizeof(line));
    tl_sha256_add(&sha, what, strlen(what));
    tl_sha256_end(&sha, digest);
    tl_sha256_hex(digest, hex);
    memcpy(ret_name, hex, NAME_CHARS);
    ret_name[NAME_CHARS] = 0;
}

static void begin_line(const struct tl_batch_loop *loop, uint64_t line, const struct tl_batch_request *request, struct tl_buffer *out)
{
    char id[NAME_CHARS + 1], request_id[NAME_CHARS + 1];
    name_of(loop, line, "batch", id);
    name_of(loop, line, "request", request_id);
    tl_buffer_printf(out, "{\"id\":\"batch_req_%s\",\"custom_id\":%s,\"response\":{\"status_code\":%d,\"request_id\":\"req_%s\",\"body\":", id,
                     request->custom_id ? request->custom_id : "null", request->status, request_id);
}

static int end_line(struct tl_batch_loop *loop, const struct tl_batch_finished *finished, struct tl_buffer *out)
{
    tl_buffer_printf(out, "},\"error\":null}");
    int status = out->status < 0 ? out->status : tl_batch_work_add(loop->work, finished, out->data, out->len);
    tl_buffer_done(out);
    loop->n_left--;
    loop->report->failed += finished->failed;
    return status;
}

static int refuse(struct tl_batch_loop *loop, uint64_t line, const struct tl_batch_request *request)
{
    struct tl_buffer out;
    struct tl_batch_finished finished = {.line = line, .failed = 1};
    tl_buffer_init(&out, 0);
    begin_line(loop, line, request, &out);
    tl_openai_write_error(&out, request->message, "invalid_request_error", request->ask.request.param, request->ask.code);
    return end_line(loop, &finished, &out);
}

uint64_t tl_batch_answer_bound(const struct tl_batch_loop *loop, const struct tl_batch_answer *answer, uint32_t choice)
{
    const struct tl_ask *ask = &answer->request.ask;
    uint64_t room = tl_model_limits(loop->engine->model)->context - ask->prompt[choice / ask->request.n].n_ids;
    return ask->request.max_tokens >= 0 && (uint64_t)ask->request.max_tokens < room ? (uint64_t)ask->request.max_tokens : room;
}

static int make(struct tl_batch_loop *loop, uint64_t line, struct tl_batch_request *take_request, struct tl_batch_answer **ret_answer)
{
    struct tl_batch_answer *answer = tl_alloc(1, sizeof(*answer));
    if (!answer) {
        tl_batch_request_done(take_request);
        return TL_E_NOMEM;
    }
    *answer = (struct tl_batch_answer){.line = line, .request = *take_request};
    answer->n_choices = answer->n_left = tl_openai_choices(&answer->request.ask.request);
    if (!(answer->choice = tl_alloc(answer->n_choices, sizeof(*answer->choice)))) {
        tl_batch_answer_free(answer);
        return TL_E_NOMEM;
    }
    for (uint32_t i = 0; i < answer->n_choices; i++)
        loop->bound_left += tl_batch_answer_bound(loop, answer, i);
    *ret_answer = answer;
    return 0;
}

int tl_batch_answer_next(struct tl_batch_loop *loop, struct tl_batch_answer **ret_answer)
{
    *ret_answer = NULL;
    for (; loop->next_line < loop->input->n_lines; loop->next_line++) {
        struct tl_batch_request request;
        uint64_t line = loop->next_line;
        if (tl_batch_work_has(loop->work, line))
            continue;
        int status = tl_batch_input_read(loop->input, line, loop->engine, &loop->how, &request);
        if (status >= 0 && request.status == 200) {
            loop->next_line++;
            return make(loop, line, &request, ret_answer);
        }
        if (status >= 0)
            status = refuse(loop, line, &request);
        tl_batch_request_done(&request);
        if (status < 0)
            return status;
    }
    return 0;
}

static void put_answer(struct tl_batch_loop *loop, const struct tl_batch_answer *answer, const struct tl_openai_choice *choices,
                       struct tl_batch_finished *finished, struct tl_buffer *out)
{
    const struct tl_ask *ask = &answer->request.ask;
    char id[NAME_CHARS + 1];
    name_of(loop, answer->line, "answer", id);
    for (uint32_t i = 0; i < ask->n_prompts; i++)
        finished->prompt_tokens += (uint32_t)ask->prompt[i].n_ids;
    for (uint32_t i = 0; i < answer->n_choices; i++)
        finished->tokens += answer->choice[i].n_tokens;
    struct tl_openai_answer whole = {
        .kind = ask->request.kind, .id = id, .model = ask->request.model, .created = loop->identity.created, .choice = choices,
        .n_choices = answer->n_choices, .top = ask->request.top_logprobs, .prompt_tokens = finished->prompt_tokens,
        .completion_tokens = finished->tokens,
    };
    tl_openai_write_answer(out, loop->engine->tokenizer, &whole);
}

int tl_batch_answer_finish(struct tl_batch_loop *loop, struct tl_batch_answer *answer)
{
    struct tl_buffer out;
    struct tl_batch_finished finished = {.line = answer->line};
    TL_AUTO struct tl_openai_choice *choices = tl_alloc(answer->n_choices, sizeof(*choices));
    if (!choices) {
        tl_batch_answer_free(answer);
        return TL_E_NOMEM;
    }
    for (uint32_t i = 0; i < answer->n_choices; i++) {
        const struct tl_batch_choice *from = &answer->choice[i];
        bool asked = answer->request.ask.request.logprobs;
        static const struct tl_openai_logprob none;
        choices[i] = (struct tl_openai_choice){from->text, from->n_bytes, from->finish, asked && !from->logprobs ? &none : from->logprobs,
                                               from->n_tokens};
        uint64_t bound = tl_batch_answer_bound(loop, answer, i);
        loop->bound_left -= bound;
        loop->bound_done += bound;
        loop->tokens_done += from->n_tokens;
    }
    tl_buffer_init(&out, 0);
    begin_line(loop, answer->line, &answer->request, &out);
    put_answer(loop, answer, choices, &finished, &out);
    int status = end_line(loop, &finished, &out);
    tl_batch_answer_free(answer);
    return status;
}

void tl_batch_answer_free(struct tl_batch_answer *answer)
{
    if (!answer)
        return;
    for (uint32_t i = 0; answer->choice && i < answer->n_choices; i++) {
        tl_free(answer->choice[i].text);
        tl_free(answer->choice[i].logprobs);
    }
    tl_free(answer->choice);
    tl_batch_request_done(&answer->request);
    tl_free(answer);
}
