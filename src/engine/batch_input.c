/* SPDX-License-Identifier: MIT */
/* Finding lines, and reading one: {"custom_id", "method": "POST", "url", "body"}. */
#include "engine/batch_input.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/error.h"
#include "base/memory.h"

enum { READ_BYTES = 1 << 20 };

/* --- lines ------------------------------------------------------------------------------------------------------------------ */

struct scan {
    struct tl_batch_input *input;
    struct tl_sha256 sha;
    uint64_t room, start, hash;          /* the line that is open */
    bool blank;
};

static int end_line(struct scan *scan, uint64_t end)
{
    struct tl_batch_input *input = scan->input;
    struct tl_batch_line line = {scan->start, end - scan->start, scan->hash};
    bool blank = scan->blank;
    scan->start = end + 1;
    scan->hash = 0;
    scan->blank = true;
    if (blank)
        return 0;
    if (input->n_lines == TL_BATCH_LINES)
        return tl_fail(TL_E_USAGE, "%s: more than %d requests", input->file->path, TL_BATCH_LINES);
    if (tl_grow((void **)&input->line, input->n_lines, &scan->room, sizeof(*input->line)) < 0)
        return TL_E_NOMEM;
    input->line[input->n_lines++] = line;
    return 0;
}

/* The hash of a line is one of its pieces, cut where the file is read: the same for the same file. */
static void add_piece(struct scan *scan, const char *bytes, size_t n_bytes)
{
    for (size_t i = 0; i < n_bytes && scan->blank; i++)
        scan->blank = bytes[i] == ' ' || bytes[i] == '\t' || bytes[i] == '\r';
    if (n_bytes)
        scan->hash = tl_hash_bytes(bytes, n_bytes, scan->hash);
}

static int scan_bytes(struct scan *scan, const char *bytes, size_t n_bytes, uint64_t offset)
{
    size_t at = 0;
    int status = 0;
    tl_sha256_add(&scan->sha, bytes, n_bytes);
    while (at < n_bytes && status >= 0) {
        const char *newline = memchr(bytes + at, '\n', n_bytes - at);
        size_t end = newline ? (size_t)(newline - bytes) : n_bytes;
        add_piece(scan, bytes + at, end - at);
        if (newline)
            status = end_line(scan, offset + end);
        at = end + 1;
    }
    return status;
}

static int scan_file(struct tl_batch_input *input, struct tl_progress *progress)
{
    struct scan scan = {.input = input, .blank = true};
    TL_AUTO char *bytes = tl_alloc(READ_BYTES, 1);
    uint64_t size = input->file->size_bytes;
    tl_sha256_init(&scan.sha);
    int status = bytes ? tl_progress_begin(progress, "reading requests", 0, size, "bytes") : TL_E_NOMEM;
    for (uint64_t offset = 0; offset < size && status >= 0; offset += READ_BYTES) {
        size_t n = size - offset < READ_BYTES ? (size_t)(size - offset) : READ_BYTES;
        status = tl_file_read(input->file, offset, bytes, n);
        if (status >= 0)
            status = scan_bytes(&scan, bytes, n, offset);
        if (status >= 0)
            status = tl_progress_move(progress, offset + n);
    }
    if (status >= 0)
        status = end_line(&scan, size);
    tl_sha256_end(&scan.sha, input->digest);
    return status;
}

int tl_batch_input_open(const char *path, struct tl_progress *progress, struct tl_batch_input **ret_input)
{
    struct stat facts;
    struct tl_batch_input *input = tl_alloc(1, sizeof(*input));
    if (!input)
        return TL_E_NOMEM;
    int status = tl_file_open(path, &input->file);
    if (status >= 0 && fstat(input->file->fd, &facts) < 0)
        status = tl_fail(TL_E_IO, "%s: %m", path);
    if (status >= 0) {
        input->modified = (int64_t)facts.st_mtime;
        status = scan_file(input, progress);
    }
    if (status >= 0 && input->n_lines == 0)
        status = tl_fail(TL_E_USAGE, "%s: no requests are in it", path);
    if (status < 0) {
        tl_batch_input_close(input);
        return status == TL_E_FILE ? TL_E_USAGE : status;
    }
    *ret_input = input;
    return 0;
}

void tl_batch_input_close(struct tl_batch_input *input)
{
    if (!input)
        return;
    tl_file_close(input->file);
    tl_free(input->line);
    tl_free(input);
}

/* --- one request ------------------------------------------------------------------------------------------------------------ */

struct envelope {
    struct tl_json json;
    struct tl_batch_request *request;
    bool said_url, said_method;
    const struct tl_form *form;
    const char *body;
    size_t n_body;
};

static int take_id(struct envelope *e)
{
    const char *expected = "custom_id: expected a string, said once";
    if (e->request->custom_id || !tl_openai_next_is(&e->json, '"'))
        return tl_fail(TL_E_USAGE, "%s", expected);
    struct tl_buffer raw;
    tl_buffer_init(&raw, 0);
    int status = tl_openai_raw(&e->json, &raw);
    if (status >= 0)
        e->request->custom_id = tl_buffer_take(&raw, NULL);
    status = status < 0 ? status : raw.status;
    tl_buffer_done(&raw);
    return status;
}

