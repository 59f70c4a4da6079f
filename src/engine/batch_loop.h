/* SPDX-License-Identifier: MIT */
/* The sequences of a batch and the step that they share. Private to batch*.c. States are touched between tl_engine_enter
 * and tl_engine_leave, that is, inside tl_batch_loop_step. */
#ifndef TL_ENGINE_BATCH_LOOP_H
#define TL_ENGINE_BATCH_LOOP_H

#include "engine/batch.h"
#include "engine/batch_input.h"
#include "engine/batch_work.h"
#include "engine/telling.h"

enum { TL_BATCH_NAME = 24 };

/* A request and the writer of its answers. */
struct tl_batch_answer {
    uint64_t line, tokens;
    char id[TL_BATCH_NAME + 1];
    struct tl_batch_request request;
    struct tl_form_writer *writer;
    struct tl_buffer text;               /* what it writes */
    uint32_t n_choices, n_started, n_left;
};

struct tl_batch_sequence {
    struct tl_state *state;              /* of the ids in front: its length says how many */
    int32_t *ids;                        /* [context] */
    uint32_t n_ids, n_prompt;
    struct tl_sampler *sampler;
    struct tl_batch_answer *answer;      /* NULL: idle */
    uint32_t choice;                     /* which of its choices */
    uint64_t age;                        /* begun as the how-manieth */
    bool fresh, waits;                   /* nothing of it computed; for another one to compute what both begin with */
    uint32_t n_now;                      /* tokens in the step that runs */
    int32_t drawn;                       /* by that step; -1: none */
    struct tl_event_logprob seen[1 + TL_DRAW_TOP];        /* beside it */
    struct tl_telling telling;
    struct tl_generate how;
    uint64_t *allowed;                   /* ids, as its guide says; NULL: no guide yet */
    int outcome;                         /* of the draw: enum tl_drawn, or a status with its sentence */
    char sentence[256];
    struct tl_stop stop;
    struct tl_buffer text;
    uint32_t n_tokens;                   /* of the answer */
};

struct tl_batch_loop {
    struct tl_engine *engine;
    const struct tl_batch_input *input;
    struct tl_batch_work *work;
    struct tl_batch_identity identity;
    struct tl_ask_how how;
    struct tl_progress *progress;
    struct tl_batch_report *report;
    struct tl_batch_sequence *sequence;
    uint32_t n_sequences;
    struct tl_batch_answer *open;        /* has choices that are not begun */
    uint64_t next_line, n_begun;
    uint32_t n_active, lost_forks, good_forks;
    uint64_t bound_left, bound_done, tokens_done;    /* of answer tokens: for the forecast */
    uint64_t n_left;                     /* lines without an answer */
    double step_seconds;                 /* of late */
    /* the step that runs */
    int32_t *step_ids;
    uint8_t *wanted;
    uint32_t *owner;                     /* [chunk] sequence of a wanted token */
    struct tl_span *span;
    uint32_t *member;                    /* [n_sequences] of each span */
    uint32_t n_tokens, n_spans;
    const uint32_t *rows_of;
    float *rows;
};

/* One step: idle sequences are begun, all advance, those that end hand in their answers. 0: nothing is left to do. */
int tl_batch_loop_step(struct tl_batch_loop *loop);

/* batch_sequence.c */
int tl_batch_sequence_open(struct tl_batch_sequence *sequence, struct tl_engine *engine);
void tl_batch_sequence_close(struct tl_batch_sequence *sequence);
/* Takes the next choice of the answer; its prompt replaces the former ids, of which the common beginning stays computed. */
int tl_batch_sequence_begin(struct tl_batch_loop *loop, struct tl_batch_sequence *sequence, struct tl_batch_answer *answer);
/* Before its first step: takes what another one has computed, or waits for it. */
int tl_batch_sequence_share(struct tl_batch_loop *loop, struct tl_batch_sequence *sequence);
/* From the logits behind its last id; any thread. What comes of it is in `outcome`. */
void tl_batch_sequence_draw(const struct tl_engine *engine, struct tl_batch_sequence *sequence, float *logits);
/* Takes the drawn id. 1: goes on, 0: ended, and the answer knows. */
int tl_batch_sequence_accept(struct tl_batch_loop *loop, struct tl_batch_sequence *sequence);

/* batch_answer.c */
/* context: the answer. */
int tl_batch_answer_event(void *context, const struct tl_event *event);
/* The next request without an answer; those that cannot be answered are answered with their errors on the way. NULL: no more. */
int tl_batch_answer_next(struct tl_batch_loop *loop, struct tl_batch_answer **ret_answer);
/* Its line goes to the work file, and it is freed. */
int tl_batch_answer_finish(struct tl_batch_loop *loop, struct tl_batch_answer *answer);
void tl_batch_answer_free(struct tl_batch_answer *answer);
/* Answer tokens at most of one choice. */
uint64_t tl_batch_answer_bound(const struct tl_batch_loop *loop, const struct tl_batch_answer *answer, uint32_t choice);

/* batch_forecast.c */
int tl_batch_survey(const struct tl_batch_input *input, const struct tl_engine *engine, const struct tl_ask_how *how,
                    struct tl_progress *progress, struct tl_batch_survey *ret_survey);
/* For the share of the survey that is left. */
void tl_batch_forecast_make(struct tl_engine *engine, struct tl_batch_report *report, double share);

#endif
