/* SPDX-License-Identifier: MIT */
/* trill_score: log-likelihoods of a text and what follows from their sums. */
#include "api/score.h"

#include <math.h>

#include "api/api.h"
#include "base/clock.h"

void trill_score_options_init(struct trill_score_options *options, size_t size)
{
    static const struct trill_score_options preset = { .size = sizeof(preset) };
    tl_api_out(options, size, &preset, sizeof(preset));
}

void tl_score_summarise(const struct tl_scored *scored, struct trill_scores *scores)
{
    double n = (double)scored->tokens, mean = scored->tokens ? scored->nll_sum / n : 0;
    double variance = scored->tokens > 1 ? (scored->nll_squares - n * mean * mean) / (n - 1) : 0;
    scores->tokens = scored->tokens;
    scores->steps = scored->steps;
    scores->nll_sum = scored->nll_sum;
    scores->perplexity = exp(mean);
    scores->perplexity_se = scored->tokens > 1 ? exp(mean) * sqrt((variance > 0 ? variance : 0) / n) : 0;
}

uint32_t tl_score_window(const struct tl_engine *engine, uint64_t wanted)
{
    uint32_t context = engine->model ? tl_model_limits(engine->model)->context : 0;
    return wanted ? (uint32_t)wanted : context < TL_SCORE_WINDOW ? context : TL_SCORE_WINDOW;
}

static void watch(void *context, const struct tl_progress *progress)
{
    const struct trill_score_options *options = context;
    options->progress(options->context_pointer, progress->done, progress->total);
}

int trill_score(struct trill_model *model, const int32_t *ids, size_t count, const struct trill_score_options *options, float *ret_nll,
                struct trill_scores *ret_scores, size_t size)
{
    struct trill_score_options known = { .size = sizeof(known) };
    struct trill_scores scores = { .size = sizeof(scores) };
    struct tl_scored scored;
    uint64_t begin = tl_clock_ns();
    tl_api_in(&known, sizeof(known), options);
    uint32_t window = tl_score_window(model->engine, known.window);
    struct tl_progress progress = { .watch = known.progress ? watch : NULL, .context = &known, .cancel = known.cancel };
    struct tl_score how = { .window = window, .stride = known.stride ? known.stride : window, .progress = &progress };
    int status = tl_score(model->engine, ids, count, &how, ret_nll, &scored);
    if (status < 0)
        return status;
    tl_score_summarise(&scored, &scores);
    scores.seconds = tl_clock_seconds(begin);
    tl_api_out(ret_scores, size, &scores, sizeof(scores));
    return 0;
}
