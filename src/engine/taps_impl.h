/* SPDX-License-Identifier: MIT */
/* What statistics are made of. Private to this room. */
#ifndef TL_ENGINE_TAPS_IMPL_H
#define TL_ENGINE_TAPS_IMPL_H

#include "engine/taps.h"

#define TL_NO_MOMENT UINT32_MAX

/* sums [count][channels] of squares, tokens [count]; count: heads or experts, else 1. */
struct tl_moment { const struct tl_op *op; uint32_t count, channels; double *sums; uint64_t *tokens; };

struct tl_taps {
    struct tl_engine *engine;
    const struct tl_geometry *geometry;
    const struct tl_program *program;
    unsigned kinds;                      /* TL_TAP_... */
    struct tl_arena sums;
    uint64_t *chosen, *answers;          /* [layers][experts]: times chosen; outputs seen */
    double *weight, *norm, *weighted;    /* beside them: sums of the weight; of the norm; of their product */
    uint64_t *tokens;                    /* [1] counted */
    struct tl_moment *moments;
    uint32_t *moment_of;                 /* [ops]; of EXPERTS: that of down */
    uint32_t n_moments;
    /* the step and the observation that run now */
    const uint8_t *counted;
    const struct tl_seen *seen;
    double *row_norm;                    /* [rows] */
};

#endif
