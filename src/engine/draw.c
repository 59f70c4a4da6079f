/* SPDX-License-Identifier: MIT */
/* A draw: likelihoods are the model's own, the guide and the sampler's chain decide. */
#include "engine/draw.h"

/* The likelihoods before anything that sampling changes about them: logit - log(sum of exp). */
void tl_draw_look(const struct tl_draw *draw, float *logits, int32_t id, struct tl_event_logprob *ret_seen)
{
    const struct tl_kernel *kernel = draw->kernel;
    int32_t top[TL_DRAW_TOP];
    size_t n_top = tl_sampler_top(draw->sampler, logits, draw->top_logprobs, top);
    for (uint32_t k = 0; k <= draw->top_logprobs; k++) {
        int32_t of = k == 0 ? id : k <= n_top ? top[k - 1] : 0;
        ret_seen[k] = (struct tl_event_logprob){of, logits[of]};
    }
    float most = kernel->max(logits, draw->vocab);
    kernel->exp(logits, most, draw->vocab, logits);
    float log_sum = tl_log(kernel->sum(logits, draw->vocab));
    for (uint32_t k = 0; k <= draw->top_logprobs; k++)
        ret_seen[k].logprob -= most + log_sum;
}

int tl_draw_id(const struct tl_draw *draw, float *logits, const int32_t *history, uint32_t n_history, uint32_t left, int32_t *ret_id,
               struct tl_event_logprob *ret_seen)
{
    struct tl_guide *guide = draw->guide;
    int bounded = guide ? guide->allow(guide, left, draw->allowed) : 0;
    if (bounded < 0)
        return bounded;
    int32_t id = tl_sampler_draw(draw->sampler, draw->sampling, logits, bounded ? draw->allowed : NULL, history, n_history, draw->choice,
                                 n_history);
    if (draw->logprobs)
        tl_draw_look(draw, logits, id, ret_seen);
    *ret_id = id;
    if (!draw->ignore_end && tl_tokenizer_ends(draw->tokenizer, id))
        return TL_DRAWN_ENDS;
    int follows = guide ? guide->take(guide, id) : 1;
    return follows < 0 ? follows : follows ? TL_DRAWN_GOES_ON : TL_DRAWN_LAST;
}
