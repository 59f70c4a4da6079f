/* SPDX-License-Identifier: MIT */
/* Drawing an id from a row of logits: likelihoods noted, the guide asked, the sampler's chain run, the guide told. The one
 * place where ids are drawn; any thread, one at a time for a sequence. */
#ifndef TL_ENGINE_DRAW_H
#define TL_ENGINE_DRAW_H

#include "kernel/kernel.h"
#include "text/guide.h"
#include "text/sampler.h"
#include "text/tokenizer.h"
#include "wire/event.h"

enum { TL_DRAW_TOP = 20 };

/* Of one sequence. */
struct tl_draw {
    const struct tl_kernel *kernel;
    const struct tl_tokenizer *tokenizer;
    struct tl_sampler *sampler;
    const struct tl_sampling *sampling;
    uint64_t choice;
    struct tl_guide *guide;              /* NULL: none */
    uint64_t *allowed;                   /* [(vocab + 63) / 64] room for what it allows; NULL without one */
    uint32_t vocab;
    bool ignore_end;
    bool logprobs;
    uint32_t top_logprobs;
};

enum tl_drawn {
    TL_DRAWN_ENDS,                       /* an end of generation: no id of the answer */
    TL_DRAWN_LAST,                       /* the guide lets nothing follow it */
    TL_DRAWN_GOES_ON,
};

/* The id behind `history`. left: tokens that may still come, this one included. Overwrites the logits. ret_seen
 * [1 + top_logprobs], NULL without logprobs: likelihoods of the id and of the likeliest. enum tl_drawn, < 0: the guide failed. */
int tl_draw_id(const struct tl_draw *draw, float *logits, const int32_t *history, uint32_t n_history, uint32_t left, int32_t *ret_id,
               struct tl_event_logprob *ret_seen);
/* Likelihoods alone, of an id that is known. Overwrites the logits. */
void tl_draw_look(const struct tl_draw *draw, float *logits, int32_t id, struct tl_event_logprob *ret_seen);

#endif
