/* SPDX-License-Identifier: MIT */
/* Candidates and their order: by `order` downwards, ties by id upwards. Nothing here allocates. */
#ifndef TL_TEXT_SAMPLER_SELECT_H
#define TL_TEXT_SAMPLER_SELECT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct tl_candidate {
    double order;
    int32_t id;
    float logit;
};

void tl_sampler_select_sort(struct tl_candidate *candidate, size_t n);
/* A heap whose first is the first in order; pop moves that to candidate[n - 1] and leaves a heap of n - 1. */
void tl_sampler_select_heap(struct tl_candidate *candidate, size_t n);
void tl_sampler_select_pop(struct tl_candidate *candidate, size_t n);

/* All logits that are at least `least` (and not -inf), in order of ids. */
size_t tl_sampler_select_at_least(const float *logits, uint32_t n, float least, struct tl_candidate *candidate);
/* The k largest logits with order = logit, sorted; how many there are (NaN and -inf never are). `candidate` has room for
 * n; one pass over the logits, which mostly compares blocks with a threshold. */
size_t tl_sampler_select_top(const float *logits, uint32_t n, size_t k, struct tl_candidate *candidate);

#endif
