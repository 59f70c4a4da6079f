/* SPDX-License-Identifier: MIT */
/* Generating an answer in a session. */
#ifndef TL_ENGINE_GENERATE_H
#define TL_ENGINE_GENERATE_H

#include "engine/session.h"
#include "engine/stop.h"

enum tl_finish { TL_FINISH_STOP, TL_FINISH_LENGTH, TL_FINISH_CONTEXT, TL_FINISH_CANCELLED };

struct tl_generate {
    struct tl_sampling sampling;
    uint64_t choice;
    uint32_t max_tokens;                 /* 0: until the context is full */
    const char *const *stop;
    size_t n_stop;
    bool ignore_end, show_special;
    int (*text)(void *context, const char *bytes, size_t n_bytes);    /* may be NULL; non-zero stops */
    void *context;
};

struct tl_answer {
    enum tl_finish finish;
    struct tl_buffer text;
    uint32_t first_id, n_ids;            /* the answer's place in the session's ids */
    uint32_t prompt_tokens, reused_tokens, decode_steps;
    double first_token_seconds, prefill_seconds, decode_seconds;
};

/* The answer is caller's memory: done with tl_buffer_done(&answer->text), also after a failure. */
int tl_generate(struct tl_session *session, const struct tl_generate *how, struct tl_answer *answer);

#endif
