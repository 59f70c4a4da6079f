/* SPDX-License-Identifier: MIT */
/* Answers: items become requests of a batch, the same for all models; each model answers them in lockstep, greedily. What a run that was
 * stopped has answered stays in the order's folder, and the same evaluation goes on from there. */
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "base/error.h"
#include "base/file.h"
#include "base/memory.h"
#include "compress/eval_impl.h"
#include "compress/reply.h"
#include "engine/batch.h"
#include "engine/batch_input.h"

enum { USUAL_TOKENS = 256, MOST_SEQUENCES = 64, LEAST_CONTEXT = 64, DECODE_WORK = 3 };
static const size_t most_answers = (size_t)4 << 30;

/* --- requests ----------------------------------------------------------------------------------------------------- */

static int write_request(const struct tl_eval_run *run, const struct tl_eval_item *item, uint64_t number, struct tl_buffer *out)
{
    TL_AUTO char *messages = NULL;
    int status = tl_eval_item_messages(item, run->order->chat, &messages);
    if (status < 0)
        return status;
    uint32_t usual = run->order->max_tokens ? run->order->max_tokens : USUAL_TOKENS;
    tl_buffer_printf(out, "{\"custom_id\":\"%" PRIu64 "\",\"method\":\"POST\",\"url\":\"/v1/%scompletions\",\"body\":{", number, messages ? "chat/" : "");
    tl_buffer_printf(out, "\"temperature\":0,\"max_tokens\":%" PRIu32, item->max_tokens ? item->max_tokens : usual);
    if (item->stop.n)
        tl_buffer_printf(out, ",\"stop\":[");
    for (uint32_t i = 0; i < item->stop.n; i++) {
        tl_buffer_append(out, ",", i > 0);
        tl_buffer_json_string(out, item->stop.text[i], strlen(item->stop.text[i]));
    }
    tl_buffer_printf(out, item->stop.n ? "],\"%s\":" : ",\"%s\":", messages ? "messages" : "prompt");
    if (messages)
        tl_buffer_append(out, messages, strlen(messages));
    else
        tl_buffer_json_string(out, item->prompt, strlen(item->prompt));
    return tl_buffer_printf(out, "}}\n");
}

static int keep(const struct tl_eval_run *run, const char *what, const struct tl_buffer *lines, struct tl_eval_requests *requests)
{
    tl_sha256_of(lines->data, lines->len, requests->digest);
    if (!(requests->path = tl_eval_store_path(run, what, requests->digest, "jsonl")))
        return TL_E_NOMEM;
    int status = tl_file_make_folders(requests->path);
    if (status >= 0 && !tl_file_exists(requests->path))              /* else of a run that was killed, or that goes on beside this one */
        status = tl_outfile_save(requests->path, lines->data, lines->len);
    if (status < 0)
        return status;
    requests->fd = open(requests->path, O_RDONLY | O_CLOEXEC);
    return requests->fd >= 0 && flock(requests->fd, LOCK_SH) == 0 ? 0 : tl_fail(TL_E_IO, "%s: cannot be opened: %m", requests->path);
}

int tl_eval_requests_write(struct tl_eval_run *run, const struct tl_eval_items *items, const char *what, struct tl_eval_requests *requests)
{
    struct tl_buffer lines;
    int status = 0;
    tl_buffer_init(&lines, 0);
    if (items->n && !(requests->item = tl_alloc(items->n, sizeof(*requests->item))))
        return TL_E_NOMEM;
    for (uint64_t i = 0; i < items->n && status >= 0; i++) {
        if (items->item[i].kind == TL_EVAL_CHOICE)
            continue;
        requests->item[requests->n++] = i;
        status = write_request(run, &items->item[i], i, &lines);
    }
    if (status >= 0 && requests->n && !run->order->store)
        status = tl_fail(TL_E_USAGE, "answers need a folder for what is not finished (store)");
    if (status >= 0 && requests->n)
        status = keep(run, what, &lines, requests);
    tl_buffer_done(&lines);
    return status;
}

void tl_eval_requests_done(struct tl_eval_requests *requests)
{
    if (requests->fd > 0 && flock(requests->fd, LOCK_EX | LOCK_NB) == 0)
        unlink(requests->path);
    if (requests->fd > 0)
        close(requests->fd);
    tl_free(requests->path);
    tl_free(requests->item);
}

/* --- counting ----------------------------------------------------------------------------------------------------- */

static int refuse(const struct tl_eval_item *item, const char *model, const char *message)
{
    bool named = strncmp(message, model, strlen(model)) == 0;
    return tl_eval_item_fail(item, tl_fail(TL_E_USAGE, "%s%s%s", named ? "" : model, named ? "" : ": ", message));
}

static int count(const struct tl_eval_items *items, const struct tl_eval_requests *requests, const struct tl_engine *engine,
                 struct tl_progress *progress, uint64_t *longest, double *work)
{
    struct tl_batch_input *input;
    if (!requests->n)
        return 0;
    int status = tl_batch_input_open(requests->path, progress, &input);
    if (status < 0)
        return status;
    struct tl_ask_how how = { .now = input->modified };
    for (uint64_t i = 0; i < input->n_lines && i < requests->n && status >= 0; i++) {
        const struct tl_eval_item *item = &items->item[requests->item[i]];
        struct tl_batch_request request;
        status = tl_batch_input_read(input, i, engine, &how, &request);
        if (status >= 0 && request.status != 200)
            status = refuse(item, tl_modelfile_path(engine->file), request.message);
        if (status >= 0 && request.status == 200) {
            uint64_t prompt = request.ask.n_prompts ? request.ask.prompt[0].n_ids : 0, all = prompt + (uint64_t)request.ask.request.max_tokens;
            *longest = all > *longest ? all : *longest;
            *work += (double)prompt + DECODE_WORK * (double)request.ask.request.max_tokens / 2;
        }
        tl_batch_request_done(&request);
    }
    tl_batch_input_close(input);
    return status;
}

