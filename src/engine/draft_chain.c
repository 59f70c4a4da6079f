/* SPDX-License-Identifier: MIT */
/* Steps of one sequence on a model that drafts, on the pool of the engine that it drafts for. */
#include "engine/draft_chain.h"

#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "engine/engine.h"

void tl_draft_chain_done(struct tl_draft_chain *chain)
{
    tl_state_free(chain->state);
    tl_sampler_free(chain->sampler);
    tl_free(chain->said);
    *chain = (struct tl_draft_chain){0};
}

int tl_draft_chain_init(struct tl_draft_chain *chain, struct tl_engine *engine, struct tl_model *model)
{
    const struct tl_geometry *g = tl_model_geometry(model);
    *chain = (struct tl_draft_chain){.engine = engine, .model = model};
    int status = tl_state_new(tl_model_cache(model), &chain->state);
    if (status >= 0)
        status = tl_sampler_new(g->vocab, &chain->sampler);
    if (status >= 0 && g->ahead && !(chain->said = tl_alloc(g->width, sizeof(*chain->said))))
        status = TL_E_NOMEM;
    if (status < 0)
        tl_draft_chain_done(chain);
    return status;
}

void tl_draft_chain_begin(struct tl_draft_chain *chain, uint32_t place)
{
    tl_state_truncate(chain->state, 0);
    chain->base = place;
}

void tl_draft_chain_forget(struct tl_draft_chain *chain, uint32_t place)
{
    if (place < chain->base)
        tl_draft_chain_begin(chain, place);
    else
        tl_state_truncate(chain->state, place - chain->base);
}

static int draw(void *context, const uint32_t *tokens, uint32_t n_rows, float *rows)
{
    struct tl_draft_chain *chain = context;
    const struct tl_draft_place *place = chain->place;
    (void)tokens;
    (void)n_rows;
    chain->drawn = tl_sampler_draw(chain->sampler, place->sampling, rows, NULL, place->ids, chain->n_history, place->choice, chain->n_history);
    return 0;
}

/* What enters the head. */
static void hear(void *context, const struct tl_seen *seen)
{
    struct tl_draft_chain *chain = context;
    if (seen->op->out == TL_S_LOGITS)
        memcpy(chain->said, seen->in, seen->in_width * sizeof(float));
}

static int step(struct tl_draft_chain *chain, const int32_t *ids, const float *hidden, uint32_t n, bool draws)
{
    uint8_t wanted[TL_DRAFT_STEP] = {0};
    struct tl_span span = {chain->state, n};
    struct tl_tap tap = {.context = chain, .kinds = 1u << TL_OP_LINEAR, .seen = hear};
    struct tl_batch batch = {.ids = ids, .spans = &span, .n_spans = 1, .wanted = wanted, .logits = draw, .context = chain,
                             .tap = chain->said && draws ? &tap : NULL, .hidden = hidden};
    wanted[n - 1] = draws;
    return tl_model_forward(chain->model, chain->engine->pool, chain->engine->kernel, &batch);
}

int tl_draft_chain_follow(struct tl_draft_chain *chain, const int32_t *ids, const float *hidden, uint32_t n, bool draws)
{
    uint64_t width = tl_model_geometry(chain->model)->width;
    uint32_t chunk = tl_model_limits(chain->model)->chunk, most = chunk < TL_DRAFT_STEP ? chunk : TL_DRAFT_STEP;
    int status = 0;
    for (uint32_t i = 0; i < n && status >= 0; i += most) {
        uint32_t some = n - i < most ? n - i : most;
        status = step(chain, ids + i, hidden ? hidden + i * width : NULL, some, draws && i + some == n);
    }
    return status;
}
