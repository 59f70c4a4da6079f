/* SPDX-License-Identifier: MIT */
/* POST of a request for answers. */
#include "serve/task.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/hash.h"
#include "base/json.h"
#include "base/memory.h"
#include "serve/routes.h"
#include "serve/server.h"

enum { DOCUMENT_BYTES = 256 << 20 };

/* --- what is written ------------------------------------------------------------------------------------------------------ */

/* A sign of life says nothing of the answer: a comment, or the frame that messages have for it. */
static bool is_beat(const char *bytes, size_t n_bytes)
{
    static const char ping[] = "event: ping\n";
    return bytes[0] == ':' || (n_bytes >= sizeof ping - 1 && memcmp(bytes, ping, sizeof ping - 1) == 0);
}

static void note_piece(struct tl_task *task)
{
    uint64_t now = tl_clock_ns(), before = atomic_exchange(&task->last_piece_ns, now);
    if (++task->pieces > 2)                  /* the first tells that it begins, the next waited for the prompt */
        tl_metrics_observe(&task->server->metrics, TL_HISTOGRAM_INTER_TOKEN_LATENCY, (double)(now - before) * 1e-9);
}

/* From whichever thread answers or gives signs of life, one at a time. */
static int write_piece(void *context, const char *bytes, size_t n_bytes)
{
    struct tl_task *task = context;
    if (task->gone)
        return 1;
    if (!task->stream)
        return tl_buffer_append(&task->document, bytes, n_bytes) < 0;
    if (!is_beat(bytes, n_bytes))
        note_piece(task);
    return tl_stream_write(task->stream, bytes, n_bytes) < 0;
}

/* The client has left. */
static void leave(void *context)
{
    struct tl_task *task = context;
    task->gone = true;
    if (task->request)
        trill_request_cancel(task->request);
}

/* --- how it ends ---------------------------------------------------------------------------------------------------------- */

static void reply(struct tl_task *task)
{
    char *document = NULL;
    if (task->stream) {
        tl_stream_close(task->stream);
    } else if (task->status >= 0) {
        tl_exchange_reply(task->exchange, 200, NULL, &task->document);
    } else {
        struct tl_buffer body;
        int http_status = task->status == TL_E_CANCEL ? 503 : tl_routes_http_status(task->status);
        tl_buffer_init(&body, 0);
        if (trill_form_error(task->form, http_status, task->sentence, NULL, &document) >= 0)
            tl_buffer_append(&body, document, strlen(document));
        trill_free(document);
        tl_exchange_set_header(task->exchange, "x-should-retry", "false");
        tl_exchange_reply(task->exchange, http_status, NULL, &body);
    }
}

static struct tl_answer_note *keep(struct tl_answers *answers, const struct tl_task *task, double seconds)
{
    struct tl_answer_note *note = &answers->kept[answers->n_kept++ % TL_ANSWERS_KEPT];
    *note = (struct tl_answer_note){
        .finish = task->gone ? "cancelled" : task->status < 0 ? "error" : task->sums.finish, .began = task->began, .parts = task->entry.n_parts,
        .seconds = seconds, .queue_seconds = task->first_ns ? (double)(task->first_ns - task->began_ns) * 1e-9 : seconds, .sums = task->sums,
    };
    note->finish = note->finish ? note->finish : "error";
    snprintf(note->id, sizeof(note->id), "%s", task->id);
    snprintf(note->form, sizeof(note->form), "%s", task->form);
    snprintf(note->model, sizeof(note->model), "%s", task->model);
    tl_cost_of(&answers->server->cost, &task->sums, &note->joules, &note->money);
    return note;
}

static void free_task(struct tl_task *task)
{
    trill_request_close(task->request);
    tl_buffer_done(&task->document);
    tl_free(task);
}