int tl_eval_answer_count(struct tl_eval_run *run, const struct tl_engine *engine, struct tl_eval_subject *subject)
{
    int status = subject->is_reference ? 0 : count(&run->tasks, &run->task_requests, engine, &run->progress, &subject->longest_answer,
                                                   &subject->work[TL_STAGE_TASKS]);
    return status < 0 ? status : count(&run->prompts, &run->prompt_requests, engine, &run->progress, &subject->longest_answer,
                                       &subject->work[TL_STAGE_PROMPTS]);
}

/* --- reading answers ---------------------------------------------------------------------------------------------- */

static int read_answer(const char *path, const char *line, size_t n_bytes, struct tl_eval_answer *ret_answer)
{
    struct tl_reply reply;
    int status = tl_reply_read(path, line, n_bytes, &reply);
    if (status >= 0 && !reply.n)
        status = tl_fail(TL_E_FILE, "%s: a line without an answer: %.100s", path, line);
    if (status >= 0) {
        ret_answer->n_bytes = reply.choice[0].n_bytes;
        ret_answer->text = reply.choice[0].text;
        reply.choice[0].text = NULL;
    }
    tl_reply_done(&reply);
    return status;
}

static int read_answers(const char *path, const struct tl_eval_requests *requests, struct tl_eval_answer *answers)
{
    TL_AUTO char *bytes = NULL;
    size_t n_bytes, at = 0;
    int status = tl_file_slurp(path, most_answers, &bytes, &n_bytes);
    for (uint64_t i = 0; i < requests->n && status >= 0; i++) {
        const char *end = at < n_bytes ? memchr(bytes + at, '\n', n_bytes - at) : NULL;
        if (!end)
            return tl_fail(TL_E_FILE, "%s: %" PRIu64 " answers, expected %" PRIu64, path, i, requests->n);
        struct tl_eval_answer *answer = &answers[requests->item[i]];
        tl_free(answer->text);
        answer->text = NULL;
        status = read_answer(path, bytes + at, (size_t)(end - (bytes + at)), answer);
        at = (size_t)(end - bytes) + 1;
    }
    return status;
}

/* --- answering ---------------------------------------------------------------------------------------------------- */

static char *answers_path(const struct tl_eval_run *run, const struct tl_eval_subject *subject, const struct tl_eval_requests *requests,
                          uint32_t context)
{
    struct tl_sha256 sha;
    uint8_t digest[TL_SHA256_BYTES];
    tl_sha256_init(&sha);
    tl_sha256_add(&sha, subject->digest, sizeof(subject->digest));
    tl_sha256_add(&sha, requests->digest, sizeof(requests->digest));
    tl_sha256_add(&sha, &context, sizeof(context));
    tl_sha256_end(&sha, digest);
    return tl_eval_store_path(run, "answers", digest, "jsonl");
}

static int answer(struct tl_eval_run *run, struct tl_eval_subject *subject, struct tl_engine *engine, const struct tl_eval_requests *requests,
                  enum tl_eval_stage stage, struct tl_eval_answer *answers)
{
    struct tl_batch_report report = { 0 };
    TL_AUTO char *path = answers_path(run, subject, requests, tl_model_limits(engine->model)->context);
    if (!path)
        return TL_E_NOMEM;
    tl_eval_stage_begin(run, subject, stage, engine);
    int status = tl_batch_run(engine, &(struct tl_batch_order){ .input = requests->path, .output = path }, &run->progress, &report);
    if (status >= 0)
        status = read_answers(path, requests, answers);
    if (status >= 0)
        unlink(path);
    subject->answer_tokens += report.tokens;
    subject->answer_seconds += report.seconds;
    tl_eval_stage_end(run, engine);
    return status;
}

int tl_eval_answer_all(struct tl_eval_run *run, struct tl_eval_subject *subject)
{
    bool tasks = run->task_requests.n && !subject->is_reference, prompts = run->prompt_requests.n > 0;
    uint64_t n = tasks && run->task_requests.n > run->prompt_requests.n ? run->task_requests.n : run->prompt_requests.n;
    struct tl_engine_options options = run->order->engine;
    struct tl_engine *engine;
    if (!tasks && !prompts)
        return 0;
    options.sessions = n < MOST_SEQUENCES ? (uint32_t)n : MOST_SEQUENCES;
    options.fewer_sessions = true;
    options.context = subject->longest_answer > LEAST_CONTEXT ? (uint32_t)subject->longest_answer : LEAST_CONTEXT;
    options.shorter_context = false;
    int status = tl_eval_open(run, subject, &options, &engine);
    if (status < 0)
        return status;
    if (tasks)
        status = answer(run, subject, engine, &run->task_requests, TL_STAGE_TASKS, subject->task);
    if (status >= 0 && prompts)
        status = answer(run, subject, engine, &run->prompt_requests, TL_STAGE_PROMPTS, subject->prompt);
    tl_eval_close(run, subject, engine, status);
    return status;
}
