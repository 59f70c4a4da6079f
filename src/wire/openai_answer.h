/* SPDX-License-Identifier: MIT */
/* Pieces of answers and errors in OpenAI's form, from which its forms are put together. The same input gives the same bytes. */
#ifndef TL_WIRE_OPENAI_ANSWER_H
#define TL_WIRE_OPENAI_ANSWER_H

#include "wire/form.h"
#include "wire/gather.h"

/* What all of OpenAI's forms are written from; behind a struct tl_form_writer. */
struct tl_openai_part {
    struct tl_gather gather;             /* of a stream only tokens and the end */
    uint64_t n_sent, offset;             /* tokens whose likelihoods are written, and, of completions, their characters */
};

struct tl_openai_writer {
    struct tl_writer_facts facts;
    struct tl_openai_part *part;         /* [n_parts] */
};

int tl_openai_writer_new(const struct tl_writer_facts *facts, struct tl_form_writer **ret_writer);
void tl_openai_writer_free(struct tl_form_writer *writer);

/* {"prompt_tokens": ..., ...} */
void tl_openai_put_usage(struct tl_buffer *out, const struct tl_usage *usage, bool repeatable);
/* llama.cpp's object of counts and times, and where the bytes came from. */
void tl_openai_put_timings(struct tl_buffer *out, const struct tl_usage *usage);
/* `to` is the whole request's: each prompt counts once, each answer. */
void tl_openai_add_usage(struct tl_usage *to, const struct tl_usage *part, bool first_answer);

/* Log-probabilities of tokens [from, to) that were gathered: {"content": [...]} of chats; of completions the lists, `offset`
 * characters into the text, which they move on. */
void tl_openai_put_chat_logprobs(struct tl_buffer *out, const struct tl_tokenizer *tokenizer, const struct tl_gather *gather, uint64_t from, uint64_t to);
void tl_openai_put_plain_logprobs(struct tl_buffer *out, const struct tl_tokenizer *tokenizer, const struct tl_gather *gather, uint64_t from,
                                  uint64_t to, uint64_t *offset);

/* {"error": {...}}, or a frame of it. */
void tl_openai_put_error(const struct tl_failure *failure, bool frame, struct tl_buffer *out);
/* Comment of server-sent events. */
void tl_openai_put_beat(struct tl_buffer *out);

/* "{"id": ..., "object": ..., "created": ..., "model": ..." without the end of the object. */
void tl_openai_put_head(struct tl_buffer *out, const struct tl_writer_facts *facts, const char *prefix, const char *object);

#endif
