/* SPDX-License-Identifier: MIT */
/* Scoring texts: the log-likelihood of each token, given those before it in its window, and on request what else a pass
 * over all layers can tell. On an engine laid out for scoring (score_tokens) many windows pass together through one layer
 * after the other, so that a weight is read once a sweep; on any other, as many windows at a time as there are sessions.
 * Files are documented in docs/score-files.md. */
#ifndef TL_ENGINE_SCORE_H
#define TL_ENGINE_SCORE_H

#include "base/progress.h"
#include "engine/engine.h"

enum { TL_TAP_ROUTER = 1, TL_TAP_EXPERTS = 2, TL_TAP_MOMENTS = 4 };

/* A row of logits that scores a token: what follows ids[target - 1]. weights: exp(logit - most); the callee's to change. */
struct tl_score_row { uint64_t target; const float *logits; float *weights; float most, nll; };

enum { TL_SCORE_ROWS = 128 };            /* that come together, at most */

struct tl_score {
    uint32_t window, stride;             /* tokens; stride at most window */
    const uint64_t *starts;              /* [n_texts + 1] where texts begin in the ids, then their number; NULL: one text */
    uint64_t n_texts;
    /* Files, each may be NULL. All of them need an engine laid out for scoring, and its taps for the statistics. */
    const char *teacher, *router, *experts, *moments, *checkpoint;
    uint32_t draws;                      /* ids that the teacher draws a token */
    uint64_t seed;
    double checkpoint_seconds;           /* between checkpoints, at least */
    struct tl_progress *progress;        /* may be NULL; its flag stops the work */
    void (*warn)(void *context, const char *text);        /* what went wrong and did not matter; may be NULL */
    /* Whoever wants the rows themselves: `row` of each of those that come together, from any thread; then `rows`, how many they
     * were, from the caller's. In the order of the text. Both or neither; in sweeps. With a checkpoint `keep` too: `resume`, once
     * before the first row, so many were handed over before and the next one goes behind them; else so many must outlast a crash. */
    void (*row)(void *context, uint32_t index, const struct tl_score_row *row);
    int (*rows)(void *context, uint32_t n_rows);
    int (*keep)(void *context, uint64_t n_rows, bool resume);
    void *context;
};

struct tl_scored {
    uint64_t tokens;                     /* scored */
    double nll_sum, nll_squares;         /* natural logarithms; of each token's value the square */
    uint64_t steps;                      /* forward steps, sweeps among them, of this run */
    uint64_t computed, resumed;          /* tokens of all windows; of these found in a checkpoint */
};

/* ret_nll [n_ids], or NULL: NaN where a token is not scored. The sums run in the order of the text, so they depend on
 * neither chunk nor sessions. A run that ends early leaves its checkpoint; one that ends well removes it. */
int tl_score(struct tl_engine *engine, const int32_t *ids, uint64_t n_ids, const struct tl_score *how, float *ret_nll,
             struct tl_scored *ret_scored);

#endif
