/* SPDX-License-Identifier: MIT */
#include "form_help.h"

#include <string.h>

#include "base/memory.h"
#include "must.h"

void form_read_good(const char *form, const char *body, struct tl_openai_request *ret_request)
{
    tl_openai_init(ret_request);
    if (tl_form_find(form)->read(ret_request, "body", body, strlen(body)) < 0)
        fail_msg("%s\n%s", body, tl_error_text());
}

static void same(const char *body, const char *what, const char *found, const char *expected)
{
    if (expected && strcmp(found ? found : "", expected) != 0)
        fail_msg("%s\n%s are\n%s\nand not\n%s", body, what, found ? found : "", expected);
}

void form_reads(const char *form, const struct form_read *rows, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        struct tl_openai_request request;
        int status = TL_E_NOMEM;
        form_read_good(form, rows[i].body, &request);
        same(rows[i].body, "messages", request.messages, rows[i].messages);
        same(rows[i].body, "tools", request.tools, rows[i].tools);
        same(rows[i].body, "variables", request.variables, rows[i].variables);
        tl_openai_done(&request);
        for (long k = 0; status == TL_E_NOMEM && k < 1000; k++) {
            tl_openai_init(&request);
            tl_memory_fail_after(k);
            status = tl_form_find(form)->read(&request, "body", rows[i].body, strlen(rows[i].body));
            tl_memory_fail_after(-1);
            tl_openai_done(&request);
        }
        assert_int_equal(status, 0);
    }
}

void form_refuses(const char *form, const struct form_refusal *rows, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        struct tl_openai_request request;
        tl_openai_init(&request);
        int status = tl_form_find(form)->read(&request, "body", rows[i].body, strlen(rows[i].body));
        if (status != TL_E_USAGE && status != TL_E_FILE)
            fail_msg("%s\nis read: %d", rows[i].body, status);
        if (strcmp(request.param, rows[i].param) != 0 || !strstr(tl_error_text(), rows[i].words))
            fail_msg("%s\n%s: %s", rows[i].body, request.param, tl_error_text());
        tl_openai_done(&request);
    }
}

static int write_all(const char *form_name, const struct form_written *row, struct tl_buffer *out)
{
    const struct tl_form *form = tl_form_find(form_name);
    struct tl_openai_request request;
    struct tl_form_writer *writer = NULL;
    tl_openai_init(&request);
    int status = form->read(&request, "body", row->body, strlen(row->body));
    struct tl_writer_facts facts = {.request = &request, .id = "1", .model = "m", .created = 5, .n_parts = 1, .prompt_tokens = 30};
    if (status >= 0)
        status = form->writer_new(&facts, &writer);
    if (status >= 0)
        status = form->begin(writer, out);
    for (size_t i = 0; i < row->n && status >= 0; i++)
        status = form->event(writer, &row->event[i], out);
    if (status >= 0)
        status = form->finish(writer, out);
    form->writer_free(writer);
    tl_openai_done(&request);
    return status < 0 ? status : out->status;
}

void form_writes(const char *form, const struct form_written *rows, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        struct tl_buffer out;
        int status = TL_E_NOMEM;
        tl_buffer_init(&out, 0);
        must(write_all(form, &rows[i], &out));
        if (strcmp(out.data, rows[i].out) != 0)
            fail_msg("%s\n%s\nexpected\n%s", rows[i].name, out.data, rows[i].out);
        tl_buffer_done(&out);
        for (long k = 0; status == TL_E_NOMEM && k < 1000; k++) {
            tl_buffer_init(&out, 0);
            tl_memory_fail_after(k);
            status = write_all(form, &rows[i], &out);
            tl_memory_fail_after(-1);
            tl_buffer_done(&out);
        }
        assert_int_equal(status, 0);
    }
}
