/* SPDX-License-Identifier: MIT */
/* A job in a few words, "1 Mtok score" or "distill 300M student 2B tokens", and what it costs with some model: time by
 * cost.h, training by 6 N D, loss by loss.h. */
#ifndef TL_PLAN_PURPOSE_H
#define TL_PLAN_PURPOSE_H

#include "plan/cost.h"

enum tl_purpose_kind {
#define PURPOSE(id, word, others, meaning) TL_PURPOSE_##id,
#include "plan/purposes.def"
#undef PURPOSE
    TL_PURPOSES
};

struct tl_purpose_row { const char *word, *others, *meaning; };
extern const struct tl_purpose_row tl_purposes[TL_PURPOSES];

struct tl_purpose {
    enum tl_purpose_kind kind;
    double tokens;                       /* 0 where requests are told */
    double requests;                     /* of batch; 0: as many as make the tokens */
    double student;                      /* parameters, of train and distill */
};

/* Words in any order, numbers as 1M, 2B, 300 million, 1e6, 500k, 1 Mtok. TL_E_USAGE says which word is not understood, or
 * what is missing. */
int tl_purpose_parse(const char *text, struct tl_purpose *ret_purpose);

/* How the model is laid out for each kind of work. */
struct tl_purpose_means {
    struct tl_model_limits sessions, sweep, batch;
    bool sweeps, batches;                /* these fit */
    uint32_t prompt, answer;             /* tokens of a request */
};

struct tl_priced {
    struct tl_cost model;                /* what this model does; of training alone: nothing */
    struct tl_cost training;             /* of the student */
    struct tl_cost all;
    double requests;
    double training_bytes;               /* memory: weights, gradients and two moments in f32 */
    double loss, best_loss, best_parameters, best_tokens;     /* of the student; of the best one for the same operations */
};

/* The model is left laid out for one of them. TL_E_BUDGET where the work does not fit. */
int tl_purpose_price(const struct tl_purpose *purpose, struct tl_model *model, const struct tl_purpose_means *means,
                     const struct tl_machine *machine, struct tl_priced *ret_priced);
/* One object. text: as it was asked. */
void tl_purpose_write(const char *text, const struct tl_purpose *purpose, const struct tl_priced *priced, struct tl_buffer *json);

#endif
