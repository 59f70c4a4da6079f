/* SPDX-License-Identifier: MIT */
/* Lines for the batch. */
#include "compress/distill_ask.h"

#include <inttypes.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "base/utf8.h"

enum { LEAST_TOKENS = 4 };               /* of a document that is gone on with */

static void begin_line(struct tl_buffer *line, uint64_t number, bool chat)
{
    tl_buffer_clear(line);
    tl_buffer_printf(line, "{\"custom_id\":\"%" PRIu64 "\",\"method\":\"POST\",\"url\":\"/v1/%s\",\"body\":{", number,
                     chat ? "chat/completions" : "completions");
}

static int end_line(struct tl_buffer *line, const struct tl_distill_ask *how, bool chat, struct tl_outfile *file)
{
    tl_buffer_printf(line, ",\"n\":%" PRIu32 ",\"max_tokens\":%" PRIu32 ",\"temperature\":%.9g,\"seed\":%" PRIu64 ",\"logprobs\":%s}}\n", how->answers,
                     how->answer_tokens, how->temperature, how->seed, chat ? "true" : "0");
    return line->status < 0 ? line->status : tl_outfile_write(file, line->data, line->len);
}

/* --- documents ---------------------------------------------------------------------------------------------------- */

static int ask_document(const struct tl_distill_documents *d, uint64_t i, const struct tl_distill_ask *how, struct tl_buffer *line,
                        struct tl_outfile *file)
{
    TL_AUTO char *text = NULL;
    size_t n_bytes;
    uint64_t n = d->starts[i + 1] - d->starts[i], most = n / 2 < how->prompt_tokens ? n / 2 : how->prompt_tokens;
    int status = tl_tokenizer_decode(d->tokenizer, d->ids + d->starts[i], (size_t)most, false, &text, &n_bytes);
    if (status < 0)
        return status;
    n_bytes -= tl_utf8_unfinished(text, n_bytes);                    /* the last character may be in two tokens */
    begin_line(line, i, false);
    tl_buffer_printf(line, "\"prompt\":");
    tl_buffer_json_string(line, text, n_bytes);
    return end_line(line, how, false, file);
}

int tl_distill_ask_documents(const struct tl_distill_documents *d, const struct tl_distill_ask *how, const char *path, uint64_t *ret_requests)
{
    struct tl_outfile *file = NULL;
    struct tl_buffer line;
    uint64_t n = 0;
    tl_buffer_init(&line, 0);
    int status = tl_outfile_open(path, &file);
    for (uint64_t i = 0; i < d->n && status >= 0; i++) {
        if (d->starts[i + 1] - d->starts[i] < LEAST_TOKENS || (d->taken && !d->taken(d->context, i)))
            continue;
        status = ask_document(d, i, how, &line, file);
        n++;
    }
    if (status >= 0 && !n)
        status = tl_fail(TL_E_USAGE, "no document is long enough for a teacher to go on with it: %d tokens", LEAST_TOKENS);
    if (status >= 0)
        status = tl_outfile_commit(file);
    tl_outfile_close(file);
    tl_buffer_done(&line);
    *ret_requests = n;
    return status;
}

/* --- prompts ------------------------------------------------------------------------------------------------------ */

int tl_distill_line(const struct tl_batch_input *lines, uint64_t index, struct tl_buffer *ret_line)
{
    const struct tl_batch_line *line = &lines->line[index];
    TL_AUTO char *text = tl_alloc(line->n_bytes + 1, 1);
    tl_buffer_clear(ret_line);
    if (!text)
        return TL_E_NOMEM;
    int status = tl_file_read(lines->file, line->offset, text, line->n_bytes);
    return status < 0 ? status : tl_buffer_append(ret_line, text, line->n_bytes);
}

/* Of a line: "messages", or else "prompt", as a member of the request's body. */
static int take_prompt(struct tl_json *json, bool chats, struct tl_buffer *line)
{
    struct tl_buffer messages, prompt;
    tl_buffer_init(&messages, 0);
    tl_buffer_init(&prompt, 0);
    int status = tl_json_next(json);
    if (status >= 0 && status != TL_JSON_OBJECT)
        status = tl_json_fail(json, "an object with prompt or messages");
    while (status >= 0 && (status = tl_json_next(json)) == TL_JSON_KEY) {
        if (tl_json_is(json, "messages")) {
            status = tl_openai_raw(json, &messages);
        } else if (tl_json_is(json, "prompt")) {
            status = tl_json_next(json);
            status = status >= 0 && status != TL_JSON_STRING ? tl_json_fail(json, "a text") : status;
            if (status >= 0)
                tl_buffer_json_string(&prompt, json->string.data ? json->string.data : "", json->string.len);
        } else {
            status = tl_json_skip(json);
        }
    }
    if (status >= 0 && !messages.len && !prompt.len)
        status = tl_json_fail(json, "prompt or messages");
    if (status >= 0 && messages.len && !chats)
        status = tl_fail(TL_E_USAGE, "messages need a chat template, which the teacher does not have; say prompt instead");
    if (status >= 0 && messages.len)
        tl_buffer_printf(line, "\"messages\":%s", messages.data);
    else if (status >= 0 && chats)
        tl_buffer_printf(line, "\"messages\":[{\"role\":\"user\",\"content\":%s}]", prompt.data);
    else if (status >= 0)
        tl_buffer_printf(line, "\"prompt\":%s", prompt.data);
    tl_buffer_done(&messages);
    tl_buffer_done(&prompt);
    return status == TL_E_FILE ? TL_E_USAGE : status;
}

static int ask_prompt(const struct tl_batch_input *prompts, uint64_t i, const struct tl_distill_ask *how, struct tl_buffer *text,
                      struct tl_buffer *line, struct tl_outfile *file)
{
    struct tl_json json;
    int status = tl_distill_line(prompts, i, text);
    if (status < 0)
        return status;
    begin_line(line, i, how->chats);
    tl_json_init(&json, prompts->file->path, text->data, text->len);
    status = take_prompt(&json, how->chats, line);
    tl_json_done(&json);
    return status < 0 ? tl_fail_in(status, "prompt %" PRIu64, i + 1) : end_line(line, how, how->chats, file);
}

int tl_distill_ask_prompts(const char *path_of_prompts, const struct tl_distill_ask *how, const char *path, struct tl_progress *progress,
                           uint64_t *ret_requests)
{
    struct tl_batch_input *prompts = NULL;
    struct tl_outfile *file = NULL;
    struct tl_buffer text, line;
    tl_buffer_init(&text, 0);
    tl_buffer_init(&line, 0);
    int status = tl_batch_input_open(path_of_prompts, progress, &prompts);
    if (status >= 0)
        status = tl_outfile_open(path, &file);
    for (uint64_t i = 0; status >= 0 && i < prompts->n_lines; i++)
        status = ask_prompt(prompts, i, how, &text, &line, file);
    if (status >= 0)
        status = tl_outfile_commit(file);
    if (status >= 0)
        *ret_requests = prompts->n_lines;
    tl_outfile_close(file);
    tl_batch_input_close(prompts);
    tl_buffer_done(&text);
    tl_buffer_done(&line);
    return status;
}
