/* SPDX-License-Identifier: MIT */
/* Generating an answer in a session. */
#ifndef TL_ENGINE_GENERATE_H
#define TL_ENGINE_GENERATE_H

#include "engine/draw.h"
#include "engine/scheduler.h"
#include "engine/session.h"
#include "engine/stop.h"

enum { TL_GENERATE_AHEAD = 32 };

enum tl_finish { TL_FINISH_STOP, TL_FINISH_LENGTH, TL_FINISH_CONTEXT, TL_FINISH_CANCELLED };

/* All callbacks come from the thread that asked, in the order of the tokens, and may be NULL; non-zero ends the answer behind
 * what was given out: tokens that were drawn meanwhile are taken back. They may take their time: the answer runs ahead of them
 * by TL_GENERATE_AHEAD tokens at most, and nobody else waits. */
struct tl_generate {
    struct tl_sampling sampling;
    uint64_t choice;
    uint32_t max_tokens;                 /* 0: until the context is full */
    bool prompt_only;                    /* no token at all: the prompt is computed, and its likelihoods are given out */
    const char *const *stop;
    size_t n_stop;
    bool ignore_end, show_special;
    struct tl_guide *guide;              /* NULL: all ids may come. Asked by the threads of steps, ahead of `token` and `text` */
    bool logprobs;                       /* `token` gets likelihoods: of the model, before anything that sampling changes about them */
    uint32_t top_logprobs;               /* TL_DRAW_TOP at most */
    bool echo;                           /* the prompt's likelihoods too: nothing of it is reused, as all of its rows are needed */
    /* Behind each piece of the prompt: so many of its ids are computed, `reused` of them were found. */
    int (*progress)(void *context, uint32_t done, uint32_t total, uint32_t reused);
    /* Of the prompt's id at `place`, with echo. seen [n_seen]: it, then the likeliest; n_seen 0: the first one, which nothing predicts. */
    int (*prompt)(void *context, uint32_t place, int32_t id, const struct tl_event_logprob *seen, uint32_t n_seen);
    /* A token of the answer, before the text that it completes. n_seen 0: without `logprobs`. Ends of generation are none. */
    int (*token)(void *context, int32_t id, const struct tl_event_logprob *seen, uint32_t n_seen);
    int (*text)(void *context, const char *bytes, size_t n_bytes);    /* whole characters */
    void *context;
};

struct tl_answer {
    enum tl_finish finish;
    const char *stop;                    /* of how->stop, that ended it; NULL: none did */
    struct tl_buffer text;
    uint32_t first_id, n_ids;            /* the answer's place in the session's ids */
    uint32_t prompt_tokens, reused_tokens, decode_steps;
    uint32_t drafted_tokens, accepted_tokens;
    double first_token_seconds, prefill_seconds, decode_seconds;
    struct tl_share share;               /* of the steps that it took part in */
};

/* The answer is caller's memory: done with tl_buffer_done(&answer->text), also after a failure. */
int tl_generate(struct tl_session *session, const struct tl_generate *how, struct tl_answer *answer);

#endif
