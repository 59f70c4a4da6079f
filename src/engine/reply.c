/* SPDX-License-Identifier: MIT */
/* One part after the other or side by side: a session, a turn, and the one writer that all share under a lock. */
#include "engine/reply.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/memory.h"
#include "engine/generate.h"

enum { ID_BYTES = 16 };

struct tl_reply {
    struct tl_reply_how how;
    const struct tl_openai_request *request;
    const struct tl_form *form;
    struct tl_form_writer *writer;
    char id[2 * ID_BYTES + 1];
    volatile int cancel;                 /* all parts end soon; watched by sessions */
    pthread_mutex_t lock;                /* of what follows, and of writing */
    struct tl_buffer out;
    uint32_t n_parts, n_left;
    bool begun, failed, gone;            /* something is written; as a failure; to nobody */
};

/* --- the writer ------------------------------------------------------------------------------------------------------------- */

static void make_id(char ret_id[2 * ID_BYTES + 1])
{
    uint8_t bytes[ID_BYTES];
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
        .created = how->created ? how->created : (int64_t)time(NULL), .n_parts = reply->n_parts,
    };
    return reply->form->writer_new(&facts, &reply->writer);
}

int tl_reply_new(const struct tl_reply_how *how, struct tl_reply **ret_reply)
{
    struct tl_reply *reply = tl_alloc(1, sizeof(*reply));
    if (!reply)
        return TL_E_NOMEM;
    reply->how = *how;
    reply->request = &how->ask->request;
    reply->form = how->ask->form;
    reply->n_parts = reply->n_left = tl_ask_parts(how->ask);
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

void tl_reply_cancel(struct tl_reply *reply) { reply->cancel = 1; }

/* --- writing, under the lock ------------------------------------------------------------------------------------------------ */

/* Hands over what has gathered in `out`. */
static int send(struct tl_reply *reply)
{
    if (reply->out.status < 0)
        return reply->out.status;
    if (reply->out.len && !reply->gone) {
        reply->gone = reply->how.write(reply->how.context, reply->out.data, reply->out.len) != 0;
        reply->begun = true;
    }
    tl_buffer_clear(&reply->out);
    if (!reply->gone)
        return 0;
    reply->cancel = 1;
    return tl_fail(TL_E_CANCEL, "the reader of the answer is gone");
}

static int begin(struct tl_reply *reply)
{
    int status = 0;
    pthread_mutex_lock(&reply->lock);
    if (reply->n_left == reply->n_parts && !reply->begun)
        status = reply->form->begin(reply->writer, &reply->out);
    reply->begun = true;
    if (status >= 0)
        status = send(reply);
    pthread_mutex_unlock(&reply->lock);
    return status;
}

static int write_event(struct tl_reply *reply, const struct tl_event *event)
{
    pthread_mutex_lock(&reply->lock);
    int status = reply->failed ? tl_fail(TL_E_CANCEL, "another part of the answer has failed") : reply->form->event(reply->writer, event, &reply->out);
    if (status >= 0)
        status = send(reply);
    pthread_mutex_unlock(&reply->lock);
    return status;
}

/* The first failure is written and ends all parts; a reader who is gone is none. */
static void fail(struct tl_reply *reply, int status)
{
    char sentence[512];
    snprintf(sentence, sizeof(sentence), "%s", tl_error_text());
    struct tl_failure failure = {.http_status = status == TL_E_USAGE ? 400 : 500, .message = sentence};
    pthread_mutex_lock(&reply->lock);
    if (!reply->failed && status != TL_E_CANCEL && reply->request->stream && !reply->gone) {
        reply->out.status = 0;
        tl_buffer_clear(&reply->out);
        reply->form->error(&failure, true, &reply->out);
        send(reply);
    }
    reply->failed = true;
    reply->cancel = 1;
    pthread_mutex_unlock(&reply->lock);
    tl_error_set(status, sentence);
}

static int end(struct tl_reply *reply)
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
        reply->form->beat(&reply->out);
        status = send(reply);
    }
    pthread_mutex_unlock(&reply->lock);
    return status;
}

