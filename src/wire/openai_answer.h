/* SPDX-License-Identifier: MIT */
/* Answers and errors in the form of OpenAI's chat completions and completions. Numbers and texts in, JSON out; the same
 * input gives the same bytes. */
#ifndef TL_TEXT_OPENAI_ANSWER_H
#define TL_TEXT_OPENAI_ANSWER_H

#include "wire/openai.h"
#include "text/tokenizer.h"

struct tl_openai_logprob { int32_t id; float logprob; };

struct tl_openai_choice {
    const char *text;
    size_t n_bytes;
    const char *finish;                  /* "stop", "length" */
    const struct tl_openai_logprob *logprobs;        /* [n_tokens][1 + top]: of the token, then of the likeliest; NULL: not asked for */
    size_t n_tokens;
};

struct tl_openai_answer {
    enum tl_openai_kind kind;
    const char *id, *model;              /* the id without its prefix; NULL model: "" */
    int64_t created;                     /* seconds since 1970 */
    const struct tl_openai_choice *choice;
    uint32_t n_choices, top;
    uint64_t prompt_tokens, completion_tokens;
};

int tl_openai_write_answer(struct tl_buffer *out, const struct tl_tokenizer *tokenizer, const struct tl_openai_answer *answer);

/* {"error": {...}}. param and code: NULL or "" where there is none. */
int tl_openai_write_error(struct tl_buffer *out, const char *message, const char *type, const char *param, const char *code);

#endif
