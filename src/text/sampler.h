/* SPDX-License-Identifier: MIT */
/* Samplers: logits -> one id. A row of samplers.def is one step of the chain, applied in the order of the rows.
 * Random numbers are a function of (seed, choice, position) alone. Ties go to the lower id. */
#ifndef TL_TEXT_SAMPLER_H
#define TL_TEXT_SAMPLER_H

#include <stddef.h>
#include <stdint.h>

struct tl_logit_bias { int32_t id; float bias; };

struct tl_sampling {
    float temperature;                   /* 0: greedy */
    uint32_t top_k;                      /* 0: off */
    float top_p, min_p, typical_p;       /* 1, 0, 1: off */
    float repeat_penalty;                /* 1: off; over the last repeat_last tokens */
    float presence_penalty, frequency_penalty;       /* 0: off */
    uint32_t repeat_last;                /* tokens looked back on; 0: none */
    uint64_t seed;
    const struct tl_logit_bias *bias;    /* borrowed */
    size_t n_bias;
};

void tl_sampling_default(struct tl_sampling *ret_sampling);           /* temperature 0.8, top_k 40, top_p 0.95, min_p 0.05 ... as llama.cpp's users know */
int tl_sampling_check(const struct tl_sampling *sampling);            /* TL_E_USAGE: which value is out of range */

struct tl_sampler;
int tl_sampler_new(uint32_t n_vocab, struct tl_sampler **ret_sampler);        /* owns its scratch: sampling allocates nothing */
void tl_sampler_free(struct tl_sampler *sampler);
uint64_t tl_sampler_bytes(uint32_t n_vocab);

/* `logits` [n_vocab] is not changed. allowed [(n_vocab + 63) / 64]: bits of the ids that may be drawn, at least one; NULL: all. `history` are the ids so far (prompt and answer), the newest last; `position` is the
 * place of the id to be drawn, `choice` the number of the answer (n > 1). Returns the id; never fails: NaN counts as -inf. */
int32_t tl_sampler_draw(struct tl_sampler *sampler, const struct tl_sampling *sampling, const float *logits, const uint64_t *allowed,
                        const int32_t *history, size_t n_history, uint64_t choice, uint64_t position);

/* The k likeliest ids, likeliest first; how many there are (k at most). */
size_t tl_sampler_top(struct tl_sampler *sampler, const float *logits, size_t k, int32_t *ret_ids);

/* Uniform in [0, 1) with 53 bits, from Philox4x32-10 (Salmon et al. 2011). */
double tl_random_uniform(uint64_t seed, uint64_t choice, uint64_t position, uint32_t draw);

#endif
