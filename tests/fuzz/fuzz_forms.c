/* SPDX-License-Identifier: MIT */
/* Any bytes as a request of each form end in a sentence or in a request, and what is answered to it, whatever texts come, is one
 * JSON document, or a stream of frames of one each. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "wire/form.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n_bytes);

static void require(bool good)
{
    if (!good)
        abort();
}

static bool is_json(const char *text, size_t n_bytes)
{
    struct tl_json json;
    tl_json_init(&json, "made", text, n_bytes);
    int event = tl_json_next(&json);
    if (event > 0)
        event = tl_json_skip(&json) < 0 ? -1 : tl_json_next(&json);
    tl_json_done(&json);
    return event == TL_JSON_END;
}

/* Lines "event: ..." and comments, and of "data: " a document or the last word. */
static void check_stream(const char *text)
{
    while (*text) {
        const char *end = strchr(text, '\n');
        require(end != NULL);
        size_t n = (size_t)(end - text);
        bool data = !strncmp(text, "data: ", 6);
        require(n == 0 || data || *text == ':' || !strncmp(text, "event: ", 7));
        if (data && strncmp(text, "data: [DONE]", 12) != 0)
            require(is_json(text + 6, n - 6));
        text = end + 1;
    }
}

/* Texts are pieces of the input: control characters, quotes, halves of characters. */
static int tell(const struct tl_form *form, struct tl_form_writer *writer, uint32_t n_parts, const char *text, size_t n_bytes, struct tl_buffer *out)
{
    static const struct tl_usage usage = {.prompt_tokens = 5, .reused_tokens = 2, .tokens = 3, .prefill_seconds = 1};
    static const float values[] = {0.5f, -1};
    static const enum tl_event_kind kinds[] = {TL_EVENT_PROGRESS, TL_EVENT_REASONING, TL_EVENT_CONTENT, TL_EVENT_CALL, TL_EVENT_ARGUMENTS, TL_EVENT_END};
    int status = form->begin(writer, out);
    for (uint32_t part = 0; part < n_parts && part < 3; part++)
        for (size_t i = 0; i < sizeof(kinds) / sizeof(*kinds) && status >= 0; i++) {
            struct tl_event event = {.kind = kinds[i], .part = part, .text = text, .n_bytes = n_bytes < 40 ? n_bytes : 40, .id = "call_1", .name = "f\"",
                                     .finish = "stop", .usage = &usage, .total = 5, .values = values, .n_values = 2};
            if (strcmp(form->name, "embeddings") == 0 && kinds[i] != TL_EVENT_END)
                event.kind = i ? TL_EVENT_PROGRESS : TL_EVENT_EMBEDDING;
            status = form->event(writer, &event, out);
        }
    return status < 0 ? status : form->finish(writer, out);
}

static void answer(const struct tl_form *form, const struct tl_openai_request *request, const char *text, size_t n_bytes)
{
    struct tl_form_writer *writer;
    struct tl_buffer out;
    uint32_t n_parts = tl_openai_choices(request);
    struct tl_writer_facts facts = {.request = request, .id = "1", .model = request->model, .created = 5, .n_parts = n_parts < 3 ? n_parts : 3};
    tl_buffer_init(&out, 0);
    require(form->writer_new(&facts, &writer) >= 0);
    require(tell(form, writer, facts.n_parts, text, n_bytes, &out) >= 0);
    if (request->stream)
        check_stream(out.data);
    else
        require(is_json(out.data, out.len));
    form->writer_free(writer);
    tl_buffer_done(&out);
}

/* Tools that a template does not tell are told in messages that are read as the request's were. */
static void tell_tools(const struct tl_openai_request *request)
{
    struct tl_json json;
    struct tl_buffer out;
    char *told = NULL;
    require(tl_turn_tell(tl_turn_family_of("", NULL), request->one_call, request->tools, request->messages, &told) >= 0);
    tl_buffer_init(&out, 0);
    tl_json_init(&json, "told", told, strlen(told));
    require(tl_openai_messages(&json, &out) >= 0 && tl_json_next(&json) == TL_JSON_END);
    tl_json_done(&json);
    tl_buffer_done(&out);
    tl_free(told);
}

static void refuse(const struct tl_form *form, const char *param)
{
    struct tl_failure failure = {.http_status = 400, .message = tl_error_text(), .param = param};
    struct tl_buffer out;
    tl_buffer_init(&out, 0);
    form->error(&failure, false, &out);
    require(is_json(out.data, out.len));
    tl_buffer_clear(&out);
    form->error(&failure, true, &out);
    check_stream(out.data);
    tl_buffer_done(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n_bytes)
{
    char names[200];
    strncpy(names, tl_form_names(), sizeof names - 1);
    names[sizeof names - 1] = 0;
    for (char *name = strtok(names, " "); name; name = strtok(NULL, " ")) {
        const struct tl_form *form = tl_form_find(name);
        struct tl_openai_request request;
        tl_openai_init(&request);
        int status = form->read(&request, "body", (const char *)bytes, n_bytes);
        require(status >= 0 || status == TL_E_USAGE || status == TL_E_FILE);
        if (status >= 0)
            answer(form, &request, (const char *)bytes, n_bytes);
        if (status >= 0 && request.tools && request.messages)
            tell_tools(&request);
        if (status < 0)
            refuse(form, request.param);
        tl_openai_done(&request);
    }
    return 0;
}
