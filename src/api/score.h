/* SPDX-License-Identifier: MIT */
/* What trill_score and the job "score" share. Private to this room. */
#ifndef TL_API_SCORE_H
#define TL_API_SCORE_H

#include "engine/score.h"
#include "trill.h"

enum { TL_SCORE_WINDOW = 2048 };

uint32_t tl_score_window(const struct tl_engine *engine, uint64_t wanted);        /* 0: the usual, or the context where that is less */
/* The standard error is that of the mean, carried through the exponential to first order. Seconds are left alone. */
void tl_score_summarise(const struct tl_scored *scored, struct trill_scores *scores);

#endif
