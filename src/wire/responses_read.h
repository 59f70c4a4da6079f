/* SPDX-License-Identifier: MIT */
/* Requests of OpenAI's responses. Private to form_responses.c and responses_*.c. */
#ifndef TL_WIRE_RESPONSES_READ_H
#define TL_WIRE_RESPONSES_READ_H

#include "wire/talk.h"
#include "wire/translate.h"

struct tl_responses {
    struct tl_buffer system;             /* texts of instructions and of the messages that begin the input as system or developer, as JSON parts */
    struct tl_buffer instructions;       /* such a part, which stands before them */
    struct tl_talk talk;
    struct tl_buffer notes;              /* of request->notes */
    struct tl_buffer format;             /* that of the text, as it is written */
    uint32_t n_tools;
    bool some, later;                    /* there was an input; something but system has come */
};

int tl_responses_read(struct tl_openai_request *request, const char *where, const char *text, size_t n_bytes);

/* responses_input.c: the next value. */
int tl_responses_take_input(struct tl_json *json, struct tl_responses *own);

/* responses_tools.c. What models know as functions are functions, functions of a namespace, and tools whose input is plain text;
 * notes say which of the latter two a name is: [[name, namespace or null, its name there], ...]; null: plain text. */
int tl_responses_take_tools(struct tl_json *json, struct tl_buffer *out, struct tl_responses *own);
int tl_responses_take_choice(struct tl_translation *t, const struct tl_translated *field);
/* The name by which a model knows a function of a namespace (NULL: of none); false: it is too long. */
enum { TL_RESPONSES_NAME = 257 };
bool tl_responses_name(const char *space, const char *name, char ret_name[TL_RESPONSES_NAME]);

struct tl_responses_note { bool custom; char *space, *name; };        /* space and name: tl_free, or NULL */
int tl_responses_note_of(const char *notes, const char *name, struct tl_responses_note *ret_note);
/* {"input": "..."}, as a model calls a tool of plain text. */
int tl_responses_plain_input(const char *arguments, size_t n_bytes, struct tl_buffer *out);

#endif
