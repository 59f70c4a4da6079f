/* SPDX-License-Identifier: MIT */
/* Sessions and their threads; parts as they are answered; signs of life for streams that are silent. */
#include "serve/answers.h"

#include <stdio.h>
#include <string.h>
#include <sys/random.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/memory.h"
#include "serve/server.h"
#include "serve/task.h"

void tl_answers_init(struct tl_answers *answers, struct tl_server *server, uint64_t queue)
{
    *answers = (struct tl_answers){.server = server};
    tl_queue_init(&answers->queue, queue);
    pthread_mutex_init(&answers->lock, NULL);
}

void tl_answers_done(struct tl_answers *answers)
{
    pthread_mutex_destroy(&answers->lock);
    tl_queue_done(&answers->queue);
}

void tl_answers_make_id(char ret_id[TL_ANSWER_ID_BYTES])
{
    uint8_t bytes[(TL_ANSWER_ID_BYTES - 1) / 2];
    if (getrandom(bytes, sizeof(bytes), 0) != (ssize_t)sizeof(bytes)) {
        uint64_t now[2] = {tl_clock_ns(), (uint64_t)(uintptr_t)ret_id};
        memcpy(bytes, now, sizeof(bytes));
    }
    for (size_t i = 0; i < sizeof(bytes); i++)
        snprintf(ret_id + 2 * i, 3, "%02x", bytes[i]);
}

/* --- threads -------------------------------------------------------------------------------------------------------------- */

static void answer(struct tl_answers *answers, struct tl_task *task, uint32_t part, struct trill_session *session)
{
    struct trill_answered answered = {.size = sizeof(answered)};
    uint64_t waits = 0;
    atomic_compare_exchange_strong(&task->first_ns, &waits, tl_clock_ns());
    pthread_mutex_lock(&answers->lock);
    answers->n_running++;
    pthread_mutex_unlock(&answers->lock);
    int r = task->gone ? TL_E_CANCEL : trill_request_answer(task->request, part, session, &answered, sizeof(answered));
    pthread_mutex_lock(&answers->lock);
    answers->n_running--;
    pthread_mutex_unlock(&answers->lock);
    tl_task_part_ended(task, 1, r, &answered);
}

static void *work(void *context)
{
    struct tl_answers *answers = context;
    pthread_mutex_lock(&answers->lock);
    struct trill_session *session = answers->sessions[answers->n_threads++];
    pthread_mutex_unlock(&answers->lock);
    for (struct tl_queue_entry *entry;;) {
        uint32_t part;
        entry = tl_queue_take(&answers->queue, &part);
        if (!entry)
            return NULL;
        answer(answers, (struct tl_task *)entry, part, session);
    }
}

static int open_one(struct tl_answers *answers, struct trill_model *model)
{
    int r = trill_session_open(model, &answers->sessions[answers->n_sessions]);
    if (r < 0)
        return tl_error_set(r, trill_error());
    int why = pthread_create(&answers->threads[answers->n_sessions++], NULL, work, answers);
    if (why == 0)
        return 0;
    trill_session_close(answers->sessions[--answers->n_sessions]);
    return tl_fail(TL_E_FAIL, "no thread for answers: %s", strerror(why));
}

int tl_answers_open(struct tl_answers *answers, struct trill_model *model, uint32_t sessions)
{
    int r = 0;
    answers->sessions = tl_alloc(sessions, sizeof(struct trill_session *));
    answers->threads = tl_alloc(sessions, sizeof(pthread_t));
    answers->n_threads = answers->n_sessions = 0;
    tl_queue_begin(&answers->queue);
    if (!answers->sessions || !answers->threads)
        r = TL_E_NOMEM;
    for (uint32_t i = 0; i < sessions && r >= 0; i++)
        r = open_one(answers, model);
    if (r < 0)
        tl_answers_close(answers);
    return r;
}

void tl_answers_close(struct tl_answers *answers)
{
    tl_queue_end(&answers->queue);
    for (uint32_t i = 0; i < answers->n_sessions; i++)
        pthread_join(answers->threads[i], NULL);
    for (uint32_t i = 0; i < answers->n_sessions; i++)
        trill_session_close(answers->sessions[i]);
    tl_free(answers->sessions);
    tl_free(answers->threads);
    answers->sessions = NULL;
    answers->threads = NULL;
    answers->n_sessions = 0;
}

/* --- time ----------------------------------------------------------------------------------------------------------------- */

/* The first of those whose client has left while parts of it wait; these are taken out. */
static struct tl_task *drop_one(struct tl_answers *answers, uint32_t *ret_parts)
{
    struct tl_task *task;
    pthread_mutex_lock(&answers->lock);
    for (task = answers->tasks; task && !(task->gone && !task->dropped); task = task->next)
        continue;
    if (task) {
        task->dropped = true;
        *ret_parts = tl_queue_drop(&answers->queue, &task->entry);
    }
    pthread_mutex_unlock(&answers->lock);
    return task;
}

void tl_answers_tick(struct tl_answers *answers, double ping_seconds)
{
    uint32_t parts;
    pthread_mutex_lock(&answers->lock);
    for (struct tl_task *task = answers->tasks; task; task = task->next)
        if (task->stream && !task->gone && (double)tl_stream_silent_ns(task->stream) * 1e-9 >= ping_seconds)
            trill_request_beat(task->request);
    pthread_mutex_unlock(&answers->lock);
    for (struct tl_task *task; (task = drop_one(answers, &parts));)
        if (parts)
            tl_task_part_ended(task, parts, TL_E_CANCEL, NULL);
}
