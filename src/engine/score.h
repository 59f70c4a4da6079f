/* SPDX-License-Identifier: MIT */
/* Scoring a text: the log-likelihood of each of its tokens, given those before it in its window. */
#ifndef TL_ENGINE_SCORE_H
#define TL_ENGINE_SCORE_H

#include "engine/engine.h"

struct tl_score {
    uint32_t window, stride;             /* tokens; stride at most window */
    void (*progress)(void *context, uint64_t done, uint64_t total);   /* tokens; may be NULL */
    void *context;
    const volatile int *cancel;          /* may be NULL */
};

struct tl_scored {
    uint64_t tokens;                     /* scored: the first of a text never is, nor the first of a window without overlap */
    double nll_sum, nll_squares;         /* natural logarithms; of each token's value the square */
    uint64_t steps;
};

/* Windows begin every `stride` tokens; with overlap a token is scored once, in the first window that reaches it. As many
 * windows as there are sessions run in one step. ret_nll [n_ids], or NULL: NaN where a token is not scored. The sums run
 * in the order of the text, so they depend on neither chunk nor sessions. */
int tl_score(struct tl_engine *engine, const int32_t *ids, uint64_t n_ids, const struct tl_score *how, float *ret_nll,
             struct tl_scored *ret_scored);

#endif
