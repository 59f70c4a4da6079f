/* SPDX-License-Identifier: MIT */
/* The one writer that all parts share, under a lock: how it begins and ends, failures, signs of life. */
#include "engine/reply_impl.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/memory.h"
#include "wire/openai_answer.h"

enum { PARTS_OF_INPUTS = 16 };

/* --- the writer ------------------------------------------------------------------------------------------------------------- */

static void make_id(char ret_id[2 * TL_REPLY_ID_BYTES + 1])
{
    uint8_t bytes[TL_REPLY_ID_BYTES];
    if (getrandom(bytes, sizeof(bytes), 0) != (ssize_t)sizeof(bytes)) {
        uint64_t now[2] = {tl_clock_ns(), (uint64_t)(uintptr_t)ret_id};
        memcpy(bytes, now, sizeof(bytes));
    }
    for (size_t i = 0; i < sizeof(bytes); i++)
        snprintf(ret_id + 2 * i, 3, "%02x", bytes[i]);
}

static int make_writer(struct tl_reply *reply)
{
    const struct tl_reply_how *how = &reply->how;
    const char *model = how->model ? how->model : reply->request->model;
    struct tl_writer_facts facts = {
        .request = reply->request, .tokenizer = how->engine->tokenizer, .id = how->id ? how->id : reply->id, .model = model,
        .created = how->created ? how->created : (int64_t)time(NULL), .n_parts = tl_ask_parts(how->ask),
    };
    for (uint32_t i = 0; i < how->ask->n_prompts; i++)
        facts.prompt_tokens += (uint32_t)how->ask->prompt[i].n_ids;
    return reply->form->writer_new(&facts, &reply->writer);
}

uint32_t tl_reply_parts(const struct tl_ask *ask)
{
    uint32_t n = tl_ask_parts(ask);
    return ask->request.kind == TL_OPENAI_EMBEDDING && n > PARTS_OF_INPUTS ? PARTS_OF_INPUTS : n;
}

int tl_reply_new(const struct tl_reply_how *how, struct tl_reply **ret_reply)
{
    struct tl_reply *reply = tl_alloc(1, sizeof(*reply));
    if (!reply)
        return TL_E_NOMEM;
    reply->how = *how;
    reply->request = &how->ask->request;
    reply->form = how->ask->form;
    reply->n_parts = reply->n_left = tl_reply_parts(how->ask);
    pthread_mutex_init(&reply->lock, NULL);
    tl_buffer_init(&reply->out, 0);
    make_id(reply->id);
    int status = make_writer(reply);
    if (status < 0) {
        tl_reply_free(reply);
        return status;
    }
    *ret_reply = reply;
    return 0;
}

void tl_reply_free(struct tl_reply *reply)
{
    if (!reply)
        return;
    reply->form->writer_free(reply->writer);
    tl_buffer_done(&reply->out);
    pthread_mutex_destroy(&reply->lock);
    tl_free(reply);
}

void tl_reply_cancel(struct tl_reply *reply) { __atomic_store_n(&reply->cancel, 1, __ATOMIC_RELAXED); }

/* --- writing, under the lock ------------------------------------------------------------------------------------------------ */

/* Hands over what has gathered in `out`. */
static int send(struct tl_reply *reply)
{
    if (reply->out.status < 0)
        return reply->out.status;
    if (reply->out.len && !reply->gone)
        reply->gone = reply->how.write(reply->how.context, reply->out.data, reply->out.len) != 0;
    tl_buffer_clear(&reply->out);
    if (!reply->gone)
        return 0;
    tl_reply_cancel(reply);
    return tl_fail(TL_E_CANCEL, "the reader of the answer is gone");
}

int tl_reply_begin(struct tl_reply *reply)
{
    int status = 0;
    pthread_mutex_lock(&reply->lock);
    if (!reply->begun)
        status = reply->form->begin(reply->writer, &reply->out);
    reply->begun = true;
    if (status >= 0)
        status = send(reply);
    pthread_mutex_unlock(&reply->lock);
    return status;
}

int tl_reply_event(struct tl_reply *reply, const struct tl_event *event)
{
    pthread_mutex_lock(&reply->lock);
    int status = reply->failed ? tl_fail(TL_E_CANCEL, "another part of the answer has failed") : reply->form->event(reply->writer, event, &reply->out);
    if (status >= 0)
        status = send(reply);
    pthread_mutex_unlock(&reply->lock);
    return status;
}

/* The first failure is written and ends all parts; a reader who is gone is none. */
void tl_reply_fail(struct tl_reply *reply, int status)
{
    char sentence[512];
    snprintf(sentence, sizeof(sentence), "%s", tl_error_text());
    struct tl_failure failure = {.http_status = status == TL_E_USAGE ? 400 : 500, .message = sentence};
    pthread_mutex_lock(&reply->lock);
    if (!reply->failed && status != TL_E_CANCEL && reply->request->stream && !reply->gone) {
        reply->out.status = 0;
        tl_buffer_clear(&reply->out);
        if (reply->form->failed)
            reply->form->failed(reply->writer, &failure, &reply->out);
        else
            reply->form->error(&failure, true, &reply->out);
        send(reply);
    }
    reply->failed = true;
    tl_reply_cancel(reply);
    pthread_mutex_unlock(&reply->lock);
    tl_error_set(status, sentence);
}

int tl_reply_end(struct tl_reply *reply)
{
    int status = 0;
    pthread_mutex_lock(&reply->lock);
    if (--reply->n_left == 0 && !reply->failed && !reply->gone)
        status = reply->form->finish(reply->writer, &reply->out);
    if (status >= 0)
        status = send(reply);
    pthread_mutex_unlock(&reply->lock);
    return status;
}

int tl_reply_beat(struct tl_reply *reply)
{
    int status = 0;
    pthread_mutex_lock(&reply->lock);
    if (reply->request->stream && !reply->failed && reply->n_left) {
        (reply->begun ? reply->form->beat : tl_openai_put_beat)(&reply->out);       /* before its beginning a comment, right in every form */
        status = send(reply);
    }
    pthread_mutex_unlock(&reply->lock);
    return status;
}