static void end(struct tl_task *task)
{
    struct tl_server *server = task->server;
    struct tl_answers *answers = &server->answers;
    double seconds = tl_clock_seconds(task->began_ns);
    pthread_mutex_lock(&answers->lock);
    if (task->next)
        task->next->last = task->last;
    *(task->last ? &task->last->next : &answers->tasks) = task->next;
    struct tl_answer_note note = *keep(answers, task, seconds);
    pthread_mutex_unlock(&answers->lock);
    tl_metrics_answered(&server->metrics, &note);
    reply(task);
    free_task(task);                         /* while its model is there */
    tl_models_leave(&server->models);
}

static void add(struct trill_answered *sums, const struct trill_answered *a)
{
    sums->finish = a->finish;
    sums->prompt_tokens += a->prompt_tokens;
    sums->reused_tokens += a->reused_tokens;
    sums->tokens += a->tokens;
    sums->reasoning_tokens += a->reasoning_tokens;
    sums->tool_calls += a->tool_calls;
    sums->drafted_tokens += a->drafted_tokens;
    sums->accepted_tokens += a->accepted_tokens;
    if (sums->first_token_seconds == 0)
        sums->first_token_seconds = a->first_token_seconds;
    sums->prefill_seconds += a->prefill_seconds;
    sums->decode_seconds += a->decode_seconds;
    sums->step_seconds += a->step_seconds;
    sums->stall_seconds += a->stall_seconds;
    sums->memory_bytes += a->memory_bytes;
    sums->drive_bytes += a->drive_bytes;
    sums->expert_hits += a->expert_hits;
    sums->expert_misses += a->expert_misses;
}

void tl_task_part_ended(struct tl_task *task, uint32_t parts, int status, const struct trill_answered *answered)
{
    struct tl_answers *answers = &task->server->answers;
    pthread_mutex_lock(&answers->lock);
    if (status >= 0 && answered)
        add(&task->sums, answered);
    if (status < 0 && task->status >= 0) {
        task->status = status;
        snprintf(task->sentence, sizeof(task->sentence), "%s", status == TL_E_CANCEL ? "interrupted" : trill_error());
    }
    task->left -= parts;
    bool last = task->left == 0;
    pthread_mutex_unlock(&answers->lock);
    if (last)
        end(task);
}

/* --- how it begins -------------------------------------------------------------------------------------------------------- */

char *tl_task_model_of(const char *body, size_t n_bytes)
{
    struct tl_json json;
    char *name = NULL;
    tl_json_init(&json, "body", body, n_bytes);
    int r = tl_json_next(&json);
    while (r >= 0 && (r = tl_json_next(&json)) == TL_JSON_KEY) {
        if (!tl_json_is(&json, "model")) {
            r = tl_json_skip(&json);
            continue;
        }
        r = tl_json_next(&json);
        if (r == TL_JSON_STRING && strlen(json.string.data ? json.string.data : "") == json.string.len)
            name = tl_strndup(json.string.data ? json.string.data : "", json.string.len);
        break;
    }
    tl_json_done(&json);
    return name;
}

/* A seed of its own, from its id, for a request that names none. */
static char *defaults_of(const struct tl_task *task)
{
    struct tl_buffer text;
    const struct tl_serve_options *options = task->server->options;
    const char *defaults = options->defaults ? options->defaults : "{}";
    size_t n = strlen(defaults);
    if (!options->vary_seed)
        return tl_strdup(defaults);
    tl_buffer_init(&text, 0);
    tl_buffer_append(&text, defaults, n - 1);
    tl_buffer_printf(&text, "%s\"seed\":%u}", n > 2 ? "," : "", (unsigned)(tl_hash_bytes(task->id, strlen(task->id), 0) & INT32_MAX));
    return tl_buffer_take(&text, NULL);
}

static int read_request(struct tl_task *task, struct trill_model *model, char **ret_refusal)
{
    struct tl_exchange *exchange = task->exchange;
    TL_AUTO char *defaults = defaults_of(task);
    struct trill_request_options options;
    if (!defaults)
        return TL_E_NOMEM;
    trill_request_options_init(&options, sizeof(options));
    options.form = task->form;
    options.body = exchange->body;
    options.n_bytes = exchange->n_bytes;
    options.defaults = defaults;
    options.model = task->model;
    options.id = task->id;
    options.write = write_piece;
    options.context_pointer = task;
    int r = trill_request_new(model, &options, &task->request, ret_refusal);
    return r < 0 ? tl_error_set(r, trill_error()) : 0;
}