static int take_url(struct envelope *e)
{
    int event = tl_json_next(&e->json);
    if (event < 0)
        return event;
    if (e->said_url)
        return tl_fail(TL_E_USAGE, "url: said twice");
    e->said_url = true;
    bool plain = event == TL_JSON_STRING && strlen(e->json.string.data) == e->json.string.len;
    e->form = plain ? tl_form_at(e->json.string.data) : NULL;
    if (!e->form || strcmp(e->form->name, "embeddings") == 0)
        return tl_fail(TL_E_USAGE, "url: expected /v1/chat/completions, /v1/completions, /v1/responses or /v1/messages, found \"%.60s\"",
                       event == TL_JSON_STRING ? e->json.string.data : "");
    return 0;
}

static int take_method(struct envelope *e)
{
    int event = tl_json_next(&e->json);
    if (event >= 0 && !(event == TL_JSON_STRING && tl_json_is(&e->json, "POST")))
        return tl_fail(TL_E_USAGE, "method: expected POST");
    e->said_method = true;
    return event;
}

static int take_body(struct envelope *e)
{
    if (e->body || !tl_openai_next_is(&e->json, '{'))
        return tl_fail(TL_E_USAGE, "body: expected an object, said once");
    int status = tl_json_next(&e->json);
    if (status < 0)
        return status;
    e->body = e->json.raw;
    status = tl_json_skip(&e->json);
    e->n_body = (size_t)(e->json.at - e->body);
    return status;
}

static int read_envelope(struct envelope *e)
{
    struct tl_json *json = &e->json;
    int status = tl_json_next(json);
    if (status >= 0 && status != TL_JSON_OBJECT)
        return tl_fail(TL_E_USAGE, "a request is an object with custom_id, method, url and body");
    while (status >= 0 && (status = tl_json_next(json)) == TL_JSON_KEY) {
        if (tl_json_is(json, "custom_id"))
            status = take_id(e);
        else if (tl_json_is(json, "url"))
            status = take_url(e);
        else if (tl_json_is(json, "method"))
            status = take_method(e);
        else if (tl_json_is(json, "body"))
            status = take_body(e);
        else
            status = tl_fail(TL_E_USAGE, "%.60s: not a member of a request (custom_id, method, url, body)", json->string.data);
    }
    if (status >= 0)
        status = tl_json_next(json);
    if (status >= 0 && (!e->request->custom_id || !e->said_method || !e->said_url || !e->body))
        return tl_fail(TL_E_USAGE, "%s: missing", !e->request->custom_id ? "custom_id" : !e->said_method ? "method" : !e->said_url ? "url" : "body");
    return status;
}

/* What every line of a batch cannot have, whatever a server may. */
static int check_batch(struct tl_openai_request *request)
{
    const char *field = request->stream ? "stream" : request->echo ? "echo" : NULL;
    if (!field)
        return 0;
    snprintf(request->param, sizeof(request->param), "%s", field);
    return tl_fail(TL_E_USAGE, "%s: not supported in a batch", field);
}

static bool is_fault(int status) { return status == TL_E_USAGE || status == TL_E_FILE; }

int tl_batch_request_read(const char *text, size_t n_bytes, const struct tl_engine *engine, const struct tl_ask_how *how,
                          struct tl_batch_request *ret_request)
{
    struct envelope e = {.request = ret_request};
    *ret_request = (struct tl_batch_request){.status = 200};
    tl_json_init(&e.json, "request", text, n_bytes);
    int status = read_envelope(&e);
    if (status >= 0)
        status = tl_ask_read(engine, e.form, e.body, e.n_body, how, &ret_request->ask);
    if (status >= 0)
        status = check_batch(&ret_request->ask.request);
    tl_json_done(&e.json);
    if (!is_fault(status))
        return status;
    ret_request->status = 400;
    snprintf(ret_request->message, sizeof(ret_request->message), "%s", tl_error_text());
    return 0;
}

int tl_batch_input_read(const struct tl_batch_input *input, uint64_t index, const struct tl_engine *engine, const struct tl_ask_how *how,
                        struct tl_batch_request *ret_request)
{
    const struct tl_batch_line *line = &input->line[index];
    if (line->n_bytes > TL_BATCH_LINE_BYTES) {
        *ret_request = (struct tl_batch_request){.status = 400};
        snprintf(ret_request->message, sizeof(ret_request->message), "a request of %" PRIu64 " bytes, at most %d are read", line->n_bytes,
                 TL_BATCH_LINE_BYTES);
        return 0;
    }
    *ret_request = (struct tl_batch_request){.status = 200};
    TL_AUTO char *text = tl_alloc(line->n_bytes + 1, 1);
    if (!text)
        return TL_E_NOMEM;
    int status = tl_file_read(input->file, line->offset, text, line->n_bytes);
    if (status < 0)
        return status == TL_E_FILE ? TL_E_IO : status;
    struct scan scan = {.blank = true};
    for (uint64_t at = 0; at < line->n_bytes;) {
        uint64_t cut = (line->offset + at) / READ_BYTES * READ_BYTES + READ_BYTES - line->offset, end = cut < line->n_bytes ? cut : line->n_bytes;
        add_piece(&scan, text + at, end - at);
        at = end;
    }
    if (scan.hash != line->hash)
        return tl_fail(TL_E_IO, "%s: byte %" PRIu64 ": the file has changed since it was first read", input->file->path, line->offset);
    return tl_batch_request_read(text, line->n_bytes, engine, how, ret_request);
}

void tl_batch_request_done(struct tl_batch_request *request)
{
    tl_ask_done(&request->ask);
    tl_free(request->custom_id);
    *request = (struct tl_batch_request){0};
}
