/* SPDX-License-Identifier: MIT */
/* The windows that a student learns from, cut into what a teacher is asked: a text for each run of tokens that see each other,
 * so that both have the very same tokens before them. A run's text ends with the token that follows it, and begins with
 * BOS where the teacher wants one and the run has none. Every id keeps its place in the corpus, by which draws are found. */
#ifndef TL_COMPRESS_DISTILL_TEXTS_H
#define TL_COMPRESS_DISTILL_TEXTS_H

#include <stdbool.h>
#include <stdint.h>

#define TL_DISTILL_NOWHERE UINT64_MAX

struct tl_distill_texts {
    int32_t *ids;
    uint64_t *where;                     /* [n_ids] place in the corpus; of what was added, TL_DISTILL_NOWHERE */
    bool *learnt;                        /* [n_ids] is the id predicted in the window? */
    uint64_t *starts;                    /* [n_texts + 1] */
    uint64_t n_ids, n_texts, cap_ids, cap_where, cap_learnt, cap_starts;
    uint32_t longest;                    /* ids of a text: the window to score with */
};

/* One window as train/data.h has it: first [n]: where in it the token's run begins; next [n]: -1 where nothing is learnt; a run
 * in which nothing is learnt is left out. bos -1: none is wanted. */
int tl_distill_texts_add(struct tl_distill_texts *texts, const int32_t *ids, const uint32_t *first, const int32_t *next,
                         const uint64_t *where, uint32_t n, int32_t bos);
void tl_distill_texts_done(struct tl_distill_texts *texts);

#endif
