/* SPDX-License-Identifier: MIT */
/* A request as the engine runs it: its fields, and the ids of each of its prompts. */
#ifndef TL_ENGINE_ASK_H
#define TL_ENGINE_ASK_H

#include "engine/language.h"
#include "wire/form.h"

struct tl_ask_prompt { int32_t *ids; size_t n_ids; };

struct tl_ask {
    const struct tl_form *form;
    struct tl_openai_request request;
    struct tl_ask_prompt *prompt;        /* one of a chat, else one for each of the request's */
    uint32_t n_prompts;
    const struct tl_engine *engine;
    const struct tl_grammar *content;    /* the language of the answers; NULL: any */
    uint64_t too_long;                   /* after a failure: tokens of a prompt that the context does not hold; else 0 */
    uint32_t context;                    /* beside it */
};

struct tl_ask_how {
    const char *defaults;                /* JSON: fields that a request leaves unsaid; NULL: none */
    int64_t now;                         /* for templates that tell the date; 0: the time that it is */
    uint32_t context;                    /* prompts that do not leave room for a token are refused; 0: any */
};

/* TL_E_USAGE, TL_E_FILE: the request is at fault (tl_ask_failure). ret_ask is to be freed with tl_ask_done whatever is returned. */
int tl_ask_read(const struct tl_engine *engine, const struct tl_form *form, const char *body, size_t n_bytes, const struct tl_ask_how *how,
                struct tl_ask *ret_ask);
/* What was wrong with it; the texts are borrowed from the ask and the caller. */
struct tl_failure tl_ask_failure(const struct tl_ask *ask, const char *message);
/* Answers to all of its prompts. */
uint32_t tl_ask_parts(const struct tl_ask *ask);
void tl_ask_done(struct tl_ask *ask);

#endif
