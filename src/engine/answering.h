/* SPDX-License-Identifier: MIT */
/* An answer on its way: what generate.c, which tells its life, leaves to answering.c. Private to these two.
 *
 * draw_row and go_on run in threads of steps and own what they write; the thread that asked sees of it what the scheduler
 * has told it of. */
#ifndef TL_ENGINE_ANSWERING_H
#define TL_ENGINE_ANSWERING_H

#include "engine/generate.h"

struct tl_answering {
    struct tl_session *session;
    const struct tl_generate *how;
    struct tl_answer *answer;
    struct tl_request request;
    struct tl_draw draw;
    struct tl_stop stop;
    uint32_t context, n_prompt;
    uint32_t n_ids;                      /* the prompt's and those that are drawn */
    uint32_t n_accepted;                 /* of the step's draft */
    uint32_t n_told, n_prompt_told, n_done_told;         /* given out, and of the prompt: with echo; as progress */
    bool ended, stopped;                 /* no id follows; a stop string is complete */
    uint64_t begin_ns, first_ns, last_ns;
    struct tl_event_logprob *seen;       /* [TL_GENERATE_AHEAD][1 + top_logprobs] of the answer's latest ids */
    struct tl_event_logprob *echoed;     /* [n_prompt][1 + top_logprobs] */
};

int tl_answering_begin(struct tl_answering *a, struct tl_session *session, const struct tl_generate *how, struct tl_answer *answer);
bool tl_answering_heard(const struct tl_answering *a);       /* somebody follows it while it is on its way */
/* Fills in the answer, takes back what was drawn and not given out. */
void tl_answering_end(struct tl_answering *a);

/* Tokens that may still come where n ids are there. */
uint32_t tl_answering_left(const struct tl_answering *a, uint32_t n);
/* Where likelihoods of the id at this place go; NULL: nobody asks for them. */
struct tl_event_logprob *tl_answering_seen(const struct tl_answering *a, uint32_t place);
/* Notes those of a prompt's id, from the logits in front of it. */
void tl_answering_echo(struct tl_answering *a, uint32_t place, float *logits);
/* Between two steps: the time, and what became of the draft; before the session has the ids that were drawn. */
void tl_answering_count(struct tl_answering *a);
uint32_t tl_answering_draft(struct tl_answering *a);         /* ids put behind the session's: how many */
/* 1: go on; TL_E_CANCEL: the reader wants no more. */
int tl_answering_tell_prompt(struct tl_answering *a, uint32_t n_done);
int tl_answering_tell_token(struct tl_answering *a, uint32_t place);

#endif
