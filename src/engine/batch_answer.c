/* SPDX-License-Identifier: MIT */
/* From the next line to a request, and from its finished choices to a line. Names and times in a line are functions of
 * the input, so that every run over it writes the same bytes. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "engine/batch_loop.h"

static void name_of(const struct tl_batch_loop *loop, uint64_t line, const char *what, char ret_name[TL_BATCH_NAME + 1])
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
    memcpy(ret_name, hex, TL_BATCH_NAME);
    ret_name[TL_BATCH_NAME] = 0;
}

static void begin_line(const struct tl_batch_loop *loop, uint64_t line, const struct tl_batch_request *request, struct tl_buffer *out)
{
    char id[TL_BATCH_NAME + 1], request_id[TL_BATCH_NAME + 1];
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
    struct tl_failure failure = tl_ask_failure(&request->ask, request->message);
    (request->ask.form ? request->ask.form : tl_form_find("chat"))->error(&failure, false, &out);
    return end_line(loop, &finished, &out);
}

uint64_t tl_batch_answer_bound(const struct tl_batch_loop *loop, const struct tl_batch_answer *answer, uint32_t choice)
{
    const struct tl_ask *ask = &answer->request.ask;
    uint64_t room = tl_model_limits(loop->engine->model)->context - ask->prompt[choice / ask->request.n].n_ids;
    return ask->request.max_tokens >= 0 && (uint64_t)ask->request.max_tokens < room ? (uint64_t)ask->request.max_tokens : room;
}

static int make_writer(const struct tl_batch_loop *loop, struct tl_batch_answer *answer)
{
    const struct tl_ask *ask = &answer->request.ask;
    name_of(loop, answer->line, "answer", answer->id);
    struct tl_writer_facts facts = {.request = &ask->request, .tokenizer = loop->engine->tokenizer, .id = answer->id, .model = ask->request.model,
                                    .created = loop->identity.created, .n_parts = answer->n_choices, .repeatable = true};
    int status = ask->form->writer_new(&facts, &answer->writer);
    return status < 0 ? status : ask->form->begin(answer->writer, &answer->text);
}

int tl_batch_answer_event(void *context, const struct tl_event *event)
{
    struct tl_batch_answer *answer = context;
    return answer->request.ask.form->event(answer->writer, event, &answer->text);
}

static int make(struct tl_batch_loop *loop, uint64_t line, struct tl_batch_request *take_request, struct tl_batch_answer **ret_answer)
{
    struct tl_batch_answer *answer = tl_alloc(1, sizeof(*answer));
    if (!answer) {
        tl_batch_request_done(take_request);
        return TL_E_NOMEM;
    }
    *answer = (struct tl_batch_answer){.line = line, .request = *take_request};
    answer->n_choices = answer->n_left = tl_ask_parts(&answer->request.ask);
    tl_buffer_init(&answer->text, 0);
    int status = make_writer(loop, answer);
    if (status < 0) {
        tl_batch_answer_free(answer);
        return status;
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

int tl_batch_answer_finish(struct tl_batch_loop *loop, struct tl_batch_answer *answer)
{
    const struct tl_ask *ask = &answer->request.ask;
    struct tl_buffer out;
    struct tl_batch_finished finished = {.line = answer->line, .tokens = answer->tokens};
    for (uint32_t i = 0; i < ask->n_prompts; i++)
        finished.prompt_tokens += (uint32_t)ask->prompt[i].n_ids;
    for (uint32_t i = 0; i < answer->n_choices; i++) {
        uint64_t bound = tl_batch_answer_bound(loop, answer, i);
        loop->bound_left -= bound;
        loop->bound_done += bound;
    }
    loop->tokens_done += answer->tokens;
    int status = ask->form->finish(answer->writer, &answer->text);
    if (status >= 0) {
        tl_buffer_init(&out, 0);
        begin_line(loop, answer->line, &answer->request, &out);
        tl_buffer_append(&out, answer->text.data, answer->text.len);
        status = end_line(loop, &finished, &out);
    }
    tl_batch_answer_free(answer);
    return status;
}

void tl_batch_answer_free(struct tl_batch_answer *answer)
{
    if (!answer)
        return;
    if (answer->writer)
        answer->request.ask.form->writer_free(answer->writer);
    tl_buffer_done(&answer->text);
    tl_batch_request_done(&answer->request);
    tl_free(answer);
}