/* --- a part ----------------------------------------------------------------------------------------------------------------- */

struct part {
    struct tl_reply *reply;
    struct tl_session *session;
    uint32_t index;
    int status;                          /* of writing */
    struct tl_answer answer;
};

static int on_text(void *context, const char *bytes, size_t n_bytes)
{
    struct part *part = context;
    struct tl_event event = {.kind = TL_EVENT_CONTENT, .part = part->index, .text = bytes, .n_bytes = n_bytes};
    part->status = write_event(part->reply, &event);
    return part->status < 0;
}

static int generate(struct part *part)
{
    const struct tl_openai_request *request = part->reply->request;
    struct tl_generate how = {
        .sampling = request->sampling, .choice = part->index % request->n, .max_tokens = request->max_tokens > 0 ? (uint32_t)request->max_tokens : 0,
        .stop = (const char *const *)request->stop, .n_stop = request->n_stop, .ignore_end = request->ignore_end,
        .show_special = request->show_special, .text = on_text, .context = part,
    };
    if (request->max_tokens == 0) {
        part->answer = (struct tl_answer){.finish = TL_FINISH_LENGTH, .prompt_tokens = part->session->n_ids, .reused_tokens = part->session->n_reused};
        return tl_session_compute(part->session, NULL, NULL);
    }
    return tl_generate(part->session, &how, &part->answer);
}

static const char *finish_name(enum tl_finish finish)
{
    switch (finish) {
    case TL_FINISH_STOP:      return "stop";
    case TL_FINISH_CANCELLED: return "cancelled";
    case TL_FINISH_CONTEXT: case TL_FINISH_LENGTH: return "length";
    }
    return "stop";
}

static void tell(const struct part *part, struct tl_replied *replied)
{
    const struct tl_answer *answer = &part->answer;
    *replied = (struct tl_replied){
        .finish = finish_name(answer->finish), .first_token_seconds = answer->first_token_seconds,
        .usage = {.prompt_tokens = answer->prompt_tokens, .reused_tokens = answer->reused_tokens, .tokens = answer->n_ids,
                  .prefill_seconds = answer->prefill_seconds, .decode_seconds = answer->decode_seconds},
    };
}

static int write_end(struct part *part, const struct tl_replied *replied)
{
    struct tl_event event = {.kind = TL_EVENT_END, .part = part->index, .finish = replied->finish, .usage = &replied->usage};
    int status = write_event(part->reply, &event);
    return status < 0 ? status : end(part->reply);
}

static int answer_part(struct part *part, struct tl_replied *replied)
{
    struct tl_reply *reply = part->reply;
    const struct tl_ask_prompt *prompt = &reply->how.ask->prompt[part->index / reply->request->n];
    int status = begin(reply);
    if (status >= 0)
        status = tl_session_set(part->session, prompt->ids, prompt->n_ids);
    if (status >= 0)
        status = generate(part);
    tell(part, replied);
    tl_buffer_done(&part->answer.text);
    if (status >= 0 && part->status < 0)
        status = part->status;
    if (status >= 0 && part->answer.finish == TL_FINISH_CANCELLED)
        status = tl_fail(TL_E_CANCEL, "interrupted");
    return status < 0 ? status : write_end(part, replied);
}

int tl_reply_part(struct tl_reply *reply, uint32_t index, struct tl_session *session, struct tl_replied *ret_replied)
{
    struct tl_replied replied = {0};
    struct part part = {.reply = reply, .session = session, .index = index};
    if (index >= reply->n_parts)
        return tl_fail(TL_E_USAGE, "part %u of a request with %u", index, reply->n_parts);
    tl_buffer_init(&part.answer.text, 0);
    session->stop = &reply->cancel;
    int status = answer_part(&part, &replied);
    session->stop = NULL;
    if (status < 0)
        fail(reply, status);
    if (status == TL_E_CANCEL) {
        replied.finish = "cancelled";
        status = 0;
    }
    if (status >= 0 && ret_replied)
        *ret_replied = replied;
    return status;
}