/* Into the queue, and the headers of a stream before anything is computed. */
static int take_on(struct tl_task *task)
{
    struct tl_answers *answers = &task->server->answers;
    struct tl_exchange *exchange = task->exchange;
    struct trill_request_figures figures;
    trill_request_figures(task->request, &figures, sizeof(figures));
    task->entry.n_parts = task->left = figures.parts;
    task->prompt_tokens = figures.prompt_tokens;
    if (!figures.parts)
        return tl_fail(TL_E_USAGE, "the request asks for nothing");
    if (!tl_queue_reserve(&answers->queue, figures.parts))
        return tl_fail(TL_E_BUDGET, "%" PRIu64 " answers wait already, and %u more are asked for; at most %" PRIu64 " may", tl_queue_waiting(&answers->queue),
                       figures.parts, answers->queue.limit);
    tl_exchange_drop_body(exchange);
    tl_exchange_set_header(exchange, "x-request-id", task->id);
    if (figures.stream && tl_exchange_stream(exchange, 200, "text/event-stream", leave, task, &task->stream) < 0) {
        tl_queue_give_back(&answers->queue, figures.parts);
        return TL_E_NOMEM;
    }
    if (!figures.stream)
        tl_exchange_watch(exchange, leave, task);
    pthread_mutex_lock(&answers->lock);
    task->next = answers->tasks;
    if (task->next)
        task->next->last = task;
    answers->tasks = task;
    tl_queue_put(&answers->queue, &task->entry);     /* under the lock: whoever sees the task finds it in the queue */
    pthread_mutex_unlock(&answers->lock);
    return 0;
}

static struct tl_task *new_task(struct tl_exchange *exchange)
{
    struct tl_task *task = tl_alloc(1, sizeof(*task));
    if (!task)
        return NULL;
    task->server = exchange->server;
    task->exchange = exchange;
    task->form = exchange->route->form;
    task->began = (int64_t)time(NULL);
    task->began_ns = tl_clock_ns();
    tl_buffer_init(&task->document, DOCUMENT_BYTES);
    tl_answers_make_id(task->id);
    snprintf(task->model, sizeof(task->model), "%s", tl_models_name(&exchange->server->models));
    return task;
}

/* What was wrong with the request goes back in the words of its form. */
static void refuse(struct tl_exchange *exchange, int status, const char *refusal)
{
    struct tl_buffer body;
    if (!refusal) {
        tl_exchange_fail(exchange, status == TL_E_BUDGET ? 429 : tl_routes_http_status(status), tl_error_text(), status == TL_E_BUDGET ? "queue_full" : NULL);
        return;
    }
    tl_buffer_init(&body, 0);
    tl_buffer_append(&body, refusal, strlen(refusal));
    tl_exchange_set_header(exchange, "x-should-retry", "false");
    tl_exchange_reply(exchange, 400, NULL, &body);
}

int tl_answer_post(struct tl_exchange *exchange)
{
    struct tl_models *models = &exchange->server->models;
    struct trill_model *model;
    TL_AUTO char *name = models->options->n_models > 1 ? tl_task_model_of(exchange->body, exchange->n_bytes) : NULL;
    int r = tl_models_enter(exchange, name, &model);
    if (r != 0)
        return 0;
    struct tl_task *task = new_task(exchange);
    char *refusal = NULL;
    r = task ? read_request(task, model, &refusal) : TL_E_NOMEM;
    if (r >= 0)
        r = take_on(task);
    if (r < 0) {
        refuse(exchange, r, refusal);
        trill_free(refusal);
        if (task)
            free_task(task);
        tl_models_leave(models);
    }
    return 0;
}
