/* SPDX-License-Identifier: MIT */
/* A form is how an API writes requests and answers: a row of forms.def and a file. All forms read into the one neutral request
 * (openai.h) and write from the same events; what only one of them knows stays in its file.
 *
 *     form->read(request, "body", text, n_bytes)
 *     writer = form->writer_new(...); begin, event..., end; as frames where the request streams, else one document at the end */
#ifndef TL_WIRE_FORM_H
#define TL_WIRE_FORM_H

#include "text/tokenizer.h"
#include "wire/event.h"
#include "wire/openai.h"

/* All borrowed until the writer is freed. */
struct tl_writer_facts {
    const struct tl_openai_request *request;
    const struct tl_tokenizer *tokenizer;
    const char *id, *model;              /* the id without a prefix */
    int64_t created;                     /* seconds since 1970 */
    uint32_t n_parts;                    /* a part is answer part % request->n to prompt part / request->n */
    uint32_t prompt_tokens;              /* of all prompts: known before anything is answered */
    bool repeatable;                     /* writes nothing that another run would write differently: no times, no word of what was reused */
};

/* Why a request was refused, or an answer ended. */
struct tl_failure {
    int http_status;
    const char *message, *param, *code;  /* param: NULL or "" where there is none; code NULL: as the status says */
    uint64_t n_prompt_tokens, n_ctx;     /* of a prompt that is too long; else 0 */
};

struct tl_form_writer;                   /* begins with a form's own struct tl_writer_facts */

struct tl_form {
    const char *name, *path;             /* "chat", "/v1/chat/completions" */
    const char *most;                    /* the field that bounds an answer's tokens; NULL: max_tokens */
    /* Where it fails request->param names the field. */
    int (*read)(struct tl_openai_request *request, const char *where, const char *text, size_t n_bytes);
    int (*writer_new)(const struct tl_writer_facts *facts, struct tl_form_writer **ret_writer);
    void (*writer_free)(struct tl_form_writer *writer);              /* NULL is fine */
    /* Each appends to `out` what is to be sent now: frames of a stream; of a document nothing before `finish`. */
    int (*begin)(struct tl_form_writer *writer, struct tl_buffer *out);
    int (*event)(struct tl_form_writer *writer, const struct tl_event *event, struct tl_buffer *out);
    int (*finish)(struct tl_form_writer *writer, struct tl_buffer *out);          /* all parts have ended */
    /* A stream that has begun ends with a failure, where the form says so in its own way; NULL: a frame of `error`. */
    int (*failed)(struct tl_form_writer *writer, const struct tl_failure *failure, struct tl_buffer *out);
    void (*beat)(struct tl_buffer *out);                                           /* a sign of life within a stream */
    /* The envelope of an error: a document, or a frame where `frame`. */
    void (*error)(const struct tl_failure *failure, bool frame, struct tl_buffer *out);
};

const struct tl_form *tl_form_find(const char *name);                 /* NULL: none of that name */
const struct tl_form *tl_form_at(const char *path);                   /* NULL: none at that path */
const char *tl_form_names(void);                                      /* blanks between them */

#endif
