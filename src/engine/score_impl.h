/* SPDX-License-Identifier: MIT */
/* A scoring run: what is done, the windows in work, the step that runs. Private to this room. */
#ifndef TL_ENGINE_SCORE_IMPL_H
#define TL_ENGINE_SCORE_IMPL_H

#include "base/hash.h"
#include "engine/taps.h"
#include "engine/teacher.h"
#include "engine/windows.h"

struct tl_checkpoint;

struct tl_scoring {
    struct tl_engine *engine;
    const struct tl_score *how;
    const int32_t *ids;
    const uint64_t *starts;
    uint64_t n_ids, n_texts;
    float *nll;                          /* [n_ids] */
    bool sweeps;
    uint8_t work[TL_SHA256_BYTES];       /* digest of all that the results depend on */
    struct tl_taps *taps;                /* NULL: no statistics */
    struct tl_teacher *teacher;
    struct tl_checkpoint *checkpoint;

    /* done before the windows in work */
    struct tl_windows cursor;            /* behind them */
    uint64_t windows_done, tokens_done, tokens_total, records_done;

    struct tl_window *window;            /* in work */
    uint32_t *taken;                     /* tokens of each that are computed or in the step */
    struct tl_state **state;
    uint32_t n_windows, max_windows, first_layer;        /* first_layer: of a sweep that a checkpoint goes on with */

    /* the step that runs */
    int32_t *step_ids;
    uint8_t *wanted;
    uint64_t *target;                    /* [tokens] place of the id that follows */
    struct tl_span *span;
    uint32_t n_tokens, n_wanted, n_given;
    const uint32_t *tokens;
    float *rows;
    float *weights;                      /* [threads][vocabulary]; NULL: nobody wants logits besides */
    uint64_t steps, resumed, n_rows;     /* n_rows: handed over */
};

void tl_scoring_warn(const struct tl_scoring *scoring);       /* with this thread's last sentence */

/* checkpoint.c: what is done and, in a sweep, X before a layer. */
int tl_checkpoint_new(struct tl_scoring *scoring);
void tl_checkpoint_free(struct tl_checkpoint *checkpoint);
/* Takes up what the file holds: fills nll, sums, counts, windows in work and first_layer. 0: there is no file; 1: taken up. */
int tl_checkpoint_resume(struct tl_scoring *scoring);
int tl_checkpoint_x(struct tl_scoring *scoring, uint32_t n_tokens, float *x);        /* reads X of the sweep taken up */
bool tl_checkpoint_due(const struct tl_scoring *scoring);
/* x NULL: between sweeps. A failure is a warning: the former checkpoint stays. */
void tl_checkpoint_write(struct tl_scoring *scoring, uint32_t layer, uint32_t n_tokens, const float *x);
void tl_checkpoint_remove(struct tl_scoring *scoring);

#endif
