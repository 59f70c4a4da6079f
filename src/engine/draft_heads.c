/* SPDX-License-Identifier: MIT */
/* The layer of the model itself that predicts a further token. What the model says of each token is kept until the layer
 * has followed it; behind the last one it goes on with what it said itself. Where it was not asked for long it follows
 * from the latest tokens alone. */
#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "engine/draft_chain.h"
#include "engine/engine.h"

enum { KEPT = 64 };                      /* tokens that it may be behind */

struct shared { struct tl_engine *engine; float *norm; uint32_t width; };

struct own {
    struct shared *shared;
    struct tl_draft_chain chain;
    float *kept;                         /* [KEPT][width]: what the model's last norm says of the tokens before `end` */
    uint32_t first, end;                 /* places of the tokens kept */
    bool fresh;
};

static uint64_t bytes(const struct tl_model *model, const struct tl_model_limits *limits)
{
    const struct tl_geometry *g = tl_model_geometry(model);
    uint64_t own = tl_sampler_bytes(g->vocab) + (KEPT + 1ull) * g->width * sizeof(float) + limits->context / TL_PAGE_TOKENS * sizeof(void *);
    return limits->sessions * own + (uint64_t)limits->chunk * g->width * sizeof(float);
}

static void close_shared(void *context)
{
    struct shared *shared = context;
    if (shared)
        tl_free(shared->norm);
    tl_free(shared);
}

/* The weights of the model's last norm. */
static int read_norm(struct shared *shared)
{
    const struct tl_model *model = shared->engine->model;
    const struct tl_program *program = tl_model_program(model);
    for (uint32_t i = program->n_ops; i > 0; i--)
        if (program->ops[i - 1].role == TL_R_OUT_NORM && program->ops[i - 1].kind == TL_OP_NORM)
            return tl_store_values(tl_model_store(model), program->ops[i - 1].weight, 0, shared->norm);
    return tl_fail(TL_E_FAIL, "the model has no last norm");
}

static int open_shared(struct tl_drafts *drafts, void **ret_shared)
{
    struct tl_engine *engine = drafts->engine;
    if (!tl_model_ahead(engine->model))
        return tl_fail(TL_E_USAGE, "%s brings no layer that predicts further tokens", tl_model_path(engine->model));
    if (tl_store_passing_bytes(tl_model_store(engine->model)))
        return tl_fail(TL_E_USAGE, "weights of all layers are streamed, in an order that leaves no room for another one");
    struct shared *shared = tl_alloc(1, sizeof(*shared));
    if (!shared)
        return TL_E_NOMEM;
    shared->engine = engine;
    shared->width = tl_model_geometry(engine->model)->width;
    shared->norm = tl_alloc(shared->width, sizeof(float));
    drafts->hidden = tl_alloc(tl_model_limits(engine->model)->chunk, shared->width * sizeof(float));
    int status = shared->norm && drafts->hidden ? read_norm(shared) : TL_E_NOMEM;
    if (status >= 0) {
        *ret_shared = shared;
        return 0;
    }
    close_shared(shared);
    tl_free(drafts->hidden);
    drafts->hidden = NULL;
    return status;
}

static void stop(void *context)
{
    struct own *own = context;
    tl_draft_chain_done(&own->chain);
    tl_free(own->kept);
    tl_free(own);
}

static int start(struct tl_drafts *drafts, void *shared, void **ret_own)
{
    struct own *own = tl_alloc(1, sizeof(*own));
    if (!own)
        return TL_E_NOMEM;
    own->shared = shared;
    own->fresh = true;
    own->kept = tl_alloc(KEPT, own->shared->width * sizeof(float));
    int status = own->kept ? tl_draft_chain_init(&own->chain, drafts->engine, tl_model_ahead(drafts->engine->model)) : TL_E_NOMEM;
    if (status < 0)
        stop(own);
    else
        *ret_own = own;
    return status;
}

static void begin(void *context) { ((struct own *)context)->fresh = true; }

/* Makes room for n tokens more; only the latest are kept. */
static void make_room(struct own *own, uint32_t n)
{
    uint32_t held = own->end - own->first, gone = held + n > KEPT ? held + n - KEPT : 0;
    gone = gone < held ? gone : held;
    memmove(own->kept, own->kept + (uint64_t)gone * own->shared->width, (uint64_t)(held - gone) * own->shared->width * sizeof(float));
    own->first += gone;
}

/* Of the tokens that the step computed those that stand. */
static void follow(void *context, const struct tl_draft_place *place)
{
    struct own *own = context;
    uint64_t width = own->shared->width;
    uint32_t from = place->hidden_at, to = from + place->n_hidden < place->n_ids - 1 ? from + place->n_hidden : place->n_ids - 1;
    uint32_t least = to - from > KEPT ? to - KEPT : from;
    if (own->fresh || own->end < least || own->end > to)
        own->first = own->end = least;
    if (own->fresh)
        tl_draft_chain_begin(&own->chain, own->first);
    own->fresh = false;
    make_room(own, to - own->end);
    for (; own->end < to; own->end++)
        own->shared->engine->kernel->rms_norm(place->hidden + (own->end - from) * width, own->shared->norm, width,
                                              tl_model_geometry(own->shared->engine->model)->epsilon,
                                              own->kept + (own->end - own->first) * width);
}

static uint32_t look(void *context, const struct tl_draft_place *place, uint32_t room, uint32_t *ret_class)
{
    const struct own *own = context;
    *ret_class = 0;
    return own->end == place->n_ids - 1 && own->end > own->first ? room : 0;
}

/* The token of a place goes in with the id behind it. */
static int give(void *context, const struct tl_draft_place *place, uint32_t n_ids, int32_t *ret_ids)
{
    struct own *own = context;
    struct tl_draft_chain *chain = &own->chain;
    uint64_t width = own->shared->width;
    uint32_t at = tl_draft_chain_end(chain), context_tokens = tl_model_limits(chain->model)->context;
    if (at < own->first || at > own->end || own->end + n_ids - chain->base > context_tokens)
        tl_draft_chain_begin(chain, at = own->first);
    bool behind = own->end - at > TL_DRAFT_MOST + 1;         /* then this time it only follows */
    chain->place = place;
    chain->n_history = place->n_ids;
    int status = tl_draft_chain_follow(chain, place->ids + at + 1, own->kept + (at - own->first) * width, own->end - at - behind, !behind);
    uint32_t n = 0;
    for (; status >= 0 && !behind && n < n_ids; n++) {
        ret_ids[n] = chain->drawn;
        chain->n_history = place->n_ids + n + 1;
        if (n + 1 < n_ids)
            status = tl_draft_chain_follow(chain, ret_ids + n, chain->said, 1, true);
    }
    if (!behind)
        tl_draft_chain_forget(chain, own->end);
    return status < 0 ? status : (int)n;
}

const struct tl_draft_kind tl_draft_heads = {
    .prior = {0.6f}, .bytes = bytes, .open = open_shared, .close = close_shared, .start = start, .stop = stop, .begin = begin,
    .follow = follow, .look = look, .give = give,
};
