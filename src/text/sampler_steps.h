/* SPDX-License-Identifier: MIT */
/* The steps of samplers.def, and what they work on. */
#ifndef TL_TEXT_SAMPLER_STEPS_H
#define TL_TEXT_SAMPLER_STEPS_H

#include "text/sampler.h"
#include "text/sampler_select.h"

struct tl_sampler {
    uint32_t n_vocab;
    const float *logits;                 /* what the steps see: the caller's, or `changed` */
    float *changed;                      /* [n_vocab] */
    uint32_t *count;                     /* [n_vocab], zero between draws */
    const int32_t *history;              /* what penalties look back on */
    size_t n_history;

    bool all;                            /* every id with a logit is a candidate still; the list below is not filled */
    bool sorted;                         /* the list is, likeliest first; else it is in order of ids */
    struct tl_candidate *candidate;      /* [n_vocab] */
    size_t n;                            /* candidates in the list */
    float largest;                       /* logit of all ids, while `all` */
    double temperature;                  /* what weights of the draw are computed with */
};

/* The largest logit that is a number; -INFINITY: there is none. */
float tl_sampler_steps_largest(const float *logits, uint32_t n);
/* exp((logit - largest) / temperature): 1 for the largest, also when that is infinite. */
double tl_sampler_steps_weight(float logit, float largest, double temperature);

#define SAMPLER(name, active, meaning) void tl_sampler_steps_##name(struct tl_sampler *sampler, const struct tl_sampling *s);
#include "text/samplers.def"
#undef SAMPLER

#endif
